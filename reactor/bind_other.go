//go:build !linux

package reactor

// bindWithoutPort does nothing where there is no IP_BIND_ADDRESS_NO_PORT.
func bindWithoutPort(uintptr) {}
