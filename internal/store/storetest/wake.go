package storetest

import (
	"testing"

	"bestow.dev/internal/store"
)

// woken reports whether do woke who waits for key. What wakes everybody, as a
// connection to PostgreSQL that was just made does, is no answer: the second result
// tells whether that may have happened meanwhile.
func woken(t *testing.T, db *store.DB, key string, do func()) (woken, everybody bool) {
	t.Helper()
	mine, cancel := db.Hub().Wait(key)
	control, cancelControl := db.Hub().Wait("nobody wakes this")
	do()
	cancel() // waits for a wake-up in progress, so that the two agree
	cancelControl()
	return received(mine), received(control)
}

// wakes fails the test if do does not wake who waits for key.
func wakes(t *testing.T, db *store.DB, key, what string, do func()) {
	t.Helper()
	if w, _ := woken(t, db, key, do); !w {
		t.Errorf("%s: nobody was woken", what)
	}
}

// wakesNot fails the test if do wakes who waits for key.
func wakesNot(t *testing.T, db *store.DB, key, what string, do func()) {
	t.Helper()
	if w, everybody := woken(t, db, key, do); w && !everybody {
		t.Errorf("%s: somebody was woken", what)
	}
}

func received(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
