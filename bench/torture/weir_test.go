package torture

import (
	"crypto/x509"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// weirHandshake is what Weir gives a client for its request in these tests.
const weirHandshake = 2 * time.Second

// TestWeir abuses the command weir as it is shipped.
func TestWeir(t *testing.T) {
	weir := filepath.Join(t.TempDir(), "weir")
	if out, err := exec.Command("go", "build", "-o", weir, "example.org/weir/cmd/weir").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Run("in every way", func(t *testing.T) { inEveryWay(t, weir) })
	t.Run("at a Unix socket", func(t *testing.T) { atUnixSocket(t, weir) })
	t.Run("over TLS", func(t *testing.T) { overTLS(t, weir) })
	t.Run("with few descriptors", func(t *testing.T) { withFewDescriptors(t, weir) })
}

// startWeir starts weir on addr, which a shell command may precede, and returns options to abuse it
// with.
func startWeir(t *testing.T, weir, before, addr string, more ...string) Options {
	t.Helper()
	args := []string{"-c", before + `exec "$0" "$@"`, weir, "-deflate", "-addr", addr, "-handshake-timeout", weirHandshake.String()}
	cmd := exec.Command("sh", append(args, more...)...)
	found := start(t, cmd, regexp.MustCompile(`msg=listening addr=(\S+)`))
	o := Options{HandshakeTimeout: weirHandshake, PID: cmd.Process.Pid, MaxLatency: 10 * time.Second}
	if runtime.GOOS != "linux" {
		o.PID = 0
	}
	o.Target = strings.NewReplacer("tcp://", "ws://", "tls://", "wss://").Replace(found)
	return o
}

// abuseWeir runs and demands that all goes well, and that nothing was left out.
func abuseWeir(t *testing.T, o Options) *Report {
	t.Helper()
	rep, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	table(t, rep)
	for _, a := range rep.Abuses {
		if a.Verdict != OK {
			t.Errorf("%s: %s %v %s", a.Name, a.Verdict, a.Faults, a.Reason)
		}
	}
	if !rep.OK() {
		t.Errorf("ended %q, faults %q", rep.Ended, rep.Faults)
	}
	return rep
}

// inEveryWay runs all abuses, in full where it is the number that hurts.
func inEveryWay(t *testing.T, weir string) {
	o := startWeir(t, weir, "", "127.0.0.1:0")
	full := regexp.MustCompile("^(resets|resets-upgraded|fragment-flood|tiny-fragments|half-frames|endless-head)$")
	o.Run = full
	endings := make(map[string]map[string]int)
	for _, a := range abuseWeir(t, o).Abuses {
		endings[a.Name] = a.Endings
	}
	for name, want := range map[string]string{
		"resets":          "left by us",
		"resets-upgraded": "left by us",
	} {
		if got := endings[name][want]; got != 5000 {
			t.Errorf("%s: %d of 5000 %s", name, got, want)
		}
	}
	if got := endings["fragment-flood"]["closed with 1008"]; got != 1 {
		t.Errorf("fragment-flood ended %v, want 1008", endings["fragment-flood"])
	}
	o.Run = regexp.MustCompile("")
	o.Scale = 0.2
	abuseWeir(t, o)
}

// atUnixSocket lets the suite find the process by itself.
func atUnixSocket(t *testing.T, weir string) {
	o := startWeir(t, weir, "", "unix://"+filepath.Join(t.TempDir(), "weir"))
	want := o.PID
	o.PID, o.FindPID = 0, runtime.GOOS == "linux"
	o.Scale = 0.1
	o.Run = regexp.MustCompile("^(half-handshake|resets|half-close|garbage-after|half-frames|never-reading|fuzz|crowd)$")
	if rep := abuseWeir(t, o); rep.PID != want {
		t.Errorf("the process is %d, and %d was found", want, rep.PID)
	}
}

// overTLS runs abuses inside TLS: all but those that wait for long.
func overTLS(t *testing.T, weir string) {
	known := httptest.NewTLSServer(nil)
	known.Close()
	key, err := x509.MarshalPKCS8PrivateKey(known.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: known.Certificate().Raw},
		"key.pem":  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := startWeir(t, weir, "", "127.0.0.1:0", "-tls-cert", filepath.Join(dir, "cert.pem"), "-tls-key", filepath.Join(dir, "key.pem"))
	o.Trust.Insecure = true
	o.Scale = 0.1
	o.Run = regexp.MustCompile("^(garbage|half|header|resets|dribble|tiny|fragment|never|congested|close|bad|fuzz|inflate)(-|$)")
	abuseWeir(t, o)
}

// withFewDescriptors holds that running out of descriptors costs those that come too late, and nobody
// else.
func withFewDescriptors(t *testing.T, weir string) {
	o := startWeir(t, weir, "ulimit -n 200; ", "127.0.0.1:0")
	o.Scale = 0.3
	o.Run = regexp.MustCompile("^(crowd|resets)$")
	rep := abuseWeir(t, o)
	for _, a := range rep.Abuses {
		if out := a.Endings["not let in: refused with 503"]; a.Name == "crowd" && (out == 0 || out == 900) {
			t.Errorf("%d of 900 clients were refused with 503", out)
		}
	}
}
