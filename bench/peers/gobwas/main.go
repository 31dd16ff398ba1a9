// Command gobwas echoes and broadcasts with github.com/gobwas/ws: its zero-copy upgrade, a goroutine
// and a buffered reader for each connection, writers from its pool, and frames that are compiled
// once for a broadcast.
package main

import (
	"bufio"
	"flag"
	"io"
	"log"
	"net"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"example.org/weir/bench/peers/topic"
)

const maxMessage = 16 << 20

var topics topic.Registry[*member]

// member is a connection in a topic.
type member struct {
	*topic.Queue[[]byte]
}

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "listen on this `address`")
	flag.Parse()
	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	for {
		c, err := ln.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(c)
	}
}

func serve(c net.Conn) {
	defer c.Close()
	var path string
	u := ws.Upgrader{OnRequest: func(uri []byte) error { path = string(uri); return nil }}
	if _, err := u.Upgrade(c); err != nil {
		return
	}
	control := wsutil.ControlFrameHandler(c, ws.StateServerSide)
	r := &wsutil.Reader{
		Source:         bufio.NewReader(c),
		State:          ws.StateServerSide,
		CheckUTF8:      true,
		MaxFrameSize:   maxMessage,
		OnIntermediate: control,
	}
	if name, ok := topic.Of(path); ok {
		broadcast(c, r, control, name)
	} else {
		echo(c, r, control)
	}
}

func echo(c net.Conn, r *wsutil.Reader, control wsutil.FrameHandlerFunc) {
	for {
		h, err := next(r, control)
		if err != nil {
			return
		}
		if err := copyMessage(c, r, h); err != nil {
			return
		}
	}
}

// copyMessage sends back the message that begins with h, as one frame in one write.
func copyMessage(c net.Conn, r *wsutil.Reader, h ws.Header) error {
	w := wsutil.GetWriter(c, ws.StateServerSide, h.OpCode, int(h.Length)+ws.MaxHeaderSize)
	defer wsutil.PutWriter(w)
	w.DisableFlush()
	if _, err := io.Copy(w, r); err != nil {
		return err
	}
	return w.Flush()
}

func broadcast(c net.Conn, r *wsutil.Reader, control wsutil.FrameHandlerFunc, name string) {
	send := func(frame []byte) error {
		_, err := c.Write(frame)
		return err
	}
	m := &member{topic.NewQueue(send, func() { c.Close() })}
	defer m.Close()
	topics.Join(name, m)
	defer topics.Leave(name, m)
	for {
		h, err := next(r, control)
		if err != nil {
			return
		}
		payload, err := io.ReadAll(r)
		if err != nil {
			return
		}
		frame, err := ws.CompileFrame(ws.NewFrame(h.OpCode, true, payload))
		if err != nil {
			return
		}
		topics.Each(name, func(m *member) { m.Put(frame) })
	}
}

// next returns the header of the next message, after the control frames before it.
func next(r *wsutil.Reader, control wsutil.FrameHandlerFunc) (ws.Header, error) {
	for {
		h, err := r.NextFrame()
		if err != nil || !h.OpCode.IsControl() {
			return h, err
		}
		if err := control(h, r); err != nil {
			return h, err
		}
	}
}
