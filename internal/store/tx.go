package store

import (
	"context"
	"database/sql"
	"errors"
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
