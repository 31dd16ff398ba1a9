package bench

// flight is a message that has been sent and has not come back.
type flight struct {
	intended int64 // when it was meant to be sent
	sent     int64 // when it was; cameBack once the answer is there
	measured bool  // it belongs to the measured time
}

// cameBack marks a flight that is over while an older one is not.
const cameBack = -1

// flights are the messages of one connection that are under way, by their numbers. A message's
// number is how many were sent before it.
type flights struct {
	ring       []flight // its length is a power of two
	head, tail uint64   // the number of the oldest that is under way, and of the next
	count      int      // how many are under way
}

// push adds the next message.
func (f *flights) push(x flight) {
	if int(f.tail-f.head) == len(f.ring) {
		f.grow()
	}
	*f.at(f.tail) = x
	f.tail++
	f.count++
}

func (f *flights) at(number uint64) *flight { return &f.ring[number&uint64(len(f.ring)-1)] }

func (f *flights) grow() {
	old := *f
	f.ring = make([]flight, max(2*len(old.ring), 2))
	for n := old.head; n < old.tail; n++ {
		*f.at(n) = *old.at(n)
	}
}

// underway reports whether the message has been sent and has not come back.
func (f *flights) underway(number uint64) bool {
	return number >= f.head && number < f.tail && f.at(number).sent != cameBack
}

// take removes a message, if it is under way.
func (f *flights) take(number uint64) (x flight, ok bool) {
	if !f.underway(number) {
		return flight{}, false
	}
	p := f.at(number)
	x = *p
	p.sent = cameBack
	f.count--
	for f.head < f.tail && f.at(f.head).sent == cameBack {
		f.head++
	}
	return x, true
}

// all calls each for those that are under way.
func (f *flights) all(each func(flight)) {
	for n := f.head; n < f.tail; n++ {
		if x := *f.at(n); x.sent != cameBack {
			each(x)
		}
	}
}
