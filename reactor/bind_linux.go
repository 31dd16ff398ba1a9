package reactor

import "golang.org/x/sys/unix"

// bindWithoutPort lets the kernel choose the local port at connect, when it knows the whole
// four-tuple, and not at bind, where a port can be used once only.
func bindWithoutPort(fd uintptr) {
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
}
