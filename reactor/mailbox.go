package reactor

import (
	"errors"
	"net"
	"sync"

	"github.com/valyala/bytebufferpool"

	"example.org/weir/codec"
)

// job is a call that Workers are to make.
type job struct {
	do      doing
	op      codec.Opcode
	payload *bytebufferpool.ByteBuffer // of doMessage
	cost    int                        // bytes that it counts for
	err     error                      // of doClose
	ended   chan<- error               // of doClose: see takeEnded
}

type doing uint8

const (
	doOpen doing = iota
	doMessage
	doGoAway
	doClose
)

// release gives the payload back.
func (j *job) release() {
	if poison {
		overwrite(j.payload.B)
	}
	putBuffer(j.payload)
}

// mailbox holds what is to be done for a connection, in order.
type mailbox struct {
	conn  *Conn
	jobs  []job
	first int  // in jobs
	bytes int  // that the jobs count for, the one at work and the one to come included
	busy  bool // it is in line for a goroutine, or has one
	next  *mailbox
}

// keepJobs is the number of jobs for which a mailbox keeps its memory.
const keepJobs = 64

var mailboxPool = sync.Pool{New: func() any { return new(mailbox) }}

func (b *mailbox) empty() bool { return len(b.jobs) == 0 }

func (b *mailbox) put(j job) {
	if len(b.jobs) == cap(b.jobs) && b.first > len(b.jobs)/2 { // the free half is at the front
		n := copy(b.jobs, b.jobs[b.first:])
		clear(b.jobs[n:])
		b.jobs = b.jobs[:n]
		b.first = 0
	}
	b.jobs = append(b.jobs, j)
}

func (b *mailbox) take() job {
	j := b.jobs[b.first]
	b.jobs[b.first] = job{}
	b.first++
	if b.first == len(b.jobs) {
		b.first = 0
		b.jobs = b.jobs[:0]
		if cap(b.jobs) > keepJobs {
			b.jobs = nil
		}
	}
	return j
}

// mailboxes is a queue of mailboxes.
type mailboxes struct{ first, last *mailbox }

func (q *mailboxes) put(b *mailbox) {
	if q.first == nil {
		q.first = b
	} else {
		q.last.next = b
	}
	q.last = b
}

// take returns nil when there is none.
func (q *mailboxes) take() *mailbox {
	b := q.first
	if b != nil {
		q.first, b.next = b.next, nil
	}
	return b
}

// hears reports whether messages that arrived before are still handed over: as long as it is not this side
// that has closed the connection.
func (c *Conn) hears() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.reason()
	return err == nil || err.Remote || err.Cause != nil && !errors.Is(err, net.ErrClosed)
}
