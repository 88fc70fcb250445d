package demo

import (
	"os/exec"
	"syscall"
)

// endWithParent lets the kernel end the agent if this program is killed, so that no
// way out leaves it behind.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
