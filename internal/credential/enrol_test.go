package credential_test

import (
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
)

const desk = "192.0.2.7" // a browser's address

func (w *world) invite(name string) *credential.Invited {
	w.t.Helper()
	invited, err := w.svc.Invite(w.t.Context(), w.idm, credential.Invite{RelyingParty: site, User: credential.ByName(name)})
	check(w.t, err)
	return invited
}

// browse returns the authority that a cookie opens.
func (w *world) browse(cookie string) tenant.Authority {
	w.t.Helper()
	_, by, err := w.svc.Session(w.t.Context(), cookie, tenant.Authority{Via: "enrol", Address: desk})
	check(w.t, err)
	return by
}

// The whole way of a person with an invitation: enrol, sign in, look.
func TestEnrolment(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	ctx := t.Context()
	invited := w.invite("alice")
	if len(invited.Secret) != 43 || !invited.Invitation.Expires.Equal(w.clock().Add(24*time.Hour)) {
		t.Errorf("invitation: %+v", invited)
	}
	if e := w.lastEvent(); e.Action != "invitation.created" || e.User != string(alice.ID) || e.Actor.ID != "idm" {
		t.Errorf("event: %+v", e)
	}

	opened, err := w.svc.StartEnrolment(ctx, invited.Secret, desk)
	check(t, err)
	if e := w.lastEvent(); e.Action != "invitation.spent" || e.Actor != (audit.Actor{Kind: audit.User, ID: string(alice.ID)}) || e.OnBehalfOf != "" {
		t.Errorf("event: %+v", e)
	}
	session, by, err := w.svc.Session(ctx, opened.Cookie, tenant.Authority{Via: "enrol", Address: desk, Scopes: tenant.Scopes()})
	check(t, err)
	if session.Purpose != credential.Enrol || session.User != alice.ID || session.UserName != "alice" || session.DisplayName != "alice display" ||
		session.RelyingParty != site || !session.Expires.Equal(w.clock().Add(15*time.Minute)) || strings.Contains(session.ID, opened.Cookie) {
		t.Errorf("session: %+v", session)
	}
	if len(by.Scopes) != 0 || by.Actor.ID != string(alice.ID) || by.Tenant != "acme" {
		t.Errorf("authority: %+v", by)
	}

	// Nothing but its own registration is open to it.
	for name, err := range map[string]error{
		"sign in":      second(w.svc.BeginAuthentication(ctx, by, credential.BeginAuthentication{RelyingParty: site})),
		"list":         second(w.svc.Credentials(ctx, by, credential.CredentialQuery{})),
		"invite":       second(w.svc.Invite(ctx, by, credential.Invite{RelyingParty: site, User: credential.ByName("alice")})),
		"another user": second(w.svc.BeginRegistration(ctx, by, credential.BeginRegistration{RelyingParty: site, User: credential.ByName("bob")})),
		"another site": second(w.svc.BeginRegistration(ctx, by, credential.BeginRegistration{RelyingParty: "x.example"})),
	} {
		if !errors.Is(err, credential.ErrSessionPurpose) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"create user": second(w.svc.CreateUser(ctx, by, credential.NewUser{Name: "x"})),
		"read user":   second(w.svc.User(ctx, by, credential.ByName("alice"))),
		"purge users": w.svc.EraseUser(ctx, by, credential.ByName("alice")),
	} {
		if !errors.Is(err, tenant.ErrDenied) {
			t.Errorf("%s: %v", name, err)
		}
	}

	f := newForger(t)
	begun, err := w.svc.BeginRegistration(ctx, by, credential.BeginRegistration{RelyingParty: site})
	check(t, err)
	spare, err := w.svc.BeginRegistration(ctx, by, credential.BeginRegistration{RelyingParty: site, User: credential.ByName("Alice")})
	check(t, err)
	resp := f.create(t, begun.Options)
	_, err = w.svc.FinishRegistration(ctx, w.idm, credential.FinishRegistration{RelyingParty: site, Response: resp})
	wantFault(t, err, credential.ErrCeremonyUnknown) // a client cannot finish what a browser began
	c, err := w.svc.FinishRegistration(ctx, by, credential.FinishRegistration{RelyingParty: site, Response: resp})
	check(t, err)
	if c.User != alice.ID || c.ProvisionedBy != "user:"+string(alice.ID) || c.Via != "enrol" {
		t.Errorf("credential: %+v", c)
	}
	if n := <-w.told; !n.Self || n.Credential.ID != c.ID {
		t.Errorf("notice: %+v", n)
	}

	// One credential, not two.
	_, err = w.svc.FinishRegistration(ctx, by, credential.FinishRegistration{RelyingParty: site, Response: newForger(t).create(t, spare.Options)})
	wantFault(t, err, credential.ErrSessionRegistered)
	_, err = w.svc.BeginRegistration(ctx, by, credential.BeginRegistration{RelyingParty: site})
	wantFault(t, err, credential.ErrSessionRegistered)

	// After registering it may sign in, as its user alone.
	_, err = w.svc.BeginAuthentication(ctx, by, credential.BeginAuthentication{RelyingParty: site, User: credential.ByName("bob")})
	wantFault(t, err, credential.ErrSessionPurpose)
	signIn, err := w.svc.BeginAuthentication(ctx, by, credential.BeginAuthentication{RelyingParty: site})
	check(t, err)
	if len(signIn.Options.AllowCredentials) != 1 {
		t.Errorf("options: %s", signIn.JSON)
	}
	in, err := w.svc.FinishAuthentication(ctx, by, credential.FinishAuthentication{RelyingParty: site, Response: f.get(t, signIn.Options)})
	check(t, err)
	if in.Session == nil || in.Session.Cookie == opened.Cookie || in.Session.Session.Purpose != credential.SignedIn || in.Session.Session.UserName != "alice" {
		t.Fatalf("sign-in: %+v", in)
	}
	_, _, err = w.svc.Session(ctx, opened.Cookie, tenant.Authority{})
	wantFault(t, err, credential.ErrSessionUnknown) // its place was taken

	// Signed in, the person sees their own and no more.
	w.user("bob")
	bobs, _ := w.enrolled("bob")
	by = w.browse(in.Session.Cookie)
	page, err := w.svc.Credentials(ctx, by, credential.CredentialQuery{User: credential.ByName("bob"), RelyingParty: "x.example"})
	check(t, err)
	if len(page.Credentials) != 1 || page.Credentials[0].ID != c.ID {
		t.Errorf("own credentials: %+v", page)
	}
	_, err = w.svc.Get(ctx, by, credential.Ref{ID: c.ID})
	check(t, err)
	_, err = w.svc.Get(ctx, by, credential.Ref{ID: bobs.ID})
	wantFault(t, err, credential.ErrCredentialUnknown)
	wantFault(t, w.svc.Delete(ctx, by, credential.Ref{ID: c.ID}), credential.ErrSessionPurpose)
	_, err = w.svc.Rename(ctx, by, credential.Ref{ID: c.ID}, "x")
	wantFault(t, err, credential.ErrSessionPurpose)
	_, err = w.svc.Evidence(ctx, by, credential.Ref{ID: c.ID})
	wantFault(t, err, credential.ErrSessionPurpose)
	_, err = w.svc.BeginRegistration(ctx, by, credential.BeginRegistration{RelyingParty: site})
	wantFault(t, err, credential.ErrSessionPurpose)

	check(t, w.svc.EndSession(ctx, by))
	if e := w.lastEvent(); e.Action != "session.ended" {
		t.Errorf("event: %+v", e)
	}
	wantFault(t, w.svc.EndSession(ctx, by), credential.ErrSessionUnknown)
	_, err = w.svc.Credentials(ctx, by, credential.CredentialQuery{})
	wantFault(t, err, credential.ErrSessionUnknown)
}

func TestInvitations(t *testing.T) {
	type attempt struct {
		w       *world
		invited *credential.Invited
		secret  string
	}
	tests := []struct {
		name  string
		spoil func(a *attempt)
		want  error // nil: a session is opened
	}{
		{"untouched", func(*attempt) {}, nil},
		{"at the last moment", func(a *attempt) { a.w.later(24*time.Hour - time.Millisecond) }, nil},
		{"too late", func(a *attempt) { a.w.later(24 * time.Hour) }, credential.ErrInvitationExpired},
		{"twice", func(a *attempt) {
			_, err := a.w.svc.StartEnrolment(a.w.t.Context(), a.secret, desk)
			check(a.w.t, err)
		}, credential.ErrInvitationSpent},
		{"replaced by a newer one", func(a *attempt) { a.w.invite("alice") }, credential.ErrInvitationCancelled},
		{"the newer one", func(a *attempt) { a.secret = a.w.invite("alice").Secret }, nil},
		{"beside another user's", func(a *attempt) {
			a.w.user("bob")
			a.w.invite("bob")
		}, nil},
		{"another secret", func(a *attempt) { a.secret = strings.Repeat("A", 43) }, credential.ErrInvitationUnknown},
		{"no secret at all", func(a *attempt) { a.secret = "" }, credential.ErrInvitationUnknown},
		{"the stored hash", func(a *attempt) { a.secret = b64(a.invited.Invitation.Secret[:]) }, credential.ErrInvitationUnknown},
		{"a credential was added since", func(a *attempt) { a.w.enrolled("alice") }, credential.ErrAdditionalNeeded},
		{"locked since", func(a *attempt) {
			_, err := a.w.svc.LockUser(a.w.t.Context(), a.w.idm, credential.ByName("alice"))
			check(a.w.t, err)
		}, credential.ErrUserLocked},
		{"erased since", func(a *attempt) {
			check(a.w.t, a.w.svc.EraseUser(a.w.t.Context(), a.w.idm, credential.ByName("alice")))
		}, credential.ErrInvitationUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.user("alice")
			a := &attempt{w: w, invited: w.invite("alice")}
			a.secret = a.invited.Secret
			tt.spoil(a)
			before := len(w.events())
			opened, err := w.svc.StartEnrolment(t.Context(), a.secret, desk)
			if tt.want == nil {
				check(t, err)
				return
			}
			wantFault(t, err, tt.want)
			if opened != nil || len(w.events()) != before {
				t.Error("a refusal left something")
			}
		})
	}
}

func TestInvite(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	ctx := t.Context()
	in := credential.Invite{RelyingParty: site, User: credential.ByName("alice")}
	refused := func(want error, by tenant.Authority, in credential.Invite) {
		t.Helper()
		w.quiet(func() { wantFault(t, second(w.svc.Invite(ctx, by, in)), want) })
	}
	short, long, nobody, elsewhere := in, in, in, in
	short.Life, long.Life = time.Second, 31*24*time.Hour
	nobody.User, elsewhere.RelyingParty = credential.ByName("x"), "x.example"
	refused(credential.ErrInvitationLife, w.idm, short)
	refused(credential.ErrInvitationLife, w.idm, long)
	refused(credential.ErrUserUnknown, w.idm, nobody)
	refused(tenant.ErrRelyingPartyUnknown, w.idm, elsewhere)
	herself := w.idm
	herself.Claimed = "alice"
	refused(credential.ErrOwnRegistration, herself, in)

	// Additional, where there is nothing yet, is an invitation like any other.
	in.Additional = true
	first, err := w.svc.Invite(ctx, w.idm, in)
	check(t, err)
	if first.Invitation.Additional || w.lastEvent().Action != "invitation.created" {
		t.Errorf("invitation: %+v", first.Invitation)
	}

	w.enrolled("alice")
	in.Additional = false
	refused(credential.ErrAdditionalNeeded, w.idm, in)
	in.Additional = true
	again, err := w.svc.Invite(ctx, w.idm, in)
	check(t, err)
	if e := w.lastEvent(); e.Action != "invitation.additional" || e.Detail["credentials"] != "1" || !again.Invitation.Additional {
		t.Errorf("event: %+v", e)
	}
	_, err = w.svc.StartEnrolment(ctx, again.Secret, desk)
	check(t, err)

	_, err = w.svc.LockUser(ctx, w.idm, credential.ByName("alice"))
	check(t, err)
	refused(credential.ErrUserLocked, w.idm, in)
}

// An invitation for a first credential makes a first one, whatever happened since it
// was spent.
func TestFirstCredentialOnly(t *testing.T) {
	tests := []struct {
		name  string
		since func(w *world)
		begin error // nil: only the end is refused, or nothing
		end   error
	}{
		{"untouched", func(*world) {}, nil, nil},
		{"a credential was added on behalf", func(w *world) { w.enrolled("alice") }, credential.ErrAdditionalNeeded, credential.ErrAdditionalNeeded},
		{"a newer invitation", func(w *world) { w.invite("alice") }, credential.ErrSessionUnknown, credential.ErrSessionUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.user("alice")
			ctx := t.Context()
			opened, err := w.svc.StartEnrolment(ctx, w.invite("alice").Secret, desk)
			check(t, err)
			by := w.browse(opened.Cookie)
			begun, err := w.svc.BeginRegistration(ctx, by, credential.BeginRegistration{RelyingParty: site})
			check(t, err)
			tt.since(w)
			if err := second(w.svc.BeginRegistration(ctx, by, credential.BeginRegistration{RelyingParty: site})); !errors.Is(err, tt.begin) {
				t.Errorf("begin: got %v, want %v", err, tt.begin)
			}
			finish := credential.FinishRegistration{RelyingParty: site, Response: newForger(t).create(t, begun.Options)}
			if err := second(w.svc.FinishRegistration(ctx, by, finish)); !errors.Is(err, tt.end) {
				t.Errorf("finish: got %v, want %v", err, tt.end)
			}
			if e := w.lastEvent(); errors.Is(tt.end, credential.ErrAdditionalNeeded) && (e.Action != "registration.refused" || e.Outcome != credential.ErrAdditionalNeeded.Code) {
				t.Errorf("event: %+v", e)
			}
		})
	}
}

// A visit belongs to nobody and learns nothing but by signing in.
func TestVisit(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	_, f := w.enrolled("alice")
	ctx := t.Context()
	_, err := w.svc.StartVisit(ctx, "acme", "x.example", desk)
	wantFault(t, err, tenant.ErrRelyingPartyUnknown)
	opened, err := w.svc.StartVisit(ctx, "acme", site, desk)
	check(t, err)
	by := w.browse(opened.Cookie)
	_, err = w.svc.BeginRegistration(ctx, by, credential.BeginRegistration{RelyingParty: site, User: credential.ByName("alice")})
	wantFault(t, err, credential.ErrSessionPurpose)
	_, err = w.svc.Credentials(ctx, by, credential.CredentialQuery{})
	wantFault(t, err, credential.ErrSessionPurpose)

	begun, err := w.svc.BeginAuthentication(ctx, by, credential.BeginAuthentication{RelyingParty: site, User: credential.ByName("nobody")})
	check(t, err)
	if len(begun.Options.AllowCredentials) != 1 {
		t.Errorf("an unknown name shows: %s", begun.JSON)
	}
	begun, err = w.svc.BeginAuthentication(ctx, by, credential.BeginAuthentication{RelyingParty: site})
	check(t, err)
	in, err := w.svc.FinishAuthentication(ctx, by, credential.FinishAuthentication{RelyingParty: site, Response: f.get(t, begun.Options)})
	check(t, err)
	session, _, err := w.svc.Session(ctx, in.Session.Cookie, tenant.Authority{})
	check(t, err)
	if session.Purpose != credential.SignedIn || session.User != alice.ID {
		t.Errorf("session: %+v", session)
	}
}

func TestSessionsEnd(t *testing.T) {
	ends := map[string]func(w *world, c *credential.Credential){
		"after 15 minutes": func(w *world, _ *credential.Credential) { w.later(15 * time.Minute) },
		"when the user is locked": func(w *world, _ *credential.Credential) {
			check(w.t, second(w.svc.LockUser(w.t.Context(), w.idm, credential.ByName("alice"))))
		},
		"for good, though the user is unlocked": func(w *world, _ *credential.Credential) {
			check(w.t, second(w.svc.LockUser(w.t.Context(), w.idm, credential.ByName("alice"))))
			check(w.t, second(w.svc.UnlockUser(w.t.Context(), w.idm, credential.ByName("alice"))))
		},
		"when its credential is suspended": func(w *world, c *credential.Credential) {
			check(w.t, second(w.svc.Suspend(w.t.Context(), w.idm, credential.Ref{ID: c.ID}, "")))
		},
		"when its credential is deleted": func(w *world, c *credential.Credential) {
			check(w.t, w.svc.Delete(w.t.Context(), w.idm, credential.Ref{ID: c.ID}))
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.user("alice")
			c, f := w.enrolled("alice")
			opened, err := w.svc.StartVisit(t.Context(), "acme", site, desk)
			check(t, err)
			by := w.browse(opened.Cookie)
			begun, err := w.svc.BeginAuthentication(t.Context(), by, credential.BeginAuthentication{RelyingParty: site})
			check(t, err)
			in, err := w.svc.FinishAuthentication(t.Context(), by, credential.FinishAuthentication{RelyingParty: site, Response: f.get(t, begun.Options)})
			check(t, err)
			by = w.browse(in.Session.Cookie)
			end(w, c)
			_, _, err = w.svc.Session(t.Context(), in.Session.Cookie, tenant.Authority{})
			wantFault(t, err, credential.ErrSessionUnknown)
			_, err = w.svc.Credentials(t.Context(), by, credential.CredentialQuery{})
			wantFault(t, err, credential.ErrSessionUnknown)
		})
	}
	w := newWorld(t)
	for _, cookie := range []string{"", "x", strings.Repeat("A", 43), strings.Repeat("A", 43) + "\n"} {
		_, _, err := w.svc.Session(t.Context(), cookie, tenant.Authority{})
		wantFault(t, err, credential.ErrSessionUnknown)
	}
}

// A session that ended while its ceremony was open finishes nothing.
func TestFinishAfterSessionEnded(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	opened, err := w.svc.StartEnrolment(t.Context(), w.invite("alice").Secret, desk)
	check(t, err)
	by := w.browse(opened.Cookie)
	begun, err := w.svc.BeginRegistration(t.Context(), by, credential.BeginRegistration{RelyingParty: site})
	check(t, err)
	check(t, w.svc.EndSession(t.Context(), by))
	w.quiet(func() {
		_, err = w.svc.FinishRegistration(t.Context(), by, credential.FinishRegistration{RelyingParty: site, Response: newForger(t).create(t, begun.Options)})
		wantFault(t, err, credential.ErrSessionUnknown)
	})
}

// A refusal spends the ceremony and not the session: the person may try again.
func TestEnrolAgainAfterRefusal(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	opened, err := w.svc.StartEnrolment(t.Context(), w.invite("alice").Secret, desk)
	check(t, err)
	by := w.browse(opened.Cookie)
	for _, flags := range []byte{up, up | uv} {
		f := newForger(t)
		f.flags = flags
		begun, err := w.svc.BeginRegistration(t.Context(), by, credential.BeginRegistration{RelyingParty: site})
		check(t, err)
		_, err = w.svc.FinishRegistration(t.Context(), by, credential.FinishRegistration{RelyingParty: site, Response: f.create(t, begun.Options)})
		if flags == up {
			wantCode(t, err, "webauthn.user_verification")
		} else {
			check(t, err)
		}
	}
}

// Of any number of browsers with one invitation one gets a session.
func TestInvitationRace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		w := newWorldOn(t, open, credential.Config{})
		w.user("alice")
		invited := w.invite("alice")
		var wg sync.WaitGroup
		errs := make([]error, 16)
		for i := range errs {
			wg.Go(func() { _, errs[i] = w.svc.StartEnrolment(t.Context(), invited.Secret, desk) })
		}
		wg.Wait()
		opened := 0
		for _, err := range errs {
			if err == nil {
				opened++
				continue
			}
			wantFault(t, err, credential.ErrInvitationSpent)
		}
		if opened != 1 {
			t.Errorf("%d sessions, want 1", opened)
		}
	})
}

// Of any number of invitations made at the same time one is good in the end.
func TestInviteRace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		w := newWorldOn(t, open, credential.Config{})
		w.user("alice")
		var wg sync.WaitGroup
		secrets := make([]string, 8)
		for i := range secrets {
			wg.Go(func() {
				invited, err := w.svc.Invite(t.Context(), w.idm, credential.Invite{RelyingParty: site, User: credential.ByName("alice")})
				if err == nil {
					secrets[i] = invited.Secret
				}
			})
		}
		wg.Wait()
		opened := 0
		for _, s := range secrets {
			switch _, err := w.svc.StartEnrolment(t.Context(), s, desk); {
			case err == nil:
				opened++
			case !errors.Is(err, credential.ErrInvitationCancelled):
				t.Errorf("got %v", err)
			}
		}
		if opened != 1 {
			t.Errorf("%d are good, want 1", opened)
		}
	})
}

func TestPurge(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	invited := w.invite("alice")
	opened, err := w.svc.StartEnrolment(t.Context(), invited.Secret, desk)
	check(t, err)
	done, _ := w.enrolled("alice")
	open := w.begin("alice")
	w.quiet(func() {
		n, err := w.svc.Purge(t.Context())
		check(t, err)
		if n.Total() != 0 {
			t.Errorf("purged %+v", n)
		}
	})

	// What has just expired stays, so that who asks is told.
	w.later(24 * time.Hour)
	_, err = w.svc.Purge(t.Context())
	check(t, err)
	c, err := w.svc.Ceremony(t.Context(), w.idm, credential.CeremonyRef{ID: open.Ceremony})
	check(t, err)
	if c.StateAt(w.clock()) != credential.CeremonyExpired {
		t.Errorf("ceremony: %+v", c)
	}

	w.later(time.Hour)
	n, err := w.svc.Purge(t.Context())
	check(t, err)
	if want := (credential.Purged{Ceremonies: 2, Sessions: 1}); n != want {
		t.Errorf("purged %+v, want %+v", n, want)
	}
	e := w.lastEvent()
	if want := map[string]string{"ceremonies": "2", "sessions": "1", "invitations": "0"}; e.Action != "retention.purged" || !reflect.DeepEqual(e.Detail, want) ||
		e.Actor.Kind != audit.System {
		t.Errorf("event: %+v", e)
	}
	wantFault(t, second(w.svc.Ceremony(t.Context(), w.idm, credential.CeremonyRef{ID: open.Ceremony})), credential.ErrCeremonyUnknown)
	wantFault(t, second(w.db.Session(t.Context(), opened.Session.ID)), credential.ErrSessionUnknown)

	w.later(31 * 24 * time.Hour)
	n, err = w.svc.Purge(t.Context())
	check(t, err)
	if want := (credential.Purged{Invitations: 1}); n != want {
		t.Errorf("purged %+v, want %+v", n, want)
	}
	_, err = w.svc.Get(t.Context(), w.idm, credential.Ref{ID: done.ID})
	check(t, err) // what is in use stays
}
