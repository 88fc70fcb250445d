package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/store/pgtest"
)

// What Together gathers becomes lasting as a whole, on both engines.
func TestTogether(t *testing.T) { eachConfig(t, testTogether) }

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
	within := func(g *gathering, more func() error) error {
		outer := g.ctx
		defer func() { g.ctx = outer }()
		return g.db.Together(outer, func(ctx context.Context) error { g.ctx = ctx; return more() })
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
		{"the first has a part that is the last, and is undone", func(_ *testing.T, g *gathering) error {
			return errors.Join(wrong(g.db.InTx(g.ctx, func(ctx context.Context) error {
				return g.db.writeLast(ctx, func(context.Context, tx) error { return refused })
			})), g.write(nil, "a"))
		}, nil, 1},
		{"more after the last", func(t *testing.T, g *gathering) error {
			return errors.Join(g.write(nil, "a"), g.last(nil, "b"), within(g, func() error {
				return errors.Join(g.write(nil, "c"), g.last(nil, "d"))
			}), g.sees(t, 4, 0))
		}, nil, 4},
		{"more after the last, refused", func(t *testing.T, g *gathering) error {
			return errors.Join(g.write(nil, "a"), g.last(nil, "b"), wrong(within(g, func() error {
				return errors.Join(g.write(nil, "c"), g.last(refused, "d"))
			})), g.sees(t, 2, 0))
		}, nil, 2},
		{"more after the last changes nothing", func(_ *testing.T, g *gathering) error {
			return errors.Join(g.write(nil, "a"), g.last(nil, "b"), wrong(within(g, func() error {
				return errors.Join(g.write(nil, "c"), must(g))
			})))
		}, nil, 2},
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

// What the engine asks to be repeated is: the first write alone, since nothing was before it,
// and all if more was.
func TestTogetherAgain(t *testing.T) {
	db := openNode(t, pgtest.URL(t))
	for _, code := range []string{"40001", "40P01"} {
		for _, before := range []bool{false, true} {
			works, writes := 0, 0
			err := db.Together(t.Context(), func(ctx context.Context) error {
				works++
				if before {
					if err := db.write(ctx, insertTenant("before"+code)); err != nil {
						return err
					}
				}
				err := db.write(ctx, func(ctx context.Context, q tx) error {
					if writes++; writes < 3 {
						return &pgconn.PgError{Code: code}
					}
					return q.Later(ctx, addTenant, fmt.Sprint(code, before))
				})
				if before {
					return nil // whatever is made of it
				}
				return err
			})
			want := 1
			if before {
				want = 3
			}
			if err != nil || works != want || writes != 3 {
				t.Errorf("%s, something before it: %v: error %v, %d works, %d writes; want none, %d, 3", code, before, err, works, writes, want)
			}
		}
	}
	if all, err := db.Tenants(t.Context()); err != nil || len(all) != 6 {
		t.Errorf("%d tenants (%v), want 6", len(all), err)
	}
}

// Where nothing is written but the last, what was done before that is not done again, whatever
// the engine has to repeat: it may have been done elsewhere.
func TestTogetherLastAlone(t *testing.T) {
	db := openNode(t, pgtest.URL(t))
	e := db.engine.(*postgresEngine)
	event := audit.Event{Tenant: "acme", Action: "test.done", Outcome: audit.OK}
	works := 0
	for i := range 3 {
		// Another node has written to the trail.
		e.heads.at("acme", func(own *end) { *own = end{head: head{seq: int64(i + 7)}, known: true} })
		if err := db.Together(t.Context(), func(ctx context.Context) error {
			works++
			return db.writeLast(ctx, func(ctx context.Context, q tx) error { return appendAudit(ctx, q, event) })
		}); err != nil {
			t.Fatal(err)
		}
	}
	if events := trailOf(t, db); works != 3 || events != 3 {
		t.Errorf("%d works, %d events; want 3 of each", works, events)
	}
}

// What was taken for granted and is not so is found out once, and the error of what follows is
// what is told.
func TestTogetherHasty(t *testing.T) {
	db := openNode(t, pgtest.URL(t))
	lasting := errors.New("lasting")
	expect := func(ctx context.Context, name string) error {
		return db.write(ctx, func(ctx context.Context, q tx) error {
			n, err := q.Expect(ctx, addTenant+" ON CONFLICT DO NOTHING", name)
			if err == nil && n == 0 {
				err = errTaken
			}
			return err
		})
	}
	if err := db.write(t.Context(), insertTenant("a")); err != nil {
		t.Fatal(err)
	}
	first := func(ctx context.Context) error { return expect(ctx, "a") }
	nested := func(ctx context.Context) error {
		return db.write(ctx, func(ctx context.Context, q tx) error {
			n, err := q.Expect(ctx, addTenant+" ON CONFLICT DO NOTHING", "a")
			if err != nil {
				return err
			}
			if n == 0 {
				return errTaken
			}
			return db.write(ctx, insertTenant("c")) // what was expected is found out here
		})
	}
	second := func(do func(ctx context.Context) error) func(ctx context.Context) error {
		return func(ctx context.Context) error { return errors.Join(db.write(ctx, insertTenant("b")), do(ctx)) }
	}
	for name, do := range map[string]func(ctx context.Context) error{
		"the first": first, "the second": second(first), "nested": nested, "nested in the second": second(nested),
	} {
		works := 0
		err := db.Together(t.Context(), func(ctx context.Context) error {
			works++
			if err := do(ctx); !errors.Is(err, errTaken) {
				t.Errorf("%s: got %v, want that it is taken", name, err)
			}
			return lasting
		})
		if !errors.Is(err, lasting) || works != 1 {
			t.Errorf("%s: error %v, %d works; want the lasting one, 1", name, err, works)
		}
	}
}

var errTaken = errors.New("taken")

// A panic leaves nothing behind: no row, and no transaction that others wait for.
func TestTogetherPanics(t *testing.T) {
	eachConfig(t, func(t *testing.T, c Config) {
		db := openConfig(t, c)
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

// The end of a context keeps the transaction from beginning, and not from ending.
func TestTogetherEnds(t *testing.T) {
	eachConfig(t, func(t *testing.T, c Config) {
		db := openConfig(t, c)
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
