package cli

import (
	"io"
	"os"
)

// openConsole opens the console of the process.
func openConsole() (*os.File, io.Writer, error) {
	in, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	out, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	return in, out, nil
}
