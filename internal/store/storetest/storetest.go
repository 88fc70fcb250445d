// Package storetest is the contract between the domain and its storage: every
// promise that a Store interface makes is a case here, and every engine has to keep
// it. A further engine is done when [Run] passes.
//
//	func TestSQLite(t *testing.T) { storetest.Run(t, storetest.SQLite) }
//
// Tests elsewhere that need a database take [SQLite] or [Postgres].
package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"bestow.dev/internal/store"
	"bestow.dev/internal/store/pgtest"
)

// Open returns an empty database that is closed after the test.
type Open func(t testing.TB) *store.DB

// test is one promise. It has the database for itself.
type test struct {
	name string
	run  func(t *testing.T, db *store.DB)
}

// contract holds the promises of each interface; each list stands in the file of
// its interface.
var contract = []struct {
	name  string
	tests []test
}{
	{"transactions", transactionTests},
	{"audit", auditTests},
	{"tenant", tenantTests},
	{"credential", credentialTests},
	{"relay", relayTests},
	{"metadata", metadataTests},
	{"process", processTests},
	{"provision", provisionTests},
	{"webhook", webhookTests},
}

// Run checks every promise on the engine that open opens.
func Run(t *testing.T, open Open) {
	for _, part := range contract {
		t.Run(part.name, func(t *testing.T) {
			for _, c := range part.tests {
				t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
			}
		})
	}
}

// SQLite opens a new SQLite file in a temporary directory.
func SQLite(t testing.TB) *store.DB {
	t.Helper()
	return opened(t, store.Config{SQLite: File(t)})
}

// File returns the path of an empty database in a temporary directory. It is a copy of one
// that was migrated once in this run: under the race detector the schema takes a second,
// which is more than most tests do with it. What migrations do is tested in package store,
// from no file on.
func File(t testing.TB) string {
	t.Helper()
	return fileOf(t, migrated)
}

func fileOf(t testing.TB, migrated func() ([]byte, error)) string {
	t.Helper()
	content, err := migrated()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bestow.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var (
	migrated         = sync.OnceValues(func() ([]byte, error) { return migrate(store.Config{}) })
	migratedTestData = sync.OnceValues(func() ([]byte, error) { return migrate(store.Config{TestData: true}) })
)

// migrate returns the content of a database that was opened and closed: closing it empties
// the log into the file.
func migrate(c store.Config) (content []byte, err error) {
	dir, err := os.MkdirTemp("", "bestow-storetest")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	c.SQLite = filepath.Join(dir, "bestow.db")
	// Not with the context of a test: what is made is for those after it, too.
	db, err := store.Open(context.Background(), c)
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(c.SQLite + "-wal"); !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("the log is still beside the database: %v", err)
	}
	return os.ReadFile(c.SQLite)
}

// Postgres opens a new database on the PostgreSQL server that BESTOW_TEST_POSTGRES
// names, and skips the test if it names none. As [File] it is a copy of one that was
// migrated once.
func Postgres(t testing.TB) *store.DB {
	t.Helper()
	return opened(t, store.Config{Postgres: copied(t, "empty", store.Config{})})
}

// copied returns the URL of a copy of the database that c makes.
func copied(t testing.TB, kind string, c store.Config) string {
	t.Helper()
	hash, err := store.SchemaHash()
	if err != nil {
		t.Fatal(err)
	}
	return pgtest.Copy(t, "bestow_"+kind+"_"+hash[:16], func(url string) error {
		c.Postgres = url
		db, err := store.Open(context.Background(), c)
		if err != nil {
			return err
		}
		return db.Close()
	})
}

// Each runs fn once per engine, as a subtest.
func Each(t *testing.T, fn func(t *testing.T, open Open)) {
	t.Run("sqlite", func(t *testing.T) { fn(t, SQLite) })
	t.Run("postgres", func(t *testing.T) { fn(t, Postgres) })
}

func opened(t testing.TB, c store.Config) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}
