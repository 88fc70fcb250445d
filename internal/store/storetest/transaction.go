package storetest

import (
	"context"
	"errors"
	"testing"

	"bestow.dev/internal/store"
	"bestow.dev/internal/tenant"
)

// transactionTests are the promises of InTx.
var transactionTests = []test{
	{"all or nothing", testAllOrNothing},
	{"a method that fails undoes itself alone", testPartFails},
	{"reading what was just written", testReadInside},
	{"a transaction in a transaction", testNested},
	{"a panic undoes everything", testPanic},
	{"a context that has ended", testEndedContext},
	{"a context kept too long", testKeptContext},
}

var errChange = errors.New("a change of mind")

func create(ctx context.Context, db *store.DB, name string) error {
	return db.CreateTenant(ctx, tenant.Tenant{Name: name, Created: noon}, event("acme", "tenant.created"))
}

func wantTenants(t testing.TB, db *store.DB, names ...string) {
	t.Helper()
	all, err := db.Tenants(context.Background())
	check(t, err)
	if len(all) != len(names) {
		t.Fatalf("tenants: got %+v, want %q", all, names)
	}
	for i, name := range names {
		if all[i].Name != name {
			t.Errorf("tenants: got %+v, want %q", all, names)
		}
	}
	// Each has its event: no event, no change, and the reverse.
	if n := len(wantWhole(t, db, "acme")); n != len(names) {
		t.Errorf("%d events for %d changes", n, len(names))
	}
}

func testAllOrNothing(t *testing.T, db *store.DB) {
	err := db.InTx(t.Context(), func(ctx context.Context) error {
		check(t, create(ctx, db, "one"))
		check(t, create(ctx, db, "two"))
		return errChange
	})
	wantError(t, err, errChange)
	wantTenants(t, db)
	check(t, db.InTx(t.Context(), func(ctx context.Context) error {
		return errors.Join(create(ctx, db, "one"), create(ctx, db, "two"))
	}))
	wantTenants(t, db, "one", "two")
}

func testPartFails(t *testing.T, db *store.DB) {
	check(t, create(t.Context(), db, "one"))
	check(t, db.InTx(t.Context(), func(ctx context.Context) error {
		check(t, create(ctx, db, "two"))
		wantError(t, create(ctx, db, "one"), tenant.ErrTenantExists)
		return create(ctx, db, "three")
	}))
	wantTenants(t, db, "one", "three", "two")
}

func testReadInside(t *testing.T, db *store.DB) {
	check(t, db.InTx(t.Context(), func(ctx context.Context) error {
		check(t, db.CreateClient(ctx, client("acme", "idm", key(1)), event("acme", "client.created")))
		_, err := db.Client(ctx, "idm")
		check(t, err)
		_, err = db.Client(t.Context(), "idm")
		wantError(t, err, tenant.ErrClientUnknown) // outside, it is not there yet
		return nil
	}))
}

func testNested(t *testing.T, db *store.DB) {
	check(t, db.InTx(t.Context(), func(ctx context.Context) error {
		check(t, create(ctx, db, "one"))
		err := db.InTx(ctx, func(ctx context.Context) error {
			check(t, create(ctx, db, "two"))
			wantError(t, create(ctx, db, "one"), tenant.ErrTenantExists)
			return errChange
		})
		wantError(t, err, errChange)
		return db.InTx(ctx, func(ctx context.Context) error { return create(ctx, db, "three") })
	}))
	wantTenants(t, db, "one", "three")
}

func testPanic(t *testing.T, db *store.DB) {
	func() {
		defer func() {
			if got := recover(); got != errChange {
				t.Errorf("recovered %v, want %v", got, errChange)
			}
		}()
		db.InTx(t.Context(), func(ctx context.Context) error {
			check(t, create(ctx, db, "one"))
			panic(errChange)
		})
	}()
	wantTenants(t, db)
	check(t, create(t.Context(), db, "one"))
	wantTenants(t, db, "one")
}

func testEndedContext(t *testing.T, db *store.DB) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := db.InTx(ctx, func(context.Context) error {
		t.Error("it ran")
		return nil
	})
	wantError(t, err, store.ErrUnavailable)
	wantError(t, err, context.Canceled)
}

func testKeptContext(t *testing.T, db *store.DB) {
	var kept context.Context
	check(t, db.InTx(t.Context(), func(ctx context.Context) error {
		kept = ctx
		return nil
	}))
	if err := create(kept, db, "one"); err == nil {
		t.Error("a method joined a transaction that had ended")
	}
	wantTenants(t, db)
}
