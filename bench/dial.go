package bench

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// target returns the target of the connection with a number.
func (o *Options) target(number int) string { return o.Targets[number%len(o.Targets)] }

// address splits a target into the URL to ask for and the Unix socket to connect to, if any.
func address(target string) (rawURL, socket string) {
	if path, ok := strings.CutPrefix(target, "unix://"); ok {
		return "ws://localhost/", path
	}
	return target, ""
}

// hostport returns the address of a URL, whose port is 80, or 443 with TLS, unless it says otherwise.
func hostport(u *url.URL) string {
	port := u.Port()
	switch {
	case port == "" && u.Scheme == "wss":
		port = "443"
	case port == "":
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// dialBlocking opens a connection that no event loop reads, with a small receive buffer. The context
// ends the connection.
func (r *run) dialBlocking(ctx context.Context, number int) (net.Conn, error) {
	o := r.opt
	target, socket := address(o.target(number))
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	d := o.dialer(number)
	d.Control = smallReceiveBuffer
	network, addr := "tcp", hostport(u)
	if socket != "" {
		network, addr, d.LocalAddr = "unix", socket, nil
	}
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(o.patience.connect))
	tcp := conn // conn may come to be TLS
	context.AfterFunc(ctx, func() { _ = tcp.SetDeadline(time.Unix(1, 0)) })
	if u.Scheme == "wss" {
		cfg := o.tls.Clone()
		cfg.ServerName = u.Hostname()
		conn = tls.Client(conn, cfg)
	}
	err = upgrade(conn, &codec.ClientUpgrade{
		Host: u.Host, Target: u.RequestURI(), Key: codec.NewKey(),
		Fields: o.Fields, Origin: o.Origin, Protocols: o.Subprotocols,
	})
	if err == nil && ctx.Err() == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if ctx.Err() != nil { // it may have ended before the deadline was taken away
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// dialer returns one that connects from the source address of the connection with a number.
func (o *Options) dialer(number int) *net.Dialer {
	d := &net.Dialer{Timeout: o.patience.connect}
	if o.Source.IsValid() {
		d.LocalAddr = &net.TCPAddr{IP: sourceAddress(o.Source, number)}
	}
	return d
}

// smallReceiveBuffer keeps the kernel from reading ahead for a slow client.
func smallReceiveBuffer(_, _ string, rc syscall.RawConn) (err error) {
	cerr := rc.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	})
	if err == nil {
		err = cerr
	}
	return err
}
