package peers

import (
	"cmp"
	"debug/buildinfo"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Peer is a server that can be measured.
type Peer struct {
	// Name is unique. It is also the name of the binary, in the folder that Build was told, unless
	// binary is.
	Name string
	// Raw is set when it echoes bytes over TCP, without WebSocket.
	Raw bool
	// ChecksUTF8 is set when it refuses text that is not valid UTF-8.
	ChecksUTF8 bool
	// Deflates and TLS are set when it can serve with permessage-deflate, without context takeover, and
	// by TLS.
	Deflates, TLS bool
	// Variant is set when it is another peer with other flags: it is measured where it is named only.
	Variant bool
	// BothCores is set when it is to have the core of the generator too.
	BothCores bool

	binary string
	// args are more arguments.
	args []string
	// module is the Go module that it stands for.
	module string
	// command returns the beginning of the command line; bin is the path of the binary. Default: bin.
	command func(bin string, s Service) []string
	// version finds out the version. Default: that of module, as it is in the binary.
	version func(bin string) (string, error)
}

// All are the peers, in the order of the tables: what bounds the others first, then Weir.
var All = []Peer{
	{Name: "limit", Raw: true, version: compilerVersion},
	{Name: "gnetraw", Raw: true, module: "github.com/panjf2000/gnet/v2"},
	weir("weir"),
	weirVariant("weir-direct", false, "-io", "direct"),
	weirVariant("weir-1-loop", false, "-loops", "1"),
	weirVariant("weir-1-loop-free", true, "-loops", "1"),
	weirVariant("weir-2-loops", true, "-loops", "2"),
	{Name: "bun", ChecksUTF8: true, Deflates: true, TLS: true, command: bunCommand, version: bunVersion},
	{Name: "gorilla", module: "github.com/gorilla/websocket"},
	{Name: "fasthttp", module: "github.com/fasthttp/websocket"},
	{Name: "gobwas", ChecksUTF8: true, module: "github.com/gobwas/ws"},
	{Name: "coder", Deflates: true, TLS: true, module: "github.com/coder/websocket"},
	{Name: "gws", ChecksUTF8: true, Deflates: true, TLS: true, module: "github.com/lxzan/gws"},
	{Name: "nbio", ChecksUTF8: true, module: "github.com/lesismal/nbio"},
}

// weir is Weir by that name, with more arguments.
func weir(name string, args ...string) Peer {
	return Peer{
		Name: name, ChecksUTF8: true, Deflates: true, TLS: true,
		binary: "weir", args: args, command: weirCommand, version: weirVersion,
	}
}

func weirVariant(name string, bothCores bool, args ...string) Peer {
	p := weir(name, args...)
	p.Variant, p.BothCores = true, bothCores
	return p
}

// Default are the peers that are no variants of others.
func Default() []Peer {
	return slices.DeleteFunc(slices.Clone(All), func(p Peer) bool { return p.Variant })
}

// Service is what a server is started for.
type Service struct {
	Addr    string // to listen on, host and port
	Path    string // that clients ask for; only Weir does not serve all paths in one process
	Deflate bool   // permessage-deflate, without context takeover
	Cert    string // a file, for TLS; "" is without
	Key     string // a file
}

// EchoPath and TopicPath are paths to connect to. Any path but /topic/NAME echoes.
const (
	EchoPath  = "/echo"
	TopicPath = "/topic/bench"
)

// Find returns the peers of those names, in the order of All.
func Find(names []string) ([]Peer, error) {
	for _, n := range names {
		if !slices.ContainsFunc(All, func(p Peer) bool { return p.Name == n }) {
			return nil, fmt.Errorf("there is no peer %q", n)
		}
	}
	return slices.DeleteFunc(slices.Clone(All), func(p Peer) bool { return !slices.Contains(names, p.Name) }), nil
}

// Command returns the command line of a peer whose binary is in the folder bin.
func (p Peer) Command(bin string, s Service) []string {
	bin = p.path(bin)
	args := []string{bin}
	if p.command != nil {
		args = p.command(bin, s)
	}
	args = append(args, "-addr", s.Addr)
	if s.Deflate {
		args = append(args, "-deflate")
	}
	if s.Cert != "" {
		args = append(args, "-tls-cert", s.Cert, "-tls-key", s.Key)
	}
	return append(args, p.args...)
}

// path is that of the binary in the folder bin.
func (p Peer) path(bin string) string { return filepath.Join(bin, cmp.Or(p.binary, p.Name)) }

// Version returns the version of what the binary in the folder bin stands for.
func (p Peer) Version(bin string) (string, error) {
	bin = p.path(bin)
	if p.version != nil {
		return p.version(bin)
	}
	info, err := buildinfo.ReadFile(bin)
	if err != nil {
		return "", err
	}
	for _, d := range info.Deps {
		if d.Path == p.module {
			return p.module + " " + d.Version, nil
		}
	}
	return "", fmt.Errorf("%s is not in %s", p.module, bin)
}

// weirCommand starts Weir with its defaults but for the largest message, which is that of all peers,
// and without a line of the log for each start.
func weirCommand(bin string, s Service) []string {
	app := "echo"
	if s.Path == TopicPath {
		app = "chat"
	}
	return []string{bin, "-app", app, "-max-message", "16MiB", "-log-level", "warn"}
}

func weirVersion(bin string) (string, error) { return firstLine(bin, "-version") }

func bunCommand(bin string, _ Service) []string { return []string{bin, bunScript(bin)} }

func bunVersion(bin string) (string, error) {
	v, err := firstLine(bin, "--version")
	return "Bun " + v, err
}

func compilerVersion(string) (string, error) { return firstLine(compiler, "--version") }

// firstLine returns the first line that a command prints.
func firstLine(command string, args ...string) (string, error) {
	out, err := exec.Command(command, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", command, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line, nil
}
