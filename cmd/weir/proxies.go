package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"example.org/weir/reactor"
)

// proxies is a flag for whom to believe about the client's address. Its first use replaces what was set
// in the environment.
type proxies struct {
	list     list
	networks []netip.Prefix
	unix     bool
}

func (p *proxies) String() string { return p.list.String() }

func (p *proxies) replaceable() { p.list.replaceable() }

func (p *proxies) empty() {
	p.list.empty()
	p.networks, p.unix = nil, false
}

func (p *proxies) all() []string { return p.list.all() }

func (p *proxies) Set(s string) error {
	if err := p.list.Set(s); err != nil {
		return err
	}
	p.networks, p.unix = nil, false
	for _, v := range p.list.values {
		if v == "unix" {
			p.unix = true
			continue
		}
		network, err := parseNetwork(v)
		if err != nil {
			return err
		}
		p.networks = append(p.networks, network)
	}
	return nil
}

// parseNetwork parses a network, or an address that is one by itself.
func parseNetwork(s string) (netip.Prefix, error) {
	if network, err := netip.ParsePrefix(s); err == nil {
		return network, nil
	}
	addr, err := netip.ParseAddr(s)
	if err != nil || addr.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%q is neither a network such as 10.0.0.0/8, nor an address, nor unix", s)
	}
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

// forwarded is a flag for reactor.ForwardedField.
type forwarded reactor.ForwardedField

var forwardedFields = []string{
	reactor.ForwardedX: "x-forwarded-for", reactor.ForwardedStandard: "forwarded", reactor.ForwardedNone: "none",
}

func (f *forwarded) String() string { return forwardedFields[*f] }

func (f *forwarded) Set(s string) error {
	i := slices.Index(forwardedFields, strings.ToLower(s))
	if i < 0 {
		return errors.New("there are x-forwarded-for, forwarded and none")
	}
	*f = forwarded(i)
	return nil
}
