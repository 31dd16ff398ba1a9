package conform

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const tok = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"

var (
	reLine      = regexp.MustCompile(`^(` + tok + `) (\S+) HTTP/(\d)\.(\d)$`)
	reTarget    = regexp.MustCompile(`^(http://[^/?#]+)?/([!$&-;=?-Z_a-z~]|%[0-9A-Fa-f]{2})*$`)
	reName      = regexp.MustCompile(`^` + tok + `$`)
	reHost      = regexp.MustCompile(`^([A-Za-z0-9.-]+|\[[0-9a-f:]+\])(:\d*)?$`)
	reLength    = regexp.MustCompile(`^\d{1,18}$`)
	reProtocols = regexp.MustCompile(`^` + tok + `([ \t]*,[ \t]*` + tok + `)*$`)
	reExtension = regexp.MustCompile(`^` + tok + `([ \t]*;[ \t]*` + tok + `(=(` + tok + `|"` + tok + `"))?)*$`)
)

// head is a request head, cut to pieces.
type head struct {
	method, target, version string
	fields                  map[string][]string
	lines                   []string
}

// handshake reads a request and answers it. It reports whether a WebSocket is open.
func (c *tinyConn) handshake() bool {
	lines, refusal := c.readHead()
	var h head
	if refusal == "" {
		h.lines = lines
		refusal = c.refusal(&h)
	}
	if refusal != "" {
		c.refuse(refusal, h.method == "HEAD")
		return false
	}
	sum := sha1.Sum([]byte(h.value("sec-websocket-key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	reply := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	if c.has("wrong accept") {
		sum[0]++
	}
	if c.has("invent a subprotocol") {
		reply += "Sec-WebSocket-Protocol: mine\r\n"
	}
	if extension := h.value("sec-websocket-extensions"); c.has("accept any extension") && extension != "" {
		reply += "Sec-WebSocket-Extensions: " + extension + "\r\n"
	}
	fmt.Fprintf(c.nc, "%sSec-WebSocket-Accept: %s\r\n\r\n", reply, base64.StdEncoding.EncodeToString(sum[:]))
	return true
}

func (c *tinyConn) refuse(status string, head bool) {
	if c.has("refuse in silence") {
		return
	}
	if c.has("another status") {
		status = "418 I'm a teapot"
	}
	extra, text := "Connection: close\r\n", "no\n"
	if c.has("no Connection: close") {
		extra = ""
	}
	if strings.HasPrefix(status, "426") && !c.has("no version in refusals") {
		extra += "Sec-WebSocket-Version: 13\r\n"
	}
	if head {
		text = ""
	}
	fmt.Fprintf(c.nc, "HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s", status, extra, 3, text)
}

// readHead reads the lines of a head, to its end or to the first byte that no head has.
func (c *tinyConn) readHead() (lines []string, refusal string) {
	var line []byte
	for {
		b, err := c.r.ReadByte()
		if err != nil {
			return nil, "400 Bad Request"
		}
		last := len(line) - 1
		switch {
		case b == '\n' && last >= 0 && line[last] == '\r':
			if last > 0 {
				lines = append(lines, string(line[:last]))
			} else if len(lines) > 0 {
				return lines, ""
			}
			line = nil
			continue
		case b == '\n' || last >= 0 && line[last] == '\r' && !c.has("bare CR"):
			return nil, "400 Bad Request"
		case c.has("no limits"):
		case len(line) > 8<<10 && len(lines) == 0:
			return nil, "414 URI Too Long"
		case len(line) > 8<<10 || len(lines) > 100:
			return nil, "431 Request Header Fields Too Large"
		}
		line = append(line, b)
	}
}

func (h *head) value(name string) string { return strings.Join(h.fields[name], ", ") }

func (h *head) lists(name, token string) bool {
	return slices.ContainsFunc(strings.Split(h.value(name), ","), func(s string) bool {
		return strings.EqualFold(strings.Trim(s, " \t"), token)
	})
}

// refusal takes h apart and returns the status with which it is to be refused, "" if it is good.
func (c *tinyConn) refusal(h *head) string {
	m := reLine.FindStringSubmatch(h.lines[0])
	if m == nil {
		return "400 Bad Request"
	}
	h.method, h.target, h.version = m[1], m[2], m[3]+"."+m[4]
	h.fields = map[string][]string{}
	for _, l := range h.lines[1:] {
		name, value, ok := strings.Cut(l, ":")
		if strings.HasPrefix(l, " ") || strings.HasPrefix(l, "\t") {
			if c.has("folds") {
				continue
			}
			return "400 Bad Request"
		}
		if c.has("space before colon") {
			name = strings.TrimRight(name, " \t")
		}
		control := strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
		if !ok || !reName.MatchString(name) && !c.has("field names") || control && !c.has("control bytes") {
			return "400 Bad Request"
		}
		name = strings.ToLower(name)
		h.fields[name] = append(h.fields[name], strings.Trim(value, " \t"))
	}
	for _, rule := range h.rules() {
		if !rule.ok && !c.has(rule.name) {
			return rule.status
		}
	}
	return ""
}

type headCheck struct {
	name   string
	ok     bool
	status string
}

func (h *head) rules() []headCheck {
	n := func(name string) int { return len(h.fields[name]) }
	length, coding := h.value("content-length"), n("transfer-encoding") > 0
	key, err := base64.StdEncoding.DecodeString(h.value("sec-websocket-key"))
	var good []bool
	for _, e := range strings.Split(h.value("sec-websocket-extensions"), ",") {
		good = append(good, reExtension.MatchString(strings.Trim(e, " \t")))
	}
	protocols := strings.Split(strings.ReplaceAll(h.value("sec-websocket-protocol"), " ", ""), ",")
	slices.Sort(protocols)
	return []headCheck{
		{"HTTP versions", h.version > "1.0" && h.version < "2", "505 HTTP Version Not Supported"},
		{"targets", reTarget.MatchString(h.target), "400 Bad Request"},
		{"one Host", n("host") == 1, "400 Bad Request"},
		{"hosts", reHost.MatchString(h.value("host")) || n("host") != 1, "400 Bad Request"},
		{"lengths", n("content-length") == 0 || reLength.MatchString(length) && !coding, "400 Bad Request"},
		{"codings", !coding, "501 Not Implemented"},
		{"bodies", strings.Trim(length, "0") == "", "413 Content Too Large"},
		{"methods", h.method == "GET", "405 Method Not Allowed"},
		{"Upgrade", h.lists("upgrade", "websocket"), "426 Upgrade Required"},
		{"Connection", h.lists("connection", "upgrade"), "400 Bad Request"},
		{"versions", h.value("sec-websocket-version") == "13", "426 Upgrade Required"},
		{"keys", err == nil && len(key) == 16 && n("sec-websocket-key") == 1 && base64.StdEncoding.EncodeToString(key) == h.value("sec-websocket-key"), "400 Bad Request"},
		{"protocols", n("sec-websocket-protocol") == 0 || reProtocols.MatchString(h.value("sec-websocket-protocol")), "400 Bad Request"},
		{"protocol twice", len(slices.Compact(slices.Clone(protocols))) == len(protocols), "400 Bad Request"},
		{"extensions", n("sec-websocket-extensions") == 0 || !slices.Contains(good, false), "400 Bad Request"},
		{"origins", n("origin") <= 1, "400 Bad Request"},
	}
}
