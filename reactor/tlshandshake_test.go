package reactor

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.org/weir/codec"
)

// TestTLSResumption connects twice: the second handshake is the short one, since all connections of a
// server share the keys of its tickets.
func TestTLSResumption(t *testing.T) {
	for _, v := range tlsVersions {
		resumed := make(chan bool, 1)
		addr := serveTLS(t, &Server{Upgrade: func(c *Conn, _ *Upgrade) error {
			state, _ := c.TLS()
			resumed <- state.DidResume
			return nil
		}})
		cfg := clientConfig(v)
		cfg.ClientSessionCache = tls.NewLRUClientSessionCache(4)
		cl := &Client{TLS: cfg}
		t.Cleanup(func() { _ = cl.Close() })
		for i, open := range []func(){
			func() { r := openTLS(t, addr, cfg); r.send(text("ticket")); r.want(codec.Text, "ticket") },
			func() { openTLS(t, addr, cfg) },
			func() {
				cfg.ClientSessionCache = tls.NewLRUClientSessionCache(4) // empty: Client is to fill it
				if _, err := cl.Dial(t.Context(), "wss://"+addr, NopHandler{}, nil); err != nil {
					t.Fatal(err)
				}
			},
			func() {
				if _, err := cl.Dial(t.Context(), "wss://"+addr, NopHandler{}, nil); err != nil {
					t.Fatal(err)
				}
			},
		} {
			open()
			if got := within(t, resumed); got != (i%2 == 1) {
				t.Errorf("%s: connection %d is resumed: %v", tls.VersionName(v), i, got)
			}
		}
	}
}

// TestTLSClientCertificate requires one. Server.Upgrade sees whose it is.
func TestTLSClientCertificate(t *testing.T) {
	for _, v := range tlsVersions {
		names := make(chan string, 1)
		var log logBuffer
		srv := &Server{TLS: serverConfig(), Logger: log.logger(), Upgrade: func(c *Conn, _ *Upgrade) error {
			state, _ := c.TLS()
			names <- state.PeerCertificates[0].Subject.CommonName
			return nil
		}}
		srv.TLS.ClientAuth = tls.RequireAndVerifyClientCert
		addr := serveTLS(t, srv)
		cfg := clientConfig(v)
		cfg.Certificates = []tls.Certificate{authority().issue("alice")}
		openTLS(t, addr, cfg)
		if got := within(t, names); got != "alice" {
			t.Errorf("%s: it is %q", tls.VersionName(v), got)
		}
		r := dialTLS(t, addr, clientConfig(v))
		_, err := io.WriteString(r.tls, request())
		if err == nil {
			_, err = r.in.Peek(1)
		}
		wantAlert(t, err, map[uint16]string{tls.VersionTLS12: "handshake failure", tls.VersionTLS13: "certificate required"}[v])
		eventually(t, "it is counted and logged", func() bool {
			return srv.TLSFailures() == 1 && strings.Contains(log.String(), `level=DEBUG msg="TLS handshake failed"`)
		})
	}
}

// TestTLSNames chooses the certificate by the name that the client asks for (SNI), among several and by
// GetCertificate.
func TestTLSNames(t *testing.T) {
	several := serverConfig("a.example", "b.example")
	var asked atomic.Value
	chosen := &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		asked.Store(fmt.Sprint(hello.ServerName, " ", hello.Conn.RemoteAddr(), " ", hello.Conn.LocalAddr()))
		cert := authority().issue(hello.ServerName)
		return &cert, nil
	}}
	for _, cfg := range []*tls.Config{several, chosen} {
		addr := serveTLS(t, &Server{TLS: cfg})
		for _, name := range []string{"a.example", "b.example"} {
			ours := clientConfig(0)
			ours.ServerName = name
			r := openTLS(t, addr, ours)
			if got := r.tls.ConnectionState().PeerCertificates[0].Subject.CommonName; got != name {
				t.Errorf("asked for %s, got the certificate of %s", name, got)
			}
			if want := fmt.Sprint(name, " ", r.LocalAddr(), " ", r.RemoteAddr()); cfg == chosen && asked.Load() != want {
				t.Errorf("GetCertificate was told %q, want %q", asked.Load(), want)
			}
		}
	}
}

// TestTLSProtocols agrees on http/1.1 (RFC 7301), whatever else the configuration has.
func TestTLSProtocols(t *testing.T) {
	for _, row := range []struct {
		server, client []string
		want           string
		alert          string
	}{
		{nil, []string{"h2", "http/1.1"}, "http/1.1", ""},
		{nil, nil, "", ""},
		{[]string{"h2", "http/1.1"}, []string{"h2", "http/1.1"}, "http/1.1", ""},
		{[]string{"h2"}, []string{"http/1.1"}, "http/1.1", ""},
		{nil, []string{"h2"}, "", "no application protocol"},
		{[]string{"h2"}, []string{"h2"}, "", "no application protocol"},
	} {
		cfg := serverConfig()
		cfg.NextProtos = row.server
		ours := clientConfig(0)
		ours.NextProtos = row.client
		r := dialTLS(t, serveTLS(t, &Server{TLS: cfg}), ours)
		err := r.tls.Handshake()
		if row.alert != "" {
			wantAlert(t, err, row.alert)
			continue
		}
		if err != nil || r.tls.ConnectionState().NegotiatedProtocol != row.want {
			t.Errorf("%v and %v agree on %q, %v", row.server, row.client, r.tls.ConnectionState().NegotiatedProtocol, err)
		}
	}
}

// TestTLSGarbage sends what is no ClientHello.
func TestTLSGarbage(t *testing.T) {
	for _, row := range []struct{ name, sent, want string }{
		{"HTTP", request(), "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"},
		{"HTTP with a long body", "POST / HTTP/1.1\r\n\r\n" + strings.Repeat("x", 2*tlsHello), httpToTLS},
		{"HTTP, without Server.Page", "HEAD / HTTP/1.1\r\n\r\n", httpToTLS},
		{"random", "\xf3\x07\x99\x14 nothing that is known", ""},
		{"no record of TLS", "\x16\x09\x09\x00\x05hello", "\x15\x03\x01\x00\x02\x02"},
		{"SSL 2", "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80", "\x15\x03\x01\x00\x02\x02\x46"},
		{"a ClientHello of nonsense", "\x16\x03\x01\x00\x09\x01\x00\x00\x05hello", "\x15\x03\x01\x00\x02\x02\x32"},
		{"another message", "\x16\x03\x01\x00\x04\x0e\x00\x00\x00", "\x15\x03\x01\x00\x02\x02\x0a"},
		{"too long a record", "\x16\x03\x01\xff\xff", "\x15\x03\x01\x00\x02\x02\x16"},
	} {
		t.Run(row.name, func(t *testing.T) {
			srv := &Server{}
			r := dialRaw(t, serveTLS(t, srv))
			r.send(row.sent)
			got, err := io.ReadAll(r.in)
			if err != nil || !strings.HasPrefix(string(got), row.want) || (row.want == "") != (len(got) == 0) {
				t.Errorf("got %q, %v, want %q", got, err, row.want)
			}
			_ = r.Close()
			eventually(t, "it has gone", func() bool { return srv.Conns() == 0 && srv.TLSFailures() == 1 })
		})
	}
}

// TestTLSTooMuchAhead sends without end while its handshake is not done.
func TestTLSTooMuchAhead(t *testing.T) {
	for name, tt := range map[string]struct {
		hold func(cfg *tls.Config, wait func())
		most int
	}{
		"before the server has answered": {func(cfg *tls.Config, wait func()) {
			cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { wait(); return nil, nil }
		}, tlsHello},
		"after that": {func(cfg *tls.Config, wait func()) {
			cfg.VerifyConnection = func(tls.ConnectionState) error { wait(); return nil }
		}, tlsAhead},
	} {
		t.Run(name, func(t *testing.T) { testTLSTooMuchAhead(t, tt.hold, tt.most) })
	}
}

// testTLSTooMuchAhead sends more than is taken in while the server's callback, which hold sets, waits.
func testTLSTooMuchAhead(t *testing.T, hold func(cfg *tls.Config, wait func()), most int) {
	begun, release := make(chan struct{}), make(chan struct{})
	cfg := serverConfig()
	hold(cfg, func() {
		close(begun)
		<-release
	})
	var log logBuffer
	srv := &Server{TLS: cfg, Logger: log.logger()}
	r := dialTLS(t, serveTLS(t, srv), clientConfig(0))
	ended := make(chan error, 1)
	go func() {
		_ = r.tls.Handshake()
		_, err := r.tls.Read(make([]byte, 1)) // the client has done its part before the server knows
		ended <- err
	}()
	within(t, begun)
	goOn := sync.OnceFunc(func() { close(release) })
	defer goOn()
	if _, err := r.TCPConn.Write(make([]byte, most+1)); err == nil { // else it has been cut before the last
		if err := within(t, ended); err == nil {
			t.Error("the server takes it")
		}
	}
	goOn()
	eventually(t, "it is counted, and the reason in the log", func() bool {
		return srv.TLSFailures() == 1 && strings.Contains(log.String(), errTLSAhead.Error())
	})
}

// TestTLSAhead begins to speak before the server knows that the handshake is done.
func TestTLSAhead(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	cfg := serverConfig()
	cfg.VerifyConnection = func(tls.ConnectionState) error {
		close(begun)
		<-release
		return nil
	}
	srv := &Server{TLS: cfg}
	r := dialTLS(t, serveTLS(t, srv), clientConfig(tls.VersionTLS13))
	ahead := strings.Repeat("ahead", 2*tlsHello/5)
	r.send(request(), text(ahead))
	within(t, begun)
	eventually(t, "the server has it", func() bool {
		kept := make(chan int, 1)
		srv.core.engines[0].eachConn(func(c *Conn) { kept <- len(c.rare.tls.keep(nil)) })
		return within(t, kept) > len(ahead)
	})
	close(release)
	r.head()
	r.want(codec.Text, ahead)
}

// TestTLSFailureOfTheGone counts a handshake whose client goes away in the middle of it.
func TestTLSFailureOfTheGone(t *testing.T) {
	var log logBuffer
	srv := &Server{Logger: log.logger()}
	r := dialTLS(t, serveTLS(t, srv), clientConfig(0))
	r.wire.write = func(p []byte) (int, error) { // the ClientHello and no more
		r.wire.write = func(p []byte) (int, error) { return len(p), nil }
		return r.TCPConn.Write(p)
	}
	if err := r.tls.Handshake(); err != nil {
		t.Fatal(err)
	}
	_ = r.TCPConn.Close()
	eventually(t, "it is counted and logged", func() bool {
		return srv.TLSFailures() == 1 && strings.Contains(log.String(), `level=DEBUG msg="TLS handshake failed" err="use of closed network connection" remote=127.0.0.1:`)
	})
}

// TestTLSCallbackPanics costs only the connection.
func TestTLSCallbackPanics(t *testing.T) {
	var log logBuffer
	cfg := serverConfig("good.example")
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if hello.ServerName == "localhost" {
			panic("at the callback")
		}
		return nil, nil
	}
	addr := serveTLS(t, &Server{TLS: cfg, Logger: log.logger()})
	if err := dialTLS(t, addr, clientConfig(0)).tls.Handshake(); err == nil {
		t.Error("the handshake was done")
	}
	if !strings.Contains(log.String(), "at the callback") {
		t.Errorf("the log says %s", log.String())
	}
	ours := clientConfig(0)
	ours.ServerName = "good.example"
	openTLS(t, addr, ours)
}

// TestTLSHandshakesWait has more handshakes than there may be at a time. They wait, those that go
// meanwhile are not done, and the others are, one after the other.
func TestTLSHandshakesWait(t *testing.T) {
	const clients = 8
	var calls, now, tooMany atomic.Int32
	release := make(chan struct{})
	cfg := serverConfig()
	cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		calls.Add(1)
		if now.Add(1) > 2 {
			tooMany.Add(1)
		}
		<-release
		now.Add(-1)
		return nil, nil
	}
	srv := &Server{TLS: cfg}
	addr := serveTLS(t, srv)
	q := &srv.core.tls
	q.mu.Lock()
	q.most = 2
	q.mu.Unlock()
	done := make(chan error, clients)
	var conns []*tlsClient
	for i := range clients {
		r := dialTLS(t, addr, clientConfig(0))
		conns = append(conns, r)
		go func() { done <- r.tls.Handshake() }()
		eventually(t, "it runs or waits", func() bool {
			q.mu.Lock()
			defer q.mu.Unlock()
			return q.running == min(i+1, 2) && len(q.waiting) == max(i-1, 0)
		})
	}
	_ = conns[4].TCPConn.Close()
	_ = conns[5].TCPConn.Close()
	eventually(t, "two have gone", func() bool { return srv.Conns() == clients-2 })
	close(release)
	failed := 0
	for range clients {
		if within(t, done) != nil {
			failed++
		}
	}
	if failed != 2 || calls.Load() != clients-2 || tooMany.Load() > 0 {
		t.Errorf("%d failed, %d were begun, %d of them while two others ran", failed, calls.Load(), tooMany.Load())
	}
	eventually(t, "no handshake runs", func() bool { q.mu.Lock(); defer q.mu.Unlock(); return q.running == 0 })
}

// TestTLSSlowHandshakesYield: clients that begin a handshake and say no more do not keep the others out, and
// no more of them have to go than there are others.
func TestTLSSlowHandshakesYield(t *testing.T) {
	srv := &Server{HandshakeTimeout: -1}
	addr := serveTLS(t, srv)
	q := &srv.core.tls
	q.mu.Lock()
	q.most = 3
	q.mu.Unlock()
	state := func(running, waiting int) func() bool {
		return func() bool {
			q.mu.Lock()
			defer q.mu.Unlock()
			return q.running == running && len(q.waiting) == waiting
		}
	}
	for i := range 4 {
		r := dialTLS(t, addr, clientConfig(0))
		write := r.TCPConn.Write
		r.wire.write = func(p []byte) (int, error) { // the ClientHello and no more
			r.wire.write = func(p []byte) (int, error) { return len(p), nil }
			return write(p)
		}
		go func() { _ = r.tls.Handshake() }()
		eventually(t, "it runs or waits", state(min(i+1, 3), max(i-2, 0)))
	}
	good := openTLS(t, addr, clientConfig(0))
	good.send(text("hello"))
	good.want(codec.Text, "hello")
	eventually(t, "those with a place stay", state(2, 0))
	if n := srv.TLSFailures(); n != 2 {
		t.Errorf("%d had to go, want 2", n)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.leaving != 0 {
		t.Errorf("%d are leaving", q.leaving)
	}
}

// TestTLSShutdownDuringHandshake does not wait for handshakes.
func TestTLSShutdownDuringHandshake(t *testing.T) {
	srv := &Server{HandshakeTimeout: -1}
	addr := serveTLS(t, srv)
	r := dialTLS(t, addr, clientConfig(0))
	r.wire.write = func(p []byte) (int, error) { // the ClientHello and no more
		r.wire.write = func(p []byte) (int, error) { return len(p), nil }
		return r.TCPConn.Write(p)
	}
	_ = dialTLS(t, addr, clientConfig(0)) // not even that
	if err := r.tls.Handshake(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both are there", func() bool { return srv.Conns() == 2 })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	eventually(t, "no handshake runs", func() bool {
		q := &srv.core.tls
		q.mu.Lock()
		defer q.mu.Unlock()
		return q.running == 0
	})
}

// TestTLSShutdown says goodbye inside TLS.
func TestTLSShutdown(t *testing.T) {
	srv := &Server{}
	r := openTLS(t, serveTLS(t, srv), clientConfig(0))
	ended := make(chan error, 1)
	go func() { ended <- srv.Shutdown(t.Context()) }()
	if op, p, err := r.next(); op != codec.Close || !strings.HasPrefix(p, "\x03\xe9") || err != nil {
		t.Fatalf("got %v %q, %v", op, p, err)
	}
	r.send(closeFrame(1001, ""))
	r.wantNotified()
	_ = r.TCPConn.Close()
	if err := within(t, ended); err != nil {
		t.Error(err)
	}
}

// TestTLSAddresses holds which addresses speak TLS.
func TestTLSAddresses(t *testing.T) {
	for _, row := range []struct {
		tls   *tls.Config
		addrs []string
		err   string // "": it starts
	}{
		{serverConfig(), []string{"127.0.0.1:0", "tls://127.0.0.1:0", "tls4://127.0.0.1:0", "tcp://127.0.0.1:0"}, ""},
		{nil, []string{"tls://127.0.0.1:0"}, "Server.TLS is not set"},
		{serverConfig(), []string{"tcp://127.0.0.1:0"}, "no address speaks TLS"},
		{new(tls.Config), []string{"127.0.0.1:0"}, "no certificate"},
		{serverConfig(), []string{"tls://nowhere"}, "host:port"},
	} {
		srv := &Server{Handler: echo, TLS: row.tls, Logger: quiet}
		err := srv.Start(row.addrs...)
		if row.err != "" {
			if err == nil || !strings.Contains(err.Error(), row.err) {
				t.Errorf("%v: %v, want %s", row.addrs, err, row.err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range srv.Addrs() {
			if strings.HasPrefix(row.addrs[i], "tcp") {
				open(t, a.String())
			} else {
				openTLS(t, a.String(), clientConfig(0))
			}
		}
		_ = srv.Close()
	}
}

// TestDialTLSRefused has the client refuse, or give up.
func TestDialTLSRefused(t *testing.T) {
	cl := &Client{}
	t.Cleanup(func() { _ = cl.Close() })
	var unknown *tls.CertificateVerificationError
	if _, err := cl.Dial(t.Context(), "wss://"+serveTLS(t, &Server{}), NopHandler{}, nil); !errors.As(err, &unknown) {
		t.Errorf("an unknown authority: %v", err)
	}
	var plain tls.RecordHeaderError
	if _, err := cl.Dial(t.Context(), "wss://"+serve(t, &Server{}), NopHandler{}, nil); !errors.As(err, &plain) {
		t.Errorf("a server without TLS: %v", err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	slow := &Client{HandshakeTimeout: 50 * time.Millisecond}
	t.Cleanup(func() { _ = slow.Close() })
	if _, err := slow.Dial(t.Context(), "wss://"+silent.Addr().String(), NopHandler{}, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a server that does not answer: %v", err)
	}
}

// openSSL connects OpenSSL's client to a server. What it returns sends something, or does a command of one
// letter, until the client has printed an answer so many times in all.
func openSSL(t *testing.T, addr, version string) (say func(s, answer string, times int)) {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("there is no openssl to drive")
	}
	cmd := exec.CommandContext(t.Context(), path, "s_client", "-connect", addr, version)
	var out logBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return func(s, answer string, times int) {
		t.Helper()
		_, _ = io.WriteString(in, s)
		eventually(t, answer, func() bool { return strings.Count(out.String(), answer) == times })
	}
}

// TestTLSRenegotiation has OpenSSL begin another handshake (RFC 5246 7.4.1.1), which costs a server more than its
// client: the server ends the connection.
func TestTLSRenegotiation(t *testing.T) {
	h := newProbe()
	say := openSSL(t, serveTLS(t, &Server{Handler: h}), "-tls1_2")
	say(request(), "101 Switching Protocols", 1)
	say(text("plain sailing"), "\x81\x0dplain sailing", 1)
	say("R\n", "RENEGOTIATING", 1)
	if err := within(t, h.closed); err == nil || !strings.Contains(err.Error(), "unexpected") {
		t.Errorf("OnClose got %v", err)
	}
}

// TestTLSKeyUpdate has OpenSSL change its keys, and ask for ours to be (RFC 8446 4.6.3).
func TestTLSKeyUpdate(t *testing.T) {
	say := openSSL(t, serveTLS(t, &Server{}), "-tls1_3")
	say(request(), "101 Switching Protocols", 1)
	for i := range 3 {
		say("k\n", "KEYUPDATE", 2*i+1) // its own
		say(text("plain sailing"), "\x81\x0dplain sailing", 2*i+1)
		say("K\n", "KEYUPDATE", 2*i+2) // and ours
		say(text("plain sailing"), "\x81\x0dplain sailing", 2*i+2)
	}
}

// TestDialTLSLeftover has a server speak right behind its Finished, so that the client has read it before
// the connection is an event loop's. It speaks no more then.
func TestDialTLSLeftover(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		var held bytes.Buffer
		w := &watched{Conn: conn}
		w.write = func(p []byte) (int, error) { // from the second flight on
			w.write = held.Write
			return conn.Write(p)
		}
		srv := tls.Server(w, serverConfig())
		_ = srv.Handshake()
		_, _ = io.WriteString(srv, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
		_, _ = conn.Write(held.Bytes())
		_, _ = io.Copy(io.Discard, conn)
	}()
	cl := &Client{TLS: clientConfig(tls.VersionTLS12), HandshakeTimeout: patience}
	t.Cleanup(func() { _ = cl.Close() })
	var he *codec.HandshakeError
	if _, err := cl.Dial(t.Context(), "wss://"+ln.Addr().String(), NopHandler{}, nil); !errors.As(err, &he) || he.Status != 503 {
		t.Errorf("got %v, want the status 503", err)
	}
	within(t, done)
}

// TestTLSKeyUpdateFlood does not let answers pile up for a peer that does not read them.
func TestTLSKeyUpdateFlood(t *testing.T) {
	s := newStand(t, &Server{TLS: serverConfig()})
	w := &s.c.rare.tls.wire
	for _, full := range []bool{false, true} {
		if full {
			s.c.flags.set(flagFull)
		}
		_, _ = w.Write(bytes.Repeat([]byte("a"), maxAnswers))
		s.c.unsealed(errNoMore)
		if s.c.flags.has(flagCut) {
			t.Fatalf("it is cut with %d bytes waiting, the socket full: %v", maxAnswers, full)
		}
		_, _ = w.Write([]byte("a"))
		s.c.unsealed(errNoMore)
		if cut := s.c.flags.has(flagCut); cut != full {
			t.Errorf("it is cut: %v, the socket full: %v", cut, full)
		}
		w.take()
	}
}
