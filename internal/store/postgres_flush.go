package store

import (
	"context"
	"slices"
	"sync"
	"time"
)

// flushes have a node's transactions wait for the server's disk together.
//
// Whoever writes to a trail keeps the others from it until its COMMIT has returned, and a
// COMMIT that waits for the disk returns late. So it does not wait for the disk, it only comes
// before those that follow it; its caller waits here, with all the others, for one
// commit that does wait: what reaches the disk takes with it what was written before it. No
// writer is answered, and no hook runs, before that.
//
// It proves nothing across a crash of the server, after which what was not on disk is gone and
// new commits go well. So it counts only for what was committed while the connection on which
// it is made was open already.
type flushes struct {
	patience time.Duration // the constant, except in tests

	mu      sync.Mutex
	last    time.Time // when somebody began to flush
	crowd   bool      // that was for more than one
	busy    bool
	waiting []*flushing // the first leads next, if somebody does now
}

// flushEvery is how soon one flush may follow another where several wait, or did the last time:
// more of them share one then. Whoever is alone does not wait for that.
const flushEvery = 3 * time.Millisecond

// flushing is one transaction that waits.
type flushing struct {
	pipe *pipe
	turn chan bool // true: it is on disk; false: see to it yourself
	gone bool      // its caller does not wait any more
}

// patience is how long what has been committed is waited for after its caller's context has
// ended: it is there, and as a rule on disk in a moment.
const patience = 5 * time.Second

// outlasting returns a context that ends some time after ctx does, or with stop.
func outlasting(ctx context.Context, by time.Duration) (longer context.Context, stop func()) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unlink := context.AfterFunc(ctx, func() { time.AfterFunc(by, cancel) })
	return longer, func() {
		unlink()
		cancel()
	}
}

// wait returns once what was committed on p is on disk. Errors: store.outcome_unknown, also
// where ctx has ended and that takes long.
func (f *flushes) wait(ctx context.Context, p *pipe) error {
	ctx, stop := outlasting(ctx, f.patience)
	defer stop()
	w := &flushing{pipe: p, turn: make(chan bool, 1)}
	f.mu.Lock()
	f.waiting = append(f.waiting, w)
	leads := !f.busy
	f.busy = true
	f.mu.Unlock()
	if leads {
		return f.lead(ctx, w)
	}
	select {
	case done := <-w.turn:
		if done {
			return nil
		}
		return f.lead(ctx, w)
	case <-ctx.Done():
		f.leave(w)
		return ErrOutcomeUnknown.Because(ctx.Err())
	}
}

// leave takes w from those who wait. If it was its turn to lead, it is the next one's.
func (f *flushes) leave(w *flushing) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.gone = true
	f.waiting = slices.DeleteFunc(f.waiting, func(other *flushing) bool { return other == w })
	select {
	case done := <-w.turn:
		if !done {
			f.handOn()
		}
	default:
	}
}

// handOn has the first of those who wait lead. The caller holds the lock.
func (f *flushes) handOn() {
	if f.busy = len(f.waiting) > 0; f.busy {
		f.waiting[0].turn <- false
	}
}

// lead flushes for all who wait, w among them.
func (f *flushes) lead(ctx context.Context, w *flushing) error {
	all := f.gather()
	err := w.pipe.flushDisk(ctx)
	var left []*flushing
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, other := range all {
		switch {
		case other == w, other.gone:
		case err == nil && other.pipe.sent.After(w.pipe.opened):
			other.turn <- true
		default:
			left = append(left, other)
		}
	}
	f.waiting = append(left, f.waiting...)
	f.handOn()
	return err
}

// rest is how long the next flush is put off. The caller holds the lock.
func (f *flushes) rest(now time.Time) time.Duration {
	if !f.crowd && len(f.waiting) <= 1 {
		return 0
	}
	return max(0, f.last.Add(flushEvery).Sub(now))
}

// gather takes those who wait, once it is time.
func (f *flushes) gather() []*flushing {
	f.mu.Lock()
	rest := f.rest(time.Now())
	f.mu.Unlock()
	time.Sleep(rest)
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.waiting
	f.waiting, f.last, f.crowd = nil, time.Now(), len(all) > 1
	return all
}

const (
	// ahead has a transaction's COMMIT not wait for the disk.
	ahead = "SET LOCAL synchronous_commit TO off"

	// behind writes next to nothing, so that the COMMIT after it waits for the disk.
	behind = "SELECT pg_logical_emit_message(true, 'bestow', '')"
)

// commitAhead has p's transaction be flushed by others, or for others. Where the server waits
// for a standby too, it is left to do so for each: others would see meanwhile what no standby has.
func (p *pipe) commitAhead() {
	if !p.ahead && !p.standby {
		p.ahead, p.unsaid = true, true
	}
}

// sayAhead has the server told that the COMMIT is ahead, if nothing else has told it.
func (p *pipe) sayAhead() {
	if p.unsaid {
		p.unsaid = false
		p.waiting = append(p.waiting, statement{text: ahead})
	}
}

// flushDisk returns once all that was committed so far is on disk. It gives up with ctx.
func (p *pipe) flushDisk(ctx context.Context) error {
	p.waiting = []statement{{text: behind}}
	done := p.giveUpAfter(ctx)
	defer done()
	if err := p.send(context.WithoutCancel(ctx), nil); err != nil {
		return ErrOutcomeUnknown.Because(err)
	}
	return nil
}
