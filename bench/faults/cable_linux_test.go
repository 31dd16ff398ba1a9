package faults

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A host is a network namespace with one interface. It has no name and nothing to clean up: it is gone with the
// last thread, process and socket in it.
type host struct {
	wire *os.File // what the interface sends and receives, an IP packet at a time
	jobs chan func()
}

// newHost returns a host with the address. The test is skipped where there may be none.
func newHost(t *testing.T, addr string, mtu int) *host {
	t.Helper()
	h := &host{jobs: make(chan func())}
	ready := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for ever: the thread ends with this goroutine
		err := h.isolate(addr, mtu)
		ready <- err
		if err == nil {
			for do := range h.jobs {
				do()
			}
		}
	}()
	if err := <-ready; err != nil {
		t.Skipf("no network namespaces here (they take root, ip and /dev/net/tun): %v", err)
	}
	t.Cleanup(func() {
		close(h.jobs)
		_ = h.wire.Close()
	})
	return h
}

// isolate gives the thread a namespace of its own, with an interface.
func (h *host) isolate(addr string, mtu int) error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("/dev/net/tun: %w", err)
	}
	var request struct {
		name  [unix.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}
	copy(request.name[:], "cable")
	request.flags = unix.IFF_TUN | unix.IFF_NO_PI
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TUNSETIFF, uintptr(unsafe.Pointer(&request))); errno != 0 {
		_ = unix.Close(fd)
		return os.NewSyscallError("TUNSETIFF", errno)
	}
	for _, args := range []string{"addr add " + addr + "/24 dev cable", fmt.Sprintf("link set cable mtu %d up", mtu)} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			_ = unix.Close(fd)
			return fmt.Errorf("ip %s: %w: %s", args, err, out)
		}
	}
	h.wire = os.NewFile(uintptr(fd), "tun")
	return nil
}

// do calls f in the namespace: what sockets it makes and what processes it starts are there, wherever they are used.
func (h *host) do(f func()) {
	done := make(chan struct{})
	h.jobs <- func() {
		defer close(done)
		f()
	}
	<-done
}

// dial connects from the host.
func (h *host) dial(addr string) (conn net.Conn, err error) {
	// Not in do, where one that takes long would hold up the others: the namespace counts at socket(2).
	var fd int
	h.do(func() { fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0) })
	if err != nil {
		return nil, err
	}
	to, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return nil, err
	}
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: 10})
	if err = unix.Connect(fd, &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("connect", err)
	}
	f := os.NewFile(uintptr(fd), addr)
	defer f.Close()
	return net.FileConn(f)
}

// faults is what a cable does to packets: chances from 0 to 1, and times.
type faults struct {
	loss, double, reorder float64
	delay, jitter         time.Duration
}

// cable carries packets between two hosts.
type cable struct {
	faults
	cut                       atomic.Bool
	carried, lost, held, twin atomic.Int64
}

// connect lays a cable between two hosts, until they are gone.
func connect(t *testing.T, a, b *host, f faults) *cable {
	c := &cable{faults: f}
	var ways sync.WaitGroup
	ways.Go(func() { c.carry(a.wire, b.wire) })
	ways.Go(func() { c.carry(b.wire, a.wire) })
	t.Cleanup(func() {
		_, _ = a.wire.Close(), b.wire.Close()
		ways.Wait()
	})
	return c
}

// carry carries packets one way.
func (c *cable) carry(from, to *os.File) {
	for {
		p := make([]byte, 1<<16)
		n, err := from.Read(p)
		if err != nil {
			return
		}
		p = p[:n]
		if c.cut.Load() || rand.Float64() < c.loss {
			c.lost.Add(1)
			continue
		}
		c.carried.Add(1)
		deliver := func() { _, _ = to.Write(p) }
		wait := c.delay
		if c.jitter > 0 {
			wait += rand.N(c.jitter)
		}
		if rand.Float64() < c.reorder { // those behind it overtake it
			wait += 5 * time.Millisecond
			c.held.Add(1)
		}
		if wait > 0 {
			time.AfterFunc(wait, deliver)
		} else {
			deliver()
		}
		if rand.Float64() < c.double {
			c.twin.Add(1)
			time.AfterFunc(wait+time.Millisecond, deliver)
		}
	}
}
