package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"strings"
	"time"

	"example.org/weir/bench"
)

// publishSize is how large the message is that is published, in bytes.
const publishSize = 128

// publishPatience is how long the publishing itself may take.
const publishPatience = 10 * time.Second

// publishOne has one message published that all connections are to get, which says when that was: to a
// subject of a NATS server where -publish is nats://host:port/subject, or else by a shell command that
// reads it from its standard input.
func (o *options) publishOne(ctx context.Context, at time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, publishPatience)
	defer cancel()
	message := bench.Stamp(at, publishSize)
	if u, err := url.Parse(o.publish); err == nil && u.Scheme == "nats" {
		return publishNATS(ctx, u.Host, strings.TrimPrefix(u.Path, "/"), message)
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", o.publish)
	cmd.Stdin = bytes.NewReader(message)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", o.publish, err, out)
	}
	return nil
}

// publishNATS publishes to a subject, by the protocol of NATS clients: the server's INFO, then CONNECT
// and PUB, and PING, whose PONG says that both were understood.
func publishNATS(ctx context.Context, addr, subject string, message []byte) error {
	if subject == "" {
		return errors.New("-publish nats://host:port/subject lacks the subject")
	}
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	_ = c.SetDeadline(deadline)
	r := bufio.NewReader(c)
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "INFO ") {
		return fmt.Errorf("%s is no NATS server: %q, %w", addr, line, err)
	}
	if _, err := fmt.Fprintf(c, "CONNECT {\"verbose\":false}\r\nPUB %s %d\r\n%s\r\nPING\r\n", subject, len(message), message); err != nil {
		return err
	}
	for {
		line, err := r.ReadString('\n')
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(line, "PONG"):
			return nil
		case strings.HasPrefix(line, "-ERR"):
			return errors.New("NATS: " + strings.TrimSpace(line))
		}
	}
}
