package report

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// CheckWritable reports whether WriteFile can write the file called name, and leaves it as it is. It
// does not try what is no regular file, since whoever reads a pipe would notice.
func CheckWritable(name string) error {
	if special(name) {
		return nil
	}
	f, _, err := createBeside(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// WriteFile writes the file called name, whole or not at all: what write has written takes the place
// of what was there once it is complete. What is no regular file, such as a pipe, is written to.
func WriteFile(name string, write func(io.Writer) error) error {
	if special(name) {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	f, target, err := createBeside(name)
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), target)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// special reports whether name is there and is neither a regular file nor a directory.
func special(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

// createBeside creates a new file in the folder of the one called name, which it resolves to target
// if it is a symbolic link.
func createBeside(name string) (f *os.File, target string, err error) {
	target, err = filepath.EvalSymlinks(name)
	if errors.Is(err, fs.ErrNotExist) {
		target, err = name, nil
	}
	if err != nil {
		return nil, "", err
	}
	if info, err := os.Stat(target); err == nil && info.IsDir() {
		return nil, "", fmt.Errorf("%s is a directory", name)
	}
	temporary := fmt.Sprintf("%s.%08x.tmp", target, rand.Uint32())
	f, err = os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, "", err
	}
	return f, target, nil
}
