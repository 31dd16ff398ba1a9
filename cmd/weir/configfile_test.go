package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// configFile writes a configuration file.
func configFile(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "weir.toml")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestConfigExample loads the file that the repository has as an example.
func TestConfigExample(t *testing.T) {
	o, err := parse(nil, "-config", "weir.toml")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(o.addrs.values, []string{":8443", "unix:///run/weir/weir.sock"}) || o.app != "topics" ||
		len(o.proxies.networks) != 1 || !o.proxies.unix || !o.proxyProtocol || o.maxMessage != 64<<10 || o.limits.byteRate != 256<<10 ||
		o.limits.connsPerIP != 1000 || o.idleTimeout != 5*time.Minute || o.auth.audience.values[0] != "wss://live.example" {
		t.Errorf("got %+v", o)
	}
}

// The order is: file, environment, command line; lists are replaced, not joined.
func TestConfigOrder(t *testing.T) {
	file := configFile(t, `
addr = [":1", ":2"]
app = "chat"
loops = 3
idle-timeout = "0s"
deflate = true
origin = "https://one.example"
`)
	for _, tt := range []struct {
		name  string
		env   map[string]string
		args  []string
		addrs []string
		app   string
		loops int
	}{
		{"file", nil, []string{"-config", file}, []string{":1", ":2"}, "chat", 3},
		{"file, named in the environment", map[string]string{"WEIR_CONFIG": file}, nil, []string{":1", ":2"}, "chat", 3},
		{"environment", map[string]string{"WEIR_ADDR": ":3", "WEIR_LOOPS": "4"}, []string{"-config", file}, []string{":3"}, "chat", 4},
		{"command line", map[string]string{"WEIR_ADDR": ":3", "WEIR_APP": "print"}, []string{"-addr", ":4", "-config", file, "-addr", ":5", "-loops=5"}, []string{":4", ":5"}, "print", 5},
	} {
		o, err := parse(tt.env, tt.args...)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if !reflect.DeepEqual(o.addrs.values, tt.addrs) || o.app != tt.app || o.loops != tt.loops || !o.deflate || o.idleTimeout != -1 ||
			!reflect.DeepEqual(o.origins.values, []string{"https://one.example"}) {
			t.Errorf("%s: got %+v", tt.name, o)
		}
	}
}

func TestConfigRefused(t *testing.T) {
	for content, want := range map[string]string{
		"app = 'chat'\n\nmax-mesage = '1KiB'": `weir.toml:3: unknown key "max-mesage"`,
		"[limits]\nmax-conns = 1":             `weir.toml:1: unknown key "limits`,
		"version = true":                      `weir.toml:1: unknown key "version"`,
		"config = 'other.toml'":               `weir.toml:1: unknown key "config"`,
		"app = 'chat'\napp = 'echo'":          "weir.toml:2: ",
		"\napp = chat":                        "weir.toml:2: ",
		"\n\nloops = 'many'":                  "weir.toml:3: loops: invalid value",
		"\n\"loops\" = 1.5":                   "weir.toml:2: loops: 1.5 is not a value for it: want a whole number",
		"deflate = ['a']":                     "weir.toml:1: deflate: [a] is not a value for it: want true or false",
		"addr = [1]":                          "weir.toml:1: addr: want an array of strings",
		"addr = ['']":                         "weir.toml:1: addr: empty value",
		"idle-timeout = 60":                   "weir.toml:1: idle-timeout: invalid value",
		"trusted-proxies = ['x']":             "weir.toml:1: trusted-proxies: ",
		"max-message = '1TiB'":                "weir.toml:1: max-message: ",
		"app = 'tea'":                         "tea",
	} {
		if _, err := parse(nil, "-config", configFile(t, content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", content, err, want)
		}
	}
	if _, err := parse(nil, "-config", "/nonexistent/weir.toml"); err == nil || !strings.Contains(err.Error(), "/nonexistent/weir.toml") {
		t.Errorf("got %v", err)
	}
}

// TestPrintConfig checks that what weir config prints has the same options in force, and no password in it.
func TestPrintConfig(t *testing.T) {
	args := []string{
		"-app", "topics", "-addr", ":1,[::1]:2", "-idle-timeout", "0", "-max-message", "64KiB", "-byte-rate", "1MiB", "-deflate",
		"-trusted-proxies", "10.0.0.0/8,unix", "-message-rate", "7", "-origin", `https://"quoted'`, "-log-level", "debug", "-io", "direct",
	}
	printed := func(env map[string]string, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		if status := run(append([]string{"config"}, args...), func(name string) string { return env[name] }, &out, &out); status != exitOK {
			t.Fatalf("status %d: %s", status, &out)
		}
		return out.String()
	}
	text := printed(nil, args...)
	want, err := parse(nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	file := configFile(t, text)
	got, err := parse(nil, "-config", file)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	for _, o := range []*options{got, want} {
		o.flags, o.sources, o.config = nil, nil, ""
		o.addrs.set, o.origins.set, o.proxies.list.set, o.auth.audience.set, o.nats.set = false, false, false, false, false
		for _, l := range []*list{&o.nats, &o.auth.audience} {
			l.values = append([]string{}, l.values...)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("from the file: %+v\nfrom the flags: %+v\n%s", got, want, text)
	}

	secret := printed(map[string]string{"WEIR_NATS": "nats://me:sesame@a:1,nats://sesame@b"},
		"-app", "chat", "-auth-url", "http://me:sesame@localhost/may-i")
	if strings.Contains(secret, "sesame") || strings.Count(secret, "its password is not shown") != 2 || !strings.Contains(secret, "# WEIR_NATS") {
		t.Errorf("got\n%s", secret)
	}
	if again := printed(nil, "-config", file); !strings.Contains(again, "# "+file) {
		t.Errorf("it does not say where a value comes from:\n%s", again)
	}
}
