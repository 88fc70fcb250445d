package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"bestow.dev/internal/store/pgtest"
)

const tenantsOf = "UPDATE tenant SET created_ms = created_ms + $1 WHERE created_ms > 0 RETURNING name"

func scanName(rows *sql.Rows) (name string, err error) { return name, rows.Scan(&name) }

// TestAlone: a statement that is alone counts as a transaction, and joins one.
func TestAlone(t *testing.T) {
	eachConfig(t, func(t *testing.T, c Config) {
		db, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		want := func(step string, names ...string) {
			t.Helper()
			got, err := queryAlone(t.Context(), db, scanName, tenantsOf, 1)
			if err != nil || len(got) != len(names) {
				t.Errorf("%s: %q are there (%v), want %q", step, got, err, names)
			}
		}
		before := db.Written()
		if err := db.execAlone(t.Context(), addTenant, "a"); err != nil {
			t.Fatal(err)
		}
		want("by itself", "a")
		if err := db.execAlone(t.Context(), addTenant, "a"); err == nil {
			t.Error("what fails has no error")
		}
		after := db.Written()
		if n := after.Transactions - before.Transactions; n != 2 {
			t.Errorf("%d transactions, want two", n)
		}
		if n := after.Commits - before.Commits; n < 2 || n > 3 { // on SQLite what fails might have shared one
			t.Errorf("%d commits, want two or three", n)
		}
		undone := errors.New("undone")
		for name, gather := range map[string]func(context.Context, func(context.Context) error) error{"InTx": db.InTx, "Together": db.Together} {
			if err := gather(t.Context(), func(ctx context.Context) error {
				return errors.Join(db.execAlone(ctx, addTenant, "b"), undone)
			}); !errors.Is(err, undone) {
				t.Errorf("%s: %v", name, err)
			}
			want(name+", undone", "a")
			if err := gather(t.Context(), func(ctx context.Context) error {
				if err := db.execAlone(ctx, addTenant, name); err != nil {
					return err
				}
				if err := db.execAlone(ctx, addTenant, "a"); err == nil {
					t.Errorf("%s: what fails has no error", name)
				}
				all, err := queryAlone(ctx, db, scanName, tenantsOf, 1)
				if len(all) != 2 {
					t.Errorf("%s: the transaction sees %q", name, all)
				}
				return err
			}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			want(name, "a", name)
			if err := db.execAlone(t.Context(), "DELETE FROM tenant WHERE name = $1", name); err != nil {
				t.Fatal(err)
			}
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if err := db.execAlone(over, addTenant, "c"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("after the end of its context: %v", err)
		}
		want("nothing else", "a")
	})
}

// TestPostgresAlone: it is not in a transaction block, and is repeated where a transaction is.
func TestPostgresAlone(t *testing.T) {
	db := openNode(t, pgtest.URL(t))
	if err := db.execAlone(t.Context(), "VACUUM tenant"); err != nil { // which no block can hold
		t.Error(err)
	}
	runs := 0
	if err := db.alone(t.Context(), func(context.Context, tx) error {
		if runs++; runs < 3 {
			return &pgconn.PgError{Code: "40P01"}
		}
		return nil
	}); err != nil || runs != 3 {
		t.Errorf("%v after %d runs, want none after three", err, runs)
	}
}

// TestPostgresAloneEnds: where the caller's context ends the server says that nothing was
// changed; where the connection is lost nobody does.
func TestPostgresAloneEnds(t *testing.T) {
	url := pgtest.URL(t)
	db, other := openNode(t, url), openNode(t, url)
	if err := db.execAlone(t.Context(), addTenant, "a"); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		end  func(ctx context.Context, q tx, cancel func()) error
		want error
	}{
		"the caller goes": {func(_ context.Context, _ tx, cancel func()) error { cancel(); return nil }, ErrUnavailable},
		"the connection is lost": {func(ctx context.Context, q tx, _ func()) error {
			const terminate = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"
			_, err := q.Exec(ctx, terminate)
			return err
		}, ErrOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var waits sync.WaitGroup
			if err := other.write(t.Context(), func(ctx2 context.Context, q tx) error {
				if _, err := q.Exec(ctx2, "UPDATE tenant SET created_ms = $1", 2); err != nil {
					return err
				}
				var err error
				var all []string
				waits.Go(func() { all, err = queryAlone(ctx, db, scanName, tenantsOf, 40) })
				waitUntil(t, func() bool {
					var n int
					const held = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"
					return q.QueryRow(ctx2, held).Scan(&n) != nil || n > 0
				})
				if err := tt.end(ctx2, q, cancel); err != nil {
					return err
				}
				waits.Wait()
				if !errors.Is(err, tt.want) || all != nil {
					t.Errorf("got %q and %v, want %v", all, err, tt.want)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if all, err := db.Tenants(t.Context()); err != nil || len(all) != 1 || all[0].Created != time.UnixMilli(2).UTC() {
				t.Errorf("left: %+v (%v)", all, err)
			}
		})
	}
}
