package credential_test

import (
	"bytes"
	"context"
	"testing"

	"bestow.dev/cose"
	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

var operator = tenant.LocalOperator("acme", "olga")

// recordedChallenge was issued by somebody else.
var recordedChallenge = []byte("a challenge from elsewhere")

// importedRegistration is a ceremony that idm is to finish.
func importedRegistration() credential.ImportCeremony {
	return credential.ImportCeremony{
		RelyingParty: site, Kind: credential.Registration, Client: "idm",
		Challenge: recordedChallenge, UserVerification: webauthn.UserVerificationRequired, Algorithms: []cose.Algorithm{cose.ES256},
	}
}

// importedSignIn is an authentication with the forger's key.
func importedSignIn(t testing.TB, f *forger) credential.ImportCeremony {
	f.handle = []byte("a user handle from elsewhere")
	return credential.ImportCeremony{
		RelyingParty: site, Kind: credential.Authentication, Client: "idm",
		Challenge: recordedChallenge, UserVerification: webauthn.UserVerificationRequired, AllowCredentials: [][]byte{f.id},
		Stored: &webauthn.CredentialRecord{ID: f.id, PublicKey: f.coseKey(t), UserHandle: f.handle},
	}
}

func newTestDataWorld(t testing.TB) *world {
	t.Helper()
	return newWorldOn(t, storetest.SQLiteTestData, credential.Config{})
}

func TestImportRegistration(t *testing.T) {
	w := newTestDataWorld(t)
	made, err := w.svc.ImportCeremony(t.Context(), operator, importedRegistration())
	check(t, err)
	e := w.lastEvent()
	if e.Action != "ceremony.imported" || e.Actor.String() != "operator:local:olga" || e.RelyingParty != site || e.User != string(made.User.ID) ||
		e.Detail["ceremony"] != string(made.Ceremony) || e.Detail["kind"] != "registration" || e.Detail["client"] != "idm" {
		t.Errorf("event %+v", e)
	}
	f := newForger(t)
	answer := credential.FinishRegistration{
		RelyingParty: site, Ceremony: made.Ceremony,
		Response: f.create(t, &webauthn.CreationOptions{RP: webauthn.RPEntity{ID: site}, Challenge: recordedChallenge}),
	}
	stranger := w.idm
	stranger.Actor = audit.Actor{Kind: audit.Client, ID: "hr"}
	_, err = w.svc.FinishRegistration(t.Context(), stranger, answer)
	wantFault(t, err, credential.ErrCeremonyUnknown)
	_, err = w.svc.FinishRegistration(t.Context(), operator, answer)
	wantFault(t, err, credential.ErrCeremonyUnknown)
	c, err := w.svc.FinishRegistration(t.Context(), w.idm, answer)
	check(t, err)
	if c.User != made.User.ID {
		t.Errorf("credential of %s, want %s", c.User, made.User.ID)
	}
	_, err = w.svc.FinishRegistration(t.Context(), w.idm, answer)
	wantFault(t, err, credential.ErrCeremonyUsed)
	_, err = w.svc.ImportCeremony(t.Context(), operator, importedRegistration())
	wantFault(t, err, credential.ErrChallengeExists)
}

func TestImportedRegistrationIsSpentByRefusal(t *testing.T) {
	w := newTestDataWorld(t)
	in := importedRegistration()
	in.Algorithms = []cose.Algorithm{cose.EdDSA}
	_, err := w.svc.ImportCeremony(t.Context(), operator, in)
	check(t, err)
	answer := credential.FinishRegistration{
		RelyingParty: site,
		Response:     newForger(t).create(t, &webauthn.CreationOptions{RP: webauthn.RPEntity{ID: site}, Challenge: recordedChallenge}),
	}
	_, err = w.svc.FinishRegistration(t.Context(), w.idm, answer)
	wantCode(t, err, "webauthn.algorithm_not_offered")
	_, err = w.svc.FinishRegistration(t.Context(), w.idm, answer)
	wantFault(t, err, credential.ErrCeremonyUsed)
}

func TestImportedCeremonyExpires(t *testing.T) {
	w := newTestDataWorld(t)
	made, err := w.svc.ImportCeremony(t.Context(), operator, importedRegistration())
	check(t, err)
	w.later(made.Expires.Sub(w.clock()))
	_, err = w.svc.FinishRegistration(t.Context(), w.idm, credential.FinishRegistration{
		RelyingParty: site,
		Response:     newForger(t).create(t, &webauthn.CreationOptions{RP: webauthn.RPEntity{ID: site}, Challenge: recordedChallenge}),
	})
	wantFault(t, err, credential.ErrCeremonyExpired)
}

func TestImportAuthentication(t *testing.T) {
	tests := []struct {
		name   string
		spoil  func(*credential.ImportCeremony, *forger)
		reason string // empty: accepted
	}{
		{"as recorded", func(*credential.ImportCeremony, *forger) {}, ""},
		{"discoverable", func(in *credential.ImportCeremony, _ *forger) { in.AllowCredentials = nil }, ""},
		{"other credentials offered", func(in *credential.ImportCeremony, _ *forger) { in.AllowCredentials = [][]byte{{1}} }, "credential_not_allowed"},
		{"counter had grown", func(in *credential.ImportCeremony, _ *forger) { in.Stored.SignCount = 7 }, "sign_count"},
		{"backup eligible", func(in *credential.ImportCeremony, _ *forger) { in.Stored.BackupEligible = true }, "backup_flags"},
		{"another's handle", func(_ *credential.ImportCeremony, f *forger) { f.handle = []byte("bob's") }, "user_handle"},
		{"no verification", func(_ *credential.ImportCeremony, f *forger) { f.flags = up }, "user_verification"},
		{"verification not asked for", func(in *credential.ImportCeremony, f *forger) {
			f.flags, in.UserVerification = up, webauthn.UserVerificationDiscouraged
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, f := newTestDataWorld(t), newForger(t)
			in := importedSignIn(t, f)
			tt.spoil(&in, f)
			made, err := w.svc.ImportCeremony(t.Context(), operator, in)
			check(t, err)
			if !bytes.Equal(made.User.Handle, in.Stored.UserHandle) {
				t.Errorf("user %+v", made.User)
			}
			answer := credential.FinishAuthentication{
				RelyingParty: site, Ceremony: made.Ceremony,
				Response: f.get(t, &webauthn.RequestOptions{RPID: site, Challenge: recordedChallenge}),
			}
			signIn, err := w.svc.FinishAuthentication(t.Context(), w.idm, answer)
			switch {
			case tt.reason != "":
				wantCode(t, err, "webauthn."+tt.reason)
			case err != nil:
				t.Fatal(err)
			case signIn.User.ID != made.User.ID:
				t.Errorf("signed in: %+v", signIn.User)
			}
			_, err = w.svc.FinishAuthentication(t.Context(), w.idm, answer)
			wantFault(t, err, credential.ErrCeremonyUsed)
		})
	}
}

// A case that says nothing of the owner leaves the credential with whoever has it.
func TestImportOverCredential(t *testing.T) {
	w := newTestDataWorld(t)
	w.user("alice")
	before, f := w.enrolled("alice")
	in := importedSignIn(t, f)
	in.Stored.UserHandle, in.Stored.SignCount = nil, 40
	made, err := w.svc.ImportCeremony(t.Context(), operator, in)
	check(t, err)
	if made.User.Name != "alice" {
		t.Errorf("user %+v", made.User)
	}
	now, err := w.svc.Get(t.Context(), w.idm, credential.Ref{RelyingParty: site, CredentialID: f.id})
	check(t, err)
	if now.ID != before.ID || now.SignCount != 40 || now.Version != before.Version+1 || now.Warnings[0] != "imported" {
		t.Errorf("now %+v", now)
	}
	// What is kept of a person is whole.
	export := w.idm
	export.Scopes = []tenant.Scope{tenant.ScopeAdmin}
	if _, err := w.svc.ExportUser(t.Context(), export, credential.ByName("alice")); err != nil {
		t.Error(err)
	}
}

func TestImportRefused(t *testing.T) {
	w := newTestDataWorld(t)
	w.user("alice")
	tests := []struct {
		name  string
		spoil func(*credential.ImportCeremony)
		code  string
	}{
		{"no challenge", func(in *credential.ImportCeremony) { in.Challenge = nil }, "options.invalid"},
		{"challenge too short", func(in *credential.ImportCeremony) { in.Challenge = make([]byte, 15) }, "options.invalid"},
		{"unknown relying party", func(in *credential.ImportCeremony) { in.RelyingParty = "example.org" }, "rp.unknown"},
		{"unknown kind", func(in *credential.ImportCeremony) { in.Kind = "" }, "import.unsupported"},
		{"no credential", func(in *credential.ImportCeremony) { in.Stored = nil }, "import.unsupported"},
		{"key is no key", func(in *credential.ImportCeremony) { in.Stored.PublicKey = []byte{1} }, "import.unsupported"},
		{"empty user handle", func(in *credential.ImportCeremony) { in.Stored.UserHandle = []byte{} }, "user.handle"},
		{"user handle too long", func(in *credential.ImportCeremony) { in.Stored.UserHandle = make([]byte, 65) }, "user.handle"},
		{"user name taken", func(in *credential.ImportCeremony) { in.UserName = "alice" }, "user.exists"},
		{"user name is none", func(in *credential.ImportCeremony) { in.UserName = " " }, "user.name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := importedSignIn(t, newForger(t))
			tt.spoil(&in)
			w.quiet(func() {
				_, err := w.svc.ImportCeremony(t.Context(), operator, in)
				wantCode(t, err, tt.code)
			})
		})
	}
	w.quiet(func() {
		_, err := w.svc.ImportCeremony(t.Context(), w.idm, importedRegistration())
		wantCode(t, err, "authority.denied")
	})
}

// On anything but test data nothing is imported, whoever asks.
func TestImportNeedsTestData(t *testing.T) {
	w := newWorld(t)
	for _, in := range []credential.ImportCeremony{importedRegistration(), importedSignIn(t, newForger(t))} {
		w.quiet(func() {
			_, err := w.svc.ImportCeremony(context.Background(), operator, in)
			wantFault(t, err, credential.ErrNotTestData)
		})
	}
}
