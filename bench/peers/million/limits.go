package main

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
)

// problem is what is in the way of a plan.
type problem struct {
	what  string
	fatal bool // it cannot work; otherwise it may
}

// openFiles is how many descriptors a process may have. Go has raised the limit to the hard one.
func openFiles() (int, error) {
	var r syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r)
	return int(min(r.Cur, 1<<30)), err
}

// problems compares a plan with what the kernel permits and what memory is free; proc is /proc.
func problems(proc fs.FS, p plan) (all []problem, err error) {
	add := func(fatal bool, format string, args ...any) {
		all = append(all, problem{fmt.Sprintf(format, args...), fatal})
	}
	mem, err := meminfo(proc)
	if err != nil {
		return nil, err
	}
	// A tenth stays for the rest of the system.
	if room, need := mem["MemAvailable"]/10*9, p.memory(); need > room {
		add(true, "%d connections take about %s of memory, and %s of it are free for them; try -conns %d",
			p.Conns, gib(need), gib(room), fitting(p, room))
	}
	setting := func(name string) []int {
		b, err := fs.ReadFile(proc, "sys/"+strings.ReplaceAll(name, ".", "/"))
		if err != nil {
			return nil // this kernel has no such limit
		}
		var values []int
		for _, f := range strings.Fields(string(b)) {
			n, err := strconv.Atoi(f)
			if err != nil {
				return nil
			}
			values = append(values, n)
		}
		return values
	}
	least := func(fatal bool, name string, i, need int) {
		if v := setting(name); len(v) > i && v[i] < need {
			v[i] = need
			add(fatal, "%s is too low: sysctl -w %s=%q", name, name, strings.Trim(fmt.Sprint(v), "[]"))
		}
	}
	processes := p.Servers + p.Workers
	used := 0
	if v := setting("fs.file-nr"); len(v) > 0 {
		used = v[0]
	}
	least(true, "fs.file-max", 0, used+2*p.Conns+100*processes)
	least(true, "kernel.pid_max", 0, 1000+16*processes) // threads count
	least(true, "kernel.threads-max", 0, 1000+16*processes)
	least(false, "net.core.somaxconn", 0, 1024)
	// A tracked connection beyond it is refused. Where nothing tracks connections it does not matter.
	least(false, "net.netfilter.nf_conntrack_max", 0, p.Conns+p.Conns/10)
	least(false, "net.ipv4.tcp_mem", 2, p.Conns/8) // pages; idle connections hold none
	if v := setting("net.ipv4.ip_local_port_range"); len(v) == 2 && v[1]-v[0] < 2*p.ports() {
		add(true, "net.ipv4.ip_local_port_range has %d ports, and an address needs %d: sysctl -w net.ipv4.ip_local_port_range=%q",
			v[1]-v[0], 2*p.ports(), "10240 65000")
	}
	return all, nil
}

// fitting is how many connections room bytes are enough for.
func fitting(p plan, room int64) int {
	each := float64(p.memory()) / float64(p.Conns)
	return max(0, int(float64(room)/each)/10_000*10_000)
}

// meminfo reads /proc/meminfo, in bytes.
func meminfo(proc fs.FS) (map[string]int64, error) {
	b, err := fs.ReadFile(proc, "meminfo")
	if err != nil {
		return nil, err
	}
	all := make(map[string]int64)
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		if len(fields) == 0 {
			continue
		}
		n, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("/proc/meminfo: %w", err)
		}
		if len(fields) > 1 { // kB
			n <<= 10
		}
		all[name] = n
	}
	return all, nil
}

// tcpPages is how many pages the kernel holds for the bytes in TCP connections, from net/sockstat.
func tcpPages(proc fs.FS) (int64, error) {
	b, err := fs.ReadFile(proc, "net/sockstat")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "TCP:" {
			for i := 1; i+1 < len(fields); i += 2 {
				if fields[i] == "mem" {
					return strconv.ParseInt(fields[i+1], 10, 64)
				}
			}
		}
	}
	return 0, fmt.Errorf("/proc/net/sockstat does not tell what memory TCP has")
}

func gib(bytes int64) string { return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30)) }
