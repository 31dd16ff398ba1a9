package topic

// queueLen is how many messages may wait for a member, as in the chat example of gorilla/websocket.
const queueLen = 256

// Queue sends what is put into it in order, from a goroutine of its own.
type Queue[T any] struct {
	waiting chan T
	ended   chan struct{}
}

// NewQueue starts a queue. It ends with Close, or when send fails; fail is called in that case.
func NewQueue[T any](send func(T) error, fail func()) *Queue[T] {
	q := &Queue[T]{waiting: make(chan T, queueLen), ended: make(chan struct{})}
	go func() {
		for {
			select {
			case x := <-q.waiting:
				if send(x) != nil {
					fail()
					return
				}
			case <-q.ended:
				return
			}
		}
	}()
	return q
}

// Put appends x and reports whether there was room. It never blocks.
func (q *Queue[T]) Put(x T) bool {
	select {
	case q.waiting <- x:
		return true
	default:
		return false
	}
}

// Close ends the queue; what still waits is not sent. It must be called once, at most.
func (q *Queue[T]) Close() { close(q.ended) }
