package reactor

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// ringlessVariable makes the test binary run ringless instead of the tests; its value is the errno with which
// the kernel refuses io_uring.
const ringlessVariable = "WEIR_TEST_REFUSE_IO_URING"

// ringless is a server in a process that may not use io_uring. It prints the error of a server that insists on
// it and the address of one that does not, and ends with its input.
func ringless() {
	var errno unix.Errno
	if _, err := fmt.Sscan(os.Getenv(ringlessVariable), (*uintptr)(&errno)); err != nil {
		panic(err)
	}
	if err := refuseCall(unix.SYS_IO_URING_SETUP, errno); err != nil {
		panic(err)
	}
	fmt.Println((&Server{Handler: echo, IO: IOUring}).Start("127.0.0.1:0"))
	debug := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	srv := &Server{Handler: echo, Loops: 1, Logger: debug}
	if err := srv.Start("127.0.0.1:0"); err != nil {
		panic(err)
	}
	fmt.Println(srv.Addrs()[0])
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := srv.Close(); err != nil {
		panic(err)
	}
}

// refuseCall has the kernel answer a system call of this process with errno from now on, as the seccomp
// profiles of containers do.
func refuseCall(call uint32, errno unix.Errno) error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the number of the call, which comes first in seccomp_data
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&program))); errno != 0 {
		return os.NewSyscallError("seccomp", errno)
	}
	return nil
}

// Where the kernel refuses io_uring a server that insists on it does not start, and says why. One that does not
// serves many clients at a time, byte for byte.
func TestRefusedRing(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EPERM, unix.ENOSYS} {
		t.Run(unix.ErrnoName(errno), func(t *testing.T) {
			const clients, messages = 30, 30
			child := startChild(t, fmt.Sprint(ringlessVariable, "=", int(errno)))
			refusal := child.line()
			for _, want := range []string{"reactor: io_uring is not to be had here", "io_uring_setup", errno.Error()} {
				if !strings.Contains(refusal, want) {
					t.Errorf("the error is %q, want %q in it", refusal, want)
				}
			}
			addr := child.line()
			var wg sync.WaitGroup
			for i := range clients {
				c := open(t, addr)
				wg.Go(func() {
					for j := range messages {
						want := fmt.Sprint(i, "/", j, " ", strings.Repeat("ab", i*j*10))
						c.send(text(want))
						if op, got, err := c.next(); op != codec.Text || got != want || err != nil {
							t.Errorf("got %v %.40q, %v; want %.40q", op, got, err, want)
							return
						}
					}
				})
			}
			wg.Wait()
			if log := child.log.String(); !strings.Contains(log, "writing without io_uring") {
				t.Errorf("logged %q", log)
			}
		})
	}
}
