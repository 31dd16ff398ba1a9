package natsbus_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"example.org/weir/codec"
	"example.org/weir/reactor"
	"example.org/weir/reactor/natsbus"
)

// room is an application in which everyone hears what the others say in "room".
type room struct{ reactor.NopHandler }

func (room) OnOpen(c *reactor.Conn) { _ = c.Subscribe("room") }

func (room) OnMessage(c *reactor.Conn, m codec.Message) {
	_ = c.Publish("room", m.Opcode, m.Payload)
}

// guest is a client that passes on what it hears.
type guest struct {
	reactor.NopHandler
	heard chan string
}

func (g guest) OnMessage(_ *reactor.Conn, m codec.Message) {
	g.heard <- fmt.Sprint(m.Opcode, " ", string(m.Payload))
}

func (g guest) want(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-g.heard:
		if got != want {
			t.Fatalf("heard %q, want %q", got, want)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("did not hear %q", want)
	}
}

// startRoom starts a server and returns a function that connects to it.
func startRoom(t *testing.T, bus *natsbus.Bus) (srv *reactor.Server, connect func() (*reactor.Conn, guest)) {
	t.Helper()
	srv = &reactor.Server{Handler: room{}, Bus: bus, Logger: slog.New(slog.DiscardHandler)}
	if err := srv.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	client := &reactor.Client{Logger: slog.New(slog.DiscardHandler)}
	t.Cleanup(func() {
		_ = client.Close()
		_ = srv.Close()
	})
	return srv, func() (*reactor.Conn, guest) {
		g := guest{heard: make(chan string, 100)}
		c, err := client.Dial(t.Context(), "ws://"+srv.Addrs()[0].String(), g, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c, g
	}
}

func startNATS(t *testing.T, port int) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.WaitForShutdown)
	t.Cleanup(s.Shutdown)
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	return s
}

// TestServers: two servers, with NATS, without it, and with it again.
func TestServers(t *testing.T) {
	nats := startNATS(t, server.RANDOM_PORT)
	url, port := nats.ClientURL(), nats.Addr().(*net.TCPAddr).Port
	quiet := slog.New(slog.DiscardHandler)
	busA := natsbus.New(natsbus.Options{Servers: []string{url}, Buffer: -1, Logger: quiet})
	busB := natsbus.New(natsbus.Options{Servers: []string{url}, Buffer: -1, Logger: quiet})
	srvA, connectA := startRoom(t, busA)
	srvB, connectB := startRoom(t, busB)
	speaker, atSpeaker := connectA()
	_, near := connectA()
	far, atFar := connectB()

	// untilHeard waits until NATS knows that both servers listen.
	untilHeard := func() {
		t.Helper()
		deadline := time.Now().Add(20 * time.Second)
		for _, way := range []struct {
			from *reactor.Server
			to   guest
			word string
		}{{srvA, atFar, "from A"}, {srvB, near, "from B"}} {
			for arrived := false; !arrived; {
				if time.Now().After(deadline) {
					t.Fatal("nothing arrives ", way.word)
				}
				_ = way.from.Publish("room", codec.Text, []byte(way.word))
				select {
				case got := <-way.to.heard:
					arrived = got == "text "+way.word
				case <-time.After(10 * time.Millisecond):
				}
			}
		}
		// The end of each goes to all on its own server and the other, in order.
		_ = srvA.Publish("room", codec.Text, []byte("A ends"))
		_ = srvB.Publish("room", codec.Text, []byte("B ends"))
		for _, g := range []guest{atSpeaker, near, atFar} {
			for ends := 0; ends < 2; {
				select {
				case got := <-g.heard:
					if got == "text A ends" || got == "text B ends" {
						ends++
					}
				case <-time.After(20 * time.Second):
					t.Fatal("the probes do not end")
				}
			}
		}
	}
	say := func(c *reactor.Conn, op codec.Opcode, text string) {
		t.Helper()
		if err := c.WriteMessage(op, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}

	untilHeard()
	say(speaker, codec.Text, "hello")
	near.want(t, "text hello")
	atFar.want(t, "text hello")
	say(far, codec.Binary, "hello too")
	atSpeaker.want(t, "binary hello too") // and not "hello" before it
	near.want(t, "binary hello too")

	nats.Shutdown()
	nats.WaitForShutdown()
	say(speaker, codec.Text, "anyone?")
	near.want(t, "text anyone?")
	for deadline := time.Now().Add(20 * time.Second); busA.Stats().Lost == 0; {
		if time.Now().After(deadline) {
			t.Fatalf("not lost: %+v", busA.Stats())
		}
		say(speaker, codec.Text, "lost")
		near.want(t, "text lost")
	}

	startNATS(t, port)
	for deadline := time.Now().Add(20 * time.Second); !busA.Connected() || !busB.Connected(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not back")
		}
	}
	untilHeard()
	say(speaker, codec.Text, "again")
	near.want(t, "text again")
	atFar.want(t, "text again")
	if n := srvA.TopicStats().BusErrors; n == 0 {
		t.Error("the server does not count what the bus has refused")
	}
}

// Two servers whose clients hear each other by way of NATS.
func Example() {
	srv := &reactor.Server{
		Handler: room{},
		Bus:     natsbus.New(natsbus.Options{Servers: []string{"nats://nats-1:4222", "nats://nats-2:4222"}}),
	}
	if err := srv.Start("127.0.0.1:0"); err != nil { // succeeds while NATS is away
		log.Fatal(err)
	}
	defer srv.Shutdown(context.Background())
	_ = srv.Publish("room", codec.Text, []byte("to the clients of all servers"))
}
