package store

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/store/pgtest"
)

// soon fails the test if nothing arrives within a generous time.
func soon(t *testing.T, woken <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-woken:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: not woken", what)
	}
}

func pending(woken <-chan struct{}) bool {
	select {
	case <-woken:
		return true
	default:
		return false
	}
}

func TestHub(t *testing.T) {
	h := newHub()
	a, cancelA := h.Wait("box/1")
	b, cancelB := h.Wait("box/1")
	other, cancelOther := h.Wait("box/2")
	defer cancelOther()

	h.Wake("box/1")
	h.Wake("box/1")
	if !pending(a) || !pending(b) {
		t.Error("not all who wait for the key were woken")
	}
	if pending(a) || pending(other) {
		t.Error("two wake-ups did not count as one, or reached another key")
	}

	cancelA()
	h.Wake("box/1")
	if pending(a) || !pending(b) {
		t.Error("a cancelled wait was woken, or took another with it")
	}
	cancelB()
	cancelB()
	if len(h.waiters) != 1 {
		t.Errorf("%d keys are still kept, want the one that is waited for", len(h.waiters))
	}
	h.wakeAll()
	if !pending(other) {
		t.Error("wakeAll left one out")
	}
}

func TestOnCommit(t *testing.T) {
	db := openSQLiteFile(t)
	var calls []string
	call := func(name string) func() { return func() { calls = append(calls, name) } }
	errChange := errors.New("a change of mind")

	db.onCommit(t.Context(), call("outside"))
	err := db.InTx(t.Context(), func(ctx context.Context) error {
		db.onCommit(ctx, call("first"))
		db.write(ctx, func(ctx context.Context, _ tx) error {
			db.onCommit(ctx, call("undone"))
			return errChange
		})
		db.write(ctx, func(ctx context.Context, _ tx) error {
			db.onCommit(ctx, call("second"))
			return nil
		})
		if len(calls) != 1 {
			t.Errorf("before COMMIT: %q", calls)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	db.InTx(t.Context(), func(ctx context.Context) error {
		db.onCommit(ctx, call("undone"))
		return errChange
	})
	if got := strings.Join(calls, " "); got != "outside first second" {
		t.Errorf("called: %q", got)
	}
}

// openNode opens another node on the same database.
func openNode(t *testing.T, url string) *DB {
	t.Helper()
	db, err := Open(t.Context(), Config{Postgres: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// listening returns once the node hears the others, by waking it until it does.
func listening(t *testing.T, speaker, hearer *DB) {
	t.Helper()
	woken, cancel := hearer.Hub().Wait("are you there")
	defer cancel()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		speaker.Hub().Wake("are you there")
		select {
		case <-woken:
			if !pending(woken) { // not merely the greeting at the start of listening
				return
			}
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatal("the node does not hear the others")
}

func TestWakeAcrossNodes(t *testing.T) {
	url := pgtest.URL(t)
	one, two := openNode(t, url), openNode(t, url)
	listening(t, one, two)
	listening(t, two, one)

	woken, cancel := two.Hub().Wait("box/1")
	defer cancel()
	other, cancelOther := two.Hub().Wait("box/2")
	defer cancelOther()
	pending(woken)
	pending(other)
	one.Hub().Wake("box/1")
	soon(t, woken, "a key of another node")
	if pending(other) {
		t.Error("another key was woken")
	}

	// Keys that NOTIFY cannot carry wake everybody rather than nobody.
	for _, odd := range []string{"", "two\nlines", strings.Repeat("x", 8000)} {
		pending(other)
		one.Hub().Wake(odd)
		soon(t, other, "an odd key")
	}

	// More keys than fit into one NOTIFY.
	last, cancelLast := two.Hub().Wait(strings.Repeat("k", 100) + "499")
	defer cancelLast()
	for i := range 500 {
		one.Hub().Wake(strings.Repeat("k", 100) + string(rune('0'+i/100)) + string(rune('0'+i/10%10)) + string(rune('0'+i%10)))
	}
	soon(t, last, "one of many keys")
}

// Two schemas of one database are two deployments: neither hears the other.
func TestWakeStaysInItsSchema(t *testing.T) {
	one, two := openNode(t, pgtest.URL(t)), openNode(t, pgtest.URL(t))
	channels := make(map[string]bool)
	for _, db := range []*DB{one, two} {
		if err := db.read(t.Context(), func(ctx context.Context, q tx) error {
			var name string
			err := q.QueryRow(ctx, "SELECT "+channelText).Scan(&name)
			channels[name] = true
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if len(channels) != 2 {
		t.Errorf("two schemas share the channel %v", channels)
	}
}

func TestWakeAfterLostConnection(t *testing.T) {
	url := pgtest.URL(t)
	one, two := openNode(t, url), openNode(t, url)
	listening(t, one, two)

	woken, cancel := two.Hub().Wait("box/1")
	defer cancel()
	pending(woken)
	if err := one.write(t.Context(), func(ctx context.Context, q tx) error {
		_, err := q.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE query = 'LISTEN ' || `+channelText+` AND application_name = 'bestow' AND pid <> pg_backend_pid()`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	soon(t, woken, "hints may have been lost") // without anybody's Wake
	listening(t, one, two)
}
