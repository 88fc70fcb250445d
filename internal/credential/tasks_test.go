package credential_test

import (
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// taskVisitor opens the task pages without being anybody.
func (w *world) taskVisitor() tenant.Authority {
	w.t.Helper()
	opened, err := w.svc.StartTaskVisit(w.t.Context(), "acme", site, desk)
	check(w.t, err)
	_, by, err := w.svc.Session(w.t.Context(), opened.Cookie, tenant.Authority{Via: "task", Address: desk})
	check(w.t, err)
	return by
}

// A person who signs in to their tasks, even an operator, is themselves and nothing more.
func TestTaskSignIn(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	alice, f := w.operatorWithKey("alice", tenant.Administrator)
	done, err := w.answer(w.taskVisitor(), f, consoleOrigin)
	check(t, err)
	cookie := done.Session.Cookie
	session, by, err := w.svc.Person(ctx, cookie, tenant.Authority{Via: "task", Ref: "r1", Address: desk, Scopes: tenant.Scopes()})
	check(t, err)
	if session.User != alice.ID || !session.Expires.Equal(w.clock().Add(time.Hour)) {
		t.Errorf("session: %+v", session)
	}
	if by.Actor != (audit.Actor{Kind: audit.User, ID: string(alice.ID)}) || len(by.Scopes) != 0 || by.Session != "" || by.Ref != "r1" || by.Address != desk {
		t.Errorf("authority: %+v", by)
	}

	// It opens nothing else: neither by its authority, nor at the other doors.
	_, err = w.svc.Credentials(ctx, by, credential.CredentialQuery{})
	wantFault(t, err, tenant.ErrDenied)
	wantOperatorFault(t, w, cookie, credential.ErrSessionUnknown)
	_, own, err := w.svc.Session(ctx, cookie, tenant.Authority{Via: "enrol"})
	check(t, err)
	_, err = w.svc.Credentials(ctx, own, credential.CredentialQuery{})
	wantFault(t, err, credential.ErrSessionPurpose)
	_, err = w.svc.BeginRegistration(ctx, own, credential.BeginRegistration{RelyingParty: site, User: credential.ByID(alice.ID)})
	wantFault(t, err, credential.ErrSessionPurpose)
	_, err = w.svc.BeginAuthentication(ctx, own, credential.BeginAuthentication{RelyingParty: site})
	wantFault(t, err, credential.ErrSessionPurpose)

	// Nor do the sessions of other doors lead here.
	_, _, err = w.svc.Person(ctx, w.signedIn(f), tenant.Authority{})
	wantFault(t, err, credential.ErrSessionUnknown)

	// It ends with the credential that it was signed in with, and after an hour.
	w.later(time.Hour)
	_, _, err = w.svc.Person(ctx, cookie, tenant.Authority{})
	wantFault(t, err, credential.ErrSessionUnknown)
	done, err = w.answer(w.taskVisitor(), f, consoleOrigin)
	check(t, err)
	check(t, w.svc.Delete(ctx, root, credential.Ref{ID: done.Credential.ID}))
	_, _, err = w.svc.Person(ctx, done.Session.Cookie, tenant.Authority{})
	wantFault(t, err, credential.ErrSessionUnknown)
}

func TestTaskSignInRefused(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	_, f := w.enrolled("alice")
	_, err := w.answer(w.taskVisitor(), f, "")
	wantFault(t, err, credential.ErrSessionPurpose)
	_, err = w.answer(w.taskVisitor(), f, "https://elsewhere."+site)
	wantCode(t, err, "webauthn.origin")
	begun, err := w.svc.BeginAuthentication(t.Context(), w.taskVisitor(), credential.BeginAuthentication{RelyingParty: site})
	check(t, err)
	if begun.Options.UserVerification != webauthn.UserVerificationRequired {
		t.Errorf("user verification is %s", begun.Options.UserVerification)
	}
}
