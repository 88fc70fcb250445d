package credential_test

import (
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
)

const consoleOrigin = "https://" + site

// visitor opens the console without being anybody.
func (w *world) visitor() tenant.Authority {
	w.t.Helper()
	opened, err := w.svc.StartConsoleVisit(w.t.Context(), "acme", site, desk)
	check(w.t, err)
	_, by, err := w.svc.Session(w.t.Context(), opened.Cookie, tenant.Authority{Via: "console", Address: desk})
	check(w.t, err)
	return by
}

// answer has a key sign in to the console as the authority of a visit; origin is what
// the door insists on.
func (w *world) answer(by tenant.Authority, f *forger, origin string) (*credential.SignIn, error) {
	w.t.Helper()
	begun, err := w.svc.BeginAuthentication(w.t.Context(), by, credential.BeginAuthentication{RelyingParty: site})
	check(w.t, err)
	return w.svc.FinishAuthentication(w.t.Context(), by, credential.FinishAuthentication{
		RelyingParty: site, Response: f.get(w.t, begun.Options), Origin: origin,
	})
}

// signedIn is a cookie of the console.
func (w *world) signedIn(f *forger) string {
	w.t.Helper()
	done, err := w.answer(w.visitor(), f, consoleOrigin)
	check(w.t, err)
	return done.Session.Cookie
}

// operatorWithKey makes a user with a key and a role.
func (w *world) operatorWithKey(name string, role tenant.Role) (*credential.User, *forger) {
	w.t.Helper()
	u := w.user(name)
	_, f := w.enrolled(name)
	check(w.t, second(w.svc.GrantRole(w.t.Context(), root, credential.GrantRole{User: credential.ByID(u.ID), Role: role})))
	return u, f
}

func TestConsoleSignIn(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	alice, f := w.operatorWithKey("alice", tenant.Auditor)
	cookie := w.signedIn(f)
	if e := w.lastEvent(); e.Action != "authentication.succeeded" || e.Via != "console" || e.Detail["role"] != "auditor" {
		t.Errorf("event: %+v", e)
	}
	session, by, err := w.svc.Operator(ctx, cookie, tenant.Authority{Via: "console", Ref: "r1", Address: desk})
	check(t, err)
	if session.User != alice.ID || session.UserName != "alice" || session.Role != tenant.Auditor ||
		!session.Expires.Equal(w.clock().Add(8*time.Hour)) || !session.Idle.Equal(w.clock().Add(15*time.Minute)) {
		t.Errorf("session: %+v", session)
	}
	if by.Actor != (audit.Actor{Kind: audit.Operator, ID: "user:" + string(alice.ID)}) || by.Ref != "r1" || by.Address != desk || by.Session != "" ||
		by.Require(tenant.ScopeAuditRead, "") != nil || by.Require(tenant.ScopeProvision, site) == nil {
		t.Errorf("authority: %+v", by)
	}

	// The role is that of the moment.
	grant := func(role tenant.Role) {
		check(t, second(w.svc.GrantRole(ctx, root, credential.GrantRole{User: credential.ByID(alice.ID), Role: role})))
	}
	grant(tenant.Enroller)
	_, by, err = w.svc.Operator(ctx, cookie, tenant.Authority{})
	check(t, err)
	if by.Require(tenant.ScopeAuditRead, "") == nil || by.Require(tenant.ScopeProvision, site) != nil {
		t.Errorf("authority: %+v", by)
	}
	check(t, second(w.svc.RevokeRole(ctx, root, credential.RevokeRole{User: credential.ByID(alice.ID)})))
	wantOperatorFault(t, w, cookie, credential.ErrSessionUnknown)

	// Whoever is no operator is told so, and may do nothing.
	cookie = w.signedIn(f)
	session, by, err = w.svc.Operator(ctx, cookie, tenant.Authority{})
	wantFault(t, err, credential.ErrNoRole)
	if session == nil || session.UserName != "alice" || len(by.Scopes) != 0 || by.Tenant != "" {
		t.Errorf("%+v may act as %+v", session, by)
	}

	// Sign out.
	_, own, err := w.svc.Session(ctx, cookie, tenant.Authority{Via: "console"})
	check(t, err)
	check(t, w.svc.EndSession(ctx, own))
	wantOperatorFault(t, w, cookie, credential.ErrSessionUnknown)
}

func wantOperatorFault(t *testing.T, w *world, cookie string, want error) {
	t.Helper()
	session, by, err := w.svc.Operator(t.Context(), cookie, tenant.Authority{Scopes: tenant.Scopes()})
	wantFault(t, err, want)
	if session != nil || by.Tenant != "" || len(by.Scopes) != 0 {
		t.Errorf("got %+v as %+v", session, by)
	}
}

// TestConsoleSignInRefused: a sign-in to the console is one on its own site, by a
// person who was verified, and nothing else becomes one.
func TestConsoleSignInRefused(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.has(tenant.RelyingParty{
		Tenant: "acme", ID: site, Name: "Example Login", UserVerification: tenant.Discouraged, MaxCredentialsPerUser: 10,
		Origins: []string{consoleOrigin, "https://shop." + site},
	})
	_, f := w.operatorWithKey("alice", tenant.Administrator)

	f.origin = "https://shop." + site
	_, err := w.answer(w.visitor(), f, consoleOrigin)
	wantCode(t, err, "webauthn.origin")
	_, err = w.answer(w.visitor(), f, "") // a door that does not ask
	wantFault(t, err, credential.ErrSessionPurpose)
	f.origin = ""
	f.flags &^= uv
	_, err = w.answer(w.visitor(), f, consoleOrigin)
	wantCode(t, err, "webauthn.user_verification")
	f.flags |= uv
	good := w.signedIn(f)
	_, _, err = w.svc.Operator(ctx, good, tenant.Authority{})
	check(t, err)

	// Sessions of the enrolment pages open nothing here, nor the other way round.
	visit, err := w.svc.StartVisit(ctx, "acme", site, desk)
	check(t, err)
	_, by, err := w.svc.Session(ctx, visit.Cookie, tenant.Authority{Via: "console"})
	check(t, err)
	done, err := w.answer(by, f, "")
	check(t, err)
	for _, cookie := range []string{"", "x", visit.Cookie, done.Session.Cookie} {
		wantOperatorFault(t, w, cookie, credential.ErrSessionUnknown)
	}
	_, by, err = w.svc.Session(ctx, good, tenant.Authority{Via: "enrol"})
	check(t, err)
	visitor := w.visitor()
	w.quiet(func() {
		for _, by := range []tenant.Authority{by, visitor} {
			wantFault(t, second(w.svc.Credentials(ctx, by, credential.CredentialQuery{})), credential.ErrSessionPurpose)
			wantFault(t, second(w.svc.BeginRegistration(ctx, by, credential.BeginRegistration{RelyingParty: site})), credential.ErrSessionPurpose)
			wantFault(t, second(w.svc.Invite(ctx, by, credential.Invite{RelyingParty: site, User: credential.ByName("alice")})), credential.ErrSessionPurpose)
			wantFault(t, second(w.svc.User(ctx, by, credential.ByName("alice"))), tenant.ErrDenied)
		}
		wantFault(t, second(w.svc.BeginAuthentication(ctx, by, credential.BeginAuthentication{RelyingParty: site})), credential.ErrSessionPurpose)
	})

	// Who is locked is out at once, and so is a credential that was suspended.
	list, err := w.svc.Credentials(ctx, root, credential.CredentialQuery{})
	check(t, err)
	check(t, second(w.svc.Suspend(ctx, root, credential.Ref{ID: list.Credentials[0].ID}, "lost")))
	wantOperatorFault(t, w, good, credential.ErrSessionUnknown)
	check(t, second(w.svc.Resume(ctx, root, credential.Ref{ID: list.Credentials[0].ID})))
	good = w.signedIn(f)
	check(t, second(w.svc.LockUser(ctx, root, credential.ByName("alice"))))
	wantOperatorFault(t, w, good, credential.ErrSessionUnknown)
}

func TestConsoleTimeouts(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	_, f := w.operatorWithKey("alice", tenant.Auditor)
	use := func(cookie string) {
		t.Helper()
		session, _, err := w.svc.Operator(ctx, cookie, tenant.Authority{})
		check(t, err)
		check(t, w.svc.SessionUsed(ctx, session))
	}
	look := func(cookie string) error {
		_, _, err := w.svc.Operator(ctx, cookie, tenant.Authority{})
		return err
	}

	cookie := w.signedIn(f)
	w.later(15*time.Minute - time.Millisecond)
	check(t, look(cookie)) // to look alone is no use
	w.later(time.Millisecond)
	wantFault(t, look(cookie), credential.ErrSessionUnknown)

	cookie = w.signedIn(f)
	session, _, err := w.svc.Operator(ctx, cookie, tenant.Authority{})
	check(t, err)
	first := session.Idle
	w.later(time.Minute - time.Millisecond)
	check(t, w.svc.SessionUsed(ctx, session))
	if !session.Idle.Equal(first) {
		t.Error("each use is written")
	}
	for range 47 { // used every ten minutes, it lasts until its end
		w.later(10 * time.Minute)
		use(cookie)
	}
	w.later(8*time.Hour - 47*10*time.Minute - time.Minute)
	check(t, look(cookie))
	w.later(time.Millisecond)
	wantFault(t, look(cookie), credential.ErrSessionUnknown)
	wantFault(t, w.svc.SessionUsed(ctx, session), credential.ErrSessionUnknown)
}
