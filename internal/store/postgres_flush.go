package store

import (
	"context"
	"sync"
	"time"
)

// flushes have a node's transactions wait for the server's disk together.
//
// Whoever writes to a trail keeps the others from it until its COMMIT has returned, and a
// COMMIT that waits for the disk returns late. So it does not wait for the disk, it only comes
// before those that follow it; its caller waits here, with all the others, for one
// commit that does wait: what reaches the disk takes with it what was written before it, and so
// it is with a synchronous standby. Nobody is answered, and no hook runs, before that.
//
// It proves nothing across a crash of the server, after which what was not on disk is gone and
// new commits go well. So it counts only for what was committed while the connection on which
// it is made was open already.
type flushes struct {
	mu      sync.Mutex
	last    time.Time // when somebody began to flush
	busy    bool
	waiting []*flushing // the first leads next, if somebody does now
}

// flushEvery is how soon one flush may follow another. Whoever comes alone does not wait for
// it; where many come it has more of them share one.
const flushEvery = 2 * time.Millisecond

// flushing is one transaction that waits.
type flushing struct {
	pipe      *pipe
	committed time.Time
	turn      chan bool // true: it is on disk; false: see to it yourself
}

// wait returns once what was committed on p is on disk. Errors: store.outcome_unknown.
func (f *flushes) wait(ctx context.Context, p *pipe) error {
	w := &flushing{pipe: p, committed: time.Now(), turn: make(chan bool, 1)}
	f.mu.Lock()
	f.waiting = append(f.waiting, w)
	leads := !f.busy
	f.busy = true
	f.mu.Unlock()
	if !leads && <-w.turn {
		return nil
	}
	return f.lead(ctx, w)
}

// lead flushes for all who wait, w among them.
func (f *flushes) lead(ctx context.Context, w *flushing) error {
	f.mu.Lock()
	rest := time.Until(f.last.Add(flushEvery))
	f.mu.Unlock()
	time.Sleep(rest)
	f.mu.Lock()
	all := f.waiting
	f.waiting, f.last = nil, time.Now()
	f.mu.Unlock()
	err := w.pipe.flushDisk(ctx)
	var left []*flushing
	for _, other := range all {
		switch {
		case other == w:
		case err == nil && other.committed.After(w.pipe.opened):
			other.turn <- true
		default:
			left = append(left, other)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting = append(left, f.waiting...)
	if f.busy = len(f.waiting) > 0; f.busy {
		f.waiting[0].turn <- false
	}
	return err
}

const (
	// ahead has a transaction's COMMIT not wait for the disk.
	ahead = "SET LOCAL synchronous_commit TO off"

	// behind is a transaction of its own that writes next to nothing and does wait.
	behind = "SELECT pg_logical_emit_message(true, 'bestow', '')"
)

// commitAhead has p's transaction be flushed by others, or for others.
func (p *pipe) commitAhead() {
	if !p.ahead {
		p.ahead = true
		p.waiting = append(p.waiting, statement{text: ahead})
	}
}

// flushDisk returns once all that was committed so far is on disk.
func (p *pipe) flushDisk(ctx context.Context) error {
	p.waiting = []statement{{text: behind}}
	if err := p.send(context.WithoutCancel(ctx), nil); err != nil {
		return ErrOutcomeUnknown.Because(err)
	}
	return nil
}
