package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"hash/fnv"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3/database"

	"bestow.dev/internal/fault"
)

// postgresEngine is a PostgreSQL database, shared by any number of nodes.
type postgresEngine struct {
	config  *pgx.ConnConfig
	pool    *sql.DB
	log     *slog.Logger
	carrier *carrier
	lines   lines
	heads   heads
	flushes flushes

	committed atomic.Int64
}

// writeAttempts is how often a transaction is tried that PostgreSQL asks to be
// repeated.
const writeAttempts = 8

func openPostgres(ctx context.Context, c Config, log *slog.Logger) (engine, error) {
	config, err := pgx.ParseConfig(c.Postgres)
	if err != nil {
		// The parser's text quotes the string it was given, password and all.
		return nil, errors.New("the PostgreSQL connection string does not parse")
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "bestow"
	}
	n := c.Connections
	if n <= 0 {
		n = max(16, 8*runtime.GOMAXPROCS(0))
	}
	n = max(n, 2) // one holds the lock while another migrates
	pool := sql.OpenDB(pipes{stdlib.GetConnector(*config)})
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	pool.SetConnMaxLifetime(time.Hour)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return &postgresEngine{config: config, pool: pool, log: log, flushes: flushes{patience: patience}}, nil
}

// write runs fn at READ COMMITTED: use cases win or lose by conditional updates,
// not by what they have read. A deadlock or serialisation failure changes nothing
// and is tried again.
func (e *postgresEngine) write(ctx context.Context, fn func(q tx) error) error {
	careful := false
	return repeat(ctx, func() error {
		err := e.writeOnce(ctx, fn, careful)
		if errors.Is(err, errHasty) {
			careful = true
			err = e.writeOnce(ctx, fn, careful)
		}
		return err
	})
}

// repeat runs once, and again as long as it may go well then.
func repeat(ctx context.Context, once func() error) error {
	var err error
	for attempt := range writeAttempts {
		if attempt > 0 {
			if pause(ctx, attempt) != nil {
				return err
			}
		}
		if err = once(); !repeatable(err) {
			return err
		}
	}
	return err
}

// borrow lends a connection, and its pipe, which is the borrower's alone until the
// connection is closed.
func (e *postgresEngine) borrow(ctx context.Context) (*sql.Conn, *pipe, error) {
	return borrow(ctx, e.pool)
}

func borrow(ctx context.Context, pool *sql.DB) (conn *sql.Conn, p *pipe, err error) {
	if conn, err = pool.Conn(ctx); err != nil {
		return nil, nil, err
	}
	if err := conn.Raw(func(c any) error { p = c.(*pipe); return nil }); err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, p, nil
}

func (e *postgresEngine) writeOnce(ctx context.Context, fn func(q tx) error, careful bool) error {
	conn, p, err := e.borrow(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var turns turns
	defer turns.end()
	p.begin()
	defer p.rollback(context.WithoutCancel(ctx)) // after a COMMIT it does nothing
	q := tx{q: conn, pipe: p, heads: &e.heads, line: e.queue(p, &turns), careful: careful}
	if err := fn(q); err != nil {
		e.unlearn(turns.tenants, err)
		if q.wasHasty(err) {
			return errHasty
		}
		return err
	}
	if err := p.commit(ctx); err != nil {
		e.unlearn(turns.tenants, err)
		return err
	}
	turns.end()
	if p.ahead {
		if err := e.flushes.wait(ctx, p); err != nil {
			return err
		}
	}
	e.committed.Add(1)
	return nil
}

// unlearn has the ends of trails forgotten that a transaction has not made to last.
func (e *postgresEngine) unlearn(tenants []string, err error) {
	for _, tenant := range tenants {
		if errors.Is(err, errHeadMoved) {
			e.heads.miss(tenant)
		} else {
			e.heads.forget(tenant)
		}
	}
}

// queue has a transaction take its turns, and keep them no longer than it has to. What waits to
// be sent may have to wait for the rows of a transaction that is behind it in line: it is sent
// first.
func (e *postgresEngine) queue(p *pipe, t *turns) func(context.Context, string) error {
	return func(ctx context.Context, tenant string) error {
		if err := p.flush(ctx); err != nil {
			return err
		}
		p.commitAhead()
		return t.take(ctx, tenant, e.lines.of(tenant))
	}
}

func pause(ctx context.Context, attempt int) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(rand.IntN(attempt*4)+1) * time.Millisecond):
		return nil
	}
}

func (e *postgresEngine) read(_ context.Context, fn func(q tx) error) error {
	return fn(tx{q: e.pool})
}

func (e *postgresEngine) snapshot(ctx context.Context, fn func(q tx) error) error {
	t, err := e.pool.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return err
	}
	defer t.Rollback()
	return fn(tx{q: t})
}

// migrate takes a lock on the schema first, so that of several nodes that start at
// once one migrates and the others find nothing to do.
func (e *postgresEngine) migrate(ctx context.Context) (made bool, err error) {
	conn, err := e.pool.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	var schema string
	if err := conn.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		return false, err
	}
	h := fnv.New64a()
	io.WriteString(h, "bestow schema "+schema)
	key := int64(h.Sum64())
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", key); err != nil {
		return false, err
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", key)
	return migrate(ctx, database.DialectPostgres, e.pool)
}

func (e *postgresEngine) carry(h *Hub) {
	e.carrier = newCarrier(e.config, e.pool, h, e.log)
	h.relay = e.carrier.send
}

func (e *postgresEngine) commits() int64 { return e.committed.Load() }

func (e *postgresEngine) ping(ctx context.Context) error { return e.pool.PingContext(ctx) }

func (e *postgresEngine) close() error {
	if e.carrier != nil {
		e.carrier.close()
	}
	return e.pool.Close()
}

// fault maps SQLSTATE classes. Those not listed are mistakes of ours and stay as
// they are, which makes them internal.
func (e *postgresEngine) fault(err error) error {
	if known(err) {
		return err
	}
	if isContext(err) || isConnectionLoss(err) || errors.Is(err, sql.ErrConnDone) {
		return ErrUnavailable.Because(err)
	}
	if strings.Contains(err.Error(), "sql: database is closed") {
		return ErrClosed.Because(err)
	}
	switch code := sqlState(err); {
	case code == "53100": // disk_full
		return ErrFull.Because(err)
	case code == "40001", code == "40P01", code == "55P03": // serialization, deadlock, lock_not_available
		return ErrBusy.Because(err)
	case strings.HasPrefix(code, "53"), strings.HasPrefix(code, "57"), strings.HasPrefix(code, "58"), strings.HasPrefix(code, "08"),
		code == "25006": // read_only_sql_transaction: a standby
		return ErrUnavailable.Because(err)
	}
	return err
}

func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// repeatable reports whether err says that nothing was changed and the transaction
// may succeed if it is run again: a serialisation failure, a deadlock, or a pooled
// connection that turned out to be dead, a trail that another node has written to.
func repeatable(err error) bool {
	if errors.Is(err, ErrOutcomeUnknown) { // whatever it came of
		return false
	}
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, errNotBegun) || errors.Is(err, errHeadMoved) {
		return true
	}
	if _, ok := errors.AsType[*fault.Error](err); ok && !errors.Is(err, ErrBusy) {
		return false
	}
	code := sqlState(err)
	return code == "40001" || code == "40P01"
}

var errNotBegun = errors.New("the transaction did not begin")

// lost reports whether err says that the connection is gone, or about to be.
func lost(err error) bool {
	return isConnectionLoss(err) || strings.HasPrefix(sqlState(err), "57P")
}

// isConnectionLoss reports whether err came from the connection rather than from
// the server.
func isConnectionLoss(err error) bool {
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return true
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	_, ok := errors.AsType[net.Error](err)
	return ok
}

// postgresUnique reads the columns out of the detail "Key (first, second)=(…) …".
// Its words depend on the server's language, its first brackets do not.
func postgresUnique(err error) (violation, bool) {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || e.Code != "23505" {
		return violation{}, false
	}
	_, rest, _ := strings.Cut(e.Detail, "(")
	list, _, _ := strings.Cut(rest, ")=")
	return violation{table: e.TableName, columns: strings.Split(list, ", ")}, true
}
