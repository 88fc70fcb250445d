package storetest

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/store"
)

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
