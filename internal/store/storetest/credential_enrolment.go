package storetest

import (
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/store"
)

// hasInvitation stores an invitation.
func hasInvitation(t testing.TB, db *store.DB, name string, u *credential.User, additional bool) *credential.Invitation {
	t.Helper()
	i := newInvitation(name, u, additional)
	check(t, db.Invite(t.Context(), i, event("acme", "invitation.created")))
	return i
}

func newInvitation(name string, u *credential.User, additional bool) *credential.Invitation {
	return &credential.Invitation{
		ID: name, Tenant: "acme", RelyingParty: site, User: u.ID, Secret: secret(name), Additional: additional,
		State: credential.InvitationOpen, Actor: audit.Actor{Kind: audit.Operator, ID: "op"}, Via: "cli", Ref: "r",
		Created: noon, Expires: noon.Add(time.Hour),
	}
}

func testInvite(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice := hasUser(t, db, "alice")
	bob := hasUser(t, db, "bob")
	first := hasInvitation(t, db, "i1", alice, false)
	got, err := db.InvitationBySecret(ctx, first.Secret)
	check(t, err)
	if !reflect.DeepEqual(got, first) {
		t.Errorf("got  %+v\nwant %+v", got, first)
	}
	_, err = db.InvitationBySecret(ctx, secret("x"))
	wantError(t, err, credential.ErrInvitationUnknown)

	// A newer one cancels what is open for the same user at the same relying party.
	elsewhere := newInvitation("i2", alice, false)
	elsewhere.RelyingParty = "x.example"
	check(t, db.Invite(ctx, elsewhere, event("acme", "invitation.created")))
	hasInvitation(t, db, "i3", bob, false)
	hasInvitation(t, db, "i4", alice, false)
	for name, want := range map[string]credential.InvitationState{
		"i1": credential.InvitationCancelled, "i2": credential.InvitationOpen, "i3": credential.InvitationOpen, "i4": credential.InvitationOpen,
	} {
		i, err := db.InvitationBySecret(ctx, secret(name))
		check(t, err)
		if i.State != want {
			t.Errorf("%s is %s, want %s", name, i.State, want)
		}
	}

	hasCredential(t, db, "k1", alice)
	wantError(t, db.Invite(ctx, newInvitation("i5", alice, false), event("acme", "refused")), credential.ErrAdditionalNeeded)
	hasInvitation(t, db, "i6", alice, true)
	wantError(t, db.Invite(ctx, newInvitation("i7", newUser("x"), false), event("acme", "refused")), credential.ErrUserUnknown)
	_, err = db.ChangeUser(ctx, credential.UserChange{Tenant: "acme", ID: bob.ID, Locked: new(true), At: noon}, event("acme", "user.locked"))
	check(t, err)
	wantError(t, db.Invite(ctx, newInvitation("i8", bob, false), event("acme", "refused")), credential.ErrUserLocked)
	i, err := db.InvitationBySecret(ctx, secret("i3"))
	check(t, err)
	if i.State != credential.InvitationOpen {
		t.Error("what was refused cancelled another")
	}
}

func newSession(id string, purpose credential.Purpose, user credential.UserID) *credential.Session {
	return &credential.Session{
		ID: id, Tenant: "acme", RelyingParty: site, Purpose: purpose, User: user, Address: "192.0.2.1",
		Created: noon, Expires: noon.Add(15 * time.Minute),
	}
}

// hasSession opens a session.
func hasSession(t testing.TB, db *store.DB, id string, purpose credential.Purpose, user credential.UserID) *credential.Session {
	t.Helper()
	s := newSession(id, purpose, user)
	check(t, db.OpenSession(t.Context(), s, event("acme", "session.opened")))
	return s
}

// hasEnrolment opens a session by an invitation of the same name.
func hasEnrolment(t testing.TB, db *store.DB, id string, u *credential.User, additional bool) *credential.Session {
	t.Helper()
	s := newSession(id, credential.Enrol, u.ID)
	s.Invitation, s.Additional = hasInvitation(t, db, id, u, additional).ID, additional
	check(t, db.StartEnrolment(t.Context(), s, event("acme", "invitation.spent")))
	return s
}

// testNewerInvitation has a newer invitation end the sessions of older ones.
func testNewerInvitation(t *testing.T, db *store.DB) {
	alice := hasUser(t, db, "alice")
	bob := hasUser(t, db, "bob")
	hasEnrolment(t, db, "older", alice, false)
	hasEnrolment(t, db, "bob's", bob, false)
	hasSession(t, db, "signed in", credential.SignedIn, alice.ID)
	registering := hasEnrolment(t, db, "registered", alice, false) // ends the session of the older one
	r := registered(hasCeremony(t, db, "c1", credential.Registration), newCredential("k1", alice))
	r.Session = registering.ID
	check(t, db.CompleteRegistration(t.Context(), r, event("acme", "credential.registered")))
	elsewhere := newInvitation("elsewhere", alice, false)
	elsewhere.RelyingParty = "x.example"
	check(t, db.Invite(t.Context(), elsewhere, event("acme", "invitation.created")))
	hasEnrolment(t, db, "newest", alice, true)
	for id, ended := range map[string]bool{"older": true, "registered": false, "newest": false, "bob's": false, "signed in": false} {
		s, err := db.Session(t.Context(), id)
		check(t, err)
		if s.Ended.IsZero() == ended {
			t.Errorf("%s: %+v", id, s)
		}
		if s.Additional != (id == "newest") {
			t.Errorf("%s is for an additional one: %v", id, s.Additional)
		}
	}
}

func testStartEnrolment(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice := hasUser(t, db, "alice")
	start := func(id, invitation string, at time.Time) error {
		s := newSession(id, credential.Enrol, alice.ID)
		s.Invitation, s.Created = invitation, at
		return db.StartEnrolment(ctx, s, event("acme", "invitation.spent"))
	}
	hasInvitation(t, db, "i1", alice, false)
	hasInvitation(t, db, "i2", alice, false)
	wantError(t, start("s1", "x", noon), credential.ErrInvitationUnknown)
	wantError(t, start("s1", "i1", noon), credential.ErrInvitationCancelled)
	wantError(t, start("s1", "i2", noon.Add(time.Hour)), credential.ErrInvitationExpired)
	_, err := db.Session(ctx, "s1")
	wantError(t, err, credential.ErrSessionUnknown)

	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { errs[i] = start(string(rune('a'+i)), "i2", noon) })
	}
	wg.Wait()
	opened := 0
	for _, err := range errs {
		if err == nil {
			opened++
		} else if !errors.Is(err, credential.ErrInvitationSpent) {
			t.Errorf("got %v", err)
		}
	}
	if opened != 1 {
		t.Errorf("%d sessions of one invitation", opened)
	}
	i, err := db.InvitationBySecret(ctx, secret("i2"))
	check(t, err)
	if i.State != credential.InvitationSpent || !i.Ended.Equal(noon) {
		t.Errorf("invitation: %+v", i)
	}

	// A credential that came since, and a lock.
	hasInvitation(t, db, "i3", alice, false)
	hasCredential(t, db, "k1", alice)
	wantError(t, start("s3", "i3", noon), credential.ErrAdditionalNeeded)
	hasInvitation(t, db, "i4", alice, true)
	_, err = db.ChangeUser(ctx, credential.UserChange{Tenant: "acme", ID: alice.ID, Locked: new(true), At: noon}, event("acme", "user.locked"))
	check(t, err)
	wantError(t, start("s4", "i4", noon), credential.ErrUserLocked)
}

func testSessions(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice := hasUser(t, db, "alice")
	visit := hasSession(t, db, "s1", credential.Visit, "")
	got, err := db.Session(ctx, "s1")
	check(t, err)
	if !reflect.DeepEqual(got, visit) {
		t.Errorf("got  %+v\nwant %+v", got, visit)
	}
	s := hasSession(t, db, "s2", credential.SignedIn, alice.ID)
	s.UserName, s.DisplayName = "alice", "Ms alice"
	got, err = db.Session(ctx, "s2")
	check(t, err)
	if !reflect.DeepEqual(got, s) {
		t.Errorf("got  %+v\nwant %+v", got, s)
	}
	_, err = db.Session(ctx, "s3")
	wantError(t, err, credential.ErrSessionUnknown)

	check(t, db.EndSession(ctx, "beta", "s2", noon, event("acme", "refused")))
	check(t, db.EndSession(ctx, "acme", "s2", noon, event("acme", "session.ended")))
	check(t, db.EndSession(ctx, "acme", "s2", noon.Add(time.Hour), event("acme", "refused")))
	got, err = db.Session(ctx, "s2")
	check(t, err)
	if !got.Ended.Equal(noon) {
		t.Errorf("ended at %v", got.Ended)
	}
	wantActions(t, db, "acme", "user.created", "session.opened", "session.opened", "session.ended")
}
