package clients

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// patience bounds everything that a test waits for. It is no expectation: a healthy run never
// comes near it, and a loaded machine must not fail.
const patience = 30 * time.Second

// exchange is one thing that a client says to the echo server and what it must hear back.
// The table lies in exchanges.json, because the clients in other languages perform it too.
type exchange struct {
	Name string
	// Do says how the exchange goes:
	//   - echo: the message comes back with the same opcode and the same payload.
	//   - refuse: the message is answered with nothing but a close frame that carries Code.
	//   - ping: a pong with the same payload comes back (RFC 6455, section 5.5.3).
	//   - close: a close with Code and Reason is answered with the same code (section 5.5.1).
	//   - pipeline: Count messages, sent before one is read, come back in their order.
	//   - subprotocol: Subprotocols are offered and the server chooses none (section 4.2.2).
	Do string
	// Opcode is text or binary.
	Opcode string
	// Text is the unit of the payload, unless Octets is "all": then it is the octets 0 to 255.
	Text, Octets string
	// Times is how often the unit stands in the payload; 0 means once.
	Times int
	// Fragment, if not 0, cuts the message into frames of that many octets. A client that only
	// sends whole characters cuts text into that many characters instead.
	Fragment     int
	Code         int
	Reason       string
	Count        int
	Subprotocols []string
}

//go:embed exchanges.json
var exchangesJSON []byte

// exchanges is the table of exchanges.json; TestMain fills it in.
var exchanges []exchange

func parseExchanges() ([]exchange, error) {
	d := json.NewDecoder(bytes.NewReader(exchangesJSON))
	d.DisallowUnknownFields()
	var table []exchange
	if err := d.Decode(&table); err != nil {
		return nil, fmt.Errorf("exchanges.json: %w", err)
	}
	return table, nil
}

func (x exchange) payload() []byte {
	unit := []byte(x.Text)
	if x.Octets == "all" {
		unit = make([]byte, 256)
		for i := range unit {
			unit[i] = byte(i)
		}
	}
	return bytes.Repeat(unit, max(x.Times, 1))
}

// conversation is one open connection as one client library sees it. A driver implements it.
type conversation interface {
	// send sends one message, in frames of fragment octets if fragment is not 0.
	send(opcode string, payload []byte, fragment int) error
	// receive returns the next message, or a closedError when a close frame came instead.
	receive() (opcode string, payload []byte, err error)
	// ping returns nil when a pong with the same payload came back.
	ping(payload []byte) error
	// close sends a close frame and returns the close code of the answer.
	close(code int, reason string) (int, error)
	// subprotocol returns what the server chose.
	subprotocol() string
	// drop ends the TCP connection without another word.
	drop()
}

// dialer opens a connection for one exchange. Every later call on the connection is bounded by
// the deadline of ctx.
type dialer func(ctx context.Context, url string, x exchange) (conversation, error)

// closedError says that the server sent a close frame with this code.
type closedError int

func (e closedError) Error() string { return fmt.Sprintf("closed by the server with %d", int(e)) }

// runExchanges performs the whole table, a connection and a subtest for each exchange.
func runExchanges(t *testing.T, url string, dial dialer) {
	for _, x := range exchanges {
		t.Run(x.Name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			c, err := dial(ctx, url, x)
			if err != nil {
				t.Fatalf("dial: %v", err)
			}
			defer c.drop()
			if err := x.perform(c); err != nil {
				t.Error(err)
			}
		})
	}
}

func (x exchange) perform(c conversation) error {
	switch x.Do {
	case "echo":
		if err := c.send(x.Opcode, x.payload(), x.Fragment); err != nil {
			return fmt.Errorf("send: %w", err)
		}
		return expectMessage(c, x.Opcode, x.payload())
	case "refuse":
		return x.performRefuse(c)
	case "ping":
		return c.ping(x.payload())
	case "close":
		return x.performClose(c)
	case "pipeline":
		return x.performPipeline(c)
	case "subprotocol":
		if got := c.subprotocol(); got != "" {
			return fmt.Errorf("the server chose subprotocol %q, want none", got)
		}
		return nil
	}
	return fmt.Errorf("exchanges.json: unknown exchange %q", x.Do)
}

// performRefuse ignores the error of the sending: the server may close before it has read all.
func (x exchange) performRefuse(c conversation) error {
	sendErr := c.send(x.Opcode, x.payload(), x.Fragment)
	opcode, payload, err := c.receive()
	if err == nil {
		return fmt.Errorf("received %s, want a close with %d", excerpt(opcode, payload), x.Code)
	}
	if err != closedError(x.Code) {
		return fmt.Errorf("receive: %w, want a close with %d (send: %v)", err, x.Code, sendErr)
	}
	return nil
}

func (x exchange) performClose(c conversation) error {
	code, err := c.close(x.Code, x.Reason)
	if err != nil {
		return fmt.Errorf("close: %w", err)
	}
	if code != x.Code {
		return fmt.Errorf("close with %d was answered with %d", x.Code, code)
	}
	return nil
}

func (x exchange) performPipeline(c conversation) error {
	message := func(i int) []byte { return fmt.Append(nil, x.Text, i) }
	for i := range x.Count {
		if err := c.send(x.Opcode, message(i), 0); err != nil {
			return fmt.Errorf("send message %d: %w", i, err)
		}
	}
	for i := range x.Count {
		if err := expectMessage(c, x.Opcode, message(i)); err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
	}
	return nil
}

// expectMessage receives one message and compares it.
func expectMessage(c conversation, opcode string, payload []byte) error {
	gotOpcode, got, err := c.receive()
	if err != nil {
		return fmt.Errorf("receive: %w", err)
	}
	if gotOpcode != opcode || !bytes.Equal(got, payload) {
		return fmt.Errorf("received %s, want %s", excerpt(gotOpcode, got), excerpt(opcode, payload))
	}
	return nil
}

// excerpt describes a message in one short line.
func excerpt(opcode string, payload []byte) string {
	return fmt.Sprintf("%s of %d octets %.40q", opcode, len(payload), payload)
}

// cut returns payload in pieces of fragment octets, or whole if fragment is 0.
func cut(payload []byte, fragment int) [][]byte {
	if fragment == 0 {
		return [][]byte{payload}
	}
	var pieces [][]byte
	for len(payload) > fragment {
		pieces = append(pieces, payload[:fragment])
		payload = payload[fragment:]
	}
	return append(pieces, payload)
}
