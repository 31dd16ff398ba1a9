package natsbus

import (
	"testing"

	"github.com/nats-io/nats.go"

	"example.org/weir/codec"
)

// TestWire: what stands on the wire, and that it is understood again.
func TestWire(t *testing.T) {
	s := natsServer(t, nil)
	a := newPeer(t, Options{Servers: []string{s.ClientURL()}})
	b := newPeer(t, Options{Servers: []string{s.ClientURL()}}, "x")
	meet(t, a, b)
	other := client(t, s)
	sub, err := other.SubscribeSync("weir.x")
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name    string
		op      codec.Opcode
		payload string
		header  string
		arrives codec.Opcode
	}{
		{"text", codec.Text, "hällo", "", codec.Text},
		{"empty text", codec.Text, "", "", codec.Text},
		{"binary", codec.Binary, "\xff\x00", "", codec.Binary},
		{"binary that could be text", codec.Binary, "abc", "binary", codec.Binary},
		{"empty binary", codec.Binary, "", "binary", codec.Binary},
		{"text that is not UTF-8", codec.Text, "\xed\xa0\x80", "", codec.Binary},
	} {
		t.Run(row.name, func(t *testing.T) {
			already := len(b.all())
			if err := a.Publish("x", row.op, []byte(row.payload)); err != nil {
				t.Fatal(err)
			}
			m, err := sub.NextMsg(patience)
			if err != nil {
				t.Fatal(err)
			}
			if string(m.Data) != row.payload || m.Header.Get("Weir-Opcode") != row.header || row.header == "" && len(m.Header) > 0 || m.Reply != a.from {
				t.Errorf("on the wire: %q, header %v, reply %q", m.Data, m.Header, m.Reply)
			}
			got := b.awaitHeard(t, already+1)[already]
			if got.op != row.arrives || got.payload != row.payload {
				t.Errorf("arrives as %v %q", got.op, got.payload)
			}
		})
	}
}

// TestOtherClients: what others publish, with and without a header.
func TestOtherClients(t *testing.T) {
	s := natsServer(t, nil)
	a := newPeer(t, Options{Servers: []string{s.ClientURL()}}, "x")
	b := newPeer(t, Options{Servers: []string{s.ClientURL()}})
	meet(t, b, a)
	other := client(t, s)
	want := []heard{
		{"x", "x", codec.Text, "plain"},
		{"x", "x", codec.Binary, "\xff"},
		{"x", "x", codec.Binary, "said to be binary"},
		{"x", "x", codec.Text, "said to be text"},
		{"x", "x", codec.Binary, "said to be text\xff"},
	}
	for i, header := range []string{"", "", "binary", "text", "text"} {
		m := nats.NewMsg("weir.x")
		m.Data = []byte(want[i].payload)
		if header != "" {
			m.Header.Set("Weir-Opcode", header)
		}
		if err := other.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	for i, got := range a.awaitHeard(t, len(want)) {
		if got != want[i] {
			t.Errorf("heard %+v, want %+v", got, want[i])
		}
	}
}
