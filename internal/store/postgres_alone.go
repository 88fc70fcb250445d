package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// alone runs fn, whose statement is a transaction by itself: it is repeated as one is.
func (e *postgresEngine) alone(ctx context.Context, fn func(ctx context.Context, q tx) error) error {
	return repeat(ctx, func() error { return e.aloneOnce(ctx, fn) })
}

// aloneOnce sends the statement with a context that does not end: where ctx does, the server
// gives up, and says itself whether that came before the statement had become lasting.
func (e *postgresEngine) aloneOnce(ctx context.Context, fn func(ctx context.Context, q tx) error) error {
	conn, p, err := e.borrow(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	done := p.giveUpAfter(ctx)
	defer done()
	err = fn(context.WithoutCancel(ctx), tx{q: conn})
	switch {
	case err == nil:
		e.committed.Add(1)
		return nil
	case errors.Is(err, driver.ErrBadConn): // nothing was sent
		return err
	case pgconn.SafeToRetry(err):
		return errors.Join(driver.ErrBadConn, err)
	case lost(err):
		return ErrOutcomeUnknown.Because(err)
	}
	return err
}

// hint runs one statement whose change a crash of the server may lose: nobody relies on it.
func hint(ctx context.Context, pool *sql.DB, text string, args ...any) error {
	conn, p, err := borrow(ctx, pool)
	if err != nil {
		return err
	}
	defer conn.Close()
	p.begin()
	defer p.rollback(context.WithoutCancel(ctx))
	p.commitAhead()
	if err := p.later(statement{text: text, args: args}); err != nil {
		return err
	}
	return p.commit(ctx)
}
