package rawpeer

import (
	"cmp"
	"crypto/tls"
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
	// TLS is nil for a server that is spoken to in the clear.
	TLS *tls.Config
}

// ParseTarget reads ws://host:port/path, where the port is 80 if left out, wss://host:port/path, where it
// is 443, or unix:///path of a Unix socket, of which / is asked.
func ParseTarget(s string, trust Trust) (Target, error) {
	if path, ok := strings.CutPrefix(s, "unix://"); ok && strings.HasPrefix(path, "/") {
		return Target{Network: "unix", Addr: path, Host: "localhost", Path: "/"}, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return Target{}, fmt.Errorf("bad target %q: want ws://host:port/path, wss://host:port/path or unix:///path", s)
	}
	t := Target{Network: "tcp", Host: u.Host, Path: u.RequestURI()}
	port := "80"
	if u.Scheme == "wss" {
		if t.TLS, err = trust.Config(); err != nil {
			return Target{}, err
		}
		t.TLS.ServerName = u.Hostname()
		port = "443"
	}
	t.Addr = net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port))
	return t, nil
}
