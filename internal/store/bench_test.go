package store

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/store/pgtest"
	"bestow.dev/internal/tenant"
)

// BenchmarkGroupCommit is the floor under every write: a transaction with one tiny
// insert, asked for by so many callers at once and lasting when it returns. One
// caller shows what a COMMIT costs, 32 what sharing it saves.
//
// PostgreSQL is measured where a server is given; for figures that wait for the
// disk, as SQLite's do, it is started with BESTOW_TEST_POSTGRES_FSYNC=on.
func BenchmarkGroupCommit(b *testing.B) {
	const insert = "INSERT INTO tenant (name, created_ms) VALUES ($1, $2)"
	eachEngine(b, func(b *testing.B, db *DB) {
		var n atomic.Int64
		for _, callers := range []int{1, 32, 128} {
			b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
				measure(b, callers, func() error {
					name := fmt.Sprintf("%d", n.Add(1))
					return db.write(b.Context(), func(ctx context.Context, q tx) error {
						_, err := q.Exec(ctx, insert, name, 1)
						return err
					})
				})
			})
		}
	})
}

// BenchmarkAudited is a use case as the domain has them: one row and its event in
// the chain of one tenant.
func BenchmarkAudited(b *testing.B) {
	eachEngine(b, func(b *testing.B, db *DB) {
		var n atomic.Int64
		e := audit.Event{Tenant: "acme", Action: "tenant.created", Detail: map[string]string{"for": "the bench"}}
		measure(b, 32, func() error {
			return db.CreateTenant(b.Context(), tenant.Tenant{Name: fmt.Sprintf("%d", n.Add(1))}, e)
		})
	})
}

// BenchmarkRead is one row by its key.
func BenchmarkRead(b *testing.B) {
	eachEngine(b, func(b *testing.B, db *DB) {
		c := &tenant.Client{Tenant: "acme", ID: "idm", Scopes: tenant.Scopes(), Keys: []tenant.ClientKey{{ID: "k"}}}
		if err := db.CreateClient(b.Context(), c, audit.Event{Tenant: "acme"}); err != nil {
			b.Fatal(err)
		}
		measure(b, 32, func() error {
			_, err := db.Client(b.Context(), "idm")
			return err
		})
	})
}

func eachEngine(b *testing.B, run func(b *testing.B, db *DB)) {
	b.Run("sqlite", func(b *testing.B) {
		run(b, openBench(b, Config{SQLite: filepath.Join(b.TempDir(), "bestow.db")}))
	})
	b.Run("postgres", func(b *testing.B) {
		run(b, openBench(b, Config{Postgres: pgtest.URL(b), Connections: 32}))
	})
}

func openBench(b *testing.B, c Config) *DB {
	b.Helper()
	db, err := Open(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	return db
}

// measure has so many callers share b.N calls of op.
func measure(b *testing.B, callers int, op func() error) {
	b.ReportAllocs()
	var left atomic.Int64
	left.Store(int64(b.N))
	done := make(chan error, callers)
	b.ResetTimer()
	for range callers {
		go func() {
			for left.Add(-1) >= 0 {
				if err := op(); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range callers {
		if err := <-done; err != nil {
			b.Error(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tx/s")
}
