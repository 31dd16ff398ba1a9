package peers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// compiler is the C compiler that limit is built with.
const compiler = "gcc"

// Missing says why a peer cannot be run here, by the peer's name.
type Missing map[string]string

// Build builds the peers and the load generator into the folder bin. src is the folder of this
// module. What is not installed (Bun, a C compiler) is left out and is in Missing; that Go code does
// not build is an error.
func Build(src, bin string) (Missing, error) {
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return nil, err
	}
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	to := bin + string(filepath.Separator)
	here := []string{"build", "-o", to}
	for _, p := range All {
		if p.module != "" {
			here = append(here, "./"+p.Name)
		}
	}
	if err := run(src, "go", here...); err != nil {
		return nil, err
	}
	if err := BuildWeir(src, bin); err != nil {
		return nil, err
	}
	missing := Missing{}
	if err := run(src, compiler, "-O2", "-o", filepath.Join(bin, "limit"), filepath.Join("limit", "limit.c")); err != nil {
		missing["limit"] = err.Error()
	}
	if err := linkBun(src, bin); err != nil {
		missing["bun"] = err.Error()
	}
	return missing, nil
}

// BuildWeir builds Weir and the load generator only.
func BuildWeir(src, bin string) error {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return err
	}
	return run(filepath.Join(src, "..", ".."), "go", "build", "-o", bin+string(filepath.Separator), "./cmd/weir", "./cmd/weirbench")
}

// BuildNATS builds the NATS server of the version that Weir is tested with.
func BuildNATS(src, bin string) error {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return err
	}
	return run(filepath.Join(src, "..", ".."), "go", "build", "-o", filepath.Join(bin, NATS), "github.com/nats-io/nats-server/v2")
}

// NATS is the name of its binary.
const NATS = "nats-server"

// linkBun links the binary that npm has installed, and the script next to it.
func linkBun(src, bin string) error {
	// The package bun only starts the package for the platform: its binary is run without that.
	found, err := filepath.Glob(filepath.Join(src, "bun", "node_modules", "@oven", "bun-*", "bin", "bun"))
	if err != nil || len(found) == 0 {
		return errors.New("no Bun here: run npm ci in bench/peers/bun")
	}
	for from, to := range map[string]string{
		found[0]:                               filepath.Join(bin, "bun"),
		filepath.Join(src, "bun", "server.ts"): bunScript(filepath.Join(bin, "bun")),
	} {
		from, err := filepath.Abs(from)
		if err != nil {
			return err
		}
		if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := os.Symlink(from, to); err != nil {
			return err
		}
	}
	return nil
}

// bunScript is where the script of the Bun binary bin is.
func bunScript(bin string) string { return bin + "-server.ts" }

// run runs a command in dir; its error has what the command printed.
func run(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}
