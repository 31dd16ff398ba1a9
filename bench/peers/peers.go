package peers

import (
	"debug/buildinfo"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Peer is a server that can be measured.
type Peer struct {
	// Name is also the name of the binary, in the folder that Build was told.
	Name string
	// Raw is set when it echoes bytes over TCP, without WebSocket.
	Raw bool
	// ChecksUTF8 is set when it refuses text that is not valid UTF-8.
	ChecksUTF8 bool
	// module is the Go module that it stands for.
	module string
	// command returns the command line; bin is the path of the binary. Default: bin -addr addr.
	command func(bin, addr, path string) []string
	// version finds out the version. Default: that of module, as it is in the binary.
	version func(bin string) (string, error)
}

// All are the peers, in the order of the tables: what bounds the others first, then Weir.
var All = []Peer{
	{Name: "limit", Raw: true, version: compilerVersion},
	{Name: "gnetraw", Raw: true, module: "github.com/panjf2000/gnet/v2"},
	{Name: "weir", ChecksUTF8: true, command: weirCommand, version: weirVersion},
	{Name: "bun", ChecksUTF8: true, command: bunCommand, version: bunVersion},
	{Name: "gorilla", module: "github.com/gorilla/websocket"},
	{Name: "fasthttp", module: "github.com/fasthttp/websocket"},
	{Name: "gobwas", ChecksUTF8: true, module: "github.com/gobwas/ws"},
	{Name: "coder", module: "github.com/coder/websocket"},
	{Name: "gws", ChecksUTF8: true, module: "github.com/lxzan/gws"},
	{Name: "nbio", ChecksUTF8: true, module: "github.com/lesismal/nbio"},
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

// Command returns the command line of a peer whose binary is in the folder bin, to serve clients of
// path at addr, a host and a port. Only Weir does not serve all paths in one process.
func (p Peer) Command(bin, addr, path string) []string {
	bin = filepath.Join(bin, p.Name)
	if p.command != nil {
		return p.command(bin, addr, path)
	}
	return []string{bin, "-addr", addr}
}

// Version returns the version of what the binary in the folder bin stands for.
func (p Peer) Version(bin string) (string, error) {
	bin = filepath.Join(bin, p.Name)
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
func weirCommand(bin, addr, path string) []string {
	app := "echo"
	if path == TopicPath {
		app = "chat"
	}
	return []string{bin, "-app", app, "-addr", addr, "-max-message", "16MiB", "-log-level", "warn"}
}

func weirVersion(bin string) (string, error) { return firstLine(bin, "-version") }

func bunCommand(bin, addr, _ string) []string { return []string{bin, bunScript(bin), "-addr", addr} }

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
