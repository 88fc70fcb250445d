package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/process"
)

// stopper ends this program as a power failure would, at one chosen transaction of one run
// of a process, so that a test can have every one of them be the last. It works on
// databases that were made as test data alone.
type stopper struct {
	process.Store
	db *DB

	after bool   // right after the COMMIT, before anybody hears of it; otherwise right before
	at    int    // which transaction, from 1
	key   string // of the run's start

	mu   sync.Mutex
	seen int
	root string          // the run; empty until it has begun
	runs map[string]bool // and those that it has called
}

// ErrStopNeedsTestData says that a program was to stop at a transaction of a database that
// was not made as test data.
var ErrStopNeedsTestData = errors.New("store: only on test data can a program be told to stop")

// parseStop reads "before:N:KEY" or "after:N:KEY": the N-th transaction of the run whose
// start has that idempotency key.
func parseStop(text string) (*stopper, error) {
	side, rest, _ := strings.Cut(text, ":")
	number, key, _ := strings.Cut(rest, ":")
	at, err := strconv.Atoi(number)
	s := &stopper{after: side == "after", at: at, key: key, runs: make(map[string]bool)}
	if err != nil || at < 1 || key == "" || !s.after && side != "before" {
		return nil, fmt.Errorf("store: %q says not where to stop: want before:N:KEY or after:N:KEY", text)
	}
	return s, nil
}

// stopAt has the program stop where text says. Empty: nowhere.
func (db *DB) stopAt(ctx context.Context, text string) error {
	if text == "" {
		return nil
	}
	is, err := db.TestData(ctx)
	if err != nil {
		return err
	}
	if !is {
		return ErrStopNeedsTestData
	}
	if db.stop, err = parseStop(text); err != nil {
		return err
	}
	db.stop.Store, db.stop.db = processStore{db}, db
	return nil
}

// transact runs fn in a transaction, and stops at it if it is the one. fn reports whether
// the transaction is one of the run's.
func (s *stopper) transact(ctx context.Context, fn func(ctx context.Context) (ours bool, err error)) error {
	counted := false // fn may run again
	return s.db.InTx(ctx, func(ctx context.Context) error {
		// Among the first of what follows the COMMIT.
		last := false
		s.db.onCommit(ctx, func() {
			if last && s.after {
				die()
			}
		})
		ours, err := fn(ctx)
		if err == nil {
			err = s.db.unit(ctx).tx.flush(ctx) // one that comes to nothing does not count
		}
		if err != nil || !ours {
			return err
		}
		last = s.count(&counted)
		if last && !s.after {
			die()
		}
		return nil
	})
}

// count counts a transaction once, and reports whether it is the one to stop at.
func (s *stopper) count(counted *bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !*counted {
		*counted = true
		s.seen++
	}
	return s.seen == s.at
}

// die ends the program at once, with nothing written, sent or given back any more.
func die() {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		p.Kill()
	}
	select {}
}

// knows reports whether a run is the one, or one that it has called.
func (s *stopper) knows(run string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs[run]
}

// meet notes a run that changes, and reports whether it is ours.
func (s *stopper) meet(c *process.Change) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Begin != nil && c.Begin.Key == s.key {
		s.root = c.Run.ID
	}
	if s.root == "" || c.Run.Root != s.root {
		return false
	}
	s.runs[c.Run.ID] = true
	if c.Run.ID == s.root && !c.Run.Ended.IsZero() {
		s.root = "" // the rest is about others
	}
	return true
}

// Apply implements [process.RunStore].
func (s *stopper) Apply(ctx context.Context, c *process.Change) (before *process.Run, request [sha256.Size]byte, err error) {
	err = s.transact(ctx, func(ctx context.Context) (bool, error) {
		var err error
		before, request, err = s.Store.Apply(ctx, c)
		return err == nil && before == nil && s.meet(c), err
	})
	return before, request, err
}

// ClaimJobs implements [process.JobStore].
func (s *stopper) ClaimJobs(ctx context.Context, q process.JobQuery) (jobs []process.Job, err error) {
	err = s.transact(ctx, func(ctx context.Context) (ours bool, err error) {
		jobs, err = s.Store.ClaimJobs(ctx, q)
		for i := range jobs {
			ours = ours || s.knows(jobs[i].Run)
		}
		return ours, err
	})
	return jobs, err
}

// PostponeJob implements [process.JobStore].
func (s *stopper) PostponeJob(ctx context.Context, p *process.Postponement) error {
	return s.transact(ctx, func(ctx context.Context) (bool, error) {
		return s.knows(p.Run), s.Store.PostponeJob(ctx, p)
	})
}

// EndJob implements [process.JobStore].
func (s *stopper) EndJob(ctx context.Context, c process.JobClaim) error {
	return s.transact(ctx, func(ctx context.Context) (bool, error) { return s.begun(), s.Store.EndJob(ctx, c) })
}

// News implements [process.JobStore].
func (s *stopper) News(ctx context.Context, n process.News) (count int, err error) {
	err = s.transact(ctx, func(ctx context.Context) (bool, error) {
		var err error
		count, err = s.Store.News(ctx, n)
		return count > 0 && s.begun(), err
	})
	return count, err
}

// AddTaskLink implements [process.TaskStore].
func (s *stopper) AddTaskLink(ctx context.Context, l *process.TaskLink, e audit.Event) error {
	return s.transact(ctx, func(ctx context.Context) (bool, error) { return s.knows(l.Run), s.Store.AddTaskLink(ctx, l, e) })
}

// EndTaskSession implements [process.TaskStore].
func (s *stopper) EndTaskSession(ctx context.Context, session string, e audit.Event) error {
	return s.transact(ctx, func(ctx context.Context) (bool, error) { return s.begun(), s.Store.EndTaskSession(ctx, session, e) })
}

// OpenTaskLink implements [process.TaskStore].
func (s *stopper) OpenTaskLink(ctx context.Context, o *process.Opening, e audit.Event) error {
	return s.transact(ctx, func(ctx context.Context) (bool, error) { return s.begun(), s.Store.OpenTaskLink(ctx, o, e) })
}

// begun reports whether the run has begun: what does not say which run it is about is
// taken for its own from then on.
func (s *stopper) begun() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.root != ""
}
