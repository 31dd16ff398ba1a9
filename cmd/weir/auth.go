package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// auth is the flags that say who may connect.
type auth struct {
	jwtKey      string
	jwks        string
	issuer      string
	audience    list
	cookie      string
	subprotocol string
	query       string
	url         string
	timeout     time.Duration
	topics      bool // must be granted
	outlive     bool // connections go on when their tokens expire
}

func (a *auth) define(fs *flag.FlagSet) {
	fs.StringVar(&a.jwtKey, "auth-jwt-key", "", "accept clients with a JWT that this `file` verifies: a public key in PEM (RS, PS, ES, EdDSA), else a secret of 32 bytes or more (HS); read again on SIGHUP")
	fs.StringVar(&a.jwks, "auth-jwks", "", "the same with a JWK set, a `file` of which a token's kid chooses the key")
	fs.StringVar(&a.issuer, "auth-jwt-issuer", "", "`issuer` (iss) that a JWT must have")
	fs.Var(&a.audience, "auth-jwt-audience", "`audience` (aud), one of which a JWT must have; repeatable")
	fs.StringVar(&a.cookie, "auth-cookie", "", "`name` of a cookie that may hold the token, besides Authorization: Bearer")
	fs.StringVar(&a.subprotocol, "auth-subprotocol", "", "`name` of a subprotocol behind which pages may offer the token: new WebSocket(url, [name, token])")
	fs.StringVar(&a.query, "auth-query", "", "`name` of a query parameter that may hold the token; URLs are logged by many, so let such tokens expire soon (and see -auth-outlive)")
	fs.StringVar(&a.url, "auth-url", "", "ask this `URL` who may connect: a GET with the client's Authorization, Cookie, Origin and X-Forwarded-For, -Uri, -Host; 2xx accepts, and may say in JSON who that is and which topics it may use; 401 and 403 refuse, all else is 503")
	fs.DurationVar(&a.timeout, "auth-timeout", 2*time.Second, "time that -auth-url has to answer; -handshake-timeout is for all")
	fs.BoolVar(&a.outlive, "auth-outlive", false, "let connections outlive their JWT, which may then be a ticket that is good for a moment; else they are closed with 3000 when it expires")
	fs.BoolVar(&a.topics, "auth-require-topics", false, "with -app topics, clients may use no topics but those that their token (the claim weir) or -auth-url names; else all, where none are named")
}

func (a *auth) jwt() bool { return a.jwtKey != "" || a.jwks != "" }
func (a *auth) on() bool  { return a.jwt() || a.url != "" }

// anyPage reports whether pages of every site may connect: also those that make themselves null.
func (o *options) anyPage() bool {
	return slices.Contains(o.origins.values, "*") || slices.Contains(o.origins.values, "null")
}

// checkAuth finds what is wrong before anything is started. Browsers send a cookie for any page that connects,
// so -origin must name those that may.
func (o *options) checkAuth() error {
	a := &o.auth
	switch {
	case a.jwtKey != "" && a.jwks != "":
		return errors.New("-auth-jwt-key and -auth-jwks exclude each other")
	case (a.issuer != "" || len(a.audience.values) > 0) && !a.jwt():
		return errors.New("-auth-jwt-issuer and -auth-jwt-audience need -auth-jwt-key or -auth-jwks")
	case a.outlive && !a.jwt():
		return errors.New("-auth-outlive needs -auth-jwt-key or -auth-jwks")
	case (a.cookie != "" || a.subprotocol != "" || a.query != "") && !a.on():
		return errors.New("-auth-cookie, -auth-subprotocol and -auth-query need -auth-jwt-key, -auth-jwks or -auth-url")
	case a.cookie != "" && o.anyPage():
		return errors.New("-auth-cookie with -origin * or null would let any page act for its visitors; name the origins")
	case a.topics && (!a.on() || o.app != "topics"):
		return errors.New("-auth-require-topics needs -app topics and -auth-jwt-key, -auth-jwks or -auth-url")
	case a.timeout <= 0:
		return errors.New("-auth-timeout must be positive")
	case a.url != "":
		return checkURL(a.url)
	}
	return nil
}

// gatekeeper decides who may connect.
type gatekeeper struct {
	auth     *auth
	tokens   reactor.TokenSource
	verifier atomic.Pointer[verifier] // nil without JWT
	callback *callback                // nil without -auth-url
	log      *slog.Logger
}

// newGatekeeper returns nil where everyone may connect.
func newGatekeeper(opt *options, log *slog.Logger) (*gatekeeper, error) {
	a := &opt.auth
	if !a.on() {
		return nil, nil
	}
	g := &gatekeeper{
		auth: a, log: log,
		tokens: reactor.TokenSource{Cookie: a.cookie, Subprotocol: a.subprotocol, Query: a.query},
	}
	if a.url != "" {
		g.callback = newCallback(a.url, !opt.anyPage(), a.timeout)
	}
	return g, g.load()
}

// load reads the keys. After an error they are those from before.
func (g *gatekeeper) load() error {
	v, err := g.auth.newVerifier()
	if err == nil {
		g.verifier.Store(v)
	}
	return err
}

// renew is load for a server that runs.
func (g *gatekeeper) renew() {
	if err := g.load(); err != nil {
		g.log.Error("the keys for tokens stay the ones before", "err", err)
		return
	}
	g.log.Info("keys for tokens reloaded", "file", g.auth.jwtKey+g.auth.jwks)
}

// guard makes it the one that decides who may connect to srv, and for how long.
func (g *gatekeeper) guard(srv *reactor.Server) {
	srv.Authorize = g.authorize
	if !g.auth.outlive {
		srv.Handler = timed{srv.Handler}
	}
}

// authorize is reactor.Server.Authorize.
func (g *gatekeeper) authorize(ctx context.Context, c *reactor.Conn, u *reactor.Upgrade) error {
	guest := new(guest)
	token, err := g.tokens.Find(u)
	v := g.verifier.Load()
	if err != nil && (v != nil || !errors.Is(err, reactor.ErrNoToken)) {
		return err
	}
	if v != nil {
		if err = v.verify(token, guest); err != nil {
			return err
		}
	}
	if g.callback != nil {
		if err = g.ask(ctx, c, u, token, guest); err != nil {
			return err
		}
	}
	if g.auth.topics && len(guest.may) == 0 {
		guest.allow(&grants{})
	}
	c.Data = guest
	return nil
}

// ask asks -auth-url. The error refuses the request.
func (g *gatekeeper) ask(ctx context.Context, c *reactor.Conn, u *reactor.Upgrade, token string, guest *guest) error {
	err := g.callback.ask(ctx, c, u, token, guest)
	var refusal *codec.HandshakeError
	if err == nil || errors.As(err, &refusal) || ctx.Err() != nil {
		return err
	}
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err // without the URL, which may hold a password
	}
	g.log.Error("cannot tell who may connect: -auth-url fails", "err", err)
	return unavailable
}
