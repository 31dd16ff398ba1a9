package codec_test

import (
	"fmt"
	"strings"

	"example.org/weir/codec"
)

// A server that keeps no context chooses among a client's offers. Here the first is declined, for its unknown parameter.
func ExampleDeflate_Accept() {
	head := []byte("GET / HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Sec-WebSocket-Extensions: permessage-deflate; level=9, permessage-deflate; client_max_window_bits\r\n\r\n")
	var parser codec.RequestParser
	if _, err := parser.Parse(head); err != nil {
		fmt.Println(err)
		return
	}
	request := parser.Request(head)

	config := codec.Deflate{ClientMaxWindowBits: 12}
	params, ok := config.Accept(request.Extensions())
	fmt.Println(ok)
	fmt.Println(params)
	// Output:
	// true
	// permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=12
}

// A client offers, checks the answer, and sends a compressed message to the server.
func ExampleDeflater() {
	config := codec.Deflate{ClientContextTakeover: true}
	fmt.Println(config.Offer())

	params, ok, err := config.Agree([]byte("permessage-deflate; server_no_context_takeover; client_max_window_bits=10"))
	if !ok || err != nil {
		fmt.Println(ok, err)
		return
	}

	client := config.NewDeflater(params, codec.Client)
	text := []byte(strings.Repeat("What I tell you three times is true. ", 30))
	var wire []byte
	for range 2 {
		wire = client.AppendMaskedFrame(wire, codec.Text, text, codec.NewMaskKey())
	}
	fmt.Println(len(wire) < len(text)/2)

	var server codec.Decoder
	server.Reset(&codec.DecoderConfig{
		MaxMessage: 1 << 20, MaxFragments: 100, Buffers: buffers{},
		Inflater: codec.NewInflater(params, codec.Server),
	})
	for range 2 {
		m, n, err := server.Decode(wire)
		fmt.Println(m.Opcode, len(m.Payload), err)
		wire = wire[n:]
	}
	// Output:
	// permessage-deflate; server_no_context_takeover; client_max_window_bits
	// true
	// text 1110 <nil>
	// text 1110 <nil>
}

// A message for many is compressed once for each size of window.
func ExampleDeflater_PreparedFrame() {
	prepared := codec.Prepare(codec.Text, []byte(strings.Repeat("news ", 100)))
	config := new(codec.Deflate)
	connection1 := config.NewDeflater(codec.DeflateParams{ServerNoContextTakeover: true}, codec.Server)
	connection2 := config.NewDeflater(codec.DeflateParams{ServerNoContextTakeover: true}, codec.Server)
	frame1, frame2 := connection1.PreparedFrame(prepared), connection2.PreparedFrame(prepared)
	fmt.Println(len(prepared.Frame()) > 500, len(frame1) < 50, &frame1[0] == &frame2[0])
	// Output:
	// true true true
}
