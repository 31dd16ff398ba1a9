package reactor_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"log"
	"strings"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// uploads hashes what is uploaded, as it arrives. A file could take the place of the hash if it is on a disk that
// does not block for long.
type uploads struct{ reactor.NopHandler }

func (uploads) OnOpen(c *reactor.Conn) { c.Data = sha256.New() }

func (uploads) OnChunk(c *reactor.Conn, ch codec.Chunk) {
	sum := c.Data.(hash.Hash)
	if ch.First {
		sum.Reset()
	}
	sum.Write(ch.Payload)
	if ch.Final {
		c.WriteText(fmt.Sprintf("%x", sum.Sum(nil)))
	}
}

// A handler with OnChunk takes long messages as they arrive, and WriteFrom sends them as they are read: neither
// end ever has more than a piece of one in memory.
func ExampleChunkHandler() {
	srv := &reactor.Server{Handler: uploads{}, MaxStream: 10 << 30}
	url := start(srv)
	defer srv.Close()

	h := printer{printed: make(chan struct{})}
	client := &reactor.Client{}
	defer client.Close()
	c, err := client.Dial(context.Background(), url, h, nil)
	if err != nil {
		log.Fatal(err)
	}
	n, err := c.WriteFrom(codec.Binary, strings.NewReader(strings.Repeat("water over the weir\n", 100_000)))
	if err != nil {
		log.Fatal(err)
	}
	<-h.printed
	fmt.Println(n, "bytes")
	// Output:
	// 4dc96fd2509909f3eb05c568376849c78d23e27489548f04e94f95598ad4a257
	// 2000000 bytes
}

// download is one that goes on whenever there is room. It is for handlers: no goroutine has to wait.
type download struct {
	*reactor.MessageWriter
	rest []byte
}

// step sends what there is room for.
func (d *download) step() {
	n, err := d.Write(d.rest)
	d.rest = d.rest[n:]
	if err == nil {
		d.Close()
	} else if !errors.Is(err, reactor.ErrBufferFull) {
		log.Print(err) // the connection has closed
	}
}

// Write takes what there is room for, and OnDrain tells when there is more.
func ExampleConn_NewWriter() {
	srv := &reactor.Server{
		Handler: reactor.HandlerFunc(func(c *reactor.Conn, m codec.Message) {
			w, err := c.NewWriter(codec.Binary)
			if err != nil {
				return
			}
			d := &download{w, make([]byte, 5_000_000)}
			c.Data = d
			d.step()
		}),
		OnDrain: func(c *reactor.Conn) {
			if d, ok := c.Data.(*download); ok && len(d.rest) > 0 {
				d.step()
			}
		},
	}
	url := start(srv)
	defer srv.Close()

	got := make(counter)
	client := &reactor.Client{}
	defer client.Close()
	c, err := client.Dial(context.Background(), url, got, nil)
	if err != nil {
		log.Fatal(err)
	}
	c.WriteText("send it")
	fmt.Println(<-got, "bytes")
	// Output: 5000000 bytes
}

// counter counts the bytes of long messages.
type counter chan int

func (counter) OnOpen(c *reactor.Conn)                 { c.Data = 0 }
func (counter) OnMessage(*reactor.Conn, codec.Message) {}
func (counter) OnClose(*reactor.Conn, error)           {}
func (n counter) OnChunk(c *reactor.Conn, ch codec.Chunk) {
	c.Data = c.Data.(int) + len(ch.Payload)
	if ch.Final {
		n <- c.Data.(int)
	}
}

var _ io.WriteCloser = (*reactor.MessageWriter)(nil)
