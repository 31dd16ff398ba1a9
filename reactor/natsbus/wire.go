package natsbus

import (
	"github.com/nats-io/nats.go"

	"example.org/weir/codec"
)

// opcodeHeader says "binary" with data that would otherwise be taken for text.
const opcodeHeader = "Weir-Opcode"

var binaryHeader = nats.Header{opcodeHeader: []string{"binary"}}

// needsHeader reports whether the opcode of a message cannot be told from its payload.
func needsHeader(op codec.Opcode, p []byte) bool {
	return op == codec.Binary && codec.ValidUTF8(p)
}

// opcodeOf tells what a NATS message is sent on as.
func opcodeOf(m *nats.Msg) codec.Opcode {
	if m.Header.Get(opcodeHeader) == "binary" || !codec.ValidUTF8(m.Data) {
		return codec.Binary
	}
	return codec.Text
}

// receiveMessage delivers m. NATS does not echo what a connection has published, but it cannot know what
// was published on the connection before this one and comes late.
func (b *Bus) receiveMessage(m *nats.Msg) {
	if m.Reply == b.from {
		return
	}
	b.state.in.Add(1)
	b.state.inBytes.Add(uint64(len(m.Data)))
	b.deliver(m.Sub.Subject[len(b.prefix):], m.Subject[len(b.prefix):], opcodeOf(m), m.Data)
}
