package store

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"bestow.dev/internal/store/pgtest"
)

// eachConfig runs fn with the configuration of an empty database of each engine.
func eachConfig(t *testing.T, fn func(t *testing.T, c Config)) {
	t.Run("sqlite", func(t *testing.T) { fn(t, Config{SQLite: filepath.Join(t.TempDir(), "bestow.db")}) })
	t.Run("postgres", func(t *testing.T) { fn(t, Config{Postgres: pgtest.URL(t)}) })
}

// TestOpenTogether: programs that start at once on an empty database all find it
// migrated, once.
func TestOpenTogether(t *testing.T) {
	eachConfig(t, func(t *testing.T, c Config) {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				db, err := Open(context.Background(), c)
				if err != nil {
					t.Error(err)
					return
				}
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		db, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var rows, versions int
		if err := db.read(t.Context(), func(ctx context.Context, q tx) error {
			return q.QueryRow(ctx, "SELECT COUNT(*), COUNT(DISTINCT version_id) FROM "+versionTable).Scan(&rows, &versions)
		}); err != nil || rows != versions {
			t.Errorf("%d steps are noted for %d versions (%v)", rows, versions, err)
		}
	})
}

// TestNewerSchema: a program leaves a schema that it does not know alone.
func TestNewerSchema(t *testing.T) {
	eachConfig(t, func(t *testing.T, c Config) {
		db, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		err = db.write(t.Context(), func(ctx context.Context, q tx) error {
			_, err := q.Exec(ctx, "INSERT INTO "+versionTable+" (version_id, is_applied) VALUES (9999, TRUE)")
			return err
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		db, err = Open(t.Context(), c)
		if !errors.Is(err, errNewer) || db != nil {
			t.Errorf("got %v, want that the schema is newer", err)
		}
		if err != nil && !strings.Contains(err.Error(), "9999") {
			t.Errorf("the error does not name the version: %v", err)
		}
	})
}

// migratorOf takes the steps of a database that is open.
func migratorOf(t *testing.T, db *DB) *goose.Provider {
	t.Helper()
	dialect, pool := database.DialectSQLite3, (*sql.DB)(nil)
	switch e := db.engine.(type) {
	case *sqliteEngine:
		pool = e.writers
	case *postgresEngine:
		dialect, pool = database.DialectPostgres, e.pool
	}
	p, err := newMigrator(dialect, pool)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestDown: every step can be undone, so that a schema under development can be
// taken back, and done again.
func TestDown(t *testing.T) {
	eachConfig(t, func(t *testing.T, c Config) {
		db, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		p := migratorOf(t, db)
		if _, err := p.DownTo(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
