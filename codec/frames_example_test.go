package codec_test

import (
	"errors"
	"fmt"
	"io"

	"example.org/weir/codec"
)

// buffers lends a new buffer each time; a server takes a pool.
type buffers struct{}

func (buffers) Get() *codec.Buffer { return new(codec.Buffer) }
func (buffers) Put(*codec.Buffer)  {}

// A server decodes what has arrived in a loop, until nothing is complete any more. Here a text in two
// fragments arrives with a ping between them, in pieces that end anywhere.
func ExampleDecoder() {
	config := &codec.DecoderConfig{
		Role:         codec.Server,
		MaxMessage:   1 << 20,
		MaxFragments: 100,
		Buffers:      buffers{},
	}
	var d codec.Decoder
	d.Reset(config)
	defer d.Release()

	for _, arrived := range []string{
		"\x01\x83\x37\xfa\x21",                     // the beginning of a header,
		"\x3d\x7f\x9f\x4d\x89\x80\x00\x00\x00\x00", // its end, "Hel" and a ping,
		"\x80\x82\x37\xfa\x21\x3d\x5b",             // "l",
		"\x95\x88\x82\x00\x00\x00\x00\x03\xe8",     // "o" and a close frame
	} {
		p := []byte(arrived)
		for {
			m, n, err := d.Decode(p)
			if err != nil {
				fmt.Println(err)
				return
			}
			if m.Opcode == codec.Continuation {
				break // more has to arrive
			}
			fmt.Printf("%v: %q\n", m.Opcode, m.Payload)
			p = p[n:]
		}
	}
	// Output:
	// ping: ""
	// text: "Hello"
	// close: "\x03\xe8"
}

func ExampleAppendFrame() {
	var out []byte
	out = codec.AppendFrame(out, codec.Text, []byte("Hello"))
	out = codec.AppendFrame(out, codec.Pong, nil)
	fmt.Printf("% x\n", out)
	// Output: 81 05 48 65 6c 6c 6f 8a 00
}

// A client masks every frame, with a fresh key from NewMaskKey. This key is the RFC's, for the sake of
// the output.
func ExampleAppendMaskedFrame() {
	key := codec.MaskKeyOf([4]byte{0x37, 0xfa, 0x21, 0x3d})
	fmt.Printf("% x\n", codec.AppendMaskedFrame(nil, codec.Text, []byte("Hello"), key))
	// Output: 81 85 37 fa 21 3d 7f 9f 4d 51 58
}

// A message for many receivers is encoded once.
func ExamplePrepare() {
	m := codec.Prepare(codec.Text, []byte("to all"))
	for range 2 {
		fmt.Printf("% x\n", m.Frame())
	}
	// Output:
	// 81 06 74 6f 20 61 6c 6c
	// 81 06 74 6f 20 61 6c 6c
}

// An error of a Decoder says what the close frame is to say.
func ExampleCloseError() {
	var d codec.Decoder
	d.Reset(&codec.DecoderConfig{Role: codec.Server, Buffers: buffers{}})

	_, _, err := d.Decode([]byte("\x81\x05Hello")) // a client has to mask
	var violation *codec.CloseError
	if errors.As(err, &violation) {
		payload, _ := codec.AppendClose(nil, violation.Code, violation.Reason)
		fmt.Println(violation.Code)
		fmt.Printf("%q\n", codec.AppendFrame(nil, codec.Close, payload))
	}
	fmt.Println(errors.Is(err, codec.ErrNotMasked))

	lost := &codec.CloseError{Code: codec.CloseAbnormal, Cause: io.ErrUnexpectedEOF}
	fmt.Println(lost)
	// Output:
	// 1002 (Protocol error)
	// "\x882\x03\xeaframe from a client is not masked (RFC 6455 5.1)"
	// true
	// websocket: closed: 1006 (Abnormal Closure): unexpected EOF
}

func ExampleParseClose() {
	code, reason, err := codec.ParseClose([]byte("\x03\xe9closing time"))
	fmt.Println(code, string(reason), err)
	_, _, err = codec.ParseClose([]byte("\x03\xee")) // 1006 is never on the wire
	fmt.Println(err)
	// Output:
	// 1001 (Going Away) closing time <nil>
	// websocket: closed: 1002 (Protocol error): close frame with a code that may not be sent (RFC 6455 7.4)
}
