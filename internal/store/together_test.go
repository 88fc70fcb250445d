package store

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/store/pgtest"
)

// What Together gathers becomes lasting as a whole, on both engines.
func TestTogether(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testTogether(t, Config{SQLite: filepath.Join(t.TempDir(), "bestow.db")}) })
	t.Run("postgres", func(t *testing.T) { testTogether(t, Config{Postgres: pgtest.URL(t)}) })
}

// gathering is what a test has Together do.
type gathering struct {
	db    *DB
	ctx   context.Context
	hooks []string
}

// write adds tenants, with an event and a hook each, and then fails with err.
func (g *gathering) write(err error, names ...string) error { return g.add(g.db.write, err, names) }

// last is write without a savepoint.
func (g *gathering) last(err error, names ...string) error { return g.add(g.db.writeLast, err, names) }

func (g *gathering) add(write func(context.Context, func(context.Context, tx) error) error, err error, names []string) error {
	return write(g.ctx, func(ctx context.Context, q tx) error {
		for _, name := range names {
			if err := q.Later(ctx, addTenant, name); err != nil {
				return err
			}
			g.db.onCommit(ctx, func() { g.hooks = append(g.hooks, name) })
			if err := appendAudit(ctx, q, audit.Event{Tenant: "acme", Action: "test.added", Outcome: audit.OK}); err != nil {
				return err
			}
		}
		return err
	})
}

// sees reports how many tenants fn sees, and others see.
func (g *gathering) sees(t *testing.T, want, others int) error {
	for _, c := range []struct {
		ctx  context.Context
		want int
	}{{g.ctx, want}, {t.Context(), others}} {
		all, err := g.db.Tenants(c.ctx)
		if err != nil {
			return err
		}
		if len(all) != c.want {
			t.Errorf("%d tenants are seen, want %d", len(all), c.want)
		}
	}
	return nil
}

func testTogether(t *testing.T, c Config) {
	refused := errors.New("refused")
	wrong := func(err error) error {
		if !errors.Is(err, refused) {
			t.Errorf("got %v, want the refusal", err)
		}
		return nil
	}
	must := func(g *gathering) error {
		return g.db.writeLast(g.ctx, func(ctx context.Context, q tx) error {
			return q.Must(ctx, refused, "UPDATE tenant SET created_ms = 2 WHERE name = $1", "none")
		})
	}
	tests := []struct {
		name string
		do   func(t *testing.T, g *gathering) error
		want error
		left int // each with its event and its hook
	}{
		{"nothing", func(_ *testing.T, g *gathering) error { return g.sees(t, 0, 0) }, nil, 0},
		{"one", func(_ *testing.T, g *gathering) error { return g.write(nil, "a") }, nil, 1},
		{"seen by itself alone", func(t *testing.T, g *gathering) error {
			return errors.Join(g.write(nil, "a"), g.sees(t, 1, 0), g.write(nil, "b"), g.sees(t, 2, 0))
		}, nil, 2},
		{"refused after it", func(_ *testing.T, g *gathering) error { return errors.Join(g.write(nil, "a"), refused) }, refused, 0},
		{"the first is undone alone", func(t *testing.T, g *gathering) error {
			return errors.Join(wrong(g.write(refused, "a")), g.sees(t, 0, 0), g.write(nil, "b"))
		}, nil, 1},
		{"the first is undone and none follows", func(_ *testing.T, g *gathering) error { return wrong(g.write(refused, "a")) }, nil, 0},
		{"the second is undone alone", func(t *testing.T, g *gathering) error {
			return errors.Join(g.write(nil, "a"), wrong(g.write(refused, "b")), g.sees(t, 1, 0), g.write(nil, "c"))
		}, nil, 2},
		{"the last", func(_ *testing.T, g *gathering) error { return errors.Join(g.write(nil, "a"), g.last(nil, "b")) }, nil, 2},
		{"the last alone", func(_ *testing.T, g *gathering) error { return g.last(nil, "a") }, nil, 1},
		{"the last is refused", func(_ *testing.T, g *gathering) error {
			return errors.Join(g.write(nil, "a"), g.last(refused, "b"))
		}, refused, 0},
		{"the last is refused, and nobody looks", func(_ *testing.T, g *gathering) error {
			return errors.Join(g.write(nil, "a"), wrong(g.last(refused, "b")))
		}, refused, 0},
		{"the last changes nothing", func(_ *testing.T, g *gathering) error { return errors.Join(g.write(nil, "a"), must(g)) }, refused, 0},
		{"the last alone changes nothing", func(_ *testing.T, g *gathering) error { return errors.Join(wrong(must(g)), g.write(nil, "a")) }, nil, 1},
		{"nested", func(_ *testing.T, g *gathering) error {
			return g.db.Together(g.ctx, func(ctx context.Context) error { g.ctx = ctx; return g.write(nil, "a") })
		}, nil, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db, err := Open(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			g := &gathering{db: db}
			before := trailOf(t, db)
			err = db.Together(t.Context(), func(ctx context.Context) error {
				g.ctx, g.hooks = ctx, nil
				return tt.do(t, g)
			})
			if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("got the error %v, want %v", err, tt.want)
			}
			if events := trailOf(t, db); events-before != int64(tt.left) || len(g.hooks) != tt.left {
				t.Errorf("%d events and the hooks %v, want %d", events-before, g.hooks, tt.left)
			}
			if err := db.write(t.Context(), func(ctx context.Context, q tx) error {
				n, err := q.Exec(ctx, "DELETE FROM tenant")
				if n != int64(tt.left) {
					t.Errorf("%d tenants are left, want %d", n, tt.left)
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// trailOf verifies the trail and returns how long it is.
func trailOf(t *testing.T, db *DB) int64 {
	t.Helper()
	seq, _, err := audit.Verify(t.Context(), db, "acme")
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

// What the engine asks to be repeated is done again from its beginning.
func TestTogetherAgain(t *testing.T) {
	db := openNode(t, pgtest.URL(t))
	for _, code := range []string{"40001", "40P01"} {
		runs := 0
		err := db.Together(t.Context(), func(ctx context.Context) error {
			runs++
			return db.write(ctx, func(ctx context.Context, q tx) error {
				if runs < 3 {
					return &pgconn.PgError{Code: code}
				}
				return q.Later(ctx, addTenant, code)
			})
		})
		if err != nil || runs != 3 {
			t.Errorf("%s: error %v, %d runs; want none, 3", code, err, runs)
		}
	}
}

// A panic leaves nothing behind: no row, and no transaction that others wait for.
func TestTogetherPanics(t *testing.T) {
	for name, c := range map[string]Config{"sqlite": {SQLite: filepath.Join(t.TempDir(), "bestow.db")}, "postgres": {Postgres: pgtest.URL(t)}} {
		t.Run(name, func(t *testing.T) {
			db, err := Open(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			func() {
				defer func() { recover() }()
				db.Together(t.Context(), func(ctx context.Context) error {
					if err := db.write(ctx, insertTenant("a")); err != nil {
						t.Error(err)
					}
					panic("gone")
				})
				t.Error("the panic was swallowed")
			}()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if err := db.write(ctx, insertTenant("a")); err != nil {
				t.Error(err)
			}
		})
	}
}

// The end of a context keeps the transaction from beginning, and not from ending.
func TestTogetherEnds(t *testing.T) {
	for name, c := range map[string]Config{"sqlite": {SQLite: filepath.Join(t.TempDir(), "bestow.db")}, "postgres": {Postgres: pgtest.URL(t)}} {
		t.Run(name, func(t *testing.T) {
			db, err := Open(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			ctx, cancel := context.WithCancel(t.Context())
			if err := db.Together(ctx, func(ctx context.Context) error {
				defer cancel()
				return db.write(ctx, insertTenant("a"))
			}); err != nil {
				t.Errorf("written before the end: %v", err)
			}
			if err := db.Together(ctx, func(ctx context.Context) error { return db.write(ctx, insertTenant("b")) }); !errors.Is(err, ErrUnavailable) {
				t.Errorf("after the end: %v, want store.unavailable", err)
			}
			if all, err := db.Tenants(t.Context()); err != nil || len(all) != 1 {
				t.Errorf("%d tenants (%v), want one", len(all), err)
			}
		})
	}
}
