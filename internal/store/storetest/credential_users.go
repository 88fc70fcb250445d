package storetest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/store"
)

// newUser is a user who is not stored yet.
func newUser(name string) *credential.User {
	return &credential.User{
		ID: credential.UserID("id of " + name), Tenant: "acme", Name: name, DisplayName: "Ms " + name, Handle: []byte("handle of " + name),
		Created: noon, Updated: noon,
	}
}

// hasUser stores a user.
func hasUser(t testing.TB, db *store.DB, name string) *credential.User {
	t.Helper()
	u := newUser(name)
	check(t, db.CreateUser(t.Context(), u, event("acme", "user.created")))
	return u
}

func testUsers(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice := newUser("Alice")
	alice.Locked = noon.Add(time.Hour)
	check(t, db.CreateUser(ctx, alice, event("acme", "user.created")))
	for _, ref := range []credential.UserRef{
		credential.ByID(alice.ID), credential.ByName("aLICE"), credential.ByHandle([]byte("handle of Alice")),
	} {
		got, err := db.User(ctx, "acme", ref)
		check(t, err)
		if !reflect.DeepEqual(got, alice) {
			t.Errorf("%+v: got %+v, want %+v", ref, got, alice)
		}
		_, err = db.User(ctx, "beta", ref)
		wantError(t, err, credential.ErrUserUnknown)
	}
	for _, ref := range []credential.UserRef{{}, credential.ByID("x"), credential.ByName("Alic"), credential.ByHandle([]byte{0})} {
		_, err := db.User(ctx, "acme", ref)
		wantError(t, err, credential.ErrUserUnknown)
	}

	sameName, sameHandle, elsewhere := newUser("ALICE"), newUser("bob"), newUser("alice")
	sameHandle.Handle = alice.Handle
	wantError(t, db.CreateUser(ctx, sameName, event("acme", "refused")), credential.ErrUserExists)
	wantError(t, db.CreateUser(ctx, sameHandle, event("acme", "refused")), credential.ErrUserExists)
	elsewhere.ID, elsewhere.Tenant = "another", "beta"
	check(t, db.CreateUser(ctx, elsewhere, event("beta", "user.created")))
	wantActions(t, db, "acme", "user.created")
	wantActions(t, db, "beta", "user.created")
}

func testImportUsers(t *testing.T, db *store.DB) {
	hasUser(t, db, "bob")
	var rows []credential.ImportRow
	for i, name := range []string{"alice", "Bob", "carol", "ALICE", "dave"} {
		u := newUser(name)
		u.ID = credential.UserID(fmt.Sprint(i))
		rows = append(rows, credential.ImportRow{User: u, Event: event("acme", "user.imported")})
	}
	rows[4].User.Handle = rows[0].User.Handle
	stored, err := db.ImportUsers(t.Context(), rows)
	check(t, err)
	if want := []bool{true, false, true, false, false}; !reflect.DeepEqual(stored, want) {
		t.Errorf("stored: got %v, want %v", stored, want)
	}
	wantActions(t, db, "acme", "user.created", "user.imported", "user.imported")
	none, err := db.ImportUsers(t.Context(), nil)
	check(t, err)
	if len(none) != 0 {
		t.Errorf("stored: %v", none)
	}
}

func testChangeUser(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice := hasUser(t, db, "alice")
	hasUser(t, db, "bob")
	change := func(c credential.UserChange) (*credential.User, error) {
		c.Tenant, c.ID = "acme", alice.ID
		return db.ChangeUser(ctx, c, event("acme", "user.changed"))
	}
	later := noon.Add(time.Minute)
	_, err := change(credential.UserChange{Name: new("carol"), DisplayName: new("Ms C"), At: later})
	check(t, err)
	got, err := change(credential.UserChange{At: later})
	check(t, err)
	want := *alice
	want.Name, want.DisplayName, want.Updated = "carol", "Ms C", later
	if !reflect.DeepEqual(got, &want) {
		t.Errorf("got %+v, want %+v", got, &want)
	}
	stored, err := db.User(ctx, "acme", credential.ByName("CAROL"))
	check(t, err)
	if !reflect.DeepEqual(stored, &want) {
		t.Errorf("stored %+v, want %+v", stored, &want)
	}
	found, err := db.Users(ctx, credential.UserQuery{Tenant: "acme", Search: "ms c", Limit: 10})
	check(t, err)
	if len(found) != 1 {
		t.Errorf("found %+v", found)
	}

	_, err = change(credential.UserChange{Name: new("BOB"), At: later})
	wantError(t, err, credential.ErrUserExists)
	_, err = db.ChangeUser(ctx, credential.UserChange{Tenant: "beta", ID: alice.ID, At: later}, event("beta", "refused"))
	wantError(t, err, credential.ErrUserUnknown)

	// The time of the first locking stays, and the sessions end.
	s := hasSession(t, db, "s1", credential.SignedIn, alice.ID)
	_, err = change(credential.UserChange{Locked: new(true), At: later})
	check(t, err)
	got, err = change(credential.UserChange{Locked: new(true), At: later.Add(time.Minute)})
	check(t, err)
	if !got.Locked.Equal(later) {
		t.Errorf("locked at %v, first at %v", got.Locked, later)
	}
	_, err = db.Session(ctx, s.ID)
	wantError(t, err, credential.ErrSessionUnknown)
	got, err = change(credential.UserChange{Locked: new(false), At: later})
	check(t, err)
	if got.IsLocked() {
		t.Errorf("locked: %+v", got)
	}
	ended, err := db.Session(ctx, s.ID)
	check(t, err)
	if ended.Ended.IsZero() {
		t.Error("the session goes on")
	}
	wantActions(t, db, "acme", "user.created", "user.created", "user.changed", "user.changed", "session.opened", "user.changed", "user.changed", "user.changed")
}

func testListUsers(t *testing.T, db *store.DB) {
	for _, name := range []string{"dora", "Alice", "bob", "carl", "a!b", "a%b"} {
		hasUser(t, db, name)
	}
	names := func(q credential.UserQuery) (names []string) {
		t.Helper()
		q.Tenant = "acme"
		if q.Limit == 0 {
			q.Limit = 100
		}
		users, err := db.Users(t.Context(), q)
		check(t, err)
		for _, u := range users {
			names = append(names, u.Name)
		}
		return names
	}
	all := names(credential.UserQuery{})
	if len(all) != 6 {
		t.Fatalf("all: %q", all)
	}
	// Page by page it is the same, whatever order the database has for signs.
	var paged []string
	for after := ""; ; {
		page := names(credential.UserQuery{After: after, Limit: 2})
		if len(page) == 0 {
			break
		}
		paged = append(paged, page...)
		after = credential.NameKey(page[len(page)-1])
	}
	if !reflect.DeepEqual(paged, all) {
		t.Errorf("paged %q, at once %q", paged, all)
	}
	for search, want := range map[string][]string{
		"ms a": nil, "alice": {"Alice"}, "ar": {"carl"}, "!": {"a!b"}, "%": {"a%b"}, "_": nil, "ms b": {"bob"},
	} {
		if search == "ms a" {
			want = names(credential.UserQuery{Search: "ms a"})
			if len(want) != 3 {
				t.Errorf("%q finds %q", search, want)
			}
		}
		if got := names(credential.UserQuery{Search: search}); !reflect.DeepEqual(got, want) {
			t.Errorf("%q finds %q, want %q", search, got, want)
		}
	}
	users, err := db.Users(t.Context(), credential.UserQuery{Tenant: "beta", Limit: 10})
	check(t, err)
	if len(users) != 0 {
		t.Errorf("another tenant sees %+v", users)
	}
}

func testEraseUser(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice := hasUser(t, db, "alice")
	bob := hasUser(t, db, "bob")
	hasCredential(t, db, "k1", alice)
	kept := hasCredential(t, db, "k2", bob)
	hasCeremony(t, db, "c1", credential.Authentication)
	invitation := hasInvitation(t, db, "i1", alice, true)
	hasSession(t, db, "s1", credential.SignedIn, alice.ID)

	p, err := db.PersonRecord(ctx, "acme", alice.ID)
	check(t, err)
	if !reflect.DeepEqual(&p.User, alice) || len(p.Credentials) != 1 || !reflect.DeepEqual(&p.Evidence[0], newEvidence()) ||
		len(p.Ceremonies) != 2 || !reflect.DeepEqual(&p.Invitations[0], invitation) || len(p.Sessions) != 1 || p.Events != nil {
		t.Errorf("record: %+v", p)
	}
	wantError(t, db.EraseUser(ctx, credential.UserErasure{Tenant: "beta", ID: alice.ID}, event("beta", "refused")), credential.ErrUserUnknown)

	check(t, db.EraseUser(ctx, credential.UserErasure{Tenant: "acme", ID: alice.ID}, event("acme", "user.erased")))
	_, err = db.PersonRecord(ctx, "acme", alice.ID)
	wantError(t, err, credential.ErrUserUnknown)
	_, err = db.Credential(ctx, "acme", credential.Ref{ID: "k1"})
	wantError(t, err, credential.ErrCredentialUnknown)
	_, err = db.Evidence(ctx, "acme", "k1")
	wantError(t, err, credential.ErrCredentialUnknown)
	_, err = db.Ceremony(ctx, credential.CeremonyRef{Tenant: "acme", ID: "c1"})
	wantError(t, err, credential.ErrCeremonyUnknown)
	_, err = db.InvitationBySecret(ctx, invitation.Secret)
	wantError(t, err, credential.ErrInvitationUnknown)
	_, err = db.Session(ctx, "s1")
	wantError(t, err, credential.ErrSessionUnknown)
	wantError(t, db.EraseUser(ctx, credential.UserErasure{Tenant: "acme", ID: alice.ID}, event("acme", "refused")), credential.ErrUserUnknown)

	got, err := db.Credential(ctx, "acme", credential.Ref{ID: "k2"})
	check(t, err)
	if !reflect.DeepEqual(got, kept) {
		t.Errorf("another user's credential: %+v", got)
	}
	wantWhole(t, db, "acme")
}
