package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// pipes makes the connections of a pool pipes.
type pipes struct{ driver.Connector }

// Connect implements [driver.Connector].
func (c pipes) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &pipe{Conn: conn.(*stdlib.Conn)}, nil
}

// pipe is a connection on which statements can wait for the next one: they are sent with
// it, and answered in the same round trip. A statement that fails keeps those behind it
// from being run.
type pipe struct {
	*stdlib.Conn
	waiting []statement
	checks  int // of those that wait
}

// statement is one that nobody waits for.
type statement struct {
	text string
	args []any
	then func(changed int64) error // judges it; nil: there is nothing to judge
}

// later has a statement wait for the next one.
func (p *pipe) later(s statement) {
	p.waiting = append(p.waiting, s)
	if s.then != nil {
		p.checks++
	}
}

// takeBack drops what waits, and reports whether text is the first of it.
func (p *pipe) takeBack(text string) bool {
	defer p.forget()
	return len(p.waiting) > 0 && p.waiting[0].text == text
}

// forget drops what waits.
func (p *pipe) forget() { p.waiting, p.checks = nil, 0 }

const (
	begin  = "BEGIN"
	commit = "COMMIT"
)

// begin has a transaction begin with the next statement.
func (p *pipe) begin() { p.later(statement{text: begin}) }

// commit ends the transaction with all that waits. What has to be judged is judged first.
func (p *pipe) commit(ctx context.Context) error {
	if p.checks > 0 {
		if err := p.flush(ctx); err != nil {
			return err
		}
	}
	var aborted bool
	p.later(statement{text: commit})
	err := p.send(ctx, func(r pgx.BatchResults) error {
		tag, err := r.Exec()
		aborted = tag.String() == "ROLLBACK" // a statement had failed
		return err
	})
	if err == nil && aborted {
		err = pgx.ErrTxCommitRollback
	}
	return err
}

// rollback ends the transaction, if it has begun and not ended. A connection on which that
// fails is closed.
func (p *pipe) rollback(ctx context.Context) error {
	p.forget()
	if c := p.Conn.Conn(); c.IsClosed() || c.PgConn().TxStatus() == 'I' {
		return nil
	}
	_, err := p.Conn.Conn().Exec(ctx, "ROLLBACK")
	if err != nil {
		return errors.Join(err, p.Conn.Close())
	}
	return nil
}

// flush sends what waits, and judges it.
func (p *pipe) flush(ctx context.Context) error {
	if len(p.waiting) == 0 {
		return nil
	}
	return p.send(ctx, nil)
}

// send sends what waits, judges it, and hands the answer of the last to read; without read
// that one is judged too.
func (p *pipe) send(ctx context.Context, read func(pgx.BatchResults) error) (err error) {
	waiting := p.waiting
	p.forget()
	if p.Conn.Conn().IsClosed() {
		return driver.ErrBadConn
	}
	batch := &pgx.Batch{}
	for _, s := range waiting {
		batch.Queue(s.text, s.args...)
	}
	results := p.Conn.Conn().SendBatch(ctx, batch)
	defer func() {
		if closed := results.Close(); err == nil {
			err = closed
		}
		err = whySent(waiting, err)
	}()
	last := len(waiting)
	if read != nil {
		last--
	}
	for _, s := range waiting[:last] {
		tag, err := results.Exec()
		if err == nil && s.then != nil {
			err = s.then(tag.RowsAffected())
		}
		if err != nil {
			return err
		}
	}
	if read == nil {
		return nil
	}
	return read(results)
}

// whySent is the error of statements that were sent together. Where the connection was
// lost before it began a transaction that lasts beyond them, nothing has happened yet.
func whySent(sent []statement, err error) error {
	switch {
	case err == nil:
		return nil
	case pgconn.SafeToRetry(err):
		return errors.Join(driver.ErrBadConn, err)
	case sent[0].text == begin && sent[len(sent)-1].text != commit && lost(err):
		return errors.Join(errNotBegun, err)
	}
	return err
}

// ExecContext implements [driver.ExecerContext]. A text without arguments may be several
// statements, which have to travel alone.
func (p *pipe) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	if len(p.waiting) == 0 || len(args) == 0 {
		if err := p.flush(ctx); err != nil {
			return nil, err
		}
		return p.Conn.ExecContext(ctx, text, args)
	}
	var changed int64
	p.later(statement{text: text, args: values(args)})
	err := p.send(ctx, func(r pgx.BatchResults) error {
		tag, err := r.Exec()
		changed = tag.RowsAffected()
		return err
	})
	return driver.RowsAffected(changed), err
}

// QueryContext implements [driver.QueryerContext].
func (p *pipe) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	if len(p.waiting) == 0 {
		return p.Conn.QueryContext(ctx, text, args)
	}
	p.later(statement{text: text, args: values(args)})
	var found *rowsRead
	err := p.send(ctx, func(r pgx.BatchResults) (err error) {
		found, err = readRows(r.Query())
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

func values(args []driver.NamedValue) []any {
	all := make([]any, len(args))
	for i, a := range args {
		all[i] = a.Value
	}
	return all
}

// rowsRead are rows that were read to their end, since what was sent together is answered
// as a whole.
type rowsRead struct {
	columns []string
	rest    [][]any
}

func readRows(rows pgx.Rows, err error) (*rowsRead, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	r := &rowsRead{}
	for _, f := range rows.FieldDescriptions() {
		r.columns = append(r.columns, f.Name)
	}
	for rows.Next() {
		row, err := rows.Values()
		if err != nil {
			return nil, err
		}
		r.rest = append(r.rest, row)
	}
	rows.Close()
	return r, rows.Err()
}

// Columns implements [driver.Rows].
func (r *rowsRead) Columns() []string { return r.columns }

// Close implements [driver.Rows].
func (r *rowsRead) Close() error { return nil }

// Next implements [driver.Rows].
func (r *rowsRead) Next(dest []driver.Value) error {
	if len(r.rest) == 0 {
		return io.EOF
	}
	for i, v := range r.rest[0] {
		dest[i] = v
	}
	r.rest = r.rest[1:]
	return nil
}
