package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// keys are those of these tests; to make an RSA key takes long.
var keys = sync.OnceValue(func() (k struct {
	secret []byte
	rsa    *rsa.PrivateKey
	weak   *rsa.PrivateKey
	ec     *ecdsa.PrivateKey
	ed     ed25519.PrivateKey
},
) {
	k.secret = []byte(strings.Repeat("s", 32))
	k.rsa, _ = rsa.GenerateKey(rand.Reader, 2048)
	k.weak, _ = rsa.GenerateKey(rand.Reader, 1024)
	k.ec, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, k.ed, _ = ed25519.GenerateKey(rand.Reader)
	return k
})

// pemOf is a public key in PEM.
func pemOf(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// file writes a file of keys.
func file(t *testing.T, content []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// jwk is a public key of a set.
func jwk(kid string, key any, more ...string) string {
	enc := func(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }
	m := map[string]string{"kid": kid}
	switch k := key.(type) {
	case *rsa.PublicKey:
		m["kty"], m["n"], m["e"] = "RSA", enc(k.N), "AQAB"
	case *ecdsa.PublicKey:
		point, _ := k.Bytes()
		m["kty"], m["crv"] = "EC", "P-256"
		m["x"], m["y"] = base64.RawURLEncoding.EncodeToString(point[1:33]), base64.RawURLEncoding.EncodeToString(point[33:])
	case []byte:
		m["kty"], m["k"] = "oct", base64.RawURLEncoding.EncodeToString(k)
	}
	for i := 0; i < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	b, _ := json.Marshal(m)
	return string(b)
}

func jwks(keys ...string) []byte { return []byte(`{"keys":[` + strings.Join(keys, ",") + `]}`) }

// token signs claims that are good but for what change does to them and the header.
func token(t *testing.T, method jwt.SigningMethod, key any, change func(claims jwt.MapClaims, header map[string]any)) string {
	t.Helper()
	claims := jwt.MapClaims{"sub": "eve", "exp": time.Now().Add(time.Hour).Unix(), "iss": "me", "aud": []string{"other", "weir"}}
	tok := jwt.NewWithClaims(method, claims)
	if change != nil {
		change(claims, tok.Header)
	}
	s, err := tok.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestJWT(t *testing.T) {
	k := keys()
	rsaPEM := pemOf(t, &k.rsa.PublicKey)
	secret := auth{jwtKey: file(t, append(k.secret, '\n'))}
	public := auth{jwtKey: file(t, rsaPEM)}
	curve := auth{jwtKey: file(t, pemOf(t, &k.ec.PublicKey))}
	edwards := auth{jwtKey: file(t, pemOf(t, k.ed.Public()))}
	set := auth{jwks: file(t, jwks(
		jwk("r", &k.rsa.PublicKey, "alg", "RS256", "use", "sig"), jwk("e", &k.ec.PublicKey), jwk("h", k.secret), jwk("enc", &k.rsa.PublicKey, "use", "enc"),
	))}
	claims := secret
	claims.issuer, claims.audience.values = "me", []string{"weir"}
	with := func(name string, v any) func(jwt.MapClaims, map[string]any) {
		return func(claims jwt.MapClaims, _ map[string]any) {
			if claims[name] = v; v == nil {
				delete(claims, name)
			}
		}
	}
	kid := func(v any) func(jwt.MapClaims, map[string]any) {
		return func(_ jwt.MapClaims, header map[string]any) { header["kid"] = v }
	}
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	rawRSA, _ := x509.MarshalPKIXPublicKey(&k.rsa.PublicKey)
	for _, tt := range []struct {
		rule  string
		auth  auth
		token string
		want  string // of the refusal; "" for a good token
	}{
		{"HS256", secret, token(t, jwt.SigningMethodHS256, k.secret, nil), ""},
		{"RS256", public, token(t, jwt.SigningMethodRS256, k.rsa, nil), ""},
		{"PS512", public, token(t, jwt.SigningMethodPS512, k.rsa, nil), ""},
		{"ES256", curve, token(t, jwt.SigningMethodES256, k.ec, nil), ""},
		{"EdDSA", edwards, token(t, jwt.SigningMethodEdDSA, k.ed, nil), ""},
		{"JWKS RS256", set, token(t, jwt.SigningMethodRS256, k.rsa, kid("r")), ""},
		{"JWKS ES256", set, token(t, jwt.SigningMethodES256, k.ec, kid("e")), ""},
		{"JWKS HS256", set, token(t, jwt.SigningMethodHS256, k.secret, kid("h")), ""},
		{"issuer and audience", claims, token(t, jwt.SigningMethodHS256, k.secret, nil), ""},
		{"clocks that differ", secret, token(t, jwt.SigningMethodHS256, k.secret, with("exp", at(-10*time.Second))), ""},

		{"RFC 8725 2.1: none", secret, token(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil), "not valid"},
		{"RFC 8725 2.1: none, with a public key", public, token(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil), "not valid"},
		{"RFC 8725 2.1: none, in a set", set, token(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid("r")), "not valid"},
		{"RFC 8725 2.1: HS with the public key", public, token(t, jwt.SigningMethodHS256, rsaPEM, nil), "not valid"},
		{"RFC 8725 2.1: HS with the public key's bytes", public, token(t, jwt.SigningMethodHS256, rawRSA, nil), "not valid"},
		{"RFC 8725 2.1: HS with a key of a set", set, token(t, jwt.SigningMethodHS256, rsaPEM, kid("r")), "not valid"},
		{"RFC 8725 3.1: another hash than the secret is for", secret, token(t, jwt.SigningMethodHS512, k.secret, nil), "not valid"},
		{"RFC 8725 3.1: another algorithm than the key's alg", set, token(t, jwt.SigningMethodRS512, k.rsa, kid("r")), "not valid"},
		{"another secret", secret, token(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), nil), "not valid"},
		{"another key", public, token(t, jwt.SigningMethodRS256, k.weak, nil), "not valid"},
		{"the key of another kid", set, token(t, jwt.SigningMethodRS256, k.rsa, kid("e")), "not valid"},
		{"unknown kid", set, token(t, jwt.SigningMethodRS256, k.rsa, kid("nobody")), "not valid"},
		{"no kid", set, token(t, jwt.SigningMethodRS256, k.rsa, nil), "not valid"},
		{"kid that is no string", set, token(t, jwt.SigningMethodRS256, k.rsa, kid(1)), "not valid"},
		{"RFC 7517 4.2: a key for encryption", set, token(t, jwt.SigningMethodRS256, k.rsa, kid("enc")), "not valid"},
		{"RFC 7519 4.1.4: expired", secret, token(t, jwt.SigningMethodHS256, k.secret, with("exp", at(-time.Minute))), "expired"},
		{"without exp", secret, token(t, jwt.SigningMethodHS256, k.secret, with("exp", nil)), "exp"},
		{"RFC 7519 4.1.5: not before", secret, token(t, jwt.SigningMethodHS256, k.secret, with("nbf", at(time.Minute))), "not valid yet"},
		{"RFC 7519 4.1.3: audience", claims, token(t, jwt.SigningMethodHS256, k.secret, with("aud", "other")), "not for this server"},
		{"without audience", claims, token(t, jwt.SigningMethodHS256, k.secret, with("aud", nil)), "aud"},
		{"RFC 7519 4.1.1: issuer", claims, token(t, jwt.SigningMethodHS256, k.secret, with("iss", "you")), "issuer"},
		{"claims changed", secret, changed(token(t, jwt.SigningMethodHS256, k.secret, nil)), "not valid"},
		{"no JWT", secret, "sesame", "not valid"},
		{"too long", secret, strings.Repeat("x", 5000), "too long"},
		{"none at all", secret, "", "Send a token"},

		{"RFC 7519 4.1.2: a sub that is no string", secret, token(t, jwt.SigningMethodHS256, k.secret, with("sub", 7)), "not valid"},
		{"OpenID Connect 2: a sub of 255 bytes", secret, token(t, jwt.SigningMethodHS256, k.secret, with("sub", strings.Repeat("x", 255))), ""},
		{"OpenID Connect 2: a sub of 256 bytes", secret, token(t, jwt.SigningMethodHS256, k.secret, with("sub", strings.Repeat("x", 256))), "255 bytes"},
		{"grants", secret, token(t, jwt.SigningMethodHS256, k.secret, with("weir", map[string]any{"subscribe": []string{"a.>", "*.b"}})), ""},
		{"no grants", secret, token(t, jwt.SigningMethodHS256, k.secret, with("weir", nil)), ""},
		{"grants that are no object", secret, token(t, jwt.SigningMethodHS256, k.secret, with("weir", "a.>")), "claim weir"},
		{"grants that are no lists", secret, token(t, jwt.SigningMethodHS256, k.secret, with("weir", map[string]any{"publish": "a.>"})), "claim weir"},
		{"a grant that is no pattern", secret, token(t, jwt.SigningMethodHS256, k.secret, with("weir", map[string]any{"publish": []string{"a", "a.>.b"}})), `"a.>.b" is no topic`},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			g, err := newGatekeeper(&options{auth: tt.auth}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			if tt.token != "" {
				lines = append(lines, "Authorization: Bearer "+tt.token)
			}
			err = g.authorize(t.Context(), new(reactor.Conn), upgrade(t, lines...))
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			refusal, ok := err.(*codec.HandshakeError)
			if !ok || refusal.Status != 401 || !strings.Contains(refusal.Text, tt.want) || len(refusal.Fields) != 1 {
				t.Errorf("got %v, want 401 about %q", err, tt.want)
			}
		})
	}
}

// changed returns a token with other claims and the signature that it had.
func changed(s string) string {
	parts := strings.Split(s, ".")
	b, _ := base64.RawURLEncoding.DecodeString(parts[1])
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(b), "eve", "adm", 1)))
	return strings.Join(parts, ".")
}

// upgrade is a request with more lines.
func upgrade(t *testing.T, lines ...string) *reactor.Upgrade {
	t.Helper()
	head := []byte("GET /rooms?x=1 HTTP/1.1\r\nHost: weir.test\r\n" + strings.Join(append(lines, "", ""), "\r\n"))
	p := new(codec.RequestParser)
	if n, err := p.Parse(head); err != nil || n != len(head) {
		t.Fatal(n, err)
	}
	return &reactor.Upgrade{Request: p.Request(head)}
}

// TestKeysRefused goes through files with which weir does not start.
func TestKeysRefused(t *testing.T) {
	k := keys()
	private, _ := x509.MarshalPKCS8PrivateKey(k.ec)
	p224, _ := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	for _, tt := range []struct {
		what    string
		content []byte
		set     bool
		want    string
	}{
		{"a secret of 31 bytes", []byte(strings.Repeat("s", 31) + "\n"), false, "32 bytes"},
		{"nothing", nil, false, "32 bytes"},
		{"RFC 7518 3.3: RSA of 1024 bits", pemOf(t, &k.weak.PublicKey), false, "2048"},
		{"a private key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), false, "public key"},
		{"a curve without an algorithm", pemOf(t, &p224.PublicKey), false, "P-256"},
		{"broken PEM", []byte("-----BEGIN PUBLIC KEY-----\nxx"), false, "PEM"},
		{"no JSON", []byte("keys"), true, "cannot use -auth-jwks"},
		{"no keys", jwks(), true, "no key"},
		{"only keys for encryption", jwks(jwk("a", &k.rsa.PublicKey, "use", "enc")), true, "no key"},
		{"two keys with one kid", jwks(jwk("a", &k.rsa.PublicKey), jwk("a", &k.ec.PublicKey)), true, "cannot use -auth-jwks"},
		{"a key without kid", jwks(jwk("", &k.rsa.PublicKey)), true, "kid"},
		{"a weak key", jwks(jwk("a", &k.weak.PublicKey)), true, "2048"},
	} {
		a := auth{jwtKey: file(t, tt.content)}
		if tt.set {
			a = auth{jwks: a.jwtKey}
		}
		if _, err := newGatekeeper(&options{auth: a}, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want something about %q", tt.what, err, tt.want)
		}
	}
	if _, err := newGatekeeper(&options{auth: auth{jwks: "/nonexistent/jwks"}}, nil); err == nil || !strings.Contains(err.Error(), "/nonexistent/jwks") {
		t.Errorf("got %v", err)
	}
}

// TestKeysReload runs weir and changes its keys: SIGHUP makes it take the new ones, and keep them where the
// next are no good.
func TestKeysReload(t *testing.T) {
	first, second := []byte(strings.Repeat("1", 32)), []byte(strings.Repeat("2", 32))
	key := file(t, first)
	url, logged, status := start(t, "-addr", "127.0.0.1:0", "-auth-jwt-key", key, "-auth-subprotocol", "bearer")
	url = strings.Replace(url, "http", "ws", 1)
	want := func(secret []byte, accepted bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		c, err := reactor.Dial(ctx, url, reactor.NopHandler{}, &reactor.DialOptions{
			Subprotocols: []string{"bearer", token(t, jwt.SigningMethodHS256, secret, nil)},
		})
		if (err == nil) != accepted {
			t.Errorf("a token of %.1s: %v", secret, err)
		}
		if err == nil {
			if got := c.Subprotocol(); got != "bearer" {
				t.Errorf("the subprotocol is %q", got)
			}
			_ = c.CloseNow()
		}
	}
	want(first, true)
	want(second, false)
	for _, step := range []struct {
		content []byte
		log     string
	}{{second, "keys for tokens reloaded"}, {[]byte("short"), "stay the ones before"}} {
		if err := os.WriteFile(key, step.content, 0o600); err != nil {
			t.Fatal(err)
		}
		signalSelf(t, syscall.SIGHUP)
		logged.await(t, step.log)
		want(first, false)
		want(second, true)
	}
	signalSelf(t, syscall.SIGINT)
	if got := within(t, status); got != exitOK {
		t.Errorf("exit status %d", got)
	}
}

// TestCallback goes through the answers of -auth-url.
func TestCallback(t *testing.T) {
	asked := make(chan *http.Request, 100)
	hold := make(chan struct{})
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		switch r.URL.Path {
		case "/204":
			w.WriteHeader(204)
		case "/401":
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(401)
		case "/bare-401":
			w.WriteHeader(401)
		case "/403":
			w.WriteHeader(403)
		case "/302":
			http.Redirect(w, r, "/204", http.StatusFound)
		case "/500":
			w.WriteHeader(500)
		case "/hang":
			<-hold
		}
	}))
	defer service.Close()
	defer close(hold)
	for _, tt := range []struct {
		path   string
		args   []string
		status int // 101 accepts
		field  string
	}{
		{"/204", nil, 101, ""},
		{"/401", nil, 401, `Basic realm="x"`},
		{"/bare-401", nil, 401, "Bearer"},
		{"/403", nil, 403, ""},
		{"/302", nil, 503, "5"},
		{"/500", nil, 503, "5"},
		{"/hang", []string{"-auth-timeout", "500ms"}, 503, "5"},
	} {
		t.Run(tt.path, func(t *testing.T) {
			o, err := parse(nil, append(tt.args, "-auth-url", service.URL+tt.path)...)
			if err != nil {
				t.Fatal(err)
			}
			status, field := answerTo(t, o)
			if status != tt.status || field != tt.field {
				t.Errorf("got %d with %q, want %d with %q", status, field, tt.status, tt.field)
			}
			<-asked
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		gone := httptest.NewServer(nil)
		gone.Close()
		o, err := parse(nil, "-auth-url", gone.URL)
		if err != nil {
			t.Fatal(err)
		}
		if status, _ := answerTo(t, o); status != 503 {
			t.Errorf("got %d", status)
		}
	})
	t.Run("what it is told", func(t *testing.T) {
		for _, tt := range []struct {
			args   []string
			cookie string
		}{{nil, "id=7"}, {[]string{"-origin", "*"}, ""}} { // any page could use the cookie
			o, err := parse(nil, append(tt.args, "-auth-url", service.URL+"/204", "-auth-query", "token")...)
			if err != nil {
				t.Fatal(err)
			}
			answerTo(t, o)
			r := <-asked
			for name, want := range map[string]string{
				"Authorization": "Bearer t", "Origin": "http://weir.test", "Cookie": tt.cookie, "X-Forwarded-For": "127.0.0.1",
				"X-Forwarded-Uri": "/rooms?token=t", "X-Forwarded-Host": "weir.test", "X-Forwarded-Proto": "ws", "X-Forwarded-Method": "GET",
			} {
				if got := r.Header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		}
	})
}

// answerTo starts a server with the options and asks it for a connection. It returns the status, and the field that
// goes with it.
func answerTo(t *testing.T, o *options) (status int, field string) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	g, err := newGatekeeper(o, quiet)
	if err != nil {
		t.Fatal(err)
	}
	srv := &reactor.Server{Handler: reactor.NopHandler{}, Authorize: g.authorize, Logger: quiet, Origins: o.origins.values, HandshakeTimeout: time.Minute}
	if err := srv.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", fmt.Sprintf("http://%s/rooms?token=t", srv.Addrs()[0]), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "weir.test"
	for name, v := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
		"Origin": "http://weir.test", "Cookie": "id=7",
	} {
		r.Header.Set(name, v)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode, res.Header.Get("WWW-Authenticate") + res.Header.Get("Retry-After")
}
