//go:build !linux

package reactor

import "errors"

// ring is only there where the system has io_uring.
type ring struct{}

func newRing(uint32) (*ring, error) { return nil, errors.ErrUnsupported }

func (*ring) add(int32, []byte) {}

func (*ring) submit([]int32) error { return errors.ErrUnsupported }

func (*ring) close() {}
