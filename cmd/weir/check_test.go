package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/weir/reactor"
)

// settings is a folder like /proc/sys.
func settings(t *testing.T, values map[string]string) kernel {
	t.Helper()
	dir := t.TempDir()
	for name, v := range values {
		file := filepath.Join(dir, strings.ReplaceAll(name, ".", "/"))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(v+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return kernel(dir)
}

// TestKernel checks which settings are found wanting, and what there is to do.
func TestKernel(t *testing.T) {
	k := settings(t, map[string]string{
		"net.core.somaxconn": "4096", "net.ipv4.tcp_max_syn_backlog": "512", "net.ipv4.tcp_mem": "10 20 50000",
		"fs.file-max": "110000", // and no nf_conntrack_max
	})
	for conns, want := range map[int][]string{
		1000:    nil,
		8192:    nil,
		8208:    {"sysctl -w net.ipv4.tcp_max_syn_backlog=513"},
		60000:   {"sysctl -w net.ipv4.tcp_max_syn_backlog=3750", "sysctl -w net.ipv4.tcp_mem='45000 52500 60000'"},
		110000:  {"sysctl -w net.core.somaxconn=6875", "sysctl -w net.ipv4.tcp_max_syn_backlog=6875", "sysctl -w net.ipv4.tcp_mem='82500 96250 110000'", "sysctl -w fs.file-max=110256"},
		2000000: {"sysctl -w net.core.somaxconn=65535", "sysctl -w net.ipv4.tcp_max_syn_backlog=65535", "sysctl -w net.ipv4.tcp_mem='1500000 1750000 2000000'", "sysctl -w fs.file-max=2000256"},
	} {
		var got []string
		for _, a := range k.needs(conns) {
			got = append(got, a.remedy)
			if !strings.Contains(a.problem, strings.Fields(a.remedy)[2][:10]) {
				t.Errorf("%q does not say what %q is for", a.problem, a.remedy)
			}
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%d connections:\n%s\nwant\n%s", conns, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if all := settings(t, map[string]string{"net.netfilter.nf_conntrack_max": "1000"}).needs(1000); len(all) != 1 || all[0].remedy != "sysctl -w net.netfilter.nf_conntrack_max=1125" {
		t.Errorf("got %v", all)
	}
	if all := settings(t, map[string]string{"net.core.somaxconn": "what"}).needs(1 << 20); all != nil {
		t.Errorf("got %v of what is no number", all)
	}
}

func TestDescriptors(t *testing.T) {
	if all := needsDescriptors(1000, 1000+reserved); all != nil {
		t.Errorf("got %v", all)
	}
	all := needsDescriptors(1000, 1000+reserved-1)
	if len(all) != 1 || !strings.Contains(all[0].remedy, "ulimit -n 1256") || !strings.Contains(all[0].remedy, "LimitNOFILE=1256") {
		t.Errorf("got %v", all)
	}
}

// TestDescriptorsRaised runs weir check with a soft limit that is too low, and a hard limit that is not: the
// process has raised the one to the other.
func TestDescriptorsRaised(t *testing.T) {
	if testing.Short() {
		t.Skip("builds weir")
	}
	weir := filepath.Join(t.TempDir(), "weir")
	if out, err := exec.Command("go", "build", "-o", weir, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, _ := exec.Command("sh", "-c", `ulimit -n 2000 && ulimit -Sn 300 && exec "$0" check -addr 127.0.0.1:0 -max-conns 1700`, weir).CombinedOutput()
	if strings.Contains(string(out), "files may be open") || !strings.Contains(string(out), "is free") {
		t.Errorf("it did not raise its limit:\n%s", out)
	}
	out, err := exec.Command("sh", "-c", `ulimit -n 2000 && exec "$0" check -addr 127.0.0.1:0 -max-conns 1800`, weir).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "FAULT  2000 files may be open, and for 1800 connections 2056 are needed") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// certificate writes a certificate with its key.
func certificate(t *testing.T, from, until time.Time) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"weir.test"}, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return file(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		file(t, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

// greeter is a server that says hello and hangs up.
func greeter(t *testing.T, hello string) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, hello)
			_ = conn.Close()
		}
	}()
	return ln.Addr().String()
}

// TestCheck goes through what weir check finds.
func TestCheck(t *testing.T) {
	now := time.Now()
	good, goodKey := certificate(t, now.Add(-time.Hour), now.Add(90*24*time.Hour))
	old, oldKey := certificate(t, now.Add(-2*time.Hour), now.Add(-time.Hour))
	early, earlyKey := certificate(t, now.Add(time.Hour), now.Add(90*24*time.Hour))
	ending, endingKey := certificate(t, now.Add(-time.Hour), now.Add(13*24*time.Hour))
	taken := greeter(t, "")
	shared := &reactor.Server{Handler: echo{}, SharePort: true, Logger: slog.New(slog.DiscardHandler)}
	if err := shared.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer shared.Close()
	nats := greeter(t, "INFO {}\r\n")
	sockets := t.TempDir()
	ln, err := net.Listen("unix", filepath.Join(sockets, "taken"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	secret := file(t, bytes.Repeat([]byte("s"), 32))
	for _, tt := range []struct {
		what   string
		args   []string
		status int
		want   string
	}{
		{"free", nil, exitOK, "ok     -addr 127.0.0.1:0 is free\n"},
		{"the system", nil, exitOK, "ok     the system permits 1000 connections"},
		{"descriptors", []string{"-max-conns", "1001"}, exitFailed, "do: ulimit"},
		{"taken", []string{"-addr", taken}, exitFailed, "address already in use"},
		{"taken by who does not share", []string{"-addr", taken, "-share-port"}, exitFailed, "address already in use"},
		{"shared", []string{"-addr", shared.Addrs()[0].String(), "-share-port"}, exitOK, "is shared with who listens there"},
		{"shared by the other only", []string{"-addr", shared.Addrs()[0].String()}, exitFailed, "address already in use"},
		{"admin", []string{"-admin", "127.0.0.1:0"}, exitOK, "ok     -admin 127.0.0.1:0 is free"},
		{"admin that is taken", []string{"-admin", taken, "-share-port"}, exitFailed, "FAULT  -admin " + taken},
		{"profiles that are taken", []string{"-pprof", taken}, exitFailed, "FAULT  -pprof " + taken},
		{"TLS", []string{"-tls-cert", good, "-tls-key", goodKey}, exitOK, "is free, for TLS"},
		{"certificate", []string{"-tls-cert", good, "-tls-key", goodKey}, exitOK, "for weir.test until"},
		{"certificate that has ended", []string{"-tls-cert", old, "-tls-key", oldKey}, exitFailed, "has ended on"},
		{"certificate that is not valid yet", []string{"-tls-cert", early, "-tls-key", earlyKey}, exitFailed, "not valid before"},
		{"certificate that ends soon", []string{"-tls-cert", ending, "-tls-key", endingKey}, exitFailed, "ends on"},
		{"key of another certificate", []string{"-tls-cert", good, "-tls-key", oldKey}, exitFailed, "FAULT  -tls-cert"},
		{"socket", []string{"-addr", "unix://" + sockets + "/free"}, exitOK, "/free is free"},
		{"socket that is taken", []string{"-addr", "unix://" + sockets + "/taken"}, exitFailed, "somebody answers"},
		{"socket that is a file", []string{"-addr", "unix://" + secret}, exitFailed, "no socket"},
		{"socket in no folder", []string{"-addr", "unix:///nonexistent/weir"}, exitFailed, "/nonexistent"},
		{"keys", []string{"-auth-jwt-key", secret}, exitOK, "ok     keys for tokens in"},
		{"no keys", []string{"-auth-jwt-key", good + "x"}, exitFailed, "cannot use -auth-jwt-key"},
		{"callback", []string{"-auth-url", "http://" + nats}, exitOK, "ok     -auth-url is reached"},
		{"callback that is not there", []string{"-auth-url", "http://127.0.0.1:1/"}, exitFailed, "cannot be reached"},
		{"NATS", []string{"-app", "chat", "-nats", "nats://" + nats}, exitOK, "is a NATS server"},
		{"no NATS", []string{"-app", "chat", "-nats", "nats://" + taken}, exitFailed, "is no NATS server"},
		{"NATS that is not there", []string{"-app", "chat", "-nats", "nats://me:sesame@127.0.0.1:1"}, exitFailed, "-nats 127.0.0.1:1 cannot be reached"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			if len(tt.args) == 0 || tt.args[0] != "-addr" {
				tt.args = append([]string{"-addr", "127.0.0.1:0"}, tt.args...)
			}
			o, err := parse(nil, tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			status := o.checkup(settings(t, nil), 1000+reserved, &out)
			if status != tt.status || !strings.Contains(out.String(), tt.want) || strings.Contains(out.String(), "sesame") {
				t.Errorf("status %d, want %d with %q:\n%s", status, tt.status, tt.want, &out)
			}
			faults := 0
			for lines := bufio.NewScanner(&out); lines.Scan(); {
				if strings.HasPrefix(lines.Text(), "FAULT") {
					faults++
				}
			}
			if (status == exitFailed) != (faults == 1) {
				t.Errorf("status %d with %d faults", status, faults)
			}
		})
	}
}
