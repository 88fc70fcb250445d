package tenant_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
)

// Documents that go together with what most relying parties ask for, and one that
// leaves nothing where only ES256 is offered.
const (
	verified   = `{"name": "verified", "rules": {"userVerification": "required"}}`
	attested   = `{"name": "attested", "rules": {"attestation": {"trusted": true}}}`
	edDSA      = `{"name": "eddsa", "rules": {"algorithms": {"allow": [-8]}}}`
	edDSAMaybe = `{"name": "eddsa", "mode": "monitor", "rules": {"algorithms": {"allow": [-8]}}}`
)

const es256 = int32(-7)

// with returns a world whose file has what spoil makes of the usual.
func with(t *testing.T, change func(acme *tenant.FileTenant)) *world {
	t.Helper()
	w := newWorld(t)
	d, err := w.opens(t, w.db, change)
	check(t, err)
	w.Directory = d
	return w
}

func (w *world) opens(t *testing.T, store tenant.Store, change func(acme *tenant.FileTenant)) (*tenant.Directory, error) {
	t.Helper()
	file := fromFile()
	change(&file[0])
	return tenant.New(t.Context(), store, file, func() time.Time { return w.now })
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) put(t *testing.T, document string) *tenant.Policy {
	t.Helper()
	p, _, err := w.PutPolicy(t.Context(), w.admin, []byte(document))
	check(t, err)
	return p
}

func (w *world) putRP(t *testing.T, rp tenant.RelyingParty) *tenant.RelyingParty {
	t.Helper()
	stored, err := w.PutRelyingParty(t.Context(), w.admin, rp)
	check(t, err)
	return stored
}

func names(all []*tenant.Policy) (names []string) {
	for _, p := range all {
		names = append(names, p.Name+" "+p.VersionText())
	}
	return names
}

func wantNames(t *testing.T, got []*tenant.Policy, want ...string) {
	t.Helper()
	if !slices.Equal(names(got), want) {
		t.Errorf("policies: got %q, want %q", names(got), want)
	}
}

func TestPolicyVersions(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	first := w.put(t, verified)
	if first.Version != 1 || first.Source != tenant.FromDatabase || !first.Made.Equal(w.now) || first.MadeBy != w.admin.Actor.String() {
		t.Errorf("the first version: %+v", first)
	}
	w.now = w.now.Add(time.Hour)
	same := w.put(t, `{"rules": {"userVerification": "required"}, "mode": "enforce", "name": "verified"}`)
	if same.Version != 1 || !same.Made.Equal(first.Made) {
		t.Errorf("the same in other words for programs: %+v", same)
	}
	described := w.put(t, `{"name": "verified", "description": "PIN or finger", "rules": {"userVerification": "required"}}`)
	if described.Version != 2 || described.Digest() != first.Digest() {
		t.Errorf("in other words for people: version %d, digest %s, want 2 and %s", described.Version, described.Digest(), first.Digest())
	}
	check(t, w.DeletePolicy(ctx, w.admin, "verified"))
	if again := w.put(t, verified); again.Version != 4 {
		t.Errorf("made again: version %d", again.Version)
	}
	w.put(t, attested)

	all, err := w.Policies(ctx, w.admin)
	check(t, err)
	wantNames(t, all, "attested 1", "verified 4")
	versions, err := w.PolicyVersions(ctx, w.admin, "verified")
	check(t, err)
	wantNames(t, versions, "verified 4", "verified 3", "verified 2", "verified 1")
	if versions[1].Document != nil || versions[1].Digest() != "" || versions[0].Document == nil {
		t.Error("it is the third version that says it was deleted")
	}
	old, err := w.Policy(ctx, w.admin, "verified", 2)
	check(t, err)
	if old.Document.Description != "PIN or finger" {
		t.Errorf("an old version: %+v", old.Document)
	}
	w.wantTrail(t, "policy.changed", "policy.changed", "policy.deleted", "policy.changed", "policy.changed")
}

func TestPolicyUnknown(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.put(t, verified)
	for _, version := range []int64{-1, 2} {
		_, err := w.Policy(ctx, w.admin, "verified", version)
		wantError(t, err, tenant.ErrPolicyUnknown)
	}
	check(t, w.DeletePolicy(ctx, w.admin, "verified"))
	_, err := w.Policy(ctx, w.admin, "verified", 0)
	wantError(t, err, tenant.ErrPolicyUnknown)
	wantError(t, w.DeletePolicy(ctx, w.admin, "verified"), tenant.ErrPolicyUnknown)
	_, err = w.PolicyVersions(ctx, w.admin, "never")
	wantError(t, err, tenant.ErrPolicyUnknown)
	_, err = w.Policy(ctx, tenant.LocalOperator("beta", "root"), "verified", 1)
	wantError(t, err, tenant.ErrPolicyUnknown)
}

// Reading needs fido.read somewhere, changing needs admin over the tenant.
func TestPolicyRights(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.put(t, verified)
	reader := tenant.Authority{Tenant: "acme", Actor: audit.Actor{Kind: audit.Client, ID: "c"}, Scopes: []tenant.Scope{tenant.ScopeRead}}
	narrow := reader
	narrow.RelyingParties = []string{"login.example"}
	for _, by := range []tenant.Authority{reader, narrow} {
		if p, err := w.Policy(ctx, by, "verified", 0); err != nil || p.Version != 1 {
			t.Errorf("reading: %v", err)
		}
		_, _, err := w.PutPolicy(ctx, by, []byte(attested))
		wantError(t, err, tenant.ErrDenied)
		wantError(t, w.DeletePolicy(ctx, by, "verified"), tenant.ErrDenied)
		_, _, err = w.SetPolicies(ctx, by, "login.example", []string{"verified"})
		wantError(t, err, tenant.ErrDenied)
	}
	// Admin over one relying party is none over what holds at others.
	narrow.Scopes = []tenant.Scope{tenant.ScopeAdmin}
	_, _, err := w.PutPolicy(ctx, narrow, []byte(attested))
	wantError(t, err, tenant.ErrDenied)

	nobody := reader
	nobody.Scopes = []tenant.Scope{tenant.ScopeProvision}
	_, err = w.Policies(ctx, nobody)
	wantError(t, err, tenant.ErrDenied)
	_, err = w.PolicyVersions(ctx, nobody, "verified")
	wantError(t, err, tenant.ErrDenied)
	w.wantTrail(t, "policy.changed")
}

func TestPutPolicyRefuses(t *testing.T) {
	w := with(t, func(acme *tenant.FileTenant) {
		acme.Policies = []tenant.FilePolicy{{Path: "attested.json", Document: []byte(attested)}}
	})
	ctx := t.Context()
	w.putRP(t, tenant.RelyingParty{ID: "login.example", Algorithms: []int32{es256}})
	w.put(t, edDSAMaybe)
	_, warnings, err := w.SetPolicies(ctx, w.admin, "login.example", []string{"eddsa"})
	check(t, err)
	if len(warnings) == 0 || warnings[0].Severity != policy.SeverityWarning {
		t.Errorf("a policy that monitors: warnings %v", warnings)
	}
	before := len(w.trail(t))
	for _, test := range []struct {
		name, document string
		want           error
		field          string
	}{
		{"no policy", `{"name": "empty"}`, policy.ErrDocument, ""},
		{"a member nobody knows", `{"name": "x", "rules": {"userVerified": "required"}}`, policy.ErrDocument, "rules.userVerified"},
		{"the name of a part of the program", strings.Replace(verified, `"verified"`, `"bestow.metadata"`, 1), policy.ErrDocument, "name"},
		{"one of a file", attested, tenant.ErrPolicyReadOnly, ""},
		{"nothing would be left", edDSA, tenant.ErrPolicyConflict, "policies"},
	} {
		p, _, err := w.PutPolicy(ctx, w.admin, []byte(test.document))
		wantError(t, err, test.want)
		if f := fault.From(err); p != nil || f != nil && test.field != "" && f.Field != test.field {
			t.Errorf("%s: %v at %q, policy %v", test.name, err, f.Field, p)
		}
	}
	if after := len(w.trail(t)); after != before {
		t.Errorf("refusals left %d events", after-before)
	}
	// With what it monitors in two words it warns of the relying party again.
	_, warnings, err = w.PutPolicy(ctx, w.admin, []byte(strings.Replace(edDSAMaybe, `"mode"`, `"description": "d", "mode"`, 1)))
	if check(t, err); len(warnings) == 0 {
		t.Error("no warning")
	}
}

func (w *world) trail(t *testing.T) (all []audit.Event) {
	t.Helper()
	for e, err := range audit.All(t.Context(), w.db, "acme") {
		check(t, err)
		all = append(all, *e)
	}
	return all
}

func TestDeletePolicyInUse(t *testing.T) {
	w := with(t, func(acme *tenant.FileTenant) {
		acme.Policies = []tenant.FilePolicy{{Path: "attested.json", Document: []byte(attested)}}
	})
	ctx := t.Context()
	w.put(t, verified)
	w.putRP(t, tenant.RelyingParty{ID: "login.example", Policies: []string{"verified", "attested"}})
	err := w.DeletePolicy(ctx, w.admin, "verified")
	wantError(t, err, tenant.ErrPolicyInUse)
	if !strings.Contains(fault.From(err).Public, "login.example") {
		t.Errorf("it does not say where: %v", err)
	}
	wantError(t, w.DeletePolicy(ctx, w.admin, "attested"), tenant.ErrPolicyReadOnly)
	_, _, err = w.SetPolicies(ctx, w.admin, "login.example", nil)
	check(t, err)
	check(t, w.DeletePolicy(ctx, w.admin, "verified"))
}

func TestPoliciesOfARelyingParty(t *testing.T) {
	w := with(t, func(acme *tenant.FileTenant) {
		acme.Policies = []tenant.FilePolicy{{Path: "attested.json", Document: []byte(attested)}}
	})
	ctx := t.Context()
	w.put(t, verified)
	w.put(t, edDSA)
	w.putRP(t, tenant.RelyingParty{ID: "login.example", Algorithms: []int32{es256}})

	many := make([]string, 16)
	for i := range many {
		many[i] = fmt.Sprint("policy-", i)
	}
	for _, test := range []struct {
		name     string
		policies []string
		want     error
	}{
		{"one that is not there", []string{"verified", "never"}, tenant.ErrPolicyUnknown},
		{"twice", []string{"verified", "verified"}, tenant.ErrRelyingPartyInvalid},
		{"too many", many, tenant.ErrRelyingPartyInvalid},
		{"nothing would be left", []string{"verified", "eddsa"}, tenant.ErrPolicyConflict},
	} {
		_, _, err := w.SetPolicies(ctx, w.admin, "login.example", test.policies)
		wantError(t, err, test.want)
		_, err = w.PutRelyingParty(ctx, w.admin, tenant.RelyingParty{ID: "login.example", Algorithms: []int32{es256}, Policies: test.policies})
		wantError(t, err, test.want)
	}
	_, _, err := w.SetPolicies(ctx, w.admin, "file.example", []string{"verified"})
	wantError(t, err, tenant.ErrRelyingPartyReadOnly)
	for _, id := range []string{"never.example", "not a domain"} {
		_, _, err = w.SetPolicies(ctx, w.admin, id, []string{"verified"})
		wantError(t, err, tenant.ErrRelyingPartyUnknown)
	}

	// In the order in which they are named, of the file and the database.
	set, warnings, err := w.SetPolicies(ctx, w.admin, "login.example", []string{"verified", "attested"})
	check(t, err)
	if len(warnings) > 0 || len(set.Documents()) != 2 {
		t.Errorf("warnings %v, %d documents", warnings, len(set.Documents()))
	}
	rp, err := w.RelyingParty(ctx, "acme", "login.example")
	check(t, err)
	if d := rp.Documents(); len(d) != 2 || d[0].Name != "verified" || d[1].Name != "attested" {
		t.Errorf("documents: %+v", d)
	}
	events := w.trail(t)
	if e := events[len(events)-1]; e.Action != "rp.changed" || e.Detail["policies"] != "verified attested" {
		t.Errorf("event: %+v", e)
	}
}

// What counts about certificates is in the trail, by its hash.
func TestTrailTellsOfAnchors(t *testing.T) {
	w := newWorld(t)
	detail := func(rp tenant.RelyingParty) map[string]string {
		rp.ID = "login.example"
		w.putRP(t, rp)
		all := w.trail(t)
		return all[len(all)-1].Detail
	}
	plain := detail(tenant.RelyingParty{})
	if plain["trustAnchors"] != "" || plain["vendorRoots"] != "" || plain["androidKeyHardware"] != "" {
		t.Errorf("without: %v", plain)
	}
	one, other := anchor(t), anchor(t)
	full := detail(tenant.RelyingParty{TrustAnchors: one, Trust: tenant.Trust{
		VendorRoots: []string{"yubico"}, FormatAnchors: map[string]string{"tpm": one}, AndroidKeyHardware: true, RequireRevocationLists: true,
	}})
	if full["trustAnchors"] == "" || full["trustAnchors"] != full["formatAnchors.tpm"] || full["vendorRoots"] != "yubico" ||
		full["androidKeyHardware"] != "true" || full["requireRevocationLists"] != "true" {
		t.Errorf("with: %v", full)
	}
	if changed := detail(tenant.RelyingParty{TrustAnchors: other}); changed["trustAnchors"] == full["trustAnchors"] {
		t.Error("other anchors are not told")
	}
}

func TestFilePolicies(t *testing.T) {
	w := with(t, func(acme *tenant.FileTenant) {
		acme.Policies = []tenant.FilePolicy{{Path: "verified.json", Document: []byte(verified)}}
		acme.RelyingParties[0].Policies = []string{"verified"}
	})
	ctx := t.Context()
	all, err := w.Policies(ctx, w.admin)
	check(t, err)
	wantNames(t, all, "verified file")
	if all[0].Source != tenant.FromFile || !all[0].Made.IsZero() || all[0].MadeBy != "" {
		t.Errorf("of the file: %+v", all[0])
	}
	rp, err := w.RelyingParty(ctx, "acme", "file.example")
	check(t, err)
	if d := rp.Documents(); len(d) != 1 || d[0].Name != "verified" {
		t.Errorf("documents: %+v", d)
	}
	// It needs nothing of the database.
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	w.now = w.now.Add(time.Minute)
	if again, err := w.RelyingParty(stopped, "acme", "file.example"); err != nil || again != rp {
		t.Errorf("without the database: %v", err)
	}
	wantError(t, w.DeletePolicy(ctx, w.admin, "verified"), tenant.ErrPolicyReadOnly)
	// What the database had before can still be read.
	if versions, err := w.PolicyVersions(ctx, w.admin, "verified"); err != nil || len(versions) != 1 || versions[0].Version != 0 {
		t.Errorf("versions: %q, %v", names(versions), err)
	}
}

// A relying party of the file may name policies of the database.
func TestFileNamesPolicyOfTheDatabase(t *testing.T) {
	w := newWorld(t)
	w.put(t, verified)
	d, err := w.opens(t, w.db, func(acme *tenant.FileTenant) { acme.RelyingParties[0].Policies = []string{"verified"} })
	check(t, err)
	rp, err := d.RelyingParty(t.Context(), "acme", "file.example")
	check(t, err)
	if len(rp.Documents()) != 1 {
		t.Errorf("documents: %v", rp.Documents())
	}
	wantError(t, w.DeletePolicy(t.Context(), w.admin, "verified"), nil) // this process does not have that file
	w.now = w.now.Add(time.Second)
	_, err = d.RelyingParty(t.Context(), "acme", "file.example")
	wantError(t, err, tenant.ErrPolicyMissing)
}

func TestNewRefusesPolicies(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(acme *tenant.FileTenant)
		want   error // nil: accepted
		says   string
	}{
		{"untouched", func(acme *tenant.FileTenant) { acme.RelyingParties[0].Policies = []string{"stored"} }, nil, ""},
		{"one that is not there", func(acme *tenant.FileTenant) { acme.RelyingParties[0].Policies = []string{"never"} }, tenant.ErrPolicyUnknown, "file.example"},
		{"no document", func(acme *tenant.FileTenant) {
			acme.Policies = []tenant.FilePolicy{{Path: "spoilt.json", Document: []byte("{")}}
		}, policy.ErrDocument, "spoilt.json"},
		{"the name of a part of the program", func(acme *tenant.FileTenant) {
			acme.Policies = []tenant.FilePolicy{{Path: "taken.json", Document: []byte(strings.Replace(verified, `"verified"`, `"bestow.x"`, 1))}}
		}, policy.ErrDocument, "taken.json"},
		{"in two files", func(acme *tenant.FileTenant) {
			acme.Policies = []tenant.FilePolicy{{Path: "a.json", Document: []byte(verified)}, {Path: "b.json", Document: []byte(verified)}}
		}, tenant.ErrTwice, "verified"},
		{"in a file and the database", func(acme *tenant.FileTenant) {
			acme.Policies = []tenant.FilePolicy{{Path: "a.json", Document: []byte(strings.Replace(verified, `"verified"`, `"stored"`, 1))}}
		}, tenant.ErrTwice, "stored"},
		{"nothing would be left", func(acme *tenant.FileTenant) {
			acme.Policies = []tenant.FilePolicy{{Path: "a.json", Document: []byte(edDSA)}}
			acme.RelyingParties[0].Policies, acme.RelyingParties[0].Algorithms = []string{"eddsa"}, []int32{es256}
		}, tenant.ErrPolicyConflict, "file.example"},
		{"anchors that are none", func(acme *tenant.FileTenant) { acme.TrustAnchors = "PEM" }, tenant.ErrRelyingPartyInvalid, "tenantAnchors"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.put(t, strings.Replace(verified, `"verified"`, `"stored"`, 1))
			d, err := w.opens(t, w.db, test.change)
			wantError(t, err, test.want)
			if (d == nil) != (test.want != nil) || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want it to name %s", err, test.says)
			}
		})
	}
}
