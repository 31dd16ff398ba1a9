package main

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"example.org/weir/bench"
)

// runChurn connects, has one message echoed and closes, over and over. It connects from the
// addresses of 127.0.0.0/8 in turn, so that ports do not run out.
func runChurn(ctx context.Context, o options, res *bench.Result) error {
	var cycles, failed, number atomic.Uint64
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var workers sync.WaitGroup
	for range o.conns {
		workers.Go(func() {
			message := make([]byte, o.size)
			for ctx.Err() == nil {
				if err := cycle(ctx, o.addr, source(number.Add(1)), message); err == nil {
					cycles.Add(1)
				} else if ctx.Err() == nil {
					failed.Add(1)
					sleep(ctx, 100*time.Millisecond) // a server that is down is not hammered
				}
			}
		})
	}
	sleep(ctx, o.warmup)
	before, from, cpu := cycles.Load(), time.Now(), cpuSeconds()
	sleep(ctx, o.duration)
	res.Messages.Received = cycles.Load() - before
	res.Seconds = time.Since(from).Seconds()
	res.Generator = bench.Generator{CPUSeconds: cpuSeconds() - cpu, Loops: 1}
	stop()
	workers.Wait()
	res.Connections.Failed = int(failed.Load())
	return nil
}

// cycle is one connection.
func cycle(ctx context.Context, addr string, from net.Addr, message []byte) error {
	d := net.Dialer{LocalAddr: from}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if _, err := c.Write(message); err != nil {
		return err
	}
	_, err = io.ReadFull(c, message)
	return err
}

// source is the n-th address of 127.0.0.0/8, from 127.0.0.1 on.
func source(n uint64) net.Addr {
	const usable = 1<<24 - 2
	k := uint32(n%usable) + 1
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, byte(k >> 16), byte(k >> 8), byte(k)}), 0))
}
