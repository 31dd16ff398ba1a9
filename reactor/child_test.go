package reactor

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// childVariable makes the test binary run child instead of the tests; its value is the number of
// descriptors that the child may have, and an IOMode.
const childVariable = "WEIR_TEST_DESCRIPTORS"

// childRoot is the variable for a directory that the child takes for its root.
const childRoot = "WEIR_TEST_ROOT"

// childState is what child tells of itself.
type childState struct {
	CPU         time.Duration
	Conns       int
	Descriptors int            // more than before Start
	Full        uint64         // refusals for want of room
	Opened      int            // calls of OnOpen
	Closed      map[string]int // calls of OnClose, by their error
	Twice       int            // calls of OnClose beyond the first for a connection
}

// child is an echo server that prints its address, and its childState for each line of input after it has done
// what the line says, and ends with the input.
func child() {
	var n uint64
	counted := childHandler{Handler: echo, closed: make(map[string]int)}
	srv := &Server{Handler: &counted, Loops: 2, HTTP: site(nil, nil)}
	if _, err := fmt.Sscan(os.Getenv(childVariable), &n, (*uint8)(&srv.IO)); err != nil {
		panic(err)
	}
	if ln, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		_ = ln.Close() // the first makes descriptors of the runtime's own, which stay
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: n}); err != nil {
		panic(err)
	}
	if root := os.Getenv(childRoot); root != "" {
		if err := unix.Chroot(root); err != nil {
			panic(err)
		}
	}
	before := openUpTo(int(n))
	if err := srv.Start("127.0.0.1:0"); err != nil {
		panic(err)
	}
	fmt.Println(srv.Addrs()[0])
	var taken []int
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		switch in.Text() {
		case "blind": // cannot tell which sockets listen
			for _, e := range srv.core.engines {
				e.port.release()
			}
		case "share": // the port, with nobody
			for _, e := range srv.core.engines {
				e.port.mu.Lock()
				e.port.shared = true
				e.port.mu.Unlock()
			}
		case "take": // all descriptors that are left
			for fd, err := unix.Dup(0); err == nil; fd, err = unix.Dup(0) {
				taken = append(taken, fd)
			}
		case "free":
			for _, fd := range taken {
				_ = unix.Close(fd)
			}
			taken = nil
		case "shut down":
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			if err := srv.Shutdown(ctx); err != nil {
				panic(err)
			}
			cancel()
		}
		_ = json.NewEncoder(os.Stdout).Encode(counted.state(srv, openUpTo(int(n))-before-len(taken)))
	}
	if err := srv.Close(); err != nil {
		panic(err)
	}
}

// childHandler counts what it is called for.
type childHandler struct {
	Handler
	mu     sync.Mutex
	opened int
	closed map[string]int
	twice  int
}

func (h *childHandler) OnOpen(*Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opened++
}

func (h *childHandler) OnClose(c *Conn, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed[err.Error()]++
	if c.Data != nil {
		h.twice++
	}
	c.Data = err
}

func (h *childHandler) state(srv *Server, descriptors int) childState {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return childState{
		CPU: time.Duration(u.Utime.Nano() + u.Stime.Nano()), Conns: srv.Conns(), Descriptors: descriptors,
		Full: srv.Stats().Refused[Refusal{503, RefusedFull}], Opened: h.opened, Closed: maps.Clone(h.closed), Twice: h.twice,
	}
}

// openUpTo counts descriptors without opening one.
func openUpTo(limit int) (n int) {
	for fd := range limit {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			n++
		}
	}
	return n
}

// do has a child do something, and returns its state then.
func (p *process) do(what string) (s childState) {
	p.t.Helper()
	_, _ = io.WriteString(p.stdin, what+"\n")
	if err := json.Unmarshal([]byte(p.line()), &s); err != nil {
		p.t.Fatal(err)
	}
	return s
}

// TestOutOfDescriptors opens more connections to a server than it has descriptors for. It refuses those,
// goes on to serve the others without spinning, and takes new ones once there is room.
func TestOutOfDescriptors(t *testing.T) {
	t.Run("WebSocket", func(t *testing.T) { testOutOfDescriptors(t, request(), "HTTP/1.1 101 ") })
	t.Run("HTTP", func(t *testing.T) { testOutOfDescriptors(t, getPage, "HTTP/1.1 200 ") })
}

// testOutOfDescriptors opens connections with hello, which are served where the answer begins with want.
func testOutOfDescriptors(t *testing.T, hello, want string) {
	const limit = 100
	child := startChild(t, fmt.Sprint(childVariable, "=", limit, " ", uint8(IOAuto)))
	addr := child.line()

	first := open(t, addr)
	var clients []*rawClient
	refused := 0
	for range 3 * limit {
		r := dialRaw(t, addr)
		clients = append(clients, r)
		_, _ = r.Write([]byte(hello))
		if status, _ := r.in.Peek(len(want)); string(status) != want {
			if string(status) != "HTTP/1.1 503 " {
				t.Errorf("a client that comes too late gets %q", status)
			}
			refused++
			_ = r.Close()
			first.send(text("still here"))
			first.want(codec.Text, "still here")
		}
	}
	served := len(clients) - refused
	if served < limit/2 || served >= limit {
		t.Errorf("%d connections were served, %d refused", served, refused)
	}
	eventually(t, "the server has as many connections as it has served", func() bool { return child.do("").Conns == served+1 })
	if n := child.do("").Full; n != uint64(refused) {
		t.Errorf("%d refusals are counted, there were %d", n, refused)
	}
	cpu := child.do("").CPU
	for i := range 50 { // it has time to spin meanwhile, and serves on
		first.send(text(fmt.Sprint(i)))
		first.want(codec.Text, fmt.Sprint(i))
		time.Sleep(10 * time.Millisecond)
	}
	if later := child.do("").CPU; later-cpu > 400*time.Millisecond {
		t.Errorf("the server used %v of CPU time in half a second of 50 echoes", later-cpu)
	}
	for _, r := range clients {
		_ = r.Close()
	}
	eventually(t, "only the first connection is left", func() bool { return child.do("").Conns == 1 })
	r := open(t, addr)
	r.send(text("room again"))
	r.want(codec.Text, "room again")
	if log := child.log.String(); !strings.Contains(log, "ulimit") || strings.Contains(log, "starting again") {
		t.Errorf("the log says %s", log)
	}
}
