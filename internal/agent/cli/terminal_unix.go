//go:build unix

package cli

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// openConsole opens the controlling terminal.
func openConsole() (*os.File, io.Writer, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	return tty, tty, err
}

// setEcho says whether the terminal shows what is typed.
func setEcho(tty *os.File, on bool) error {
	fd := int(tty.Fd())
	mode, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return err
	}
	mode.Lflag &^= unix.ECHO
	if on {
		mode.Lflag |= unix.ECHO
	}
	return unix.IoctlSetTermios(fd, setTermios, mode)
}
