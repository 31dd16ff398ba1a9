package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestTerminalCloses holds that weir drains and ends with the terminal that it was started in.
func TestTerminalCloses(t *testing.T) {
	master, slave := openTerminal(t)
	cmd := exec.Command(os.Args[0], "-addr", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), asWeir+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })

	var said bytes.Buffer
	await := func(word string) {
		t.Helper()
		_ = master.SetReadDeadline(time.Now().Add(20 * time.Second))
		for part := make([]byte, 1000); !bytes.Contains(said.Bytes(), []byte(word)); {
			n, err := master.Read(part)
			if err != nil {
				t.Fatalf("%v after %q", err, &said)
			}
			said.Write(part[:n])
		}
	}
	await("msg=listening")
	_ = cmd.Process.Signal(syscall.SIGHUP) // alone it is no reason
	await("nothing to reload")
	_ = master.Close()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("weir goes on without its terminal")
	}
}

// openTerminal returns both sides of a new pseudoterminal (pty(7)).
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("this system has no pseudoterminals: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	master = os.NewFile(uintptr(fd), "/dev/ptmx")
	t.Cleanup(func() { _ = master.Close() })
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}
