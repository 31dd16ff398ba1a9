package bench

import (
	"bufio"
	"context"
	"net"
	"net/url"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// Slow is Echo beside clients that ask for echoes and read them slowly (Slow of them) or never
// (Stuck). What it measures is how the others fare.
func RunSlow(ctx context.Context, o Options) (*Result, error) {
	r, err := newRun(ctx, "slow", &o, func(*genLoop) reactor.Handler { return echoing{} })
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.openAll(o.Conns); err != nil {
		return nil, err
	}
	bad, cancel := context.WithCancel(ctx)
	defer cancel()
	dropped := 0
	ended := make(chan error, o.Slow+o.Stuck)
	for i := range o.Slow + o.Stuck {
		go func() { ended <- r.misbehave(bad, i, i < o.Slow) }()
	}
	r.measure(r.startEchoes, func() { cancel(); r.quiesce() })
	for range o.Slow + o.Stuck {
		if err := <-ended; err != nil {
			dropped++
		}
	}
	res := r.finish()
	r.warn("of %d slow and %d stuck clients the server dropped %d", o.Slow, o.Stuck, dropped)
	return res, nil
}

// misbehave sends messages without end and reads a little now and then, or nothing. It returns nil
// if it was the context that ended it.
func (r *run) misbehave(ctx context.Context, i int, reads bool) error {
	conn, err := r.rawDial(ctx, i)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	go func() {
		p := newPayloads(r.opt, -1-i)
		var frame []byte
		for seq := uint64(0); ctx.Err() == nil; seq++ {
			frame = codec.AppendMaskedFrame(frame[:0], p.op, p.next(seq), codec.NewMaskKey())
			if _, err := conn.Write(frame); err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 1024)
	for ctx.Err() == nil {
		if !reads {
			<-ctx.Done()
			break
		}
		if _, err := conn.Read(buf); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return nil
}

// rawDial opens a connection that no event loop reads.
func (r *run) rawDial(ctx context.Context, i int) (net.Conn, error) {
	target, socket := address(r.opt.Targets[i%len(r.opt.Targets)])
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	network, addr := "tcp", u.Host
	if socket != "" {
		network, addr = "unix", socket
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	up := codec.ClientUpgrade{Host: u.Host, Target: u.RequestURI(), Key: codec.NewKey(), Fields: r.opt.Fields, Origin: r.opt.Origin, Protocols: r.opt.Subprotocols}
	request, err := codec.AppendRequest(nil, &up)
	if err == nil {
		_, err = conn.Write(request)
	}
	for br := bufio.NewReader(conn); err == nil; {
		var line string
		if line, err = br.ReadString('\n'); line == "\r\n" {
			return conn, nil
		}
	}
	_ = conn.Close()
	return nil, err
}
