package reactor

import (
	"sync"
	"sync/atomic"

	"example.org/weir/codec"
)

// Workers is a Handler that calls another one off the event loop, on goroutines of its own, so that it
// may block: for a database, a file, another service. The calls for a connection keep their order and
// never overlap, as on the loop; those of different connections run side by side. Goroutines exist only
// as long as there are calls to make: an idle connection costs none, and nothing has to be closed. One
// Workers may serve several servers and clients. Its fields must not be changed once it does.
//
//	srv := &reactor.Server{Handler: &reactor.Workers{Handler: h}}
//
// Reading goes on meanwhile, so what is to be bounded is the queue: see MaxQueue. What else is different:
//
//   - Messages that wait when the client closes the connection, or loses it, are still handed over before
//     OnClose, but can no longer be answered. Once this side has closed it they are dropped, be it with
//     Close, for an error of the client, or for a panic. Server.Shutdown comes behind what waits: those
//     messages are handled and answered, and then the client gets 1001.
//   - Shutdown waits until OnClose has returned for every connection, but not longer than its context
//     lasts, and so does Conns count them.
//   - Client.Dial does not wait for OnOpen.
//   - Conn.Do and the hooks OnPong and OnDrain run on the event loop as ever, beside the Handler.
type Workers struct {
	// Handler is called. It is required. A panic closes the connection with 1011 and is logged.
	Handler Handler
	// Count is how many calls may run at a time. Default 64.
	Count int
	// MaxQueue is how many bytes of messages may wait for the Handler in a connection, what it is at work
	// on included, and 64 bytes for each message besides. One message is always accepted while none
	// waits. Default 256 KiB; negative: no limit.
	MaxQueue int
	// MaxQueueAll is the same of all connections together. Default 64 MiB; negative: no limit.
	MaxQueueAll int
	// Drop drops a message for which there is no room and counts it, instead of closing its connection
	// with 1013.
	Drop bool

	mu      sync.Mutex
	boxes   map[*Conn]*mailbox // of the connections that have something waiting or at work
	ready   mailboxes          // those of them that wait for a goroutine
	running int                // goroutines
	run     func()             // is work: made once, since each go statement would make it anew
	queued  int                // bytes
	dropped atomic.Int64
}

const (
	defaultWorkers     = 64
	defaultMaxQueue    = 256 << 10
	defaultMaxQueueAll = 64 << 20
	jobCost            = 64 // bytes that a message takes besides its payload
)

var errTooFast = &codec.CloseError{Code: codec.CloseTryAgainLater, Reason: "messages come faster than they are handled"}

// Dropped returns the number of messages that Drop has dropped.
func (w *Workers) Dropped() int64 { return w.dropped.Load() }

// Queued returns the number of bytes that wait for the Handler or are being handled, as MaxQueueAll
// counts them.
func (w *Workers) Queued() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.queued
}

// OnOpen has Handler.OnOpen called.
func (w *Workers) OnOpen(c *Conn) { w.post(c, job{do: doOpen}) }

// OnMessage has Handler.OnMessage called with a copy of m, which is valid until that returns.
func (w *Workers) OnMessage(c *Conn, m codec.Message) {
	cost := jobCost + len(m.Payload)
	if !w.reserve(c, cost) {
		w.overflow(c)
		return
	}
	b := getBuffer()
	b.B = append(b.B, m.Payload...)
	w.post(c, job{do: doMessage, op: m.Opcode, payload: b, cost: cost})
}

// OnClose has Handler.OnClose called after all else. The connection counts until that has returned, so that
// Shutdown waits for it.
func (w *Workers) OnClose(c *Conn, err error) {
	c.loop.engine.core.conns.Add(1)
	w.post(c, job{do: doClose, err: err, ended: c.takeEnded()})
}

// goAway is goAway behind what waits.
func (w *Workers) goAway(c *Conn) { w.post(c, job{do: doGoAway}) }

// reserve counts a message in, if there is room for it. Only the loop of c asks on behalf of c.
func (w *Workers) reserve(c *Conn, cost int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	box := w.box(c)
	if box.bytes > 0 && cost > limit(w.MaxQueue, defaultMaxQueue)-box.bytes ||
		w.queued > 0 && cost > limit(w.MaxQueueAll, defaultMaxQueueAll)-w.queued {
		w.forget(box)
		return false
	}
	box.bytes += cost
	w.queued += cost
	return true
}

// overflow does what is to be done with a message for which there is no room.
func (w *Workers) overflow(c *Conn) {
	if w.Drop {
		w.dropped.Add(1)
		return
	}
	c.fail(errTooFast)
}

// post leaves a call to be made.
func (w *Workers) post(c *Conn, j job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	box := w.box(c)
	box.put(j)
	if !box.busy {
		box.busy = true
		w.ready.put(box)
		if w.running < w.count() {
			w.running++
			if w.run == nil {
				w.run = w.work
			}
			go w.run()
		}
	}
}

func (w *Workers) count() int {
	if w.Count > 0 {
		return w.Count
	}
	return defaultWorkers
}

// work makes calls until there are none left: one for a connection at a time, so that one with many
// messages does not keep others waiting.
func (w *Workers) work() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for box := w.ready.take(); box != nil; box = w.ready.take() {
		j := box.take()
		w.mu.Unlock()
		w.call(box.conn, &j)
		w.mu.Lock()
		box.bytes -= j.cost
		w.queued -= j.cost
		if box.empty() {
			box.busy = false
			w.forget(box)
		} else {
			w.ready.put(box)
		}
	}
	w.running--
}

// call makes a call.
func (w *Workers) call(c *Conn, j *job) {
	defer func() {
		if r := recover(); r != nil {
			c.logPanic(r)
			c.tell(errInternal)
			_ = c.Do((*Conn).finished)
		}
		if j.do == doClose {
			tellEnded(j.ended, j.err)
			c.loop.engine.core.lost()
		}
	}()
	switch j.do {
	case doOpen:
		w.Handler.OnOpen(c)
	case doMessage:
		defer j.release()
		if c.hears() {
			w.Handler.OnMessage(c, codec.Message{Opcode: j.op, Payload: j.payload.B})
		}
	case doGoAway:
		c.sayGoodbye()
	case doClose:
		w.Handler.OnClose(c, j.err)
	}
}

// The methods from here on are called with w.mu held.

// box returns the mailbox of c, made if need be.
func (w *Workers) box(c *Conn) *mailbox {
	box := w.boxes[c]
	if box == nil {
		if w.boxes == nil {
			w.boxes = make(map[*Conn]*mailbox)
		}
		box = mailboxPool.Get().(*mailbox)
		box.conn = c
		w.boxes[c] = box
	}
	return box
}

// forget gives a mailbox back in which nothing waits, not even the copy of a message that is being made.
func (w *Workers) forget(box *mailbox) {
	if box.bytes == 0 && !box.busy {
		delete(w.boxes, box.conn)
		box.conn = nil
		mailboxPool.Put(box)
	}
}
