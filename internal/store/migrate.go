package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// migrationFiles are the steps of the schema, one text for both engines.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

// versionTable remembers which steps were taken.
const versionTable = "schema_version"

// migrate brings the schema up to date and reports whether there was none. The caller
// sees to it that no other process does the same.
func migrate(ctx context.Context, dialect database.Dialect, db *sql.DB) (made bool, err error) {
	p, err := newMigrator(dialect, db)
	if err != nil {
		return false, err
	}
	have, known, err := p.GetVersions(ctx)
	if err != nil {
		return false, fmt.Errorf("read schema version: %w", err)
	}
	if have > known {
		return false, fmt.Errorf("%w: it is at version %d, this program knows %d", errNewer, have, known)
	}
	_, err = p.Up(ctx)
	return have == 0, err
}

func newMigrator(dialect database.Dialect, db *sql.DB) (*goose.Provider, error) {
	steps, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, err
	}
	store, err := database.NewStore(dialect, versionTable)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(database.DialectCustom, db, steps, goose.WithStore(store), goose.WithDisableGlobalRegistry(true))
}

// SchemaHash is the hash of all steps of the schema, in hexadecimal. Databases that were
// made by steps of one hash have one schema.
func SchemaHash() (string, error) {
	h := sha256.New()
	err := fs.WalkDir(migrationFiles, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := migrationFiles.ReadFile(name)
		fmt.Fprintf(h, "%s %d\n%s", name, len(text), text)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

var errNewer = errors.New("the schema is newer than this program")
