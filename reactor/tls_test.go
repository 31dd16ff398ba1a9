package reactor

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
)

// eachTLS calls f for each version and way to write.
func eachTLS(t *testing.T, f func(t *testing.T, version uint16, mode IOMode)) {
	for _, v := range tlsVersions {
		for name, mode := range ioModes() {
			t.Run(tls.VersionName(v)+"/"+name, func(t *testing.T) { f(t, v, mode) })
		}
	}
}

// TestTLSEcho echoes messages of all sizes one by one, and then many at once.
func TestTLSEcho(t *testing.T) {
	sizes := []int{0, 125, 126, 16<<10 - 30, 16 << 10, 65535, 65536, 1 << 20}
	eachTLS(t, func(t *testing.T, version uint16, mode IOMode) {
		addr := serveTLS(t, &Server{IO: mode, MaxOutbound: -1})
		t.Run("crypto/tls", func(t *testing.T) {
			r := openTLS(t, addr, clientConfig(version))
			for _, n := range sizes {
				s := patterned(n)
				go r.send(text(s))
				r.want(codec.Text, s)
			}
			go func() {
				for i := range 1000 {
					r.send(text(fmt.Sprint(i)))
				}
			}()
			for i := range 1000 {
				r.want(codec.Text, fmt.Sprint(i))
			}
			if v := r.tls.ConnectionState().Version; v != version {
				t.Errorf("it speaks %s", tls.VersionName(v))
			}
		})
		t.Run("Client", func(t *testing.T) {
			cl := &Client{TLS: clientConfig(version), IO: mode, MaxOutbound: -1}
			t.Cleanup(func() { _ = cl.Close() })
			h := newCollector()
			c, err := cl.Dial(t.Context(), "wss://"+addr, h, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.RemoteAddr().String() != addr || c.LocalAddr().Network() != "tcp" {
				t.Errorf("from %v to %v, want tcp to %v", c.LocalAddr(), c.RemoteAddr(), addr)
			}
			if state, ok := c.TLS(); !ok || state.Version != version || state.NegotiatedProtocol != "http/1.1" {
				t.Errorf("TLS says %v, %s, %q", ok, tls.VersionName(state.Version), state.NegotiatedProtocol)
			}
			for _, n := range sizes {
				s := patterned(n)
				_ = c.WriteText(s)
				if got := within(t, h.messages); got != "text:"+s {
					t.Fatalf("%d bytes came back as %d", n, len(got))
				}
			}
			for i := range 500 {
				_ = c.WriteText(fmt.Sprint(i))
			}
			for i := range 500 {
				if got := within(t, h.messages); got != fmt.Sprint("text:", i) {
					t.Fatalf("got %.40q, want %d", got, i)
				}
			}
			if err := c.Close(3000, "enough"); err != nil {
				t.Fatal(err)
			}
			var ce *codec.CloseError
			if err := within(t, h.closed); !errors.As(err, &ce) || ce.Code != 3000 {
				t.Errorf("OnClose got %v", err)
			}
		})
	})
}

// patterned is a string of which no part is like another.
func patterned(n int) string {
	b := make([]byte, 0, n+8)
	for i := int64(0); len(b) < n; i++ {
		b = append(strconv.AppendInt(b, i, 10), ' ')
	}
	return string(b[:n])
}

// TestTLSDribble sends ciphertext byte by byte, the handshake's too.
func TestTLSDribble(t *testing.T) {
	for _, v := range tlsVersions {
		t.Run(tls.VersionName(v), func(t *testing.T) {
			r := dialTLS(t, serveTLS(t, &Server{}), clientConfig(v))
			r.wire.write = func(p []byte) (n int, err error) {
				for i := range p {
					if _, err = r.TCPConn.Write(p[i : i+1]); err != nil {
						return i, err
					}
				}
				return len(p), nil
			}
			r.upgrade()
			for _, s := range []string{"hello", patterned(1000)} {
				r.send(text(s))
				r.want(codec.Text, s)
			}
		})
	}
}

// TestTLSAnySplit has records arrive in pieces of every kind, each in a turn of its own: any split gives the
// same as the whole.
func TestTLSAnySplit(t *testing.T) {
	pieces := map[string]func(i, left int) int{
		"byte by byte":    func(int, int) int { return 1 },
		"header and rest": func(i, _ int) int { return 5 + i%2*1000 },
		"primes":          func(i, _ int) int { return []int{2, 3, 1009, 7, 16411, 5}[i%6] },
		"all":             func(_, left int) int { return left },
	}
	for _, v := range tlsVersions {
		for name, piece := range pieces {
			t.Run(tls.VersionName(v)+"/"+name, func(t *testing.T) {
				c := newTLSStand(t, &Server{}, v)
				records, want := "", ""
				for _, n := range []int{0, 1, 3000, 17_000, 0, 5} {
					records += c.records(text(patterned(n)))
					want += unmasked(codec.Text, patterned(n))
				}
				for i := 0; len(records) > 0; i++ {
					n := min(piece(i, len(records)), len(records))
					c.arrive(records[:n])
					records = records[n:]
				}
				c.settle()
				got := make([]byte, len(want))
				if _, err := io.ReadFull(c.tls, got); err != nil || string(got) != want {
					t.Errorf("what was echoed is wrong: %v", err)
				}
			})
		}
	}
}

// TestTLSDataBehindFinished sends the request and messages in one write with the end of the handshake.
func TestTLSDataBehindFinished(t *testing.T) {
	large := patterned(200_000)
	for _, v := range tlsVersions {
		t.Run(tls.VersionName(v), func(t *testing.T) {
			addr := serveTLS(t, &Server{MaxOutbound: -1})
			cfg := clientConfig(v)
			cfg.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			first := openTLS(t, addr, cfg) // in TLS 1.2 the client has the last word only when it resumes
			first.send(text("ticket"))
			first.want(codec.Text, "ticket")
			r := dialTLS(t, addr, cfg)
			var held []byte
			hello := true
			r.wire.write = func(p []byte) (int, error) {
				if hello {
					hello = false
					return r.TCPConn.Write(p)
				}
				held = append(held, p...)
				return len(p), nil
			}
			if err := r.tls.Handshake(); err != nil {
				t.Fatal(err)
			}
			if !r.tls.ConnectionState().DidResume {
				t.Error("it was not resumed")
			}
			r.send(request(), text("one"), text(large), text("three"))
			r.wire.write = nil
			go func() { _, _ = r.TCPConn.Write(held) }()
			r.head()
			for _, s := range []string{"one", large, "three"} {
				r.want(codec.Text, s)
			}
		})
	}
}

// TestTLSSlowReader sends much more than sockets hold to a client that begins to read late. All comes, byte
// for byte, and OnDrain says when.
func TestTLSSlowReader(t *testing.T) {
	const n, size = 40, 200_000
	eachTLS(t, func(t *testing.T, version uint16, mode IOMode) {
		drained := make(chan int, 1)
		elsewhere := make(chan error, 1)
		h := newProbe()
		h.onOpen = func(c *Conn) {
			for i := range n {
				p := bytes.Repeat([]byte{byte(i)}, size+i)
				if i%2 == 0 {
					_ = c.WriteMessage(codec.Binary, p)
				} else {
					_ = c.WritePrepared(codec.Prepare(codec.Binary, p))
				}
			}
			go func() { elsewhere <- c.WriteText("from elsewhere") }()
		}
		addr := serveTLS(t, &Server{Handler: h, IO: mode, MaxOutbound: -1, OnDrain: func(c *Conn) { drained <- c.BufferedAmount() }})
		r := openTLS(t, addr, clientConfig(version))
		c := within(t, h.opened)
		if c.BufferedAmount() < size {
			t.Errorf("%d bytes wait, want most of %d", c.BufferedAmount(), n*size)
		}
		if err := within(t, elsewhere); err != nil { // it waits too, before anything is read
			t.Error(err)
		}
		r.send(text("in between"))
		var want []string
		for i := range n {
			want = append(want, strings.Repeat(string([]byte{byte(i)}), size+i))
		}
		others := map[string]bool{"from elsewhere": true, "in between": true}
		for len(want) > 0 || len(others) > 0 {
			_, got, err := r.next()
			switch {
			case err != nil:
				t.Fatal(err)
			case len(want) > 0 && got == want[0]:
				want = want[1:]
			case others[got]:
				delete(others, got)
			default:
				t.Fatalf("got %.20q (%d bytes), still to come %d", got, len(got), len(want))
			}
		}
		if left := within(t, drained); left != 0 {
			t.Errorf("OnDrain with %d bytes waiting", left)
		}
	})
}

// TestTLSCloseNotify holds RFC 8446 6.1: "Each party MUST send a close_notify alert before closing its
// write side of the connection".
func TestTLSCloseNotify(t *testing.T) {
	for _, v := range tlsVersions {
		for _, row := range []struct {
			name   string
			act    func(r *tlsClient, c *Conn)
			code   codec.CloseCode
			remote bool
			cause  error // nil: any
		}{
			{"the server closes", func(r *tlsClient, c *Conn) {
				_ = c.Close(3001, "")
				op, p, err := r.next()
				if op != codec.Close || p != "\x0b\xb9" || err != nil {
					t.Errorf("got %v %q, %v", op, p, err)
				}
				r.send(closeFrame(3001, ""))
				r.wantNotified()
			}, 3001, false, nil},
			{"the client closes", func(r *tlsClient, _ *Conn) {
				r.send(closeFrame(3002, ""))
				if op, p, err := r.next(); op != codec.Close || p != "\x0b\xba" || err != nil {
					t.Errorf("got %v %q, %v", op, p, err)
				}
				r.wantNotified()
			}, 3002, true, nil},
			{"the client breaks the protocol", func(r *tlsClient, _ *Conn) {
				r.send("\x83\x80....")
				if op, p, err := r.next(); op != codec.Close || !strings.HasPrefix(p, "\x03\xea") || err != nil {
					t.Errorf("got %v %q, %v", op, p, err)
				}
				r.wantNotified()
			}, codec.CloseProtocolError, false, nil},
			{"close_notify is an end", func(r *tlsClient, _ *Conn) {
				_ = r.tls.CloseWrite()
				r.wantNotified()
			}, codec.CloseAbnormal, false, io.EOF},
			{"close_notify behind a message", func(r *tlsClient, _ *Conn) {
				r.send(text("last"))
				_ = r.tls.CloseWrite()
				r.want(codec.Text, "last")
				r.wantNotified()
			}, codec.CloseAbnormal, false, io.EOF},
			{"a truncated stream", func(r *tlsClient, _ *Conn) {
				_ = r.TCPConn.CloseWrite()
				r.end()
				if !r.wire.ended.Load() {
					t.Error("the server ended it in order")
				}
			}, codec.CloseAbnormal, false, io.EOF},
			{"CloseNow", func(r *tlsClient, c *Conn) {
				_ = c.CloseNow()
				r.end()
				if !r.wire.ended.Load() {
					t.Error("the server ended it in order")
				}
			}, codec.CloseAbnormal, false, net.ErrClosed},
		} {
			t.Run(tls.VersionName(v)+"/"+row.name, func(t *testing.T) {
				h := newProbe()
				r := openTLS(t, serveTLS(t, &Server{Handler: h}), clientConfig(v))
				row.act(r, within(t, h.opened))
				_ = r.TCPConn.Close()
				if err := h.wantClosed(t, row.code, row.remote); row.cause != nil && !errors.Is(err, row.cause) {
					t.Errorf("OnClose got %v, want %v", err, row.cause)
				}
			})
		}
	}
}

// TestTLSBrokenRecord has a record of the open connection forged. The client gets the alert.
func TestTLSBrokenRecord(t *testing.T) {
	for _, v := range tlsVersions {
		h := newProbe()
		r := openTLS(t, serveTLS(t, &Server{Handler: h}), clientConfig(v))
		_, _ = r.TCPConn.Write([]byte("\x17\x03\x03\x00\x20this is not what it should be..."))
		_, err := io.ReadAll(r.in)
		wantAlert(t, err, "bad record MAC")
		_ = r.TCPConn.Close()
		h.wantClosed(t, codec.CloseAbnormal, false)
	}
}

// wantAlert checks that err is an alert of the other side.
func wantAlert(t *testing.T, err error, text string) {
	t.Helper()
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want the alert %q", err, text)
	}
}

// TestTLSHandshakeTimeout has clients that stop at each point of the handshakes.
func TestTLSHandshakeTimeout(t *testing.T) {
	for _, row := range []struct {
		name string
		act  func(r *tlsClient)
	}{
		{"nothing", func(*tlsClient) {}},
		{"a part of the ClientHello", func(r *tlsClient) {
			r.wire.write = func(p []byte) (int, error) { return r.TCPConn.Write(p[:100]) }
			go r.tls.Handshake()
		}},
		{"no Finished", func(r *tlsClient) {
			hello := true
			r.wire.write = func(p []byte) (int, error) {
				if !hello {
					return len(p), nil
				}
				hello = false
				return r.TCPConn.Write(p)
			}
			go r.tls.Handshake()
		}},
		{"no request", func(r *tlsClient) { _ = r.tls.Handshake() }},
	} {
		t.Run(row.name, func(t *testing.T) {
			srv := &Server{HandshakeTimeout: 500 * time.Millisecond, CloseTimeout: time.Hour}
			r := dialTLS(t, serveTLS(t, srv), clientConfig(0))
			eventually(t, "it is accepted", func() bool { return srv.Stats().Accepted == 1 })
			row.act(r)
			if row.name == "no request" {
				if head := r.head(); !strings.HasPrefix(head, "HTTP/1.1 408 ") {
					t.Errorf("got %q", head)
				}
				_ = r.TCPConn.Close()
			}
			eventually(t, "it is cut", func() bool { return srv.Conns() == 0 })
		})
	}
}
