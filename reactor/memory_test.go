package reactor

import (
	"flag"
	"net/netip"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// heapProfile is for `make heap`.
var heapProfile = flag.String("heapprofile", "", "have TestIdleMemory write a heap profile with its connections to this `file`")

// TestConnSize holds a Conn in its size class, of which the next one is larger by a tenth.
func TestConnSize(t *testing.T) {
	if n := unsafe.Sizeof(Conn{}); unsafe.Sizeof(uintptr(0)) == 8 && n > 144 {
		t.Errorf("a Conn takes %d bytes, want 144 at most", n)
	}
}

// TestIdleMemory counts what an idle connection costs of the heap, all in all.
func TestIdleMemory(t *testing.T) {
	const n, most, mostObjects = 2000, 560, 6
	if raceDetector {
		t.Skip("the race detector takes memory of its own")
	}
	srv := &Server{}
	addr := netip.MustParseAddrPort(serve(t, srv))
	fds := make([]int, n)
	for i := range 10 { // what is made once
		fds[i] = openIdle(t, addr)
	}
	before := liveHeap()
	for i := 10; i < n; i++ {
		fds[i] = openIdle(t, addr)
	}
	after := liveHeap()
	if *heapProfile != "" {
		writeHeapProfile(t, *heapProfile)
	}
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
	bytes := float64(after.HeapAlloc-before.HeapAlloc) / (n - 10)
	objects := float64(after.HeapObjects-before.HeapObjects) / (n - 10)
	t.Logf("%.0f bytes in %.2f objects per idle connection", bytes, objects)
	if bytes > most || objects > mostObjects {
		t.Errorf("an idle connection takes %.0f bytes in %.2f objects, want %d in %d at most", bytes, objects, most, mostObjects)
	}
}

// openIdle opens a connection, of which this end takes nothing of the heap, and does the opening handshake.
func openIdle(t *testing.T, addr netip.AddrPort) (fd int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var head [1024]byte
	n := 0
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()})
	limit := unix.NsecToTimeval(int64(patience))
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit) // from here on signals interrupt
	if err == nil {
		_, err = unix.Write(fd, []byte(request()))
	}
	for err == nil && !strings.HasSuffix(string(head[:n]), "\r\n\r\n") {
		var k int
		if k, err = unix.Read(fd, head[n:]); err == unix.EINTR {
			k, err = 0, nil
		} else if k <= 0 {
			t.Fatalf("%d bytes of the answer, %v", n, err)
		}
		n += k
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// liveHeap is the memory in use, without what pools keep.
func liveHeap() (m runtime.MemStats) {
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m
}

func writeHeapProfile(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := pprof.Lookup("heap").WriteTo(f, 0); err != nil {
		t.Fatal(err)
	}
}
