package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// Bounds of a batch: what shares one COMMIT. The time counts from its BEGIN.
const (
	batchItems = 256
	batchTime  = 5 * time.Millisecond
)

// busyTime is how long another process may hold the file before those who wait
// for it are told store.busy.
const busyTime = 10 * time.Second

// maxReplays is how often a batch is run again after its transaction was lost
// under it.
const maxReplays = 8

// sqliteWriter is the one writer of a SQLite file, with group commit.
//
// A disk reaches some hundred to some thousand flushes a second, and with
// synchronous=FULL a COMMIT is one. So callers queue their work as items; the
// writer opens one transaction, lets each item run behind a savepoint, commits
// them all at once and only then answers. While it commits, the next batch
// gathers in the queue.
//
// An item runs on its caller's goroutine while the writer waits for it, so a
// panic unwinds where it belongs and the writer lives on. An item that fails is
// rolled back to its savepoint; its caller, too, waits for the COMMIT, since what
// it failed on may have been a neighbour's change.
type sqliteWriter struct {
	pool    *sql.DB
	session *session
	queue   chan *item
	stop    chan struct{} // closed: no more items
	stopped chan struct{} // closed: the writer has ended
	heads   heads
	once    sync.Once

	committed atomic.Int64 // batches

	// batchTime is the constant, except in tests that gather a batch of their own.
	batchTime time.Duration

	// beforeCommit stands in for a COMMIT that is slow or fails. Nil outside tests.
	beforeCommit func() error
}

// item is one caller's work in the queue.
type item struct {
	fn     func(q tx) error
	state  atomic.Int32
	turn   chan tx    // from the writer: run now
	ran    chan error // to the writer: fn's outcome, or errPanicked
	answer chan error // from the writer: the outcome, after COMMIT
	err    error      // the writer's note of fn's outcome
}

// The states of an item. Only a waiting one can be abandoned by its caller.
const (
	waiting int32 = iota
	started
	gone // abandoned, panicked, or answered ahead of its batch
)

var (
	errPanicked = errors.New("store: a write panicked")
	errLost     = errors.New("store: the shared transaction was rolled back by SQLite")
)

func newSQLiteWriter(pool *sql.DB) *sqliteWriter {
	w := &sqliteWriter{
		pool:    pool,
		queue:   make(chan *item, batchItems),
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),

		batchTime: batchTime,
	}
	go w.loop()
	return w
}

// do has fn run in a transaction and returns after its COMMIT, or with the error
// that undid it. If ctx ends before fn's turn, fn does not run.
func (w *sqliteWriter) do(ctx context.Context, fn func(q tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	it := &item{fn: fn, turn: make(chan tx, 1), ran: make(chan error, 1), answer: make(chan error, 1)}
	select {
	case <-w.stop:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	case w.queue <- it:
	}
	cancelled, stopped := ctx.Done(), w.stopped
	for {
		select {
		case q := <-it.turn:
			it.run(q)
		case err := <-it.answer:
			return err
		case <-cancelled:
			if it.state.CompareAndSwap(waiting, gone) {
				return ctx.Err()
			}
			cancelled = nil // it has begun: its outcome is worth the wait
		case <-stopped:
			if it.state.CompareAndSwap(waiting, gone) {
				return ErrClosed
			}
			stopped = nil
		}
	}
}

// run runs fn and reports its outcome to the writer, even if it panics or ends
// the goroutine.
func (it *item) run(q tx) {
	err := errPanicked
	defer func() { it.ran <- err }()
	err = it.fn(q)
}

// claim reports whether the item is to run: it is not abandoned.
func (it *item) claim() bool {
	return it.state.CompareAndSwap(waiting, started) || it.state.Load() == started
}

func (it *item) finish(err error) {
	it.state.Store(gone)
	it.answer <- err
}

func (w *sqliteWriter) close() {
	w.once.Do(func() { close(w.stop) })
	<-w.stopped
}

func (w *sqliteWriter) loop() {
	defer close(w.stopped)
	defer w.dropSession()
	for {
		select {
		case it := <-w.queue:
			w.batch(it)
			continue
		default:
		}
		select {
		case it := <-w.queue:
			w.batch(it)
		case <-w.stop:
			w.drain()
			return
		}
	}
}

// drain finishes what was queued before the end.
func (w *sqliteWriter) drain() {
	for {
		select {
		case it := <-w.queue:
			w.batch(it)
		default:
			return
		}
	}
}

// batch runs first, and what is queued behind it, in one transaction and answers
// after its COMMIT.
func (w *sqliteWriter) batch(first *item) {
	items := []*item{first}
	var err error
	for range maxReplays {
		if err = w.begin(); err != nil {
			break
		}
		if items, err = w.fill(items); err == nil {
			err = w.commit()
		}
		if err == nil {
			w.committed.Add(1)
			for _, it := range items {
				it.finish(it.err)
			}
			return
		}
		w.rollback()
		if !errors.Is(err, errLost) && !isBusy(err) {
			break
		}
	}
	w.refuse(items, err)
}

// refuse tells items that nothing was changed, and why. If the file is held by
// another process the queue is told too, rather than each in turn after a wait
// of its own.
func (w *sqliteWriter) refuse(items []*item, err error) {
	for more := isBusy(err); more; {
		select {
		case it := <-w.queue:
			items = append(items, it)
		default:
			more = false
		}
	}
	if err = sqliteFault(err); !known(err) {
		err = ErrUnavailable.Because(err)
	}
	for _, it := range items {
		if it.claim() {
			it.finish(err)
		}
	}
}

// fill runs items and then what the queue holds, until it is empty or the batch is
// full, and returns those that take part in the commit.
func (w *sqliteWriter) fill(items []*item) ([]*item, error) {
	begun := time.Now()
	kept := make([]*item, 0, len(items))
	for i := 0; ; i++ {
		if i == len(items) {
			it := w.next(len(kept), begun)
			if it == nil {
				return kept, nil
			}
			items = append(items, it)
		}
		it := items[i]
		if !it.claim() {
			continue
		}
		if err := w.runItem(it); err != nil {
			// Those that did not run yet belong to the next attempt as well.
			rest := append(kept, items[i:]...)
			return rest, err
		}
		if it.state.Load() == started {
			kept = append(kept, it)
		}
	}
}

// next takes an item from the queue, nil if the batch is to end.
func (w *sqliteWriter) next(size int, begun time.Time) *item {
	if size >= batchItems || time.Since(begun) >= w.batchTime {
		return nil
	}
	select {
	case it := <-w.queue:
		return it
	default:
		return nil
	}
}

// runItem lets it run behind a savepoint. The error says that the transaction as a
// whole is lost; it is nil if the item alone failed.
func (w *sqliteWriter) runItem(it *item) error {
	if err := w.control("SAVEPOINT item"); err != nil {
		return err
	}
	it.turn <- tx{q: w.session, heads: &w.heads}
	it.err = <-it.ran
	if it.err == nil {
		if err := w.control("RELEASE SAVEPOINT item"); err != nil {
			return errors.Join(errLost, err)
		}
		return nil
	}
	err := w.control("ROLLBACK TO SAVEPOINT item")
	if err == nil {
		err = w.control("RELEASE SAVEPOINT item")
	}
	if it.err == errPanicked {
		it.state.Store(gone) // its caller is unwinding and needs no answer
	}
	if err == nil {
		return nil
	}
	// A full disk, or a failing one, makes SQLite roll back everything, savepoints
	// included. The item that met it is told; its neighbours are run again.
	if told := sqliteFault(it.err); errors.Is(told, ErrFull) || errors.Is(told, ErrUnavailable) {
		it.finish(told)
	}
	return errors.Join(errLost, it.err, err)
}

// begin opens the transaction, waiting for other processes.
func (w *sqliteWriter) begin() error {
	if w.session == nil || w.session.spoilt {
		w.dropSession()
		s, err := newSession(context.Background(), w.pool)
		if err != nil {
			return err
		}
		s.shared = true
		w.session = s
	}
	return retryBusy(context.Background(), func() error { return w.control("BEGIN IMMEDIATE") })
}

func (w *sqliteWriter) commit() error {
	if w.beforeCommit != nil {
		if err := w.beforeCommit(); err != nil {
			return err
		}
	}
	return w.control("COMMIT")
}

// rollback ends a transaction that cannot be committed. If SQLite has ended it
// already there is nothing to roll back; in any other case of failure the
// connection is not trusted again.
func (w *sqliteWriter) rollback() {
	if err := w.control("ROLLBACK"); err != nil && sqliteCode(err) != sqlite3.SQLITE_ERROR {
		w.session.spoilt = true
	}
}

func (w *sqliteWriter) control(text string) error {
	_, err := w.session.ExecContext(context.Background(), text)
	if err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	return nil
}

func (w *sqliteWriter) dropSession() {
	if w.session != nil {
		w.session.close()
		w.session = nil
	}
}

func isBusy(err error) bool { return sqliteCode(err) == sqlite3.SQLITE_BUSY }

// retryBusy repeats fn while another process holds the file. The pauses are short
// and uneven, so that it finds the gap between the commits of a busy process.
func retryBusy(ctx context.Context, fn func() error) error {
	end := time.Now().Add(busyTime)
	for {
		err := fn()
		if !isBusy(err) || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Duration(200+rand.IntN(800)) * time.Microsecond):
		}
	}
}
