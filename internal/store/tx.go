package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"bestow.dev/internal/audit"
)

// queryer is a connection, pool or transaction of database/sql.
type queryer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// tx runs statements in a transaction, or on the read pool. It is for one
// goroutine and for the call it was given to.
type tx struct {
	q queryer

	// pipe is where statements wait for the next one; nil where none does.
	pipe *pipe

	// heads are where this node's transactions have left the trails.
	heads *heads

	// careful has nothing taken for granted; see Expect.
	careful bool

	// line has the transaction wait its turn at a tenant's trail until it ends, where
	// many waiting for one row are a burden on the server. Nil: there is no need.
	line func(ctx context.Context, tenant string) error
}

// Exec runs a statement and returns how many rows it changed.
func (t tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := t.q.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Later runs a statement of which nobody needs an answer before the transaction goes on. On
// PostgreSQL it waits for the next one that somebody does need, or for the end of its part
// or transaction, and saves a round trip; its error is that of the call that it has waited
// for. Statements are run in the order of the calls.
func (t tx) Later(ctx context.Context, query string, args ...any) error {
	return t.LaterFor(ctx, nil, query, args...)
}

// LaterFor is Later for a statement of which told hears how many rows it has changed, before
// the hooks of the transaction run.
func (t tx) LaterFor(ctx context.Context, told func(changed int64), query string, args ...any) error {
	if t.pipe != nil {
		return t.pipe.later(statement{text: query, args: args, told: told})
	}
	n, err := t.Exec(ctx, query, args...)
	if err == nil && told != nil {
		told(n)
	}
	return err
}

// Must is Later for an INSERT, UPDATE or DELETE that has to change something: if there is
// nothing to change, refusal undoes its part or transaction, even if nobody hears of it.
func (t tx) Must(ctx context.Context, refusal error, query string, args ...any) error {
	if t.pipe != nil {
		return t.pipe.later(statement{text: query, args: args, must: refusal})
	}
	n, err := t.Exec(ctx, query, args...)
	if err == nil && n == 0 {
		err = refusal
	}
	return err
}

// Expect is Exec for an INSERT, UPDATE or DELETE that as a rule changes one row. On PostgreSQL it
// then waits like Later, and the caller is told 1. Where it has changed none after all, or
// something beside it went wrong, the part or transaction is undone and run again, carefully:
// then Expect is Exec, and the caller finds out what it was.
func (t tx) Expect(ctx context.Context, query string, args ...any) (int64, error) {
	if t.pipe == nil || t.careful {
		return t.Exec(ctx, query, args...)
	}
	t.pipe.hasty = true
	return 1, t.pipe.later(statement{text: query, args: args, must: errHasty})
}

// ExpectRow is Expect for a statement that as a rule returns one row, and reports whether it does.
// On PostgreSQL dest has the row's columns once flush, or a statement that is answered, has
// returned: not before.
func (t tx) ExpectRow(ctx context.Context, dest []any, query string, args ...any) (found bool, err error) {
	if t.pipe == nil || t.careful {
		err := t.QueryRow(ctx, query, args...).Scan(dest...)
		if errors.Is(err, sql.ErrNoRows) {
			return false, nil
		}
		return err == nil, err
	}
	t.pipe.hasty = true
	return true, t.pipe.later(statement{text: query, args: args, must: errHasty, dest: dest})
}

// carefully returns t with nothing taken for granted: for what may well be otherwise.
func (t tx) carefully() tx {
	t.careful = true
	return t
}

// errHasty says that something was taken for granted that is not so.
var errHasty = errors.New("store: a part of a transaction has to be run again, carefully")

// wasHasty reports whether err, or what it was made of, is errHasty.
func (t tx) wasHasty(err error) bool {
	return errors.Is(err, errHasty) || t.pipe != nil && errors.Is(t.pipe.refused, errHasty)
}

// flush has run what waits.
func (t tx) flush(ctx context.Context) error {
	if t.pipe == nil {
		return nil
	}
	return t.pipe.flush(ctx)
}

// Query runs a statement that returns rows. The caller closes them before the
// next statement; collect does.
func (t tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.q.QueryContext(ctx, query, args...)
}

// QueryRow runs a statement of which the first row is wanted.
func (t tx) QueryRow(ctx context.Context, query string, args ...any) row {
	rows, err := t.q.QueryContext(ctx, query, args...)
	return row{rows, err}
}

// row is the first row of a result.
type row struct {
	rows *sql.Rows
	err  error
}

// Scan copies the row's columns into dest. It returns [sql.ErrNoRows] if there is
// no row.
func (r row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	return r.rows.Close()
}

// collect reads all rows through scan and closes them. It takes what Query
// returned as it is:
//
//	rows, err := q.Query(ctx, text, args...)
//	return collect(rows, err, scanThing)
func collect[T any](rows *sql.Rows, err error, scan func(rows *sql.Rows) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return all, rows.Close()
}

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
