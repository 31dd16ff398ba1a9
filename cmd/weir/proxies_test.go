package main

import (
	"net/netip"
	"slices"
	"testing"

	"example.org/weir/reactor"
)

func TestTrustedProxies(t *testing.T) {
	env := map[string]string{"WEIR_TRUSTED_PROXIES": "10.0.0.0/8, unix"}
	for _, row := range []struct {
		env  map[string]string
		args []string
		want []string
		unix bool
	}{
		{nil, nil, nil, false},
		{env, nil, []string{"10.0.0.0/8"}, true},
		{env, []string{"-trusted-proxies", "192.0.2.7,2001:db8::/32"}, []string{"192.0.2.7/32", "2001:db8::/32"}, false},
		{nil, []string{"-trusted-proxies", "::1", "-trusted-proxies", "unix"}, []string{"::1/128"}, true},
	} {
		o, err := parse(row.env, row.args...)
		if err != nil {
			t.Fatal(err)
		}
		var want []netip.Prefix
		for _, s := range row.want {
			want = append(want, netip.MustParsePrefix(s))
		}
		if !slices.Equal(o.proxies.networks, want) || o.proxies.unix != row.unix {
			t.Errorf("%v %v: %v, unix %t", row.env, row.args, o.proxies.networks, o.proxies.unix)
		}
	}
}

func TestForwardedFlag(t *testing.T) {
	for s, want := range map[string]reactor.ForwardedField{
		"x-forwarded-for": reactor.ForwardedX, "Forwarded": reactor.ForwardedStandard, "none": reactor.ForwardedNone,
	} {
		o, err := parse(nil, "-forwarded", s)
		if err != nil || reactor.ForwardedField(o.forwarded) != want {
			t.Errorf("%s: %+v, %v", s, o, err)
		}
	}
}
