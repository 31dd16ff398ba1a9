package reactor

import (
	"crypto/tls"
	"testing"
	"time"

	"example.org/weir/codec"
)

// TestBufferedIsBalanced holds that what waits for a client that does not read is counted while it waits, and that
// nothing of it is counted any more once the connection has ended, however it did.
func TestBufferedIsBalanced(t *testing.T) {
	type scene struct {
		t   *testing.T
		srv *Server
		c   *Conn
		r   *rawClient
	}
	waits := map[string]func(scene){
		"messages": func(s scene) {
			_ = s.c.WriteMessage(codec.Binary, make([]byte, 8<<20)) // the kernel takes some
			_ = s.c.WriteMessage(codec.Binary, make([]byte, 1<<20))
		},
		"publications": func(s scene) {
			_ = s.c.WriteMessage(codec.Binary, make([]byte, 8<<20))
			for range 3 {
				_ = s.srv.Publish("news", codec.Binary, make([]byte, 100<<10))
			}
			eventually(s.t, "a publication waits", func() bool { return s.srv.Stats().Buffered > int64(s.c.BufferedAmount()) })
		},
		"behind a writer": func(s scene) {
			w := mustWriter(s.t, s.c, codec.Binary)
			for err := error(nil); err == nil; {
				_, err = w.Write(make([]byte, 1<<20))
			}
			for range 3 {
				_ = s.c.WriteMessage(codec.Binary, make([]byte, 1<<20))
			}
			_ = s.srv.Publish("news", codec.Binary, make([]byte, 1<<20))
		},
	}
	ends := map[string]func(scene){
		"CloseNow":           func(s scene) { _ = s.c.CloseNow() },
		"Close":              func(s scene) { _ = s.c.Close(codec.CloseNormal, "") },
		"reset":              func(s scene) { s.r.reset() },
		"the client's FIN":   func(s scene) { _ = s.r.CloseWrite() },
		"a broken rule":      func(s scene) { s.r.send("\xFF\x80\x00\x00\x00\x00") },
		"the client's close": func(s scene) { s.r.send(closeFrame(codec.CloseNormal, "")) },
		"a panic":            func(s scene) { _ = s.c.Do(func(*Conn) { panic("on purpose") }) },
		"given up":           func(s scene) { s.c.giveUp(errBudget) },
		"Server.Close":       func(s scene) { _ = s.srv.Close() },
	}
	for what, wait := range waits {
		for how, end := range ends {
			for _, secure := range []bool{false, true} {
				name := what + ", " + how
				if secure {
					name += ", TLS"
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					h := newProbe()
					h.onOpen = func(c *Conn) { _ = c.Subscribe("news") }
					srv := &Server{Handler: h, MaxOutbound: -1, CloseTimeout: 100 * time.Millisecond}
					var r *rawClient
					if secure {
						r = openTLS(t, serveTLS(t, srv), clientConfig(tls.VersionTLS13)).rawClient
					} else {
						r = open(t, serve(t, srv))
					}
					s := scene{t, srv, within(t, h.opened), r}
					wait(s)
					eventually(t, "what waits is counted", func() bool {
						st := srv.Stats()
						return st.Congested == 1 && st.Buffered >= int64(s.c.BufferedAmount()) && st.Buffered > 0
					})
					end(s)
					eventually(t, "the connection has ended", func() bool { return srv.Stats().Conns == 0 })
					if st := srv.Stats(); st.Congested != 0 || st.Buffered != 0 {
						t.Errorf("%d connections, %d bytes", st.Congested, st.Buffered)
					}
				})
			}
		}
	}
}
