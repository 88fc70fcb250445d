package store

import (
	"context"
	"errors"
	"testing"
	"time"
)

// What waits for the next statement is a part of its transaction like any other, on both
// engines.
func TestLater(t *testing.T) { eachConfig(t, testLater) }

const addTenant = "INSERT INTO tenant (name, created_ms) VALUES ($1, 1)"

func testLater(t *testing.T, c Config) {
	undone, failed := errors.New("undone"), "NONSENSE $1"
	add := func(names ...string) func(context.Context, tx) error {
		return func(ctx context.Context, q tx) error {
			for _, name := range names {
				if err := q.Later(ctx, addTenant, name); err != nil {
					return err
				}
			}
			return nil
		}
	}
	told := func(ctx context.Context, q tx) error {
		return q.LaterFor(ctx, func(changed int64) {
			if changed != 1 {
				t.Errorf("%d rows changed, want one", changed)
			}
		}, addTenant, "told")
	}
	must := func(name string) func(context.Context, tx) error {
		return func(ctx context.Context, q tx) error {
			return q.Must(ctx, undone, "UPDATE tenant SET created_ms = 2 WHERE name = $1", name)
		}
	}
	// expect adds a tenant if none has its name, and knows why if one has.
	expect := func(name string) func(context.Context, tx) error {
		return func(ctx context.Context, q tx) error {
			n, err := q.Expect(ctx, addTenant+" ON CONFLICT DO NOTHING", name)
			if err == nil && n == 0 {
				err = undone
			}
			return err
		}
	}
	// unique adds a tenant, and knows why it cannot.
	unique := func(name string) func(context.Context, tx) error {
		return func(ctx context.Context, q tx) error {
			_, err := q.Expect(ctx, addTenant, name)
			if isUnique(err, "tenant", "name") {
				err = undone
			}
			return err
		}
	}
	// row is expect with a look at what was added: once by hand, and once left to the COMMIT.
	row := func(name string, look bool) func(context.Context, tx) error {
		return func(ctx context.Context, q tx) error {
			var got string
			var at time.Time
			found, err := q.ExpectRow(ctx, []any{&got, scanMS(&at)}, addTenant+" ON CONFLICT DO NOTHING RETURNING name, created_ms", name)
			if err == nil && !found {
				err = undone
			}
			if err != nil || !look {
				return err
			}
			if err = q.flush(ctx); err == nil && (got != name || at.UnixMilli() != 1) {
				t.Errorf("the row of %s is %q at %v", name, got, at)
			}
			return err
		}
	}
	see := func(want int) func(context.Context, tx) error {
		return func(ctx context.Context, q tx) error {
			var n int
			if err := q.QueryRow(ctx, "SELECT count(*) FROM tenant WHERE name <> $1", "none").Scan(&n); err != nil {
				return err
			}
			if n != want {
				t.Errorf("the transaction sees %d tenants, want %d", n, want)
			}
			return nil
		}
	}
	careless := func(ctx context.Context, q tx) error { // does not look at the error it gets
		_ = q.QueryRow(ctx, "SELECT count(*) FROM tenant").Scan(new(int))
		return nil
	}
	fail := func(context.Context, tx) error { return undone }
	tests := []struct {
		name  string
		steps []func(context.Context, tx) error
		part  []func(context.Context, tx) error // between the first step and the others; its error goes no further
		want  error                             // nil: none
		any   bool                              // whatever the error
		left  int
	}{
		{name: "nothing else", steps: each(add("a", "b")), left: 2},
		{name: "seen", steps: each(add("a"), see(1), add("b"), see(2)), left: 2},
		{name: "refused after it", steps: each(add("a"), fail), want: undone},
		{name: "heard of", steps: each(told, add("a")), left: 2},
		{name: "changed", steps: each(add("a"), must("a"), add("b")), left: 2},
		{name: "not changed, the last", steps: each(add("a"), must("none")), want: undone},
		{name: "not changed, then seen", steps: each(must("none"), see(1)), want: undone},
		{name: "not changed, and nobody looks", steps: each(must("none"), careless, add("a")), want: undone},
		{name: "fails", steps: each(add("a", "a")), any: true},
		{name: "fails before another", steps: each(add("a"), later(failed), add("b")), any: true},
		{name: "a part", steps: each(add("a"), add("b")), part: each(add("c")), left: 3},
		{name: "a part that is empty", steps: each(add("a"), see(1)), part: each(all(nil)), left: 1},
		{name: "a part refused", steps: each(add("a"), see(1), add("b")), part: each(add("c"), fail), left: 2},
		{name: "a part refused at once", steps: each(add("a"), see(1)), part: each(fail), left: 1},
		{name: "a part that fails", steps: each(add("a"), see(1)), part: each(add("c", "c")), left: 1},
		{name: "a part not changed, and nobody looks", steps: each(add("a"), see(1)), part: each(must("none"), careless), left: 1},
		{name: "a part not changed", steps: each(add("a"), see(1)), part: each(must("none")), left: 1},
		{name: "expected", steps: each(expect("a"), see(1), expect("b")), left: 2},
		{name: "not as expected", steps: each(expect("a"), expect("a")), want: undone},
		{name: "not as expected, then seen", steps: each(expect("a"), expect("a"), see(1)), want: undone},
		{name: "not as expected, and nobody looks", steps: each(add("a"), expect("a"), careless), want: undone},
		{name: "a part not as expected", steps: each(add("a"), expect("b")), part: each(expect("a")), left: 2},
		{name: "a part as expected", steps: each(add("a"), expect("b")), part: each(expect("c")), left: 3},
		{name: "a row as expected", steps: each(add("a"), row("b", true), row("c", false)), left: 3},
		{name: "a row not as expected", steps: each(add("a"), row("a", true)), want: undone},
		{name: "a row not as expected, the last", steps: each(row("a", false), row("a", false)), want: undone},
		{name: "a row not as expected, then seen", steps: each(row("a", false), row("a", false), see(1)), want: undone},
		{name: "a part with a row not as expected", steps: each(add("a"), row("b", true)), part: each(row("a", false)), left: 2},
		{name: "a key that is taken", steps: each(unique("a"), unique("a"), add("b")), want: undone},
		{name: "a part with a key that is taken", steps: each(add("a"), unique("b")), part: each(unique("a"), add("c")), left: 2},
		{name: "fails before a part", steps: each(add("a", "a"), add("b")), part: each(add("c")), any: true},
		{name: "not changed before a part", steps: each(must("none"), add("b")), part: each(add("c")), want: undone},
	}
	db, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := db.write(t.Context(), func(ctx context.Context, q tx) error {
				for i, step := range tt.steps {
					if err := step(ctx, q); err != nil {
						return err
					}
					if i > 0 || tt.part == nil {
						continue
					}
					db.write(ctx, all(tt.part))
				}
				return nil
			})
			if tt.any != (err != nil) && tt.want == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got the error %v, want %v", err, tt.want)
			}
			var left int64
			if err := db.write(t.Context(), func(ctx context.Context, q tx) (err error) {
				left, err = q.Exec(ctx, "DELETE FROM tenant")
				return err
			}); err != nil || left != int64(tt.left) {
				t.Errorf("%d tenants are left (%v), want %d", left, err, tt.left)
			}
		})
	}
}

func each(steps ...func(context.Context, tx) error) []func(context.Context, tx) error { return steps }

func all(steps []func(context.Context, tx) error) func(context.Context, tx) error {
	return func(ctx context.Context, q tx) error {
		for _, step := range steps {
			if err := step(ctx, q); err != nil {
				return err
			}
		}
		return nil
	}
}

func later(text string) func(context.Context, tx) error {
	return func(ctx context.Context, q tx) error { return q.Later(ctx, text, 1) }
}
