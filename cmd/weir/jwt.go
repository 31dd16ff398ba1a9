package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"

	"example.org/weir/reactor"
)

// jwtLeeway is how far the clocks of those who issue tokens may be off.
const jwtLeeway = 30 * time.Second

// verifier verifies JWTs (RFC 7519), each with an algorithm that is its key's: what the token says of itself is
// never enough to choose one (RFC 8725 3.1).
type verifier struct {
	parser *jwt.Parser
	keys   jwt.Keyfunc
}

// newVerifier reads the keys. It returns nil where there are none to be.
func (a *auth) newVerifier() (*verifier, error) {
	v := new(verifier)
	var err error
	switch {
	case a.jwtKey != "":
		v.keys, err = readKey(a.jwtKey)
	case a.jwks != "":
		v.keys, err = readKeySet(a.jwks)
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	checks := []jwt.ParserOption{jwt.WithExpirationRequired(), jwt.WithLeeway(jwtLeeway)}
	if a.issuer != "" {
		checks = append(checks, jwt.WithIssuer(a.issuer))
	}
	if len(a.audience.values) > 0 {
		checks = append(checks, jwt.WithAudience(a.audience.values...))
	}
	v.parser = jwt.NewParser(checks...)
	return v, nil
}

// tokenFaults are what a client is told of a token that is refused; it learns no more than it could read in
// the token itself.
var tokenFaults = []struct {
	err  error
	text string
}{
	{jwt.ErrTokenExpired, "The token has expired."},
	{jwt.ErrTokenNotValidYet, "The token is not valid yet."},
	{jwt.ErrTokenUsedBeforeIssued, "The token is not valid yet."},
	{jwt.ErrTokenInvalidAudience, "The token is not for this server."},
	{jwt.ErrTokenInvalidIssuer, "The token is from an issuer that this server does not know."},
	{jwt.ErrTokenRequiredClaimMissing, "The token does not say what it must: see exp, iss and aud."},
}

// claims are what counts of a token.
type claims struct {
	jwt.RegisteredClaims
	Weir json.RawMessage `json:"weir"` // grants
}

// UnmarshalJSON takes a claim for what its name says exactly. Their case matters (RFC 7519 7.3), and encoding/json
// alone would take a claim SUB, or \u017Fub, which an issuer may leave to its users, for sub.
func (c *claims) UnmarshalJSON(b []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	maps.DeleteFunc(all, func(name string, _ json.RawMessage) bool { return !slices.Contains(claimNames, name) })
	b, err := json.Marshal(all)
	if err != nil {
		return err
	}
	type plain claims
	return json.Unmarshal(b, (*plain)(c))
}

var claimNames = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "weir"}

// verify notes in guest what a good token says. It refuses one that is not, with 401 (RFC 6750 3.1).
func (v *verifier) verify(token string, guest *guest) error {
	var c claims
	if _, err := v.parser.ParseWithClaims(token, &c, v.keys); err != nil {
		for _, f := range tokenFaults {
			if errors.Is(err, f.err) {
				return badToken(f.text)
			}
		}
		return badToken("The token is not valid.")
	}
	may, err := parseGrants(c.Weir)
	switch {
	case err != nil:
		return badToken("The claim weir of the token is not good: " + err.Error() + ".")
	case len(c.Subject) > maxUser:
		return badToken("The token is not good: " + errLongUser.Error() + ".")
	}
	guest.user = c.Subject
	if guest.expires = c.ExpiresAt.Time; !time.Now().Before(guest.expires) {
		guest.expires = guest.expires.Add(jwtLeeway) // for the sake of which it has been accepted
	}
	guest.allow(may)
	return nil
}

func badToken(text string) error { return reactor.Unauthorized(`Bearer error="invalid_token"`, text) }

// readKey reads a shared secret, or a public key in PEM.
func readKey(file string) (jwt.Keyfunc, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot use -auth-jwt-key: %w", err)
	}
	key, err := parseKey(b)
	if err != nil {
		return nil, fmt.Errorf("cannot use -auth-jwt-key %s: %w", file, err)
	}
	methods, err := methodsFor(key)
	if err != nil {
		return nil, fmt.Errorf("cannot use -auth-jwt-key %s: %w", file, err)
	}
	return func(t *jwt.Token) (any, error) { return only(key, methods, t) }, nil
}

// parseKey parses a public key in PEM; all else is a secret, but for the line break at its end.
func parseKey(b []byte) (any, error) {
	if !bytes.Contains(b, []byte("-----BEGIN ")) {
		return bytes.TrimRight(b, "\r\n"), nil
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("it is not good PEM")
	}
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return cert.PublicKey, nil
	}
	return nil, fmt.Errorf("it has a %s; give the public key (openssl pkey -in … -pubout)", block.Type)
}

// readKeySet reads a set of keys (RFC 7517 5), and leaves out those that are not for signatures.
func readKeySet(file string) (jwt.Keyfunc, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot use -auth-jwks: %w", err)
	}
	set, err := keyfunc.NewJWKSetJSON(b)
	if err != nil {
		return nil, fmt.Errorf("cannot use -auth-jwks %s: %w", file, err)
	}
	keys, err := set.Storage().KeyReadAll(context.Background())
	if err != nil {
		return nil, fmt.Errorf("cannot use -auth-jwks %s: %w", file, err)
	}
	methods := make(map[string][]string) // by kid
	for _, k := range keys {
		m := k.Marshal()
		if m.USE != "" && m.USE != "sig" {
			continue
		}
		key := k.Key()
		if private, ok := key.(interface{ Public() any }); ok {
			key = private.Public()
		}
		if m.KID == "" || methods[m.KID] != nil {
			return nil, fmt.Errorf("cannot use -auth-jwks %s: each key needs a kid of its own, and one has %q", file, m.KID)
		}
		if methods[m.KID], err = methodsFor(key); err != nil {
			return nil, fmt.Errorf("cannot use -auth-jwks %s: key %q: %w", file, m.KID, err)
		}
	}
	if len(methods) == 0 {
		return nil, fmt.Errorf("cannot use -auth-jwks %s: it has no key for signatures", file)
	}
	return func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		if methods[kid] == nil {
			return nil, errors.New("there is no such key")
		}
		key, err := set.Keyfunc(t)
		if err != nil {
			return nil, err
		}
		return only(key, methods[kid], t)
	}, nil
}

// only returns key where the token's algorithm is one of methods.
func only(key any, methods []string, t *jwt.Token) (any, error) {
	if !slices.Contains(methods, t.Method.Alg()) {
		return nil, fmt.Errorf("the key is not for %s", t.Method.Alg())
	}
	return key, nil
}

// methodsFor returns the algorithms of a key (RFC 7518 3.1, RFC 8037 3.1). A key that is too short is an error.
func methodsFor(key any) ([]string, error) {
	switch k := key.(type) {
	case []byte:
		switch n := len(k); { // "A key of the same size as the hash output or larger MUST be used" (RFC 7518 3.2)
		case n >= 64:
			return []string{"HS256", "HS384", "HS512"}, nil
		case n >= 48:
			return []string{"HS256", "HS384"}, nil
		case n >= 32:
			return []string{"HS256"}, nil
		}
		return nil, errors.New("a secret has at least 32 bytes (openssl rand -base64 32)")
	case *rsa.PublicKey:
		if k.N.BitLen() < 2048 { // RFC 7518 3.3
			return nil, errors.New("an RSA key has at least 2048 bits")
		}
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, nil
	case *ecdsa.PublicKey:
		if method := map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}[k.Curve.Params().Name]; method != "" {
			return []string{method}, nil
		}
	case ed25519.PublicKey:
		return []string{"EdDSA"}, nil
	}
	return nil, fmt.Errorf("keys like this one (%T) are not known here; there are RSA, EC on P-256, P-384 and P-521, and Ed25519", key)
}
