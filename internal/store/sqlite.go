package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/pressly/goose/v3/database"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteEngine is a SQLite file: one connection that writes, several that read.
//
// The journal is a write-ahead log, so that readers and the writer do not wait
// for each other, and synchronous is FULL: with NORMAL, a commit that was
// answered may be gone after a power loss.
type sqliteEngine struct {
	path    string
	writers *sql.DB
	readers *sql.DB
	writer  *sqliteWriter
	reading chan struct{} // holds one for each reader that is lent
	closed  sync.Once

	mu   sync.Mutex
	idle []*session // readers that are open and not lent; the last was used last
}

// writerPatience is how long SQLite itself waits for another process's lock on
// the writing connection, in milliseconds. It is short because its later waits
// are long: the writer asks again by itself, and so finds the gap between the
// commits of a busy process.
const writerPatience = 10

// readerPatience is the same for readers, which wait only while another process
// recovers or closes the log.
const readerPatience = 5000

// writerPragmas are what the writing connection has beyond the others. What it keeps to
// undo a savepoint stays in memory: a batch has many, and pages beyond 64 KiB would go to
// a file. A recovery never needs it. The cache, in KiB, has room for what a batch changes.
// The log is copied into the file every 16 MiB: a busy server changes the same pages again
// and again, and each is copied once.
var writerPragmas = []string{"synchronous(FULL)", "journal_size_limit(67108864)", "temp_store(MEMORY)", "cache_size(-16384)", "wal_autocheckpoint(4000)"}

// migrateAttempts is how often a process that starts beside others tries to bring
// the schema up to date.
const migrateAttempts = 20

// PostgreSQL has the function sha256; here it is ours.
func init() {
	sqlite.MustRegisterDeterministicScalarFunction("sha256", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		b, ok := args[0].([]byte)
		if !ok {
			return nil, nil
		}
		sum := sha256.Sum256(b)
		return sum[:], nil
	})
}

func openSQLite(ctx context.Context, c Config) (engine, error) {
	path, err := filepath.Abs(c.SQLite)
	if err != nil {
		return nil, err
	}
	if err := makePrivate(path); err != nil {
		return nil, err
	}
	readers := c.Connections
	if readers <= 0 {
		readers = max(4, 2*runtime.GOMAXPROCS(0))
	}
	e := &sqliteEngine{path: path, reading: make(chan struct{}, readers)}
	if e.writers, err = sql.Open("sqlite", sqliteDSN(path, writerPatience, writerPragmas...)); err != nil {
		return nil, err
	}
	if e.readers, err = sql.Open("sqlite", sqliteDSN(path, readerPatience, "query_only(1)")); err != nil {
		return nil, err
	}
	e.writers.SetMaxIdleConns(1)
	// The first connection turns the log on, which needs the file for itself.
	if err := retryBusy(ctx, func() error { return e.writers.PingContext(ctx) }); err != nil {
		return nil, errors.Join(err, e.writers.Close(), e.readers.Close())
	}
	e.writer = newSQLiteWriter(e.writers)
	return e, nil
}

// makePrivate makes the file and its directory for their owner alone. SQLite gives
// the files beside it, the log and its index, the mode of the database.
func makePrivate(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// sqliteDSN is the name under which the driver opens path with pragmas set on
// every connection.
func sqliteDSN(path string, patience int, pragmas ...string) string {
	q := url.Values{"_txlock": {"immediate"}}
	q.Add("_pragma", fmt.Sprintf("busy_timeout(%d)", patience))
	q.Add("_pragma", "foreign_keys(1)")
	if !strings.Contains(strings.Join(pragmas, " "), "query_only") {
		q.Add("_pragma", "journal_mode(WAL)")
	}
	for _, p := range pragmas {
		q.Add("_pragma", p)
	}
	if path = filepath.ToSlash(path); path[0] != '/' {
		path = "/" + path // a drive letter
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	return u.String()
}

func (e *sqliteEngine) write(ctx context.Context, fn func(q tx) error) error {
	return e.writer.do(ctx, fn)
}

// alone shares a COMMIT with others, which costs less than one of its own.
func (e *sqliteEngine) alone(ctx context.Context, fn func(ctx context.Context, q tx) error) error {
	return e.write(ctx, func(q tx) error { return fn(ctx, q) })
}

func (e *sqliteEngine) read(ctx context.Context, fn func(q tx) error) error {
	s, err := e.borrow(ctx)
	if err != nil {
		return err
	}
	defer e.giveBack(s)
	return fn(tx{q: s})
}

// snapshot reads within a transaction: its first statement fixes what the
// following ones see.
func (e *sqliteEngine) snapshot(ctx context.Context, fn func(q tx) error) error {
	s, err := e.borrow(ctx)
	if err != nil {
		return err
	}
	defer e.giveBack(s)
	// Begin and end do not depend on ctx: a connection that stayed in a transaction
	// would show its next borrower the past.
	lasting := context.WithoutCancel(ctx)
	if _, err := s.ExecContext(lasting, "BEGIN DEFERRED"); err != nil {
		s.spoilt = true
		return err
	}
	defer func() {
		if _, err := s.ExecContext(lasting, "ROLLBACK"); err != nil {
			s.spoilt = true
		}
	}()
	return fn(tx{q: s})
}

// borrow lends a reader: the one that was used last, since what it has prepared and what
// it holds of the file is most likely what is asked for again. One is opened only while
// all that are open are lent.
func (e *sqliteEngine) borrow(ctx context.Context) (*session, error) {
	select {
	case e.reading <- struct{}{}:
	case <-e.writer.stop:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s := e.warm(); s != nil {
		return s, nil
	}
	s, err := newSession(ctx, e.readers)
	if err != nil {
		<-e.reading
		return nil, err
	}
	return s, nil
}

// warm takes the reader that was used last, nil if none is open and not lent.
func (e *sqliteEngine) warm() *session {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.idle) == 0 {
		return nil
	}
	last := len(e.idle) - 1
	s := e.idle[last]
	e.idle = e.idle[:last]
	return s
}

func (e *sqliteEngine) giveBack(s *session) {
	if s.spoilt {
		s.close()
	} else {
		e.mu.Lock()
		e.idle = append(e.idle, s)
		e.mu.Unlock()
	}
	<-e.reading
}

func (e *sqliteEngine) migrate(ctx context.Context) (made bool, err error) {
	// Two processes that start at once may both find the same migration missing.
	// The one that comes second fails on what the first has made, and then finds
	// nothing to do.
	for range migrateAttempts {
		err = retryBusy(ctx, func() error {
			made, err = migrate(ctx, database.DialectSQLite3, e.writers)
			return err
		})
		if err == nil || !isSQLite(err) {
			break
		}
	}
	return made, err
}

// carry does nothing: a SQLite file has one server. A change made by another
// process, such as the command line, is found by those who look again.
func (e *sqliteEngine) carry(*Hub) {}

func (e *sqliteEngine) commits() int64 { return e.writer.committed.Load() }

func (e *sqliteEngine) ping(ctx context.Context) error {
	return e.read(ctx, func(q tx) error {
		var one int
		return q.QueryRow(ctx, "SELECT 1").Scan(&one)
	})
}

func (e *sqliteEngine) close() (err error) {
	e.closed.Do(func() {
		e.writer.close()
		for range cap(e.reading) { // once those who read are done
			e.reading <- struct{}{}
		}
		for s := e.warm(); s != nil; s = e.warm() {
			s.close()
		}
		err = errors.Join(e.readers.Close(), e.writers.Close())
	})
	return err
}

func (e *sqliteEngine) fault(err error) error { return sqliteFault(err) }

// sqliteFault maps SQLite's result codes. Those not listed are mistakes of ours and stay
// as they are, which makes them internal.
func sqliteFault(err error) error {
	if known(err) {
		return err
	}
	if isContext(err) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return ErrUnavailable.Because(err)
	}
	switch sqliteCode(err) {
	case sqlite3.SQLITE_FULL:
		return ErrFull.Because(err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return ErrBusy.Because(err)
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CORRUPT,
		sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_PROTOCOL:
		return ErrUnavailable.Because(err)
	}
	return err
}

// sqliteCode is the primary result code of err, zero if it is none of SQLite's.
func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

func isSQLite(err error) bool { return sqliteCode(err) != 0 }

// sqliteUnique reads the columns out of SQLite's text, the only place where they
// are: "UNIQUE constraint failed: table.first, table.second".
func sqliteUnique(err error) (violation, bool) {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok || (e.Code() != sqlite3.SQLITE_CONSTRAINT_UNIQUE && e.Code() != sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY) {
		return violation{}, false
	}
	_, list, _ := strings.Cut(e.Error(), "UNIQUE constraint failed: ")
	list, _, _ = strings.Cut(list, " (")
	var v violation
	for name := range strings.SplitSeq(list, ", ") {
		table, column, _ := strings.Cut(name, ".")
		v.table = table
		v.columns = append(v.columns, column)
	}
	return v, true
}
