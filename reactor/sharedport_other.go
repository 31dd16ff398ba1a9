//go:build !linux

package reactor

import "context"

// sharedListener does not exist: see sharedPort.
type sharedListener struct{}

func (*sharedPort) claim() bool                 { return true }
func (*sharedPort) leave(context.Context) error { return nil }
func (*sharedPort) release()                    {}
func (*sharedPort) hear(bool)                   {}

// unheard does nothing.
func unheard(uintptr) error { return nil }
