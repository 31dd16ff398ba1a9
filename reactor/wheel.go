package reactor

// wheel is a timing wheel: a ring of slots, one per tick, each a list of the connections whose
// timer is due then. Its timers are lazy: moving one to a later time costs nothing, it is only
// looked at when its slot comes up, and then put where it belongs. One timer per connection serves
// all its timeouts, so that a million connections cost twelve bytes each and no goroutine.
//
// It belongs to one loop. Times are in ticks and wrap around.
type wheel struct {
	now   uint32
	conns []*Conn          // of the loop; each knows its index
	slots [wheelSlots]link // each the first of a list
}

const wheelSlots = 1 << 10

// link says which connection comes next: its index plus one, 0 for none. Half as large as a pointer, and
// the garbage collector need not follow it.
type link uint32

// timer is a connection's place in the wheel of its loop. The zero value is not scheduled.
type timer struct {
	at         uint32
	next, prev link // prev is atSlot in the first of a list
}

const atSlot = ^link(0)

func (t *timer) scheduled() bool { return t.prev != 0 }

// add takes a new connection in.
func (w *wheel) add(c *Conn) {
	c.index = int32(len(w.conns))
	w.conns = append(w.conns, c)
}

// drop forgets a connection. The last one takes its index.
func (w *wheel) drop(c *Conn) {
	w.remove(c)
	last := len(w.conns) - 1
	moved := w.conns[last]
	w.conns[c.index] = moved
	moved.index = c.index
	w.conns[last] = nil
	w.conns = w.conns[:last]
	if t := &moved.timer; t.scheduled() {
		w.join(t, link(c.index)+1)
	}
}

// schedule makes c's timer expire at the tick at, or leaves it where it is when that is sooner.
// What is further away than the ring is long expires early, once a round.
func (w *wheel) schedule(c *Conn, at uint32) {
	t := &c.timer
	if t.scheduled() {
		if int32(at-t.at) >= 0 {
			return
		}
		w.remove(c)
	}
	delta := min(max(int32(at-w.now), 1), wheelSlots-1)
	t.at = w.now + uint32(delta)
	t.next, t.prev = *w.slot(t), atSlot
	w.join(t, link(c.index)+1)
}

// remove takes c's timer out of the wheel, if it is in it.
func (w *wheel) remove(c *Conn) {
	t := &c.timer
	if !t.scheduled() {
		return
	}
	*w.before(t) = t.next
	if t.next != 0 {
		w.timer(t.next).prev = t.prev
	}
	*t = timer{}
}

// join makes the neighbours of the timer t, whose connection has the link l, point to it.
func (w *wheel) join(t *timer, l link) {
	*w.before(t) = l
	if t.next != 0 {
		w.timer(t.next).prev = l
	}
}

// before returns what points to t: the slot, or the timer before it.
func (w *wheel) before(t *timer) *link {
	if t.prev == atSlot {
		return w.slot(t)
	}
	return &w.timer(t.prev).next
}

// slot returns the beginning of the list that t belongs in.
func (w *wheel) slot(t *timer) *link { return &w.slots[t.at%wheelSlots] }

func (w *wheel) timer(l link) *timer { return &w.conns[l-1].timer }

// advance moves the wheel on to the tick now and calls expire for each connection whose timer comes
// up, at most budget of them; it reports whether it got through. The timers are no longer scheduled
// then; expire schedules them anew.
func (w *wheel) advance(now uint32, budget int, expire func(*Conn)) bool {
	for {
		for l := &w.slots[w.now%wheelSlots]; *l != 0; {
			if budget == 0 {
				return false
			}
			budget--
			c := w.conns[*l-1]
			w.remove(c)
			expire(c)
		}
		if w.now == now {
			return true
		}
		w.now++
	}
}
