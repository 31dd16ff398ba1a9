package page

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", 0.0123: "0.012", 0.99949: "0.999", 0.9996: "1.00", 1.234: "1.23", 9.994: "9.99", 9.996: "10.0",
		12.34: "12.3", 99.94: "99.9", 99.96: "100", 999.4: "999", 999.6: "1,000", 1234567: "1,234,567", -1234: "-1,234",
	} {
		if got := Number(x); got != want {
			t.Errorf("%v is %q, want %q", x, got, want)
		}
	}
	for n, want := range map[int]string{16: "16 B", 1000: "1000 B", 1 << 10: "1 KiB", 3 << 20: "3 MiB", 1<<20 + 1024: "1025 KiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
}

func TestBetween(t *testing.T) {
	begin, end := beginMarker("x"), endMarker("x")
	others := "<!-- begin y -->\nold\n<!-- end y -->\n"
	block := begin + "\nnew\n" + end
	for page, want := range map[string]string{
		"":     block + "\n",
		others: strings.TrimSpace(others) + "\n\n" + block + "\n",
		"# A":  "# A\n\n" + block + "\n",
		"A\n" + begin + "\nold\n" + end + "\nB\n": "A\n" + block + "\nB\n",
		begin + end: block,
	} {
		if got, err := between(page, "x", "\nnew\n\n"); err != nil || got != want {
			t.Errorf("%q becomes %q, %v; want %q", page, got, err, want)
		}
	}
	for _, page := range []string{"A " + begin + " B", "A " + end + " B", end + begin} {
		if got, err := between(page, "x", "new"); err == nil {
			t.Errorf("%q becomes %q, want an error", page, got)
		}
	}
}

// TestInsert holds that a file is made, and that the rest of it stays.
func TestInsert(t *testing.T) {
	file := filepath.Join(t.TempDir(), "PAGE.md")
	for _, text := range []string{"one", "two", "two"} {
		if err := insert(file, "x", text); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if want := "<!-- begin x -->\n" + text + "\n<!-- end x -->\n"; err != nil || string(got) != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
}

func TestRelative(t *testing.T) {
	dir := t.TempDir()
	if got, err := relative(filepath.Join(dir, "a", "PAGE.md"), filepath.Join(dir, "b", "plots")); err != nil || got != "../b/plots" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	Table{Head: []string{"a", "b"}, Body: [][]string{{"c", "1"}}}.Write(&b)
	Table{Words: true, Head: []string{"a", "b"}}.Write(&b)
	if want := "| a | b |\n|---|--:|\n| c | 1 |\n| a | b |\n|---|---|\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}
