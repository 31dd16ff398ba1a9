package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"sync/atomic"
)

// keyPair is a certificate that is read from files, and again when it has been renewed.
type keyPair struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
}

// newKeyPair reads the files.
func newKeyPair(certFile, keyFile string) (*keyPair, error) {
	k := &keyPair{certFile: certFile, keyFile: keyFile}
	return k, k.reload()
}

// reload reads the files again. After an error the certificate is the one before.
func (k *keyPair) reload() error {
	cert, err := tls.LoadX509KeyPair(k.certFile, k.keyFile)
	if err != nil {
		return fmt.Errorf("cannot use -tls-cert %s with -tls-key %s: %w", k.certFile, k.keyFile, err)
	}
	k.current.Store(&cert)
	return nil
}

// config is for a server, which asks for the certificate in each handshake.
func (k *keyPair) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return k.current.Load(), nil },
	}
}

// renew is reload for a server that runs.
func (k *keyPair) renew(log *slog.Logger) {
	if err := k.reload(); err != nil {
		log.Error("the certificate stays the one before", "err", err)
		return
	}
	leaf := k.current.Load().Leaf
	log.Info("certificate reloaded", "cert", k.certFile, "names", leaf.DNSNames, "until", leaf.NotAfter)
}
