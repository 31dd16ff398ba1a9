package clients

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestPrint(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]struct{ env, args []string }{
		"by flag":        {args: []string{"-app", "print"}},
		"by environment": {env: []string{"WEIR_APP=print"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, by.env, by.args...)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			c, err := dialGobwas(ctx, s.url("/"), exchange{})
			if err != nil {
				t.Fatal(err)
			}
			defer c.drop()
			for _, message := range []string{"hello world!", "Grüße, 世界"} {
				if err := c.send("text", []byte(message), 0); err != nil {
					t.Fatal(err)
				}
				if got := nextLine(t, s.lines); got != message {
					t.Errorf("printed %q, want %q", got, message)
				}
			}
			if err := c.ping([]byte("nothing before this")); err != nil {
				t.Errorf("print must not reply: %v", err)
			}
		})
	}
}

// TestPrintOneLine holds that no message can forge the line of another.
func TestPrintOneLine(t *testing.T) {
	t.Parallel()
	s := start(t, nil, "-app", "print")
	c := gorillaTo(t, s.url("/"))
	for _, message := range []string{"first\nsecond\r\nthird", "last"} {
		if err := c.send("text", []byte(message), 0); err != nil {
			t.Fatal(err)
		}
	}
	nextLine(t, s.lines)
	if got := nextLine(t, s.lines); got != "last" {
		t.Errorf("the second line is %q, want the second message", got)
	}
}

func TestChatBetweenClients(t *testing.T) {
	t.Parallel()
	node := nodeOrSkip(t)
	s := chatServer.get(t)
	here, elsewhere := gorillaTo(t, s.url("/mixed")), gorillaTo(t, s.url("/other"))
	say, heard := startNode(t, node, "node/say.mjs", s.url("/mixed"))
	if got := nextLine(t, heard); got != "(open)" {
		t.Fatalf("Node: %s", got)
	}

	fmt.Fprintln(say, "hello from Node")
	expectText(t, here, "hello from Node")
	expectLine(t, heard, "hello from Node")
	if err := here.send("text", []byte("hello from gorilla"), 0); err != nil {
		t.Fatal(err)
	}
	expectText(t, here, "hello from gorilla")
	expectLine(t, heard, "hello from gorilla")
	// The other room hears its own message; had it heard the rest, that would come before.
	if err := elsewhere.send("text", []byte("hello, anyone?"), 0); err != nil {
		t.Fatal(err)
	}
	expectText(t, elsewhere, "hello, anyone?")

	say.Close()
	expectLine(t, heard, "(closed 1000)")
}

func TestDrain(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			var clients []conversation
			for range 3 {
				c := gorillaTo(t, s.url("/"))
				expectEcho(t, c, "hello world!")
				clients = append(clients, c)
			}
			stopped := make(chan error, 1)
			go func() { stopped <- s.stop(sig) }()
			for _, c := range clients {
				if _, _, err := c.receive(); err != closedError(websocket.CloseGoingAway) {
					t.Errorf("after %v: %v, want a close with 1001", sig, err)
				}
				c.drop()
			}
			if err := <-stopped; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	addr := strings.TrimPrefix(s.addrs[0], "tcp://")
	status, _, stderr := runWeir(t, "-addr", addr)
	if status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	if strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, addr) {
		t.Errorf("standard error:\n%s\nwant one line that names %s", stderr, addr)
	}
	expectEcho(t, gorillaTo(t, s.url("/")), "the first one still serves")
}

func TestBadUsage(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"unknown flag":           {"-no-such-flag"},
		"unknown app":            {"-app", "poetry"},
		"address without a port": {"-addr", "127.0.0.1"},
		"port out of range":      {"-addr", "127.0.0.1:65536"},
		"port not a number":      {"-addr", "127.0.0.1:many"},
		"unknown scheme":         {"-addr", "ftp://127.0.0.1:0"},
		"socket without a path":  {"-addr", "unix://"},
		"size not a number":      {"-max-message", "lots"},
		"unknown log level":      {"-log-level", "loud"},
		"unknown log format":     {"-log-format", "poetry"},
		"stray argument":         {"-addr", "127.0.0.1:0", "stray"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := runWeir(t, args...)
			if status != 2 {
				t.Errorf("exit status %d, want 2", status)
			}
			if stdout != "" || stderr == "" {
				t.Errorf("standard output %q, standard error %q, want the reason on standard error only", stdout, stderr)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	status, stdout, _ := runWeir(t, "-version")
	if status != 0 || !strings.HasPrefix(stdout, "weir ") || strings.Count(stdout, "\n") != 1 {
		t.Errorf("status %d, standard output %q, want 0 and one line that begins with weir", status, stdout)
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	status, stdout, stderr := runWeir(t, "-h")
	if status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
	for _, name := range []string{"addr", "app", "max-message", "log-level", "log-format", "version"} {
		if !strings.Contains(stdout+stderr, "-"+name) {
			t.Errorf("-h does not mention -%s", name)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	socket := "unix://" + filepath.Join(t.TempDir(), "weir.sock")
	s := start(t, nil, "-addr", "127.0.0.1:0", "-addr", "tcp://127.0.0.1:0", "-addr", socket)
	for _, addr := range s.addrs {
		if hostport, ok := strings.CutPrefix(addr, "tcp://"); ok {
			addr = "ws://" + hostport + "/"
		} else if addr != socket {
			t.Errorf("the log announces %q, want %q or a tcp:// address", addr, socket)
		}
		expectEcho(t, gorillaTo(t, addr), "hello world!")
	}
}

func TestLogFormatJSON(t *testing.T) {
	t.Parallel()
	s := start(t, nil, "-log-format", "json")
	if line, _, _ := strings.Cut(s.log(), "\n"); !strings.HasPrefix(line, "{") {
		t.Errorf("the log begins with %q, want a JSON object", line)
	}
	expectEcho(t, gorillaTo(t, s.url("/")), "hello world!")
}

func TestMaxMessage(t *testing.T) {
	t.Parallel()
	s := start(t, nil, "-max-message", "12")
	expectEcho(t, gorillaTo(t, s.url("/")), "hello world!")
	beyond := exchange{Do: "refuse", Opcode: "text", Text: "hello world!!", Code: websocket.CloseMessageTooBig}
	if err := beyond.perform(gorillaTo(t, s.url("/"))); err != nil {
		t.Error(err)
	}
}

// TestOrigin holds the same-origin policy (RFC 6455, section 10.2).
func TestOrigin(t *testing.T) {
	t.Parallel()
	s := echoServer.get(t)
	host := strings.TrimPrefix(s.addrs[0], "tcp://")
	for name, test := range map[string]struct {
		origin string
		status int
	}{
		"none":         {"", http.StatusSwitchingProtocols},
		"same":         {"http://" + host, http.StatusSwitchingProtocols},
		"null":         {"null", http.StatusSwitchingProtocols},
		"foreign":      {"http://example.com", http.StatusForbidden},
		"another port": {"http://127.0.0.1:1", http.StatusForbidden},
		"as a prefix":  {"http://" + strings.Replace(host, ":", ".example.com:", 1), http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			if test.origin != "" {
				header.Set("Origin", test.origin)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			conn, resp, err := websocket.DefaultDialer.DialContext(ctx, s.url("/"), header)
			if err == nil {
				conn.Close()
			}
			if resp == nil {
				t.Fatal(err)
			}
			if resp.StatusCode != test.status {
				t.Errorf("Origin %q: %s, want %d", test.origin, resp.Status, test.status)
			}
		})
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	page := string(demoPage(t, echoServer.get(t)))
	for _, id := range []string{"url", "connect", "state", "message", "send", "log"} {
		if !strings.Contains(page, `id="`+id+`"`) {
			t.Errorf("the page has no element with the id %s", id)
		}
	}
}

// startNode runs a script; what is written to the writer is its standard input, and the channel
// gets the lines of its standard output.
func startNode(t *testing.T, node string, args ...string) (io.WriteCloser, <-chan string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	cmd := exec.CommandContext(ctx, node, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 1024)
	done := make(chan error, 1)
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
		close(lines)
		done <- cmd.Wait()
	}()
	t.Cleanup(func() {
		defer cancel()
		in.Close()
		if err := <-done; err != nil {
			t.Errorf("node %s: %v", strings.Join(args, " "), err)
		}
	})
	return in, lines
}

func nextLine(t *testing.T, lines <-chan string) string {
	t.Helper()
	select {
	case line, ok := <-lines:
		if !ok {
			t.Fatal("the process ended, want another line of it")
		}
		return line
	case <-time.After(patience):
		t.Fatal("no line came")
	}
	return ""
}

func expectLine(t *testing.T, lines <-chan string, want string) {
	t.Helper()
	if got := nextLine(t, lines); got != want {
		t.Fatalf("line %q, want %q", got, want)
	}
}

func expectText(t *testing.T, c conversation, want string) {
	t.Helper()
	if err := expectMessage(c, "text", []byte(want)); err != nil {
		t.Fatal(err)
	}
}

func expectEcho(t *testing.T, c conversation, text string) {
	t.Helper()
	if err := c.send("text", []byte(text), 0); err != nil {
		t.Fatal(err)
	}
	expectText(t, c, text)
}
