package torture

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"

	"example.org/weir/bench/rawpeer"
)

// dialer opens connections to the server. To a server on 127.0.0.0/8 they come from addresses all
// over that network, so that ports do not run out.
type dialer struct {
	target rawpeer.Target
	spread bool
	next   atomic.Uint32
}

// newDialer reads the target and tries it. It returns the connection too.
func newDialer(ctx context.Context, target string, trust rawpeer.Trust) (*dialer, *rawpeer.Conn, error) {
	t, err := rawpeer.ParseTarget(target, trust)
	if err != nil {
		return nil, nil, badOption("%v", err)
	}
	d := &dialer{target: t}
	c, err := d.dial(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok && a.IP.IsLoopback() && a.IP.To4() != nil {
		d.spread = true
		d.target.Addr = a.String() // a name may stand for addresses of other families
	}
	return d, c, nil
}

// dial opens a connection. The kernel keeps about receive bytes that are not read, 0 for what it
// likes.
func (d *dialer) dial(ctx context.Context, receive int) (*rawpeer.Conn, error) {
	var nd net.Dialer
	if d.spread {
		nd.LocalAddr = &net.TCPAddr{IP: source(d.next.Add(1))}
	}
	nd.Control = func(_, _ string, rc syscall.RawConn) error {
		return rc.Control(func(fd uintptr) {
			if d.spread {
				bindWithoutPort(fd)
			}
			if receive > 0 {
				setReceiveBuffer(fd, receive)
			}
		})
	}
	return d.target.Dial(ctx, &nd)
}

// source returns the i-th address of 127.0.0.0/8 to connect from, of 62,500.
func source(i uint32) net.IP {
	i %= 250 * 250
	return net.IPv4(127, 1, byte(i/250), byte(1+i%250))
}

// open opens a connection and upgrades it, and returns what the server has agreed to.
func (d *dialer) open(ctx context.Context, receive int, o rawpeer.Options) (*rawpeer.Conn, *rawpeer.Response, error) {
	c, err := d.dial(ctx, receive)
	if err != nil {
		return nil, nil, err
	}
	c.Within(patience)
	resp, err := c.Handshake(o)
	if err != nil {
		c.Close()
		return nil, resp, fmt.Errorf("the opening handshake: %w", err)
	}
	c.Within(0)
	return c, resp, nil
}
