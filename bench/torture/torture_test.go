package torture

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// faultVariable makes the test binary run as the server that has the fault it names.
const faultVariable = "TORTURE_SERVER_FAULT"

func TestMain(m *testing.M) {
	if fault, ok := os.LookupEnv(faultVariable); ok {
		runBadServer(fault)
	}
	os.Exit(m.Run())
}

// start runs a command that prints a line by which it can be found, and returns that line. It ends
// with the test.
func start(t *testing.T, cmd *exec.Cmd, line *regexp.Regexp) (found string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	_ = w.Close()
	if err != nil {
		t.Fatal(err)
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		for sc := bufio.NewScanner(r); sc.Scan(); {
			lines <- sc.Text()
		}
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		for text := range lines { // until the process no longer holds the pipe
			t.Logf("server: %s", text)
		}
		_ = r.Close()
	})
	for text := range lines {
		if m := line.FindStringSubmatch(text); m != nil {
			return m[1]
		}
		t.Logf("server: %s", text)
	}
	t.Fatal("the server did not start")
	return ""
}

// startBad runs the server with a fault.
func startBad(t *testing.T, fault string) Options {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), faultVariable+"="+fault)
	addr := start(t, cmd, regexp.MustCompile(`^(127\.0\.0\.1:\d+)$`))
	return Options{
		Target: "ws://" + addr, PID: cmd.Process.Pid, Scale: 0.2,
		HandshakeTimeout: serverHandshake, MaxLatency: 10 * time.Second,
		Slack: 128 << 20, // the race detector, with which it may run, holds much
	}
}

// TestSoundServer holds that a server without a fault is found to have none, be it one that works
// quite differently from Weir.
func TestSoundServer(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"none", "inflates with care"} {
		t.Run(fault, func(t *testing.T) {
			o := startBad(t, fault)
			if fault != "none" {
				o.Run = regexp.MustCompile("bomb")
			}
			rep, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			table(t, rep)
			for _, a := range rep.Abuses {
				want := OK
				if a.Name == "inflate-bomb" && fault == "none" {
					want = Skipped
				}
				if a.Verdict != want || a.Bystander.Echoes == 0 || a.Bystander.P50 == 0 {
					t.Errorf("%s: %s %v, bystander %+v", a.Name, a.Verdict, a.Faults, a.Bystander)
				}
			}
			if !rep.OK() {
				t.Error("the report as a whole is not OK")
			}
		})
	}
}

// TestFaultsAreFound holds that the suite can fail, and fails for the right reason.
func TestFaultsAreFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault, run, want string
		set              func(*Options)
	}{
		{"never cuts", "^silence", "was not cut within", nil},
		{"never cuts", "^slow-handshake", "was not cut within", nil},
		{"never cuts", "^half-handshake", "was not cut within", nil},
		{"takes any head", "^endless-head", "should not have been", nil},
		{"takes any head", "^header-flood", "should not have been", nil},
		{"dies on garbage", "^garbage-after", "does not accept a client any more", nil},
		{"stalls on garbage", "^garbage-after", "more than -max-latency", func(o *Options) { o.MaxLatency = time.Second }},
		{"ignores garbage", "^garbage-after", "was not closed within", nil},
		{"leaks descriptors", "^resets$", "descriptors; before it held", nil},
		{"leaks memory", "^resets$", "the process holds", nil},
		{"hoards", "^never-reading", "more than -max-held", nil},
		{"hoards", "^ping-flood", "more than -max-held", nil},
		{"mixes up clients", "^congested-resets", "the next client was not served", nil},
		{"loses echoes", "^half-frames", "the bystander: message", nil},
		{"reserves", "^half-frames", "had only promised", func(o *Options) { o.Scale = 0.5 }},
		{"answers each close", "^close-storm", "close frames", nil},
		{"echoes any code", "^bad-closes", "which may not be sent", nil},
		{"masks", "^garbage-after", "masked frame", nil},
		{"inflates", "bomb", "was echoed", nil},
		{"inflates", "bomb", "the bomb cost", nil},
	} {
		t.Run(c.fault+"/"+c.run, func(t *testing.T) {
			t.Parallel()
			o := startBad(t, c.fault)
			o.Run = regexp.MustCompile(c.run)
			o.Settle = 200 * time.Millisecond
			if c.fault == "never cuts" {
				o.HandshakeTimeout, o.Grace = 300*time.Millisecond, 200*time.Millisecond
			}
			if c.set != nil {
				c.set(&o)
			}
			rep, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			a := rep.Abuses[0]
			if a.Verdict != Failed || rep.OK() || !slices.ContainsFunc(a.Faults, func(f string) bool { return strings.Contains(f, c.want) }) {
				t.Errorf("%s, report OK: %v, faults %q; want FAILED with %q", a.Verdict, rep.OK(), a.Faults, c.want)
			}
		})
	}
}

// TestServerGone holds that what cannot be carried out any more is said to be so.
func TestServerGone(t *testing.T) {
	o := startBad(t, "dies on garbage")
	o.Run = regexp.MustCompile("^(tls-hello|garbage-after|dribble|crowd)$")
	rep, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := verdicts(rep), []Verdict{OK, Failed, NotRun, NotRun}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !strings.HasPrefix(rep.Ended, "the server is gone") {
		t.Errorf("ended %q", rep.Ended)
	}
}

// TestInterrupted holds that an interrupted run says what was done.
func TestInterrupted(t *testing.T) {
	o := startBad(t, "never cuts")
	o.HandshakeTimeout = time.Minute // silence would take that long
	o.Run = regexp.MustCompile("^(silence|tls-hello)$")
	ctx, cancel := context.WithCancel(t.Context())
	o.Progress = func(line string) {
		if strings.Contains(line, "silence") {
			cancel()
		}
	}
	began := time.Now()
	rep, err := Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := verdicts(rep), []Verdict{NotRun, NotRun}; !slices.Equal(got, want) || rep.Ended != "interrupted" || rep.OK() {
		t.Errorf("got %v, %q, OK %v", got, rep.Ended, rep.OK())
	}
	if len(rep.Abuses[0].Faults) > 0 {
		t.Errorf("an interrupted abuse has faults: %q", rep.Abuses[0].Faults)
	}
	if d := time.Since(began); d > 30*time.Second {
		t.Errorf("it took %v", d)
	}
}

func TestBadOptions(t *testing.T) {
	for _, o := range []Options{
		{},
		{Target: "http://localhost"},
		{Target: "ws://localhost", Scale: 0.01},
		{Target: "ws://localhost", Scale: 11},
		{Target: "ws://localhost", Settle: -1},
		{Target: "ws://localhost", PID: -1},
		{Target: "ws://localhost", Run: regexp.MustCompile("no such abuse")},
	} {
		if _, err := Run(t.Context(), o); err == nil {
			t.Errorf("%+v was accepted", o)
		} else if _, ok := err.(*OptionError); !ok {
			t.Errorf("%+v: %v is not an OptionError", o, err)
		}
	}
}

// TestSharesNoCode holds that the suite knows nothing of what it tests.
func TestSharesNoCode(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.FieldsSeq(string(out)) {
		if rest, ok := strings.CutPrefix(dep, "example.org/weir/"); ok && rest != "bench/torture" && rest != "bench/rawpeer" {
			t.Errorf("it depends on %s", dep)
		}
	}
}

func verdicts(rep *Report) (list []Verdict) {
	for _, a := range rep.Abuses {
		list = append(list, a.Verdict)
	}
	return list
}

// table logs a report.
func table(t *testing.T, rep *Report) {
	t.Helper()
	var b strings.Builder
	rep.WriteTable(&b)
	t.Log("\n" + b.String())
}
