package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
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
	for end := time.Now().Add(10 * time.Second); !happened(); runtime.Gosched() {
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

func TestPrivateFiles(t *testing.T) {
	db := openSQLiteFile(t)
	if err := db.write(t.Context(), insertTenant("a")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{
		filepath.Dir(db.path): 0o700 | os.ModeDir, db.path: 0o600, db.path + "-wal": 0o600, db.path + "-shm": 0o600,
	} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s: mode %v, want %v", filepath.Base(name), info.Mode(), want)
		}
	}
}

// TestPragmas: what durability and integrity rest on is set where it counts.
func TestPragmas(t *testing.T) {
	db := openSQLiteFile(t)
	pragma := func(ctx context.Context, q tx, name string) (v string) {
		if err := q.QueryRow(ctx, "PRAGMA "+name).Scan(&v); err != nil {
			t.Error(err)
		}
		return v
	}
	db.write(t.Context(), func(ctx context.Context, q tx) error {
		for name, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
			if got := pragma(ctx, q, name); got != want {
				t.Errorf("writer: %s is %s, want %s", name, got, want)
			}
		}
		return nil
	})
	err := db.read(t.Context(), func(ctx context.Context, q tx) error { return insertTenant("a")(ctx, q) })
	if err == nil || !strings.Contains(err.Error(), "readonly") {
		t.Errorf("a reader wrote: %v", err)
	}
}

// TestOddPath: no character of a path means anything to the driver.
func TestOddPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a?b=c&d%41#e f", "bestow.db")
	db := openSQLiteAt(t, path)
	if err := db.write(t.Context(), insertTenant("a")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Errorf("the file is not where it was asked for: %v", err)
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
