package credential_test

import (
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
)

// at returns the authority of a program without any scope, through which the user is at
// work.
func (w *world) at(u *credential.User) tenant.Authority {
	return tenant.Authority{
		Tenant: "acme", Actor: audit.Actor{Kind: audit.Client, ID: "portal"}, Via: "nevis", Ref: "req-2", Subject: string(u.ID),
	}
}

// A user at work registers and signs in for themselves, without a scope.
func TestSubject(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	w.user("bob")
	ctx, by := t.Context(), w.at(alice)

	begun, err := w.svc.BeginRegistration(ctx, by, credential.BeginRegistration{RelyingParty: site, User: credential.ByName("alice")})
	check(t, err)
	f := newForger(t)
	c, err := w.svc.FinishRegistration(ctx, by, credential.FinishRegistration{RelyingParty: site, Response: f.create(t, begun.Options)})
	check(t, err)
	if e := w.lastEvent(); c.User != alice.ID || e.Action != "credential.registered" || e.Actor.ID != "portal" || e.OnBehalfOf != string(alice.ID) {
		t.Errorf("registered %+v, event %+v", c, e)
	}
	signIn, err := w.svc.BeginAuthentication(ctx, by, credential.BeginAuthentication{RelyingParty: site})
	check(t, err)
	ceremony, err := w.svc.CeremonyOf(ctx, by, site, credential.Authentication, signIn.Options.Challenge)
	check(t, err)
	if u, err := w.svc.CeremonyUser(ctx, by, ceremony); err != nil || u != nil {
		t.Errorf("before anybody answered: %+v, %v", u, err)
	}
	done, err := w.svc.FinishAuthentication(ctx, by, credential.FinishAuthentication{RelyingParty: site, Response: f.get(t, signIn.Options)})
	check(t, err)
	if done.User.ID != alice.ID {
		t.Errorf("signed in as %s", done.User.Name)
	}
	ceremony, err = w.svc.Ceremony(ctx, by, credential.CeremonyRef{ID: ceremony.ID})
	check(t, err)
	if u, err := w.svc.CeremonyUser(ctx, by, ceremony); err != nil || u == nil || u.ID != alice.ID {
		t.Errorf("after alice answered: %+v, %v", u, err)
	}
}

// For others they do nothing, whoever that is and whatever the program may.
func TestSubjectOfOthers(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	w.user("bob")
	_, bobs := w.enrolled("bob")
	mighty := w.idm
	mighty.Subject = string(alice.ID)
	for _, by := range []tenant.Authority{w.at(alice), mighty} {
		for _, name := range []string{"bob", "nobody"} {
			before := len(w.events())
			_, err := w.svc.BeginRegistration(t.Context(), by, credential.BeginRegistration{RelyingParty: site, User: credential.ByName(name)})
			wantFault(t, err, credential.ErrSubject)
			_, err = w.svc.BeginAuthentication(t.Context(), by, credential.BeginAuthentication{
				RelyingParty: site, User: credential.ByName(name), HideUnknown: true,
			})
			wantFault(t, err, credential.ErrSubject)
			if events := w.events()[before:]; len(events) != 2 || events[0].Action != "registration.denied" || events[1].Action != "authentication.denied" {
				t.Errorf("events: %+v", events)
			}
		}
		begun, err := w.svc.BeginAuthentication(t.Context(), by, credential.BeginAuthentication{RelyingParty: site})
		check(t, err)
		_, err = w.svc.FinishAuthentication(t.Context(), by, credential.FinishAuthentication{RelyingParty: site, Response: bobs.get(t, begun.Options)})
		wantFault(t, err, credential.ErrCeremonyUser)
	}
	// A ceremony that was begun for bob is not finished by alice.
	begun := w.begin("bob")
	_, err := w.svc.FinishRegistration(t.Context(), mighty, credential.FinishRegistration{RelyingParty: site, Response: newForger(t).create(t, begun.Options)})
	wantFault(t, err, credential.ErrSubject)
}

// A user at work does not widen what a program is granted.
func TestSubjectElsewhere(t *testing.T) {
	w := newWorld(t)
	by := w.at(w.user("alice"))
	by.RelyingParties = []string{"other.example.com"}
	_, err := w.svc.BeginRegistration(t.Context(), by, credential.BeginRegistration{RelyingParty: site, User: credential.ByName("alice")})
	wantFault(t, err, tenant.ErrDenied)
}

// A user at work does not exchange what holds their credential for a lock that ends by
// itself.
func TestSubjectDoesNotResume(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	c, _ := w.enrolled("alice")
	_, err := w.svc.Suspend(t.Context(), w.admin(), credential.Ref{ID: c.ID}, "lost")
	check(t, err)
	suspended := credential.Suspended
	_, err = w.svc.Update(t.Context(), w.at(alice), credential.Ref{ID: c.ID}, credential.CredentialUpdate{
		State: &suspended, Standing: new(credential.TemporarilyLocked), Until: w.clock().Add(time.Minute),
	})
	wantFault(t, err, credential.ErrCredentialResume)
}
