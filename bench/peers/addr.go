package peers

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// FreeAddr returns an address of the loopback that is the caller's until this process ends: nobody
// listens on it, and no other process or call is given its port. An address that was merely free a
// moment ago can be found by two who look at the same time, and then one of them talks to the other's
// server.
//
// A socket that is bound and never listens holds the port. With both options it is in the way of no
// server, whichever of them that sets; and the kernel gives nobody a port that somebody is bound to.
func FreeAddr() (addr string, err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", os.NewSyscallError("socket", err)
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	for _, option := range []int{unix.SO_REUSEADDR, unix.SO_REUSEPORT} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1); err != nil {
			return "", os.NewSyscallError("setsockopt", err)
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return "", os.NewSyscallError("bind", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return "", os.NewSyscallError("getsockname", err)
	}
	return fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port), nil
}
