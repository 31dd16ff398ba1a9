package torture

import (
	"net"
	"runtime"
	"testing"

	"example.org/weir/bench/rawpeer"
)

// TestSources holds that connections come from many addresses, so that ports do not run out.
func TestSources(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8 as its own")
	}
	seen := make(map[string]bool)
	for i := range uint32(62_500) {
		ip := source(i)
		if last := ip.To4()[3]; !ip.IsLoopback() || last == 0 || last == 255 {
			t.Fatalf("the source %d is %v", i, ip)
		}
		seen[ip.String()] = true
	}
	if len(seen) != 62_500 {
		t.Errorf("%d different addresses", len(seen))
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d, first, err := newDialer(t.Context(), "ws://"+l.Addr().String(), rawpeer.Trust{})
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	var from [2]string
	for i := range from {
		c, err := d.dial(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		from[i] = c.LocalAddr().(*net.TCPAddr).IP.String()
	}
	if from[0] == from[1] || from[0] == "127.0.0.1" {
		t.Errorf("connections come from %v", from)
	}
}

// TestCloseCodes holds which codes the suite lets a server send.
func TestCloseCodes(t *testing.T) {
	for code, want := range map[int]bool{
		0: false, 999: false, 1000: true, 1003: true, 1004: false, 1005: false, 1006: false, 1007: true,
		1014: true, 1015: false, 1016: false, 2999: false, 3000: true, 4999: true, 5000: false, 65535: false,
	} {
		if mayBeSent(code) != want {
			t.Errorf("mayBeSent(%d) = %v", code, !want)
		}
	}
}
