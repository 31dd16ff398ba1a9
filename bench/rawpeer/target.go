package rawpeer

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Target is where a server listens and what is asked of it.
type Target struct {
	Network string // "tcp" or "unix"
	Addr    string // host:port, or the path of a socket
	Host    string // of the Host field
	Path    string // of the request line, with the query if any; begins with a slash
}

// ParseTarget reads ws://host:port/path, where the port is 80 if left out, or unix:///path of a Unix
// socket, of which / is asked.
func ParseTarget(s string) (Target, error) {
	if path, ok := strings.CutPrefix(s, "unix://"); ok && strings.HasPrefix(path, "/") {
		return Target{Network: "unix", Addr: path, Host: "localhost", Path: "/"}, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "ws" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return Target{}, fmt.Errorf("bad target %q: want ws://host:port/path or unix:///path", s)
	}
	t := Target{Network: "tcp", Addr: u.Host, Host: u.Host, Path: u.RequestURI()}
	if u.Port() == "" {
		t.Addr = net.JoinHostPort(u.Hostname(), "80")
	}
	return t, nil
}
