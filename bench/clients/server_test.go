package clients

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// server is one running weir process.
type server struct {
	cmd *exec.Cmd
	// addrs are the addresses as the server logged them, such as tcp://127.0.0.1:8080, or tls:// with TLS.
	addrs []string
	// lines are the lines of standard output; closed when the process has ended.
	lines chan string
	// ended is closed when the process has ended; cmd.ProcessState is valid then.
	ended chan struct{}

	mu     sync.Mutex
	stderr bytes.Buffer
}

// listening finds the address in the log line that announces it, in slog's text or JSON form.
var listening = regexp.MustCompile(`(?:msg=listening|"msg":"listening").*?(?:addr=|"addr":)"?([^"\s]+)`)

// startServer runs weir with args and waits until it listens on every address in args; without
// one, on a port of its own choice. env is added to the environment.
func startServer(env []string, args ...string) (*server, error) {
	want := 0
	for _, arg := range args {
		if arg == "-addr" {
			want++
		}
	}
	if want == 0 {
		args = append([]string{"-addr", "127.0.0.1:0"}, args...)
		want = 1
	}
	s := &server{cmd: exec.Command(weirBin, args...), lines: make(chan string, 1024), ended: make(chan struct{})}
	s.cmd.Env = append(os.Environ(), env...)
	endWithTests(s.cmd)
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}

	found := make(chan string, want)
	var readers sync.WaitGroup
	readers.Go(func() {
		for in := bufio.NewScanner(stdout); in.Scan(); {
			s.lines <- in.Text()
		}
	})
	readers.Go(func() { s.readLog(bufio.NewScanner(stderr), found) })
	go func() {
		readers.Wait()
		s.cmd.Wait() // the exit status is read from cmd.ProcessState
		close(s.lines)
		close(s.ended)
	}()

	deadline := time.After(patience)
	for len(s.addrs) < want {
		select {
		case addr := <-found:
			s.addrs = append(s.addrs, addr)
		case <-s.ended:
			return nil, fmt.Errorf("weir %s: %v\n%s", strings.Join(args, " "), s.cmd.ProcessState, s.log())
		case <-deadline:
			s.cmd.Process.Kill()
			return nil, fmt.Errorf("weir %s does not listen:\n%s", strings.Join(args, " "), s.log())
		}
	}
	return s, nil
}

// readLog keeps the log and sends each address that is announced in it to found.
func (s *server) readLog(in *bufio.Scanner, found chan<- string) {
	for in.Scan() {
		s.mu.Lock()
		s.stderr.WriteString(in.Text() + "\n")
		s.mu.Unlock()
		if m := listening.FindStringSubmatch(in.Text()); m != nil {
			select {
			case found <- m[1]:
			default: // more addresses than were asked for
			}
		}
	}
}

func (s *server) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stderr.String()
}

// url returns the WebSocket URL of path on the first address.
func (s *server) url(path string) string {
	return strings.NewReplacer("tcp://", "ws://", "tls://", "wss://").Replace(s.addrs[0]) + path
}

// page returns the URL of the page that the server serves.
func (s *server) page() string { return "http" + strings.TrimPrefix(s.url("/"), "ws") }

// stop signals the process and waits for its end; any exit status but 0 is an error.
func (s *server) stop(sig os.Signal) error {
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.ended:
	case <-time.After(patience):
		s.cmd.Process.Kill()
		return fmt.Errorf("weir did not end after %v:\n%s", sig, s.log())
	}
	if s.cmd.ProcessState.ExitCode() != 0 {
		return fmt.Errorf("weir after %v: %v\n%s", sig, s.cmd.ProcessState, s.log())
	}
	return nil
}

// start runs a server for one test and expects a clean end of it.
func start(t *testing.T, env []string, args ...string) *server {
	t.Helper()
	s, err := startServer(env, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(syscall.SIGTERM); err != nil {
			t.Error(err)
		} else if t.Failed() {
			t.Logf("the server's log:\n%s", s.log())
		}
	})
	return s
}

// sharedServer is a server that many tests use; it starts with the first of them.
type sharedServer struct {
	args   []string
	secure bool // with TLS
	once   sync.Once
	s      *server
	err    error
}

var (
	echoServer = &sharedServer{args: []string{"-app", "echo"}}
	chatServer = &sharedServer{args: []string{"-app", "chat"}}
)

func (h *sharedServer) get(t *testing.T) *server {
	t.Helper()
	h.once.Do(func() {
		if h.secure {
			h.args = append(h.args, "-tls-cert", certificate.certFile, "-tls-key", certificate.keyFile)
		}
		h.s, h.err = startServer(nil, h.args...)
	})
	if h.err != nil {
		t.Fatal(h.err)
	}
	return h.s
}

// stopShared ends the shared servers and shows their logs if show is set.
func stopShared(show bool) error {
	var errs []error
	for _, h := range []*sharedServer{echoServer, chatServer, secureServer, compressedServer} {
		if h.s == nil {
			continue
		}
		errs = append(errs, h.s.stop(syscall.SIGTERM))
		if show {
			fmt.Fprintf(os.Stderr, "log of weir %s:\n%s", strings.Join(h.args, " "), h.s.log())
		}
	}
	return errors.Join(errs...)
}

// runWeir runs weir to its end and returns its exit status and what it wrote.
func runWeir(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, weirBin, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("weir %q did not end:\n%s", args, errOut.String())
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errOut.String()
}
