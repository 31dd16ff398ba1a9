package reactor

import (
	"testing"
	"time"
)

// TestIdleSoonerThanHandshake holds that an idle timeout that is shorter than the time for the
// handshake is kept from the beginning, by both sides.
func TestIdleSoonerThanHandshake(t *testing.T) {
	pongs := make(chan string, 100)
	cl, url := dialTest(t, &Server{
		HandshakeTimeout: time.Hour,
		IdleTimeout:      200 * time.Millisecond,
		OnPong:           func(*Conn, []byte) { pongs <- "server" },
	})
	if _, err := cl.Dial(t.Context(), url, newCollector(), nil); err != nil {
		t.Fatal(err)
	}
	within(t, pongs)
	_, url = dialTest(t, &Server{IdleTimeout: -1})
	pinging := &Client{
		HandshakeTimeout: time.Hour,
		IdleTimeout:      200 * time.Millisecond,
		OnPong:           func(*Conn, []byte) { pongs <- "client" },
	}
	t.Cleanup(func() { _ = pinging.Close() })
	if _, err := pinging.Dial(t.Context(), url, newCollector(), nil); err != nil {
		t.Fatal(err)
	}
	for within(t, pongs) != "client" {
		continue
	}
}
