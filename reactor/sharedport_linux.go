package reactor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// sharedListener is one of gnet's listening sockets. The descriptors are duplicates: gnet closes its own.
type sharedListener struct {
	number int // the descriptor that gnet knows
	socket int
	epoll  int
	inode  string // which tells sockets apart in /proc
}

// claimed are the listeners of all servers of this process, by inode.
var claimed sync.Map

// claim finds the sockets that gnet has made: one for each loop and address. The last of them come to be a
// moment after OnBoot. It reports false when it does not find as many.
func (p *sharedPort) claim() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	want := len(p.addrs) * p.loops
	for end := time.Now().Add(5 * time.Second); len(p.listeners) < want; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			p.close()
			return false
		}
		all, told := polled()
		if !told {
			return false
		}
		for number, epoll := range all {
			if l, ok := newSharedListener(number, epoll, p.addrs); ok {
				p.listeners = append(p.listeners, l)
			}
		}
	}
	return true
}

// polled returns the descriptors of this process that are in a level-triggered epoll instance, as gnet's are and
// those of package net are not, with its descriptor. told is false where the kernel does not say: the Go runtime
// has an instance itself.
func polled() (in map[int]int, told bool) {
	in = make(map[int]int)
	all, err := openDescriptors()
	told = errors.Is(err, unix.EMFILE) // it may tell later
	for _, epoll := range all {
		if what, _ := os.Readlink(descriptorPath("fd", epoll)); what != "anon_inode:[eventpoll]" {
			continue
		}
		info, err := os.ReadFile(descriptorPath("fdinfo", epoll))
		told = told || errors.Is(err, unix.EMFILE)
		for line := range strings.Lines(string(info)) {
			var number int
			var events uint32
			if n, _ := fmt.Sscanf(line, "tfd: %d events: %x", &number, &events); n == 2 {
				told = true
				if events&unix.EPOLLET == 0 {
					in[number] = epoll
				}
			}
		}
	}
	return in, told
}

func openDescriptors() (fds []int, err error) {
	entries, err := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil {
			fds = append(fds, fd)
		}
	}
	return fds, err
}

func descriptorPath(kind string, fd int) string { return "/proc/self/" + kind + "/" + strconv.Itoa(fd) }

// newSharedListener returns descriptor number, which must be a socket that listens on one of addrs.
func newSharedListener(number, epoll int, addrs []net.Addr) (l sharedListener, ok bool) {
	if on, err := unix.GetsockoptInt(number, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || on == 0 {
		return l, false
	}
	sa, err := unix.Getsockname(number)
	if err != nil || !boundTo(addrOf(sa), addrs) {
		return l, false
	}
	l.number = number
	l.inode, err = os.Readlink(descriptorPath("fd", number))
	if err != nil {
		return l, false
	}
	if _, taken := claimed.LoadOrStore(l.inode, true); taken {
		return l, false
	}
	l.socket, err = unix.FcntlInt(uintptr(number), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		l.epoll, err = unix.FcntlInt(uintptr(epoll), unix.F_DUPFD_CLOEXEC, 0)
	}
	if err != nil {
		l.close()
	}
	return l, err == nil
}

// close closes the duplicates.
func (l *sharedListener) close() {
	claimed.Delete(l.inode)
	for _, fd := range []int{l.socket, l.epoll} {
		if fd > 0 {
			_ = unix.Close(fd)
		}
	}
}

// boundTo reports whether addr is one of addrs; all unspecified addresses are one.
func boundTo(addr net.Addr, addrs []net.Addr) bool {
	a, ok := addr.(*net.TCPAddr)
	for _, other := range addrs {
		b, tcp := other.(*net.TCPAddr)
		if ok && tcp && a.Port == b.Port && (a.IP.Equal(b.IP) || unspecified(a.IP) && unspecified(b.IP)) {
			return true
		}
	}
	return false
}

func unspecified(ip net.IP) bool { return len(ip) == 0 || ip.IsUnspecified() }

// leave leaves the port.
func (p *sharedPort) leave(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.listeners) == 0 || !p.shared {
		return nil
	}
	if p.deaf { // those who wait would be accepted with descriptors that there are not
		return unix.EMFILE
	}
	defer p.close()
	others := p.prefer()
	for _, l := range p.listeners {
		if err := unheard(uintptr(l.socket)); err != nil {
			return fmt.Errorf("socket filter: %w", err)
		}
	}
	if others {
		grace(ctx)
	}
	nobody, err := nobodysSocket()
	if err != nil {
		return err
	}
	defer unix.Close(nobody)
	_ = unix.SetsockoptInt(p.listeners[0].socket, unix.SOL_SOCKET, unix.SO_DETACH_REUSEPORT_BPF, 0)
	waited := false
	for _, l := range p.listeners {
		w, err := l.leave(ctx, nobody)
		if err != nil {
			return err
		}
		waited = waited || w
	}
	if waited {
		grace(ctx) // for the requests of those that have been accepted last
	}
	return nil
}

func grace(ctx context.Context) {
	select {
	case <-time.After(leaveGrace):
	case <-ctx.Done():
	}
}

// leave takes the listener out of its loop once nobody waits in its queue, and puts nobody in its place. It is
// closed with the duplicate. It reports whether it had to wait.
func (l *sharedListener) leave(ctx context.Context, nobody int) (waited bool, err error) {
	for ; ; waited = true {
		if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, l.number, nil); err != nil {
			return waited, os.NewSyscallError("epoll_ctl", err)
		}
		if l.queued() == 0 || ctx.Err() != nil {
			break
		}
		if err := l.hear(); err != nil {
			return waited, err
		}
		time.Sleep(time.Millisecond)
	}
	// A loop that has just learnt of a connection which another turn accepts finds nothing to accept: an
	// error would end its engine.
	return waited, os.NewSyscallError("dup3", unix.Dup3(nobody, l.number, unix.O_CLOEXEC))
}

// hear puts the listener into its loop's epoll instance, as gnet had it.
func (l *sharedListener) hear() error {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLPRI, Fd: int32(l.number)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, l.number, &event))
}

// hear puts the listeners into their loops' epoll instances, or takes them out: those who connect wait in the
// queues then. p.mu is held.
func (p *sharedPort) hear(hear bool) {
	if p.deaf != hear {
		return
	}
	p.deaf = !hear
	for _, l := range p.listeners {
		if hear {
			_ = l.hear()
		} else {
			_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, l.number, nil)
		}
	}
}

// queued returns how many connections wait to be accepted.
func (l *sharedListener) queued() int {
	info, err := unix.GetsockoptTCPInfo(l.socket, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0
	}
	return int(info.Unacked) // of a listening socket
}

// nobodysSocket returns a socket that listens at a name which the kernel has just made up: accept(2) finds
// nobody.
func nobodysSocket() (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err = unix.Bind(fd, &unix.SockaddrUnix{}); err == nil { // autobind: see unix(7)
		err = unix.Listen(fd, 1)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, os.NewSyscallError("listen", err)
	}
	return fd, nil
}

// release forgets the listeners, as gnet does.
func (p *sharedPort) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.close()
}

// close forgets the listeners. p.mu is held.
func (p *sharedPort) close() {
	for _, l := range p.listeners {
		l.close()
	}
	p.listeners, p.deaf = nil, false
}

// prefer asks the kernel to give new connections to the listeners of others, and reports whether there are any.
// Listeners that share a port are numbered in the order in which they began to listen, and so ours come first
// if the others are our successor's. Where they do not, some clients have to try again, which TCP does for them.
func (p *sharedPort) prefer() (others bool) {
	ours := make(map[string]int) // inode: index in p.listeners
	for i, l := range p.listeners {
		ours[strings.Trim(l.inode, "socket:[]")] = i
	}
	for _, file := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		groups := make(map[string][]string) // address and user: inodes
		for _, s := range listening(file) {
			groups[s.group] = append(groups[s.group], s.inode)
		}
		for _, inodes := range groups {
			mine, one := 0, 0
			for _, inode := range inodes {
				if i, ok := ours[inode]; ok {
					mine, one = mine+1, i
				}
			}
			if theirs := len(inodes) - mine; mine > 0 && theirs > 0 {
				others = true
				_ = choose(p.listeners[one].socket, mine, theirs) // what it cannot do the filter does, in a second
			}
		}
	}
	return others
}

// tableEntry is a socket that listens.
type tableEntry struct{ group, inode string }

// listening reads a table of TCP sockets (proc_pid_net(5)), in which those that listen come first.
func listening(file string) (entries []tableEntry) {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Scan() // the heading
	for in.Scan() {
		fields := strings.Fields(in.Text())
		if len(fields) < 10 || fields[3] != "0A" { // TCP_LISTEN
			return entries
		}
		entries = append(entries, tableEntry{fields[1] + " " + fields[7], fields[9]})
	}
	return entries
}

// choose makes the kernel choose at random one of n sockets that share the port, from number first on.
func choose(socket, first, n int) error {
	const random = 1<<32 - 0x1000 + 56 // SKF_AD_OFF + SKF_AD_RANDOM, of linux/filter.h
	return attach(socket, unix.SO_ATTACH_REUSEPORT_CBPF, []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: random},
		{Code: unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K, K: uint32(n)},
		{Code: unix.BPF_ALU | unix.BPF_ADD | unix.BPF_K, K: uint32(first)},
		{Code: unix.BPF_RET | unix.BPF_A},
	})
}

// unheard makes a listener drop the segments that begin a connection (SYN without ACK). It is as if
// they had been lost: they are sent again.
func unheard(socket uintptr) error {
	const flags, syn, ack = 13, 0x02, 0x10 // in a TCP header (RFC 9293 3.1)
	return attach(int(socket), unix.SO_ATTACH_FILTER, []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: flags},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: syn | ack},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: syn, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: 1<<32 - 1},
	})
}

func attach(socket, option int, program []unix.SockFilter) error {
	return unix.SetsockoptSockFprog(socket, unix.SOL_SOCKET, option,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
}
