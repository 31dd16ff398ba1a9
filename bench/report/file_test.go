package report

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// alone reports whether name is the only file of its folder.
func alone(t *testing.T, name string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != filepath.Base(name) {
		t.Errorf("files left: %v", entries)
	}
}

func TestWriteFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "result")
	for _, s := range []string{"first, which is longer", "second"} {
		if err := CheckWritable(name); err != nil {
			t.Fatal(err)
		}
		if err := WriteFile(name, text(s)); err != nil {
			t.Fatal(err)
		}
		if got := read(t, name); got != s {
			t.Errorf("%q, want %q", got, s)
		}
		alone(t, name)
	}
}

// TestWriteFileWholeOrNotAtAll holds that a failure leaves what was there.
func TestWriteFileWholeOrNotAtAll(t *testing.T) {
	name := filepath.Join(t.TempDir(), "result")
	if err := WriteFile(name, text("old")); err != nil {
		t.Fatal(err)
	}
	err := WriteFile(name, func(w io.Writer) error {
		_, _ = io.WriteString(w, "half of the n")
		if got := read(t, name); got != "old" {
			t.Errorf("while it is being written the file has %q", got)
		}
		return errBroken
	})
	if !errors.Is(err, errBroken) {
		t.Errorf("error %v", err)
	}
	if got := read(t, name); got != "old" {
		t.Errorf("afterwards the file has %q", got)
	}
	alone(t, name)
}

func TestCheckWritableLeavesTheFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "result")
	if err := WriteFile(name, text("old")); err != nil {
		t.Fatal(err)
	}
	if err := CheckWritable(name); err != nil {
		t.Fatal(err)
	}
	if got := read(t, name); got != "old" {
		t.Errorf("the file has %q", got)
	}
	alone(t, name)
}

func TestNotWritable(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{dir, filepath.Join(dir, "no", "such"), filepath.Join(dir, "file", "below")} {
		if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o666); err != nil {
			t.Fatal(err)
		}
		if CheckWritable(name) == nil || WriteFile(name, text("x")) == nil {
			t.Errorf("%s can be written", name)
		}
	}
}

func TestWriteFileThroughLink(t *testing.T) {
	target := filepath.Join(t.TempDir(), "target")
	link := filepath.Join(t.TempDir(), "link")
	if err := WriteFile(target, text("old")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(link, text("new")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 || read(t, target) != "new" {
		t.Errorf("the link is %v (%v), its target has %q", info.Mode(), err, read(t, target))
	}
}

// TestWriteToDevice holds that a device is written to, never replaced.
func TestWriteToDevice(t *testing.T) {
	if err := errors.Join(CheckWritable(os.DevNull), WriteFile(os.DevNull, text("x"))); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Fatalf("%s is %v now (%v)", os.DevNull, info.Mode(), err)
	}
	if err := WriteFile("/dev/full", text("x")); err == nil {
		t.Error("a full device took what was written")
	}
}
