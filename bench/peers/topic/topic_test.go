package topic

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// patience is how long a goroutine may take on a busy machine.
const patience = 10 * time.Second

func TestOf(t *testing.T) {
	for path, want := range map[string]string{
		"/topic/news":   "news",
		"/topic/a/b":    "a/b",
		"/topic/":       "",
		"/topic":        "",
		"/echo":         "",
		"/":             "",
		"/x/topic/news": "",
	} {
		if name, ok := Of(path); name != want || ok != (want != "") {
			t.Errorf("Of(%q) = %q, %v; want %q", path, name, ok, want)
		}
	}
}

func TestRegistry(t *testing.T) {
	var r Registry[int]
	members := func(name string) (all []int) {
		r.Each(name, func(m int) { all = append(all, m) })
		slices.Sort(all)
		return all
	}
	r.Join("a", 1)
	r.Join("a", 2)
	r.Join("b", 3)
	if got := members("a"); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("a has %v", got)
	}
	r.Leave("a", 1)
	r.Leave("a", 3)
	r.Leave("nowhere", 3)
	if got := members("a"); !slices.Equal(got, []int{2}) {
		t.Errorf("a has %v after one has left", got)
	}
	r.Leave("a", 2)
	if len(r.topics) != 1 {
		t.Errorf("%d topics are kept, want the one that has a member", len(r.topics))
	}
}

func TestQueueSendsInOrder(t *testing.T) {
	sent := make(chan int)
	q := NewQueue(func(x int) error { sent <- x; return nil }, func() { t.Error("failed") })
	defer q.Close()
	for i := range 10 {
		if !q.Put(i) {
			t.Fatalf("no room for %d", i)
		}
	}
	for i := range 10 {
		if got := receive(t, sent); got != i {
			t.Fatalf("sent %d, want %d", got, i)
		}
	}
}

func TestQueueIsBounded(t *testing.T) {
	sending, release := make(chan int), make(chan struct{})
	q := NewQueue(func(x int) error { sending <- x; <-release; return nil }, func() {})
	defer q.Close()
	defer close(release)
	q.Put(0)
	receive(t, sending) // and now send blocks
	for i := range queueLen {
		if !q.Put(i) {
			t.Fatalf("no room after %d", i)
		}
	}
	if q.Put(queueLen) {
		t.Errorf("more than %d fit", queueLen)
	}
}

func TestQueueFails(t *testing.T) {
	failed := make(chan int, 1)
	q := NewQueue(func(int) error { return errors.New("gone") }, func() { failed <- 1 })
	defer q.Close()
	q.Put(0)
	receive(t, failed)
}

func receive(t *testing.T, c <-chan int) int {
	t.Helper()
	select {
	case x := <-c:
		return x
	case <-time.After(patience):
		t.Fatal("nothing came")
		return 0
	}
}
