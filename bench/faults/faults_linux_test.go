package faults

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.org/weir/bench/rawpeer"
	"example.org/weir/codec"
	"example.org/weir/reactor"
)

const (
	serverAddr = "10.77.0.1:8080"
	asServer   = "WEIR_FAULTS_IDLE" // makes this binary the server; its value is the idle timeout
	patience   = 30 * time.Second
)

func TestMain(m *testing.M) {
	if idle := os.Getenv(asServer); idle != "" {
		serve(idle)
		return
	}
	os.Exit(m.Run())
}

// serve echoes, and prints the number of connections for each line of input.
func serve(idle string) {
	timeout, err := time.ParseDuration(idle)
	if err != nil {
		panic(err)
	}
	srv := &reactor.Server{
		IdleTimeout: timeout,
		Handler: reactor.HandlerFunc(func(c *reactor.Conn, m codec.Message) {
			_ = c.WriteMessage(m.Opcode, m.Payload)
		}),
	}
	if err := srv.Start(serverAddr); err != nil {
		panic(err)
	}
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		fmt.Println(srv.Conns())
	}
	_ = srv.Close()
}

// server is the server on its host.
type server struct {
	in  io.Writer
	out *bufio.Scanner
}

func startServer(t *testing.T, h *host, idle time.Duration) *server {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asServer+"="+idle.String())
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	var err error
	h.do(func() { err = cmd.Start() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server: %v", err)
		}
	})
	s := &server{in, bufio.NewScanner(out)}
	s.out.Scan()
	return s
}

// conns returns the number of connections.
func (s *server) conns(t *testing.T) (n int) {
	t.Helper()
	_, _ = io.WriteString(s.in, "\n")
	if !s.out.Scan() {
		t.Fatal("the server says no more")
	}
	if _, err := fmt.Sscan(s.out.Text(), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// open opens a WebSocket connection from h.
func open(h *host) (*rawpeer.Conn, error) {
	nc, err := h.dial(serverAddr)
	if err != nil {
		return nil, err
	}
	target, err := rawpeer.ParseTarget("ws://"+serverAddr+"/", rawpeer.Trust{})
	if err != nil {
		return nil, err
	}
	c := rawpeer.New(context.Background(), nc, target)
	c.Within(patience)
	_, err = c.Handshake(rawpeer.Options{})
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// message is the nth message of a client: its length and bytes follow from the two numbers.
func message(client, n, longest int) string {
	head := fmt.Sprintf("%d/%d ", client, n)
	return head + strings.Repeat(string(rune('a'+n%26)), rand.New(rand.NewPCG(uint64(client), uint64(n))).IntN(longest))
}

// converse sends messages, some ahead of their echoes, and wants each echo, in order.
func converse(c *rawpeer.Conn, client, messages, longest int) error {
	sent := make(chan error, 1)
	ahead := make(chan struct{}, 8)
	go func() {
		for n := range messages {
			ahead <- struct{}{}
			if err := c.WriteFrame(rawpeer.Text(message(client, n, longest))); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for n := 0; n < messages; {
		f, err := c.ReadFrame(1 << 20)
		if err != nil {
			return fmt.Errorf("client %d: instead of echo %d of %d: %w", client, n, messages, err)
		}
		if f.Opcode == rawpeer.OpPing {
			continue // what is sent counts as a sign of life
		}
		if got, want := string(f.Payload), message(client, n, longest); got != want {
			return fmt.Errorf("client %d: echo %d is %.40q (%d bytes), want %.40q (%d bytes)", client, n, got, len(got), want, len(want))
		}
		n++
		<-ahead
	}
	return <-sent
}

// TestFaults has clients talk through a cable with one fault each, and then with all.
func TestFaults(t *testing.T) {
	const clients = 10
	ms := time.Millisecond
	for _, tt := range []struct {
		name     string
		faults   faults
		mtu      int
		messages int
		happened func(*cable) bool // the fault has
	}{
		{"none", faults{}, 1500, 100, nil},
		{"delay", faults{delay: 20 * ms, jitter: 2 * ms}, 1500, 60, nil},
		{"loss", faults{delay: ms, loss: 0.03}, 1500, 60, func(c *cable) bool { return c.lost.Load() > 0 }},
		{"reordering", faults{delay: ms, jitter: 5 * ms, reorder: 0.2}, 1500, 60, func(c *cable) bool { return c.held.Load() > 0 }},
		{"doubles", faults{double: 0.2}, 1500, 100, func(c *cable) bool { return c.twin.Load() > 0 }},
		{"small MTU", faults{}, 300, 60, func(c *cable) bool { return c.carried.Load() > 10_000 }},
		{"all", faults{loss: 0.01, double: 0.05, reorder: 0.1, delay: 5 * ms, jitter: 10 * ms}, 576, 30, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			near, far := newHost(t, "10.77.0.2", tt.mtu), newHost(t, "10.77.0.1", tt.mtu)
			c := connect(t, near, far, tt.faults)
			srv := startServer(t, far, time.Minute)
			var wg sync.WaitGroup
			for i := range clients {
				wg.Go(func() {
					conn, err := open(near)
					if err != nil {
						t.Error(err)
						return
					}
					defer conn.Close()
					if err := converse(conn, i, tt.messages, 20_000); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			eventually(t, "all have gone", func() bool { return srv.conns(t) == 0 })
			if tt.happened != nil && !tt.happened(c) {
				t.Error("the cable had no such fault")
			}
			t.Logf("%d packets carried, %d lost, %d late, %d doubled", c.carried.Load(), c.lost.Load(), c.held.Load(), c.twin.Load())
		})
	}
}

// A cable that is cut and mended within the idle timeout loses nothing.
func TestCutAndMended(t *testing.T) {
	t.Parallel()
	near, far := newHost(t, "10.77.0.2", 1500), newHost(t, "10.77.0.1", 1500)
	c := connect(t, near, far, faults{delay: 2 * time.Millisecond})
	srv := startServer(t, far, 20*time.Second)
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			conn, err := open(near)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			if err := converse(conn, i, 300, 5000); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "all talk", func() bool { return srv.conns(t) == 5 && c.carried.Load() > 500 })
	c.cut.Store(true)
	time.Sleep(time.Second) // the length of the fault
	c.cut.Store(false)
	wg.Wait()
	if c.lost.Load() == 0 {
		t.Error("nothing was lost while the cable was cut")
	}
}

// The peers behind a cable that stays cut are gone after the idle timeout, those who had sent and those who were to get
// something; and when it is mended there is room for new ones.
func TestDeadPeers(t *testing.T) {
	t.Parallel()
	near, far := newHost(t, "10.77.0.2", 1500), newHost(t, "10.77.0.1", 1500)
	c := connect(t, near, far, faults{})
	srv := startServer(t, far, 5*time.Second)
	for i := range 20 {
		conn, err := open(near)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := converse(conn, i, 3, 100); err != nil {
			t.Fatal(err)
		}
	}
	if n := srv.conns(t); n < 10 { // a busy machine may have lost some already
		t.Fatalf("there are %d connections", n)
	}
	c.cut.Store(true)
	eventually(t, "the dead are gone", func() bool { return srv.conns(t) == 0 })
	c.cut.Store(false)
	conn, err := open(near)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := converse(conn, 1, 3, 100); err != nil {
		t.Error(err)
	}
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}
