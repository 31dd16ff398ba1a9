package bench

import "example.org/weir/codec"

// exchange is what a scenario does with the messages of a session, whatever carries them. Its methods
// are called on the loop, with its mutex.
type exchange interface {
	// begin is called once the session is open.
	begin(s *session)
	// answer takes in a message that came back at at. It reports whether the session is to be closed.
	answer(s *session, m codec.Message, at int64) (over bool)
	// end is called once the session's connection has ended, before the session has.
	end(s *session)
}

// chooseTransport makes the sessions plain TCP connections if the options say so, which carry x.
func (r *run) chooseTransport(x exchange) (err error) {
	if r.opt.Raw {
		r.endRaw, err = r.useRaw(x)
	}
	return err
}
