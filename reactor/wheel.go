package reactor

// wheel is a timing wheel: a ring of slots, one per tick, each a list of the connections whose
// timer is due then. Its timers are lazy: moving one to a later time costs nothing, it is only
// looked at when its slot comes up, and then put where it belongs. One timer per connection serves
// all its timeouts, so that a million connections cost two pointers each and no goroutine.
//
// It belongs to one loop. Times are in ticks and wrap around.
type wheel struct {
	now   uint32
	slots [wheelSlots]*Conn // each the first of a list
}

const wheelSlots = 1 << 10

// timer is a connection's place in the wheel of its loop. The zero value is not scheduled.
type timer struct {
	next, prev *Conn
	at         uint32
	slot       uint16
	scheduled  bool
}

// schedule makes c's timer expire at the tick at, or leaves it where it is when that is sooner.
// What is further away than the ring is long expires early, once a round.
func (w *wheel) schedule(c *Conn, at uint32) {
	t := &c.timer
	if t.scheduled {
		if int32(at-t.at) >= 0 {
			return
		}
		w.remove(c)
	}
	delta := min(max(int32(at-w.now), 1), wheelSlots-1)
	t.at = w.now + uint32(delta)
	t.slot = uint16(t.at % wheelSlots)
	t.scheduled = true
	first := w.slots[t.slot]
	t.next, t.prev = first, nil
	if first != nil {
		first.timer.prev = c
	}
	w.slots[t.slot] = c
}

// remove takes c's timer out of the wheel, if it is in it.
func (w *wheel) remove(c *Conn) {
	t := &c.timer
	if !t.scheduled {
		return
	}
	if t.prev != nil {
		t.prev.timer.next = t.next
	} else {
		w.slots[t.slot] = t.next
	}
	if t.next != nil {
		t.next.timer.prev = t.prev
	}
	*t = timer{}
}

// advance moves the wheel on to the tick now and calls expire for each connection whose timer comes
// up, at most budget of them; it reports whether it got through. The timers are no longer scheduled
// then; expire schedules them anew.
func (w *wheel) advance(now uint32, budget int, expire func(*Conn)) bool {
	for {
		for c := w.slots[w.now%wheelSlots]; c != nil; c = w.slots[w.now%wheelSlots] {
			if budget == 0 {
				return false
			}
			budget--
			w.remove(c)
			expire(c)
		}
		if w.now == now {
			return true
		}
		w.now++
	}
}
