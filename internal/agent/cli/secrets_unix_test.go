//go:build unix

package cli

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"bestow.dev/internal/agent/relaytest"
	"bestow.dev/internal/plugout"
)

// The link comes from standard input, so that it is in no list of processes, and the
// secrets from a pipe that the command takes over and closes.
func TestLinkFromStandardInput(t *testing.T) {
	r := newRelay(t)
	d := newDesk(t)
	d.prepare(r)
	fd := secretsPipe(t)
	d.must(r.Link().String()+"\n", "open", "--softkey", d.path("demo.key"), "--secrets-fd", fmt.Sprint(fd), "--yes", "--confirm-match",
		"--ca-file", d.path("ca.pem"), "-")
	if a := r.Answer(plugout.FIDOCreateCredential); a.Status != plugout.StatusOK {
		t.Errorf("answer %+v", a.Answer)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
		t.Error("the descriptor is still open")
	}
	if code := d.run(relaytest.Token, "open", "--secrets-fd", "0", "-"); code != ExitUsage {
		t.Errorf("link and secrets from standard input: exit %d", code)
	}
}

// secretsPipe returns a descriptor from which the secrets can be read.
func secretsPipe(t *testing.T) int {
	t.Helper()
	return pipeWith(t, testSecrets)
}
