package store

import (
	"context"
	"database/sql"
)

// execAlone runs one statement that writes: in the transaction that ctx is in, as a part that
// can fail alone, or else in one of its own, for which PostgreSQL needs no BEGIN and COMMIT.
func (db *DB) execAlone(ctx context.Context, text string, args ...any) error {
	return db.alone(ctx, func(ctx context.Context, q tx) error { return q.Later(ctx, text, args...) })
}

// queryAlone is execAlone for a statement that returns rows. A row that scan cannot read is an
// error, but outside a transaction undoes nothing on PostgreSQL.
func queryAlone[T any](ctx context.Context, db *DB, scan func(rows *sql.Rows) (T, error), text string, args ...any) ([]T, error) {
	var all []T
	err := db.alone(ctx, func(ctx context.Context, q tx) error {
		rows, err := q.Query(ctx, text, args...)
		all, err = collect(rows, err, scan)
		return err
	})
	if err != nil {
		return nil, err // they may have been read, and changed back
	}
	return all, nil
}

func (db *DB) alone(ctx context.Context, fn func(ctx context.Context, q tx) error) error {
	if db.unit(ctx) != nil {
		return db.write(ctx, fn)
	}
	if err := db.engine.alone(ctx, fn); err != nil {
		return db.engine.fault(err)
	}
	db.written.Add(1)
	return nil
}
