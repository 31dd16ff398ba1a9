package bench

import (
	"testing"
	"time"

	"example.org/weir/reactor"
)

func TestFanout(t *testing.T) {
	t.Parallel()
	for _, loops := range []int{1, 2} {
		r := newRoom(t, nil)
		o := short(r.url)
		o.Publishers, o.Subscribers, o.Depth, o.Verify, o.Loops = 2, 9, 2, true, loops
		res := must(t, RunFanout, o)
		wantChecks(t, res, "")
		f := res.Fanout
		if f.Reach != 100 || f.Receivers != 11 || f.Publishes == 0 || f.Publishes != res.Messages.Sent {
			t.Errorf("%+v, %+v", f, res.Messages)
		}
		for name, l := range map[string]*Latency{"first": f.First, "median": f.Median, "last": f.Last} {
			if l == nil || uint64(l.Count) != f.Publishes {
				t.Fatalf("%s: %+v, of %d publishes", name, l, f.Publishes)
			}
		}
		if f.First.Mean > f.Median.Mean || f.Median.Mean > f.Last.Mean {
			t.Errorf("first %v, median %v, last %v", f.First.Mean, f.Median.Mean, f.Last.Mean)
		}
		if uint64(res.Latency.Count) != 11*f.Publishes {
			t.Errorf("%d latencies of %d publishes to 11", res.Latency.Count, f.Publishes)
		}
		if got, want := int64(f.Deliveries), int64(11*f.Publishes); got < want-44 || got > want+44 {
			t.Errorf("%d deliveries of %d publishes to 11", got, f.Publishes)
		}
	}
}

// TestFanoutMissed has a room in which one member hears nothing.
func TestFanoutMissed(t *testing.T) {
	t.Parallel()
	var deaf *reactor.Conn
	r := newRoom(t, func(to *reactor.Conn) int {
		if deaf == nil {
			deaf = to
		}
		if to == deaf {
			return -1
		}
		return 0
	})
	o := short(r.url)
	o.Conns, o.patience.publish = 9, time.Second
	res := mustUntil(t, RunFanout, o, func() bool { return r.messages.Load() >= 2 })
	wantChecks(t, res, "errors answers reach")
	f := res.Fanout
	if f.Publishes == 0 || f.Reach != 90 || f.Receivers != 10 || uint64(f.Last.Count) != f.Publishes || f.Last.Min < int64(950*time.Millisecond) {
		t.Errorf("%+v, last %+v", f, f.Last)
	}
	if uint64(res.Latency.Count) != 10*f.Publishes {
		t.Errorf("%d latencies of %d publishes to 10", res.Latency.Count, f.Publishes)
	}
}

// TestFanoutDuplicated has a room in which one member hears everything twice, and another nothing:
// the sums are right, the deliveries are not.
func TestFanoutDuplicated(t *testing.T) {
	t.Parallel()
	var deaf, twice *reactor.Conn
	r := newRoom(t, func(to *reactor.Conn) int {
		switch {
		case deaf == nil || deaf == to:
			deaf = to
			return -1
		case twice == nil || twice == to:
			twice = to
			return 1
		}
		return 0
	})
	o := short(r.url)
	o.Conns, o.Verify, o.patience.publish = 9, true, time.Second
	res := mustUntil(t, RunFanout, o, func() bool { return r.messages.Load() >= 2 })
	wantChecks(t, res, "errors answers verify reach")
	if v := res.Verify; v.Duplicated == 0 || v.Duplicated != uint64(res.Errors["a delivery that was there before"]) || v.Lost != res.Fanout.Publishes {
		t.Errorf("%+v, %+v", v, res.Fanout)
	}
}

func TestFanoutRefuses(t *testing.T) {
	t.Parallel()
	o := short("ws://localhost")
	o.Lines = []string{"a line"}
	if _, err := RunFanout(t.Context(), o); err == nil {
		t.Error("lines are published")
	}
	o = short("ws://localhost")
	o.Size = FixedSize(VerifyLen - 1)
	if _, err := RunFanout(t.Context(), o); err == nil {
		t.Error("messages without room for their number are published")
	}
}

// TestPublishRounds holds that what belongs to another round does not count.
func TestPublishRounds(t *testing.T) {
	t.Parallel()
	var p publish
	one := p.next()
	if _, _, ok := p.arrive(one, 1, 2); ok {
		t.Error("a delivery before the publish counts")
	}
	p.send(one, func() flight { return flight{intended: 10} })
	if x, last, ok := p.arrive(one, 11, 2); !ok || last || x.intended != 10 || p.first != 11 || p.median != 11 {
		t.Errorf("first: %v %v %+v", last, ok, &p)
	}
	if _, last, ok := p.arrive(one, 12, 2); !ok || !last || p.first != 11 || p.last != 12 {
		t.Errorf("last: %v %v %+v", last, ok, &p)
	}
	if _, _, ok := p.arrive(one, 13, 2); ok {
		t.Error("more deliveries than receivers count")
	}
	two := p.next()
	p.send(one, func() flight { t.Error("a round that is over is sent"); return flight{} })
	p.send(two, func() flight { return flight{} })
	if _, _, ok := p.arrive(one, 14, 2); ok || p.count != 0 {
		t.Error("a delivery of the round before counts")
	}
}
