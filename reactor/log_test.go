package reactor

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// logBuffer keeps what is logged, of any level.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func TestGnetLog(t *testing.T) {
	var log logBuffer
	g := gnetLog{log.logger()}
	g.Debugf("%d", 1)
	g.Infof("%d", 2)
	g.Warnf("%d", 3)
	g.Errorf("%d", 4)
	g.Fatalf("%d", 5)
	for i, want := range []string{"DEBUG", "DEBUG", "WARN", "ERROR", "ERROR"} {
		line := strings.Split(log.String(), "\n")[i]
		if !strings.Contains(line, "level="+want) || !strings.Contains(line, "gnet: "+string(rune('1'+i))) {
			t.Errorf("got %q, want level %s", line, want)
		}
	}
}
