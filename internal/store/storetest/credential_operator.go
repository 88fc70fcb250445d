package storetest

import (
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/store"
	"bestow.dev/internal/tenant"
)

func newRole(u *credential.User, role tenant.Role) credential.RoleChange {
	return credential.RoleChange{Tenant: u.Tenant, User: u.ID, Role: role, By: "operator:local:op", At: noon}
}

// hasRole grants a user a role.
func hasRole(t testing.TB, db *store.DB, u *credential.User, role tenant.Role) {
	t.Helper()
	check(t, db.GrantRole(t.Context(), newRole(u, role), event("acme", "operator.granted")))
	u.Role = role
}

func testRoles(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice, bob := hasUser(t, db, "alice"), hasUser(t, db, "bob")
	hasCredential(t, db, "k1", alice)
	hasRole(t, db, bob, tenant.Auditor)
	hasRole(t, db, alice, tenant.Enroller)
	hasRole(t, db, alice, tenant.Administrator) // one role, not two
	for _, u := range []*credential.User{alice, bob} {
		got, err := db.User(ctx, "acme", credential.ByID(u.ID))
		check(t, err)
		if !reflect.DeepEqual(got, u) {
			t.Errorf("got  %+v\nwant %+v", got, u)
		}
	}
	all, err := db.Operators(ctx, "acme")
	check(t, err)
	want := []credential.Operator{
		{User: *alice, Granted: noon, GrantedBy: "operator:local:op", Credentials: 1},
		{User: *bob, Granted: noon, GrantedBy: "operator:local:op"},
	}
	if !reflect.DeepEqual(all, want) {
		t.Errorf("got  %+v\nwant %+v", all, want)
	}
	if all, err := db.Operators(ctx, "beta"); err != nil || len(all) > 0 {
		t.Errorf("another tenant's: %+v, %v", all, err)
	}

	wantError(t, db.GrantRole(ctx, newRole(newUser("x"), tenant.Auditor), event("acme", "refused")), credential.ErrUserUnknown)
	elsewhere := newRole(bob, tenant.Administrator)
	elsewhere.Tenant = "beta"
	wantError(t, db.GrantRole(ctx, elsewhere, event("beta", "refused")), credential.ErrUserUnknown)
	wantError(t, db.RevokeRole(ctx, elsewhere, event("beta", "refused")), credential.ErrOperatorUnknown)
	check(t, db.RevokeRole(ctx, newRole(bob, ""), event("acme", "operator.revoked")))
	wantError(t, db.RevokeRole(ctx, newRole(bob, ""), event("acme", "refused")), credential.ErrOperatorUnknown)
	_, err = db.ChangeUser(ctx, credential.UserChange{Tenant: "acme", ID: bob.ID, Locked: new(true), At: noon}, event("acme", "user.locked"))
	check(t, err)
	wantError(t, db.GrantRole(ctx, newRole(bob, tenant.Auditor), event("acme", "refused")), credential.ErrUserLocked)
	wantActions(t, db, "acme", "user.created", "user.created", "ceremony.begun", "credential.registered",
		"operator.granted", "operator.granted", "operator.granted", "operator.revoked", "user.locked")

	check(t, db.EraseUser(ctx, credential.UserErasure{Tenant: "acme", ID: alice.ID, LastToo: true}, event("acme", "user.erased")))
	if all, err := db.Operators(ctx, "acme"); err != nil || len(all) > 0 {
		t.Errorf("an erased user's role stays: %+v, %v", all, err)
	}
}

// testRoleSessions has a role end what was begun without it, and its end the sessions
// of the console.
func testRoleSessions(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice, bob := hasUser(t, db, "alice"), hasUser(t, db, "bob")
	hasEnrolment(t, db, "alice enrols", alice, false)
	hasEnrolment(t, db, "bob enrols", bob, false)
	hasInvitation(t, db, "alice's", alice, false)
	hasInvitation(t, db, "bob's", bob, false)
	hasSession(t, db, "alice's console", credential.Console, alice.ID)
	hasSession(t, db, "bob's console", credential.Console, bob.ID)
	hasSession(t, db, "alice signed in", credential.SignedIn, alice.ID)
	hasRole(t, db, alice, tenant.Enroller)
	ended := func(id string, want bool) {
		t.Helper()
		s, err := db.Session(ctx, id)
		check(t, err)
		if s.Ended.IsZero() == want {
			t.Errorf("%s: %+v, want ended: %v", id, s, want)
		}
	}
	for name, want := range map[string]credential.InvitationState{"alice's": credential.InvitationCancelled, "bob's": credential.InvitationOpen} {
		i, err := db.InvitationBySecret(ctx, secret(name))
		check(t, err)
		if i.State != want {
			t.Errorf("%s invitation is %s, want %s", name, i.State, want)
		}
	}
	ended("alice enrols", true)
	ended("alice's console", false)
	s, err := db.Session(ctx, "alice's console")
	check(t, err)
	if s.Role != tenant.Enroller {
		t.Errorf("the session's role is %q", s.Role)
	}

	check(t, db.RevokeRole(ctx, newRole(alice, ""), event("acme", "operator.revoked")))
	ended("alice's console", true)
	ended("bob's console", false)
	ended("alice signed in", false)

	// A credential that is suspended, or deleted, signs nobody in any more.
	for _, end := range []func(k *credential.Credential) error{
		func(k *credential.Credential) error {
			_, err := db.ChangeCredential(ctx, credential.CredentialChange{Tenant: "acme", ID: k.ID, State: new(credential.Suspended), At: noon}, nil)
			return err
		},
		func(k *credential.Credential) error {
			return db.DeleteCredential(ctx, "acme", k.ID, event("acme", "credential.deleted"))
		},
	} {
		k := hasCredential(t, db, "k", bob)
		by := newSession("by k", credential.Console, bob.ID)
		by.Credential = k.ID
		check(t, db.OpenSession(ctx, by, event("acme", "session.opened")))
		check(t, end(k))
		ended("by k", true)
		check(t, db.EraseUser(ctx, credential.UserErasure{Tenant: "acme", ID: bob.ID}, event("acme", "user.erased")))
		bob = hasUser(t, db, "bob")
	}
}

func testLastAdministrator(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice, bob, carol := hasUser(t, db, "alice"), hasUser(t, db, "bob"), hasUser(t, db, "carol")
	hasRole(t, db, alice, tenant.Administrator)
	hasRole(t, db, carol, tenant.Auditor)
	hasRole(t, db, bob, tenant.Administrator)
	lock := func(u *credential.User, lastToo bool) error {
		_, err := db.ChangeUser(ctx, credential.UserChange{Tenant: "acme", ID: u.ID, Locked: new(true), LastToo: lastToo, At: noon}, event("acme", "user.locked"))
		return err
	}
	check(t, lock(bob, false)) // who is locked does not count, and may be locked again
	check(t, lock(bob, false))
	for name, err := range map[string]error{
		"revoke": db.RevokeRole(ctx, newRole(alice, ""), event("acme", "refused")),
		"demote": db.GrantRole(ctx, newRole(alice, tenant.Auditor), event("acme", "refused")),
		"lock":   lock(alice, false),
		"erase":  db.EraseUser(ctx, credential.UserErasure{Tenant: "acme", ID: alice.ID}, event("acme", "refused")),
	} {
		if !errors.Is(err, credential.ErrLastAdministrator) {
			t.Errorf("%s: %v", name, err)
		}
	}
	check(t, db.RevokeRole(ctx, newRole(carol, ""), event("acme", "operator.revoked")))
	check(t, lock(alice, true))
	_, err := db.ChangeUser(ctx, credential.UserChange{Tenant: "acme", ID: alice.ID, Locked: new(false), At: noon}, event("acme", "user.unlocked"))
	check(t, err)
	last := newRole(alice, "")
	last.LastToo = true
	check(t, db.RevokeRole(ctx, last, event("acme", "operator.revoked")))
}

// testAdministratorsAtOnce has administrators take each other's role at the same time:
// one stays.
func testAdministratorsAtOnce(t *testing.T, db *store.DB) {
	ctx := t.Context()
	var users []*credential.User
	for _, name := range []string{"alice", "bob", "carol", "dave"} {
		u := hasUser(t, db, name)
		hasRole(t, db, u, tenant.Administrator)
		users = append(users, u)
	}
	var wg sync.WaitGroup
	errs := make([]error, len(users))
	for i, u := range users {
		wg.Go(func() { errs[i] = db.RevokeRole(ctx, newRole(u, ""), event("acme", "operator.revoked")) })
	}
	wg.Wait()
	kept := 0
	for _, err := range errs {
		switch {
		case errors.Is(err, credential.ErrLastAdministrator):
			kept++
		case err != nil:
			t.Error(err)
		}
	}
	if kept != 1 {
		t.Errorf("%d administrators are left, want 1", kept)
	}
}

func testSessionUsed(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice := hasUser(t, db, "alice")
	s := newSession("s1", credential.Console, alice.ID)
	s.Idle = noon.Add(5 * time.Minute)
	check(t, db.OpenSession(ctx, s, event("acme", "session.opened")))
	idle := func(want time.Duration) {
		t.Helper()
		got, err := db.Session(ctx, "s1")
		check(t, err)
		if !got.Idle.Equal(noon.Add(want)) {
			t.Errorf("it ends unused at %v, want %v", got.Idle, noon.Add(want))
		}
	}
	use := func(id string, at time.Duration) error {
		return db.SessionUsed(ctx, id, noon.Add(at), noon.Add(at+5*time.Minute))
	}
	idle(5 * time.Minute)
	check(t, use("s1", 4*time.Minute))
	idle(9 * time.Minute)
	check(t, use("s1", 2*time.Minute)) // one that comes late takes nothing back
	idle(9 * time.Minute)
	wantError(t, use("s1", 9*time.Minute), credential.ErrSessionUnknown)
	check(t, use("s1", 8*time.Minute))
	check(t, use("s1", 12*time.Minute))
	wantError(t, use("s1", 15*time.Minute), credential.ErrSessionUnknown) // it has expired
	wantError(t, use("s2", 0), credential.ErrSessionUnknown)
	check(t, db.EndSession(ctx, "acme", "s1", noon.Add(12*time.Minute), event("acme", "session.ended")))
	wantError(t, use("s1", 12*time.Minute), credential.ErrSessionUnknown)
	idle(17 * time.Minute)
}

func testCounts(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice, bob := hasUser(t, db, "alice"), hasUser(t, db, "bob")
	hasCredential(t, db, "k1", alice)
	k2 := hasCredential(t, db, "k2", bob)
	_, err := db.ChangeCredential(ctx, credential.CredentialChange{Tenant: "acme", ID: k2.ID, State: new(credential.Suspended), At: noon}, nil)
	check(t, err)
	_, err = db.ChangeUser(ctx, credential.UserChange{Tenant: "acme", ID: bob.ID, Locked: new(true), At: noon}, event("acme", "user.locked"))
	check(t, err)
	for name, want := range map[string]credential.Counts{"acme": {Users: 2, Locked: 1, Credentials: 2, Suspended: 1}, "beta": {}} {
		if got, err := db.Counts(ctx, name); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, want)
		}
	}
}
