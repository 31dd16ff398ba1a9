package torture

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"example.org/weir/bench/rawpeer"
)

// badServer is a small WebSocket server with a goroutine per connection that bears every abuse, but
// for the fault that it is told to have. It runs in a process of its own.
type badServer struct {
	fault    string
	listener net.Listener
	stall    sync.Mutex // held long by a fault
	once     sync.Once  // for faults that happen once

	mu     sync.Mutex
	conns  int
	abused bool // there have been more connections than the bystander's and a few
	leak   [][]byte
	last   []byte // the message of a client that has left
}

// The limits of the server when it behaves.
const (
	serverHandshake    = 2 * time.Second
	serverHead         = 16 << 10
	serverMessage      = 1 << 20
	serverMaxFragments = 1 << 16
)

// runBadServer serves on a port of its choice, which it prints, until its standard input ends.
func runBadServer(fault string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(l.Addr())
	s := &badServer{fault: fault, listener: l}
	go s.accept()
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

func (s *badServer) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.count(1)
		go func() {
			defer s.leave(c)
			s.serve(c)
		}()
	}
}

func (s *badServer) count(d int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns += d
	s.abused = s.abused || s.conns > 2*bystanders
}

func (s *badServer) isAbused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.abused
}

// leave ends a connection, leaking on the way what the fault says.
func (s *badServer) leave(c net.Conn) {
	s.count(-1)
	switch s.fault {
	case "leaks descriptors":
		if f, err := c.(*net.TCPConn).File(); err == nil {
			_, _ = syscall.Dup(int(f.Fd()))
			_ = f.Close()
		}
	case "leaks memory":
		s.mu.Lock()
		s.leak = append(s.leak, bytes.Repeat([]byte{1}, 256<<10))
		s.mu.Unlock()
	}
	_ = c.Close()
}

var errHead = errors.New("not a request that can be served")

// serve serves a connection.
func (s *badServer) serve(nc net.Conn) {
	if s.fault != "never cuts" && s.fault != "takes any head" {
		_ = nc.SetDeadline(time.Now().Add(serverHandshake))
	}
	limit := int64(serverHead)
	if s.fault == "takes any head" {
		limit = 1 << 40
	}
	head := bufio.NewReader(io.LimitReader(nc, limit))
	key, deflate, err := s.readHead(head)
	if err != nil {
		_, _ = io.WriteString(nc, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		return
	}
	reply := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + rawpeer.Accept(key) + "\r\n"
	if deflate {
		reply += "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover\r\n"
	}
	_, _ = io.WriteString(nc, reply+"\r\n")
	_ = nc.SetDeadline(time.Time{})
	rest, _ := head.Peek(head.Buffered())
	c := &serverConn{badServer: s, early: !s.isAbused(), ahead: bufio.NewReader(io.MultiReader(bytes.NewReader(rest), nc))}
	var r io.Reader = c.ahead
	if s.fault == "reserves" {
		r = iotest.OneByteReader(r) // so that nothing is read beyond a frame
	}
	c.Conn = rawpeer.New(context.Background(), &buffered{nc, r}, rawpeer.Target{})
	if s.fault == "hoards" {
		c.hoard()
	}
	if s.fault == "mixes up clients" {
		c.mixUp()
	}
	c.frames()
	if len(c.message) > 8<<10 {
		s.mu.Lock()
		s.last = c.message
		s.mu.Unlock()
	}
}

// mixUp sends what a client that has left would have got.
func (c *serverConn) mixUp() {
	c.badServer.mu.Lock()
	last := c.last
	c.last = nil
	c.badServer.mu.Unlock()
	if last != nil {
		_ = c.send(rawpeer.NewFrame(rawpeer.OpBinary, last))
	}
}

// buffered is a connection of which something has been read ahead.
type buffered struct {
	net.Conn
	r io.Reader
}

func (b *buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

// readHead reads a request.
func (s *badServer) readHead(r *bufio.Reader) (key string, deflate bool, err error) {
	for first := true; ; first = false {
		line, err := r.ReadString('\n')
		switch {
		case err != nil:
			return "", false, err
		case first && !strings.HasPrefix(line, "GET /"):
			return "", false, errHead
		case line == "\r\n" && key == "":
			return "", false, errHead
		case line == "\r\n":
			return key, deflate, nil
		}
		if k, ok := strings.CutPrefix(line, "Sec-WebSocket-Key: "); ok {
			key = strings.TrimSpace(k)
		}
		deflate = deflate || (s.fault == "inflates" || s.fault == "inflates with care") && strings.Contains(line, "permessage-deflate")
	}
}

// serverConn is an upgraded connection.
type serverConn struct {
	*badServer
	*rawpeer.Conn
	early     bool          // it came before the abuse, as the bystander's do
	ahead     *bufio.Reader // below Conn
	room      []byte
	message   []byte
	opcode    byte // of the unfinished message; 0 when there is none
	rsv       byte
	fragments int

	mu    sync.Mutex
	queue [][]byte // what hoard has not written
	more  chan struct{}
}

// hoard writes in a goroutine, from a queue without a bound.
func (c *serverConn) hoard() {
	c.more = make(chan struct{}, 1)
	go func() {
		for range c.more {
			c.mu.Lock()
			queue := c.queue
			c.queue = nil
			c.mu.Unlock()
			for _, p := range queue {
				if _, err := c.Write(p); err != nil {
					return
				}
			}
		}
	}()
}

// send writes a frame.
func (c *serverConn) send(f rawpeer.Frame) error {
	p := rawpeer.Bytes(f.Unmasked())
	if c.more == nil {
		_, err := c.Write(p)
		return err
	}
	c.mu.Lock()
	c.queue = append(c.queue, p)
	c.mu.Unlock()
	select {
	case c.more <- struct{}{}:
	default:
	}
	return nil
}

// frames serves frames until the connection ends.
func (c *serverConn) frames() {
	for {
		if c.fault == "reserves" {
			c.reserve()
		}
		f, err := c.ReadFrame(serverMessage)
		if err != nil {
			if _, other := rawpeer.EndOf(err); other != nil { // too long
				c.fail(1009)
			}
			return
		}
		if code := c.handle(&f); code != 0 {
			c.fail(code)
			return
		}
	}
}

// handle returns the code to close with, 0 to go on.
func (c *serverConn) handle(f *rawpeer.Frame) int {
	if c.fault == "stalls on garbage" {
		c.stall.Lock()
		defer c.stall.Unlock()
	}
	if code := c.check(f); code != 0 {
		return code
	}
	return c.take(f)
}

// reserve makes room for what the next header promises.
func (c *serverConn) reserve() {
	head, err := c.ahead.Peek(10)
	if err == nil && head[1]&127 == 127 {
		c.room = make([]byte, min(binary.BigEndian.Uint64(head[2:]), 8<<20))
	}
}

// fail closes the connection with a code, and waits for the client to leave.
func (c *serverConn) fail(code int) {
	if c.fault == "masks" {
		_ = c.WriteFrame(rawpeer.CloseFrame(code, ""))
	}
	_ = c.send(rawpeer.CloseFrame(code, ""))
	_ = c.Conn.Conn.(*buffered).Conn.(*net.TCPConn).CloseWrite()
	c.Within(time.Second)
	_, _ = c.AwaitEnd(1 << 30)
}

// check returns the code to close with, 0 for a frame that may be.
func (c *serverConn) check(f *rawpeer.Frame) int {
	deflated := f.RSV == rawpeer.RSV1 && strings.HasPrefix(c.fault, "inflates") && !f.IsControl()
	known := f.Opcode <= rawpeer.OpBinary || f.Opcode >= rawpeer.OpClose && f.Opcode <= rawpeer.OpPong
	switch {
	case !f.Masked, f.RSV != 0 && !deflated, !known, f.NonMinimal(),
		f.IsControl() && (!f.FIN || len(f.Payload) > 125),
		f.Opcode == 0 && c.opcode == 0, !f.IsControl() && f.Opcode != 0 && c.opcode != 0:
		return c.broken()
	}
	return 0
}

// broken is what comes of garbage.
func (c *serverConn) broken() int {
	switch c.fault {
	case "dies on garbage":
		os.Exit(1)
	case "stalls on garbage":
		c.once.Do(func() { time.Sleep(1500 * time.Millisecond) }) // stall is held
	case "ignores garbage":
		return 0
	}
	return 1002
}

// take handles a frame, and returns the code to close with, 0 to go on.
func (c *serverConn) take(f *rawpeer.Frame) int {
	switch f.Opcode {
	case rawpeer.OpClose:
		return c.peerClosed(f)
	case rawpeer.OpPing:
		_ = c.send(rawpeer.Pong(f.Payload))
		return 0
	case rawpeer.OpPong:
		return 0
	}
	if f.Opcode != 0 {
		c.opcode, c.rsv, c.message, c.fragments = f.Opcode, f.RSV, nil, 0
	}
	c.message = append(c.message, f.Payload...)
	c.fragments++
	switch {
	case len(c.message) > serverMessage:
		return 1009
	case c.fragments > serverMaxFragments:
		return 1008
	case !f.FIN:
		return 0
	}
	opcode := c.opcode
	c.opcode = 0
	return c.echo(opcode)
}

func (c *serverConn) echo(opcode byte) int {
	lose := false
	if c.fault == "loses echoes" && c.early && c.isAbused() {
		c.once.Do(func() { lose = true })
	}
	switch {
	case lose:
		return 0
	case c.rsv != 0:
		r := flate.NewReader(io.MultiReader(bytes.NewReader(c.message), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff")))
		if c.fault == "inflates with care" {
			if n, _ := io.Copy(io.Discard, io.LimitReader(r, serverMessage+1)); n > serverMessage {
				return 1009
			}
		}
		all, _ := io.ReadAll(r)
		_ = c.send(rawpeer.NewFrame(opcode, all))
		return 0
	}
	_ = c.send(rawpeer.NewFrame(opcode, c.message)) // an error shows in the next read
	return 0
}

// peerClosed answers a close frame.
func (c *serverConn) peerClosed(f *rawpeer.Frame) int {
	code := f.CloseCode()
	switch {
	case c.fault == "answers each close":
		_ = c.send(rawpeer.CloseFrame(code, ""))
		return 0
	case len(f.Payload) == 0:
		return 1000
	case c.fault == "echoes any code":
		return code
	case len(f.Payload) == 1 || !mayBeSent(code):
		return 1002
	case !utf8.Valid(f.Payload[2:]):
		return 1007
	}
	return code
}
