package store

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"bestow.dev/internal/store/pgtest"
)

// TestPostgresRepeats: what PostgreSQL asks to be tried again is, with its hooks and
// events once.
func TestPostgresRepeats(t *testing.T) {
	db := openNode(t, pgtest.URL(t))
	for _, code := range []string{"40001", "40P01"} {
		runs, hooks := 0, 0
		err := db.write(t.Context(), func(ctx context.Context, q tx) error {
			db.onCommit(ctx, func() { hooks++ })
			if runs++; runs < 3 {
				return &pgconn.PgError{Code: code}
			}
			return nil
		})
		if err != nil || runs != 3 || hooks != 1 {
			t.Errorf("%s: error %v, %d runs, %d hooks; want none, 3, 1", code, err, runs, hooks)
		}
	}
	runs := 0
	err := db.write(t.Context(), func(context.Context, tx) error {
		runs++
		return &pgconn.PgError{Code: "40001"}
	})
	if !errors.Is(err, ErrBusy) || runs != writeAttempts {
		t.Errorf("got %v after %d runs, want store.busy after %d", err, runs, writeAttempts)
	}
}

// TestPostgresDeadlock: of two transactions that wait for each other both succeed,
// one of them on its second try.
func TestPostgresDeadlock(t *testing.T) {
	db := openNode(t, pgtest.URL(t))
	for _, name := range []string{"a", "b"} {
		if err := db.write(t.Context(), insertTenant(name)); err != nil {
			t.Fatal(err)
		}
	}
	const change = "UPDATE tenant SET created_ms = created_ms + 1 WHERE name = $1"
	var first sync.WaitGroup // both hold their first row
	first.Add(2)
	errs := make(chan error, 2)
	for _, order := range [][]string{{"a", "b"}, {"b", "a"}} {
		go func() {
			var once sync.Once
			errs <- db.write(context.Background(), func(ctx context.Context, q tx) error {
				if _, err := q.Exec(ctx, change, order[0]); err != nil {
					return err
				}
				once.Do(func() {
					first.Done()
					first.Wait()
				})
				_, err := q.Exec(ctx, change, order[1])
				return err
			})
		}()
	}
	for range 2 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	var sum int
	if err := db.read(t.Context(), func(ctx context.Context, q tx) error {
		return q.QueryRow(ctx, "SELECT SUM(created_ms) FROM tenant").Scan(&sum)
	}); err != nil || sum != 6 {
		t.Errorf("sum is %d (%v), want 6", sum, err)
	}
}

// terminateIdle drops the connections of [TestPostgresLostConnection] alone.
const terminateIdle = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	WHERE application_name = 'bestow_lost' AND pid <> pg_backend_pid() AND state = 'idle'`

// TestPostgresLostConnection: a connection that the server has dropped is not the
// caller's worry.
func TestPostgresLostConnection(t *testing.T) {
	url := pgtest.URL(t) + "&application_name=bestow_lost"
	db, other := openNode(t, url), openNode(t, url)
	if err := db.write(t.Context(), insertTenant("a")); err != nil {
		t.Fatal(err)
	}
	terminate := func() {
		t.Helper()
		if err := other.write(t.Context(), func(ctx context.Context, q tx) error {
			_, err := q.Exec(ctx, terminateIdle)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	for name, first := range map[string]func(context.Context, tx) error{
		"b": insertTenant("b"),
		"c": func(ctx context.Context, _ tx) error { return db.write(ctx, insertTenant("c")) },
		"d": func(ctx context.Context, q tx) error {
			look := func(ctx context.Context, q tx) error { return q.QueryRow(ctx, "SELECT 1").Scan(new(int)) }
			return errors.Join(db.read(ctx, look), insertTenant("d")(ctx, q))
		},
		"e": func(ctx context.Context, q tx) error { return q.Later(ctx, addTenant, "e") },
	} {
		terminate()
		if err := db.write(t.Context(), first); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}

	// In the middle of a transaction, nothing was changed.
	err := db.write(t.Context(), func(ctx context.Context, q tx) error {
		if err := insertTenant("f")(ctx, q); err != nil {
			return err
		}
		var pid int
		if err := q.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
			return err
		}
		if err := other.write(t.Context(), func(ctx context.Context, q tx) error {
			_, err := q.Exec(ctx, "SELECT pg_terminate_backend($1)", pid)
			return err
		}); err != nil {
			return err
		}
		_, err := q.Exec(ctx, "SELECT 1")
		return err
	})
	if !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("got %v, want store.unavailable", err)
	}
	if all, err := db.Tenants(t.Context()); err != nil || len(all) != 5 {
		t.Errorf("%d tenants (%v), want 5", len(all), err)
	}
}

func TestPostgresPing(t *testing.T) {
	db := openNode(t, pgtest.URL(t))
	if err := db.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	db.Close()
	db.Close()
	if err := db.Ping(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: got %v, want store.closed", err)
	}
	if err := db.write(t.Context(), insertTenant("a")); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: got %v, want store.closed", err)
	}
}

// TestConnectionStringIsSecret: a connection string that does not parse, or leads
// nowhere, is not repeated.
func TestConnectionStringIsSecret(t *testing.T) {
	for _, text := range []string{
		"postgres://bestow:hunter2@[::1/db",
		"postgres://bestow:hunter2@127.0.0.1:1/db?connect_timeout=1",
		"host=/nonexistent user=bestow password=hunter2 sslmode=wrong",
	} {
		_, err := Open(t.Context(), Config{Postgres: text})
		if err == nil {
			t.Fatalf("%s: opened", text)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error holds the password: %v", err)
		}
	}
}

func TestConfigNamesOneEngine(t *testing.T) {
	for _, c := range []Config{{}, {SQLite: "a", Postgres: "b"}} {
		if _, err := Open(t.Context(), c); err == nil {
			t.Errorf("%+v: opened", c)
		}
	}
}

func TestPostgresUnique(t *testing.T) {
	db := openNode(t, pgtest.URL(t))
	testUnique(t, db)
}

func TestSQLiteUnique(t *testing.T) { testUnique(t, openSQLiteFile(t).DB) }

// testUnique: a collision is told by its table and columns.
func testUnique(t *testing.T, db *DB) {
	insertRP := func(ctx context.Context, q tx) error {
		_, err := q.Exec(ctx, "INSERT INTO relying_party (tenant, id, settings, created_ms, changed_ms) VALUES ('acme', 'a', '', 1, 1)")
		return err
	}
	if err := db.write(t.Context(), insertRP); err != nil {
		t.Fatal(err)
	}
	err := db.write(t.Context(), insertRP)
	for _, c := range []struct {
		want    bool
		table   string
		columns []string
	}{
		{true, "relying_party", nil},
		{true, "relying_party", []string{"tenant", "id"}},
		{false, "relying_party", []string{"tenant"}},
		{false, "relying_party", []string{"id", "tenant"}},
		{false, "tenant", nil},
	} {
		if got := isUnique(err, c.table, c.columns...); got != c.want {
			t.Errorf("%s %v: got %v for %v", c.table, c.columns, got, err)
		}
	}
	if isUnique(nil, "tenant") || isUnique(errors.New("UNIQUE constraint failed: tenant.name"), "tenant") {
		t.Error("something that is no collision is one")
	}
}

// TestPostgresLaterEnds: a statement that waits for the end of its transaction ends with its
// caller's context, and nothing was changed.
func TestPostgresLaterEnds(t *testing.T) {
	url := pgtest.URL(t)
	db, other := openNode(t, url), openNode(t, url)
	if err := db.write(t.Context(), insertTenant("a")); err != nil {
		t.Fatal(err)
	}
	const change = "UPDATE tenant SET created_ms = $1"
	ctx, cancel := context.WithCancel(t.Context())
	var waits sync.WaitGroup
	if err := other.write(t.Context(), func(ctx2 context.Context, q tx) error {
		if _, err := q.Exec(ctx2, change, 2); err != nil {
			return err
		}
		var err error
		waits.Go(func() { err = db.write(ctx, func(ctx context.Context, q tx) error { return q.Later(ctx, change, 3) }) })
		waitUntil(t, func() bool {
			var n int
			const held = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation IS NULL AND pid <> pg_backend_pid()"
			return q.QueryRow(ctx2, held).Scan(&n) != nil || n > 0
		})
		cancel()
		waits.Wait()
		if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("got %v, want store.unavailable", err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
