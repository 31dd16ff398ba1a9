package bench

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// sourceAddress returns the i-th address of a prefix to connect from, beginning anew at its end. In
// 127.0.0.0/8 and other IPv4 prefixes the network's own address is left out, and at most 65,000
// addresses are used.
func sourceAddress(p netip.Prefix, i int) net.IP {
	base := p.Masked().Addr()
	bits := base.BitLen() - p.Bits()
	if bits == 0 {
		return base.AsSlice()
	}
	hosts := uint64(65_000)
	if bits < 17 {
		hosts = min(hosts, uint64(1)<<bits-1)
	}
	ip := base.AsSlice()
	tail := ip[len(ip)-4:]
	binary.BigEndian.PutUint32(tail, binary.BigEndian.Uint32(tail)+1+uint32(uint64(i)%hosts))
	return ip
}
