package main

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		conns, most, files int
		want               plan
	}{
		{1, 19_000, 20_000, plan{1, 1, 1, 1, 1}},
		{200, 100, 20_000, plan{200, 2, 2, 100, 100}},
		{19_000, 19_000, 20_000, plan{19_000, 1, 1, 19_000, 19_000}},
		{19_001, 19_000, 20_000, plan{19_001, 2, 2, 9502, 9501}},
		{200_000, 19_000, 20_000, plan{200_000, 11, 11, 18_183, 18_182}},
		{1_000_000, 19_000, 20_000, plan{1_000_000, 53, 53, 18_868, 18_868}},
		{1_000_000, 19_000, 1 << 20, plan{1_000_000, 53, 53, 18_868, 18_868}},
		{1_000_000, 1 << 20, 1 << 20, plan{1_000_000, 1, 1, 1_000_000, 1_000_000}},
		{50_000, 19_000, 4096, plan{50_000, 14, 14, 3584, 3572}},
	} {
		p, err := planFor(c.conns, c.most, c.files)
		if err != nil || p != c.want {
			t.Errorf("%d connections, %d each, %d files: %+v, %v; want %+v", c.conns, c.most, c.files, p, err, c.want)
		}
		// What is planned is what the workers do.
		of := make([]int, p.Servers)
		for i := range p.Workers {
			share := p.Conns / p.Workers
			if i < p.Conns%p.Workers {
				share++
			}
			for j := range share {
				of[j%p.Servers]++
			}
		}
		for _, n := range of {
			if n > p.OfServer || n+100 > c.files {
				t.Errorf("%+v: a server has %d connections", p, n)
			}
		}
	}
	for name, c := range map[string][3]int{"none": {0, 1, 20_000}, "no room": {10, 0, 20_000}, "no files": {10, 10, 1000}} {
		if p, err := planFor(c[0], c[1], c[2]); err == nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// proc is a /proc whose files differ from a machine's on which all is well.
func proc(changes map[string]string) fs.FS {
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"meminfo":                            "MemTotal:       24684092 kB\nMemAvailable:   24000000 kB\nHugePages_Total:       0\nSlab:  365016 kB\n",
		"sys/fs/file-nr":                     "907\t0\t2466177\n",
		"sys/fs/file-max":                    "2466177\n",
		"sys/kernel/pid_max":                 "32768\n",
		"sys/kernel/threads-max":             "192730\n",
		"sys/net/core/somaxconn":             "4096\n",
		"sys/net/ipv4/tcp_mem":               "287901\t383868\t575802\n",
		"sys/net/ipv4/ip_local_port_range":   "32768\t60999\n",
		"sys/net/netfilter/nf_conntrack_max": "2000000\n",
		"net/sockstat":                       "sockets: used 20\nTCP: inuse 5 orphan 0 tw 9 alloc 5 mem 685\n",
	} {
		if c, ok := changes[name]; ok {
			text = c
		}
		if text != "" {
			files[name] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	return files
}

// TestProblems has each limit too low in turn.
func TestProblems(t *testing.T) {
	p, err := planFor(1_000_000, 19_000, 20_000)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file, text, want string
		fatal            bool
	}{
		"nothing":       {},
		"no conntrack":  {file: "sys/net/netfilter/nf_conntrack_max"},
		"memory":        {"meminfo", "MemAvailable:   10000000 kB\n", "try -conns 550000", true},
		"no memory":     {"meminfo", "MemAvailable:   1000 kB\n", "try -conns 0", true},
		"files":         {"sys/fs/file-max", "2000000\n", `sysctl -w fs.file-max="2011507"`, true},
		"pids":          {"sys/kernel/pid_max", "2000\n", "sysctl -w kernel.pid_max=", true},
		"threads":       {"sys/kernel/threads-max", "2000\n", "sysctl -w kernel.threads-max=", true},
		"backlog":       {"sys/net/core/somaxconn", "128\n", `sysctl -w net.core.somaxconn="1024"`, false},
		"conntrack":     {"sys/net/netfilter/nf_conntrack_max", "262144\n", `nf_conntrack_max="1100000"`, false},
		"TCP's memory":  {"sys/net/ipv4/tcp_mem", "1 2 3\n", `sysctl -w net.ipv4.tcp_mem="1 2 125000"`, false},
		"few ports":     {"sys/net/ipv4/ip_local_port_range", "60000 60050\n", "net.ipv4.ip_local_port_range has 50 ports", true},
		"strange value": {file: "sys/net/core/somaxconn", text: "many\n"},
	} {
		changes := map[string]string{}
		if c.file != "" {
			changes[c.file] = c.text
		}
		got, err := problems(proc(changes), p)
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want == "" && len(got) > 0, c.want != "" && len(got) != 1:
			t.Errorf("%s: %+v", name, got)
		case c.want != "" && (!strings.Contains(got[0].what, c.want) || got[0].fatal != c.fatal):
			t.Errorf("%s: %+v, want %q", name, got[0], c.want)
		}
	}
	if _, err := problems(proc(map[string]string{"meminfo": "MemAvailable: x kB\n"}), p); err == nil {
		t.Error("no error for memory that cannot be read")
	}
	if n, err := tcpPages(proc(nil)); err != nil || n != 685 {
		t.Errorf("%d pages of TCP, %v", n, err)
	}
	if _, err := tcpPages(proc(map[string]string{"net/sockstat": "UDP: mem 3\n"})); err == nil {
		t.Error("no error where TCP's memory is not told")
	}
}

// TestExamine holds that what may work is tried, and what cannot is not, unless it is forced.
func TestExamine(t *testing.T) {
	p, _ := planFor(1_000_000, 19_000, 20_000)
	for _, c := range []struct {
		changes map[string]string
		force   bool
		refused bool
	}{
		{map[string]string{"sys/net/core/somaxconn": "1\n"}, false, false},
		{map[string]string{"sys/fs/file-max": "1\n"}, false, true},
		{map[string]string{"sys/fs/file-max": "1\n"}, true, false},
	} {
		var told strings.Builder
		o := &options{proc: proc(c.changes), force: c.force, errs: &told}
		if err := o.examine(p); (err != nil) != c.refused || !strings.Contains(told.String(), "sysctl") {
			t.Errorf("%v: %v, told %q", c.changes, err, told.String())
		}
	}
}
