package credential_test

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"

	"bestow.dev/cose"
	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// further makes policies that hold nowhere by themselves.
func (d *lab) further(documents ...string) {
	d.t.Helper()
	for _, text := range documents {
		_, _, err := d.directory.PutPolicy(d.t.Context(), d.admin(), []byte(text))
		check(d.t, err)
	}
}

func (d *lab) beginUnder(name string, policies ...string) (*credential.BegunRegistration, error) {
	return d.svc.BeginRegistration(d.t.Context(), d.idm, credential.BeginRegistration{
		RelyingParty: site, User: credential.ByName(name), Narrow: credential.Narrowing{Policies: policies},
	})
}

// A ceremony's further policies hold beside those of the relying party, at the beginning
// and at the end, and are kept with what the registration was judged by.
func TestFurtherPolicies(t *testing.T) {
	d := newLab(t, softkey.AttestPacked)
	d.accepts(tenant.RelyingParty{Attestation: tenant.AttestationNone, ResidentKey: tenant.Preferred})
	d.user("alice")
	d.holds(`{"name": "own", "mode": "monitor", "rules": {"models": {"deny": ["452f9e98-51aa-4c3b-8871-3a5b194146a9"]}}}`)
	d.further(
		`{"name": "trusted", "rules": {"attestation": {"trusted": true}}}`,
		`{"name": "packed", "rules": {"attestation": {"formats": {"allow": ["packed"]}}, "residentKey": "required"}}`,
	)

	begun, err := d.beginUnder("alice", "packed", "trusted")
	check(t, err)
	if o := begun.Options; o.Attestation != webauthn.ConveyanceDirect || o.AuthenticatorSelection.ResidentKey != webauthn.ResidentKeyRequired {
		t.Errorf("options: %s", begun.JSON)
	}
	if e := d.lastEvent(); e.Detail["policies"] != "packed trusted" {
		t.Errorf("event: %+v", e)
	}
	_, err = d.finishes(d.key.answer(begun.Options))
	wantCode(t, err, "policy.refused") // no root is known

	begun, err = d.beginUnder("alice", "packed")
	check(t, err)
	c, err := d.finishes(d.key.answer(begun.Options))
	check(t, err)
	want := []policy.RefusedBy{{Policy: "own", Rule: "rules.models.deny", Words: c.WouldRefuse[0].Words}}
	if !slices.Equal(c.WouldRefuse, want) || !bytes.Equal(c.UserHandle, begun.User.Handle) {
		t.Errorf("would refuse: %+v", c.WouldRefuse)
	}
	e := d.evidence(c)
	if !slices.Equal(e.Terms.Policies, []string{"packed"}) || !slices.ContainsFunc(e.Decision.Policies, func(p policy.PolicyDecision) bool { return p.Policy == "packed" }) {
		t.Errorf("evidence: %+v", e)
	}

	// Judged again: by then as it was, by now with what there is of them.
	for _, how := range []credential.By{credential.ByThen, credential.ByNow} {
		if r := d.reverify(c, how); !r.Same() {
			t.Errorf("by %s: %+v", how, r)
		}
	}
	d.further(`{"name": "packed", "rules": {"attestation": {"formats": {"allow": ["tpm"]}}}}`)
	if r := d.reverify(c, credential.ByNow); r.Accepted || r.Decision.RefusedBy.Policy != "packed" {
		t.Errorf("by now: %+v", r)
	}
	d.user("bob")
	begun, err = d.beginUnder("bob", "trusted")
	check(t, err)
	resp := d.key.answer(begun.Options)
	for _, name := range []string{"packed", "trusted"} {
		check(t, d.directory.DeletePolicy(t.Context(), d.admin(), name))
	}
	if r := d.reverify(c, credential.ByThen); !r.Same() {
		t.Errorf("by then: %+v", r)
	}
	if r := d.reverify(c, credential.ByNow); !r.Accepted {
		t.Errorf("by now, without the policy: %+v", r)
	}

	// One that is gone when the answer comes changes nothing.
	_, err = d.finishes(resp)
	wantFault(t, err, credential.ErrCeremonyPolicy)
	d.further(`{"name": "trusted", "rules": {"residentKey": "required"}}`)
	_, err = d.finishes(resp)
	check(t, err)

	_, err = d.beginUnder("alice", "nobody")
	wantFault(t, err, tenant.ErrPolicyUnknown)
}

// Sign-ins have theirs as well.
func TestFurtherPoliciesAtSignIn(t *testing.T) {
	w := newWorld(t)
	var err error
	w.directory, err = tenant.New(t.Context(), w.db, nil, w.clock)
	check(t, err)
	w.has(tenant.RelyingParty{Tenant: "acme", ID: site, UserVerification: tenant.Preferred})
	for _, text := range []string{
		`{"name": "synced", "at": ["sign-in"], "rules": {"syncedPasskeys": "required"}}`,
		`{"name": "advice", "mode": "monitor", "at": ["sign-in"], "rules": {"syncedPasskeys": "required"}}`,
		`{"name": "verified", "at": ["sign-in"], "rules": {"userVerification": "required"}}`,
	} {
		_, _, err := w.directory.PutPolicy(t.Context(), w.admin(), []byte(text))
		check(t, err)
	}
	w.user("alice")
	_, f := w.enrolled("alice")
	signIn := func(policies ...string) (*credential.SignIn, error) {
		begun, err := w.svc.BeginAuthentication(t.Context(), w.idm, credential.BeginAuthentication{
			RelyingParty: site, User: credential.ByName("alice"), Narrow: credential.Narrowing{Policies: policies},
		})
		check(t, err)
		if slices.Contains(policies, "verified") != (begun.Options.UserVerification == webauthn.UserVerificationRequired) {
			t.Errorf("%v: %s", policies, begun.JSON)
		}
		return w.finishSignIn(f, begun)
	}
	if done, err := signIn(); err != nil || done.WouldRefuse != nil {
		t.Errorf("without: %+v, %v", done, err)
	}
	done, err := signIn("advice", "verified")
	check(t, err)
	if len(done.WouldRefuse) != 1 || done.WouldRefuse[0].Policy != "advice" {
		t.Errorf("advice: %+v", done.WouldRefuse)
	}
	_, err = signIn("synced")
	wantFault(t, err, credential.ErrPolicyRefused)
}

// Where the caller says so, what accepts more than the policy is left as the policy has it.
func TestPolicyWins(t *testing.T) {
	w := newWorld(t)
	w.has(tenant.RelyingParty{
		Tenant: "acme", ID: site, AuthenticatorAttachment: "cross-platform", AttestationTrust: tenant.TrustRequire, Algorithms: []int32{-7, -257},
	})
	w.user("alice")
	n := credential.Narrowing{
		UserVerification: "discouraged", ResidentKey: "preferred", Attachment: "platform", Attestation: "none",
		Algorithms: []cose.Algorithm{cose.EdDSA, cose.RS256}, Timeout: 1e15, Life: 1e15, PolicyWins: true,
	}
	begun, err := w.beginWith(credential.BeginRegistration{Narrow: n})
	check(t, err)
	o := begun.Options
	if s := o.AuthenticatorSelection; s.UserVerification != "required" || s.ResidentKey != "required" || s.AuthenticatorAttachment != "cross-platform" ||
		o.Attestation != "direct" || !slices.Equal(o.Algorithms(), []cose.Algorithm{cose.RS256}) || o.TimeoutMillis != 240_000 {
		t.Errorf("options: %s", begun.JSON)
	}
	n.Algorithms = []cose.Algorithm{cose.EdDSA}
	_, err = w.beginWith(credential.BeginRegistration{Narrow: n})
	wantFault(t, err, credential.ErrPolicyWider)
}

// A user can be made with their first ceremony, and is shown by a name that finds nobody.
func TestNewUserAndShownName(t *testing.T) {
	w := newWorld(t)
	begin := func(by tenant.Authority, in credential.BeginRegistration) (*credential.BegunRegistration, error) {
		in.RelyingParty = site
		return w.svc.BeginRegistration(t.Context(), by, in)
	}
	unknown := credential.ByHandle([]byte{0, 1})
	_, err := begin(w.idm, credential.BeginRegistration{User: unknown})
	wantFault(t, err, credential.ErrUserUnknown)
	for _, in := range []credential.BeginRegistration{
		{User: unknown, ShownName: "a\x00", NewUser: &credential.NewUser{}},
		{User: unknown, NewUser: &credential.NewUser{Name: " "}},
		{User: credential.ByHandle(make([]byte, 65)), NewUser: &credential.NewUser{}},
		{User: unknown, NewUser: &credential.NewUser{}, Narrow: credential.Narrowing{Timeout: 1e15}},
	} {
		if _, err := begin(w.idm, in); err == nil {
			t.Errorf("accepted: %+v", in)
		}
	}
	less := w.idm
	less.Scopes = []tenant.Scope{tenant.ScopeProvision}
	_, err = begin(less, credential.BeginRegistration{User: unknown, NewUser: &credential.NewUser{}})
	wantFault(t, err, tenant.ErrDenied)
	if n, err := w.svc.Counts(t.Context(), w.admin()); err != nil || n.Users != 0 {
		t.Fatalf("%d users after refusals, %v", n.Users, err)
	}

	begun, err := begin(w.idm, credential.BeginRegistration{User: unknown, ShownName: "Lena", NewUser: &credential.NewUser{DisplayName: "Lena L."}})
	check(t, err)
	if u := begun.User; u.Name != "user-0001" || u.DisplayName != "Lena L." || !bytes.Equal(u.Handle, []byte{0, 1}) || begun.Options.User.Name != "Lena" {
		t.Errorf("user: %+v, %s", u, begun.JSON)
	}
	if e := w.events(); len(e) < 2 || e[len(e)-2].Action != "user.created" || e[len(e)-1].Action != "registration.begun" {
		t.Errorf("events: %+v", e)
	}
	// Narrowed to the relying party, the right is enough, and there they are known.
	less.Scopes, less.RelyingParties = []tenant.Scope{tenant.ScopeProvision, tenant.ScopeUsersWrite}, []string{site}
	made, err := begin(less, credential.BeginRegistration{ShownName: "Lena", NewUser: &credential.NewUser{}})
	check(t, err)
	if len(made.User.Handle) != 32 || !strings.HasPrefix(made.User.Name, "user-") {
		t.Errorf("made: %+v", made.User)
	}

	f := newForger(t)
	_, err = w.finish(f, begun)
	check(t, err)
	u, err := w.svc.User(t.Context(), w.idm, unknown)
	check(t, err)
	if u.ShownName != "Lena" || u.Name != "user-0001" {
		t.Errorf("user: %+v", u)
	}
	_, err = w.svc.User(t.Context(), w.idm, credential.ByName("Lena"))
	wantFault(t, err, credential.ErrUserUnknown)
}

// Of several who make the same user at once each gets a ceremony, and there is one user.
func TestNewUserOnce(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			_, err := w.svc.BeginRegistration(t.Context(), w.idm, credential.BeginRegistration{
				RelyingParty: site, User: credential.ByHandle([]byte("u7-0091")), NewUser: &credential.NewUser{},
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n, err := w.svc.Counts(t.Context(), w.admin()); err != nil || n.Users != 1 {
		t.Errorf("%d users, %v", n.Users, err)
	}
}
