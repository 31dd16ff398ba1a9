package peers

import (
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFreeAddr holds that no address is given twice, neither here nor to those who ask the kernel for
// any port, and that servers can listen on it whichever option they set.
func TestFreeAddr(t *testing.T) {
	given := map[string]bool{}
	for range 500 { // of some 14,000: chance alone would give some twice
		addr, err := FreeAddr()
		if err != nil {
			t.Fatal(err)
		}
		if given[addr] {
			t.Fatalf("%s was given twice", addr)
		}
		given[addr] = true
	}
	for range 500 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ln.Close()
		if addr := ln.Addr().String(); given[addr] {
			t.Fatalf("%s was given to somebody else", addr)
		}
	}
	for addr := range given {
		for name, option := range map[string]int{"SO_REUSEADDR": unix.SO_REUSEADDR, "SO_REUSEPORT": unix.SO_REUSEPORT} {
			ln, err := listenWith(t, addr, option)
			if err != nil {
				t.Fatalf("a server with %s alone: %v", name, err)
			}
			ln.Close()
		}
	}
}

// listenWith listens as a server does that sets one option of the two.
func listenWith(t *testing.T, addr string, option int) (net.Listener, error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		control := func(fd uintptr) {
			for _, o := range []int{unix.SO_REUSEADDR, unix.SO_REUSEPORT} {
				on := 0
				if o == option {
					on = 1
				}
				if err == nil {
					err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, o, on)
				}
			}
		}
		if e := raw.Control(control); e != nil {
			return e
		}
		return err
	}}
	return config.Listen(t.Context(), "tcp", addr)
}
