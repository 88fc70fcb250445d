//go:build unix

package cli

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"bestow.dev/internal/agent/relaytest"
	"bestow.dev/internal/plugout"
)

// A program that sees the form tells the code, and the agent compares it.
func TestToldMatchCode(t *testing.T) {
	code := plugout.MatchCode(relaytest.Box, relaytest.Session)
	for _, tt := range []struct {
		name, told string
		want       int
	}{
		{"the same", code + "\n", ExitDone},
		{"another", "no" + code + "\n", ExitRefused},
		{"an empty line", "\n", ExitRefused},
		{"cut off", code, ExitRefused},
		{"nothing", "", ExitRefused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRelay(t)
			d := newDesk(t)
			d.prepare(r)
			got := d.run(testSecrets, "open", "--softkey", d.path("demo.key"), "--secrets-fd", "0", "--yes", "--match-fd", fmt.Sprint(pipeWith(t, tt.told)),
				"--ca-file", d.path("ca.pem"), "--", r.Link().String())
			if got != tt.want {
				t.Errorf("exit %d, want %d\n%s", got, tt.want, &d.stderr)
			}
			if confirmed := r.Called("POST /session/confirm") == 1; confirmed != (tt.want == ExitDone) {
				t.Errorf("the relay was told that they are the same: %v", confirmed)
			}
		})
	}
}

func TestMatchCodeFromNowhere(t *testing.T) {
	r := newRelay(t)
	d := newDesk(t)
	d.prepare(r)
	for _, args := range [][]string{
		{"--match-fd", "0"}, {"--match-fd", "2"}, {"--match-fd", "7", "--secrets-fd", "7"}, {"--match-fd", "7", "--confirm-match"},
	} {
		args = append([]string{"open", "--softkey", d.path("demo.key"), "--yes"}, args...)
		if got := d.run("", append(args, "--", r.Link().String())...); got != ExitUsage {
			t.Errorf("%v: exit %d", args, got)
		}
	}
}

// pipeWith returns a descriptor from which text can be read, and then its end.
func pipeWith(t *testing.T, text string) int {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	if _, err := write.WriteString(text); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Dup(int(read.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return fd
}
