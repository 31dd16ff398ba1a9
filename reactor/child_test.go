package reactor

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// childVariable makes the test binary run child instead of the tests; its value is the number of
// descriptors that the child may have, and an IOMode.
const childVariable = "WEIR_TEST_DESCRIPTORS"

// child is an echo server that prints its address, and on each line of input its CPU time and the number
// of its connections, and ends with the input.
func child() {
	var n uint64
	srv := &Server{Handler: echo, Loops: 2, HTTP: site(nil, nil)}
	if _, err := fmt.Sscan(os.Getenv(childVariable), &n, (*uint8)(&srv.IO)); err != nil {
		panic(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: n}); err != nil {
		panic(err)
	}
	if err := srv.Start("127.0.0.1:0"); err != nil {
		panic(err)
	}
	fmt.Println(srv.Addrs()[0])
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var u unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
			panic(err)
		}
		fmt.Println(u.Utime.Nano()+u.Stime.Nano(), srv.Conns())
	}
	if err := srv.Close(); err != nil {
		panic(err)
	}
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
	state := func() (cpu time.Duration, conns int) {
		_, _ = io.WriteString(child.stdin, "\n")
		if _, err := fmt.Sscan(child.line(), &cpu, &conns); err != nil {
			t.Fatal(err)
		}
		return cpu, conns
	}

	first := open(t, addr)
	var clients []*rawClient
	refused := 0
	for range 3 * limit {
		r := dialRaw(t, addr)
		clients = append(clients, r)
		_, _ = r.Write([]byte(hello))
		if status, _ := r.in.Peek(len(want)); string(status) != want {
			refused++
			_ = r.Close()
		}
	}
	served := len(clients) - refused
	if served < limit/2 || served >= limit {
		t.Errorf("%d connections were served, %d refused", served, refused)
	}
	eventually(t, "the server has as many connections as it has served", func() bool { _, conns := state(); return conns == served+1 })
	cpu, _ := state()
	for i := range 50 { // it has time to spin meanwhile, and serves on
		first.send(text(fmt.Sprint(i)))
		first.want(codec.Text, fmt.Sprint(i))
		time.Sleep(10 * time.Millisecond)
	}
	if later, _ := state(); later-cpu > 400*time.Millisecond {
		t.Errorf("the server used %v of CPU time in half a second of 50 echoes", later-cpu)
	}
	for _, r := range clients {
		_ = r.Close()
	}
	eventually(t, "only the first connection is left", func() bool { _, conns := state(); return conns == 1 })
	r := open(t, addr)
	r.send(text("room again"))
	r.want(codec.Text, "room again")
	if log := child.log.String(); !strings.Contains(log, "ulimit") || strings.Contains(log, "starting again") {
		t.Errorf("the log says %s", log)
	}
}
