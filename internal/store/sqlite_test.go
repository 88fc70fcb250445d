package store

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
