package store

import (
	"context"
	"path/filepath"
	"testing"
)

func openTestSQLite(t *testing.T) *DB {
	t.Helper()
	db, err := Open(t.Context(), Config{SQLite: filepath.Join(t.TempDir(), "data", "bestow.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestSmoke(t *testing.T) {
	db := openTestSQLite(t)
	err := db.write(t.Context(), func(ctx context.Context, q tx) error {
		_, err := q.Exec(ctx, "INSERT INTO audit_head (hash, tenant, seq) VALUES ($3, $1, $2)", "a", 1, []byte{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	err = db.write(t.Context(), func(ctx context.Context, q tx) error {
		_, err := q.Exec(ctx, "INSERT INTO audit_head (tenant, seq, hash) VALUES ($1, $2, $3)", "a", 1, []byte{})
		return err
	})
	if !isUnique(err, "audit_head", "tenant") {
		t.Fatal(err)
	}
	err = db.snapshot(t.Context(), func(ctx context.Context, q tx) error {
		var h []byte
		err := q.QueryRow(ctx, "SELECT hash FROM audit_head WHERE tenant = $1", "a").Scan(&h)
		t.Log(h == nil, len(h))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
