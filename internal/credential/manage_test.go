package credential_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
)

func TestCredentials(t *testing.T) {
	w := newWorld(t)
	w.has(tenant.RelyingParty{Tenant: "acme", ID: "other.example"})
	w.user("alice")
	w.user("bob")
	var made []*credential.Credential
	for _, name := range []string{"alice", "bob", "alice", "alice"} {
		c, _ := w.enrolled(name)
		made = append(made, c)
	}
	_, err := w.svc.Suspend(t.Context(), w.idm, credential.Ref{ID: made[2].ID}, "lost")
	check(t, err)
	tests := []struct {
		name string
		q    credential.CredentialQuery
		want []int // of made
	}{
		{"all of the tenant", credential.CredentialQuery{}, []int{0, 1, 2, 3}},
		{"at the site", credential.CredentialQuery{RelyingParty: site}, []int{0, 1, 2, 3}},
		{"at another", credential.CredentialQuery{RelyingParty: "other.example"}, nil},
		{"alice's", credential.CredentialQuery{User: credential.ByName("ALICE")}, []int{0, 2, 3}},
		{"alice's active ones", credential.CredentialQuery{User: credential.ByID(made[0].User), State: credential.Active}, []int{0, 3}},
		{"suspended", credential.CredentialQuery{State: credential.Suspended}, []int{2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int{0, 1, 2} {
				q := tt.q
				q.Limit = size
				var got []credential.ID
				for {
					page, err := w.svc.Credentials(t.Context(), w.idm, q)
					check(t, err)
					for _, c := range page.Credentials {
						got = append(got, c.ID)
						if c.UserName == "" {
							t.Error("without its owner's name")
						}
					}
					if q.After = page.Next; q.After == "" {
						break
					}
				}
				var want []credential.ID
				for _, i := range tt.want {
					want = append(want, made[i].ID)
				}
				if !slices.Equal(got, want) {
					t.Errorf("in pages of %d: got %v, want %v", size, got, want)
				}
			}
		})
	}
	_, err = w.svc.Credentials(t.Context(), w.idm, credential.CredentialQuery{User: credential.ByName("carol")})
	wantFault(t, err, credential.ErrUserUnknown)
	_, err = w.svc.Credentials(t.Context(), w.idm, credential.CredentialQuery{After: "\x00"})
	wantFault(t, err, credential.ErrCursor)
	_, err = w.svc.Credentials(t.Context(), w.idm, credential.CredentialQuery{Limit: -1})
	wantFault(t, err, credential.ErrLimit)
	_, err = w.svc.Credentials(t.Context(), w.idm, credential.CredentialQuery{RelyingParty: "\x00"})
	wantFault(t, err, tenant.ErrRelyingPartyUnknown)
}

func TestFindingACredential(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	bob := w.user("bob")
	c, f := w.enrolled("alice")
	tests := []struct {
		name  string
		by    func(*tenant.Authority)
		ref   credential.Ref
		found bool
	}{
		{"by our id", nil, credential.Ref{ID: c.ID}, true},
		{"by the authenticator's id", nil, credential.Ref{RelyingParty: site, CredentialID: f.id}, true},
		{"at another relying party", nil, credential.Ref{RelyingParty: "other.example", CredentialID: f.id}, false},
		{"nothing", nil, credential.Ref{}, false},
		{"an id nobody can have", nil, credential.Ref{ID: "\x00"}, false},
		{"of its owner, by name", nil, credential.Ref{ID: c.ID, Owner: credential.ByName("Alice")}, true},
		{"of its owner, by id", nil, credential.Ref{ID: c.ID, Owner: credential.ByID(alice.ID)}, true},
		{"of its owner, by handle", nil, credential.Ref{ID: c.ID, Owner: credential.ByHandle(alice.Handle)}, true},
		{"of another, by name", nil, credential.Ref{ID: c.ID, Owner: credential.ByName("bob")}, false},
		{"of another, by id", nil, credential.Ref{ID: c.ID, Owner: credential.ByID(bob.ID)}, false},
		{"of another, by handle", nil, credential.Ref{ID: c.ID, Owner: credential.ByHandle(bob.Handle)}, false},
		{"from another tenant", func(by *tenant.Authority) { by.Tenant = "beta" }, credential.Ref{ID: c.ID}, false},
		{"with a grant for it", func(by *tenant.Authority) { by.RelyingParties = []string{"x.example", site} }, credential.Ref{ID: c.ID}, true},
		{"with a grant for another relying party", func(by *tenant.Authority) { by.RelyingParties = []string{"x.example"} }, credential.Ref{ID: c.ID}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			by := w.idm
			if tt.by != nil {
				tt.by(&by)
			}
			for what, err := range map[string]error{
				"get":      second(w.svc.Get(t.Context(), by, tt.ref)),
				"evidence": second(w.svc.Evidence(t.Context(), by, tt.ref)),
				"rename":   second(w.svc.Rename(t.Context(), by, tt.ref, "n")),
			} {
				if tt.found {
					check(t, err)
				} else if !errors.Is(err, credential.ErrCredentialUnknown) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if !tt.found {
				wantFault(t, w.svc.Delete(t.Context(), by, tt.ref), credential.ErrCredentialUnknown)
			}
		})
	}
}

func TestUpdate(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	c, f := w.enrolled("alice")
	ref := credential.Ref{ID: c.ID}
	w.later(time.Minute)

	c, err := w.svc.Update(t.Context(), w.idm, ref, credential.CredentialUpdate{
		Name: new("Spare"), State: new(credential.Suspended), Reason: "left at home", Version: 1,
	})
	check(t, err)
	if c.Name != "Spare" || c.State != credential.Suspended || c.Reason != "left at home" || c.Version != 2 || !c.Updated.Equal(w.clock()) {
		t.Errorf("credential: %+v", c)
	}
	events := w.events()
	if a, b := events[len(events)-2], events[len(events)-1]; a.Action != "credential.renamed" || b.Action != "credential.suspended" ||
		b.Detail["reason"] != "left at home" || b.Credential != string(c.ID) {
		t.Errorf("events: %+v, %+v", a, b)
	}
	_, err = w.finishSignIn(f, w.beginSignIn(""))
	wantFault(t, err, credential.ErrCredentialSuspended)

	w.quiet(func() {
		_, err = w.svc.Update(t.Context(), w.idm, ref, credential.CredentialUpdate{Name: new("x"), Version: 1})
		wantFault(t, err, credential.ErrCredentialVersion)
		_, err = w.svc.Rename(t.Context(), w.idm, ref, strings.Repeat("n", 65))
		wantFault(t, err, credential.ErrCredentialName)
		_, err = w.svc.Update(t.Context(), w.idm, ref, credential.CredentialUpdate{State: new(credential.State("lost"))})
		wantFault(t, err, credential.ErrCredentialState)
		_, err = w.svc.Suspend(t.Context(), w.idm, ref, strings.Repeat("r", 256))
		wantFault(t, err, credential.ErrCredentialState)
		same, err := w.svc.Update(t.Context(), w.idm, ref, credential.CredentialUpdate{})
		check(t, err)
		if same.Version != 2 {
			t.Errorf("version %d after no change", same.Version)
		}
	})

	c, err = w.svc.Resume(t.Context(), w.idm, ref)
	check(t, err)
	if c.State != credential.Active || c.Reason != "" || c.Name != "Spare" {
		t.Errorf("credential: %+v", c)
	}
	_, err = w.finishSignIn(f, w.beginSignIn("alice"))
	check(t, err)

	check(t, w.svc.Delete(t.Context(), w.idm, ref))
	if e := w.lastEvent(); e.Action != "credential.deleted" || e.Credential != string(c.ID) {
		t.Errorf("event: %+v", e)
	}
	wantFault(t, w.svc.Delete(t.Context(), w.idm, ref), credential.ErrCredentialUnknown)
	_, err = w.finishSignIn(f, w.beginSignIn(""))
	wantFault(t, err, credential.ErrCredentialUnknown)
}

// Who may do what, for callers with scopes.
func TestRightsOverCredentials(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	c, _ := w.enrolled("alice")
	ref, ctx := credential.Ref{ID: c.ID}, t.Context()
	calls := map[string]struct {
		call   func(by tenant.Authority) error
		scopes []tenant.Scope // all of these are needed
	}{
		"begin registration": {func(by tenant.Authority) error {
			return second(w.svc.BeginRegistration(ctx, by, credential.BeginRegistration{RelyingParty: site, User: credential.ByName("alice")}))
		}, []tenant.Scope{tenant.ScopeProvision}},
		"finish registration": {func(by tenant.Authority) error {
			resp := newForger(t).create(t, w.begin("alice").Options)
			return second(w.svc.FinishRegistration(ctx, by, credential.FinishRegistration{RelyingParty: site, Response: resp}))
		}, []tenant.Scope{tenant.ScopeProvision}},
		"begin authentication": {func(by tenant.Authority) error {
			return second(w.svc.BeginAuthentication(ctx, by, credential.BeginAuthentication{RelyingParty: site}))
		}, []tenant.Scope{tenant.ScopeAuthenticate}},
		"get":      {func(by tenant.Authority) error { return second(w.svc.Get(ctx, by, ref)) }, []tenant.Scope{tenant.ScopeRead}},
		"evidence": {func(by tenant.Authority) error { return second(w.svc.Evidence(ctx, by, ref)) }, []tenant.Scope{tenant.ScopeRead}},
		"list at the site": {func(by tenant.Authority) error {
			return second(w.svc.Credentials(ctx, by, credential.CredentialQuery{RelyingParty: site}))
		}, []tenant.Scope{tenant.ScopeRead}},
		"rename":  {func(by tenant.Authority) error { return second(w.svc.Rename(ctx, by, ref, "n")) }, []tenant.Scope{tenant.ScopeManage}},
		"suspend": {func(by tenant.Authority) error { return second(w.svc.Suspend(ctx, by, ref, "")) }, []tenant.Scope{tenant.ScopeManage}},
		"resume":  {func(by tenant.Authority) error { return second(w.svc.Resume(ctx, by, ref)) }, []tenant.Scope{tenant.ScopeManage}},
		"delete": {func(by tenant.Authority) error {
			return w.svc.Delete(ctx, by, credential.Ref{ID: "none"})
		}, []tenant.Scope{tenant.ScopeManage}},
		"invite": {func(by tenant.Authority) error {
			return second(w.svc.Invite(ctx, by, credential.Invite{RelyingParty: site, User: credential.ByName("alice"), Additional: true}))
		}, []tenant.Scope{tenant.ScopeUsersWrite, tenant.ScopeProvision}},
	}
	for name, c := range calls {
		for _, scope := range tenant.Scopes() {
			by := w.idm
			by.Scopes = []tenant.Scope{scope}
			allowed := scope == tenant.ScopeAdmin || len(c.scopes) == 1 && c.scopes[0] == scope
			if denied := errors.Is(c.call(by), tenant.ErrDenied); denied == allowed {
				t.Errorf("%s with %s: denied %v", name, scope, denied)
			}
		}
		by := w.idm
		by.Scopes, by.RelyingParties = c.scopes, []string{site}
		if err := c.call(by); errors.Is(err, tenant.ErrDenied) {
			t.Errorf("%s with what it needs for the site: %v", name, err)
		}
		if err := c.call(tenant.Authority{}); !errors.Is(err, tenant.ErrDenied) {
			t.Errorf("%s with no authority: %v", name, err)
		}
	}
	by := w.idm
	by.RelyingParties = []string{site}
	_, err := w.svc.Credentials(ctx, by, credential.CredentialQuery{})
	wantFault(t, err, tenant.ErrDenied) // the whole tenant's, with a grant for one
}

func TestCeremonyStatus(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	begun, err := w.svc.BeginRegistration(t.Context(), w.idm, credential.BeginRegistration{
		RelyingParty: site, User: credential.ByName("alice"), RequestID: "registration:7",
	})
	check(t, err)
	state := func() (*credential.Ceremony, credential.CeremonyState) {
		t.Helper()
		c, err := w.svc.Ceremony(t.Context(), w.idm, credential.CeremonyRef{ID: begun.Ceremony})
		check(t, err)
		same, err := w.svc.Ceremony(t.Context(), w.idm, credential.CeremonyRef{RelyingParty: site, RequestID: "registration:7"})
		check(t, err)
		if same.ID != c.ID {
			t.Errorf("by request: %s, want %s", same.ID, c.ID)
		}
		return c, c.StateAt(w.clock())
	}
	if _, got := state(); got != credential.CeremonyOpen {
		t.Errorf("state: %s", got)
	}
	made, err := w.svc.FinishRegistration(t.Context(), w.idm, credential.FinishRegistration{
		RelyingParty: site, Response: newForger(t).create(t, begun.Options),
	})
	check(t, err)
	if c, got := state(); got != credential.CeremonySucceeded || c.Credential != made.ID || c.User != made.User {
		t.Errorf("state: %s, %+v", got, c)
	}
	w.later(time.Hour)
	if _, got := state(); got != credential.CeremonySucceeded {
		t.Errorf("state: %s", got)
	}

	begun = w.begin("alice")
	f := newForger(t)
	f.flags = up
	_, err = w.svc.FinishRegistration(t.Context(), w.idm, credential.FinishRegistration{RelyingParty: site, Response: f.create(t, begun.Options)})
	wantCode(t, err, "webauthn.user_verification")
	c, err := w.svc.Ceremony(t.Context(), w.idm, credential.CeremonyRef{ID: begun.Ceremony})
	check(t, err)
	if c.State != credential.CeremonyFailed || c.Outcome != "webauthn.user_verification" || !c.Ended.Equal(w.clock()) {
		t.Errorf("ceremony: %+v", c)
	}

	begun = w.begin("alice")
	w.later(time.Hour)
	c, err = w.svc.Ceremony(t.Context(), w.idm, credential.CeremonyRef{ID: begun.Ceremony})
	check(t, err)
	if c.StateAt(w.clock()) != credential.CeremonyExpired {
		t.Errorf("ceremony: %+v", c)
	}
	for name, by := range map[string]func(*tenant.Authority){
		"another client":                  func(by *tenant.Authority) { by.Actor.ID = "other" },
		"another tenant":                  func(by *tenant.Authority) { by.Tenant = "beta" },
		"without the scope":               func(by *tenant.Authority) { by.Scopes = nil },
		"scope for another relying party": func(by *tenant.Authority) { by.RelyingParties = []string{"x.example"} },
	} {
		other := w.idm
		by(&other)
		if _, err := w.svc.Ceremony(t.Context(), other, credential.CeremonyRef{ID: begun.Ceremony}); !errors.Is(err, credential.ErrCeremonyUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = w.svc.Ceremony(t.Context(), w.idm, credential.CeremonyRef{ID: "\x00"})
	wantFault(t, err, credential.ErrCeremonyUnknown)
}
