package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/policy"
	"bestow.dev/internal/store"
	"bestow.dev/internal/tenant"
)

// newPolicy is a policy that is not stored yet; what it asks for depends on n.
func newPolicy(t *testing.T, tenantName, name string, n int) *tenant.Policy {
	t.Helper()
	d, err := policy.Parse(fmt.Appendf(nil, `{"name": %q, "description": "Ä <b>", "rules": {"firmware": {"minimum": %d}}}`, name, n))
	check(t, err)
	return &tenant.Policy{Tenant: tenantName, Name: name, Document: d, Source: tenant.FromDatabase, Made: noon, MadeBy: "operator:alice"}
}

func putPolicy(t *testing.T, db *store.DB, p *tenant.Policy) *tenant.Policy {
	t.Helper()
	stored, err := db.PutPolicy(t.Context(), p, event(p.Tenant, "policy.changed"))
	check(t, err)
	return stored
}

func deletePolicy(t *testing.T, db *store.DB, tenantName, name string) error {
	t.Helper()
	gone := &tenant.Policy{Tenant: tenantName, Name: name, Made: noon.Add(time.Hour), MadeBy: "operator:bob"}
	return db.DeletePolicy(t.Context(), gone, event(tenantName, "policy.deleted"))
}

// wantPolicies checks the current policies of a tenant.
func wantPolicies(t *testing.T, db *store.DB, tenantName string, want ...*tenant.Policy) {
	t.Helper()
	all, err := db.Policies(t.Context(), tenantName)
	check(t, err)
	wantSame(t, all, want)
}

func wantSame(t *testing.T, got, want []*tenant.Policy) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d policies, want %d", len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("got  %+v\nwant %+v", got[i], want[i])
		}
	}
}

func testPolicies(t *testing.T, db *store.DB) {
	ctx := t.Context()
	wantPolicies(t, db, "acme")
	if versions, err := db.PolicyVersions(ctx, "acme", "b"); err != nil || len(versions) != 0 {
		t.Errorf("versions of none: %v, %v", versions, err)
	}
	wantError(t, deletePolicy(t, db, "acme", "b"), tenant.ErrPolicyUnknown)

	b1 := putPolicy(t, db, newPolicy(t, "acme", "b", 1))
	b2 := putPolicy(t, db, newPolicy(t, "acme", "b", 2))
	a1 := putPolicy(t, db, newPolicy(t, "acme", "a", 1))
	other := putPolicy(t, db, newPolicy(t, "beta", "b", 3))
	for n, p := range map[int64]*tenant.Policy{1: a1, 2: b2} {
		want := newPolicy(t, "acme", p.Name, int(n))
		want.Version = n
		wantSame(t, []*tenant.Policy{p}, []*tenant.Policy{want})
	}
	wantPolicies(t, db, "acme", a1, b2)
	wantPolicies(t, db, "beta", other)

	// One that was deleted is not there, and its versions are.
	check(t, deletePolicy(t, db, "acme", "b"))
	wantPolicies(t, db, "acme", a1)
	wantPolicies(t, db, "beta", other)
	wantError(t, deletePolicy(t, db, "acme", "b"), tenant.ErrPolicyUnknown)
	b4 := putPolicy(t, db, newPolicy(t, "acme", "b", 2)) // as before
	wantPolicies(t, db, "acme", a1, b4)
	b3 := &tenant.Policy{Tenant: "acme", Name: "b", Version: 3, Source: tenant.FromDatabase, Made: noon.Add(time.Hour), MadeBy: "operator:bob"}
	versions, err := db.PolicyVersions(ctx, "acme", "b")
	check(t, err)
	wantSame(t, versions, []*tenant.Policy{b4, b3, b2, b1})
	if b4.Version != 4 {
		t.Errorf("made again it has version %d", b4.Version)
	}
	wantActions(t, db, "acme", "policy.changed", "policy.changed", "policy.changed", "policy.deleted", "policy.changed")
}

// The same document makes no version, and leaves no event; other words for people do.
func testSamePolicy(t *testing.T, db *store.DB) {
	first := putPolicy(t, db, newPolicy(t, "acme", "p", 1))
	again := newPolicy(t, "acme", "p", 1)
	again.Made, again.MadeBy = noon.Add(time.Hour), "operator:bob"
	wantSame(t, []*tenant.Policy{putPolicy(t, db, again)}, []*tenant.Policy{first})
	wantActions(t, db, "acme", "policy.changed")

	described := newPolicy(t, "acme", "p", 1)
	d := *described.Document
	d.Description = "for people"
	described.Document = &d
	if p := putPolicy(t, db, described); p.Version != 2 || p.Digest() != first.Digest() {
		t.Errorf("other words: version %d", p.Version)
	}
	// What it was before is a change, too.
	if p := putPolicy(t, db, newPolicy(t, "acme", "p", 1)); p.Version != 3 {
		t.Errorf("back again: version %d", p.Version)
	}
}

// Of many at once each has a version of its own, or is told that another was first.
func testConcurrentPolicies(t *testing.T, db *store.DB) {
	const n = 12
	stored, errs := make([]*tenant.Policy, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		p := newPolicy(t, "acme", "p", i)
		wg.Go(func() { stored[i], errs[i] = db.PutPolicy(t.Context(), p, event("acme", "policy.changed")) })
	}
	wg.Wait()
	versions, err := db.PolicyVersions(t.Context(), "acme", "p")
	check(t, err)
	won := 0
	for i, p := range stored {
		switch {
		case errors.Is(errs[i], tenant.ErrPolicyChanged) && p == nil:
		case errs[i] != nil:
			t.Errorf("put: %v", errs[i])
		default:
			won++
			wantSame(t, versions[len(versions)-int(p.Version):][:1], []*tenant.Policy{p})
		}
	}
	if won == 0 || won != len(versions) || versions[0].Version != int64(won) {
		t.Errorf("%d won, there are %d versions, the last is %d", won, len(versions), versions[0].Version)
	}
	if all := wantWhole(t, db, "acme"); len(all) != won {
		t.Errorf("%d won, and there are %d events", won, len(all))
	}
}
