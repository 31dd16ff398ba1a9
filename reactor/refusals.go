package reactor

import (
	"errors"
	"net"
	"strconv"

	"example.org/weir/codec"
)

// Refusal says how an opening handshake, or another request, was refused.
type Refusal struct {
	Status int // of HTTP
	Reason RefusalReason
}

// MarshalText returns the status and the reason, such as "403 origin", so that Stats can be JSON.
func (r Refusal) MarshalText() ([]byte, error) {
	return append(strconv.AppendInt(nil, int64(r.Status), 10), " "+r.Reason...), nil
}

// RefusalReason says why an opening handshake was refused. It is fit for the label of a metric.
type RefusalReason string

// The reasons for refusals.
const (
	RefusedRequest  RefusalReason = "request"     // it breaks a rule of HTTP or of RFC 6455, or there is nothing at its path
	RefusedOrigin   RefusalReason = "origin"      // pages of this origin may not connect: Server.Origins
	RefusedHook     RefusalReason = "hook"        // Server.Authorize or Server.Upgrade said so
	RefusedTimeout  RefusalReason = "timeout"     // Server.HandshakeTimeout, or the client has left
	RefusedDraining RefusalReason = "draining"    // Shutdown has begun
	RefusedFull     RefusalReason = "full"        // Server.MaxConns, HTTPConns, or no more descriptors
	RefusedClient   RefusalReason = "client_full" // Server.MaxConnsPerIP
	RefusedRate     RefusalReason = "rate"        // Server.HandshakeRate
	RefusedInternal RefusalReason = "internal"    // a hook failed or panicked
)

// refusalReasons are those of the reactor's own errors. All others are codec's, which are about the request,
// or a hook's.
var refusalReasons = map[*codec.HandshakeError]RefusalReason{
	errOrigin:           RefusedOrigin,
	errHandshakeTimeout: RefusedTimeout,
	errAuthorizeTimeout: RefusedTimeout,
	errLeft:             RefusedTimeout,
	errShuttingDown:     RefusedDraining,
	errTooManyConns:     RefusedFull,
	errTooManyHTTP:      RefusedFull,
	errDescriptors:      RefusedFull,
	errTooManyFromOne:   RefusedClient,
	errTooManyNow:       RefusedRate,
	errUpgrade:          RefusedInternal,
}

// hookError is an error that Server.Authorize or Server.Upgrade returned.
type hookError struct{ error }

// Unwrap returns the error.
func (e hookError) Unwrap() error { return e.error }

// unhooked returns err as the hook returned it.
func unhooked(err error) error {
	if h, ok := err.(hookError); ok {
		return h.error
	}
	return err
}

// refusal returns how to refuse for err, which is counted, and logged where the client is not to know it.
func (c *core) refusal(err error, remote net.Addr) *codec.HandshakeError {
	var he *codec.HandshakeError
	if !errors.As(err, &he) {
		c.cfg.log.Error("an opening handshake failed", "err", unhooked(err), "remote", remote)
		he = errUpgrade
	}
	reason, ok := refusalReasons[he]
	if _, hook := err.(hookError); !ok && hook {
		reason = RefusedHook
	} else if !ok {
		reason = RefusedRequest
	}
	countIn(&c.tally, &c.tally.refused, Refusal{he.Status, reason})
	return he
}
