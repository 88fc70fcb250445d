package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bestow.dev/internal/agent/relaytest"
	"bestow.dev/internal/plugout"
)

// openTerminal returns the two ends of a new terminal: the one a person sits at, and
// the one that programs get.
func openTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		noTerminals(t, err)
	}
	t.Cleanup(func() { _ = person.Close() })
	fd := int(person.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		noTerminals(t, err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

// noTerminals skips the test on a machine that gives out none, and fails it in CI,
// where a skip would hide.
func noTerminals(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal("no terminals here:", err)
	}
	t.Skip("no terminals here:", err)
}

// sit answers questions at a terminal as they come, and returns everything that the
// terminal showed once the program has ended.
func sit(t *testing.T, person *os.File, answers [][2]string) (shown func() string) {
	t.Helper()
	var all bytes.Buffer
	over := make(chan struct{})
	go func() {
		defer close(over)
		chunk, seen := make([]byte, 4096), 0
		for {
			n, err := person.Read(chunk)
			if err != nil {
				return // the program's end is closed
			}
			all.Write(chunk[:n])
			for len(answers) > 0 {
				at := strings.Index(all.String()[seen:], answers[0][0])
				if at < 0 {
					break
				}
				seen += at + len(answers[0][0])
				if _, err := person.WriteString(answers[0][1]); err != nil {
					return
				}
				answers = answers[1:]
			}
		}
	}()
	return func() string {
		select {
		case <-over:
		case <-time.After(20 * time.Second):
			t.Fatal("the terminal was not let go")
		}
		if len(answers) > 0 {
			t.Errorf("never asked: %q, shown:\n%s", answers[0][0], &all)
		}
		return all.String()
	}
}

func TestAtATerminal(t *testing.T) {
	const pin, passphrase = "71830264", "correct horse"
	opening := [][2]string{
		{"same code? [y/N]", "y\n"},
		{"for this? [y/N]", "y\n"},
		{"New passphrase: ", passphrase + "\n"},
		{"once more: ", passphrase + "\n"},
		{"New PIN: ", pin + "\n"},
	}
	tests := []struct {
		name    string
		rest    [][2]string
		want    int
		touched bool
	}{
		{"everything is answered", [][2]string{
			{"once more: ", pin + "\n"}, {"PIN of", pin + "\n"}, {"touch the software key", "\n"}, {"Press Enter to close", "\n"},
		}, 0, true},
		{"interrupted while the PIN is typed", [][2]string{{"once more: ", "718\x03"}}, 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := relaytest.New(t)
			r.MatchCode = true
			r.Post(plugout.SessionStart, `{}`)
			r.Post(plugout.FIDOCreateCredential, createCommand)
			p := newProgram(t, r)
			person, program := openTerminal(t)
			before, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
			if err != nil {
				t.Fatal(err)
			}
			shown := sit(t, person, append(append([][2]string{}, opening...), tt.rest...))

			args := []string{"open", "--hold", "--softkey", filepath.Join(p.dir, "demo.key"), "--ca-file", p.ca, "--", r.Link().String()}
			cmd := p.command(args...)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			code := exitCode(t, cmd)
			after, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
			if err != nil {
				t.Fatal(err)
			}
			if err := program.Close(); err != nil {
				t.Fatal(err)
			}
			text := shown()
			if code != tt.want {
				t.Errorf("exit %d, want %d\n%s", code, tt.want, text)
			}
			if after.Lflag != before.Lflag {
				t.Errorf("the terminal was left in another mode: %x, was %x", after.Lflag, before.Lflag)
			}
			for _, secret := range []string{pin, passphrase, relaytest.Token} {
				if strings.Contains(text, secret) {
					t.Errorf("%q was shown:\n%s", secret, text)
				}
			}
			answered := len(r.Answers) == 2 && r.Answers[1].Status == plugout.StatusOK
			if answered != tt.touched || r.Called("DELETE /session") == 0 != tt.touched {
				t.Errorf("answers %+v, %d farewells", r.Answers, r.Called("DELETE /session"))
			}
		})
	}
}

// exitCode runs cmd to its end.
func exitCode(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}
