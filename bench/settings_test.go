package bench

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"example.org/weir/codec"
)

// TestNormalizeTwice holds that options which are normalized again, as a command line's are, stay as
// they are: no warm-up must not become the default one.
func TestNormalizeTwice(t *testing.T) {
	for _, o := range []Options{
		{Targets: []string{"ws://localhost"}},
		{Targets: []string{"ws://localhost"}, Warmup: -1, Duration: time.Second, Conns: 3},
	} {
		if err := o.Normalize(); err != nil {
			t.Fatal(err)
		}
		once := o
		if err := o.Normalize(); err != nil || !reflect.DeepEqual(o, once) {
			t.Errorf("%+v became %+v (%v)", once, o, err)
		}
		if want := max(once.Warmup, 0).String(); once.settings("echo")["warmup"] != want {
			t.Errorf("setting %q, want %q", once.settings("echo")["warmup"], want)
		}
	}
}

// TestSettings holds that a result says which flags shaped its run, and no secret.
func TestSettings(t *testing.T) {
	with := func(more map[string]string) map[string]string {
		all := map[string]string{"conns": "100", "duration": "10s", "loops": "1", "size": "128", "warmup": "1s"}
		for name, v := range more {
			all[name] = v
		}
		return all
	}
	for _, c := range []struct {
		scenario string
		options  Options
		want     map[string]string
	}{
		{"echo", Options{}, with(map[string]string{"depth": "1"})},
		{"churn", Options{Seed: 7}, with(map[string]string{"seed": "7"})},
		{"rate", Options{Rate: 0.5, Binary: true, Verify: true}, with(map[string]string{"rate": "0.5", "binary": "true", "verify": "true"})},
		{"search", Options{}, with(map[string]string{"slo": "p99=10ms"})},
		{"connect", Options{Ramp: 2e6, Pings: time.Minute}, with(map[string]string{"ramp": "2000000", "pings": "1m0s"})},
		{"hold", Options{Mute: true, Listen: time.Second}, with(map[string]string{"mute": "true", "listen": "1s"})},
		{"fanout", Options{Publishers: 3, Depth: 2}, with(map[string]string{"depth": "2", "publishers": "3", "subscribers": "100"})},
		{"slow", Options{Stuck: 4}, with(map[string]string{"depth": "1", "slow": "10", "stuck": "4"})},
		{
			"storm",
			Options{
				Source: netip.MustParsePrefix("127.0.0.0/8"), Subprotocols: []string{"a", "b"}, Origin: "https://x",
				Lines: []string{"x", "y"}, Fields: []codec.Field{{Name: "Authorization", Value: "secret"}},
			},
			with(map[string]string{
				"source": "127.0.0.0/8", "subprotocol": "a,b", "origin": "https://x", "lines": "2", "header": "Authorization",
			}),
		},
	} {
		c.options.Targets = []string{"ws://localhost"}
		if err := c.options.Normalize(); err != nil {
			t.Fatal(err)
		}
		if got := c.options.settings(c.scenario); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", c.scenario, got, c.want)
		}
	}
}
