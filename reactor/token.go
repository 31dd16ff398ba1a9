package reactor

import (
	"net/url"
	"strings"

	"example.org/weir/codec"
)

// TokenSource says where clients may put the token that tells who they are, and finds it. Authorization:
// Bearer (RFC 6750 2.1), which programs send, always counts; its zero value takes that alone. Its fields must
// not be changed while it is in use; Find may be called from any goroutine.
//
// Where a browser sends the token by itself, as it does with a cookie, pages of other sites would act in the
// name of their visitors but for Server.Origins: admit neither "*" nor "null" there, which any page
// can make itself be.
type TokenSource struct {
	// Subprotocol is the name of a subprotocol behind which the token is offered, as pages of browsers can
	// do, which cannot set fields: new WebSocket(url, ["bearer", token]). It becomes the connection's
	// subprotocol unless another one has been chosen; the token never is. The token must then
	// be made of letters, digits and !#$%&'*+-.^_`|~, as a JWT is (RFC 9110 5.6.2). Default none.
	Subprotocol string
	// Cookie is the name of a cookie that holds the token, best one with HttpOnly, Secure and SameSite.
	// Default none.
	Cookie string
	// Query is the name of a parameter of the request's query that holds the token. It is the last resort:
	// URLs end up in the logs of proxies and servers, and in histories (RFC 6750 5.3). Give such tokens a
	// short life, or a single use. Default none.
	Query string
	// MaxLength is the largest token, in bytes. Default 4096; negative: no limit but Server.Head.
	MaxLength int
}

const defaultMaxToken = 4096

// ErrNoToken refuses a request that has no token: 401, with a challenge that says no more than what is
// asked for (RFC 6750 3.1). It is what TokenSource.Find returns.
var ErrNoToken = Unauthorized("Bearer", "This server wants to know who you are. Send a token.")

var (
	errTokenTwice     = Refuse(400, "The request has more than one Authorization field.")
	errTokenMalformed = Refuse(400, "The request has a malformed token.")
	errTokenTooLong   = Unauthorized(`Bearer error="invalid_token"`, "The token is too long.")
)

// Unauthorized makes an error with which Server.Authorize or Server.Upgrade refuses a request for want of
// good credentials: 401 with a challenge in WWW-Authenticate, such as `Bearer error="invalid_token"` (RFC 9110
// 11.6.1, RFC 6750 3), and a text that tells the client why.
func Unauthorized(challenge, text string) error {
	return &codec.HandshakeError{
		Status: 401, Text: text,
		Fields: []codec.Field{{Name: "WWW-Authenticate", Value: challenge}},
	}
}

// Find returns the token of a request for Server.Authorize or Server.Upgrade: the first of those in
// Authorization, behind Subprotocol, in Cookie and in Query. It sets u.Subprotocol as Subprotocol says. The
// error is for the hook to return: ErrNoToken where there is none, or one that refuses a token that is
// malformed or too long.
func (t *TokenSource) Find(u *Upgrade) (token string, err error) {
	for _, find := range []func(*Upgrade) (string, error){bearerToken, t.offered, t.inCookie, t.inQuery} {
		token, err = find(u)
		switch {
		case err != nil:
			return "", err
		case len(token) > limit(t.MaxLength, defaultMaxToken):
			return "", errTokenTooLong
		case token != "":
			return token, nil
		}
	}
	return "", ErrNoToken
}

// bearerToken returns the token of an Authorization field with the Bearer scheme.
func bearerToken(u *Upgrade) (token string, err error) {
	n := 0
	for v := range u.Request.Values("Authorization") {
		if n++; n > 1 {
			return "", errTokenTwice
		}
		scheme, credentials, _ := strings.Cut(string(v), " ")
		if !strings.EqualFold(scheme, "Bearer") { // RFC 9110 11.1
			continue
		}
		if token = strings.TrimLeft(credentials, " "); !isToken68(token) {
			return "", errTokenMalformed
		}
	}
	return token, nil
}

// isToken68 reports whether s is what credentials may be (RFC 9110 11.2, the b64token of RFC 6750 2.1).
func isToken68(s string) bool {
	body := strings.TrimRight(s, "=")
	return body != "" && !strings.ContainsFunc(body, func(r rune) bool {
		return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/", r)
	})
}

// offered returns what the client offers behind the subprotocol.
func (t *TokenSource) offered(u *Upgrade) (token string, err error) {
	marked := false
	for offer := range u.Request.Protocols() {
		switch {
		case t.Subprotocol == "":
			return "", nil
		case marked:
			token = string(offer)
			if u.Subprotocol == "" || u.Subprotocol == token {
				u.Subprotocol = t.Subprotocol // one that was offered, and not the token (RFC 6455 4.2.2)
			}
			return token, nil
		}
		marked = string(offer) == t.Subprotocol
	}
	if marked {
		return "", errTokenMalformed
	}
	return "", nil
}

func (t *TokenSource) inCookie(u *Upgrade) (string, error) {
	if t.Cookie == "" {
		return "", nil
	}
	value := string(u.Request.Cookie(t.Cookie))
	if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' { // RFC 6265 4.1.1
		value = value[1 : n-1]
	}
	return value, nil
}

func (t *TokenSource) inQuery(u *Upgrade) (string, error) {
	if t.Query == "" {
		return "", nil
	}
	values, err := url.ParseQuery(string(u.Request.Query()))
	if err != nil {
		return "", errTokenMalformed
	}
	return values.Get(t.Query), nil
}
