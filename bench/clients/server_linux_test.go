package clients

import (
	"os/exec"
	"syscall"
)

// endWithTests has the kernel end the server if the tests die before they stop it.
func endWithTests(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
