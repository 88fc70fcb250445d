package credential_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

func (w *world) signals(name string) *credential.Signals {
	w.t.Helper()
	s, err := w.svc.Signals(w.t.Context(), w.idm, credential.SignalQuery{RelyingParty: site, User: credential.ByName(name)})
	check(w.t, err)
	return s
}

func wantAccepted(t *testing.T, s *credential.Signals, handle []byte, ids ...[]byte) {
	t.Helper()
	a := s.AllAcceptedCredentials
	if a.RPID != site || !bytes.Equal(a.UserID, handle) || a.AllAcceptedCredentialIDs == nil || len(a.AllAcceptedCredentialIDs) != len(ids) {
		t.Fatalf("got %+v, want %x", a, ids)
	}
	for i, id := range ids {
		if !bytes.Equal(a.AllAcceptedCredentialIDs[i], id) {
			t.Errorf("accepted %d: got %x, want %x", i, a.AllAcceptedCredentialIDs[i], id)
		}
	}
}

// Every credential there is is accepted, a suspended one too, and no deleted one; after
// the last one has gone the user enrols again under the same handle.
func TestSignals(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	wantAccepted(t, w.signals("alice"), alice.Handle)
	first, one := w.enrolled("alice")
	second, two := w.enrolled("alice")
	w.user("bob")
	w.enrolled("bob")
	wantAccepted(t, w.signals("alice"), alice.Handle, one.id, two.id)
	_, err := w.svc.Suspend(t.Context(), w.idm, credential.Ref{ID: first.ID}, "")
	check(t, err)
	wantAccepted(t, w.signals("alice"), alice.Handle, one.id, two.id)

	_, err = w.svc.UpdateUser(t.Context(), w.idm, credential.ByID(alice.ID), credential.UserUpdate{Name: new("alice@example.com"), DisplayName: new("Alice")})
	check(t, err)
	want := webauthn.CurrentUserDetails{RPID: site, UserID: alice.Handle, Name: "alice@example.com", DisplayName: "Alice"}
	if got := w.signals("alice@example.com").CurrentUserDetails; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("details: got %+v, want %+v", got, want)
	}

	check(t, w.svc.Delete(t.Context(), w.idm, credential.Ref{ID: first.ID}))
	wantAccepted(t, w.signals("alice@example.com"), alice.Handle, two.id)
	check(t, w.svc.Delete(t.Context(), w.idm, credential.Ref{ID: second.ID}))
	wantAccepted(t, w.signals("alice@example.com"), alice.Handle)

	begun := w.begin("alice@example.com")
	if !bytes.Equal(begun.Options.User.ID, alice.Handle) {
		t.Errorf("enrolled again under %x, and not %x", begun.Options.User.ID, alice.Handle)
	}
	three := newForger(t)
	_, err = w.finish(three, begun)
	check(t, err)
	wantAccepted(t, w.signals("alice@example.com"), alice.Handle, three.id)
}

// However many there are, the list is whole: what is left out of it is lost.
func TestSignalsAreComplete(t *testing.T) {
	const many = 101 // more than a page
	w := newWorldOn(t, storetest.SQLite, credential.Config{
		Notify: func(context.Context, credential.Notice) error { return nil },
	})
	w.settings(func(rp *tenant.RelyingParty) { rp.MaxCredentialsPerUser = many })
	alice := w.user("alice")
	var ids [][]byte
	for range many {
		_, f := w.enrolled("alice")
		ids = append(ids, f.id)
	}
	wantAccepted(t, w.signals("alice"), alice.Handle, ids...)
}

func TestUnknownCredentialSignal(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	w.user("bob")
	_, of := w.enrolled("bob")
	ask := func(id []byte) *webauthn.UnknownCredential {
		t.Helper()
		s, err := w.svc.Signals(t.Context(), w.idm, credential.SignalQuery{RelyingParty: site, User: credential.ByName("alice"), CredentialID: id})
		check(t, err)
		return s.UnknownCredential
	}
	if got := ask([]byte("nobody's")); got == nil || got.RPID != site || string(got.CredentialID) != "nobody's" {
		t.Errorf("nobody's: %+v", got)
	}
	if got := ask(of.id); got != nil {
		t.Errorf("somebody else's is called unknown: %+v", got)
	}
	if got := ask(nil); got != nil {
		t.Errorf("none: %+v", got)
	}
}

func TestSignalRefusals(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	for _, tt := range []struct {
		name string
		by   func(*tenant.Authority)
		q    credential.SignalQuery
		want string
	}{
		{
			"without the scope", func(by *tenant.Authority) { by.Scopes = []tenant.Scope{tenant.ScopeAuthenticate} },
			credential.SignalQuery{RelyingParty: site, User: credential.ByName("alice")},
			"authority.denied",
		},
		{
			"of another relying party", func(by *tenant.Authority) { by.RelyingParties = []string{"other.example.com"} },
			credential.SignalQuery{RelyingParty: site, User: credential.ByName("alice")},
			"authority.denied",
		},
		{"unknown relying party", nil, credential.SignalQuery{RelyingParty: "x.example", User: credential.ByName("alice")}, "rp.unknown"},
		{"unknown user", nil, credential.SignalQuery{RelyingParty: site, User: credential.ByName("carol")}, "user.unknown"},
		{"nobody", nil, credential.SignalQuery{RelyingParty: site}, "user.required"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			by := w.idm
			if tt.by != nil {
				tt.by(&by)
			}
			s, err := w.svc.Signals(t.Context(), by, tt.q)
			wantCode(t, err, tt.want)
			if s != nil {
				t.Errorf("refused with %+v", s)
			}
		})
	}
}

// A finished sign-in has them where they were asked for.
func TestSignalsOfASignIn(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	_, one := w.enrolled("alice")
	_, two := w.enrolled("alice")
	finish := func(ask bool) *credential.Signals {
		t.Helper()
		in, err := w.svc.FinishAuthentication(t.Context(), w.idm, credential.FinishAuthentication{
			RelyingParty: site, Response: two.get(t, w.beginSignIn("").Options), Signals: ask,
		})
		check(t, err)
		return in.Signals
	}
	if got := finish(false); got != nil {
		t.Errorf("unasked: %+v", got)
	}
	wantAccepted(t, finish(true), alice.Handle, one.id, two.id)
}
