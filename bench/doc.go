// Package bench is the load generator behind the command weirbench: scenarios that load a WebSocket
// server, any one, and results that tell the truth about it.
//
//	res, err := bench.RunRate(ctx, bench.Options{
//		Targets: []string{"ws://localhost:8080"},
//		Conns:   1000,
//		Rate:    50_000,
//	})
//
// # What is measured
//
// Closed loops (echo, slow, churn, fanout) send the next message when one has come back: they measure
// capacity. Open loops (rate, search) send on a schedule, and time each message from when it was meant
// to be sent: a server that stalls is charged for all that waited, and a schedule that was missed is
// made up for, not forgotten (no coordinated omission).
//
// A message belongs to the measured time when it was meant to be sent in it, whenever it comes back.
// So the warm-up does not count, what is slow at the end does, and a result has exactly as many
// latencies as messages that were sent (but for cycles of churn that Ctrl-C has ended while they
// connected); what never came back has the time it was waited for, and fails the check "answers". Rates count what came in the measured time.
//
// A run that was limited by the generator itself says so. A run that is interrupted, or whose server
// dies, has a result like any other, which says how it ended.
//
// # How it works
//
// Each event loop (genLoop) is a reactor.Client with one loop, its connections (session), and what it
// counts (meter). Its mutex is taken once for each message, and a few times a second by the goroutine
// of the scenario, which takes samples. What comes in one turn of the loop is answered with one write,
// and costs no allocation. Connections that are not for an event loop, slow clients and plain TCP,
// have code of their own.
//
// RunOn shares a load among workers, on other machines or started here, and merges their results.
//
// Nothing here is part of the library's own API.
package bench
