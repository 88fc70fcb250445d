package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// opened is a SQLite database with its writer in reach.
type opened struct {
	*DB
	path   string
	writer *sqliteWriter
}

func openSQLiteFile(t *testing.T) opened {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data", "bestow.db")
	return openSQLiteAt(t, path)
}

func openSQLiteAt(t *testing.T, path string) opened {
	t.Helper()
	db, err := Open(t.Context(), Config{SQLite: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return opened{db, path, db.engine.(*sqliteEngine).writer}
}

// outside opens a connection that knows nothing of the writer, as another process
// would.
func outside(t *testing.T, path string) *sql.Conn {
	t.Helper()
	pool, err := sql.Open("sqlite", sqliteDSN(path, 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func names(t *testing.T, conn *sql.Conn) string {
	t.Helper()
	rows, err := conn.QueryContext(t.Context(), "SELECT name FROM tenant ORDER BY name")
	all, err := collect(rows, err, func(rows *sql.Rows) (name string, err error) { return name, rows.Scan(&name) })
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

func insertTenant(name string) func(ctx context.Context, q tx) error {
	return func(ctx context.Context, q tx) error {
		_, err := q.Exec(ctx, "INSERT INTO tenant (name, created_ms) VALUES ($1, 1)", name)
		return err
	}
}

// together has all of fns wait in the queue before the first of them runs, so that
// they share a batch, and returns their errors in order.
func together(t *testing.T, db opened, ctx context.Context, fns ...func(ctx context.Context, q tx) error) []error {
	t.Helper()
	db.writer.batchTime = time.Hour
	errs := make([]error, len(fns))
	var wg sync.WaitGroup
	var once sync.Once // a batch may be run again
	gather := func() {
		for i, fn := range fns {
			wg.Go(func() { errs[i] = db.write(ctx, fn) })
			waitUntil(t, func() bool { return len(db.writer.queue) == i+1 })
		}
	}
	db.write(context.Background(), func(context.Context, tx) error {
		once.Do(gather)
		return nil
	})
	wg.Wait()
	return errs
}

// waitUntil yields until what happens on another goroutine has happened.
func waitUntil(t *testing.T, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !happened(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Error("it did not happen")
			return
		}
	}
}

func TestBatchErrorIsolation(t *testing.T) {
	db := openSQLiteFile(t)
	errChange := errors.New("a change of mind")
	errs := together(t, db, t.Context(),
		insertTenant("a"),
		func(ctx context.Context, q tx) error { return errors.Join(insertTenant("b")(ctx, q), errChange) },
		insertTenant("a"), // collides with the first of the same batch
		insertTenant("c"),
	)
	if errs[0] != nil || !errors.Is(errs[1], errChange) || !isUnique(errs[2], "tenant", "name") || errs[3] != nil {
		t.Errorf("got %v", errs)
	}
	if got := names(t, outside(t, db.path)); got != "a c" {
		t.Errorf("stored: %q, want a and c", got)
	}
}

func TestBatchPanicIsolation(t *testing.T) {
	db := openSQLiteFile(t)
	var recovered any
	panicking := func(ctx context.Context, q tx) error {
		insertTenant("b")(ctx, q)
		panic("a bug")
	}
	errs := together(t, db, t.Context(),
		insertTenant("a"),
		func(ctx context.Context, q tx) (err error) { return nil },
		insertTenant("c"),
	)
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}

	db.writer.batchTime = time.Hour
	// The panic arrives at its own caller, with the neighbours of its batch unhurt.
	var wg sync.WaitGroup
	db.write(t.Context(), func(context.Context, tx) error {
		wg.Go(func() {
			defer func() { recovered = recover() }()
			db.write(t.Context(), panicking)
		})
		waitUntil(t, func() bool { return len(db.writer.queue) == 1 })
		wg.Go(func() { errs[0] = db.write(t.Context(), insertTenant("d")) })
		waitUntil(t, func() bool { return len(db.writer.queue) == 2 })
		return nil
	})
	wg.Wait()
	if recovered != "a bug" || errs[0] != nil {
		t.Errorf("recovered %v, neighbour %v", recovered, errs[0])
	}
	if got := names(t, outside(t, db.path)); got != "a c d" {
		t.Errorf("stored: %q, want a, c and d", got)
	}
}

// TestGoexit: an item whose goroutine ends, as a failing test's does, is undone.
func TestGoexit(t *testing.T) {
	db := openSQLiteFile(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		db.write(context.Background(), func(ctx context.Context, q tx) error {
			insertTenant("a")(ctx, q)
			runtime.Goexit()
			return nil
		})
	})
	wg.Wait()
	if err := db.write(t.Context(), insertTenant("b")); err != nil {
		t.Fatal(err)
	}
	if got := names(t, outside(t, db.path)); got != "b" {
		t.Errorf("stored: %q, want b", got)
	}
}

// TestNoAnswerBeforeCommit looks, at the last moment before the COMMIT, whether
// anyone was told or could see anything: those who succeeded, those who failed, and
// those who wait for a hook.
func TestNoAnswerBeforeCommit(t *testing.T) {
	db := openSQLiteFile(t)
	reader := outside(t, db.path)
	var answered, hooks, commits atomic.Int32
	var seen string
	db.writer.batchTime = time.Hour
	db.writer.beforeCommit = func() error {
		commits.Add(1)
		for range 100 { // takes its time, so that an early answer would get through
			seen = max(seen, names(t, reader))
		}
		if n := answered.Load(); n != 0 || hooks.Load() != 0 {
			t.Errorf("before COMMIT: %d answers, %d hooks", n, hooks.Load())
		}
		return nil
	}
	fails := errors.New("what it failed on may never be committed")
	var wg sync.WaitGroup
	first := db.write(t.Context(), func(context.Context, tx) error {
		for i := range 20 {
			wg.Go(func() {
				db.write(context.Background(), func(ctx context.Context, q tx) error {
					db.onCommit(ctx, func() { hooks.Add(1) })
					if i%4 == 0 {
						return fails
					}
					return insertTenant(fmt.Sprintf("t%d", i))(ctx, q)
				})
				answered.Add(1)
			})
			waitUntil(t, func() bool { return len(db.writer.queue) == i+1 })
		}
		return nil
	})
	if first != nil {
		t.Fatal(first)
	}
	wg.Wait()
	if commits.Load() != 1 {
		t.Errorf("%d commits: the test shows nothing", commits.Load())
	}
	if seen != "" {
		t.Errorf("visible before COMMIT: %q", seen)
	}
	if answered.Load() != 20 || hooks.Load() != 15 {
		t.Errorf("%d answers and %d hooks, want 20 and 15", answered.Load(), hooks.Load())
	}
	if got := len(strings.Fields(names(t, reader))); got != 15 {
		t.Errorf("%d rows, want 15", got)
	}
}

// TestFailedCommit: all who share a COMMIT that fails are told so, those included
// whose own work had failed, and nothing is stored or announced.
func TestFailedCommit(t *testing.T) {
	db := openSQLiteFile(t)
	if err := db.write(t.Context(), func(ctx context.Context, q tx) error {
		_, err := q.Exec(ctx, `CREATE TABLE spoiler (name TEXT REFERENCES tenant (name) DEFERRABLE INITIALLY DEFERRED)`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	announced := false
	errs := together(t, db, t.Context(),
		insertTenant("a"),
		func(ctx context.Context, q tx) error { return errors.New("mine") },
		func(ctx context.Context, q tx) error {
			db.onCommit(ctx, func() { announced = true })
			_, err := q.Exec(ctx, "INSERT INTO spoiler (name) VALUES ('nobody')")
			return err
		},
		insertTenant("b"),
	)
	for i, err := range errs {
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("item %d: got %v, want store.unavailable", i, err)
		}
	}
	if got := names(t, outside(t, db.path)); got != "" || announced {
		t.Errorf("stored: %q, announced: %v", got, announced)
	}
	// The writer goes on.
	if err := db.write(t.Context(), insertTenant("c")); err != nil {
		t.Fatal(err)
	}
}

// TestCancelledBeforeStart: work whose caller has gone before its turn is not done,
// and its caller does not wait for the turn.
func TestCancelledBeforeStart(t *testing.T) {
	db := openSQLiteFile(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var err error
	ran := false
	db.write(t.Context(), func(context.Context, tx) error {
		wg.Go(func() {
			err = db.write(ctx, func(context.Context, tx) error {
				ran = true
				return nil
			})
		})
		waitUntil(t, func() bool { return len(db.writer.queue) == 1 })
		cancel()
		wg.Wait() // while the writer is still busy with us
		return nil
	})
	if ran || !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("ran: %v, error: %v", ran, err)
	}
}

// TestCancelledAfterStart: work that has begun is finished, whatever becomes of its
// caller's context, and does not disturb its neighbours.
func TestCancelledAfterStart(t *testing.T) {
	db := openSQLiteFile(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := db.write(ctx, func(ctx context.Context, q tx) error {
		cancel()
		return insertTenant("a")(ctx, q)
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(t, outside(t, db.path)); got != "a" {
		t.Errorf("stored: %q, want a", got)
	}
}

// TestClose: what was queued is finished, what comes after is refused.
func TestClose(t *testing.T) {
	db := openSQLiteFile(t)
	var wg sync.WaitGroup
	var queued error
	db.write(t.Context(), func(context.Context, tx) error {
		wg.Go(func() { queued = db.write(context.Background(), insertTenant("a")) })
		waitUntil(t, func() bool { return len(db.writer.queue) == 1 })
		wg.Go(func() { db.Close() })
		<-db.writer.stop
		return nil
	})
	wg.Wait()
	if queued != nil {
		t.Errorf("queued before Close: %v", queued)
	}
	if err := db.write(t.Context(), insertTenant("b")); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: got %v, want store.closed", err)
	}
	if got := names(t, outside(t, db.path)); got != "a" {
		t.Errorf("stored: %q, want a", got)
	}
	if err := db.read(t.Context(), func(context.Context, tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("reading after Close: got %v, want store.closed", err)
	}
}

// TestBatchBounds: a batch ends at its bound although more is queued.
func TestBatchBounds(t *testing.T) {
	db := openSQLiteFile(t)
	var sizes []int
	size := 0
	db.writer.beforeCommit = func() error {
		sizes = append(sizes, size)
		size = 0
		return nil
	}
	fns := make([]func(ctx context.Context, q tx) error, batchItems)
	for i := range fns {
		fns[i] = func(context.Context, tx) error {
			size++
			return nil
		}
	}
	together(t, db, t.Context(), fns...)
	for _, n := range sizes {
		if n > batchItems {
			t.Errorf("a batch of %d", n)
		}
	}
	if len(sizes) < 2 {
		t.Errorf("batches: %v, want more than one", sizes)
	}
}

// TestBatchTime: a batch that has taken long enough is committed although more is
// queued.
func TestBatchTime(t *testing.T) {
	db := openSQLiteFile(t)
	db.writer.batchTime = 0
	var commits atomic.Int32
	db.writer.beforeCommit = func() error {
		commits.Add(1)
		return nil
	}
	var wg sync.WaitGroup
	db.write(t.Context(), func(context.Context, tx) error {
		for i := range 3 {
			wg.Go(func() { db.write(context.Background(), func(context.Context, tx) error { return nil }) })
			waitUntil(t, func() bool { return len(db.writer.queue) == i+1 })
		}
		return nil
	})
	wg.Wait()
	if commits.Load() != 4 {
		t.Errorf("%d commits, want 4", commits.Load())
	}
}
