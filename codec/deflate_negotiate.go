package codec

import "iter"

// deflateElement is an element "permessage-deflate" of a Sec-WebSocket-Extensions field: an offer or a
// response.
type deflateElement struct {
	DeflateParams
	// clientBits: client_max_window_bits is there. In an offer it may have no value, and its value is 0 then.
	clientBits bool
}

// parseDeflate parses an element. It refuses what RFC 7692 7.1 has a server decline and a client fail: a
// parameter that is not defined, one with an invalid value, and one that is there twice.
func parseDeflate(e Extension) (d deflateElement, ok bool) {
	for p := range e.Params() {
		value := p.Value()
		switch string(p.Name) {
		case serverNoContextTakeover: // 7.1.1.1: "has no value"
			ok = value == nil && !d.ServerNoContextTakeover
			d.ServerNoContextTakeover = true
		case clientNoContextTakeover: // 7.1.1.2: "has no value"
			ok = value == nil && !d.ClientNoContextTakeover
			d.ClientNoContextTakeover = true
		case serverMaxWindowBits:
			twice := d.ServerMaxWindowBits != 0
			d.ServerMaxWindowBits, ok = parseWindowBits(value)
			ok = ok && !twice
		case clientMaxWindowBits: // 7.1.2.2: "has no value or a decimal integer value" in an offer
			twice := d.clientBits
			d.clientBits, ok = true, true
			if value != nil {
				d.ClientMaxWindowBits, ok = parseWindowBits(value)
			}
			ok = ok && !twice
		default:
			ok = false
		}
		if !ok {
			return d, false
		}
	}
	return d, true
}

// parseWindowBits parses "a decimal integer value without leading zeroes between 8 to 15, inclusive" (RFC 7692
// 7.1.2.1). It gives 0 for any other.
func parseWindowBits(value []byte) (bits uint8, ok bool) {
	switch {
	case len(value) == 1 && (value[0] == '8' || value[0] == '9'):
		return value[0] - '0', true
	case len(value) == 2 && value[0] == '1' && value[1] >= '0' && value[1] <= '5':
		return 10 + value[1] - '0', true
	}
	return 0, false
}

// Accept chooses, for a server, among what a client offers, such as Request.Extensions: the first offer of
// permessage-deflate that is valid. Others are declined by saying nothing of them (RFC 7692 5.1, 7.1), and ok
// is false when none is left. The parameters are those of the response, Upgrade.Extensions: none that this
// offer rules out.
func (c *Deflate) Accept(offers iter.Seq[Extension]) (p DeflateParams, ok bool) {
	for e := range offers {
		if string(e.Name) != deflateName {
			continue
		}
		if offer, valid := parseDeflate(e); valid {
			return c.accept(offer), true
		}
	}
	return DeflateParams{}, false
}

// accept returns the response to a valid offer.
func (c *Deflate) accept(offer deflateElement) (p DeflateParams) {
	// 7.1.1.1: the response may have it unasked, and has it if it was asked for.
	p.ServerNoContextTakeover = offer.ServerNoContextTakeover || !c.ServerContextTakeover

	// 7.1.2.1: "A server accepts ... by including [it] with the same or smaller value"; it may have it unasked.
	limit := limitBits(c.ServerMaxWindowBits)
	switch {
	case offer.ServerMaxWindowBits != 0:
		p.ServerMaxWindowBits = min(offer.ServerMaxWindowBits, limit)
	case limit < maxWindowBits:
		p.ServerMaxWindowBits = limit
	}

	// 7.1.2.2: the response must not have it unasked. A value in the offer is what the client keeps to anyway.
	limit = limitBits(c.ClientMaxWindowBits)
	if offer.clientBits {
		_, hint := offer.of(Client)
		if bits := min(hint, limit); bits < maxWindowBits {
			p.ClientMaxWindowBits = bits
		}
	}

	// 7.1.1.2: the response may have it unasked. A client that cannot be told to use a smaller window than it
	// likes is told to forget it between messages: the limit is on the memory of a connection.
	_, bits := p.of(Client)
	p.ClientNoContextTakeover = offer.ClientNoContextTakeover || !c.ClientContextTakeover || bits > limit
	return p
}

// Offer returns what a client that wants c offers: an element for ClientUpgrade.Extensions.
func (c *Deflate) Offer() string {
	offer := c.offer()
	element := string(offer.AppendTo(nil))
	if offer.ClientMaxWindowBits == 0 {
		element += "; " + clientMaxWindowBits // the server may set a limit; we have none
	}
	return element
}

func (c *Deflate) offer() DeflateParams {
	p := DeflateParams{
		ServerNoContextTakeover: !c.ServerContextTakeover,
		ClientNoContextTakeover: !c.ClientContextTakeover,
	}
	if bits := limitBits(c.ServerMaxWindowBits); bits < maxWindowBits {
		p.ServerMaxWindowBits = bits
	}
	if bits := limitBits(c.ClientMaxWindowBits); bits < maxWindowBits {
		p.ClientMaxWindowBits = bits
	}
	return p
}

// Faults of a server's response to Offer (RFC 7692 7.1: the client MUST fail the connection).
var (
	errDeflateTwice    = refusal(0, "The server accepted permessage-deflate twice.")
	errDeflateParams   = refusal(0, "The server answered permessage-deflate with invalid parameters.")
	errDeflateTakeover = refusal(0, "The server did not agree to compress each message by itself.")
	errDeflateWindow   = refusal(0, "The server did not agree to the window of permessage-deflate.")
)

// Agree checks, for a client, what a server answered to Offer: the extensions that Response.CheckUpgrade
// returned. ok is false if the server did not accept permessage-deflate. A response that does not fit the offer
// fails the connection: err is a *HandshakeError then.
func (c *Deflate) Agree(extensions []byte) (p DeflateParams, ok bool, err error) {
	for e, malformed := range Extensions(extensions) {
		if malformed != nil {
			return DeflateParams{}, false, malformed
		}
		if string(e.Name) != deflateName {
			continue
		}
		if ok {
			return DeflateParams{}, false, errDeflateTwice
		}
		var fault *HandshakeError
		if p, fault = c.agree(e); fault != nil {
			return DeflateParams{}, false, fault
		}
		ok = true
	}
	return p, ok, nil
}

func (c *Deflate) agree(e Extension) (p DeflateParams, fault *HandshakeError) {
	response, ok := parseDeflate(e)
	if !ok || response.clientBits && response.ClientMaxWindowBits == 0 { // 7.1.2.2: it has a value in a response
		return p, errDeflateParams
	}
	p = response.DeflateParams
	offer := c.offer()
	if offer.ServerNoContextTakeover && !p.ServerNoContextTakeover { // 7.1.1.1: accepted by including it
		return p, errDeflateTakeover
	}
	if bits := p.ServerMaxWindowBits; offer.ServerMaxWindowBits != 0 && (bits == 0 || bits > offer.ServerMaxWindowBits) {
		return p, errDeflateWindow // 7.1.2.1: "with the same or smaller value"
	}
	// 7.1.1.2, 7.1.2.2: what the client promised of itself holds, whatever the server made of it.
	p.ClientNoContextTakeover = p.ClientNoContextTakeover || offer.ClientNoContextTakeover
	if bits := offer.ClientMaxWindowBits; bits != 0 && (p.ClientMaxWindowBits == 0 || p.ClientMaxWindowBits > bits) {
		p.ClientMaxWindowBits = bits
	}
	return p, nil
}
