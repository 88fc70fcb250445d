package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
)

// CopySQLite writes a copy of the database file at from, as it is at one moment, to
// the file to, which must not exist. Other processes may read and write meanwhile.
func CopySQLite(ctx context.Context, from, to string) error {
	return withSQLite(from, func(db *sql.DB) error {
		// The copy is private before it holds anything.
		f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		// VACUUM INTO takes an empty file and makes a whole database of it.
		if _, err := db.ExecContext(ctx, "VACUUM INTO $1", to); err != nil {
			return errors.Join(fmt.Errorf("copy database: %w", err), os.Remove(to))
		}
		return nil
	})
}

// CheckSQLite reports whether the file is a whole database of a schema that this
// program knows, and brings that schema up to date. Nobody else may have it open.
func CheckSQLite(ctx context.Context, path string) error {
	err := withSQLite(path, func(db *sql.DB) error {
		var verdict string
		if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
			return err
		}
		if verdict != "ok" {
			return errors.New(verdict)
		}
		var version int64
		if err := db.QueryRowContext(ctx, "SELECT max(version_id) FROM "+versionTable).Scan(&version); err != nil {
			return fmt.Errorf("it is not a database of Bestow: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	db, err := Open(ctx, Config{SQLite: path})
	if err != nil {
		return err
	}
	return db.Close()
}

// withSQLite opens the file at path for as long as fn runs.
func withSQLite(path string, fn func(db *sql.DB) error) error {
	db, err := sql.Open("sqlite", sqliteDSN(path, readerPatience))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	return errors.Join(fn(db), db.Close())
}
