package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal returns the two ends of a new terminal: the one a person sits at, and the
// one that programs get.
func openTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	open := func(path string) *os.File {
		f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			t.Fatal("no terminals here:", err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	person = open("/dev/ptmx")
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	return person, open(fmt.Sprintf("/dev/pts/%d", n))
}

// untilSilent waits until a terminal, given by its descriptor, does not show what is typed.
func untilSilent(t *testing.T, terminal int) {
	t.Helper()
	for t.Context().Err() == nil {
		mode, err := unix.IoctlGetTermios(terminal, unix.TCGETS)
		if err != nil {
			t.Error(err)
			return
		}
		if mode.Lflag&unix.ECHO == 0 {
			return
		}
		runtime.Gosched()
	}
}

// A secret without a file is asked for on a terminal, and is not shown there.
func TestSecretIsAskedFor(t *testing.T) {
	person, program := openTerminal(t)
	s := newShell(t)
	var stdout, stderr bytes.Buffer
	in := &invocation{ctx: t.Context(), stdin: program, stdout: &stdout, stderr: &stderr}
	var sat sync.WaitGroup
	terminal := int(program.Fd())
	sat.Go(func() {
		untilSilent(t, terminal)
		if _, err := person.WriteString(hush + "\n"); err != nil {
			t.Error(err)
		}
	})
	code := run(in, []string{"--data", s.data, "connection", "put", "DA", "--url", "https://da.example.com", "--client-id", "idm"})
	sat.Wait()
	if code != exitDone || !strings.Contains(stdout.String(), "kept, not shown") || !strings.Contains(stderr.String(), "Secret of client idm: ") {
		t.Errorf("got %d %s %s", code, &stdout, &stderr)
	}
	if strings.Contains(stdout.String()+stderr.String(), hush) {
		t.Error("it shows the secret")
	}
	s.silent()
}

// Whoever stops the program instead gets their terminal back as it was.
func TestSecretIsNotGiven(t *testing.T) {
	_, program := openTerminal(t)
	s := newShell(t)
	ctx, cancel := context.WithCancel(t.Context())
	var stdout, stderr bytes.Buffer
	in := &invocation{ctx: ctx, stdin: program, stdout: &stdout, stderr: &stderr}
	var sat sync.WaitGroup
	terminal := int(program.Fd())
	sat.Go(func() {
		untilSilent(t, terminal)
		cancel()
	})
	code := run(in, []string{"--data", s.data, "connection", "put", "DA", "--url", "https://da.example.com", "--client-id", "idm", "--secret-file", "-"})
	sat.Wait()
	mode, err := unix.IoctlGetTermios(terminal, unix.TCGETS)
	if code != exitRefused || err != nil || mode.Lflag&unix.ECHO == 0 {
		t.Errorf("got %d %s, %v, and the terminal shows nothing", code, &stderr, err)
	}
	s.want(exitDone, "[]", "--json", "connection", "list")
}
