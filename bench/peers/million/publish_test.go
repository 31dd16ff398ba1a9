package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/weir/bench"
)

// serveNATS is a NATS server for one client: it returns what was published, and answers the PING.
func serveNATS(t *testing.T, answer string) (addr string, published <-chan string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	got := make(chan string, 1)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprint(c, "INFO {}\r\n")
		r := bufio.NewReader(c)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			var subject string
			var n int
			if _, err := fmt.Sscanf(line, "PUB %s %d", &subject, &n); err == nil {
				b := make([]byte, n+2)
				if _, err := io.ReadFull(r, b); err != nil {
					return
				}
				got <- subject + " " + string(b)
			}
			if strings.HasPrefix(line, "PING") {
				fmt.Fprint(c, "PING\r\n"+answer)
			}
		}
	}()
	return ln.Addr().String(), got
}

func TestPublishNATS(t *testing.T) {
	addr, published := serveNATS(t, "PONG\r\n")
	o := &options{publish: "nats://" + addr + "/weir.all"}
	at := time.Unix(1_700_000_000, 5)
	if err := o.publishOne(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	subject, message, _ := strings.Cut(<-published, " ")
	if got, ok := bench.Stamped([]byte(message)); subject != "weir.all" || !ok || !got.Equal(at) || len(message) != publishSize+2 {
		t.Errorf("%q to %q", message, subject)
	}

	addr, _ = serveNATS(t, "-ERR 'no'\r\n")
	for name, publish := range map[string]string{
		"refused":    "nats://" + addr + "/weir.all",
		"no subject": "nats://" + addr,
		"no server":  "nats://127.0.0.1:1/x",
	} {
		if err := (&options{publish: publish}).publishOne(t.Context(), at); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestPublishCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "message")
	at := time.Unix(1_700_000_000, 5)
	if err := (&options{publish: "cat > " + file}).publishOne(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if got, ok := bench.Stamped(b); err != nil || !ok || !got.Equal(at) {
		t.Errorf("%q, %v", b, err)
	}
	if err := (&options{publish: "echo broken; exit 3"}).publishOne(t.Context(), at); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("%v, want the command's words", err)
	}
}
