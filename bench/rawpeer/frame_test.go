package rawpeer

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestFrameBytes(t *testing.T) {
	for _, c := range []struct {
		name  string
		frame Frame
		want  string // hex; RFC 6455 5.7 where it has the example
	}{
		{"unmasked text", Text("Hello").Unmasked(), "810548656c6c6f"},
		{"masked text", Text("Hello"), "818537fa213d7f9f4d5158"},
		{"first fragment", Text("Hel").Unmasked().More(), "010348656c"},
		{"last fragment", Continuation([]byte("lo")).Unmasked(), "80026c6f"},
		{"masked pong", Pong([]byte("Hello")), "8a8537fa213d7f9f4d5158"},
		{"16 bits", Binary(make([]byte, 256)).Unmasked(), "827e0100" + strings.Repeat("00", 256)},
		{"64 bits", Binary(make([]byte, 65536)).Unmasked(), "827f0000000000010000" + strings.Repeat("00", 65536)},
		{"forced 16 bits", Text("").WithForm(Length16).Unmasked(), "817e0000"},
		{"forced 64 bits", Text("a").WithForm(Length64).Unmasked(), "817f000000000000000161"},
		{"declared", Text("a").WithDeclared(1 << 63).Unmasked(), "817f800000000000000061"},
		{"forced 7 bits", Text("a").WithDeclared(125).WithForm(Length7).Unmasked(), "817d61"},
		{"reserved bits", Ping(nil).WithRSV(RSV1 | RSV3).Unmasked(), "d900"},
		{"reserved opcode", NewFrame(11, nil).Unmasked().More(), "0b00"},
		{"close", CloseFrame(1000, "x").Unmasked(), "880303e878"},
		{"longer than a word", Text("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00").WithKey([4]byte{1, 2, 3, 4}), "818b010203040102030401020304010203"},
		{"another key", Text("\x00").WithKey([4]byte{1, 2, 3, 4}), "81810102030401"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := hex.EncodeToString(Bytes(c.frame)); got != c.want {
				t.Errorf("got %.60s, want %.60s", got, c.want)
			}
		})
	}
}

func TestFragments(t *testing.T) {
	for _, c := range []struct {
		p    string
		size int
		want string
	}{
		{"", 3, "8100"},
		{"abc", 3, "8103616263"},
		{"abcd", 3, "0103616263800164"},
		{"abcd", 2, "0102616280026364"},
		{"abc", 1, "010161000162800163"},
	} {
		frames := Fragments(OpText, []byte(c.p), c.size)
		for i := range frames {
			frames[i] = frames[i].Unmasked()
		}
		if got := hex.EncodeToString(Bytes(frames...)); got != c.want {
			t.Errorf("%q by %d: got %s, want %s", c.p, c.size, got, c.want)
		}
	}
}

// pipe returns a Conn that receives what the test sends as the server, which then ends the connection.
func pipe(t *testing.T, sent []byte) *Conn {
	t.Helper()
	server, client := net.Pipe()
	go func() {
		server.Write(sent)
		server.Close()
	}()
	c := New(t.Context(), client, Target{Host: "h", Path: "/"})
	t.Cleanup(func() { c.Close() })
	c.Within(5 * time.Second)
	return c
}

func TestReadFrame(t *testing.T) {
	big := bytes.Repeat([]byte{1}, 200_000)
	for _, f := range []Frame{
		Text("Hello"), Text("Hello").Unmasked(), Text("").Unmasked(), Binary(big).Unmasked(), Binary(big[:126]).Unmasked(),
		Text("a").WithForm(Length16).Unmasked(), Text("a").WithForm(Length64), NewFrame(15, nil).WithRSV(7).More(),
	} {
		c := pipe(t, Bytes(f))
		got, err := c.ReadFrame(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		if got.FIN != f.FIN || got.RSV != f.RSV || got.Opcode != f.Opcode || got.Masked != f.Masked || !bytes.Equal(got.Payload, f.Payload) {
			t.Errorf("got %+v, want %+v", got, f)
		}
		if got.NonMinimal() != (f.Form != Minimal) {
			t.Errorf("NonMinimal is %t with form %d", got.NonMinimal(), f.Form)
		}
		if _, err := c.ReadFrame(1); err != io.EOF {
			t.Errorf("after the last frame: %v", err)
		}
	}
}

func TestReadFrameCut(t *testing.T) {
	whole := Bytes(Binary(make([]byte, 200)))
	for n := 1; n < len(whole); n++ {
		if _, err := pipe(t, whole[:n]).ReadFrame(1 << 20); err != io.ErrUnexpectedEOF {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	if _, err := pipe(t, whole).ReadFrame(199); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("above the limit: %v", err)
	}
}
