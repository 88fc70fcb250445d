//go:build unix

package cli

import (
	"io"
	"os"
)

// openConsole opens the controlling terminal.
func openConsole() (*os.File, io.Writer, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	return tty, tty, err
}
