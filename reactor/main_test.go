package reactor

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain overwrites payloads after each callback, and fails when goroutines are left in the end.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		child()
		return
	}
	if os.Getenv(ringlessVariable) != "" {
		ringless()
		return
	}
	flag.Parse()
	poison = flag.Lookup("test.bench").Value.String() == ""
	code := m.Run()
	_ = DefaultClient.Close() // which ExampleDial uses
	if err := goleak.Find(
		// gnet makes a pool of workers when it is imported. It has these two for as long as the
		// process runs, and nothing stops them.
		goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*poolCommon).purgeStaleWorkers"),
		goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*poolCommon).ticktock"),
		// net/http sleeps for half a second before it closes a connection whose client may still send.
		goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"),
	); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "goroutines are left:", err)
		code = 1
	}
	os.Exit(code)
}
