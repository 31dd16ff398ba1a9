package codec

import (
	"bytes"
	"iter"
)

// Extension is one element of a Sec-WebSocket-Extensions list (RFC 6455 9.1): an offer in a request, an
// acceptance in a response. It aliases the list.
type Extension struct {
	// Name is the extension-token, such as "permessage-deflate".
	Name []byte
	// params is the rest of the element, known to be well-formed.
	params []byte
}

// ExtensionParam is one parameter of an extension. It aliases the list.
type ExtensionParam struct {
	// Name is the name of the parameter, a token.
	Name []byte
	raw  []byte
}

// Extensions iterates over the elements of the value of one Sec-WebSocket-Extensions field. A malformed
// element ends it, with a *HandshakeError beside an empty Extension; those before it were well-formed.
// Empty elements are left out, as recipients of lists must (RFC 9110 5.6.1.2). It does not allocate.
//
//	extension-list  = 1#extension
//	extension       = token *( ";" extension-param )
//	extension-param = token [ "=" ( token | quoted-string ) ] ; the unquoted string is a token too
func Extensions(list []byte) iter.Seq2[Extension, error] {
	return func(yield func(Extension, error) bool) {
		for rest := skipEmpty(list); len(rest) > 0; {
			name, params, after, ok := cutExtension(rest)
			if !ok {
				yield(Extension{}, errExtensions)
				return
			}
			if !yield(Extension{Name: name, params: params}, nil) {
				return
			}
			rest = skipEmpty(after)
		}
	}
}

// Params iterates over the parameters in the order of the list. A name may come twice: what that means is
// for the extension to say. It does not allocate.
func (e Extension) Params() iter.Seq[ExtensionParam] {
	return func(yield func(ExtensionParam) bool) {
		for rest := e.params; len(rest) > 0; {
			name, raw, after, _ := cutParam(rest)
			if !yield(ExtensionParam{Name: name, raw: raw}) {
				return
			}
			rest = after
		}
	}
}

// Value returns the value of the parameter, or nil if it has none: a value is never empty. A value in quotes
// comes without them (RFC 6455 9.1), and only one with a backslash in it, which no known extension needs, is
// a copy and costs an allocation.
func (p ExtensionParam) Value() []byte {
	if bytes.IndexByte(p.raw, '\\') < 0 {
		return p.raw
	}
	return unescape(p.raw)
}

// unescape returns a copy of the inside of a quoted-string without the backslashes of its quoted-pairs
// (RFC 9110 5.6.4).
func unescape(raw []byte) []byte {
	value := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] == '\\' {
			i++
		}
		value = append(value, raw[i])
	}
	return value
}

// validExtensions reports whether list is a well-formed extension-list with one extension at least.
func validExtensions(list string) bool {
	rest := skipEmpty(list)
	ok := len(rest) > 0
	for ok && len(rest) > 0 {
		_, _, rest, ok = cutExtension(rest)
		rest = skipEmpty(rest)
	}
	return ok
}

// skipEmpty cuts white space and the commas of empty elements off the front of a list.
func skipEmpty[T string | []byte](list T) T {
	i := 0
	for i < len(list) && (isSpace(list[i]) || list[i] == ',') {
		i++
	}
	return list[i:]
}

// cutExtension cuts the first element off a list that begins with it, without the comma after it. params
// begins after the name, or is empty. RFC 6455 4.3: white space may stand between any two parts.
func cutExtension[T string | []byte](list T) (name, params, rest T, ok bool) {
	name, rest = cutToken(list)
	params = rest
	if len(name) == 0 {
		return name, params, rest, false
	}
	for len(rest) > 0 && rest[0] != ',' {
		if _, _, rest, ok = cutParam(rest); !ok {
			return name, params, rest, false
		}
	}
	return name, params[:len(params)-len(rest)], rest, true
}

// cutParam cuts the first parameter with its ";" off the front of params. raw is the value without its
// quotes, but with its backslashes; it is empty if there is no value.
func cutParam[T string | []byte](params T) (name, raw, rest T, ok bool) {
	if params[0] != ';' {
		return name, raw, params, false
	}
	name, rest = cutToken(skipSpace(params[1:]))
	if len(name) == 0 {
		return name, raw, rest, false
	}
	if len(rest) == 0 || rest[0] != '=' {
		return name, raw, rest, true
	}
	rest = skipSpace(rest[1:])
	if len(rest) > 0 && rest[0] == '"' {
		raw, rest, ok = cutQuoted(rest)
		return name, raw, rest, ok
	}
	raw, rest = cutToken(rest)
	return name, raw, rest, len(raw) > 0
}

// cutToken cuts a token and the white space after it off the front of s. The token may be empty.
func cutToken[T string | []byte](s T) (token, rest T) {
	i := 0
	for i < len(s) && classes[s[i]]&classToken != 0 {
		i++
	}
	return s[:i], skipSpace(s[i:])
}

// cutQuoted cuts a quoted-string that stands for a token, and the white space after it, off the front of s.
func cutQuoted[T string | []byte](s T) (raw, rest T, ok bool) {
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return s[1:i], skipSpace(s[i+1:]), i > 1
		case c == '\\' && i+1 < len(s):
			i++
			if classes[s[i]]&classToken == 0 {
				return raw, s, false
			}
		case classes[c]&classToken == 0:
			return raw, s, false
		}
	}
	return raw, s, false
}
