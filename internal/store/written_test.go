package store

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/store/pgtest"
	"bestow.dev/internal/tenant"
)

// What was committed counts once, however many use cases are in it, and what was refused
// does not.
func TestWritten(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testWritten(t, Config{SQLite: filepath.Join(t.TempDir(), "bestow.db")}) })
	t.Run("postgres", func(t *testing.T) { testWritten(t, Config{Postgres: pgtest.URL(t)}) })
}

func testWritten(t *testing.T, c Config) {
	db, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	create := func(ctx context.Context, name string) error {
		return db.CreateTenant(ctx, tenant.Tenant{Name: name}, audit.Event{Tenant: name, Action: "tenant.created"})
	}
	before, undone := db.Written(), errors.New("undone")
	if err := db.InTx(t.Context(), func(ctx context.Context) error { return errors.Join(create(ctx, "a"), undone) }); !errors.Is(err, undone) {
		t.Fatal(err)
	}
	if err := db.InTx(t.Context(), func(ctx context.Context) error { return errors.Join(create(ctx, "b"), create(ctx, "c")) }); err != nil {
		t.Fatal(err)
	}
	after := db.Written()
	if n := after.Transactions - before.Transactions; n != 1 {
		t.Errorf("%d transactions, want one", n)
	}
	// On SQLite the one that was refused has a COMMIT too: it might have shared it.
	if n := after.Commits - before.Commits; n < 1 || n > 2 {
		t.Errorf("%d commits, want one or two", n)
	}
}
