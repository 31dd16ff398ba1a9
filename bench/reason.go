package bench

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"

	"example.org/weir/codec"
)

// reason says in few and always the same words why a connection ended or was not opened: errors are
// counted by it.
func reason(err error) string {
	var ce *codec.CloseError
	var op *net.OpError
	switch {
	case err == nil:
		return "no reason is known"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "no local port is free; connect from more addresses (-source 127.0.0.0/8 on this machine)"
	case errors.Is(err, syscall.EMFILE):
		return "too many open files in the generator (ulimit -n)"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &ce) && ce.Remote:
		return "closed by the server with " + ce.Code.String()
	case errors.Is(err, io.EOF):
		return "end of file"
	case errors.As(err, &op):
		return op.Err.Error()
	}
	return err.Error()
}
