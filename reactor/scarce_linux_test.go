package reactor

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// scarceChild starts a child with few descriptors and opens connections.
func scarceChild(t *testing.T, clients int) (child *process, addr string, open []*rawClient) {
	t.Helper()
	child = startChild(t, fmt.Sprint(childVariable, "=100 ", uint8(IOAuto)))
	addr = child.line()
	for range clients {
		open = append(open, openEcho(t, addr))
	}
	return child, addr, open
}

// openEcho opens a connection and gets an echo.
func openEcho(t *testing.T, addr string) *rawClient {
	t.Helper()
	r := open(t, addr)
	r.echo("hello")
	return r
}

func (r *rawClient) echo(p string) {
	r.t.Helper()
	r.send(text(p))
	r.want(codec.Text, p)
}

// Where the application takes all descriptors, the connections that there are go on, those who come wait, and are
// served when descriptors are free again. Shutdown does without any.
func TestApplicationTakesDescriptors(t *testing.T) {
	const clients = 10
	child, addr, open := scarceChild(t, clients)
	for round := range 2 {
		child.do("take")
		child.deaf(round + 1)
		late := dialRaw(t, addr)
		late.send(request())
		for _, r := range open {
			r.echo("all the while")
		}
		if s := child.do(""); s.Conns != len(open) || len(s.Closed) > 0 {
			t.Errorf("with no descriptor left: %+v", s)
		}
		child.do("free")
		if head := late.head(); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
			t.Fatalf("who waited got %q", head)
		}
		late.echo("late")
		open = append(open, late, openEcho(t, addr))
	}
	child.do("take")
	shut := shutDown(t, child, open)
	if shut.Opened != len(open) || sum(shut.Closed) != len(open) || shut.Twice > 0 || shut.Conns > 0 {
		t.Errorf("after %d connections: %+v", len(open), shut)
	}
	eventually(t, "it leaves no descriptor", func() bool { return child.do("free").Descriptors <= 0 })
	if log := child.log.String(); !strings.Contains(log, "ulimit -n") || !strings.Contains(log, "accepting connections again") ||
		strings.Contains(log, "starting again") || strings.Contains(log, "gnet:") {
		t.Errorf("the log says %s", log)
	}
}

// A few descriptors that are free among those that the application has taken do not make the server accept more
// clients than it has descriptors for.
func TestFewFreeDescriptors(t *testing.T) {
	child, addr, open := scarceChild(t, 10)
	child.do("take")
	child.deaf(1)
	var late []*rawClient
	for range 16 {
		r := dialRaw(t, addr)
		r.send(request())
		late = append(late, r)
	}
	for _, r := range open[:3] {
		_ = r.Close()
	}
	eventually(t, "the connections are closed", func() bool { return child.do("").Conns <= len(open)-3 })
	for range 30 { // for a few ticks
		open[3].echo("all the while")
		time.Sleep(10 * time.Millisecond)
	}
	child.do("free")
	for _, r := range late {
		if head := r.head(); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
			t.Fatalf("who waited got %q", head)
		}
		r.echo("late")
	}
	if log := child.log.String(); strings.Contains(log, "gnet:") {
		t.Errorf("the log says %s", log)
	}
}

// What is free is counted from above, and no further than is needed: in a full server every refusal counts.
func TestFreeDescriptors(t *testing.T) {
	var fds []int
	for len(fds) < 10 {
		fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3000+2*len(fds)) // every other one
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		fds = append(fds, fd)
	}
	if fds[0] != 3000 || fds[9] != 3018 {
		t.Skip("the numbers are taken: ", fds)
	}
	for _, row := range []struct{ lowest, limit, enough, least, most int }{
		{3000, 3020, 100, 10, 10},
		{3010, 3020, 100, 5, 5},
		{3020, 3020, 100, 0, 0},
		{-1, 3, 100, 0, 0},
		{3000, 3200, 50, 50, 64}, // one look is enough
		{3000, 3200, 190, 190, 190},
	} {
		if n := freeDescriptors(row.lowest, row.limit, row.enough); n < row.least || n > row.most {
			t.Errorf("%+v: %d are free", row, n)
		}
	}
}

// deaf waits until the server has taken its listeners out of its loops for the nth time.
func (p *process) deaf(n int) {
	p.t.Helper()
	eventually(p.t, "the server accepts nobody", func() bool {
		return strings.Count(p.log.String(), "accepting no connections: file descriptors are used up") == n
	})
}

// A server without descriptors that is to leave its port, while a client waits in the queue, keeps the port, and its
// connections end in order.
func TestSharePortWithoutDescriptors(t *testing.T) {
	child, addr, open := scarceChild(t, 10)
	child.do("share")
	child.do("take")
	child.deaf(1)
	dialRaw(t, addr).send(request())
	next := &Server{Handler: echo, SharePort: true, Loops: 1, Logger: quiet}
	if err := next.Start(addr); err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	shut := shutDown(t, child, open)
	if sum(shut.Closed) != len(open) || shut.Conns > 0 {
		t.Errorf("after %d connections: %+v", len(open), shut)
	}
	if log := child.log.String(); !strings.Contains(log, "cannot leave the port") || strings.Contains(log, "gnet:") {
		t.Errorf("the log says %s", log)
	}
}

// Where the server does not notice in time that the application has taken all descriptors, and a client connects,
// gnet's loops end. Each connection ends once, with a cause, and when there are descriptors the server serves again.
func TestLoopsEndForWantOfDescriptors(t *testing.T) {
	const clients = 10
	child, addr, _ := scarceChild(t, clients)
	before := child.do("").Descriptors
	child.do("blind")
	child.do("take")
	if conn, err := net.Dial("tcp", addr); err == nil { // or the end of the loops has come first
		_ = conn.Close()
	}
	eventually(t, "all connections are lost", func() bool { return child.do("").Conns == 0 })
	lost := child.do("free")
	cause := (&codec.CloseError{Code: codec.CloseAbnormal, Cause: errLoopEnded}).Error()
	if lost.Opened != clients || lost.Closed[cause] != clients || lost.Twice > 0 {
		t.Errorf("of %d connections: %+v; want the cause %q", clients, lost, cause)
	}
	eventually(t, "the loops have ended", func() bool { return strings.Contains(child.log.String(), "starting again") })
	eventually(t, "it listens again", func() bool { return openAndEcho(addr) == nil })
	openEcho(t, addr).reset()
	eventually(t, "all descriptors are back", func() bool {
		s := child.do("")
		return s.Conns == 0 && s.Descriptors <= before-clients
	})
	s := child.do("shut down")
	eventually(t, "it leaves no descriptor", func() bool { s = child.do(""); return s.Descriptors <= 0 })
	if s.Twice > 0 || sum(s.Closed) != s.Opened {
		t.Errorf("after the end: %+v", s)
	}
	for _, want := range []string{"too many open files", "ulimit -n", "starting again"} {
		if log := child.log.String(); !strings.Contains(log, want) {
			t.Errorf("the log does not say %q: %s", want, log)
		}
	}
}

// Without /proc the server says what it cannot do, and serves.
func TestWithoutProc(t *testing.T) {
	may := exec.Command("/bin/true")
	may.SysProcAttr = &syscall.SysProcAttr{Chroot: "/"}
	if err := may.Run(); errors.Is(err, unix.EPERM) {
		t.Skip("to change the root directory takes CAP_SYS_CHROOT")
	}
	t.Setenv(childRoot, t.TempDir())
	child, addr, _ := scarceChild(t, 3)
	openEcho(t, addr)
	if log := child.log.String(); !strings.Contains(log, "it takes /proc") || strings.Contains(log, "503") {
		t.Errorf("the log says %s", log)
	}
}

func sum(counts map[string]int) (n int) {
	for _, k := range counts {
		n += k
	}
	return n
}

// shutDown shuts the child down, whose clients all have to get a close frame, and close.
func shutDown(t *testing.T, child *process, open []*rawClient) childState {
	t.Helper()
	var leaving sync.WaitGroup
	for _, r := range open {
		leaving.Go(func() {
			if _, _, err := r.next(); err != nil {
				t.Errorf("instead of a close frame: %v", err)
			}
			_ = r.Close()
		})
	}
	shut := child.do("shut down")
	leaving.Wait()
	return shut
}
