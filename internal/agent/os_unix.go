//go:build unix

package agent

import "golang.org/x/sys/unix"

// osVersion returns the release of the running kernel, or "" if it will not say.
func osVersion() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}
