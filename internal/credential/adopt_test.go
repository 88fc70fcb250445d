package credential_test

import (
	"testing"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// adopted returns the call that adopts a key's credential under another id.
func adopted(c *credential.Credential, f *forger) credential.Adopt {
	f.id = append([]byte("adopted "), c.CredentialID...)
	return credential.Adopt{
		RelyingParty: site, User: credential.ByID(c.User), ExternalID: "x-1", Name: "Old key",
		Record: webauthn.CredentialRecord{ID: f.id, PublicKey: c.PublicKey, SignCount: c.SignCount, BackupEligible: c.BackupEligible, BackupState: c.BackupState},
	}
}

// What another server registered signs in here, unless the relying party asks for proof of
// what the authenticator is.
func TestAdopt(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	c, f := w.enrolled("alice")
	in := adopted(c, f)
	got, err := w.svc.AdoptCredential(t.Context(), w.idm, in)
	check(t, err)
	if e := w.lastEvent(); e.Action != "credential.adopted" || e.Credential != string(got.ID) || got.Warnings[0] != "adopted" || got.ExternalOrID() != "x-1" {
		t.Errorf("got %+v, event %+v", got, e)
	}
	_, err = w.finishSignIn(f, w.beginSignIn("alice"))
	check(t, err)

	// Judged again it is worth nothing, and a policy that insists on more at sign-ins has
	// nothing to go by.
	again, err := w.svc.Reverify(t.Context(), w.idm, credential.Ref{ID: got.ID}, credential.ByNow)
	check(t, err)
	if again.Accepted {
		t.Error("a registration that nobody has seen is accepted")
	}
	rp := func(more tenant.RelyingParty) {
		more.Tenant, more.ID = "acme", site
		w.has(more)
	}
	rp(tenant.RelyingParty{AttestationTrust: tenant.TrustRequire})
	_, err = w.svc.AdoptCredential(t.Context(), w.idm, adopted(c, f))
	wantFault(t, err, credential.ErrAdoptUnproven)
	rp(tenant.RelyingParty{AllowedAAGUIDs: []string{"9d3c5f0a-7b1e-4c2d-8a60-f1e2d3c4b5a6"}})
	_, err = w.svc.AdoptCredential(t.Context(), w.idm, adopted(c, f))
	wantFault(t, err, credential.ErrAdoptUnproven)
}

func TestAdoptRefusals(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	c, f := w.enrolled("alice")
	subject := w.idm
	subject.Subject = string(c.User)
	narrow := w.idm
	narrow.Scopes = []tenant.Scope{tenant.ScopeProvision}
	for _, tt := range []struct {
		name  string
		spoil func(by *tenant.Authority, in *credential.Adopt)
		want  string
	}{
		{"known already", func(_ *tenant.Authority, in *credential.Adopt) { in.Record.ID = c.CredentialID }, "credential.exists"},
		{"no key", func(_ *tenant.Authority, in *credential.Adopt) { in.Record.PublicKey = nil }, "credential.adopt"},
		{"no id", func(_ *tenant.Authority, in *credential.Adopt) { in.Record.ID = nil }, "credential.adopt"},
		{"long id", func(_ *tenant.Authority, in *credential.Adopt) { in.Record.ID = make([]byte, 1024) }, "credential.adopt"},
		{"backed up and not eligible", func(_ *tenant.Authority, in *credential.Adopt) {
			in.Record.BackupEligible, in.Record.BackupState = false, true
		}, "credential.adopt"},
		{"a locked one without end", func(_ *tenant.Authority, in *credential.Adopt) { in.Standing = credential.TemporarilyLocked }, "credential.state"},
		{"a standing of another state", func(_ *tenant.Authority, in *credential.Adopt) {
			in.State, in.Standing = credential.Active, credential.Archived
		}, "credential.state"},
		{"no standing", func(_ *tenant.Authority, in *credential.Adopt) { in.Standing = "odd" }, "credential.state"},
		{"long name", func(_ *tenant.Authority, in *credential.Adopt) { in.Name = string(make([]byte, 65)) }, "credential.name"},
		{"odd id", func(_ *tenant.Authority, in *credential.Adopt) { in.ExternalID = "a\nb" }, "credential.external_id"},
		{"nobody", func(_ *tenant.Authority, in *credential.Adopt) { in.User = credential.ByName("nobody") }, "user.unknown"},
		{"elsewhere", func(_ *tenant.Authority, in *credential.Adopt) { in.RelyingParty = "x.example" }, "rp.unknown"},
		{"half the rights", func(by *tenant.Authority, _ *credential.Adopt) { *by = narrow }, "authority.denied"},
		{"for themselves", func(by *tenant.Authority, _ *credential.Adopt) { *by = subject }, "subject.other"},
		{"claimed by the user", func(by *tenant.Authority, _ *credential.Adopt) { by.Claimed = "alice" }, "registration.self"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			by, in := w.idm, adopted(c, f)
			tt.spoil(&by, &in)
			before := len(w.events())
			_, err := w.svc.AdoptCredential(t.Context(), by, in)
			wantCode(t, err, tt.want)
			wantTrail(t, err, w.events()[before:])
		})
	}
}

// Standings go with states, and what is archived is left alone by everybody.
func TestStandings(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	c, f := w.enrolled("alice")
	ref := credential.Ref{ID: c.ID}
	update := func(in credential.CredentialUpdate) error {
		_, err := w.svc.Update(t.Context(), w.idm, ref, in)
		return err
	}
	wantFault(t, update(credential.CredentialUpdate{Standing: new(credential.Plain)}), credential.ErrCredentialState)
	wantFault(t, update(credential.CredentialUpdate{State: new(credential.Active), Until: w.clock().Add(1)}), credential.ErrCredentialState)
	wantFault(t, update(credential.CredentialUpdate{State: new(credential.Suspended), Until: w.clock()}), credential.ErrCredentialState)
	check(t, update(credential.CredentialUpdate{Standing: new(credential.Initial)}))
	signIn, err := w.finishSignIn(f, w.beginSignIn("alice"))
	check(t, err)
	if got, err := w.svc.Get(t.Context(), w.idm, ref); err != nil || got.Standing != credential.Plain || signIn.Credential.Standing != credential.Plain || got.Uses != 1 {
		t.Errorf("used: %+v, %v", got, err)
	}
	// Suspending it by a door that knows states alone makes it plain.
	check(t, update(credential.CredentialUpdate{Standing: new(credential.ResetCode), Reason: "code sent"}))
	if e := w.lastEvent(); e.Action != "credential.suspended" || e.Detail["standing"] != "reset_code" || e.Detail["reason"] != "code sent" {
		t.Errorf("event: %+v", e)
	}
	got, err := w.svc.Suspend(t.Context(), w.idm, ref, "lost")
	check(t, err)
	if got.Standing != credential.Plain {
		t.Errorf("suspended: %+v", got)
	}
	check(t, update(credential.CredentialUpdate{Standing: new(credential.Archived)}))
	_, err = w.svc.Resume(t.Context(), w.idm, ref)
	wantFault(t, err, credential.ErrCredentialArchived)
	signals, err := w.svc.Signals(t.Context(), w.idm, credential.SignalQuery{RelyingParty: site, User: credential.ByName("alice")})
	check(t, err)
	if n := len(signals.AllAcceptedCredentials.AllAcceptedCredentialIDs); n != 0 {
		t.Errorf("%d accepted", n)
	}
}
