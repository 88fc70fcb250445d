package storetest

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/store"
)

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
	wantError(t, db.EraseUser(ctx, "beta", alice.ID, event("beta", "refused")), credential.ErrUserUnknown)

	check(t, db.EraseUser(ctx, "acme", alice.ID, event("acme", "user.erased")))
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
	wantError(t, db.EraseUser(ctx, "acme", alice.ID, event("acme", "refused")), credential.ErrUserUnknown)

	got, err := db.Credential(ctx, "acme", credential.Ref{ID: "k2"})
	check(t, err)
	if !reflect.DeepEqual(got, kept) {
		t.Errorf("another user's credential: %+v", got)
	}
	wantWhole(t, db, "acme")
}

func testFindCredentials(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice := hasUser(t, db, "alice")
	bob := hasUser(t, db, "bob")
	k1 := hasCredential(t, db, "k1", alice)
	hasCredential(t, db, "k2", bob)
	hasCredential(t, db, "k3", alice)
	_, err := db.ChangeCredential(ctx, credential.CredentialChange{Tenant: "acme", ID: "k3", State: new(credential.Suspended), At: noon},
		[]audit.Event{event("acme", "credential.suspended")})
	check(t, err)

	got, err := db.Credential(ctx, "acme", credential.Ref{RelyingParty: site, CredentialID: k1.CredentialID})
	check(t, err)
	if !reflect.DeepEqual(got, k1) {
		t.Errorf("got  %+v\nwant %+v", got, k1)
	}
	for tenantName, ref := range map[string]credential.Ref{
		"beta": {ID: "k1"},
		"acme": {RelyingParty: "x.example", CredentialID: k1.CredentialID},
	} {
		_, err := db.Credential(ctx, tenantName, ref)
		wantError(t, err, credential.ErrCredentialUnknown)
	}
	_, err = db.Credential(ctx, "acme", credential.Ref{})
	wantError(t, err, credential.ErrCredentialUnknown)

	for _, tt := range []struct {
		q    credential.CredentialQuery
		want string
	}{
		{credential.CredentialQuery{}, "k1 k2 k3"},
		{credential.CredentialQuery{Limit: 2}, "k1 k2"},
		{credential.CredentialQuery{After: "k1", Limit: 1}, "k2"},
		{credential.CredentialQuery{RelyingParty: site}, "k1 k2 k3"},
		{credential.CredentialQuery{RelyingParty: "x.example"}, ""},
		{credential.CredentialQuery{User: credential.ByID(alice.ID)}, "k1 k3"},
		{credential.CredentialQuery{RelyingParty: site, User: credential.ByID(alice.ID), State: credential.Active}, "k1"},
		{credential.CredentialQuery{State: credential.Suspended}, "k3"},
		{credential.CredentialQuery{Tenant: "beta"}, ""},
	} {
		if tt.q.Tenant == "" {
			tt.q.Tenant = "acme"
		}
		if tt.q.Limit == 0 {
			tt.q.Limit = 10
		}
		list, err := db.Credentials(ctx, tt.q)
		check(t, err)
		var ids []string
		for _, c := range list {
			ids = append(ids, string(c.ID))
		}
		if got := strings.Join(ids, " "); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.q, got, tt.want)
		}
	}
}

func testChangeCredential(t *testing.T, db *store.DB) {
	ctx := t.Context()
	made := hasCredential(t, db, "k1", hasUser(t, db, "alice"))
	later := noon.Add(time.Hour)
	got, err := db.ChangeCredential(ctx, credential.CredentialChange{
		Tenant: "acme", ID: "k1", Name: new("Spare"), State: new(credential.Suspended), Reason: "lost", Version: 1, At: later,
	}, []audit.Event{event("acme", "credential.renamed"), event("acme", "credential.suspended")})
	check(t, err)
	want := *made
	want.Name, want.State, want.Reason, want.Version, want.Updated = "Spare", credential.Suspended, "lost", 2, later
	if !reflect.DeepEqual(got, &want) {
		t.Errorf("got  %+v\nwant %+v", got, &want)
	}
	refused := []audit.Event{event("acme", "refused")}
	_, err = db.ChangeCredential(ctx, credential.CredentialChange{Tenant: "acme", ID: "k1", Name: new("x"), Version: 1, At: later}, refused)
	wantError(t, err, credential.ErrCredentialVersion)
	_, err = db.ChangeCredential(ctx, credential.CredentialChange{Tenant: "beta", ID: "k1", Name: new("x"), At: later}, refused)
	wantError(t, err, credential.ErrCredentialUnknown)
	got, err = db.ChangeCredential(ctx, credential.CredentialChange{Tenant: "acme", ID: "k1", State: new(credential.Active), At: later},
		[]audit.Event{event("acme", "credential.resumed")})
	check(t, err)
	if got.State != credential.Active || got.Reason != "" || got.Name != "Spare" || got.Version != 3 {
		t.Errorf("got %+v", got)
	}
	wantActions(t, db, "acme", "user.created", "ceremony.begun", "credential.registered",
		"credential.renamed", "credential.suspended", "credential.resumed")
}

func testDeleteCredential(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice := hasUser(t, db, "alice")
	hasCredential(t, db, "k1", alice)
	hasCredential(t, db, "k2", alice)
	signedIn := func(id string, with credential.ID) {
		s := newSession(id, credential.SignedIn, alice.ID)
		s.Credential = with
		check(t, db.OpenSession(ctx, s, event("acme", "session.opened")))
	}
	ended := func(id string) bool {
		t.Helper()
		s, err := db.Session(ctx, id)
		check(t, err)
		return !s.Ended.IsZero()
	}
	signedIn("s1", "k1")
	signedIn("s2", "k2")
	wantError(t, db.DeleteCredential(ctx, "beta", "k1", event("beta", "refused")), credential.ErrCredentialUnknown)
	check(t, db.DeleteCredential(ctx, "acme", "k1", event("acme", "credential.deleted")))
	if !ended("s1") || ended("s2") {
		t.Errorf("sessions ended: %v, %v; want the first alone", ended("s1"), ended("s2"))
	}
	wantError(t, db.DeleteCredential(ctx, "acme", "k1", event("acme", "refused")), credential.ErrCredentialUnknown)
	_, err := db.Evidence(ctx, "acme", "k1")
	wantError(t, err, credential.ErrCredentialUnknown)
	check(t, db.DeleteCredential(ctx, "acme", "k2", event("acme", "credential.deleted")))
	u, err := db.User(ctx, "acme", credential.ByHandle(alice.Handle))
	check(t, err)
	if u.ID != alice.ID {
		t.Errorf("user: %+v", u)
	}
}

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

func testPurge(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice := hasUser(t, db, "alice")
	for _, name := range []string{"c1", "c2", "c3"} { // they expire at 12:05
		hasCeremony(t, db, name, credential.Registration)
	}
	beta := ceremony("c4", credential.Authentication)
	beta.Tenant, beta.User = "beta", ""
	check(t, db.OpenCeremony(ctx, beta, credential.Caps{}, event("beta", "ceremony.begun")))
	hasSession(t, db, "s1", credential.Visit, "") // expires at 12:15
	hasInvitation(t, db, "i1", alice, false)      // expires at 13:00

	purge := func(p credential.Retention, want credential.Purged) {
		t.Helper()
		got, err := db.Purge(ctx, p, func(tenantName string, n credential.Purged) audit.Event {
			return event(tenantName, "retention.purged")
		})
		check(t, err)
		if got != want {
			t.Errorf("purged %+v, want %+v", got, want)
		}
	}
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	purge(credential.Retention{Limit: 10}, credential.Purged{})
	purge(credential.Retention{Ceremonies: at(5), Sessions: at(15), Invitations: at(60), Limit: 10}, credential.Purged{})
	all := credential.Retention{Ceremonies: at(6), Sessions: at(16), Invitations: at(61), Limit: 2}
	purge(all, credential.Purged{Ceremonies: 2, Sessions: 1, Invitations: 1})
	purge(all, credential.Purged{Ceremonies: 2})
	purge(all, credential.Purged{})
	for _, tenantName := range []string{"acme", "beta"} {
		n := 0
		for _, e := range wantWhole(t, db, tenantName) {
			if e.Action == "retention.purged" {
				n++
			}
		}
		if n < 1 || n > 2 {
			t.Errorf("%d events of purges in %s", n, tenantName)
		}
	}
	_, err := db.User(ctx, "acme", credential.ByID(alice.ID))
	check(t, err)
}

func testRecord(t *testing.T, db *store.DB) {
	check(t, db.Record(t.Context(), event("acme", "user.exported")))
	wantActions(t, db, "acme", "user.exported")
}

func testAfterCommit(t *testing.T, db *store.DB) {
	var order []string
	note := func(what string) func() { return func() { order = append(order, what) } }
	db.AfterCommit(t.Context(), note("at once"))
	check(t, db.InTx(t.Context(), func(ctx context.Context) error {
		db.AfterCommit(ctx, note("committed"))
		order = append(order, "inside")
		return nil
	}))
	wantError(t, db.InTx(t.Context(), func(ctx context.Context) error {
		db.AfterCommit(ctx, note("rolled back"))
		return errChange
	}), errChange)
	if got := strings.Join(order, ", "); got != "at once, inside, committed" {
		t.Errorf("order: %s", got)
	}
}

func testDecoyKey(t *testing.T, db *store.DB) {
	var wg sync.WaitGroup
	keys := make([][]byte, 8)
	for i := range keys {
		wg.Go(func() {
			key, err := db.DecoyKey(t.Context(), bytes.Repeat([]byte{byte(i + 1)}, 32))
			if err != nil {
				t.Error(err)
			}
			keys[i] = key
		})
	}
	wg.Wait()
	again, err := db.DecoyKey(t.Context(), make([]byte, 32))
	check(t, err)
	for _, k := range keys {
		if len(k) != 32 || !bytes.Equal(k, again) {
			t.Errorf("keys differ: %x, %x", k, again)
		}
	}
}
