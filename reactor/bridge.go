package reactor

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// secure does the TLS handshake of a client on conn and returns a socket that speaks what is inside.
func secure(ctx context.Context, conn net.Conn, cfg *tls.Config, host string) (net.Conn, error) {
	cfg = cfg.Clone() // nil of nil
	if cfg == nil {
		cfg = new(tls.Config)
	}
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	if cfg.NextProtos == nil {
		cfg.NextProtos = []string{"http/1.1"}
	}
	t := tls.Client(conn, cfg)
	err := t.HandshakeContext(ctx)
	if err == nil {
		var inside net.Conn
		if inside, err = bridge(t); err == nil {
			return inside, nil
		}
	}
	_ = conn.Close()
	return nil, err
}

// bridge returns a socket whose bytes two goroutines carry to conn and back, until either end closes. An
// event loop can serve it, which it cannot serve a TLS connection.
func bridge(conn net.Conn) (net.Conn, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	inside, err := socketConn(fds[0])
	if err != nil {
		_ = unix.Close(fds[1])
		return nil, err
	}
	outside, err := socketConn(fds[1])
	if err != nil {
		_ = inside.Close()
		return nil, err
	}
	carry := func(to, from net.Conn) {
		_, _ = io.Copy(to, from) // it ends with the connection, which both ends hear
		_ = to.Close()
		_ = from.Close()
	}
	go carry(conn, outside)
	go carry(outside, conn)
	return inside, nil
}

// socketConn makes a net.Conn of a socket, which it takes over.
func socketConn(fd int) (net.Conn, error) {
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "bridge")
	defer f.Close() // FileConn duplicates it
	return net.FileConn(f)
}
