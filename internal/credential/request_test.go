package credential_test

import (
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// An answer that is brought for a request spends that one, whatever it answers.
func TestByRequest(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	w.user("bob")
	begin := func(id string) *credential.BegunRegistration {
		t.Helper()
		begun, err := w.beginWith(credential.BeginRegistration{RequestID: id, Name: "as begun"})
		check(t, err)
		return begun
	}
	one, two := begin("one"), begin("two")
	f := newForger(t)
	finish := func(id, user string, resp *webauthn.RegistrationResponse, name string) (*credential.Credential, error) {
		return w.svc.FinishRegistration(t.Context(), w.idm, credential.FinishRegistration{
			RelyingParty: site, User: credential.ByName(user), RequestID: id, ByRequest: true, Response: resp, Name: name,
		})
	}
	good := f.create(t, one.Options)
	_, err := finish("", "alice", good, "")
	wantFault(t, err, credential.ErrRequestMissing)
	_, err = finish("three", "alice", good, "")
	wantFault(t, err, credential.ErrCeremonyUnknown)
	_, err = finish("three", "nobody", good, "")
	wantFault(t, err, credential.ErrUserUnknown)
	_, err = finish("one", "bob", good, "")
	wantFault(t, err, credential.ErrCeremonyUser)
	_, err = finish("two", "alice", good, "")
	wantCode(t, err, "webauthn.challenge")
	_, err = finish("two", "alice", f.create(t, two.Options), "")
	wantFault(t, err, credential.ErrCeremonyUsed)
	c, err := finish("one", "alice", good, "")
	check(t, err)
	if c.Name != "as begun" {
		t.Errorf("name %q", c.Name)
	}

	signIn, err := w.svc.BeginAuthentication(t.Context(), w.idm, credential.BeginAuthentication{RelyingParty: site, User: credential.ByName("alice"), RequestID: "four"})
	check(t, err)
	authenticate := func(id string) error {
		_, err := w.svc.FinishAuthentication(t.Context(), w.idm, credential.FinishAuthentication{
			RelyingParty: site, User: credential.ByName("alice"), RequestID: id, ByRequest: true, Response: f.get(t, signIn.Options),
		})
		return err
	}
	wantFault(t, authenticate("one"), credential.ErrCeremonyUnknown) // of the other kind
	check(t, authenticate("four"))
	wantFault(t, authenticate("four"), credential.ErrCeremonyUsed)
}

func TestSparesOperators(t *testing.T) {
	w := newWorld(t)
	_, f := w.operatorWithKey("carol", tenant.Auditor)
	page, err := w.svc.Credentials(t.Context(), w.admin(), credential.CredentialQuery{User: credential.ByName("carol")})
	check(t, err)
	by := w.admin()
	by.SparesOperators = true
	user, ref := credential.ByName("carol"), credential.Ref{ID: page.Credentials[0].ID}
	_, err = w.svc.BeginRegistration(t.Context(), by, credential.BeginRegistration{RelyingParty: site, User: user})
	wantFault(t, err, credential.ErrUserOperator)
	begun, err := w.svc.BeginAuthentication(t.Context(), w.admin(), credential.BeginAuthentication{RelyingParty: site, User: user, RequestID: "r"})
	check(t, err)
	_, err = w.svc.BeginAuthentication(t.Context(), by, credential.BeginAuthentication{RelyingParty: site, User: user, HideUnknown: true})
	wantFault(t, err, credential.ErrUserOperator)
	_, err = w.svc.FinishAuthentication(t.Context(), by, credential.FinishAuthentication{
		RelyingParty: site, User: user, RequestID: "r", ByRequest: true, Response: f.get(t, begun.Options),
	})
	wantFault(t, err, credential.ErrUserOperator)
	_, err = w.svc.Rename(t.Context(), by, ref, "x")
	wantFault(t, err, credential.ErrUserOperator)
	wantFault(t, w.svc.Delete(t.Context(), by, ref), credential.ErrUserOperator)
	check(t, w.svc.Delete(t.Context(), w.admin(), ref))
}

// A reference by our id may name the relying party as well.
func TestRefAtRelyingParty(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	c, _ := w.enrolled("alice")
	_, err := w.svc.Get(t.Context(), w.idm, credential.Ref{ID: c.ID, RelyingParty: site})
	check(t, err)
	_, err = w.svc.Get(t.Context(), w.idm, credential.Ref{ID: c.ID, RelyingParty: "other.example.com"})
	wantFault(t, err, credential.ErrCredentialUnknown)
}

func TestSignedInWithin(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	begin := func() error {
		_, err := w.beginWith(credential.BeginRegistration{SignedInWithin: time.Minute})
		return err
	}
	check(t, begin()) // nobody without a credential can have signed in
	_, f := w.enrolled("alice")
	wantFault(t, begin(), credential.ErrNotRecent)
	_, err := w.finishSignIn(f, w.beginSignIn("alice"))
	check(t, err)
	check(t, begin())
	w.later(61 * time.Second)
	wantFault(t, begin(), credential.ErrNotRecent)
}

// Who asks for trust may take self attestation for it, where the relying party does not
// insist on more.
func TestAcceptSelf(t *testing.T) {
	for _, tt := range []struct {
		trust    tenant.AttestationTrust
		narrow   credential.Narrowing
		accepted bool
	}{
		{tenant.TrustRecord, credential.Narrowing{RequireTrusted: true}, false},
		{tenant.TrustRecord, credential.Narrowing{RequireTrusted: true, AcceptSelf: true}, true},
		{tenant.TrustRecord, credential.Narrowing{AcceptSelf: true}, true},
		{tenant.TrustRequire, credential.Narrowing{RequireTrusted: true, AcceptSelf: true}, false},
		{tenant.TrustRequire, credential.Narrowing{AcceptSelf: true}, false},
	} {
		w := newWorld(t)
		w.user("alice")
		w.settings(func(rp *tenant.RelyingParty) { rp.AttestationTrust = tt.trust })
		begun, err := w.beginWith(credential.BeginRegistration{Narrow: tt.narrow})
		check(t, err)
		_, err = w.finish(newForger(t), begun) // attests by itself
		if tt.accepted {
			check(t, err)
			continue
		}
		wantCode(t, err, "webauthn.attestation_untrusted")
	}
}
