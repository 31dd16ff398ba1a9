package conform

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"example.org/weir/bench/rawpeer"
)

// deflateParameters are rules about what a server answers to offers of permessage-deflate. One that takes
// none is not judged.
func deflateParameters() []Rule {
	g := group{section: "D1 permessage-deflate: what is agreed on", source: "RFC 7692 5.1, 7.1"}
	offer := func(name, source string, lines ...string) {
		g.add("D1", name, source, func(a *attempt) { a.offerDeflate(lines) })
	}
	const pmd = "permessage-deflate"
	offer("an offer without parameters", "", pmd)
	offer("client_max_window_bits without a value", "RFC 7692 7.1.2.2", pmd+"; client_max_window_bits")
	for _, bits := range []int{8, 9, 12, 15} {
		offer(fmt.Sprintf("client_max_window_bits=%d", bits), "RFC 7692 7.1.2.2", fmt.Sprintf("%s; client_max_window_bits=%d", pmd, bits))
		offer(fmt.Sprintf("server_max_window_bits=%d: not more is answered", bits), "RFC 7692 7.1.2.1", fmt.Sprintf("%s; server_max_window_bits=%d", pmd, bits))
	}
	offer("a quoted value", "RFC 6455 9.1", pmd+`; server_max_window_bits="10"`)
	offer("server_no_context_takeover: it is answered", "RFC 7692 7.1.1.1", pmd+"; server_no_context_takeover")
	offer("client_no_context_takeover", "RFC 7692 7.1.1.2", pmd+"; client_no_context_takeover")
	offer("all parameters at once", "", pmd+"; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=11")
	offer("two offers: one is accepted", "RFC 7692 5.1", pmd+"; server_max_window_bits=9, "+pmd)
	offer("two offers in two fields", "RFC 6455 9.1", pmd+"; server_max_window_bits=9", pmd)
	for _, bad := range []string{
		"server_max_window_bits=7", "server_max_window_bits=16", "server_max_window_bits=010", "server_max_window_bits", "server_max_window_bits=x",
		"client_max_window_bits=7", "client_max_window_bits=16", "client_max_window_bits=08", "server_no_context_takeover=1", "client_no_context_takeover=true",
		"server_no_context_takeover; server_no_context_takeover", "client_max_window_bits; client_max_window_bits=10", "x_weir_unknown", "x_weir_unknown=1",
	} {
		offer(bad+": declined", "RFC 7692 7.1: MUST decline", pmd+"; "+bad)
		offer(bad+" in the first of two offers: the second is left", "RFC 7692 5.1", pmd+"; "+bad+", "+pmd+"; client_max_window_bits")
	}
	return g.rules
}

// deflateMessages are rules about compressed messages.
func deflateMessages() []Rule {
	g := group{section: "D2 permessage-deflate: messages", source: "RFC 7692 6, 7.2"}
	long := strings.Repeat("weir and water ", 300)
	echoes := func(name, source, want string, frames ...rawpeer.Frame) {
		g.add("D2", name, source, func(a *attempt) { a.playDeflate(frames, func(got string, err error) { a.wantEcho(want, got, err) }) })
	}
	fails := func(name, source string, code closed, frames ...rawpeer.Frame) {
		g.add("D2", name, source, func(a *attempt) { a.playDeflate(frames, func(got string, err error) { a.wantFailure(code, got, err) }) })
	}
	compressed := func(s string) rawpeer.Frame {
		return rawpeer.Text(deflated(flate.DefaultCompression, s)).WithRSV(rawpeer.RSV1)
	}
	echoes("a compressed message", "", long, compressed(long))
	echoes("a message that is not compressed", "RFC 7692 6", "plain", rawpeer.Text("plain"))
	echoes("an empty message, as 00", "RFC 7692 7.2.3.6", "", rawpeer.Text("\x00").WithRSV(rawpeer.RSV1))
	echoes("two blocks", "RFC 7692 7.2.3.5", "Hello", rawpeer.Text("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00").WithRSV(rawpeer.RSV1))
	echoes("a stored block", "RFC 7692 7.2.3.3", "Hello", rawpeer.Text("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00").WithRSV(rawpeer.RSV1))
	echoes("a block with BFINAL", "RFC 7692 7.2.3.4", "Hello", rawpeer.Text("\xf3\x48\xcd\xc9\xc9\x07\x00\x00").WithRSV(rawpeer.RSV1))
	d := deflated(flate.DefaultCompression, long)
	first := rawpeer.Text(d[:1]).WithRSV(rawpeer.RSV1).More()
	echoes("a compressed message in fragments, with a ping between", "RFC 7692 6.1", long,
		first, rawpeer.Continuation([]byte(d[1:9])).More(), rawpeer.Ping(nil), rawpeer.Continuation([]byte(d[9:])))
	fails("RSV1 on a continuation", "RFC 7692 6", 1002, first, rawpeer.Continuation([]byte(d[1:])).WithRSV(rawpeer.RSV1))
	fails("RSV1 on a ping", "RFC 7692 6", 1002, rawpeer.Ping(nil).WithRSV(rawpeer.RSV1))
	fails("RSV2", "RFC 6455 5.2", 1002, rawpeer.Text(d).WithRSV(rawpeer.RSV2))
	fails("what is not a deflate stream", "RFC 6455 7.1.7", 0, rawpeer.Text("\xff\xff\xff\xff").WithRSV(rawpeer.RSV1))
	fails("text that is not UTF-8 once it is decompressed", "RFC 6455 8.1", 1007, compressed("\xff"+long))
	return g.rules
}

// deflated compresses a message (RFC 7692 7.2.1).
func deflated(level int, s string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, level) // a valid one
	_, _ = io.WriteString(w, s)
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// deflateEnd is what RFC 7692 7.2.2 has a receiver append, and an empty block that ends the stream.
const deflateEnd = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

// inflated decompresses the payload of a frame that came compressed (RFC 7692 7.2.2).
func inflated(f rawpeer.Frame) (string, error) {
	if f.RSV&rawpeer.RSV1 == 0 {
		return string(f.Payload), nil
	}
	r := flate.NewReader(io.MultiReader(bytes.NewReader(f.Payload), strings.NewReader(deflateEnd)))
	p, err := io.ReadAll(io.LimitReader(r, 1<<20))
	return string(p), err
}

// openDeflate sends a request with offers and returns what the server answered; ok is false when there is
// nothing more to judge.
func (a *attempt) openDeflate(offers []string) (conn *rawpeer.Conn, answer []string, ok bool) {
	conn, err := a.dial(a.ctx)
	if err != nil {
		a.say(Failed, "a connection", err.Error())
		return nil, nil, false
	}
	conn.Within(max(openTime, a.opts.Patience))
	var fields []string
	for _, o := range offers {
		fields = append(fields, "Sec-WebSocket-Extensions: "+o)
	}
	a.out.Sent = strings.Join(fields, ", ")
	resp, err := conn.Handshake(rawpeer.Options{Fields: fields[1:], Extensions: offers[0]})
	if err != nil {
		conn.Close()
		verdict, got := Failed, err.Error()
		if resp != nil && resp.Status/100 == 4 && !allValid(offers) {
			verdict, got = NonStrict, got+": to decline an offer is to admit without it"
		}
		a.say(verdict, "101", got)
		return nil, nil, false
	}
	for _, v := range resp.Values("Sec-WebSocket-Extensions") {
		for e := range strings.SplitSeq(v, ",") {
			answer = append(answer, strings.TrimSpace(e))
		}
	}
	return conn, answer, true
}

// offerDeflate offers, and judges the answer and an echo after it.
func (a *attempt) offerDeflate(offers []string) {
	conn, answer, ok := a.openDeflate(offers)
	if !ok {
		return
	}
	defer conn.Close()
	const expected = "an answer that fits one of the valid offers, or none, and an echo"
	all := strings.Split(strings.Join(offers, ","), ",")
	valid := 0
	for _, o := range all {
		if _, err := parseDeflate(o, true); err == nil {
			valid++
		}
	}
	if len(answer) == 0 && valid > 0 {
		a.say(Skipped, expected, "the server declines")
		return
	}
	if fault := deflateFault(all, answer); fault != "" {
		a.say(Failed, expected, strings.Join(answer, ", ")+": "+fault)
		return
	}
	if err := conn.WriteFrame(rawpeer.Text("Hello")); err != nil {
		a.say(Failed, expected, err.Error())
		return
	}
	got, err := readMessage(conn)
	if err != nil || got != "Hello" {
		a.say(Failed, expected, fmt.Sprintf("%q instead of the echo, %v", got, err))
		return
	}
	a.say(OK, expected, strings.Join(append(answer, "an echo"), ", "))
}

// readMessage reads a data frame, decompressed, and passes over control frames.
func readMessage(conn *rawpeer.Conn) (string, error) {
	for {
		f, err := conn.ReadFrame(1 << 20)
		switch {
		case err != nil:
			return "", err
		case f.Opcode == rawpeer.OpClose:
			return "", closed(f.CloseCode())
		case f.IsControl():
		case !f.FIN:
			return "", errors.New("a fragmented echo, which this rule does not read")
		default:
			return inflated(f)
		}
	}
}

// closed is the error of a connection that the server closes with a code; 0 is none.
type closed int

func (c closed) Error() string { return fmt.Sprintf("close %d", int(c)) }

// playDeflate sends frames on a connection with compression and has the first message that comes judged, or
// the error in place of it.
func (a *attempt) playDeflate(frames []rawpeer.Frame, judge func(got string, err error)) {
	conn, answer, ok := a.openDeflate([]string{"permessage-deflate; server_no_context_takeover; client_no_context_takeover"})
	if !ok {
		return
	}
	defer conn.Close()
	if len(answer) == 0 {
		a.say(Skipped, "", "the server declines")
		return
	}
	wire := rawpeer.Bytes(frames...)
	a.out.Sent += fmt.Sprintf(", % x", wire[:min(len(wire), 40)])
	if _, err := conn.Write(wire); err != nil {
		a.say(Failed, "", err.Error())
		return
	}
	conn.Within(a.opts.Patience)
	judge(readMessage(conn))
}

func (a *attempt) wantEcho(want, got string, err error) {
	verdict := OK
	if err != nil || got != want {
		verdict = Failed
	}
	a.say(verdict, fmt.Sprintf("an echo of %d bytes", len(want)), fmt.Sprintf("%d bytes, error %v", len(got), err))
}

// wantFailure demands that the server fails the connection: with a close frame that has the code, any if that
// is 0, or with the end of TCP. Silence is none of these.
func (a *attempt) wantFailure(code closed, got string, err error) {
	expected := fmt.Sprintf("the connection fails, %v or the end of TCP", code)
	if err == nil {
		a.say(Failed, expected, fmt.Sprintf("a message of %d bytes", len(got)))
		return
	}
	verdict := Failed
	var with closed
	if errors.As(err, &with) {
		if code == 0 || with == code || with == 0 {
			verdict = OK
		}
	} else if end, e := rawpeer.EndOf(err); e == nil && end != rawpeer.EndTimeout {
		verdict = OK
	}
	a.say(verdict, expected, err.Error())
}

// allValid reports whether all offers of these fields are valid.
func allValid(fields []string) bool {
	for o := range strings.SplitSeq(strings.Join(fields, ","), ",") {
		if _, err := parseDeflate(strings.TrimSpace(o), true); err != nil {
			return false
		}
	}
	return true
}

// deflateParams are the parameters of an offer or an answer by name; those without a value have "".
type deflateParams map[string]string

// parseDeflate parses an element permessage-deflate strictly, as RFC 7692 7.1 demands of an offer or, otherwise,
// of an answer.
func parseDeflate(element string, offer bool) (deflateParams, error) {
	parts := strings.Split(element, ";")
	if strings.TrimSpace(parts[0]) != "permessage-deflate" {
		return nil, errors.New("another extension")
	}
	params := deflateParams{}
	for _, part := range parts[1:] {
		name, value, has := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := params[name]; twice {
			return nil, errors.New(name + " is there twice")
		}
		value = strings.Trim(value, `"`)
		switch name {
		case "server_no_context_takeover", "client_no_context_takeover":
			if has {
				return nil, errors.New(name + " has a value")
			}
		case "server_max_window_bits", "client_max_window_bits":
			bits, err := strconv.Atoi(value)
			bare := name == "client_max_window_bits" && offer && !has
			if !bare && (err != nil || bits < 8 || bits > 15 || strconv.Itoa(bits) != value) {
				return nil, fmt.Errorf("%s=%s is not a number from 8 to 15", name, value)
			}
		default:
			return nil, errors.New(name + " is not a parameter")
		}
		params[name] = value
	}
	return params, nil
}

// deflateFault says what is wrong with an answer to offers; "" is nothing.
func deflateFault(offers, answer []string) string {
	if len(answer) == 0 {
		return ""
	}
	if len(answer) > 1 {
		return "more than one extension is accepted"
	}
	got, err := parseDeflate(answer[0], false)
	if err != nil {
		return err.Error()
	}
	fault := "it answers no valid offer"
	for _, o := range offers {
		offer, err := parseDeflate(o, true)
		if err != nil {
			continue
		}
		if fault = got.misfit(offer); fault == "" {
			return ""
		}
	}
	return fault
}

// misfit says why an answer does not fit an offer; "" is that it does.
func (got deflateParams) misfit(offer deflateParams) string {
	if _, asked := offer["server_no_context_takeover"]; asked {
		if _, there := got["server_no_context_takeover"]; !there {
			return "server_no_context_takeover is not answered (RFC 7692 7.1.1.1)"
		}
	}
	if limit, asked := offer["server_max_window_bits"]; asked {
		bits, there := got["server_max_window_bits"]
		most, _ := strconv.Atoi(limit) // which parseDeflate has seen to be a number
		if n, _ := strconv.Atoi(bits); !there || n > most {
			return "server_max_window_bits is not answered with the same or a smaller value (RFC 7692 7.1.2.1)"
		}
	}
	if _, there := got["client_max_window_bits"]; there {
		if _, asked := offer["client_max_window_bits"]; !asked {
			return "client_max_window_bits was not offered (RFC 7692 7.1.2.2)"
		}
	}
	return ""
}
