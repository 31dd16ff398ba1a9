package main

import (
	"strings"
	"testing"
	"time"

	"example.org/weir/bench"
	"example.org/weir/bench/peers"
)

func TestClientCommand(t *testing.T) {
	chosen, err := peers.Find([]string{"limit", "weir"})
	if err != nil {
		t.Fatal(err)
	}
	raw, weir := chosen[0], chosen[1]
	l := load{duration: 5 * time.Second, warmup: time.Second, together: 10 * time.Second, cert: "c.pem"}
	paced := latencyRow("latency/own", latency, "")
	paced.Rate = 1234.5
	const quiet = " -quiet -json - "
	for _, test := range []struct {
		peer peers.Peer
		row  row
		want string
	}{
		{weir, echoRow(128, 64, 16), "weirbench echo -conns 64 -depth 16 -size 128 -duration 5s -warmup 1s" + quiet + "ws://h:1/echo"},
		{raw, echoRow(128, 64, 16), "weirbench echo -raw -conns 64 -depth 16 -size 128 -duration 5s -warmup 1s" + quiet + "tcp://h:1"},
		{weir, fanoutRow(9, 1), "weirbench fanout -publishers 1 -subscribers 9 -depth 1 -size 128 -duration 5s -warmup 1s" + quiet + "ws://h:1/topic/bench"},
		{weir, row{Kind: churn, Conns: 64, Size: 128, Processes: 1}, "weirbench churn -conns 64 -size 128 -duration 5s -warmup 1s -source 127.0.0.0/8" + quiet + "ws://h:1/echo"},
		{raw, row{Kind: churn, Conns: 64, Size: 128, Processes: 1}, "weirbench churn -raw -conns 64 -size 128 -duration 5s -warmup 1s -source 127.0.0.0/8" + quiet + "tcp://h:1"},
		{raw, idleRow(7, 1), "weirbench connect -raw -conns 7 -ramp 6000 -duration 5s -warmup 1s" + quiet + "tcp://h:1"},
		{weir, deflated(echoRow(1024, 64, 1)), "weirbench echo -conns 64 -depth 1 -size 1024 -deflate -duration 5s -warmup 1s" + quiet + "ws://h:1/echo"},
		{weir, secured(echoRow(128, 64, 1)), "weirbench echo -ca c.pem -conns 64 -depth 1 -size 128 -duration 5s -warmup 1s" + quiet + "wss://h:1/echo"},
		{weir, secured(idleRow(7, 1)), "weirbench connect -ca c.pem -conns 7 -ramp 6000 -duration 5s -warmup 1s" + quiet + "wss://h:1/echo"},
		{weir, latencyRow("capacity", capacity, ""), "weirbench search -conns 1000 -size 128 -slo p99=10ms -rate 16000 -duration 1s -warmup 1s" + quiet + "ws://h:1/echo"},
		{weir, paced, "weirbench rate -conns 1000 -size 128 -rate 1234 -duration 5s -warmup 1s" + quiet + "ws://h:1/echo"},
		{weir, idleRow(7, 2), "weirbench connect -conns 3 -ramp 3000 -duration 15s -warmup 1s" + quiet + "ws://h:1/echo"},
	} {
		got := strings.Join(pinned(clientCommand("b", test.peer, test.row, test.row.Processes-1, l, "h:1"), 1), " ")
		if want := "taskset -c 1 b/" + test.want; got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
}

func TestParseResult(t *testing.T) {
	res, err := parseResult(echoRow(1, 1, 1), []byte(`{"ended":"complete","messages":{"rate":5},"checks":[{"name":"errors","ok":true}]}`))
	if err != nil || res.Messages.Rate != 5 {
		t.Errorf("%+v, %v", res, err)
	}
	for text, why := range map[string]string{
		`weirbench: no`:                         "the generator's result",
		`{"ended":"interrupted"}`:               "interrupted",
		`{"ended":"complete","errors":{"x":3}}`: "3 × x",
		`{"ended":"complete","warnings":["busy","the server declined it"]}`:             "the server declined it",
		`{"ended":"complete","checks":[{"name":"reach","ok":false,"detail":"1 of 2"}]}`: "reach: 1 of 2",
	} {
		if _, err := parseResult(deflated(echoRow(1, 1, 1)), []byte(text)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want %q", text, err, why)
		}
	}
}

func TestWindow(t *testing.T) {
	start := time.Unix(1000, 0)
	res := &bench.Result{Started: start, Seconds: 5, Connections: bench.Connections{Opened: 300, Rate: 100}}
	l := load{warmup: time.Second}
	if from, to := window(echoRow(1, 300, 1), l, res); !from.Equal(start.Add(4*time.Second)) || !to.Equal(start.Add(9*time.Second)) {
		t.Errorf("from %v to %v after the start", from.Sub(start), to.Sub(start))
	}
	if from, _ := window(row{Kind: churn}, l, res); !from.Equal(start.Add(time.Second)) {
		t.Errorf("churn: from %v after the start; it opens nothing before", from.Sub(start))
	}
}

func TestCommon(t *testing.T) {
	start := time.Unix(1000, 0)
	part := func(opening, seconds float64) *bench.Result {
		return &bench.Result{Started: start, Seconds: seconds, Connections: bench.Connections{Opened: 1000, Rate: 1000 / opening}}
	}
	from, to, err := common(idleRow(2000, 2), load{}, []*bench.Result{part(1, 5), part(3, 5)})
	if err != nil || from.Sub(start).Round(time.Millisecond) != 3*time.Second || to.Sub(start).Round(time.Millisecond) != 6*time.Second {
		t.Errorf("from %v to %v after the start, %v", from.Sub(start), to.Sub(start), err)
	}
	if _, _, err := common(idleRow(2000, 2), load{}, []*bench.Result{part(1, 1), part(3, 5)}); err == nil {
		t.Error("no error for connections that were never open at once")
	}
}
