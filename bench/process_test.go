package bench

import (
	"os"
	"runtime"
	"testing"
	"time"
)

func TestReadProcess(t *testing.T) {
	before, resident, err := ReadProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if resident < 1<<20 {
		t.Errorf("%d bytes are resident, want those of a Go program", resident)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		cpu, _, err := ReadProcess(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if cpu > before {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("this process has used no time")
		}
	}
	const nobody = 1 << 30 // beyond the largest process identifier
	if _, _, err := ReadProcess(nobody); err == nil {
		t.Error("no error for a process that is not there")
	}
}

func TestThisMachine(t *testing.T) {
	if m := ThisMachine(); m.Cores != runtime.NumCPU() || m.Go != runtime.Version() || m.Kernel == "" {
		t.Errorf("%+v", m)
	}
}
