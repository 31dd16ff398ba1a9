package bench

import "context"

// Scenario is a kind of load.
type Scenario struct {
	Name    string
	Summary string // one line
	Run     func(ctx context.Context, o Options) (*Result, error)
}

// Scenarios are all kinds of load, in the order of a help text.
var Scenarios = []Scenario{
	{"echo", "closed loop: each connection keeps -depth messages in flight; how much can the server do?", RunEcho},
	{"rate", "open loop: -rate messages/s on a fixed schedule; how long do they take, from when they were due?", RunRate},
	{"search", "the highest open-loop rate that keeps the objective -slo", RunSearch},
	{"connect", "open -conns connections at -ramp per second and hold them; with -pid, what does each cost?", RunConnect},
	{"hold", "open -conns connections, hold them idle for -duration, then have each echo once; are all still there?", RunHold},
	{"churn", "connect, upgrade, echo once, close, over and over; how many per second?", RunChurn},
	{"fanout", "publish to a room; how long until the first, median and last receiver has it?", RunFanout},
	{"slow", "echo beside clients that read slowly (-slow) or never (-stuck)", RunSlow},
	{"storm", "drop all connections at once and open them again, over and over", RunStorm},
}
