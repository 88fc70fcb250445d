package store

import (
	"context"
	"errors"
	"fmt"

	"bestow.dev/internal/audit"
)

// unit is one transaction as the store's methods see it: its statements, what is
// to be written as its last thing, and what follows its commit.
type unit struct {
	db     *DB
	tx     tx
	events []audit.Event
	hooks  []func()
	depth  int   // of savepoints
	broken error // a savepoint could not be undone: the whole must not commit
	ended  bool
	late   *late // where it begins with its first write; nil: it has begun

	changesSettings bool // that others may remember
	holdsSettings   bool
}

// unitKey carries the *unit of the transaction a context is in.
type unitKey struct{}

var errEnded = errors.New("store: a transaction's context was used after its end")

// unit returns the transaction of this database that ctx is in, or nil.
func (db *DB) unit(ctx context.Context) *unit {
	u, _ := ctx.Value(unitKey{}).(*unit)
	if u == nil || u.db != db {
		return nil
	}
	return u
}

// hasBegun reports whether there is a transaction, and not only the will to make one.
func (u *unit) hasBegun() bool { return u != nil && (u.late == nil || u.late.over != nil) }

// InTx runs fn in one transaction: store methods that are called with the context
// given to fn join it, and all of them are committed together if fn returns nil.
//
// A method that fails inside undoes its own changes and no others; fn decides
// whether its error ends the transaction. A panic ends it. fn may run more than
// once, so it sets captured variables rather than adding to them; it holds no
// cryptography, HTTP or waiting, and does not keep its context. Within a
// transaction InTx is a part of it that can fail alone.
//
// Errors: what fn returned, and the faults of this package.
func (db *DB) InTx(ctx context.Context, fn func(ctx context.Context) error) error {
	return db.write(ctx, func(ctx context.Context, _ tx) error { return fn(ctx) })
}

// write runs fn in the transaction that ctx is in, as a part that can fail alone,
// or else in one of its own. Package documentation says what fn may do.
func (db *DB) write(ctx context.Context, fn func(ctx context.Context, q tx) error) error {
	if u := db.unit(ctx); u != nil {
		return u.part(ctx, fn)
	}
	var u *unit
	defer func() { u.releaseSettings() }()
	err := db.engine.write(ctx, func(q tx) error {
		u.releaseSettings() // of an attempt that did not last
		u = &unit{db: db, tx: q}
		defer func() { u.ended = true }()
		inside := context.WithValue(ctx, unitKey{}, u)
		if err := fn(inside, q); err != nil {
			return err
		}
		return u.finish(inside)
	})
	if err != nil {
		return db.engine.fault(err)
	}
	db.written.Add(1)
	for _, hook := range u.hooks {
		hook()
	}
	return nil
}

// read runs fn with a connection for reading: in the transaction that ctx is in,
// or else such that each statement sees all that was committed before it.
func (db *DB) read(ctx context.Context, fn func(ctx context.Context, q tx) error) error {
	if u := db.unit(ctx); u.hasBegun() {
		return u.look(ctx, fn)
	}
	return db.engine.fault(db.engine.read(ctx, func(q tx) error { return fn(ctx, q) }))
}

// searching marks the context of a search.
type searching struct{}

// search is read for a statement that may have to look through a whole table: it is
// interrupted when ctx ends.
func (db *DB) search(ctx context.Context, fn func(ctx context.Context, q tx) error) error {
	return db.read(context.WithValue(ctx, searching{}, true), fn)
}

// snapshot is read for several statements that must see one moment.
func (db *DB) snapshot(ctx context.Context, fn func(ctx context.Context, q tx) error) error {
	if u := db.unit(ctx); u.hasBegun() {
		return u.look(ctx, fn)
	}
	return db.engine.fault(db.engine.snapshot(ctx, func(q tx) error { return fn(ctx, q) }))
}

// onCommit has fn called once the transaction that ctx is in is lasting, by the
// goroutine that asked for it and before its call returns; at once if ctx is in
// none. fn is quick: a wake-up, a notification. It is not called after a
// rollback.
func (db *DB) onCommit(ctx context.Context, fn func()) {
	if u := db.unit(ctx); u != nil {
		u.hooks = append(u.hooks, fn)
		return
	}
	fn()
}

// part runs fn behind a savepoint, so that its error undoes its own changes,
// events and hooks only.
func (u *unit) part(ctx context.Context, fn func(ctx context.Context, q tx) error) error {
	if u.ended {
		return errEnded
	}
	if u.broken != nil {
		return u.broken
	}
	if u.late != nil && u.late.over == nil {
		return u.late.begin(ctx, fn)
	}
	u.depth++
	defer func() { u.depth-- }()
	name := fmt.Sprintf("part%d", u.depth)
	// What waits from before the part is not the part's.
	if err := errors.Join(u.tx.flush(ctx), u.tx.Later(ctx, "SAVEPOINT "+name)); err != nil {
		if u.tx.wasHasty(err) {
			return err // whoever it belongs to is run again
		}
		u.broken = u.db.engine.fault(err)
		return u.broken
	}
	events, hooks := len(u.events), len(u.hooks)
	if err := u.within(ctx, fn); err != nil {
		u.events, u.hooks = u.events[:events], u.hooks[:hooks]
		hasty := u.tx.wasHasty(err)
		if undo := u.undo(ctx, name); undo != nil {
			u.broken = u.db.engine.fault(errors.Join(err, undo))
			return u.broken
		}
		if u.late != nil && repeatable(err) {
			// Whatever was made of it: all has to be done again.
			u.late.again, u.broken = true, u.db.engine.fault(err)
			return u.broken
		}
		if hasty && !u.tx.careful {
			return u.carefully(func() error { return u.part(ctx, fn) })
		}
		return u.db.engine.fault(err)
	}
	if err := u.tx.Later(ctx, "RELEASE SAVEPOINT "+name); err != nil {
		u.broken = u.db.engine.fault(err)
		return u.broken
	}
	return nil
}

// carefully runs fn with nothing taken for granted.
func (u *unit) carefully(fn func() error) error {
	before := u.tx.careful
	u.tx.careful = true
	defer func() { u.tx.careful = before }()
	return fn()
}

// within runs fn, and what it has left to wait.
func (u *unit) within(ctx context.Context, fn func(ctx context.Context, q tx) error) error {
	if err := fn(ctx, u.tx); err != nil {
		return err
	}
	return u.tx.flush(ctx)
}

func (u *unit) undo(ctx context.Context, name string) error {
	if p := u.tx.pipe; p != nil {
		p.refused, p.hasty = nil, false // of this part: one from before would have kept it from beginning
		if p.takeBack("SAVEPOINT " + name) {
			return nil
		}
	}
	if _, err := u.tx.Exec(ctx, "ROLLBACK TO SAVEPOINT "+name); err != nil {
		return err
	}
	_, err := u.tx.Exec(ctx, "RELEASE SAVEPOINT "+name)
	return err
}

// look runs fn inside the transaction, for reading.
func (u *unit) look(ctx context.Context, fn func(ctx context.Context, q tx) error) error {
	if u.ended {
		return errEnded
	}
	if u.broken != nil {
		return u.broken
	}
	return u.db.engine.fault(fn(ctx, u.tx))
}

// finish does what comes last before COMMIT.
func (u *unit) finish(ctx context.Context) error {
	if u.broken != nil {
		return u.broken
	}
	if len(u.events) > 0 {
		if err := (webhookStore{u.db}).tellOfAudit(ctx, u.tx, u.events); err != nil {
			return fmt.Errorf("tell webhooks: %w", err)
		}
		if err := u.writeAudit(ctx); err != nil {
			return err
		}
	}
	u.holdSettings()
	return nil
}
