package rawpeer

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// Options shape the opening handshake of Handshake. The zero value offers nothing.
type Options struct {
	Fields       []string // more field lines
	Subprotocols []string
	Extensions   string // the value of Sec-WebSocket-Extensions
	Key          string // a fresh one if empty
	Chops        int    // bytes per write; 0 is all in one
}

// Handshake opens the WebSocket and checks the reply with CheckUpgrade. The response is returned also
// when the server refused, together with the error.
func (c *Conn) Handshake(o Options) (*Response, error) {
	if o.Key == "" {
		o.Key = NewKey()
	}
	r := NewRequest(c.Target, o.Key).And(o.Fields...)
	if len(o.Subprotocols) > 0 {
		r = r.And("Sec-WebSocket-Protocol: " + strings.Join(o.Subprotocols, ", "))
	}
	if o.Extensions != "" {
		r = r.And("Sec-WebSocket-Extensions: " + o.Extensions)
	}
	if err := c.WriteChops(r.Bytes(), o.Chops); err != nil {
		return nil, err
	}
	resp, err := c.ReadResponse()
	if err != nil {
		return resp, err
	}
	return resp, resp.CheckUpgrade(o)
}

// Accept returns the Sec-WebSocket-Accept that answers key (RFC 6455 4.2.2, item 5.4).
func Accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// CheckUpgrade checks what RFC 6455 4.1 has a client check of a reply to a request with o; o.Key must be
// the key that was sent. It does not look inside the parameters of extensions.
func (r *Response) CheckUpgrade(o Options) error {
	accepts, protocols := r.Values("Sec-WebSocket-Accept"), r.Values("Sec-WebSocket-Protocol")
	switch {
	case r.Status != 101:
		return fmt.Errorf("the reply is %q, not 101", r.Line)
	case r.Version != "HTTP/1.1":
		return fmt.Errorf("the reply is of %s: Upgrade needs HTTP/1.1", r.Version)
	case !strings.EqualFold(r.Value("Upgrade"), "websocket"):
		return fmt.Errorf("the Upgrade field is %q, not websocket", r.Value("Upgrade"))
	case !r.HasToken("Connection", "Upgrade"):
		return fmt.Errorf("the Connection field %q does not list Upgrade", r.Values("Connection"))
	case len(accepts) != 1 || accepts[0] != Accept(o.Key):
		return fmt.Errorf("Sec-WebSocket-Accept is %q, not %q", accepts, Accept(o.Key))
	case len(r.Values("Content-Length"))+len(r.Values("Transfer-Encoding")) > 0: // RFC 9110 8.6, RFC 9112 6.1
		return fmt.Errorf("a reply with 101 has Content-Length or Transfer-Encoding")
	case len(protocols) > 1:
		return fmt.Errorf("%d subprotocols are chosen", len(protocols))
	case len(protocols) == 1 && !slices.Contains(o.Subprotocols, protocols[0]):
		return fmt.Errorf("the subprotocol %q was not offered", protocols[0])
	}
	for offer := range strings.SplitSeq(strings.Join(r.Values("Sec-WebSocket-Extensions"), ","), ",") {
		name, _, _ := strings.Cut(offer, ";")
		if name = strings.TrimSpace(name); name != "" && !offered(o.Extensions, name) {
			return fmt.Errorf("the extension %q was not offered", name)
		}
	}
	return nil
}

func offered(extensions, name string) bool {
	for offer := range strings.SplitSeq(extensions, ",") {
		if n, _, _ := strings.Cut(offer, ";"); strings.TrimSpace(n) == name {
			return true
		}
	}
	return false
}
