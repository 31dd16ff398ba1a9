package reactor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// reserved is an address to listen on that has been found free.
type reserved struct {
	gnet string   // as gnet wants it
	addr net.Addr // as it is bound
	tls  bool
	hold net.Listener // keeps a port that the kernel chose until gnet has bound it, or nil
}

type reservations []reserved

// listenerGroup is what one gnet engine listens on.
type listenerGroup struct {
	addrs []string
	bound []net.Addr
	reuse bool
	tls   bool
}

// reserve checks and resolves the addresses; secure says that those without a network speak TLS. gnet itself would share a TCP port that another
// process has (SO_REUSEPORT), and remove whatever is at the path of a Unix socket.
func reserve(addrs []string, share, secure bool) (rs reservations, err error) {
	defer func() {
		if err != nil {
			rs.release()
		}
	}()
	for _, a := range addrs {
		network, address, err := splitAddr(a, secure)
		if err != nil {
			return rs, err
		}
		var r reserved
		tcp, tls := strings.CutPrefix(network, "tls")
		switch {
		case tls && !secure:
			return rs, &AddrError{a, "Server.TLS is not set"}
		case tls:
			r, err = reserveTCP("tcp"+tcp, address, share)
		case network == "unix":
			r, err = reserveUnix(address)
		default:
			r, err = reserveTCP(network, address, share)
		}
		if err != nil {
			return rs, fmt.Errorf("reactor: cannot listen on %s: %w", a, err)
		}
		r.tls = tls
		rs = append(rs, r)
	}
	if secure && !slices.ContainsFunc(rs, func(r reserved) bool { return r.tls }) {
		return rs, errors.New("reactor: Server.TLS is set, but no address speaks TLS: want host:port or tls://host:port")
	}
	return rs, nil
}

// splitAddr splits "network://address"; the network may be left out, and is tls or tcp then.
func splitAddr(a string, secure bool) (network, address string, err error) {
	network, address, ok := strings.Cut(a, "://")
	switch {
	case ok:
	case secure:
		network, address = "tls", a
	default:
		network, address = "tcp", a
	}
	switch network {
	case "tcp", "tcp4", "tcp6", "tls", "tls4", "tls6":
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return "", "", &AddrError{a, "want host:port, for instance :8080 or 127.0.0.1:8080"}
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n > 65535 {
			return "", "", &AddrError{a, "the port must be a number from 0 to 65535"}
		}
	case "unix":
		if address == "" {
			return "", "", &AddrError{a, "want unix:// and the path of a socket, for instance unix:///run/weir.sock"}
		}
	default:
		return "", "", &AddrError{a, "the network must be tcp, tcp4, tcp6, tls, tls4, tls6 or unix"}
	}
	return network, address, nil
}

// AddrError is returned by [Server.Start] for an address that is malformed.
type AddrError struct {
	Addr string
	Text string // what is wrong with it, or what is wanted
}

// Error names the address and says what is wrong.
func (e *AddrError) Error() string {
	return "reactor: bad address " + strconv.Quote(e.Addr) + ": " + e.Text
}

func reserveTCP(network, address string, share bool) (reserved, error) {
	host, port, _ := net.SplitHostPort(address)
	chosen := port == "0"
	lc := net.ListenConfig{Control: func(_, _ string, rc syscall.RawConn) (err error) {
		cerr := rc.Control(func(fd uintptr) {
			if (share || chosen) && balances() {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
			}
			if !chosen { // it is closed at once, and would reset connections that it got
				_ = unheard(fd) // where the system can
			}
		})
		return errors.Join(err, cerr)
	}}
	lc.SetMultipathTCP(false) // gnet's are not, and those take no filter
	ln, err := lc.Listen(context.Background(), network, address)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return reserved{}, err
	}
	addr := ln.Addr().(*net.TCPAddr)
	r := reserved{
		gnet: network + "://" + net.JoinHostPort(host, strconv.Itoa(addr.Port)),
		addr: addr,
	}
	if chosen && balances() {
		r.hold = ln
		return r, nil
	}
	return r, ln.Close()
}

// balances reports whether the kernel spreads connections over the sockets that share a port.
func balances() bool {
	switch runtime.GOOS {
	case "linux", "freebsd", "dragonfly":
		return true
	}
	return false
}

func reserveUnix(path string) (reserved, error) {
	r := reserved{gnet: "unix://" + path, addr: &net.UnixAddr{Name: path, Net: "unix"}}
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		_, err = os.Stat(filepath.Dir(path))
		return r, err
	}
	if err != nil {
		return r, err
	}
	if info.Mode()&os.ModeSocket == 0 {
		return r, errors.New("there is a file that is not a socket")
	}
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = c.Close()
		return r, syscall.EADDRINUSE
	}
	return r, os.Remove(path) // a server that was killed left it behind
}

// release lets go of the ports that were held.
func (rs reservations) release() {
	for i := range rs {
		if rs[i].hold != nil {
			_ = rs[i].hold.Close()
			rs[i].hold = nil
		}
	}
}

// addrs returns the addresses as they are bound.
func (rs reservations) addrs() []net.Addr {
	out := make([]net.Addr, len(rs))
	for i, r := range rs {
		out[i] = r.addr
	}
	return out
}

// groups returns the listeners of each engine that is needed.
func (rs reservations) groups() []listenerGroup {
	tcp := listenerGroup{reuse: balances()}
	secure := listenerGroup{reuse: balances(), tls: true}
	var local listenerGroup
	for _, r := range rs {
		g := &tcp
		switch {
		case r.tls:
			g = &secure
		case r.addr.Network() == "unix":
			g = &local
		}
		g.addrs = append(g.addrs, r.gnet)
		g.bound = append(g.bound, r.addr)
	}
	var groups []listenerGroup
	for _, g := range []listenerGroup{tcp, secure, local} {
		if len(g.addrs) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

// addrOf turns a socket's address into a net.Addr.
func addrOf(sa unix.Sockaddr) net.Addr {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return &net.TCPAddr{IP: append(net.IP(nil), sa.Addr[:]...), Port: sa.Port}
	case *unix.SockaddrInet6:
		return &net.TCPAddr{IP: append(net.IP(nil), sa.Addr[:]...), Port: sa.Port}
	case *unix.SockaddrUnix:
		return &net.UnixAddr{Name: sa.Name, Net: "unix"}
	}
	return nil
}
