//go:build !linux

package torture

import (
	"errors"
	"net"
)

// readProcess needs /proc.
func readProcess(int) (Usage, error) {
	return Usage{}, errors.New("what a process holds can be read on Linux only")
}

func peerPID(net.Conn) (int, error) { return 0, errNoPeerPID }

// bindWithoutPort needs IP_BIND_ADDRESS_NO_PORT.
func bindWithoutPort(uintptr) {}

// setReceiveBuffer leaves the buffer to the kernel.
func setReceiveBuffer(uintptr, int) {}
