package main

import (
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// onHangup has everything read again at each SIGHUP, until stop is called; if it comes because the terminal has been
// closed it calls gone. The service manager hears of it also where there is nothing to read: it may be waiting.
func onHangup(log *slog.Logger, sd *serviceManager, gone func(), reloads ...func()) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	inTerminal := hasTerminal()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range hangups {
			if inTerminal && !hasTerminal() {
				gone()
				continue
			}
			sd.reload(func() {
				if len(reloads) == 0 {
					log.Warn("SIGHUP: there is nothing to reload without -tls-cert, -auth-jwt-key and -auth-jwks; other settings need a restart")
				}
				for _, reload := range reloads {
					reload()
				}
			})
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(hangups)
		<-done
	}
}

// hasTerminal reports whether the standard input is a terminal, which it is no longer once that has been closed.
func hasTerminal() bool { return term.IsTerminal(int(os.Stdin.Fd())) }
