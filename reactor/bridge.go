package reactor

import (
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// bridge returns a socket whose bytes two goroutines carry to conn and back, until both directions have
// ended. An event loop can serve it, which it cannot serve a TLS connection.
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
	go func() {
		_, _ = io.Copy(stalling{conn}, outside)
		// The loop has no more to send. What the peer still sends is read, so that no reset overtakes what
		// was sent to it.
		if half, ok := conn.(halfCloser); ok && half.CloseWrite() == nil {
			_ = conn.SetReadDeadline(time.Now().Add(defaultCloseTimeout))
			return
		}
		_ = conn.Close()
	}()
	go func() {
		_, _ = io.Copy(outside, conn)
		_ = outside.Close()
		_ = conn.Close()
	}()
	return inside, nil
}

// stalling is a connection whose writes fail when the peer takes nothing for long: the event loop, which
// may have given it up, cannot be heard meanwhile.
type stalling struct{ net.Conn }

func (c stalling) Write(p []byte) (int, error) {
	_ = c.SetWriteDeadline(time.Now().Add(defaultIdleTimeout))
	return c.Conn.Write(p)
}

// socketConn makes a net.Conn of a socket, which it takes over.
func socketConn(fd int) (net.Conn, error) {
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "bridge")
	defer f.Close() // FileConn duplicates it
	return net.FileConn(f)
}
