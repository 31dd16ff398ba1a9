package torture

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"time"

	"example.org/weir/bench/rawpeer"
)

// request is a good request.
func (a *attack) request() rawpeer.Request {
	return rawpeer.NewRequest(a.dialer.target, rawpeer.NewKey())
}

// allowance is how long a client may stay without a whole request.
func (a *attack) allowance() time.Duration { return a.opt.HandshakeTimeout + a.opt.Grace }

// refused connects n clients that send what never makes a request, and demands that the server ends
// each in time.
func (a *attack) refused(n int, send func(i int, c *rawpeer.Conn)) {
	a.each(n, together, func(i int) {
		c := a.dial()
		if c == nil {
			return
		}
		defer c.Close()
		go send(i, c) // ends with the connection at the latest
		a.mustEnd(answer(c, a.allowance()))
	})
}

// mustEnd counts an ending, and is not content when the server has not ended the handshake.
func (a *attack) mustEnd(e ending) {
	a.ended(e)
	switch e {
	case stillOpen:
		a.fault("a client without a request was not cut within %v", a.allowance())
	case upgraded:
		a.fault("a client was upgraded that should not have been")
	}
}

func silence(a *attack) {
	a.refused(a.n(200), func(int, *rawpeer.Conn) {})
}

func halfHandshake(a *attack) {
	a.refused(a.n(200), func(i int, c *rawpeer.Conn) {
		whole := a.request().Bytes()
		_, _ = c.Write(whole[:1+i%(len(whole)-1)]) // which fails when it was cut already
	})
}

func slowHandshake(a *attack) {
	a.refused(a.n(50), func(_ int, c *rawpeer.Conn) {
		whole := a.request().Bytes()
		pause := 2 * a.allowance() / time.Duration(len(whole)) // so that it would be whole too late
		for i := range whole {
			if _, err := c.Write(whole[i : i+1]); err != nil {
				return
			}
			select {
			case <-a.ctx.Done():
				return
			case <-time.After(pause):
			}
		}
	})
}

// headLength is how long the head of a request is that nobody needs.
const headLength = 8 << 20

// stream writes p in pieces until all is written or the server has had enough.
func stream(c *rawpeer.Conn, p []byte) { _ = c.WriteChops(p, 64<<10) }

func endlessHead(a *attack) {
	a.refused(a.n(4), func(i int, c *rawpeer.Conn) {
		r := a.request()
		long := string(bytes.Repeat([]byte{'a'}, headLength))
		if i%2 == 0 {
			r.Line = "GET /" + long + " HTTP/1.1"
		} else {
			r = r.And("X-Long: " + long)
		}
		stream(c, r.Bytes())
	})
}

func headerFlood(a *attack) {
	fields := make([]string, 200_000)
	for i := range fields {
		fields[i] = fmt.Sprintf("X-%d: y", i)
	}
	request := a.request().And(fields...).Bytes()
	a.refused(a.n(4), func(_ int, c *rawpeer.Conn) { stream(c, request) })
}

func garbageBefore(a *attack) {
	a.refused(a.n(100), func(i int, c *rawpeer.Conn) {
		r := a.rand(i)
		stream(c, fill(make([]byte, 1+r.IntN(16<<10)), r))
	})
}

func tlsHello(a *attack) {
	hello := clientHello()
	a.refused(a.n(20), func(_ int, c *rawpeer.Conn) { stream(c, hello) })
}

// clientHello is what a TLS client sends first.
func clientHello() []byte {
	client, server := net.Pipe()
	defer server.Close()
	go func() {
		defer client.Close()
		_ = tls.Client(client, &tls.Config{ServerName: "localhost"}).Handshake() // fails: nobody answers
	}()
	head := make([]byte, 5) // RFC 8446 5.1: type, version, length
	if _, err := io.ReadFull(server, head); err != nil {
		return nil
	}
	body := make([]byte, int(head[3])<<8|int(head[4]))
	_, _ = io.ReadFull(server, body)
	return append(head, body...)
}
