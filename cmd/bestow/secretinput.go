package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"bestow.dev/internal/fault"
)

// standardInput stands for standard input where a file is named.
const standardInput = "-"

// maxSecretFileBytes bounds a file that is read as a secret.
const maxSecretFileBytes = 16 << 10

// readFile reads a file, or standard input for [standardInput], of at most limit bytes.
func (in *invocation) readFile(name string, limit int64) ([]byte, error) {
	input := in.stdin
	if name != standardInput {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		input = f
	}
	text, err := io.ReadAll(io.LimitReader(input, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, fault.New(fault.Invalid, "file.size", fmt.Sprintf("%s is larger than %d KiB.", name, limit>>10))
	}
	return text, nil
}

// readSecret reads a secret from a file, without the line end that editors leave behind
// it; from standard input, and there without echo if that is a terminal, for
// [standardInput]. No name, no secret.
func (in *invocation) readSecret(name, question string) (string, error) {
	switch {
	case name == "":
		return "", nil
	case name == standardInput && in.terminal() != nil:
		return in.askSecret(question)
	}
	text, err := in.readFile(name, maxSecretFileBytes)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if secret == "" {
		return "", fault.New(fault.Invalid, "secret.empty", name+" holds no secret.")
	}
	return secret, nil
}

// terminal is the terminal that standard input is; nil if it is none.
func (in *invocation) terminal() *os.File {
	f, ok := in.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return f
}

// askSecret asks for a secret on the terminal and does not show what is typed. A program
// that is told to stop meanwhile sets the terminal back.
func (in *invocation) askSecret(question string) (string, error) {
	tty := int(in.terminal().Fd()) // taken here: the reader below outlives a cancelled call, and so perhaps the file
	before, err := term.GetState(tty)
	if err != nil {
		return "", fmt.Errorf("read the terminal's settings: %w", err)
	}
	fmt.Fprint(in.stderr, question+": ")
	type answer struct {
		text []byte
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(tty)
		answered <- answer{text, err}
	}()
	select {
	case got := <-answered:
		fmt.Fprintln(in.stderr) // the line end that was not shown
		if errors.Is(got.err, io.EOF) || got.err == nil && len(got.text) == 0 {
			return "", errNoSecret
		}
		return string(got.text), got.err
	case <-in.ctx.Done():
		fmt.Fprintln(in.stderr)
		return "", errors.Join(exitCode(exitRefused), term.Restore(tty, before))
	}
}

var errNoSecret = fault.New(fault.Invalid, "secret.empty", "No secret was typed. Nothing was changed.")
