package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestImportDirection holds the plan of the house: cmd ─▶ bench ─▶ reactor ─▶ codec ─▶ the standard
// library and a compressor, and gnet behind reactor only, NATS behind its adapter.
func TestImportDirection(t *testing.T) {
	const weir = "example.org/weir/"
	for _, room := range []struct {
		name    string
		may     []string // other rooms it may depend on
		outside []string // modules outside the standard library that it may import itself
	}{
		{name: "codec", outside: []string{"github.com/klauspost/compress/flate"}},
		{name: "reactor", may: []string{"codec"}, outside: []string{
			"github.com/panjf2000/gnet/v2", "github.com/valyala/bytebufferpool", "golang.org/x/sys",
		}},
		{name: "reactor/natsbus", may: []string{"codec", "reactor"}, outside: []string{"github.com/nats-io/nats.go"}},
		{name: "bench", may: []string{"bench/rawpeer", "codec", "reactor"}, outside: []string{
			"github.com/HdrHistogram/hdrhistogram-go", "golang.org/x/sys",
		}},
		{name: "bench/report", may: []string{"bench", "codec", "reactor"}, outside: []string{
			"github.com/HdrHistogram/hdrhistogram-go", "golang.org/x/term", "gonum.org/v1/plot",
		}},
		{name: "bench/profile"},
		{name: "bench/rawpeer"}, // what judges Weir shares no code with it
		{name: "bench/conform", may: []string{"bench/rawpeer"}},
		{name: "bench/torture", may: []string{"bench/rawpeer"}, outside: []string{
			"github.com/HdrHistogram/hdrhistogram-go", "golang.org/x/sys",
		}},
		{name: "cmd/weir", may: []string{"codec", "reactor", "reactor/natsbus"}, outside: []string{
			"github.com/MicahParks/keyfunc/v3", "github.com/golang-jwt/jwt/v5", "github.com/pelletier/go-toml/v2",
			"github.com/prometheus/client_golang", "golang.org/x/sys", "golang.org/x/term",
		}},
		{name: "cmd/weirbench", may: []string{"bench", "codec", "reactor"}},
	} {
		t.Run(room.name, func(t *testing.T) {
			for _, dep := range golist(t, "-deps", "-f", "{{.ImportPath}}", weir+room.name) {
				if other, ok := strings.CutPrefix(dep, weir); ok && other != room.name && !among(other, room.may) {
					t.Errorf("%s depends on %s", room.name, other)
				}
			}
			for _, imp := range golist(t, "-f", `{{join .Imports "\n"}}`, weir+room.name) {
				first, _, _ := strings.Cut(imp, "/")
				if strings.Contains(first, ".") && !strings.HasPrefix(imp, weir) && !among(imp, room.outside) {
					t.Errorf("%s imports %s", room.name, imp)
				}
			}
		})
	}
	only := map[string]string{"gnet/v2": weir + "reactor", "nats.go": weir + "reactor/natsbus", "prometheus": weir + "cmd/weir"}
	for _, pkg := range golist(t, "-f", `{{.ImportPath}} {{join .Imports " "}}`, weir+"...") {
		importer, imports, _ := strings.Cut(pkg, " ")
		for what, who := range only {
			if strings.Contains(imports, what) && importer != who {
				t.Errorf("%s imports %s, which only %s may", importer, what, who)
			}
		}
	}
}

// among reports whether path is one of, or below one of, prefixes.
func among(path string, prefixes []string) bool {
	for _, p := range prefixes {
		if path == p || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return false
}

func golist(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
