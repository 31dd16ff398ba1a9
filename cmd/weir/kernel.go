package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// reserved is how many descriptors are for other things than clients: event loops, listeners, files.
const reserved = 256

// advice is what stands in the way of so many connections, and what to do about it.
type advice struct{ problem, remedy string }

// kernel is where the settings of the system are: /proc/sys, in tests another folder.
type kernel string

const procSys kernel = "/proc/sys"

// number returns a number of a setting, which may have several. ok is false where there is no such setting.
func (k kernel) number(name string, field int) (n int, ok bool) {
	b, err := os.ReadFile(filepath.Join(string(k), strings.ReplaceAll(name, ".", "/")))
	fields := strings.Fields(string(b))
	if err != nil || field >= len(fields) {
		return 0, false
	}
	n, err = strconv.Atoi(fields[field])
	return n, err == nil
}

// needs returns what to change for so many connections.
func (k kernel) needs(conns int) (all []advice) {
	// A sixteenth of them come at once, for instance after a restart of the network: as many wait for accept.
	queue := min(max(conns/16, 128), 65535)
	for _, need := range []struct {
		name  string
		field int
		least int
		why   string
	}{
		{"net.core.somaxconn", 0, queue, "connections that come at once are lost, and their clients wait a second or more"},
		{"net.ipv4.tcp_max_syn_backlog", 0, queue, "connections that come at once are lost, and their clients wait a second or more"},
		{"net.ipv4.tcp_mem", 2, conns, "with data under way in each connection the kernel drops segments"}, // pages
		{"fs.file-max", 0, conns + reserved, "the system has not so many open files"},
		{"net.netfilter.nf_conntrack_max", 0, conns + conns/8, "the firewall drops connections that it cannot track"},
	} {
		if n, ok := k.number(need.name, need.field); ok && n < need.least {
			all = append(all, advice{
				fmt.Sprintf("%s is %d, and for %d connections %d are needed: %s", need.name, n, conns, need.least, need.why),
				"sysctl -w " + need.name + "=" + k.value(need.name, need.field, need.least),
			})
		}
	}
	return all
}

// value is what to set a setting to so that one of its numbers, and with it those before, is at least n.
func (k kernel) value(name string, field, n int) string {
	if field == 0 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("'%d %d %d'", n/4*3, n/8*7, n) // tcp_mem: low, pressure, high
}

// descriptors returns how many files the process may open: the Go runtime raises the soft limit to the hard one
// when it starts.
func descriptors() int {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return 1 << 30
	}
	return int(min(uint64(r.Cur), 1<<30))
}

// needsDescriptors returns what to change for so many connections where the process may open so many files.
func needsDescriptors(conns, files int) []advice {
	if conns+reserved <= files {
		return nil
	}
	return []advice{{
		fmt.Sprintf("%d files may be open, and for %d connections %d are needed", files, conns, conns+reserved),
		fmt.Sprintf("ulimit -Hn %d; ulimit -n %[1]d (systemd: LimitNOFILE=%[1]d; above fs.nr_open also sysctl -w fs.nr_open=%[1]d)", conns+reserved),
	}}
}

// adviseAtStart logs what stands in the way of as many connections as -max-conns says.
func (o *options) adviseAtStart(log *slog.Logger) {
	if o.maxConns == 0 {
		return // as many as there may be
	}
	for _, a := range append(needsDescriptors(o.maxConns, descriptors()), procSys.needs(o.maxConns)...) {
		log.Warn(a.problem, "do", a.remedy)
	}
}
