package store

import (
	"context"

	"bestow.dev/internal/fault"
)

// testDataMark names the row that makes a database test data. It stands among what an
// installation has once, and goes wherever the database goes, into backups too.
const testDataMark = "test data"

// ErrDatabaseExists says that a database was to be marked as test data that was there
// already without the mark.
var ErrDatabaseExists = fault.New(fault.Conflict, "test_data.exists",
	"There is a database already, and it was not made as test data. Only one that is just being made can be marked.")

// TestData reports whether the database was made as test data.
func (db *DB) TestData(ctx context.Context) (is bool, err error) {
	err = db.read(ctx, func(ctx context.Context, q tx) error {
		is, err = isTestData(ctx, q)
		return err
	})
	return is, err
}

func isTestData(ctx context.Context, q tx) (is bool, err error) {
	err = q.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM installation_secret WHERE name = $1)`, testDataMark).Scan(&is)
	return is, err
}

// markTestData marks the database as test data if made says that it was made just
// now, and nothing was done in it since. Errors: test_data.exists.
func (db *DB) markTestData(ctx context.Context, made bool) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		if is, err := isTestData(ctx, q); err != nil || is {
			return err
		}
		// Another process may have found the new database and begun to work with it.
		// Nothing changes without an event.
		var used bool
		if err := q.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM audit_head)`).Scan(&used); err != nil {
			return err
		}
		if !made || used {
			return ErrDatabaseExists
		}
		_, err := q.Exec(ctx, `INSERT INTO installation_secret (name, value) VALUES ($1, $2)`, testDataMark, []byte{1})
		return err
	})
}
