package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestCopyWhileOpen(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "a.db"), filepath.Join(dir, "b.db")
	db, err := Open(t.Context(), Config{SQLite: from})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := CopySQLite(t.Context(), from, to); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the copy: %v, %v", info.Mode(), err)
	}
	if err := CheckSQLite(t.Context(), to); err != nil {
		t.Errorf("the copy is not whole: %v", err)
	}
	if err := CopySQLite(t.Context(), from, to); !errors.Is(err, os.ErrExist) {
		t.Errorf("a file that is there was replaced: %v", err)
	}
}

func TestCheckRefuses(t *testing.T) {
	tests := map[string]func(text []byte) []byte{
		"no database":  func([]byte) []byte { return []byte("hello, this is not a database at all") },
		"empty":        func([]byte) []byte { return nil },
		"cut off":      func(b []byte) []byte { return b[:len(b)/2] },
		"bytes broken": func(b []byte) []byte { clear(b[len(b)/2 : len(b)/2+8192]); return b },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			from, to := filepath.Join(dir, "a.db"), filepath.Join(dir, "b.db")
			db, err := Open(t.Context(), Config{SQLite: from})
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if err := CopySQLite(t.Context(), from, to); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(to)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, spoil(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := CheckSQLite(t.Context(), to); err == nil {
				t.Error("accepted")
			}
		})
	}
}
