package main

// usages say, for each scenario, what it does and what its figures mean, with examples.
var usages = map[string]string{
	"echo": `Each connection keeps -depth messages in flight and sends the next when one has come back, so the
load follows the server: the rate is what it can do, the latency what a message takes when it does
that. A slow server is asked less; for latency under a given load use the scenario rate.

Examples:
  weirbench echo -conns 1000 ws://localhost:8080
  weirbench echo -conns 100 -depth 16 -size 32:50,1KiB:45,64KiB:5 -verify ws://localhost:8080
  weirbench echo -raw tcp://localhost:9000          the ceiling: a server that only copies bytes`,

	"rate": `Messages are sent on a fixed schedule, whatever the server does, over all connections in turn. A
latency counts from when the message was meant to be sent, so that a stall is charged with all that
the schedule had meanwhile; what never comes back has the time it was waited for. The check "rate"
fails when less than 98 % of the rate came back.

Examples:
  weirbench rate -rate 20000 -conns 1000 ws://localhost:8080
  weirbench rate -rate 50000 -duration 60s -verify -html report.html ws://localhost:8080
  weirbench rate -rate 5000 -lines messages.txt -pid $(pgrep -x weir) ws://localhost:8080`,

	"search": `The rate is doubled from -rate until the objective -slo is missed, and then the interval is halved
six times, to less than 2 % of the result. A rate that costs connections, loses messages or makes
errors is a miss too. Each rate takes -warmup and -duration; expect about fifteen of them.

Examples:
  weirbench search -slo p99=5ms ws://localhost:8080
  weirbench search -slo p99.9=20ms -conns 1000 -rate 20000 -duration 5s -pid $(pgrep -x weir) ws://localhost:8080`,

	"connect": `The connections are opened at the ramp's rate and then held, idle, for -duration. With -pid the
report says what memory each costs the server. On one machine, one address has about 28,000 ports:
use -source. One process has a limit of open files (ulimit -n): use -spawn.

Examples:
  weirbench connect -conns 10000 -ramp 2000 -pid $(pgrep -x weir) ws://localhost:8080
  weirbench connect -conns 50000 -spawn 3 -source 127.0.0.0/8 -pings 30s ws://localhost:8080`,

	"hold": `The connections are opened at the ramp's rate and held for -duration without a message. Each is
to echo one then, which shows that it is still there. With -listen they also wait for what somebody
else has the server publish to all.

Examples:
  weirbench hold -conns 10000 -ramp 5000 -duration 2m -rate 10000 -verify ws://localhost:8080
  weirbench hold -conns 50000 -spawn 3 -source 127.0.0.0/8 -duration 5m -rate 10000 ws://localhost:8080`,

	"churn": `As many workers as -conns connect, upgrade, have one message echoed and close, over and over.
Messages and latencies in the report are those of whole cycles.

Examples:
  weirbench churn -conns 50 ws://localhost:8080
  weirbench churn -conns 500 -source 127.0.0.0/8 -verify ws://localhost:8080`,

	"fanout": `The URL is a room in which everyone, the sender too, hears each message (weir -app chat has them).
Each publisher keeps -depth publishes in flight, and sends the next when everybody has one. The
report says when the first, the median and the last receiver had it, and the check "reach" fails
when anyone missed one.

Examples:
  weirbench fanout -subscribers 1000 ws://localhost:8080/room
  weirbench fanout -publishers 10 -subscribers 5000 -depth 4 -verify -source 127.0.0.0/8 ws://localhost:8080/room`,

	"slow": `The scenario echo, beside clients that ask for echoes all the time and read them slowly (-slow) or
never (-stuck). A good server bounds what it keeps for them, and the others notice nothing: compare
with the same run of echo. A warning says how many of them the server has dropped.

Examples:
  weirbench slow -conns 100 ws://localhost:8080
  weirbench slow -conns 100 -slow 0 -stuck 200 -duration 60s -pid $(pgrep -x weir) ws://localhost:8080`,

	"storm": `All connections are cut at once, as when a proxy fails, and opened again, over and over until
-duration is over. The connect times in the report are those of the storms.

Examples:
  weirbench storm -conns 5000 -source 127.0.0.0/8 ws://localhost:8080
  weirbench storm -conns 5000 -ramp 1000 -pid $(pgrep -x weir) ws://localhost:8080`,
}
