package storetest

import (
	"reflect"
	"testing"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/store"
)

// SQLiteTestData is [SQLite] for a database that was made as test data.
func SQLiteTestData(t testing.TB) *store.DB {
	t.Helper()
	return opened(t, store.Config{SQLite: fileOf(t, migratedTestData), TestData: true})
}

// PostgresTestData is [Postgres] for a database that was made as test data.
func PostgresTestData(t testing.TB) *store.DB {
	t.Helper()
	return opened(t, store.Config{Postgres: copied(t, "test_data", store.Config{TestData: true}), TestData: true})
}

// RunTestData checks the promises about test data on the engine that open opens.
func RunTestData(t *testing.T, open Open) {
	for _, c := range []test{
		{"importing a ceremony", testImportCeremony},
		{"imports that are refused", testImportRefused},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// imported is an authentication of a user who is made with it.
func imported(name string) credential.CeremonyImport {
	u := newUser(name)
	cer := ceremony("c of "+name, credential.Authentication)
	cer.User, cer.RequestID = u.ID, ""
	c := newCredential("key of "+name, u)
	return credential.CeremonyImport{Ceremony: cer, User: u, Credential: c, Evidence: newEvidence()}
}

func imports(t testing.TB, db *store.DB, i credential.CeremonyImport) error {
	t.Helper()
	return db.ImportCeremony(t.Context(), i, []audit.Event{event("acme", "ceremony.imported")})
}

func testImportCeremony(t *testing.T, db *store.DB) {
	ctx := t.Context()
	first := imported("alice")
	check(t, imports(t, db, first))
	p, err := db.AuthenticationAt(ctx, keyOf(first.Ceremony), first.Credential.CredentialID)
	check(t, err)
	want := *first.Credential
	want.UserName = "" // filled in where credentials are listed
	if !reflect.DeepEqual(&p.Ceremony, first.Ceremony) || !reflect.DeepEqual(p.User, first.User) || !reflect.DeepEqual(*p.Credential, want) {
		t.Errorf("got  %+v\nwant %+v", p, first)
	}

	// The credential takes the place of the one with its id, its evidence too.
	second := imported("bob")
	second.User, second.Ceremony.User = nil, first.User.ID
	second.Credential = newCredential("key of alice", first.User)
	second.Credential.ID, second.Credential.SignCount = first.Credential.ID, 99
	second.Evidence.Policy = "another"
	check(t, imports(t, db, second))
	got, err := db.Credential(ctx, "acme", credential.Ref{ID: first.Credential.ID})
	check(t, err)
	if got.SignCount != 99 {
		t.Errorf("got %+v", got)
	}
	e, err := db.Evidence(ctx, "acme", first.Credential.ID)
	check(t, err)
	if e.Policy != "another" {
		t.Errorf("evidence %+v", e)
	}
	wantActions(t, db, "acme", "ceremony.imported", "ceremony.imported")
}

func testImportRefused(t *testing.T, db *store.DB) {
	ctx := t.Context()
	check(t, imports(t, db, imported("alice")))
	hasUser(t, db, "carol")
	_, err := db.ChangeUser(ctx, credential.UserChange{Tenant: "acme", ID: "id of carol", Locked: new(true), At: noon}, event("acme", "user.locked"))
	check(t, err)
	tests := []struct {
		name  string
		spoil func(*credential.CeremonyImport)
		want  error
	}{
		{"user exists", func(i *credential.CeremonyImport) { i.User.Name = "ALICE" }, credential.ErrUserExists},
		{"handle exists", func(i *credential.CeremonyImport) { i.User.Handle = []byte("handle of alice") }, credential.ErrUserExists},
		{"challenge exists", func(i *credential.CeremonyImport) { i.Ceremony.Challenge = secret("c of alice") }, credential.ErrChallengeExists},
		{"user unknown", func(i *credential.CeremonyImport) { i.Ceremony.User = "x" }, credential.ErrUserUnknown},
		{"user locked", func(i *credential.CeremonyImport) { i.Ceremony.User = "id of carol" }, credential.ErrUserLocked},
	}
	for _, tt := range tests {
		i := imported("bob")
		tt.spoil(&i)
		wantError(t, imports(t, db, i), tt.want)
		_, err := db.User(ctx, "acme", credential.ByName("bob"))
		wantError(t, err, credential.ErrUserUnknown)
		_, err = db.Credential(ctx, "acme", credential.Ref{ID: i.Credential.ID})
		wantError(t, err, credential.ErrCredentialUnknown)
	}
	wantActions(t, db, "acme", "ceremony.imported", "user.created", "user.locked")
	check(t, imports(t, db, imported("bob")))
}

// testImportElsewhere: nothing is imported into a database that is no test data.
func testImportElsewhere(t *testing.T, db *store.DB) {
	i := imported("alice")
	wantError(t, imports(t, db, i), credential.ErrNotTestData)
	_, err := db.User(t.Context(), "acme", credential.ByName("alice"))
	wantError(t, err, credential.ErrUserUnknown)
	_, err = db.Ceremony(t.Context(), credential.CeremonyRef{Tenant: "acme", ID: i.Ceremony.ID})
	wantError(t, err, credential.ErrCeremonyUnknown)
	wantActions(t, db, "acme")
}
