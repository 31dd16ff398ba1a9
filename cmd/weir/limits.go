package main

import (
	"errors"
	"flag"

	"example.org/weir/reactor"
)

// limits are the flags that bound what clients may ask for.
type limits struct {
	connsPerIP    int
	handshakeRate int
	messageRate   int
	byteRate      size
	buffered      size
}

func (l *limits) define(fs *flag.FlagSet) {
	l.buffered = 256 << 20
	fs.IntVar(&l.connsPerIP, "max-conns-per-ip", 0, "connections accepted from one address, of IPv6 from one network of 64 bits; others get 429; 0 is no limit")
	fs.IntVar(&l.handshakeRate, "handshake-rate", 0, "connections accepted per second, with a burst of as many; others get 503; 0 is no limit")
	fs.IntVar(&l.messageRate, "message-rate", 0, "messages that a client may send per second, with a burst of as many; more close with 1008; 0 is no limit")
	fs.Var(orOff{&l.byteRate}, "byte-rate", "`bytes` that a client may send per second, with a burst of as many or one message; more close with 1008; 0 is no limit")
	fs.Var(&l.buffered, "max-buffered", "`bytes` that may wait for slow clients, all together; beyond it those for whom the most is waiting are closed with 1013")
}

func (l *limits) check() error {
	if l.connsPerIP < 0 || l.handshakeRate < 0 || l.messageRate < 0 {
		return errors.New("-max-conns-per-ip, -handshake-rate and -message-rate must not be negative; 0 is no limit")
	}
	return nil
}

// apply sets the limits of a server.
func (l *limits) apply(srv *reactor.Server) {
	srv.MaxConnsPerIP = l.connsPerIP
	srv.HandshakeRate = l.handshakeRate
	srv.MessageRate = l.messageRate
	srv.ByteRate = int(l.byteRate)
	srv.MaxBuffered = int64(l.buffered)
}

// orOff is a size that may also be 0.
type orOff struct{ *size }

// String is also called for the zero value.
func (n orOff) String() string {
	if n.size == nil {
		return "0"
	}
	return n.size.String()
}

func (n orOff) Set(s string) error {
	if s == "0" {
		*n.size = 0
		return nil
	}
	return n.size.Set(s)
}
