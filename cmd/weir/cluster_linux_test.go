package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// asWeir makes the test binary be weir.
const asWeir = "WEIR_TEST_AS_WEIR"

func TestMain(m *testing.M) {
	if os.Getenv(asWeir) != "" {
		main()
	}
	os.Exit(m.Run())
}

// process is weir in a process of its own.
type process struct {
	cmd         *exec.Cmd
	addr, admin string
	ended       chan error
}

// startProcess starts weir -app topics with a free port, and waits until it is ready.
func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	args = append([]string{"-app", "topics", "-addr", "127.0.0.1:0", "-admin", "127.0.0.1:0", "-drain-timeout", "20s"}, args...)
	p := &process{cmd: exec.Command(os.Args[0], args...), ended: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), asWeir+"=1")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	logged := make(lines, 10000)
	go func() {
		for in := bufio.NewScanner(stderr); in.Scan(); {
			logged <- in.Text()
		}
		p.ended <- p.cmd.Wait()
	}()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	p.admin = after(logged.await(t, "msg=admin"), "url=")
	p.addr = after(logged.await(t, "msg=listening"), "addr=tcp://")
	return p
}

// after returns the word that stands behind a key in a line of the log.
func after(line, key string) string {
	_, value, _ := strings.Cut(line, key)
	value, _, _ = strings.Cut(value, " ")
	return value
}

// publish publishes with POST /publish.
func (p *process) publish(t *testing.T, topic, data string) {
	t.Helper()
	res, err := http.Post(p.admin+"/publish?topic="+topic, "application/json", strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
}

// connections returns how many the server has.
func (p *process) connections(t *testing.T) int {
	t.Helper()
	res, err := http.Get(p.admin + "/connections?format=json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var list connectionList
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	return list.Connections
}

// number is what is published: each publisher counts up.
type number struct {
	From string
	N    int
}

// roamer is a client that stays subscribed to the topic room, on whichever server there is.
type roamer struct {
	client  *reactor.Client
	servers func() []string

	mu     sync.Mutex
	heard  map[string][]int // publisher: its numbers, as they came
	closes []codec.CloseCode
	done   bool
}

func (r *roamer) OnOpen(*reactor.Conn) {}

func (r *roamer) OnMessage(_ *reactor.Conn, m codec.Message) {
	var published struct{ Data number }
	if err := json.Unmarshal(m.Payload, &published); err != nil {
		panic(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard[published.Data.From] = append(r.heard[published.Data.From], published.Data.N)
}

func (r *roamer) OnClose(_ *reactor.Conn, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closes = append(r.closes, err.(*codec.CloseError).Code)
	if !r.done {
		go r.connect()
	}
}

// connect connects to one of the servers, again and again until it has.
func (r *roamer) connect() {
	for {
		r.mu.Lock()
		done := r.done
		r.mu.Unlock()
		if done {
			return
		}
		servers := r.servers()
		addr := servers[rand.IntN(len(servers))]
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_, err := r.client.Dial(ctx, "ws://"+addr+"/room", r, nil)
		cancel()
		if err == nil {
			return
		}
		time.Sleep(rand.N(50 * time.Millisecond)) // not all at once, as clients should
	}
}

// last returns the last number of a publisher, and -1 before the first.
func (r *roamer) last(from string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if numbers := r.heard[from]; len(numbers) > 0 {
		return numbers[len(numbers)-1]
	}
	return -1
}

// check finds numbers that came twice or late, and, from a number on, that did not come.
func (r *roamer) check(t *testing.T, from string, complete int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	before := -1
	for _, n := range r.heard[from] {
		if n <= before || n > complete && n != before+1 {
			t.Errorf("%s: heard %d after %d", from, n, before)
			return
		}
		before = n
	}
}

// startNATS starts a NATS server and returns its URL.
func startNATS(t *testing.T) string {
	t.Helper()
	nats, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	nats.Start()
	t.Cleanup(nats.WaitForShutdown)
	t.Cleanup(nats.Shutdown)
	if !nats.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	return nats.ClientURL()
}

// TestChatBetweenServers: a room is one room, on whichever server its members are.
func TestChatBetweenServers(t *testing.T) {
	nats := startNATS(t)
	client := &reactor.Client{}
	t.Cleanup(func() { _ = client.Close() })
	var conns []*reactor.Conn
	var members []*listener
	for range 2 {
		p := startProcess(t, "-app", "chat", "-nats", nats)
		l := &listener{heard: make(chan string, 10000), closed: make(chan error, 1)}
		c, err := client.Dial(t.Context(), "ws://"+p.addr+"/red", l, nil)
		if err != nil {
			t.Fatal(err)
		}
		conns, members = append(conns, c), append(members, l)
	}
	eventually(t, "they hear each other", func() bool {
		_ = conns[0].WriteText("anyone?")
		return len(members[1].heard) > 0
	})
	_ = conns[0].WriteText("hello")
	for _, l := range members {
		for within(t, l.heard) != "hello" {
		}
	}
	_ = conns[0].WriteText("once")
	_ = conns[0].WriteText("and again")
	for _, l := range members {
		if x, y := within(t, l.heard), within(t, l.heard); x != "once" || y != "and again" {
			t.Errorf("heard %q and %q", x, y)
		}
	}
}

// TestCluster is two servers with NATS between them as their users see it. One is killed and one is drained;
// their clients go to those that remain. Nothing comes twice, and what is published while nothing happens
// comes to all.
func TestCluster(t *testing.T) {
	nats := startNATS(t)
	a := startProcess(t, "-nats", nats)
	b := startProcess(t, "-nats", nats)

	var mu sync.Mutex
	servers := []string{a.addr, b.addr}
	change := func(addrs ...string) {
		mu.Lock()
		defer mu.Unlock()
		servers = addrs
	}
	client := &reactor.Client{}
	var roamers []*roamer
	for range 40 {
		r := &roamer{client: client, heard: map[string][]int{}, servers: func() []string {
			mu.Lock()
			defer mu.Unlock()
			return servers
		}}
		r.connect()
		roamers = append(roamers, r)
	}
	t.Cleanup(func() {
		for _, r := range roamers {
			r.mu.Lock()
			r.done = true
			r.mu.Unlock()
		}
		_ = client.Close()
	})

	// phase publishes until all hear, and then numbers that nobody may miss.
	counts := map[string]int{}
	phase := func(from string, publish func(data string)) {
		t.Helper()
		next := func() int {
			n := counts[from]
			counts[from]++
			publish(fmt.Sprintf(`{"from":%q,"n":%d}`, from, n))
			return n
		}
		all := func(n int) bool {
			for _, r := range roamers {
				if r.last(from) < n {
					return false
				}
			}
			return true
		}
		first := next()
		eventually(t, "all hear "+from, func() bool { next(); return all(first) })
		complete := next()
		eventually(t, "all hear "+from, func() bool { return all(complete) })
		last := complete
		for range 100 {
			last = next()
		}
		eventually(t, "all hear the last of "+from, func() bool { return all(last) })
		for _, r := range roamers {
			r.check(t, from, complete)
		}
	}

	publisher, err := client.Dial(t.Context(), "ws://"+b.addr, reactor.NopHandler{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	say := func(data string) {
		if err := publisher.WriteText(`{"op":"publish","topic":"room","data":` + data + `}`); err != nil {
			t.Fatal(err)
		}
	}
	phase("both", say)

	change(b.addr)
	if err := a.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	phase("after the kill", say)

	c := startProcess(t, "-nats", nats)
	change(c.addr)
	deaf, err := net.Dial("tcp", b.addr) // makes the drain last
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	if _, err := deaf.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(deaf).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "b says that it drains", func() bool {
		res, err := http.Get(b.admin + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusServiceUnavailable
	})
	eventually(t, "all but one have left b", func() bool { return b.connections(t) <= 1 })
	phase("during the drain", func(data string) { c.publish(t, "room", data) })
	_ = deaf.Close()
	if err := within(t, b.ended); err != nil {
		t.Errorf("the drained server: %v", err)
	}
	phase("after the drain", func(data string) { c.publish(t, "room", data) })

	for _, r := range roamers {
		r.mu.Lock()
		if n := len(r.closes); n == 0 || r.closes[n-1] != codec.CloseGoingAway {
			t.Errorf("a client was closed with %v", r.closes)
		}
		r.mu.Unlock()
	}
}
