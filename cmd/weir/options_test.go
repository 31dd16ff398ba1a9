package main

import (
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/netip"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

func parse(env map[string]string, args ...string) (*options, error) {
	return parseOptions(args, func(name string) string { return env[name] }, io.Discard)
}

func TestOptionsDefaults(t *testing.T) {
	o, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(o.addrs.values, []string{":8080"}) || o.app != "echo" || o.maxMessage != 1<<20 || o.readBuffer != 256<<10 ||
		o.idleTimeout != time.Minute || o.handshakeTimeout != 5*time.Second || !reflect.DeepEqual(o.origins.values, []string{"null"}) {
		t.Errorf("got %+v", o)
	}
}

// With -auth-… pages that are opened from files are not admitted by default: any page can make itself one.
func TestOptionsOriginsWithAuth(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{[]string{"-auth-jwt-key", "k", "-auth-cookie", "id"}, nil},
		{[]string{"-auth-url", "http://localhost"}, nil},
		{[]string{"-auth-url", "http://localhost", "-origin", "null"}, []string{"null"}},
	} {
		if o, err := parse(nil, tt.args...); err != nil || !reflect.DeepEqual(o.origins.values, tt.want) {
			t.Errorf("%v: %+v, %v", tt.args, o, err)
		}
	}
}

// TestFlagsReachTheServer compares the fields of the server with the flags that are for them.
func TestFlagsReachTheServer(t *testing.T) {
	args := strings.Fields(`-max-message 1KiB -max-outbound 2KiB -read-buffer 4KiB -max-conns 5 -handshake-timeout 6s
		-idle-timeout 7s -origin https://8.example -loops 9 -io direct -trusted-proxies 10.0.0.0/8,unix -proxy-protocol
		-forwarded none -drain-window 3s -share-port -deflate -access-log -max-conns-per-ip 1 -handshake-rate 2
		-message-rate 3 -byte-rate 4KiB -max-buffered 5MiB -app chat -nats nats://127.0.0.1:1`)
	o, err := parse(nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	got := newServer(o, echo{}, slog.New(slog.DiscardHandler))
	want := &reactor.Server{
		MaxMessage: 1 << 10, MaxOutbound: 2 << 10, ReadBuffer: 4 << 10, MaxConns: 5, HandshakeTimeout: 6 * time.Second,
		IdleTimeout: 7 * time.Second, Origins: []string{"https://8.example"}, Loops: 9, IO: reactor.IODirect,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, TrustUnix: true, ProxyProtocol: true,
		Forwarded: reactor.ForwardedNone, DrainWindow: 3 * time.Second, SharePort: true, Deflate: &codec.Deflate{},
		TrackConns: true, MaxConnsPerIP: 1, HandshakeRate: 2, MessageRate: 3, ByteRate: 4 << 10, MaxBuffered: 5 << 20,
		Overflow: reactor.OverflowClose, SlowSubscriber: reactor.SlowClose, MaxPublishQueue: -1,
	}
	fields := reflect.TypeFor[reactor.Server]()
	for i := range fields.NumField() {
		f := fields.Field(i)
		g, w := reflect.ValueOf(got).Elem().Field(i), reflect.ValueOf(want).Elem().Field(i)
		switch {
		case !f.IsExported():
		case f.Name == "Handler", f.Name == "Page", f.Name == "Bus", f.Name == "Logger":
			if g.IsZero() {
				t.Errorf("%s is not set", f.Name)
			}
		case !reflect.DeepEqual(g.Interface(), w.Interface()):
			t.Errorf("%s is %v, want %v", f.Name, g, w)
		}
	}
}

func TestOptionsEnvironment(t *testing.T) {
	env := map[string]string{
		"WEIR_ADDR":         "127.0.0.1:1,[::1]:2",
		"WEIR_APP":          "chat",
		"WEIR_MAX_MESSAGE":  "64KiB",
		"WEIR_IDLE_TIMEOUT": "0",
	}
	o, err := parse(env)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(o.addrs.values, []string{"127.0.0.1:1", "[::1]:2"}) || o.app != "chat" || o.maxMessage != 64<<10 || o.idleTimeout != -1 {
		t.Errorf("got %+v", o)
	}
	o, err = parse(env, "-addr", ":3", "-addr", ":4", "-app=print")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(o.addrs.values, []string{":3", ":4"}) || o.app != "print" {
		t.Errorf("the command line does not win: %+v", o)
	}
}

func TestOptionsRefused(t *testing.T) {
	for _, row := range []struct {
		env  map[string]string
		args []string
		want string
	}{
		{args: []string{"-nonsense"}, want: "-nonsense"},
		{args: []string{"stray"}, want: "stray"},
		{args: []string{"-app", "tea"}, want: "tea"},
		{args: []string{"-log-format", "xml"}, want: "xml"},
		{args: []string{"-io", "telepathy"}, want: "telepathy"},
		{args: []string{"-log-level", "loud"}, want: "loud"},
		{args: []string{"-max-message", "0"}, want: "max-message"},
		{args: []string{"-max-message", "1TiB"}, want: "max-message"},
		{args: []string{"-max-message", "99999999999GiB"}, want: "max-message"},
		{args: []string{"-nats", "nats://127.0.0.1:4222"}, want: "-app topics"},
		{args: []string{"-app", "topics", "-nats", "127.0.0.1:4222"}, want: "nats://"},
		{args: []string{"-app", "topics", "-nats", "http://127.0.0.1"}, want: "nats://"},
		{args: []string{"-app", "topics", "-nats", "nats://u:secret@:x"}, want: "bad -nats"},
		{args: []string{"-app", "topics", "-nats-prefix", "a.*"}, want: "nats-prefix"},
		{args: []string{"-admin", ":9090"}, want: "-admin-public"},
		{args: []string{"-access-log", "-track=false"}, want: "-track"},
		{args: []string{"-access-log-sample", "0"}, want: "-access-log-sample"},
		{args: []string{"-ready-memory", "-1"}, want: "ready-memory"},
		{args: []string{"-idle-timeout", "-1s"}, want: "negative"},
		{args: []string{"-loops", "-1"}, want: "negative"},
		{args: []string{"-addr", ""}, want: "addr"},
		{args: []string{"-trusted-proxies", "10.0.0.0/33"}, want: "10.0.0.0/33"},
		{args: []string{"-trusted-proxies", "proxy.example"}, want: "proxy.example"},
		{args: []string{"-forwarded", "via"}, want: "via"},
		{args: []string{"-proxy-protocol"}, want: "-trusted-proxies"},
		{args: []string{"-tls-cert", "cert.pem"}, want: "-tls-key"},
		{args: []string{"-tls-key", "key.pem"}, want: "-tls-cert"},
		{args: []string{"-addr", "tls://:1"}, want: "tls://:1 needs -tls-cert"},
		{args: []string{"-tls-cert", "c", "-tls-key", "k", "-addr", "tcp://:1"}, want: "no -addr"},
		{args: []string{"-message-rate", "-1"}, want: "negative"},
		{args: []string{"-byte-rate", "-1"}, want: "byte-rate"},
		{args: []string{"-max-buffered", "0"}, want: "max-buffered"},
		{args: []string{"-auth-jwt-key", "k", "-auth-jwks", "s"}, want: "exclude"},
		{args: []string{"-auth-jwt-issuer", "me"}, want: "-auth-jwt-key"},
		{args: []string{"-auth-subprotocol", "bearer"}, want: "-auth-jwt-key"},
		{args: []string{"-auth-jwt-key", "k", "-auth-cookie", "id", "-origin", "*"}, want: "any page"},
		{args: []string{"-auth-jwt-key", "k", "-auth-cookie", "id", "-origin", "null"}, want: "any page"},
		{args: []string{"-auth-url", "localhost:80"}, want: "bad -auth-url"},
		{args: []string{"-auth-url", "http://localhost", "-auth-timeout", "0"}, want: "-auth-timeout"},
		{args: []string{"-auth-url", "http://localhost", "-auth-outlive"}, want: "-auth-jwt-key"},
		{args: []string{"-auth-jwt-key", "k", "-auth-require-topics"}, want: "-app topics"},
		{args: []string{"-app", "topics", "-auth-require-topics"}, want: "-auth-jwt-key"},
		{env: map[string]string{"WEIR_LOOPS": "many"}, want: "WEIR_LOOPS"},
	} {
		if _, err := parse(row.env, row.args...); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%v %v: got %v, want something about %q", row.env, row.args, err, row.want)
		}
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	var out strings.Builder
	if _, err := parseOptions([]string{"-h"}, func(string) string { return "" }, &out); !errors.Is(err, flag.ErrHelp) {
		t.Fatal(err)
	}
	for _, name := range []string{
		"access-log", "access-log-sample", "addr", "admin", "admin-public", "app", "auth-cookie", "auth-jwks", "auth-jwt-audience",
		"auth-jwt-issuer", "auth-jwt-key", "auth-outlive", "auth-query", "auth-require-topics", "auth-subprotocol", "auth-timeout", "auth-url", "byte-rate", "config",
		"deflate", "drain-timeout", "drain-window", "forwarded", "handshake-rate", "handshake-timeout", "idle-timeout",
		"max-buffered", "max-conns-per-ip", "message-rate", "ready-memory", "track",
		"io", "log-format", "log-level", "loops", "max-conns", "max-message", "max-outbound", "nats", "nats-prefix", "origin",
		"pprof", "pprof-public", "proxy-protocol", "read-buffer", "share-port", "tls-cert", "tls-key", "trusted-proxies", "version",
	} {
		if !strings.Contains(out.String(), "  -"+name) {
			t.Errorf("the help does not mention -%s", name)
		}
	}
}

func TestSize(t *testing.T) {
	for s, want := range map[string]size{"1": 1, "4096": 4096, "64KiB": 64 << 10, "3MiB": 3 << 20, "1GiB": 1 << 30} {
		var n size
		if err := n.Set(s); err != nil || n != want {
			t.Errorf("%q is %d, %v", s, n, err)
		}
	}
	for n, want := range map[size]string{100: "100", 4096: "4KiB", 3 << 20: "3MiB"} {
		if got := n.String(); got != want {
			t.Errorf("%d is written %q", int(n), got)
		}
	}
}

// TestTracks holds when weir keeps something about each connection: only where somebody looks at it.
func TestTracks(t *testing.T) {
	for args, want := range map[string]bool{
		"":                                    false,
		"-track":                              false,
		"-admin 127.0.0.1:0":                  true,
		"-access-log":                         true,
		"-admin 127.0.0.1:0 -track=false":     false,
		"-admin 127.0.0.1:0 -ready-memory 0":  true,
		"-ready-memory 1GiB -max-conns 1":     false,
		"-access-log -access-log-sample 1000": true,
	} {
		o, err := parseOptions(strings.Fields(args), func(string) string { return "" }, io.Discard)
		if err != nil {
			t.Fatalf("%s: %v", args, err)
		}
		if got := newServer(o, echo{}, slog.New(slog.DiscardHandler)).TrackConns; got != want {
			t.Errorf("%s: %t", args, got)
		}
	}
}

// TestHelpTellsDefaults holds that the help says of each flag what it is when it is not set. The flag package leaves
// zero out; then the text has to tell. A switch is off, and a text that is empty is not there.
func TestHelpTellsDefaults(t *testing.T) {
	_, fs := newOptions()
	told := regexp.MustCompile(`\(default |\b0 (is|tells|cuts) |\(the default\b`)
	fs.VisitAll(func(f *flag.Flag) {
		var help strings.Builder
		one := flag.NewFlagSet("", flag.ContinueOnError)
		one.SetOutput(&help)
		one.Var(f.Value, f.Name, f.Usage)
		one.PrintDefaults()
		if f.DefValue != "" && f.DefValue != "false" && !told.MatchString(help.String()) {
			t.Errorf("-%s is %s unless it is set, which the help does not say: %s", f.Name, f.DefValue, &help)
		}
	})
}
