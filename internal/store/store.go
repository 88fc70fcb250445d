// Package store keeps what the domain decides: one SQL text for two engines,
// SQLite in a file and PostgreSQL.
//
// A [DB] is opened once and handed to the services as their Store interface:
//
//	db, err := store.Open(ctx, store.Config{SQLite: "bestow-data/bestow.db"})
//	...
//	defer db.Close()
//
// A method here is a use case of a domain package and one transaction: what it
// changes, and the audit events that tell of it, become lasting together or not
// at all. Callers that need several use cases to be one commit put them into
// [DB.InTx]. The interfaces, and the promises behind each method, are declared
// where they are needed ([tenant.Store] and its like); package storetest checks
// every promise on every engine.
//
// # Writing a store method
//
// A method that changes something calls write; one that only looks calls read,
// search where it may have to look through a table, or snapshot where several
// queries must see one moment. All of them join the transaction that InTx put into
// the context.
//
//   - The function given to write may run more than once: the whole batch it
//     shares a commit with is repeated when another process holds the file, and
//     PostgreSQL asks for a repetition after a serialisation failure. It sets
//     captured variables rather than adding to them, and does nothing outside
//     the transaction. What must follow the commit goes into onCommit.
//   - What is one statement, without events, is handed to execAlone or queryAlone: on
//     PostgreSQL it takes one round trip then, and no BEGIN and COMMIT.
//   - Audit events are handed to appendAudit, in any place: they are numbered,
//     chained and inserted as the last thing before COMMIT.
//   - Inside, only the given context is used for further calls of the store. The
//     outer one would queue behind its own transaction.
//   - After a statement has failed the function returns: PostgreSQL takes no
//     further one. What may collide says ON CONFLICT, or is a store method of its
//     own, which fails alone.
//   - What changes a row that is read through recall calls changesSettings.
//   - A statement whose answer changes nothing of what follows is handed to Later: on
//     PostgreSQL it travels with the next one, so that a transaction of ten statements
//     takes three or four round trips. Must is Later for what has to change something, and
//     Expect and ExpectRow for what as a rule has one row: where it has none the function
//     is run again, and finds out why. ExpectRow's row is not there before the next answer, or
//     flush. What is as often otherwise asks carefully.
//   - Rows are read to the end and closed before the next statement (collect and
//     Row.Scan do so), since one transaction is one connection.
//   - No waiting, no HTTP and no cryptography beyond a hash: on SQLite every
//     other writer waits meanwhile.
//
// # One SQL text
//
// Statements use $1 placeholders, RETURNING and ON CONFLICT. Times are BIGINT
// milliseconds in columns that end in _ms, zero for none; JSON is TEXT; bytes are
// BYTEA, a name that SQLite accepts and that leaves a blob as it is. Texts are
// constants, or built from a bounded number of parts: prepared statements are
// kept by text. What differs between the engines stands in sqlite*.go and
// postgres*.go alone.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
)

// Config says which engine to open. Exactly one of SQLite and Postgres is set.
type Config struct {
	// SQLite is the path of the database file. It is made, with mode 0600, in a
	// directory that is made with mode 0700, if it is not there.
	SQLite string

	// Postgres is a connection URL or key=value string of PostgreSQL 13 or newer.
	Postgres string

	// Connections is how many connections the pool may hold: of readers on SQLite,
	// of all on PostgreSQL. Zero means a number that suits the machine.
	Connections int

	// TestData marks a database that [Open] makes as test data, into which recorded
	// ceremonies may be imported. Without it one that was marked stays what it is.
	TestData bool

	// StopAt has the program stop at a transaction, as a power failure would, on a
	// database that was made as test data: before:N:KEY or after:N:KEY, for the N-th of the
	// run of a process whose start has that idempotency key. Empty: nowhere.
	StopAt string

	// Log receives what no caller can be told, such as a lost notification
	// connection. Nil discards it.
	Log *slog.Logger
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	engine   engine
	hub      *Hub
	settings *settings
	log      *slog.Logger
	written  atomic.Int64
	stop     *stopper // nil but in a test of what a power failure does
}

// engine is what SQLite and PostgreSQL do each in their own way.
type engine interface {
	// write runs fn in a transaction and commits it if fn returns nil. It returns
	// only after the COMMIT that makes fn's effects lasting. fn may run again.
	write(ctx context.Context, fn func(q tx) error) error
	// alone is write for an fn that runs one statement, with the context that it is given.
	alone(ctx context.Context, fn func(ctx context.Context, q tx) error) error
	// read runs fn with a connection on which each statement sees what was
	// committed before it.
	read(ctx context.Context, fn func(q tx) error) error
	// snapshot runs fn with a connection on which all statements see one moment.
	snapshot(ctx context.Context, fn func(q tx) error) error
	// fault turns a driver's error into a fault where it means one to callers.
	fault(err error) error
	// migrate brings the schema up to date. made says that there was none.
	migrate(ctx context.Context) (made bool, err error)
	// carry starts the transport of wake-ups between nodes, if there is one.
	carry(h *Hub)
	// commits is how many COMMITs write's callers took, one that several shared counting
	// once.
	commits() int64
	ping(ctx context.Context) error
	close() error
}

// Open opens the database that c names and brings its schema up to date.
//
// It returns an error if the schema is newer than this program knows, so that an
// old program never writes into a database it does not understand; and
// test_data.exists if c asks for test data and the database is there without being it.
func Open(ctx context.Context, c Config) (*DB, error) {
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	e, err := openEngine(ctx, c, log)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	made, err := e.migrate(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("migrate database: %w", err), e.close())
	}
	db := &DB{engine: e, hub: newHub(), log: log}
	life := settingsLife
	if c.SQLite != "" {
		life = 0
	}
	db.settings = newSettings(db.hub, life)
	if c.TestData {
		if err := db.markTestData(ctx, made); err != nil {
			return nil, errors.Join(err, e.close())
		}
	}
	if err := db.stopAt(ctx, c.StopAt); err != nil {
		return nil, errors.Join(err, e.close())
	}
	e.carry(db.hub)
	return db, nil
}

func openEngine(ctx context.Context, c Config, log *slog.Logger) (engine, error) {
	switch {
	case c.SQLite != "" && c.Postgres != "":
		return nil, errors.New("both SQLite and Postgres are set")
	case c.SQLite != "":
		return openSQLite(ctx, c)
	case c.Postgres != "":
		return openPostgres(ctx, c, log)
	}
	return nil, errors.New("neither SQLite nor Postgres is set")
}

// Close ends all connections. Writes that are queued are finished first; later
// ones are refused with store.closed.
func (db *DB) Close() error { return db.engine.close() }

// Ping reports whether the database answers. Errors: store.unavailable.
func (db *DB) Ping(ctx context.Context) error { return db.engine.fault(db.engine.ping(ctx)) }

// Written is what a DB has written since it was opened.
type Written struct {
	Transactions int64 // that callers asked for and that became lasting
	Commits      int64 // that it took: fewer on SQLite, where callers share them
}

// Written returns what was written so far.
func (db *DB) Written() Written { return Written{db.written.Load(), db.engine.commits()} }

// Hub returns the hub on which the database's wake-ups arrive.
func (db *DB) Hub() *Hub { return db.hub }
