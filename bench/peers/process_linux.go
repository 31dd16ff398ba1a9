package peers

import "syscall"

// ownProcess makes a process that Ctrl-C at the terminal does not reach, but that dies with this one.
func ownProcess() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
