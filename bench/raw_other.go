//go:build !linux

package bench

import "errors"

// useRaw is for Linux: it has an event loop of its own.
func (r *run) useRaw(exchange) (end func(), err error) {
	return nil, errors.New("raw connections are for Linux only")
}
