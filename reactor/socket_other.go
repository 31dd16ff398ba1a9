//go:build !linux

package reactor

import "golang.org/x/sys/unix"

// writeSocket is write(2) on a non-blocking socket.
func writeSocket(fd int, p []byte) (int, error) {
	for {
		n, err := unix.Write(fd, p)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// writeBoth writes p and, behind it, as much of q as the socket takes.
func writeBoth(fd int, p, q []byte) (int, error) {
	n, err := writeSocket(fd, p)
	if err != nil || n < len(p) {
		return n, err
	}
	m, err := writeSocket(fd, q)
	if err == unix.EAGAIN {
		err = nil
	}
	return n + m, err
}

// giveWay does nothing.
func giveWay() {}
