package main

import (
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"example.org/weir/reactor"
)

// serviceManager is who has started this process, if it wants to know how it is: see sd_notify(3).
type serviceManager struct {
	socket   string        // empty: it does not
	patience time.Duration // it wants to hear within this time; 0: not at all
	log      *slog.Logger

	mu    sync.Mutex
	ready bool // it has been told so, and nothing else since
}

func newServiceManager(getenv func(string) string, log *slog.Logger) *serviceManager {
	m := &serviceManager{socket: getenv("NOTIFY_SOCKET"), log: log}
	if pid := getenv("WATCHDOG_PID"); pid == "" || pid == strconv.Itoa(os.Getpid()) {
		if usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && usec > 0 {
			m.patience = time.Duration(usec) * time.Microsecond
		}
	}
	return m
}

// tell sends a state, such as READY=1.
func (m *serviceManager) tell(state string) {
	if m.socket == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.socket, Net: "unixgram"}) // @ is an abstract name
	if err == nil {
		_, err = conn.Write([]byte(state))
		_ = conn.Close()
	}
	if err != nil {
		m.log.Warn("cannot tell the service manager", "state", state, "err", err)
	}
}

// serving tells that the server serves from now on.
func (m *serviceManager) serving() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ready = true
	m.tell("READY=1")
}

// stopping tells that the server drains.
func (m *serviceManager) stopping() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ready = false
	m.tell("STOPPING=1")
}

// reload calls f, and tells of it, unless the server is not ready yet or any more: READY=1 ends a reload.
func (m *serviceManager) reload(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.ready {
		f()
		return
	}
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	m.tell("RELOADING=1\nMONOTONIC_USEC=" + strconv.FormatInt(now.Nano()/1000, 10))
	f()
	m.tell("READY=1")
}

// watch feeds the watchdog until stop is called, but only while lag, the time that event loops are late, is less
// than half of what the manager waits. A process whose loops hang is killed and started again.
func (m *serviceManager) watch(lag func() time.Duration) (stop func()) {
	if m.patience == 0 {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticks := time.NewTicker(m.patience / 4)
		defer ticks.Stop()
		for {
			if late := lag(); late < m.patience/2 {
				m.tell("WATCHDOG=1")
			} else {
				m.log.Warn("an event loop hangs: the watchdog gets nothing", "late", late)
			}
			select {
			case <-ticks.C:
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// worstLag is how late the latest of the server's event loops is.
func worstLag(srv *reactor.Server) (worst time.Duration) {
	for _, l := range srv.Stats().Loops {
		worst = max(worst, l.Lag)
	}
	return worst
}
