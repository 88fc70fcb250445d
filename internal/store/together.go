package store

import (
	"context"
	"errors"
	"time"
)

// endTime is how long what Together has gathered may take to become lasting.
const endTime = 10 * time.Second

// Together runs fn such that all that it writes becomes lasting together, or nothing of it.
// It is InTx for work that only ends with writing: the transaction begins with fn's first
// write. Before it fn may do what it likes for as long as it likes, and reads what others have
// committed; from there on it holds up others, as in InTx. A write that fails undoes
// itself and nothing else, unless its method says that nothing is to follow it. fn may run
// more than once.
//
// The end of ctx is for fn to hear of: what it has written by the time it returns nil is
// committed. Errors: what fn returned, and the faults of this package.
func (db *DB) Together(ctx context.Context, fn func(ctx context.Context) error) error {
	if db.unit(ctx) != nil {
		return db.InTx(ctx, fn)
	}
	var err error
	for range writeAttempts {
		l := &late{db: db}
		if err = l.run(ctx, fn); err == nil || !l.again {
			return err
		}
	}
	return ErrBusy.Because(err)
}

// writeLast is write for what the work of Together ends with. It costs no savepoint there, since
// an error of it undoes all; where that is one of a statement that waits, Together tells it.
// Where it is the only thing that is written it is an ordinary transaction, which the engine may
// repeat without the work before it: that may have been done elsewhere. In a part it ends the
// part, and an error of it undoes that.
func (db *DB) writeLast(ctx context.Context, fn func(ctx context.Context, q tx) error) error {
	u := db.unit(ctx)
	switch {
	case u == nil || u.late == nil:
		return db.write(ctx, fn)
	case u.ended:
		return errEnded
	case !u.hasBegun():
		err := db.write(context.WithValue(ctx, unitKey{}, nil), fn)
		u.ended = err == nil
		return err
	}
	if u.broken != nil {
		return u.broken
	}
	err := db.engine.fault(u.carefully(func() error { return fn(ctx, u.tx) }))
	if u.depth == 0 {
		u.broken = err
	}
	return err
}

// late is a transaction that begins with its first write. The engine runs it on a goroutine
// of its own, which lends it to the caller's and waits: never do both use it.
type late struct {
	db    *DB
	unit  *unit
	again bool // it was undone for reasons of the engine, and may go well if run again

	// Of the transaction that has begun; nil before.
	over chan error // the outcome of its work, for the engine
	done chan error // the engine's answer
	stop context.CancelFunc
}

func (l *late) run(ctx context.Context, fn func(ctx context.Context) error) error {
	u := &unit{db: l.db, late: l}
	l.unit = u
	defer func() {
		u.ended = true
		l.undo(errUnfinished) // after an end of another kind it does nothing
		u.releaseSettings()
	}()
	inside := context.WithValue(ctx, unitKey{}, u)
	if err := fn(inside); err != nil {
		l.undo(err)
		return err
	}
	if l.over != nil {
		if err := l.end(inside); err != nil {
			return err
		}
		l.db.written.Add(1)
	}
	for _, hook := range u.hooks {
		hook()
	}
	return nil
}

// end makes what was gathered lasting.
func (l *late) end(inside context.Context) error {
	inside, cancel := context.WithTimeout(context.WithoutCancel(inside), endTime)
	defer cancel()
	if err := l.unit.finish(inside); err != nil {
		return l.undo(err)
	}
	defer time.AfterFunc(endTime, l.stop).Stop()
	return l.undo(nil)
}

// errUnfinished undoes what a panic, or haste, has left.
var errUnfinished = errors.New("store: the work of a transaction was not finished")

// errAgain says that the engine would have the work of a transaction run again, which has been
// done outside its sight.
var errAgain = errors.New("store: what was gathered has to be gathered again")

// begin has the engine begin, and runs fn as the first part. Nothing is before it, so it is
// repeated as a transaction of its own would be.
func (l *late) begin(ctx context.Context, fn func(ctx context.Context, q tx) error) error {
	careful := false
	err := repeat(ctx, func() error {
		err := l.beginOnce(ctx, fn, careful)
		if errors.Is(err, errHasty) && !careful {
			careful = true
			err = l.beginOnce(ctx, fn, careful)
		}
		return err
	})
	if errors.Is(err, errNotBegun) {
		err = ErrBusy.Because(err)
	}
	return l.db.engine.fault(err)
}

func (l *late) beginOnce(ctx context.Context, fn func(ctx context.Context, q tx) error, careful bool) error {
	if err := l.borrow(ctx); err != nil {
		return err
	}
	u := l.unit
	hooks := len(u.hooks)
	u.tx.careful = careful
	err := u.within(ctx, fn)
	if err == nil {
		u.tx.careful = false
		return nil
	}
	if u.tx.wasHasty(err) {
		err = errHasty
	}
	if p := u.tx.pipe; p != nil {
		p.refused, p.hasty = nil, false
	}
	u.events, u.hooks, u.broken = nil, u.hooks[:hooks], nil
	// The engine is told of an error that it does not repeat: what can be is repeated here.
	switch left := l.leave(errUnfinished); {
	case errors.Is(left, errAgain): // SQLite lost the batch that it was in
		return errors.Join(errNotBegun, err)
	case !errors.Is(left, errUnfinished):
		return left
	}
	return err
}

// borrow has the engine begin, and lend the transaction.
func (l *late) borrow(ctx context.Context) error {
	lasting, stop := context.WithCancel(context.WithoutCancel(ctx))
	lent, over, done := make(chan tx), make(chan error, 1), make(chan error, 1)
	go func() {
		run := false
		done <- l.db.engine.write(lasting, func(q tx) error {
			if run {
				return errAgain
			}
			run = true
			select {
			case lent <- q:
				return <-over
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	select {
	case l.unit.tx = <-lent:
		l.over, l.done, l.stop = over, done, stop
		return nil
	case err := <-done:
		stop()
		return err
	case <-ctx.Done():
		stop()
		return ctx.Err()
	}
}

// undo ends the transaction, if one has begun, with nothing changed. It returns what came of it.
func (l *late) undo(err error) error {
	if l.over == nil {
		return err
	}
	if err = l.leave(err); err == nil {
		return nil
	}
	l.again = l.again || errors.Is(err, errAgain)
	return l.db.engine.fault(err)
}

// leave tells the engine how the work has come out, and waits for its answer.
func (l *late) leave(err error) error {
	l.over <- err
	err = <-l.done
	l.stop()
	l.over, l.done, l.stop = nil, nil, nil
	l.unit.tx = tx{}
	return err
}
