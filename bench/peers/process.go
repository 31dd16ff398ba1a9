package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// How long a server may take to accept connections, and to end after SIGTERM.
const (
	startTimeout = 20 * time.Second
	stopTimeout  = 15 * time.Second
)

// Server is a peer that runs.
type Server struct {
	Addr string   // host and port
	Args []string // its command line
	PID  int

	cmd   *exec.Cmd
	ended chan struct{}
	log   lockedBuffer
}

// Start starts a server and waits until it accepts connections at addr. It is killed when this
// process dies; the caller has to Stop it.
func Start(ctx context.Context, args []string, addr string) (*Server, error) {
	s := &Server{Addr: addr, Args: args, cmd: exec.Command(args[0], args[1:]...), ended: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	s.cmd.SysProcAttr = ownProcess()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.PID = s.cmd.Process.Pid
	go func() {
		_ = s.cmd.Wait() // Stop looks at ended only: any exit after SIGTERM will do
		close(s.ended)
	}()
	if err := s.awaitListener(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// awaitListener waits until a connection is accepted.
func (s *Server) awaitListener(ctx context.Context) error {
	deadline := time.NewTimer(startTimeout)
	defer deadline.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		if c, err := net.Dial("tcp", s.Addr); err == nil {
			return c.Close()
		}
		select {
		case <-again.C:
		case <-s.ended:
			return fmt.Errorf("%s ended: %s", strings.Join(s.Args, " "), s.Log())
		case <-deadline.C:
			return fmt.Errorf("%s does not listen: %s", strings.Join(s.Args, " "), s.Log())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Log returns what the server has printed.
func (s *Server) Log() string { return s.log.String() }

// Running reports whether the process has not ended.
func (s *Server) Running() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// Stop ends the server with SIGTERM, and kills it when that does not help. The process is gone when
// it returns.
func (s *Server) Stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it fails only when the process has ended
	select {
	case <-s.ended:
		return nil
	case <-time.After(stopTimeout):
	}
	_ = s.cmd.Process.Kill()
	<-s.ended
	return fmt.Errorf("%s did not end within %v of SIGTERM and was killed", s.Args[0], stopTimeout)
}

// lockedBuffer is a buffer that a process writes to while others read it. It keeps the beginning.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

const maxLog = 64 << 10

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Write(p[:min(len(p), max(0, maxLog-l.b.Len()))])
	return len(p), nil
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(l.b.String())
}

// Run runs a client to its end and returns what it wrote to standard output, also when it fails. When
// ctx ends, the client gets SIGTERM, and is killed when that does not help.
func Run(ctx context.Context, args []string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.SysProcAttr = ownProcess()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	var stdout bytes.Buffer
	stderr := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = &stdout, stderr
	if err := cmd.Run(); err != nil {
		return stdout.Bytes(), fmt.Errorf("%s: %w: %s", args[0], err, stderr)
	}
	return stdout.Bytes(), nil
}
