//go:build unix

package main

import (
	"os"
	"syscall"
)

// reloadSignals ask a running server to read its configuration again.
var reloadSignals = []os.Signal{syscall.SIGHUP}
