package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// maxStatements bounds the prepared statements of a connection. The store's texts
// are far fewer; what goes beyond is prepared each time.
const maxStatements = 512

// session is one SQLite connection with its prepared statements. It is for one
// goroutine at a time.
type session struct {
	conn   *sql.Conn
	stmts  map[string]*sql.Stmt
	shared bool // carries the work of several callers: no caller's context may interrupt it
	spoilt bool // the connection is of no more use
}

func newSession(ctx context.Context, pool *sql.DB) (*session, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &session{conn: conn, stmts: make(map[string]*sql.Stmt)}, nil
}

// ExecContext implements queryer.
func (s *session) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	ctx, err := s.context(ctx)
	if err != nil {
		return nil, err
	}
	stmt, err := s.statement(ctx, query)
	if err != nil {
		return nil, s.note(err)
	}
	if stmt == nil {
		res, err := s.conn.ExecContext(ctx, query, args...)
		return res, s.note(err)
	}
	res, err := stmt.ExecContext(ctx, args...)
	return res, s.note(err)
}

// QueryContext implements queryer.
func (s *session) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	ctx, err := s.context(ctx)
	if err != nil {
		return nil, err
	}
	stmt, err := s.statement(ctx, query)
	if err != nil {
		return nil, s.note(err)
	}
	if stmt == nil {
		rows, err := s.conn.QueryContext(ctx, query, args...)
		return rows, s.note(err)
	}
	rows, err := stmt.QueryContext(ctx, args...)
	return rows, s.note(err)
}

// context is the context that a statement runs with: one that does not end. For one that
// may, database/sql and the driver each start a goroutine for every statement, to
// interrupt it: more work than most statements are. A context that has ended is found
// before the next statement instead, except in a search, which may take long.
func (s *session) context(ctx context.Context) (context.Context, error) {
	switch {
	case s.shared:
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case ctx.Value(searching{}) != nil:
		return ctx, nil
	}
	return context.WithoutCancel(ctx), nil
}

// statement returns the prepared statement for query, or nil if it is not to be
// kept.
func (s *session) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt := s.stmts[query]; stmt != nil {
		return stmt, nil
	}
	if len(s.stmts) >= maxStatements {
		return nil, nil
	}
	stmt, err := s.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s.stmts[query] = stmt
	return stmt, nil
}

func (s *session) note(err error) error {
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		s.spoilt = true
	}
	return err
}

func (s *session) close() {
	for _, stmt := range s.stmts {
		stmt.Close()
	}
	s.conn.Close()
}
