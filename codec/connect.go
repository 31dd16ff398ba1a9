package codec

import "strconv"

// errConnectTarget refuses to ask a proxy for what is no host with a port.
var errConnectTarget = refusal(0, "The destination to ask the proxy for is not a valid host with a port.")

// AppendConnect appends the request by which a client asks an HTTP proxy for a tunnel to a host and port
// (RFC 9110 9.3.6), with extra fields such as Proxy-Authorization. It refuses what is malformed; then dst
// comes back as it was, with a *HandshakeError that has Status 0.
func AppendConnect(dst []byte, hostport string, fields ...Field) ([]byte, error) {
	if _, port, ok := splitHost([]byte(hostport)); !ok || len(port) == 0 {
		return dst, errConnectTarget
	}
	for i := range fields {
		if f := &fields[i]; !f.valid() || f.framesReply() || equalFold(f.Name, "Host") {
			return dst, errClientField
		}
	}
	dst = append(dst, "CONNECT "...)
	dst = append(dst, hostport...)
	dst = append(dst, " HTTP/1.1\r\n"...)
	dst = appendField(dst, "Host", hostport)
	for _, f := range fields {
		dst = appendField(dst, f.Name, f.Value)
	}
	return append(dst, "\r\n"...), nil
}

// CheckConnect checks a proxy's answer to AppendConnect: with any 2xx status the tunnel begins behind the
// head, and a Content-Length or Transfer-Encoding is ignored (RFC 9110 9.3.6). Otherwise it returns a
// *HandshakeError with the status.
func (r *Response) CheckConnect() error {
	if r.status/100 == 2 {
		return nil
	}
	return r.refused("200")
}

// refused makes the error for an answer that is not the one that was wanted. It keeps the fields that say
// what the client may do about it.
func (r *Response) refused(wanted string) *HandshakeError {
	e := &HandshakeError{Status: r.status, Text: "The server answered " + strconv.Itoa(r.status) + " " +
		strconv.QuoteToASCII(string(r.Reason())) + " instead of " + wanted + "."}
	if location := r.Field("Location"); location != nil && r.status/100 == 3 {
		e.Text += " It redirects to " + strconv.QuoteToASCII(string(location)) + ", and redirects are not followed."
	}
	for _, name := range []string{"Location", "Retry-After"} {
		if value := r.Field(name); value != nil {
			e.Fields = append(e.Fields, Field{name, string(value)})
		}
	}
	return e
}
