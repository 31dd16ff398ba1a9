package reactor

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Writes on non-blocking sockets do not sleep, so they are done without telling the scheduler, which
// is what much of the time of a small write would otherwise go to.

// writeSocket is write(2).
func writeSocket(fd int, p []byte) (int, error) {
	return rawWrite(unix.SYS_WRITE, fd, unsafe.Pointer(unsafe.SliceData(p)), len(p), 0)
}

// writeLast is writeSocket for bytes behind which the caller shuts the socket down as soon as all are
// written: the kernel keeps what does not fill a segment until then, and sends it and the FIN as one.
func writeLast(fd int, p []byte) (int, error) {
	return rawWrite(unix.SYS_SENDTO, fd, unsafe.Pointer(unsafe.SliceData(p)), len(p), unix.MSG_MORE|unix.MSG_NOSIGNAL)
}

// writeBoth writes p and, behind it, q.
func writeBoth(fd int, p, q []byte) (int, error) {
	var both [2]unix.Iovec
	both[0].Base = unsafe.SliceData(p)
	both[0].SetLen(len(p))
	both[1].Base = unsafe.SliceData(q)
	both[1].SetLen(len(q))
	return rawWrite(unix.SYS_WRITEV, fd, unsafe.Pointer(&both), len(both), 0)
}

func rawWrite(call uintptr, fd int, p unsafe.Pointer, n, flags int) (int, error) {
	for {
		k, _, errno := unix.RawSyscall6(call, uintptr(fd), uintptr(p), uintptr(n), uintptr(flags), 0, 0)
		switch errno {
		case 0:
			return int(k), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}
