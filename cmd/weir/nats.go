package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"

	"example.org/weir/reactor"
	"example.org/weir/reactor/natsbus"
)

// natsSchemes are those that the NATS client knows.
var natsSchemes = []string{"nats", "tls", "ws", "wss"}

// checkNATS finds what is wrong with -nats before anything is started.
func (o *options) checkNATS() error {
	if len(o.nats.values) > 0 && o.app != "topics" && o.app != "chat" {
		return errors.New("-nats is for -app topics and chat; in the others no client hears another")
	}
	for _, s := range o.nats.values {
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || !slices.Contains(natsSchemes, u.Scheme) {
			return errors.New("bad -nats: want nats://host:port, or tls://, ws:// or wss://") // s may hold a password
		}
	}
	if !reactor.ValidTopic(o.natsPrefix) {
		return fmt.Errorf("bad -nats-prefix %q: want tokens between dots, without spaces and wildcards", o.natsPrefix)
	}
	return nil
}

// bus returns the way to other servers, nil for none.
func (o *options) bus(log *slog.Logger) reactor.Bus {
	if len(o.nats.values) == 0 {
		return nil
	}
	return natsbus.New(natsbus.Options{Servers: o.nats.values, Prefix: o.natsPrefix, Logger: log})
}
