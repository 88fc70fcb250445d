package wiring

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// A disk that is full refuses what would be stored, with words that say so, and costs
// nothing that was; when there is room again all goes on. The limit on the size of
// files stands in for the disk.
func TestDiskFull(t *testing.T) {
	cfg := configured(t, basics)
	s := started(t, cfg)
	c := trusting(t, cfg)
	if got, code := createUser(t, c, s, "before"); got != http.StatusCreated {
		t.Fatalf("before: %d %s", got, code)
	}
	log, err := os.Stat(DatabaseFile(cfg) + "-wal")
	check(t, err)

	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var was syscall.Rlimit
	check(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was))
	full := was
	full.Cur = uint64(log.Size())
	check(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full))
	restore := func() { check(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was)) }
	defer restore()

	for i := range 3 {
		got, code := createUser(t, c, s, fmt.Sprint("full", i))
		if got != http.StatusServiceUnavailable || (code != "store.full" && code != "store.unavailable") {
			t.Errorf("full: %d %s", got, code)
		}
	}
	if got := status(t, c, s.URL+"/livez"); got != http.StatusOK {
		t.Errorf("alive: %d", got)
	}
	restore()
	if got, code := createUser(t, c, s, "full0"); got != http.StatusCreated {
		t.Errorf("with room again: %d %s", got, code)
	}
	if seq, _, err := s.DB.AuditHead(t.Context(), "acme"); err != nil || seq != 2 {
		t.Errorf("events: %d, %v; want one for each user there is", seq, err)
	}
}
