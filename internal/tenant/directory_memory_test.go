package tenant_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
)

// SetPolicies changes nothing else, though another process did so a moment ago.
func TestSetPoliciesIsNotFromMemory(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.put(t, verified)
	w.putRP(t, tenant.RelyingParty{ID: "login.example", Name: "Before"})
	_, err := w.RelyingParty(ctx, "acme", "login.example")
	check(t, err)
	_, err = w.open(t).PutRelyingParty(ctx, w.admin, tenant.RelyingParty{ID: "login.example", Name: "After"})
	check(t, err)
	rp, _, err := w.SetPolicies(ctx, w.admin, "login.example", []string{"verified"})
	check(t, err)
	if rp.Name != "After" {
		t.Errorf("the name is %q again", rp.Name)
	}
}

// A change is seen at once by who made it, and after half a second by others. As long
// as nothing changes, it is the same relying party.
func TestMemoryOfPolicies(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.put(t, verified)
	w.putRP(t, tenant.RelyingParty{ID: "login.example", Policies: []string{"verified"}})
	other := w.open(t)
	monitors := func(d *tenant.Directory) (*tenant.RelyingParty, bool) {
		t.Helper()
		rp, err := d.RelyingParty(ctx, "acme", "login.example")
		check(t, err)
		return rp, rp.Documents()[0].Mode == policy.ModeMonitor
	}
	before, _ := monitors(other)
	w.now = w.now.Add(time.Minute)
	if again, _ := monitors(other); again != before {
		t.Error("nothing changed, and it is another")
	}

	w.put(t, strings.Replace(verified, `{"name"`, `{"mode": "monitor", "name"`, 1))
	if _, changed := monitors(w.Directory); !changed {
		t.Error("who changed it does not see it")
	}
	w.now = w.now.Add(499 * time.Millisecond)
	if _, changed := monitors(other); changed {
		t.Error("the other asks the database each time")
	}
	w.now = w.now.Add(time.Millisecond)
	if _, changed := monitors(other); !changed {
		t.Error("the other does not see it after half a second")
	}
}

// duringRead is a store in which something happens after a relying party was read.
type duringRead struct {
	tenant.Store
	then func()
}

// RelyingParty implements [tenant.Store].
func (s *duringRead) RelyingParty(ctx context.Context, tenantName, id string) (*tenant.RelyingParty, error) {
	rp, err := s.Store.RelyingParty(ctx, tenantName, id)
	if then := s.then; then != nil {
		s.then = nil
		then()
	}
	return rp, err
}

// What was read before a change is not what is remembered after it.
func TestChangeDuringRead(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.putRP(t, tenant.RelyingParty{ID: "login.example", Name: "Before"})
	slow := &duringRead{Store: w.db}
	d, err := w.opens(t, slow, func(*tenant.FileTenant) {})
	check(t, err)
	slow.then = func() {
		_, err := d.PutRelyingParty(ctx, w.admin, tenant.RelyingParty{ID: "login.example", Name: "After"})
		check(t, err)
	}
	_, err = d.RelyingParty(ctx, "acme", "login.example")
	check(t, err)
	rp, err := d.RelyingParty(ctx, "acme", "login.example")
	check(t, err)
	if rp.Name != "After" {
		t.Errorf("it is remembered as %q", rp.Name)
	}
}

// A policy that is gone though it holds is nobody's fault who uses the relying party.
// To put it again mends it, also where several are gone.
func TestPolicyMissing(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.put(t, verified)
	w.put(t, attested)
	w.putRP(t, tenant.RelyingParty{ID: "login.example", Policies: []string{"verified", "attested"}})
	for _, name := range []string{"verified", "attested"} {
		gone := &tenant.Policy{Tenant: "acme", Name: name, Made: w.now, MadeBy: "operator:root"}
		check(t, w.db.DeletePolicy(ctx, gone, w.admin.Event(w.now, "policy.deleted")))
	}
	w.now = w.now.Add(time.Second)
	_, err := w.RelyingParty(ctx, "acme", "login.example")
	wantError(t, err, tenant.ErrPolicyMissing)
	if f := fault.From(err); f.Kind != fault.Internal || !strings.Contains(err.Error(), "verified") || !strings.Contains(err.Error(), "login.example") {
		t.Errorf("%s: %v", f.Kind, err)
	}
	if all, err := w.RelyingParties(ctx, "acme"); err != nil || len(all) != 2 {
		t.Errorf("the list: %d, %v", len(all), err)
	}
	w.put(t, verified)
	w.put(t, attested)
	_, err = w.RelyingParty(ctx, "acme", "login.example")
	check(t, err)
}
