package reactor

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.org/weir/codec"
)

func TestListenSeveral(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.sock")
	srv := &Server{Handler: echo, Logger: quiet, Loops: 3}
	if err := srv.Start("127.0.0.1:0", "tcp4://127.0.0.1:0", "unix://"+path); err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	addrs := srv.Addrs()
	if len(addrs) != 3 || addrs[0].String() == addrs[1].String() || addrs[2].String() != path {
		t.Fatalf("listening on %v", addrs)
	}
	for _, a := range addrs {
		conn, err := net.Dial(a.Network(), a.String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err := conn.Write([]byte(request() + text("hello"))); err != nil {
			t.Fatal(err)
		}
		var got []byte
		for b := make([]byte, 1024); !strings.HasSuffix(string(got), "\r\n\r\n\x81\x05hello"); {
			n, err := conn.Read(b)
			got = append(got, b[:n]...)
			if err != nil {
				t.Fatalf("%v: after %q: %v", a, got, err)
			}
		}
		_ = conn.Close()
	}
	_ = srv.Close()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket's file is still there: %v", err)
	}
}

func TestListenMalformed(t *testing.T) {
	for _, a := range []string{
		"", "localhost", "8080", "127.0.0.1", "[::1]", "127.0.0.1:http", ":-1", ":65536", ":", "a:b:1",
		"udp://:8080", "http://:8080", "unix://", "tcp://", "://:8080", "ws://127.0.0.1:0",
	} {
		err := (&Server{Handler: echo, Logger: quiet}).Start("127.0.0.1:0", a)
		var ae *AddrError
		if !errors.As(err, &ae) || ae.Addr != a || !strings.Contains(err.Error(), "reactor: bad address") {
			t.Errorf("%q: %v", a, err)
		}
	}
}

func TestListenTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.sock")
	first := &Server{Handler: echo, Logger: quiet}
	if err := first.Start("127.0.0.1:0", "unix://"+path); err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	for _, a := range []string{first.Addrs()[0].String(), "unix://" + path} {
		err := (&Server{Handler: echo, Logger: quiet}).Start("127.0.0.1:0", a)
		if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), a) {
			t.Errorf("%s: %v", a, err)
		}
	}
}

func TestListenImpossible(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, a := range []string{
		"unix://" + file,
		"unix://" + file + "/socket",
		"unix://" + dir + "/no/such/directory",
		"192.0.2.1:0",        // not this machine's
		"tcp6://127.0.0.1:0", // not IPv6
	} {
		if err := (&Server{Handler: echo, Logger: quiet}).Start("127.0.0.1:0", a); err == nil {
			t.Errorf("%s: no error", a)
		}
	}
	if b, _ := os.ReadFile(file); string(b) != "precious" {
		t.Errorf("the file has become %q", b)
	}
}

// One of the engines fails while the others may not even have begun: they are ended all the same.
func TestListenFailsBesideOthers(t *testing.T) {
	for range 50 {
		srv := &Server{Handler: echo, Logger: quiet}
		ended := make(chan error, 1)
		go func() { ended <- srv.Start("127.0.0.1:0", "unix:///no/such/directory/weir.sock") }()
		if err := within(t, ended); !errors.Is(err, syscall.ENOENT) {
			t.Fatalf("Start returned %v", err)
		}
	}
}

func TestListenDeadSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.sock")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false) // as if it were killed
	_ = ln.Close()
	srv := &Server{Handler: echo, Logger: quiet}
	if err := srv.Start("unix://" + path); err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

func TestSharePort(t *testing.T) {
	one := &Server{Handler: echo, Logger: quiet, SharePort: true}
	if err := one.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	addr := one.Addrs()[0].String()
	two := &Server{Handler: echo, Logger: quiet, SharePort: true}
	if err := two.Start(addr); err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	_ = one.Close() // the other one has the port to itself now
	r := open(t, addr)
	r.send(text("hello"))
	r.want(codec.Text, "hello")
}
