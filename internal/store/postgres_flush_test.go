package store

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/store/pgtest"
)

// flushWorld is a node whose flush is held: somebody leads, and does not come to an end.
type flushWorld struct {
	t  *testing.T
	db *DB
	f  *flushes
}

func newFlushWorld(t *testing.T, url string) *flushWorld {
	db := openNode(t, url)
	w := &flushWorld{t, db, &db.engine.(*postgresEngine).flushes}
	w.f.patience = 0
	w.f.busy = true
	return w
}

// write adds an event to the trail, counts how often that was done, and waits for the disk.
func (w *flushWorld) write(ctx context.Context, runs, hooks *int) error {
	return w.db.write(ctx, func(ctx context.Context, q tx) error {
		*runs++
		w.db.onCommit(ctx, func() { *hooks++ })
		return appendAudit(ctx, q, audit.Event{Tenant: "acme", Action: "test.added", Outcome: audit.OK})
	})
}

func (w *flushWorld) waits(n int) {
	w.t.Helper()
	waitUntil(w.t, func() bool {
		w.f.mu.Lock()
		defer w.f.mu.Unlock()
		return len(w.f.waiting) == n
	})
}

// handOn ends the flush that is held.
func (w *flushWorld) handOn() {
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	w.f.handOn()
}

// Nobody is answered before a flush, and one is enough for all who wait.
func TestFlushTogether(t *testing.T) {
	w := newFlushWorld(t, pgtest.URL(t))
	var all sync.WaitGroup
	var hooks [3]int
	for i := range hooks {
		all.Go(func() {
			runs := 0
			if err := w.write(t.Context(), &runs, &hooks[i]); err != nil || runs != 1 {
				t.Errorf("error %v, %d runs; want none, one", err, runs)
			}
		})
	}
	w.waits(len(hooks))
	if events := trailOf(t, w.db); events != 3 || hooks != [3]int{} {
		t.Errorf("%d events and the hooks %v before the flush, want 3 and none", events, hooks)
	}
	w.handOn()
	all.Wait()
	if hooks != [3]int{1, 1, 1} || w.f.busy || len(w.f.waiting) > 0 {
		t.Errorf("the hooks %v, somebody leads: %v, %d wait; want each once and nobody", hooks, w.f.busy, len(w.f.waiting))
	}
}

// Whoever's context ends is told that the outcome is not known, and leaves the others as they
// were, also if it was to lead them.
func TestFlushLeft(t *testing.T) {
	w := newFlushWorld(t, pgtest.URL(t))
	ctx, cancel := context.WithCancel(t.Context())
	left, stayed := make(chan error, 1), make(chan error, 1)
	var runs, hooks int
	go func() { left <- w.write(ctx, &runs, &hooks) }()
	w.waits(1)
	go func() {
		var runs, hooks int
		stayed <- w.write(t.Context(), &runs, &hooks)
	}()
	w.waits(2)
	cancel()
	if err := <-left; !errors.Is(err, ErrOutcomeUnknown) || runs != 1 || hooks != 0 {
		t.Errorf("error %v, %d runs, %d hooks; want store.outcome_unknown, one and none", err, runs, hooks)
	}
	w.waits(1)
	w.handOn()
	if err := <-stayed; err != nil {
		t.Error(err)
	}

	// One that was told to lead, and has not heard of it.
	f := &flushes{busy: true}
	gone, next := &flushing{turn: make(chan bool, 1)}, &flushing{turn: make(chan bool, 1)}
	f.waiting = []*flushing{gone, next}
	f.handOn()
	f.leave(gone)
	if len(next.turn) != 1 || <-next.turn {
		t.Error("nobody leads")
	}
}

// What has committed is not done again because its connection was lost before the flush.
func TestFlushLostConnection(t *testing.T) {
	url := pgtest.URL(t) + "&application_name=bestow_flush"
	w, other := newFlushWorld(t, url), openNode(t, url)
	done := make(chan error, 1)
	var runs, hooks int
	go func() { done <- w.write(t.Context(), &runs, &hooks) }()
	w.waits(1)
	const terminate = `SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
		WHERE application_name = 'bestow_flush' AND pid <> pg_backend_pid() AND state = 'idle'`
	if err := other.write(t.Context(), func(ctx context.Context, q tx) error {
		return q.QueryRow(ctx, terminate+" AND $1 = 1", 1).Scan(new(int))
	}); err != nil {
		t.Fatal(err)
	}
	w.handOn()
	if err := <-done; !errors.Is(err, ErrOutcomeUnknown) || runs != 1 || hooks != 0 {
		t.Errorf("error %v, %d runs, %d hooks; want store.outcome_unknown, one and none", err, runs, hooks)
	}
	if events := trailOf(t, other); events != 1 {
		t.Errorf("%d events, want one", events)
	}
}

// A flush proves nothing of what was committed before its connection was open.
func TestFlushYounger(t *testing.T) {
	w := newFlushWorld(t, pgtest.URL(t))
	done := make(chan error, 1)
	var runs, hooks int
	go func() { done <- w.write(t.Context(), &runs, &hooks) }()
	w.waits(1)
	conn, p, err := w.db.engine.(*postgresEngine).borrow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	w.f.mu.Lock()
	p.opened = w.f.waiting[0].pipe.sent.Add(1)
	w.f.mu.Unlock()
	if err := w.f.lead(t.Context(), &flushing{pipe: p}); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil { // it was told to see to it itself
		t.Error(err)
	}
	if hooks != 1 {
		t.Errorf("%d hooks, want one", hooks)
	}
}

// Whoever's context ends is not told before it has waited for a while: what was committed is as
// a rule on disk in a moment.
func TestFlushPatience(t *testing.T) {
	w := newFlushWorld(t, pgtest.URL(t))
	w.f.patience = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	var runs, hooks int
	go func() { done <- w.write(ctx, &runs, &hooks) }()
	w.waits(1)
	cancel()
	w.handOn()
	if err := <-done; err != nil || hooks != 1 {
		t.Errorf("error %v, %d hooks; want none and one", err, hooks)
	}
}

// Whoever comes right after a flush that several shared waits for others to share the next one, and
// whoever was alone does not.
func TestFlushCrowd(t *testing.T) {
	now := time.Now()
	one, two := make([]*flushing, 1), make([]*flushing, 2)
	for _, tt := range []struct {
		name    string
		crowd   bool
		waiting []*flushing
		since   time.Duration // the last one
		want    time.Duration
	}{
		{"alone", false, one, 0, 0},
		{"with another", false, two, time.Millisecond, flushEvery - time.Millisecond},
		{"alone after a crowd", true, one, time.Millisecond, flushEvery - time.Millisecond},
		{"alone long after a crowd", true, one, time.Hour, 0},
	} {
		f := flushes{crowd: tt.crowd, waiting: tt.waiting, last: now.Add(-tt.since)}
		if got := f.rest(now); got != tt.want {
			t.Errorf("%s: it is put off by %v, want %v", tt.name, got, tt.want)
		}
		f.last = now.Add(-time.Hour)
		if all := f.gather(); len(all) != len(tt.waiting) || f.crowd != (len(all) > 1) {
			t.Errorf("%s: %d are gathered, and are a crowd: %v", tt.name, len(all), f.crowd)
		}
	}
}

// The COMMIT of what is flushed with others does not wait for the disk, and the connection's next
// one does: also where the trail's end is read first, and where there are more events than a
// statement has.
func TestFlushAhead(t *testing.T) {
	db := openNode(t, pgtest.URL(t))
	e := db.engine.(*postgresEngine)
	e.pool.SetMaxOpenConns(1)
	setting := func(q queryer) (s string) {
		rows, err := q.QueryContext(t.Context(), "SELECT current_setting('synchronous_commit')")
		if err := (row{rows, err}).Scan(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, n := range []int{1, 1, 2, eventsAtOnce + 1, 1} {
		within := ""
		if err := e.write(t.Context(), func(q tx) error {
			u := &unit{db: db, tx: q}
			for range n {
				u.events = append(u.events, audit.Event{Tenant: "acme", Action: "test.added", Outcome: audit.OK})
			}
			if err := u.writeAudit(context.WithValue(t.Context(), unitKey{}, u)); err != nil {
				return err
			}
			q.pipe.sayAhead() // as the COMMIT does
			within = setting(q.q)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if after := setting(e.pool); within != "off" || after != "on" {
			t.Errorf("%d events: synchronous_commit is %s at the COMMIT and %s after it, want off and on", n, within, after)
		}
	}
}
