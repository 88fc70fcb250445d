package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPrivateFiles(t *testing.T) {
	db := openSQLiteFile(t)
	if err := db.write(t.Context(), insertTenant("a")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{
		filepath.Dir(db.path): 0o700 | os.ModeDir, db.path: 0o600, db.path + "-wal": 0o600, db.path + "-shm": 0o600,
	} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s: mode %v, want %v", filepath.Base(name), info.Mode(), want)
		}
	}
}

// TestPragmas: what durability and integrity rest on is set where it counts.
func TestPragmas(t *testing.T) {
	db := openSQLiteFile(t)
	pragma := func(ctx context.Context, q tx, name string) (v string) {
		if err := q.QueryRow(ctx, "PRAGMA "+name).Scan(&v); err != nil {
			t.Error(err)
		}
		return v
	}
	db.write(t.Context(), func(ctx context.Context, q tx) error {
		for name, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
			if got := pragma(ctx, q, name); got != want {
				t.Errorf("writer: %s is %s, want %s", name, got, want)
			}
		}
		return nil
	})
	err := db.read(t.Context(), func(ctx context.Context, q tx) error { return insertTenant("a")(ctx, q) })
	if err == nil || !strings.Contains(err.Error(), "readonly") {
		t.Errorf("a reader wrote: %v", err)
	}
}

// TestOddPath: no character of a path means anything to the driver.
func TestOddPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a?b=c&d%41#e f", "bestow.db")
	db := openSQLiteAt(t, path)
	if err := db.write(t.Context(), insertTenant("a")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Errorf("the file is not where it was asked for: %v", err)
	}
}

// Readers that follow each other are one connection: a new one would read the schema, and
// prepare what it is asked, anew.
func TestWarmReader(t *testing.T) {
	db := openSQLiteFile(t)
	e := db.engine.(*sqliteEngine)
	nothing := func(context.Context, tx) error { return nil }
	for range 3 {
		if err := db.read(t.Context(), nothing); err != nil {
			t.Fatal(err)
		}
	}
	if len(e.idle) != 1 {
		t.Errorf("%d readers are open after reads in turn, want 1", len(e.idle))
	}

	err := db.read(t.Context(), func(context.Context, tx) error {
		return db.read(t.Context(), nothing) // beside it: t.Context is not within it
	})
	if err != nil || len(e.idle) != 2 {
		t.Errorf("%d readers are open after two at once (%v), want 2", len(e.idle), err)
	}

	spoilt := e.idle[1]
	spoilt.spoilt = true
	if err := db.read(t.Context(), nothing); err != nil || len(e.idle) != 1 || e.idle[0] == spoilt {
		t.Errorf("%d readers are left after one was spoilt (%v), want the other", len(e.idle), err)
	}
}

// No more readers are lent at once than were asked for, and who waits for one may give up.
func TestReaderBound(t *testing.T) {
	db, err := Open(t.Context(), Config{SQLite: filepath.Join(t.TempDir(), "bestow.db"), Connections: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	nothing := func(context.Context, tx) error { return nil }
	err = db.read(t.Context(), func(context.Context, tx) error {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		if err := db.read(ctx, nothing); !errors.Is(err, ErrUnavailable) {
			t.Errorf("a second reader: %v, want it to wait until it gives up", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.read(t.Context(), nothing); err != nil {
		t.Errorf("after the first was given back: %v", err)
	}
}

// A search ends with its context, in the middle of a statement.
func TestSearchEnds(t *testing.T) {
	db := openSQLiteFile(t)
	const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + $1 FROM n) SELECT count(*) FROM n"
	ctx, cancel := context.WithCancel(t.Context())
	err := db.search(ctx, func(ctx context.Context, q tx) error {
		time.AfterFunc(time.Millisecond, cancel)
		return q.QueryRow(ctx, endless, 1).Scan(new(int))
	})
	if !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Errorf("the reader is of no more use: %v", err)
	}
}

// What has ended is not begun.
func TestReadAfterEnd(t *testing.T) {
	db := openSQLiteFile(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := db.read(ctx, func(ctx context.Context, q tx) error {
		cancel()
		return q.QueryRow(ctx, "SELECT 1").Scan(new(int))
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
