package bench

import "time"

// patience is how long a run waits for what may never come.
type patience struct {
	connect time.Duration // for a connection and its upgrade
	answers time.Duration // for what is under way once nothing more is sent
	publish time.Duration // for a publish to reach everybody
	cycle   time.Duration // for a cycle of churn, from when the connection is open
	recover time.Duration // for a server to work off a rate of search that was too high
}

var defaultPatience = patience{
	connect: 10 * time.Second,
	answers: 2 * time.Second,
	publish: 5 * time.Second,
	cycle:   10 * time.Second,
	recover: 10 * time.Second,
}
