package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// soon is when a certificate that ends is worth a word.
const soon = 14 * 24 * time.Hour

// patience is how long weir check waits for other servers.
const patience = 3 * time.Second

// checkup is what weir check finds, a line each: what is well, and what is not and why.
type checkup struct {
	out    io.Writer
	faults int
}

func (c *checkup) well(format string, a ...any) { fmt.Fprintf(c.out, "ok     "+format+"\n", a...) }

func (c *checkup) fault(problem, remedy string) {
	c.faults++
	fmt.Fprintln(c.out, "FAULT  "+problem)
	if remedy != "" {
		fmt.Fprintln(c.out, "       do: "+remedy)
	}
}

// checkup looks at what the options need, without serving, and returns the exit status.
func (o *options) checkup(k kernel, files int, out io.Writer) int {
	c := &checkup{out: out}
	c.kernel(o, k, files)
	for i, addr := range o.addrs.values {
		c.addr(addr, o.secure(i), o.sharePort)
	}
	c.listener("-admin", o.admin)
	c.listener("-pprof", o.pprof)
	if o.tlsCert != "" {
		c.certificate(o.tlsCert, o.tlsKey)
	}
	if _, err := newGatekeeper(o, slog.New(slog.DiscardHandler)); err != nil {
		c.fault(err.Error(), "")
	} else if o.auth.jwt() {
		c.well("keys for tokens in %s", o.auth.jwtKey+o.auth.jwks)
	}
	if o.auth.url != "" {
		c.reach("-auth-url", o.auth.url)
	}
	for _, server := range o.nats.values {
		c.nats(server)
	}
	if c.faults > 0 {
		return exitFailed
	}
	return exitOK
}

// kernel looks at what the system permits.
func (c *checkup) kernel(o *options, k kernel, files int) {
	conns := o.maxConns
	if conns == 0 {
		conns = max(files-reserved, 0)
	}
	needs := append(needsDescriptors(conns, files), k.needs(conns)...)
	if len(needs) == 0 {
		c.well("the system permits %d connections", conns)
	}
	for _, a := range needs {
		c.fault(a.problem, a.remedy)
	}
}

// addr looks whether an address is free, or can be shared.
func (c *checkup) addr(addr string, secure, share bool) {
	network, at, ok := strings.Cut(addr, "://")
	if !ok {
		network, at = "tcp", addr
	}
	network = strings.Replace(network, "tls", "tcp", 1)
	kind := map[bool]string{true: ", for TLS"}[secure]
	if network == "unix" {
		c.socket(at)
		return
	}
	ln, err := net.Listen(network, at)
	switch {
	case err == nil:
		_ = ln.Close()
		c.well("-addr %s is free%s", addr, kind)
	case share && errors.Is(err, syscall.EADDRINUSE) && shareable(network, at):
		c.well("-addr %s is shared with who listens there%s", addr, kind)
	default:
		c.fault("-addr "+addr+": "+err.Error(), "")
	}
}

// listener looks whether an address that is not for clients is free. Such are never shared.
func (c *checkup) listener(flag, addr string) {
	if addr == "" {
		return
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		c.fault(flag+" "+addr+": "+err.Error(), "")
		return
	}
	_ = ln.Close()
	c.well("%s %s is free", flag, addr)
}

// socket looks whether a Unix socket can be made.
func (c *checkup) socket(path string) {
	conn, err := net.DialTimeout("unix", path, patience)
	if err == nil {
		_ = conn.Close()
		c.fault("-addr unix://"+path+" is taken: somebody answers there", "")
		return
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSocket == 0 {
		c.fault("-addr unix://"+path+": there is a file that is no socket", "")
		return
	}
	probe, err := os.CreateTemp(filepath.Dir(path), ".weir-check-*")
	if err != nil {
		c.fault("-addr unix://"+path+": "+err.Error(), "")
		return
	}
	_ = probe.Close()
	_ = os.Remove(probe.Name())
	c.well("-addr unix://%s is free", path)
}

// certificate looks whether a certificate can be used now, and for some time.
func (c *checkup) certificate(certFile, keyFile string) {
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		c.fault("-tls-cert "+certFile+" with -tls-key "+keyFile+": "+err.Error(), "")
		return
	}
	const day = "2006-01-02 15:04 MST"
	from, until := cert.Leaf.NotBefore, cert.Leaf.NotAfter
	switch now := time.Now(); {
	case now.After(until):
		c.fault("-tls-cert "+certFile+" has ended on "+until.Format(day), "renew it")
	case now.Before(from):
		c.fault("-tls-cert "+certFile+" is not valid before "+from.Format(day), "look at the clock: date")
	case until.Sub(now) < soon:
		c.fault("-tls-cert "+certFile+" ends on "+until.Format(day), "renew it")
	default:
		c.well("-tls-cert %s for %s until %s", certFile, strings.Join(cert.Leaf.DNSNames, ", "), until.Format(day))
	}
}

// reach looks whether somebody listens where a URL leads.
func (c *checkup) reach(what, rawURL string) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return // options.check has looked
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(u.Hostname(), port), patience)
	if err != nil {
		c.fault(what+" cannot be reached: "+err.Error(), "")
		return
	}
	_ = conn.Close()
	c.well("%s is reached at %s", what, u.Host)
}

// nats looks whether a NATS server greets.
func (c *checkup) nats(server string) {
	u, err := url.Parse(server)
	if err != nil {
		return // options.check has looked
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "4222")
	}
	if u.Scheme == "ws" || u.Scheme == "wss" {
		c.reach("-nats", "http://"+host)
		return
	}
	conn, err := net.DialTimeout("tcp", host, patience)
	if err != nil {
		c.fault("-nats "+host+" cannot be reached: "+err.Error(), "")
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	greeting := make([]byte, len("INFO "))
	if _, err := io.ReadFull(conn, greeting); err != nil || string(greeting) != "INFO " {
		c.fault("-nats "+host+" is no NATS server", "")
		return
	}
	c.well("-nats %s is a NATS server", host)
}
