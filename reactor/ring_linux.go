package reactor

import (
	"errors"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is an io_uring that sends on many sockets with one system call. Each send completes within
// that call: MSG_DONTWAIT makes a socket that takes no more answer so at once, and nothing is in
// flight afterwards, so the bytes need to stay where they are only until submit returns. It belongs
// to one loop.
type ring struct {
	_    [cacheLine]byte // loops write to theirs for each batch
	fd   int
	mem  []byte // both queues
	sqes []byte // the entries of the submission queue
	n    uint32 // sends added and not yet submitted

	enter func(fd int, submit, wait, flags uint32) (submitted uint32, errno unix.Errno) // ringEnter

	sqTail *uint32
	sqMask uint32
	cqHead *uint32
	cqTail *uint32
	cqMask uint32
	cqes   unsafe.Pointer
	_      [cacheLine]byte
}

// From linux/io_uring.h.
type (
	ringParams struct {
		sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFD uint32
		_                                                                      [3]uint32
		sq, cq                                                                 ringOffsets
	}
	// ringOffsets are those of a submission queue; a completion queue has its entries (cqes) where that has dropped.
	ringOffsets struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	sqe struct {
		opcode, flags uint8
		ioprio        uint16
		fd            int32
		off, addr     uint64
		len, msgFlags uint32
		userData      uint64
		_             [24]byte
	}
	cqe struct {
		userData uint64
		res      int32
		flags    uint32
	}
)

const (
	ringOpSend         = 26         // IORING_OP_SEND
	ringFeatSingleMmap = 1          // IORING_FEAT_SINGLE_MMAP
	ringOffSQEs        = 0x10000000 // IORING_OFF_SQES
	ringEnterGetEvents = 1          // IORING_ENTER_GETEVENTS
)

// newRing makes a ring for batches of up to entries sends, a power of two. It fails where the kernel
// is older than 5.6 or does not permit io_uring, as in many containers.
func newRing(entries uint32) (r *ring, err error) {
	var p ringParams
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, os.NewSyscallError("io_uring_setup", errno)
	}
	r = &ring{fd: int(fd), enter: ringEnter}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	unix.CloseOnExec(r.fd)
	if p.features&ringFeatSingleMmap == 0 {
		return nil, errors.New("the kernel's io_uring is too old")
	}
	const shared = unix.MAP_SHARED | unix.MAP_POPULATE
	size := max(p.sq.array+4*p.sqEntries, p.cq.dropped+p.cqEntries*uint32(unsafe.Sizeof(cqe{})))
	if r.mem, err = unix.Mmap(r.fd, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, shared); err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	size = p.sqEntries * uint32(unsafe.Sizeof(sqe{}))
	if r.sqes, err = unix.Mmap(r.fd, ringOffSQEs, int(size), unix.PROT_READ|unix.PROT_WRITE, shared); err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	r.sqTail, r.sqMask = r.word(p.sq.tail), *r.word(p.sq.mask)
	r.cqHead, r.cqTail, r.cqMask = r.word(p.cq.head), r.word(p.cq.tail), *r.word(p.cq.mask)
	r.cqes = unsafe.Pointer(&r.mem[p.cq.dropped])
	for i := range p.sqEntries {
		*r.word(p.sq.array + 4*i) = i
	}
	return r, r.probe()
}

// probe tries a send, since the operation is newer than io_uring and can be forbidden by itself.
func (r *ring) probe() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	var res [1]int32
	r.add(int32(pair[0]), []byte("x"))
	if err := r.submit(res[:]); err != nil {
		return err
	}
	if res[0] != 1 {
		return os.NewSyscallError("io_uring send", unix.Errno(-res[0]))
	}
	return nil
}

// word is the word at an offset of the queues' memory.
func (r *ring) word(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.mem[offset])) }

// add adds a send of p, which is not empty, on the socket fd. p must stay reachable until submit
// returns. There must be room.
func (r *ring) add(fd int32, p []byte) {
	i := (*r.sqTail + r.n) & r.sqMask
	*(*sqe)(unsafe.Pointer(&r.sqes[uintptr(i)*unsafe.Sizeof(sqe{})])) = sqe{
		opcode:   ringOpSend,
		fd:       fd,
		addr:     uint64(uintptr(unsafe.Pointer(unsafe.SliceData(p)))),
		len:      uint32(min(len(p), 1<<30)),
		msgFlags: unix.MSG_DONTWAIT | unix.MSG_WAITALL | unix.MSG_NOSIGNAL,
		userData: uint64(r.n),
	}
	r.n++
}

// submit does the sends that were added. res[i] becomes what the i-th returned: the bytes sent, or a
// negative errno; it must be as long. After an error the ring is of no more use, and the sends whose
// res[i] is still notSent have not been done.
func (r *ring) submit(res []int32) error {
	for i := range res {
		res[i] = notSent
	}
	n := r.n
	r.n = 0
	atomic.StoreUint32(r.sqTail, *r.sqTail+n)
	for left, done := n, uint32(0); done < n; {
		var wait, flags uint32
		if left == 0 { // which no kernel has been seen to leave so
			wait, flags = n-done, ringEnterGetEvents
		}
		k, errno := r.enter(r.fd, left, wait, flags)
		if errno != 0 && errno != unix.EINTR {
			return os.NewSyscallError("io_uring_enter", errno)
		}
		if errno == 0 {
			left -= k
		}
		done += r.reap(res)
	}
	return nil
}

// ringEnter is io_uring_enter(2), raw: it does not sleep, so the scheduler need not know.
func ringEnter(fd int, submit, wait, flags uint32) (submitted uint32, errno unix.Errno) {
	k, _, errno := unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(fd), uintptr(submit), uintptr(wait), uintptr(flags), 0, 0)
	return uint32(k), errno
}

// reap takes what has completed.
func (r *ring) reap(res []int32) (n uint32) {
	head, tail := *r.cqHead, atomic.LoadUint32(r.cqTail)
	for ; head != tail; head++ {
		e := (*cqe)(unsafe.Add(r.cqes, uintptr(head&r.cqMask)*unsafe.Sizeof(cqe{})))
		res[e.userData] = e.res
		n++
	}
	atomic.StoreUint32(r.cqHead, head)
	return n
}

func (r *ring) close() {
	if r.sqes != nil {
		_ = unix.Munmap(r.sqes)
	}
	if r.mem != nil {
		_ = unix.Munmap(r.mem)
	}
	_ = unix.Close(r.fd)
}
