package codec

import (
	"slices"
	"strings"
	"testing"
)

// describe writes a list out in a form of its own: names, parameters and values between fixed marks.
func describe(list string) (string, error) {
	var b strings.Builder
	for e, err := range Extensions([]byte(list)) {
		if err != nil {
			return b.String(), err
		}
		b.WriteString("<" + string(e.Name))
		for p := range e.Params() {
			b.WriteString("|" + string(p.Name))
			if v := p.Value(); v != nil {
				b.WriteString("=" + string(v))
			}
		}
		b.WriteString(">")
	}
	return b.String(), nil
}

func TestExtensions(t *testing.T) {
	for _, row := range []struct{ rule, list, want string }{
		{"one", "permessage-deflate", "<permessage-deflate>"},
		{"parameter without a value", "permessage-deflate; client_max_window_bits", "<permessage-deflate|client_max_window_bits>"},
		{"parameter with a value", "permessage-deflate;server_max_window_bits=10", "<permessage-deflate|server_max_window_bits=10>"},
		{"two offers", "a; b=1, a", "<a|b=1><a>"},
		{"several parameters", "a;b;c=d;e=\"f\";b", "<a|b|c=d|e=f|b>"},
		{"white space everywhere", " \ta ; b\t = 1 , \t c;d = \"e\" ", "<a|b=1><c|d=e>"},
		{"quoted pair", `a; b="1\0"`, "<a|b=10>"},
		{"quoted pairs only", `a; b="\1\0", c`, "<a|b=10><c>"},
		{"every token byte", "!#$%&'*+-.^_`|~09azAZ", "<!#$%&'*+-.^_`|~09azAZ>"},
		{"empty elements", ",a, ,b,", "<a><b>"},
		{"nothing", "", ""},
		{"nothing but commas", " ,\t,", ""},
	} {
		got, err := describe(row.list)
		if err != nil || got != row.want {
			t.Errorf("%s: %q is %s, %v; want %s", row.rule, row.list, got, err, row.want)
		}
		if valid := validExtensions(row.list); valid != (row.want != "") {
			t.Errorf("%s: validExtensions(%q) = %t", row.rule, row.list, valid)
		}
	}
}

func TestExtensionsMalformed(t *testing.T) {
	for _, row := range []struct{ rule, list, before string }{
		{"no name", ";a", ""},
		{"name not a token", "a/b", ""},
		{"name quoted", `"a"`, ""},
		{"name with a value", "a=b", ""},
		{"two names", "a b", ""},
		{"obs-text", "\xe9", ""},
		{"NUL", "a\x00", ""},
		{"empty parameter", "a;", ""},
		{"empty parameter between", "a;;b", ""},
		{"empty parameter before a comma", "a; ,b", ""},
		{"parameter not a token", "a;(", ""},
		{"parameter without a name", "a;=1", ""},
		{"no value after the equals sign", "a;b=", ""},
		{"no value before the semicolon", "a;b=;c", ""},
		{"two values", "a;b=1 2", ""},
		{"two equals signs", "a;b==1", ""},
		{"value not a token", "a;b=1/2", ""},
		{"empty quotes", `a;b=""`, ""},
		{"quotes with a space", `a;b="1 2"`, ""},
		{"quotes with a comma", `a;b="1,2"`, ""},
		{"quotes left open", `a;b="1`, ""},
		{"quotes left open after a pair", `a;b="1\"`, ""},
		{"quotes left open at a backslash", `a;b="1\`, ""},
		{"quoted pair not a token byte", `a;b="\ "`, ""},
		{"quoted pair of a quote", `a;b="\""`, ""},
		{"text after the quotes", `a;b="1"2`, ""},
		{"second malformed", "a;b=1,c;", "<a|b=1>"},
	} {
		got, err := describe(row.list)
		if got != row.before || err == nil || handshakeError(t, err) != errExtensions {
			t.Errorf("%s: %q is %s, %v; want %s and an error", row.rule, row.list, got, err, row.before)
		}
		if validExtensions(row.list) {
			t.Errorf("%s: validExtensions(%q)", row.rule, row.list)
		}
	}
}

func TestExtensionsStop(t *testing.T) {
	n := 0
	for e := range Extensions([]byte("a;b;c, d")) {
		for range e.Params() {
			n++
			break
		}
		n++
		break
	}
	if n != 2 {
		t.Errorf("%d steps, want 2", n)
	}
}

func TestRequestExtensions(t *testing.T) {
	r := parseRequest(t, plainRequest("Sec-WebSocket-Extensions: a;x=1, b", "Sec-WebSocket-Extensions: c", "Sec-WebSocket-Extensions: d,;, e"))
	var names []string
	for e := range r.Extensions() {
		names = append(names, string(e.Name))
	}
	if want := []string{"a", "b", "c", "d"}; !slices.Equal(names, want) {
		t.Errorf("Extensions() = %q, want %q", names, want)
	}
	for range r.Extensions() {
		break
	}
}

func TestExtensionsAllocateNothing(t *testing.T) {
	list := []byte(`permessage-deflate; client_max_window_bits; server_max_window_bits="10", x; y=z`)
	n := 0
	allocs := testing.AllocsPerRun(100, func() {
		for e, err := range Extensions(list) {
			if err != nil {
				t.Fatal(err)
			}
			for p := range e.Params() {
				n += len(p.Value())
			}
		}
	})
	if allocs != 0 || n == 0 {
		t.Errorf("%v allocations, %d bytes of values", allocs, n)
	}
}

func FuzzExtensions(f *testing.F) {
	for _, seed := range []string{
		"permessage-deflate", "permessage-deflate; client_max_window_bits", `a;b="1\0", c ;d = e,,f`, "a;", `a;b="`, `a;b="\`, ",", "a b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, list string) {
		var canonical []string
		for e, err := range Extensions([]byte(list)) {
			if err != nil {
				if validExtensions(list) {
					t.Errorf("%q is valid and gives %v", list, err)
				}
				return
			}
			element := string(e.Name)
			if !validToken(element) {
				t.Errorf("name %q is no token", element)
			}
			for p := range e.Params() {
				element += ";" + string(p.Name)
				if value := p.Value(); value != nil {
					element += "=" + string(value)
					if !validToken(value) {
						t.Errorf("value %q is no token", value)
					}
				}
				if !validToken(p.Name) {
					t.Errorf("parameter %q is no token", p.Name)
				}
			}
			canonical = append(canonical, element)
		}
		if validExtensions(list) != (len(canonical) > 0) {
			t.Errorf("validExtensions(%q) with %d extensions", list, len(canonical))
		}
		again := strings.Join(canonical, ",")
		before, _ := describe(list)
		if after, err := describe(again); err != nil || after != before {
			t.Errorf("%q is %s, but %q is %s, %v", list, before, again, after, err)
		}
	})
}
