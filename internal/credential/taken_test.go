package credential_test

import (
	"testing"

	"bestow.dev/internal/credential"
)

// What the caller takes an answer to be to is checked, and changes nothing if wrong.
func TestFinishedAsSomethingElse(t *testing.T) {
	w := newWorld(t)
	w.user("alice@example.com")
	w.user("bob@example.com")
	f := newForger(t)
	other, begun := w.begin("alice@example.com"), w.begin("alice@example.com")
	in := credential.FinishRegistration{RelyingParty: site, Response: f.create(t, begun.Options)}

	for _, tt := range []struct {
		name string
		as   func(in *credential.FinishRegistration)
		want error
	}{
		{"another ceremony", func(in *credential.FinishRegistration) { in.Ceremony = other.Ceremony }, credential.ErrCeremonyRequest},
		{"another user", func(in *credential.FinishRegistration) { in.User = credential.ByName("bob@example.com") }, credential.ErrCeremonyUser},
		{"nobody", func(in *credential.FinishRegistration) { in.User = credential.ByName("carol@example.com") }, credential.ErrUserUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spoiled := in
			tt.as(&spoiled)
			w.quiet(func() {
				_, err := w.svc.FinishRegistration(t.Context(), w.idm, spoiled)
				wantFault(t, err, tt.want)
			})
		})
	}
	in.Ceremony = begun.Ceremony
	_, err := w.svc.FinishRegistration(t.Context(), w.idm, in)
	check(t, err)

	first, second := w.beginSignIn("alice@example.com"), w.beginSignIn("alice@example.com")
	assertion := credential.FinishAuthentication{RelyingParty: site, Ceremony: first.Ceremony, Response: f.get(t, second.Options)}
	w.quiet(func() {
		_, err := w.svc.FinishAuthentication(t.Context(), w.idm, assertion)
		wantFault(t, err, credential.ErrCeremonyRequest)
	})
	assertion.Ceremony = second.Ceremony
	_, err = w.svc.FinishAuthentication(t.Context(), w.idm, assertion)
	check(t, err)
}
