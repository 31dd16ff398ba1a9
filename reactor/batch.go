package reactor

// batch gathers the connections whose turns have ended with something to write, so that one system
// call writes for many of them (see ring). It belongs to its loop. A connection in it is still
// queued: what others write meanwhile goes out with the rest.
//
// A batch is worth its cost only where several connections are ready at a time. The loop therefore
// begins with writing directly, and now and then counts how many turns with output there are until a
// task that it leaves for itself comes up, which is after the sockets that are ready now.
type batch struct {
	ring    *ring // nil: none is to be had, all writes are direct
	always  bool  // everything goes through the ring
	conns   []*Conn
	sending []*Conn // those of conns that have something to send
	results [maxBatch]int32
	on      bool // several connections are ready at a time
	armed   bool // Run will be called because of this batch, or to count
	turns   int  // with output, since armed, or since the last count while writing directly
}

const (
	maxBatch   = 64
	probeEvery = 32 // turns written directly between two counts
	batchFrom  = 6  // turns at a time from which on batches are made
	batchUpTo  = 4  // and below which no longer
	worthRing  = 3  // connections for which the ring is used

	// batchBytes is the most that a connection may have to write in a batch. More is better copied to
	// the kernel while it is in the cache.
	batchBytes = 8 << 10
)

// takes reports whether the writing of c, whose turn ends, is left to the batch. It is called with
// c.mu held.
func (b *batch) takes(c *Conn) bool {
	if c.flags.has(flagBatched) {
		return true
	}
	if b.ring == nil || c.pending() == 0 || c.pending() > batchBytes || c.fd < 0 ||
		c.flags.has(flagFull|flagFinished|flagCut) {
		return false
	}
	l := c.loop
	b.turns++
	if !b.on && !b.always && !l.running {
		if b.turns >= probeEvery && !b.armed {
			b.armed = l.wake()
			b.turns = 0
		}
		return false
	}
	if !l.running && !b.armed {
		if b.armed = l.wake(); !b.armed {
			return false // the loop is ending
		}
	}
	c.flags.set(flagBatched)
	b.conns = append(b.conns, c)
	return true
}

// full reports whether the batch takes no more.
func (b *batch) full() bool { return len(b.conns) == maxBatch }

// end writes the batch at the end of a run of tasks, and decides whether there is to be another.
func (b *batch) end() {
	if b.armed {
		b.armed = false
		b.on = b.turns >= batchFrom || (b.on && b.turns >= batchUpTo)
		b.turns = 0
	}
	b.flush()
}

// flush ends the turns of the connections in the batch.
func (b *batch) flush() {
	conns := b.conns
	if len(conns) >= worthRing || (b.always && len(conns) > 0) {
		b.send(conns)
	}
	b.conns = b.conns[:0]
	for i, c := range conns {
		conns[i] = nil
		if c.settle() {
			c.wakeUp() // to be closed by a task: gnet may still have events for the descriptor at hand
		}
	}
}

// send sends what the connections have pending. It holds the mutexes of all that have, since nothing
// may be written in between; nobody else holds more than one.
func (b *batch) send(conns []*Conn) {
	sending := b.sending[:0]
	for _, c := range conns {
		c.mu.Lock()
		if !c.sendable() {
			c.mu.Unlock()
			continue
		}
		b.ring.add(c.fd, c.unsent())
		sending = append(sending, c)
	}
	results := b.results[:len(sending)]
	err := b.ring.submit(results)
	for i, c := range sending {
		c.took(results[i])
		c.mu.Unlock()
	}
	clear(sending)
	b.sending = sending
	if err != nil {
		conns[0].loop.cfg.log.Warn("io_uring fails; writing without it", "err", err)
		b.close()
	}
}

// close gives the ring back; from here on all writes are direct.
func (b *batch) close() {
	if b.ring != nil {
		b.ring.close()
		b.ring = nil
	}
}
