//go:build unix

package main

import (
	"syscall"
	"time"
)

// cpuTime is what this process has had of the processors. Where others use them too, it
// says more than the clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
