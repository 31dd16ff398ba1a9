package main

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// manager is a service manager: it returns the variables it gives its services, and what they say.
func manager(t *testing.T, watchdog time.Duration) (getenv func(string) string, said chan string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	said = make(chan string, 1000)
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			said <- string(b[:n])
		}
	}()
	vars := map[string]string{
		"NOTIFY_SOCKET": path, "WATCHDOG_PID": strconv.Itoa(os.Getpid()),
		"WATCHDOG_USEC": strconv.FormatInt(watchdog.Microseconds(), 10),
	}
	return func(name string) string { return vars[name] }, said
}

// heard waits for a state.
func heard(t *testing.T, said chan string, pattern string) {
	t.Helper()
	for want := regexp.MustCompile(pattern); !want.MatchString(within(t, said)); {
		continue
	}
}

func TestServiceManagerHearsOfTheLifeCycle(t *testing.T) {
	getenv, said := manager(t, time.Second)
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		t.Setenv(name, getenv(name))
	}
	files := newCertFiles(t)
	files.write(t, "weir.example")
	_, logged, status := start(t, "-addr", "127.0.0.1:0", "-tls-cert", files.cert, "-tls-key", files.key)
	heard(t, said, "^READY=1$")
	heard(t, said, "^WATCHDOG=1$")
	signalSelf(t, syscall.SIGHUP)
	heard(t, said, `^RELOADING=1\nMONOTONIC_USEC=\d+$`)
	heard(t, said, "^READY=1$")
	signalSelf(t, syscall.SIGTERM)
	heard(t, said, "^STOPPING=1$")
	logged.await(t, "stopped")
	if got := within(t, status); got != exitOK {
		t.Errorf("exit status %d", got)
	}
}

// A reload before the server serves, or while it drains, does not make it ready.
func TestReloadDoesNotMakeReady(t *testing.T) {
	getenv, said := manager(t, 0)
	m := newServiceManager(getenv, slog.New(slog.DiscardHandler))
	reloads := 0
	reload := func() { m.reload(func() { reloads++ }) }
	reload()
	m.serving()
	reload()
	m.stopping()
	reload()
	for _, want := range []string{"READY=1", "RELOADING=1", "READY=1", "STOPPING=1"} {
		if got := within(t, said); !strings.HasPrefix(got, want) {
			t.Errorf("it said %q, want %q", got, want)
		}
	}
	if m.tell("END"); within(t, said) != "END" || reloads != 3 {
		t.Errorf("%d reloads, or it said more", reloads)
	}
}

func TestWatchdogHearsNothingWhileALoopHangs(t *testing.T) {
	const patience = 40 * time.Millisecond
	getenv, said := manager(t, patience)
	var lag atomic.Int64
	var asked atomic.Int64
	stop := newServiceManager(getenv, slog.New(slog.DiscardHandler)).watch(func() time.Duration {
		asked.Add(1)
		return time.Duration(lag.Load())
	})
	heard(t, said, "^WATCHDOG=1$")
	lag.Store(int64(patience))
	ask := func(n int64) {
		for last := asked.Load() + n; asked.Load() < last; time.Sleep(time.Millisecond) {
			continue
		}
	}
	ask(2) // what was under way
	for len(said) > 0 {
		<-said
	}
	ask(3)
	if len(said) > 0 {
		t.Error("the watchdog is fed although a loop hangs")
	}
	lag.Store(0)
	heard(t, said, "^WATCHDOG=1$")
	stop()
}

func TestWithoutServiceManager(t *testing.T) {
	m := newServiceManager(func(string) string { return "" }, slog.Default())
	if m.socket != "" || m.patience != 0 {
		t.Errorf("there is none, but %+v", m)
	}
	m.tell("READY=1")
	m.watch(nil)()
	other := map[string]string{"WATCHDOG_PID": "1", "WATCHDOG_USEC": "1000000"} // a parent's
	if m := newServiceManager(func(name string) string { return other[name] }, slog.Default()); m.patience != 0 {
		t.Error("the watchdog of another process is fed")
	}
}
