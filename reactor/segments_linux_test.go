package reactor

import (
	"testing"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// TestCloseInOneSegment holds that the close frame and the FIN behind it come in one segment, and so does the
// refusal of a handshake. A machine that is busy may send two; then the next connection shows it.
func TestCloseInOneSegment(t *testing.T) {
	for name, tt := range map[string]struct {
		first, last string
		want        uint32
	}{
		"close frame": {request(), closeFrame(codec.CloseNormal, ""), 1},
		"refusal":     {"", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 2}, // what is first to come is acknowledged by itself
	} {
		t.Run(name, func(t *testing.T) {
			addr := serve(t, &Server{Handler: echo})
			fewest := uint32(100)
			for range 20 {
				r := dialRaw(t, addr)
				if tt.first != "" {
					r.send(tt.first)
					r.head()
				}
				before := segmentsIn(t, r)
				r.send(tt.last)
				r.end()
				fewest = min(fewest, segmentsIn(t, r)-before)
			}
			if fewest != tt.want {
				t.Errorf("at least %d segments came, want %d", fewest, tt.want)
			}
		})
	}
}

// segmentsIn is how many segments a client has received, bare acknowledgements included.
func segmentsIn(t *testing.T, r *rawClient) (n uint32) {
	t.Helper()
	raw, err := r.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var info *unix.TCPInfo
	_ = raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) })
	if err != nil {
		t.Fatal(err)
	}
	return info.Segs_in
}
