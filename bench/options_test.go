package bench

import (
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
)

func TestParseSizes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"128": "128", "0": "0", "16-1024": "16-1024", "1KiB": "1024", "1MiB": "1048576", "64MiB": "67108864",
		"16:50,1KiB:45,64KiB:5": "16:50,1024:45,65536:5", "1-2:3, 4": "1-2:3,4:1", "7:9": "7",
	} {
		s, err := ParseSizes(in)
		if err != nil || s.String() != want {
			t.Errorf("%q: %q, %v; want %q", in, s, err, want)
			continue
		}
		if again, err := ParseSizes(s.String()); err != nil || again.String() != want {
			t.Errorf("%q does not read what it writes: %q, %v", in, again, err)
		}
	}
	for _, in := range []string{"", "x", "-1", "1-", "-", "5-4", "1:", "1:0", "1:-1", "1:x", ",", "1,,2", "65MiB", "67108865", "1KB", "99999999999999999999"} {
		if s, err := ParseSizes(in); err == nil || !strings.Contains(err.Error(), "bad size") {
			t.Errorf("%q: %q, %v", in, s, err)
		}
	}
}

func TestSizesPick(t *testing.T) {
	t.Parallel()
	s, err := ParseSizes("10:3,100-200:1")
	if err != nil {
		t.Fatal(err)
	}
	if s.min() != 10 || s.max() != 200 {
		t.Errorf("from %d to %d", s.min(), s.max())
	}
	r := rand.New(rand.NewPCG(1, 2))
	small, seen := 0, map[int]bool{}
	const n = 40_000
	for range n {
		size := s.pick(r)
		seen[size] = true
		if size == 10 {
			small++
		} else if size < 100 || size > 200 {
			t.Fatalf("a size of %d", size)
		}
	}
	if small < n*3/4-n/50 || small > n*3/4+n/50 || len(seen) != 102 || !seen[100] || !seen[200] {
		t.Errorf("%d of %d are small, %d sizes in all", small, n, len(seen))
	}
}

func TestParseSLO(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]SLO{
		"p99=10ms": {99, 10 * time.Millisecond}, "p99.9=1s": {99.9, time.Second}, "p50=1us": {50, time.Microsecond}, "p100=2m": {100, 2 * time.Minute},
	} {
		if got, err := ParseSLO(in); err != nil || got != want {
			t.Errorf("%q: %+v, %v", in, got, err)
		} else if again, err := ParseSLO(got.String()); err != nil || again != want {
			t.Errorf("%q does not read what it writes: %q", in, got)
		}
	}
	for _, in := range []string{"", "p99", "99=10ms", "p=10ms", "p0=1s", "p101=1s", "p99=", "p99=0s", "p99=-1s", "p99=10", "px=1s", "pnan=1s", "pinf=1s", "p+Inf=1s", "p99x=1s"} {
		if got, err := ParseSLO(in); err == nil {
			t.Errorf("%q: %+v", in, got)
		}
	}
}

func TestOptionsRefused(t *testing.T) {
	t.Parallel()
	ok := Options{Targets: []string{"ws://host:1/path?query", "ws://host", "wss://host", "unix:///path", "ws://[::1]:80"}}
	if err := ok.Normalize(); err != nil {
		t.Fatal(err)
	}
	raw := func(o *Options) { o.Raw, o.Targets = true, []string{"tcp://h:1", "unix:///path"} }
	mixed, _ := ParseSizes("1-2")
	for name, change := range map[string]func(o *Options){
		"no target":     func(o *Options) { o.Targets = nil },
		"http":          func(o *Options) { o.Targets = []string{"http://host"} },
		"raw wss":       func(o *Options) { raw(o); o.Targets = []string{"wss://host:1"} },
		"CA":            func(o *Options) { o.CA = []byte("no certificate") },
		"no host":       func(o *Options) { o.Targets = []string{"ws:///path"} },
		"no path":       func(o *Options) { o.Targets = []string{"unix://path"} },
		"not a URL":     func(o *Options) { o.Targets = []string{"ws://a b"} },
		"tcp":           func(o *Options) { o.Targets = []string{"tcp://host:1"} },
		"conns":         func(o *Options) { o.Conns = -1 },
		"depth":         func(o *Options) { o.Depth = -1 },
		"rate":          func(o *Options) { o.Rate = -1 },
		"duration":      func(o *Options) { o.Duration = -1 },
		"verify lines":  func(o *Options) { o.Verify, o.Lines = true, []string{"x"} },
		"verify small":  func(o *Options) { o.Verify, o.Size = true, FixedSize(VerifyLen-1) },
		"lines binary":  func(o *Options) { o.Lines = []string{"fine", "\xff"} },
		"raw ws":        func(o *Options) { o.Raw = true },
		"raw no port":   func(o *Options) { raw(o); o.Targets = []string{"tcp://host"} },
		"raw mixed":     func(o *Options) { raw(o); o.Size = mixed },
		"raw nothing":   func(o *Options) { raw(o); o.Size = FixedSize(0) },
		"raw verify":    func(o *Options) { raw(o); o.Verify = true },
		"listen":        func(o *Options) { o.Listen = -1 },
		"raw pings":     func(o *Options) { raw(o); o.Pings = time.Second },
		"raw and lines": func(o *Options) { raw(o); o.Lines = []string{"x"} },
	} {
		o := ok
		change(&o)
		if err := o.Normalize(); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	o := ok
	raw(&o)
	if err := o.Normalize(); err != nil {
		t.Error(err)
	}
}

// TestOptionsJSON holds that options survive the way to a worker.
func TestOptionsJSON(t *testing.T) {
	t.Parallel()
	sizes, _ := ParseSizes("24-30:2,100")
	o := Options{
		Targets: []string{"ws://h:1/"}, Conns: 1, Ramp: 2.5, Depth: 3, Rate: 4.5, Duration: 5, Warmup: -1, Size: sizes, Binary: true,
		Lines: []string{"x"}, Verify: true, Raw: true, Deflate: true, Insecure: true, CA: []byte{1}, Source: netip.MustParsePrefix("127.0.0.0/8"), Fields: []codec.Field{{Name: "A", Value: "b"}},
		Subprotocols: []string{"p"}, Origin: "o", Seed: 1 << 63, Loops: 6, PID: 7, Pings: 8, Mute: true, Listen: 13, Publishers: 9, Subscribers: 10,
		Slow: 11, Stuck: -1, SLO: SLO{99.9, time.Second}, Worker: 12,
	}
	v := reflect.ValueOf(o)
	for i := range v.NumField() {
		if f := v.Type().Field(i); v.Field(i).IsZero() && !slices.Contains([]string{"Progress", "Sync", "Logger", "patience", "tls"}, f.Name) {
			t.Errorf("%s is not tested", f.Name)
		}
	}
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var back Options
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(o, back) {
		t.Errorf("%v\n%+v\n%+v", err, o, back)
	}
	b, _ = json.Marshal(Options{})
	if err := json.Unmarshal(b, &back); err != nil {
		t.Error(err)
	}
}

func TestSourceAddress(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		prefix string
		i      int
		want   string
	}{
		{"127.0.0.0/8", 0, "127.0.0.1"},
		{"127.0.0.0/8", 300, "127.0.1.45"},
		{"127.0.0.0/8", 64_999, "127.0.253.232"},
		{"127.0.0.0/8", 65_000, "127.0.0.1"},
		{"127.9.9.9/8", 1, "127.0.0.2"},
		{"10.0.0.0/30", 2, "10.0.0.3"},
		{"10.0.0.0/30", 3, "10.0.0.1"},
		{"10.0.0.0/31", 5, "10.0.0.1"},
		{"10.0.0.7/32", 5, "10.0.0.7"},
		{"fd00::/64", 1, "fd00::2"},
		{"::1/128", 9, "::1"},
	} {
		if got := sourceAddress(prefix(tc.prefix), tc.i).String(); got != tc.want {
			t.Errorf("%s %d: %s, want %s", tc.prefix, tc.i, got, tc.want)
		}
	}
}

func TestEnoughFiles(t *testing.T) {
	t.Parallel()
	if err := enoughFiles(1); err != nil {
		t.Error(err)
	}
	if err := enoughFiles(1 << 30); err == nil {
		t.Error("a billion connections can be opened")
	}
	for _, tc := range []struct {
		n           int
		limit, hard uint64
		want        string // "" for no error
	}{
		{800, 1000, 1000, ""},
		{801, 1000, 1000, "raise the limit as root (ulimit -Hn 1001, LimitNOFILE= of systemd, or /etc/security/limits.conf), or share them among processes (-spawn 2)"},
		{801, 1000, 1001, "raise the limit (ulimit -n 1001), or share them among processes (-spawn 2)"},
		{50_000, 20_000, 20_000, "-spawn 3)"},
		{1, 100, 100, "raise the limit as root (ulimit -Hn 201, LimitNOFILE= of systemd, or /etc/security/limits.conf)"},
	} {
		err := checkFiles(tc.n, tc.limit, tc.hard)
		if (err == nil) != (tc.want == "") || (err != nil && !strings.HasSuffix(err.Error(), tc.want)) {
			t.Errorf("%+v: %v", tc, err)
		}
	}
}
