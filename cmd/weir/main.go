// Command weir is a WebSocket server that runs at once: it echoes, prints, or carries a chat, and
// serves a page to try that out. See weir -h.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// The exit statuses.
const (
	exitOK     = 0
	exitFailed = 1 // could not serve
	exitUsage  = 2 // bad flags
)

func main() {
	os.Exit(run(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run is main with everything that it depends on.
func run(args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	opt, err := parseOptions(args, getenv, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintln(stderr, "weir:", err)
		return exitUsage
	case opt.version:
		fmt.Fprintln(stdout, "weir", version(), runtime.Version())
		return exitOK
	}
	switch opt.command {
	case "check":
		return opt.checkup(procSys, descriptors(), stdout)
	case "config":
		if err := opt.printConfig(stdout); err != nil {
			fmt.Fprintln(stderr, "weir:", err)
			return exitFailed
		}
		return exitOK
	}
	log := opt.logger(stderr)
	app, err := newApp(opt.app, stdout, log)
	if err != nil {
		fmt.Fprintln(stderr, "weir:", err)
		return exitUsage
	}
	defer app.close()
	paceGC(getenv)

	if opt.pprof != "" {
		stop, err := servePprof(opt.pprof, opt.pprofPublic, log)
		if err != nil {
			fmt.Fprintln(stderr, "weir:", err)
			return exitFailed
		}
		defer stop()
	}

	adm := newAdmin(app, int64(opt.maxMessage))
	adm.appName, adm.readyMemory = opt.app, uint64(opt.readyMemory.size)
	if opt.admin != "" {
		stop, err := adm.serve(opt.admin, opt.adminPublic, log)
		if err != nil {
			fmt.Fprintln(stderr, "weir:", err)
			return exitFailed
		}
		defer stop()
	}

	// A second signal ends the process as it would have without us.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return serve(ctx, stop, opt, app, adm, log, stderr)
}

// newServer makes the server that the options describe.
func newServer(opt *options, app app, log *slog.Logger) *reactor.Server {
	srv := &reactor.Server{
		Handler:          app,
		MaxMessage:       int(opt.maxMessage),
		MaxOutbound:      int(opt.maxOutbound),
		ReadBuffer:       int(opt.readBuffer),
		MaxConns:         opt.maxConns,
		Overflow:         reactor.OverflowClose,
		SlowSubscriber:   reactor.SlowClose,
		MaxPublishQueue:  -1, // maxOutbound is limit enough
		HandshakeTimeout: opt.handshakeTimeout,
		IdleTimeout:      opt.idleTimeout,
		Origins:          opt.origins.values,
		Loops:            opt.loops,
		IO:               reactor.IOMode(opt.io),
		TrustedProxies:   opt.proxies.networks,
		TrustUnix:        opt.proxies.unix,
		ProxyProtocol:    opt.proxyProtocol,
		Forwarded:        reactor.ForwardedField(opt.forwarded),
		DrainWindow:      opt.drainWindow,
		SharePort:        opt.sharePort,
		Page:             servePage(indexPage),
		Bus:              opt.bus(log),
		TrackConns:       opt.tracks(),
		Logger:           log,
	}
	opt.limits.apply(srv)
	app.setup(srv)
	if opt.deflate {
		srv.Deflate = &codec.Deflate{}
	}
	return srv
}

// serve serves until ctx is done, and then drains.
func serve(ctx context.Context, again func(), opt *options, app app, adm *admin, log *slog.Logger, stderr io.Writer) int {
	srv := newServer(opt, app, log)
	defer adm.logAccess(srv, opt, log)()
	sd := newServiceManager(os.Getenv, log)
	var reloads []func()
	if opt.tlsCert != "" {
		pair, err := newKeyPair(opt.tlsCert, opt.tlsKey)
		if err != nil {
			fmt.Fprintln(stderr, "weir:", err)
			return exitFailed
		}
		reloads = append(reloads, func() { pair.renew(log) })
		srv.TLS = pair.config()
	}
	gate, err := newGatekeeper(opt, log)
	if err != nil {
		fmt.Fprintln(stderr, "weir:", err)
		return exitFailed
	}
	if gate != nil {
		gate.guard(srv)
	}
	if opt.auth.jwt() {
		reloads = append(reloads, gate.renew)
	}
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	defer onHangup(log, sd, quit, reloads...)()
	if err := srv.Start(opt.addrs.values...); err != nil {
		fmt.Fprintln(stderr, "weir:", strings.TrimPrefix(err.Error(), "reactor: "))
		var bad *reactor.AddrError
		if errors.As(err, &bad) {
			return exitUsage
		}
		return exitFailed
	}
	opt.adviseAtStart(log)
	announce(srv, opt, log)
	adm.started(srv)
	sd.serving()
	defer sd.watch(func() time.Duration { return worstLag(srv) })()

	ended := make(chan error, 1)
	go func() { ended <- srv.Wait() }()
	select {
	case err := <-ended:
		fmt.Fprintln(stderr, "weir:", err)
		return exitFailed
	case <-ctx.Done():
	}
	again()
	adm.state.Store(&stateDraining)
	sd.stopping()
	log.Info("draining; interrupt again to quit at once", "connections", srv.Conns(), "timeout", opt.drainTimeout)
	drain, cancel := context.WithTimeout(context.Background(), opt.drainTimeout)
	defer cancel()
	if err := srv.Shutdown(drain); err != nil {
		log.Warn("some clients did not leave in time and were cut")
	}
	log.Info("stopped")
	return exitOK
}

// announce says in one line each where the page is, for a person who has just started the server.
func announce(srv *reactor.Server, opt *options, log *slog.Logger) {
	for i, a := range srv.Addrs() {
		if url := pageURL(a, opt.secure(i)); url != "" {
			log.Info("open in a browser", "url", url, "app", opt.app)
		}
	}
}

// version is the version of the module, with the commit where it does not name it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return versionOf(info)
}

func versionOf(info *debug.BuildInfo) string {
	v := cmp.Or(info.Main.Version, "(devel)")
	for _, s := range info.Settings {
		if commit := s.Value[:min(12, len(s.Value))]; s.Key == "vcs.revision" && !strings.Contains(v, commit) {
			v += " " + commit
		}
	}
	return v
}
