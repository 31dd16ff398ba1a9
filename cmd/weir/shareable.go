package main

import (
	"net"

	"golang.org/x/sys/unix"
)

// shareable reports whether those who listen at an address let this process listen there, too (SO_REUSEPORT): they
// have -share-port and are of the same user. The address is bound, and never listened on, so that no client of
// theirs comes here.
func shareable(network, address string) bool {
	a, err := net.ResolveTCPAddr(network, address)
	if err != nil {
		return false
	}
	at6 := &unix.SockaddrInet6{Port: a.Port}
	copy(at6.Addr[:], a.IP.To16()) // none: all of this machine's
	family, at := unix.AF_INET6, unix.Sockaddr(at6)
	if ip := a.IP.To4(); ip != nil {
		family, at = unix.AF_INET, &unix.SockaddrInet4{Port: a.Port, Addr: [4]byte(ip)}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	if family == unix.AF_INET6 && network != "tcp6" {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0)
	}
	for _, option := range []int{unix.SO_REUSEADDR, unix.SO_REUSEPORT} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1) != nil {
			return false
		}
	}
	return unix.Bind(fd, at) == nil
}
