package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestBusy: while another process holds the file a batch waits, and then is done
// once.
func TestBusy(t *testing.T) {
	db := openSQLiteFile(t)
	other := outside(t, db.path)
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if _, err := other.ExecContext(t.Context(), "INSERT INTO tenant (name, created_ms) VALUES ('theirs', 1)"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	runs := 0
	go func() {
		done <- db.write(context.Background(), func(ctx context.Context, q tx) error {
			runs++
			return insertTenant("ours")(ctx, q)
		})
	}()
	waitUntil(t, func() bool { return len(db.writer.queue) == 0 })
	select {
	case err := <-done:
		t.Fatalf("answered while the file was held: %v", err)
	default:
	}
	if _, err := other.ExecContext(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := names(t, other); got != "ours theirs" || runs != 1 {
		t.Errorf("stored: %q after %d runs", got, runs)
	}
}

// TestBusyCommit: if it is the COMMIT that meets another process, the batch is run
// again as a whole.
func TestBusyCommit(t *testing.T) {
	db := openSQLiteFile(t)
	busy := busyError(t, db.path)
	attempts := 0
	db.writer.beforeCommit = func() error {
		if attempts++; attempts < 3 {
			return busy
		}
		return nil
	}
	var runs, hooks int
	err := db.write(t.Context(), func(ctx context.Context, q tx) error {
		runs++
		db.onCommit(ctx, func() { hooks++ })
		return insertTenant("a")(ctx, q)
	})
	if err != nil || runs != 3 || hooks != 1 {
		t.Errorf("error %v, %d runs, %d hooks; want none, 3, 1", err, runs, hooks)
	}
	if got := names(t, outside(t, db.path)); got != "a" {
		t.Errorf("stored: %q, want a", got)
	}
}

// TestBusyTooLong: in the end callers are told, the queue with them.
func TestBusyTooLong(t *testing.T) {
	db := openSQLiteFile(t)
	busy := busyError(t, db.path)
	db.writer.beforeCommit = func() error { return busy }
	if err := db.write(t.Context(), insertTenant("a")); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v, want store.busy", err)
	}
	db.writer.beforeCommit = nil
	if err := db.write(t.Context(), insertTenant("a")); err != nil {
		t.Error(err)
	}
}

// busyError makes SQLite's own error of a file that is held.
func busyError(t *testing.T, path string) error {
	t.Helper()
	holder, loser := outside(t, path), outside(t, path)
	if _, err := holder.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	_, err := loser.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	if !isBusy(err) {
		t.Fatalf("got %v, want SQLITE_BUSY", err)
	}
	if _, err := holder.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	return err
}

// TestDiskFull: who needs room that is not there is told store.full; a neighbour
// that needs none is not hurt; and once there is room again, all is well.
func TestDiskFull(t *testing.T) {
	db := openSQLiteFile(t)
	if err := db.write(t.Context(), insertTenant("a")); err != nil {
		t.Fatal(err)
	}
	limit := func(pages string) {
		if err := db.write(t.Context(), func(ctx context.Context, q tx) error {
			var n int
			return q.QueryRow(ctx, "PRAGMA max_page_count = "+pages).Scan(&n)
		}); err != nil {
			t.Fatal(err)
		}
	}
	limit("1") // SQLite takes it as the size that there is
	big := func(ctx context.Context, q tx) error {
		_, err := q.Exec(ctx, "INSERT INTO tenant (name, created_ms) VALUES ($1, 1)", strings.Repeat("x", 1<<20))
		return err
	}
	errs := together(t, db, t.Context(),
		func(ctx context.Context, q tx) error {
			_, err := q.Exec(ctx, "UPDATE tenant SET created_ms = 2")
			return err
		},
		big,
		func(ctx context.Context, q tx) error { // as a store method inside a transaction meets it
			return db.write(ctx, func(ctx context.Context, q tx) error { return big(ctx, q) })
		},
		func(ctx context.Context, q tx) error {
			_, err := q.Exec(ctx, "UPDATE tenant SET created_ms = created_ms + 1")
			return err
		},
	)
	if errs[0] != nil || errs[3] != nil {
		t.Errorf("neighbours: %v, %v", errs[0], errs[3])
	}
	for _, err := range errs[1:3] {
		if !errors.Is(err, ErrFull) {
			t.Errorf("got %v, want store.full", err)
		}
	}
	var created int
	if err := outside(t, db.path).QueryRowContext(t.Context(), "SELECT created_ms FROM tenant").Scan(&created); err != nil || created != 3 {
		t.Errorf("created_ms is %d (%v), want 3", created, err)
	}
	limit("100000")
	if err := db.write(t.Context(), big); err != nil {
		t.Error(err)
	}
}

// TestManyFull: however many meet the full disk at once, each is told so.
func TestManyFull(t *testing.T) {
	db := openSQLiteFile(t)
	if err := db.write(t.Context(), func(ctx context.Context, q tx) error {
		var n int
		return q.QueryRow(ctx, "PRAGMA max_page_count = 1").Scan(&n)
	}); err != nil {
		t.Fatal(err)
	}
	fns := make([]func(ctx context.Context, q tx) error, 3*maxReplays)
	for i := range fns {
		fns[i] = insertTenant(strings.Repeat(fmt.Sprint(i), 1<<19))
	}
	for i, err := range together(t, db, t.Context(), fns...) {
		if !errors.Is(err, ErrFull) {
			t.Errorf("item %d: got %v, want store.full", i, err)
		}
	}
}
