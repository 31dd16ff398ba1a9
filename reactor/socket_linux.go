package reactor

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Writes on non-blocking sockets do not sleep, so they are done without telling the scheduler, which
// is what much of the time of a small write would otherwise go to.

// writeSocket is write(2).
func writeSocket(fd int, p []byte) (int, error) {
	return rawWrite(unix.SYS_WRITE, fd, unsafe.Pointer(unsafe.SliceData(p)), len(p))
}

// writeBoth writes p and, behind it, q.
func writeBoth(fd int, p, q []byte) (int, error) {
	var both [2]unix.Iovec
	both[0].Base = unsafe.SliceData(p)
	both[0].SetLen(len(p))
	both[1].Base = unsafe.SliceData(q)
	both[1].SetLen(len(q))
	return rawWrite(unix.SYS_WRITEV, fd, unsafe.Pointer(&both), len(both))
}

func rawWrite(call uintptr, fd int, p unsafe.Pointer, n int) (int, error) {
	for {
		k, _, errno := unix.RawSyscall(call, uintptr(fd), uintptr(p), uintptr(n))
		switch errno {
		case 0:
			return int(k), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// giveWay lets another thread have the core, if one waits for it: one that never sleeps is only interrupted by the
// clock, which may tick every 4 ms, and as many servers as share the core make everybody wait for so long.
func giveWay() { _, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
