package conform

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"time"
	"unicode/utf8"
)

// tiny is an echo server that keeps every rule, except where faults tell it not to: either the name of a
// check that it leaves out, or of something that it does. It is written for these tests alone.
type tiny struct {
	faults []string
}

// serveTiny starts a tiny server and returns its URL.
func serveTiny(t *testing.T, faults ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &tiny{faults}
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(nc.(*net.TCPConn))
		}
	}()
	return "ws://" + l.Addr().String() + "/"
}

func (s *tiny) has(fault string) bool { return slices.Contains(s.faults, fault) }

func (s *tiny) serve(nc *net.TCPConn) {
	nc.SetDeadline(time.Now().Add(30 * time.Second))
	c := &tinyConn{tiny: s, nc: nc, r: bufio.NewReader(nc)}
	defer nc.Close()
	if c.handshake() {
		err := c.frames()
		var fail failure
		if errors.As(err, &fail) && !s.has("fail by dropping") && !s.has("ignore faults") {
			c.sendClose(binary.BigEndian.AppendUint16(nil, uint16(fail)))
		}
	}
	switch {
	case s.has("never end"):
		io.Copy(io.Discard, c.r)
		return
	case s.has("end with RST"):
		nc.SetLinger(0)
		return
	}
	nc.CloseWrite()
	io.Copy(io.Discard, c.r) // so that no RST overtakes what was sent
}

// failure is a close code with which the connection fails.
type failure int

func (failure) Error() string { return "failed" }

var errClosed = errors.New("closed")

type tinyConn struct {
	*tiny
	nc      *net.TCPConn
	r       *bufio.Reader
	opcode  byte // of the unfinished message, 0 if none
	message []byte
	pongs   []byte // put off, where a fault says so
}

// check fails the connection with code unless ok, or unless the check is left out.
func (c *tinyConn) check(name string, ok bool, code int) error {
	if ok || c.has(name) {
		return nil
	}
	if c.has("wrong code") {
		code = 1001
	}
	return failure(code)
}

func (c *tinyConn) frames() error {
	for {
		err := c.frame()
		if err != nil && !(c.has("ignore faults") && errors.As(err, new(failure))) {
			return err
		}
	}
}

func (c *tinyConn) frame() error {
	var h [14]byte
	if _, err := io.ReadFull(c.r, h[:2]); err != nil {
		return err
	}
	fin, op, masked := h[0]&0x80 != 0, h[0]&15, h[1]&0x80 != 0
	for _, err := range []error{
		c.check("opcodes", op <= 2 || op >= 8 && op <= 10, 1002),
		c.check("reserved bits", h[0]&0x70 == 0, 1002),
		c.check("masks", masked, 1002),
		c.check("fragmented control", op < 8 || fin, 1002),
		c.check("orphans", op != 0 || c.opcode != 0, 1002),
		c.check("nesting", op == 0 || op > 2 || c.opcode == 0, 1002),
	} {
		if err != nil {
			return err
		}
	}
	n, err := c.length(h[1] & 127)
	if err == nil {
		err = c.check("control length", op < 8 || n <= 125, 1002)
	}
	if err == nil && c.has("limit") && n > 1000 {
		err = failure(1009)
	}
	if err != nil {
		return err
	}
	key := h[10:14]
	if clear(key); masked {
		if _, err := io.ReadFull(c.r, key); err != nil {
			return err
		}
	}
	if op < 8 {
		return c.data(fin, op, key, n)
	}
	p := make([]byte, min(n, 1<<20))
	if _, err := io.ReadFull(c.r, p); err != nil {
		return err
	}
	for i := range p {
		p[i] ^= key[i&3]
	}
	return c.control(op, p)
}

func (c *tinyConn) length(b byte) (n uint64, err error) {
	if b < 126 {
		return uint64(b), nil
	}
	var ext [8]byte
	wide := ext[6:]
	if b == 127 {
		wide = ext[:]
	}
	if _, err := io.ReadFull(c.r, wide); err != nil {
		return 0, err
	}
	n = binary.BigEndian.Uint64(ext[:])
	if err := c.check("top bit", n>>63 == 0, 1002); err != nil {
		return 0, err
	}
	return n & (1<<63 - 1), c.check("minimal lengths", n >= 1<<16 || n >= 126 && b == 126, 1002)
}

// data takes the payload of a data frame as it comes.
func (c *tinyConn) data(fin bool, op byte, key []byte, n uint64) error {
	if op != 0 {
		c.opcode, c.message = op, nil
	}
	for i := uint64(0); i < n; {
		var chunk [4096]byte
		k, err := c.r.Read(chunk[:min(n-i, uint64(len(chunk)))])
		for j := range k {
			c.message = append(c.message, chunk[j]^key[(i+uint64(j))&3])
		}
		i += uint64(k)
		if err != nil {
			return err
		}
		if c.opcode == 1 && !c.has("late UTF-8") {
			if err := c.check("UTF-8", beginsUTF8(c.message), 1007); err != nil {
				return err
			}
		}
	}
	if !fin {
		return nil
	}
	if c.opcode == 1 {
		if err := c.check("UTF-8", utf8.Valid(c.message), 1007); err != nil {
			return err
		}
	}
	op, p := c.opcode, c.message
	c.opcode, c.message = 0, nil
	c.echo(op, p)
	return nil
}

// beginsUTF8 reports whether p can be the beginning of UTF-8.
func beginsUTF8(p []byte) bool {
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		if r == utf8.RuneError && n == 1 {
			return !utf8.FullRune(p)
		}
		p = p[n:]
	}
	return true
}

// echo sends a message back, well or not.
func (c *tinyConn) echo(op byte, p []byte) {
	switch {
	case c.has("no echo of text") && op == 1:
	case c.has("echo twice") && string(p) == "Hello, world!":
		c.send(0x80|op, p)
		c.send(0x80|op, p)
	case c.has("echo in fragments") && len(p) > 1:
		c.send(op, p[:1])
		c.send(0, nil)
		c.send(0x80, p[1:])
	case c.has("change the opcode"):
		c.send(0x82, p)
	case c.has("change the payload") && len(p) > 1000:
		p[len(p)-1]++
		c.send(0x80|op, p)
	case c.has("set RSV1"):
		c.send(0xc0|op, p)
	default:
		c.send(0x80|op, p)
	}
	c.nc.Write(c.pongs)
	c.pongs = nil
}

func (c *tinyConn) control(op byte, p []byte) error {
	switch op {
	case 9:
		switch {
		case c.has("no pongs"):
		case c.has("pongs without payload"):
			c.send(0x8a, nil)
		case c.has("pongs after the message") && c.opcode != 0:
			c.pongs = append(append(c.pongs, 0x8a, byte(len(p))), p...)
		default:
			c.send(0x8a, p)
		}
	case 10:
		if c.has("answer pongs") {
			c.send(0x8a, p)
		}
	case 8:
		for _, err := range []error{
			c.check("close of 1 byte", len(p) != 1, 1002),
			c.check("close codes", len(p) < 2 || c.legal(int(binary.BigEndian.Uint16(p))), 1002),
			c.check("close reasons", len(p) < 2 || utf8.Valid(p[2:]), 1007),
		} {
			if err != nil {
				return err
			}
		}
		if c.has("look behind close") {
			c.sendClose(p)
			for c.frame() == nil {
			}
			return errClosed
		}
		if !c.has("no close in answer") {
			c.sendClose(p)
		}
		return errClosed
	}
	return nil
}

func (c *tinyConn) legal(code int) bool {
	if c.has("old close codes") && code > 1011 && code < 3000 {
		return false
	}
	return slices.Contains([]int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014}, code) ||
		code >= 3000 && code < 5000
}

func (c *tinyConn) sendClose(p []byte) {
	if c.has("mask close frames") {
		c.nc.Write([]byte{0x88, 0x80, 0, 0, 0, 0})
		return
	}
	c.send(0x88, p[:min(len(p), 2)/2*2])
}

// send writes a frame whose first byte is b.
func (c *tinyConn) send(b byte, p []byte) {
	frame := []byte{b}
	switch n := len(p); {
	case n < 126 && !c.has("send long lengths"):
		frame = append(frame, byte(n))
	case n < 1<<16:
		frame = binary.BigEndian.AppendUint16(append(frame, 126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 127), uint64(n))
	}
	c.nc.Write(append(frame, p...))
}
