package torture

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// readProcess reads what a process holds from /proc.
func readProcess(pid int) (u Usage, err error) {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return u, err
	}
	var size, resident, shared, text, lib, data int64 // pages: proc(5)
	if _, err = fmt.Sscan(string(statm), &size, &resident, &shared, &text, &lib, &data); err != nil {
		return u, fmt.Errorf("/proc/%d/statm: %w", pid, err)
	}
	page := int64(os.Getpagesize())
	u.RSS, u.Data = resident*page, data*page
	u.Files, err = countFiles(pid)
	return u, err
}

// countFiles counts the descriptors of a process.
func countFiles(pid int) (int, error) {
	dir, err := os.Open(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	return len(names), err
}

// peerPID returns the process at the other end of a Unix socket (SO_PEERCRED, unix(7)).
func peerPID(conn net.Conn) (pid int, err error) {
	uc, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, errNoPeerPID
	}
	rc, err := uc.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	if cerr := rc.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); cerr != nil {
		return 0, cerr
	}
	if err != nil {
		return 0, os.NewSyscallError("getsockopt", err)
	}
	return int(cred.Pid), nil
}

// bindWithoutPort lets the kernel choose the local port at connect, when it knows the whole
// four-tuple, and not at bind, where a port can be used once only.
func bindWithoutPort(fd uintptr) {
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
}

// setReceiveBuffer bounds what the kernel keeps for a socket that is not read.
func setReceiveBuffer(fd uintptr, n int) {
	_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, n)
}
