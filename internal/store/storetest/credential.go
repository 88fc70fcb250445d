package storetest

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/store"
	"bestow.dev/webauthn"
)

// credentialTests are the promises of credential.Store.
var credentialTests = []test{
	{"users", testUsers},
	{"importing users", testImportUsers},
	{"changing a user", testChangeUser},
	{"listing users", testListUsers},
	{"erasing a user", testEraseUser},
	{"opening a ceremony", testOpenCeremony},
	{"caps on open ceremonies", testCaps},
	{"finding a ceremony by its answer", testCeremonyByAnswer},
	{"completing a registration", testCompleteRegistration},
	{"registrations that are refused", testRegistrationRefused},
	{"completing an authentication", testCompleteAuthentication},
	{"authentications that are refused", testAuthenticationRefused},
	{"failing a ceremony", testFailCeremony},
	{"one outcome of many", testOneOutcome},
	{"finding credentials", testFindCredentials},
	{"changing a credential", testChangeCredential},
	{"deleting a credential", testDeleteCredential},
	{"inviting", testInvite},
	{"starting an enrolment", testStartEnrolment},
	{"sessions", testSessions},
	{"purging", testPurge},
	{"recording", testRecord},
	{"after the commit", testAfterCommit},
	{"the key of decoys", testDecoyKey},
}

const site = "login.example.com"

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

// secret is a hash that stands for a challenge or secret.
func secret(name string) [sha256.Size]byte { return sha256.Sum256([]byte(name)) }

// ceremony is one of alice's that is not stored yet.
func ceremony(name string, kind credential.CeremonyKind) *credential.Ceremony {
	return &credential.Ceremony{
		ID: credential.CeremonyID(name), Tenant: "acme", RelyingParty: site, Kind: kind, State: credential.CeremonyOpen,
		User: "id of alice", Challenge: secret(name), Options: json.RawMessage(`{"a":"ä"}`),
		Terms: credential.Terms{AAGUIDs: []string{"x"}, Trusted: true, Decoy: true}, RequestID: "request " + name,
		Actor: audit.Actor{Kind: audit.Client, ID: "idm"}, Session: "s", Address: "192.0.2.1", Via: "api", Ref: "r",
		Created: noon, Expires: noon.Add(5 * time.Minute),
	}
}

// hasCeremony opens a ceremony.
func hasCeremony(t testing.TB, db *store.DB, name string, kind credential.CeremonyKind) *credential.Ceremony {
	t.Helper()
	c := ceremony(name, kind)
	check(t, db.OpenCeremony(t.Context(), c, credential.Caps{}, event("acme", "ceremony.begun")))
	return c
}

func keyOf(c *credential.Ceremony) credential.CeremonyKey {
	return credential.CeremonyKey{Tenant: c.Tenant, RelyingParty: c.RelyingParty, Kind: c.Kind, Challenge: c.Challenge}
}

// wantState fails unless the ceremony is in the state.
func wantState(t testing.TB, db *store.DB, id credential.CeremonyID, want credential.CeremonyState) {
	t.Helper()
	c, err := db.Ceremony(t.Context(), credential.CeremonyRef{Tenant: "acme", ID: id})
	check(t, err)
	if c.State != want {
		t.Errorf("ceremony %s is %s, want %s", id, c.State, want)
	}
}

func testOpenCeremony(t *testing.T, db *store.DB) {
	ctx := t.Context()
	hasUser(t, db, "alice")
	want := hasCeremony(t, db, "c1", credential.Registration)
	for _, ref := range []credential.CeremonyRef{
		{Tenant: "acme", ID: "c1"}, {Tenant: "acme", RelyingParty: site, RequestID: "request c1"},
	} {
		got, err := db.Ceremony(ctx, ref)
		check(t, err)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v:\ngot  %+v\nwant %+v", ref, got, want)
		}
	}
	for _, ref := range []credential.CeremonyRef{
		{Tenant: "beta", ID: "c1"}, {Tenant: "acme", ID: "c2"}, {Tenant: "acme"}, {Tenant: "acme", RelyingParty: site},
		{Tenant: "acme", RelyingParty: "x.example", RequestID: "request c1"},
	} {
		_, err := db.Ceremony(ctx, ref)
		wantError(t, err, credential.ErrCeremonyUnknown)
	}

	sameRequest, nobody := ceremony("c2", credential.Registration), ceremony("c3", credential.Registration)
	sameRequest.RequestID = "request c1"
	wantError(t, db.OpenCeremony(ctx, sameRequest, credential.Caps{}, event("acme", "refused")), credential.ErrRequestExists)
	nobody.User = "x"
	wantError(t, db.OpenCeremony(ctx, nobody, credential.Caps{}, event("acme", "refused")), credential.ErrUserUnknown)

	// Without a user and without a request id, any number.
	for _, name := range []string{"c4", "c5"} {
		c := ceremony(name, credential.Authentication)
		c.User, c.RequestID = "", ""
		check(t, db.OpenCeremony(ctx, c, credential.Caps{}, event("acme", "ceremony.begun")))
		got, err := db.Ceremony(ctx, credential.CeremonyRef{Tenant: "acme", ID: c.ID})
		check(t, err)
		if !reflect.DeepEqual(got, c) {
			t.Errorf("got  %+v\nwant %+v", got, c)
		}
	}
	_, err := db.ChangeUser(ctx, credential.UserChange{Tenant: "acme", ID: "id of alice", Locked: new(true), At: noon}, event("acme", "user.locked"))
	check(t, err)
	wantError(t, db.OpenCeremony(ctx, ceremony("c6", credential.Registration), credential.Caps{}, event("acme", "refused")), credential.ErrUserLocked)
	wantActions(t, db, "acme", "user.created", "ceremony.begun", "ceremony.begun", "ceremony.begun", "user.locked")
}

func testCaps(t *testing.T, db *store.DB) {
	ctx := t.Context()
	hasUser(t, db, "alice")
	hasUser(t, db, "bob")
	n := 0
	open := func(caps credential.Caps, spoil func(*credential.Ceremony)) error {
		n++
		c := ceremony(fmt.Sprint("c", n), credential.Registration)
		if spoil != nil {
			spoil(c)
		}
		return db.OpenCeremony(ctx, c, caps, event("acme", "ceremony.begun"))
	}
	count := func(at time.Time, want int) {
		t.Helper()
		got, err := db.CountOpenCeremonies(ctx, "acme", at)
		check(t, err)
		if got != want {
			t.Errorf("%d open, want %d", got, want)
		}
	}
	two := credential.Caps{PerUser: 2, PerAddress: 4}
	check(t, open(two, nil))
	check(t, open(two, nil))
	wantError(t, open(two, nil), credential.ErrCeremonyLimit)
	check(t, open(two, func(c *credential.Ceremony) { c.Actor.ID = "other" }))
	check(t, open(two, func(c *credential.Ceremony) { c.User = "id of bob" }))
	count(noon, 4)
	wantError(t, open(two, func(c *credential.Ceremony) { c.User = "" }), credential.ErrCeremonyLimit) // the address
	check(t, open(two, func(c *credential.Ceremony) { c.User, c.Address = "", "" }))
	check(t, open(two, func(c *credential.Ceremony) { c.User, c.Address = "", "192.0.2.2" }))
	count(noon, 6)

	// What has ended, or expired, does not count.
	check(t, db.FailCeremony(ctx, credential.Failed{Tenant: "acme", Ceremony: "c1", Outcome: "x", At: noon}, event("acme", "ceremony.failed")))
	count(noon, 5)
	check(t, open(two, nil))
	wantError(t, open(two, nil), credential.ErrCeremonyLimit)
	check(t, open(two, func(c *credential.Ceremony) { c.Created = noon.Add(5 * time.Minute) }))
	count(noon.Add(5*time.Minute), 0)
	if got, err := db.CountOpenCeremonies(ctx, "beta", noon); err != nil || got != 0 {
		t.Errorf("another tenant has %d open, %v", got, err)
	}
}

func testCeremonyByAnswer(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice := hasUser(t, db, "alice")
	bob := hasUser(t, db, "bob")
	c := hasCeremony(t, db, "c1", credential.Registration)
	a := hasCeremony(t, db, "c2", credential.Authentication)
	made := hasCredential(t, db, "k1", bob)

	p, err := db.RegistrationAt(ctx, keyOf(c))
	check(t, err)
	if !reflect.DeepEqual(&p.Ceremony, c) || !reflect.DeepEqual(p.User, alice) || p.Credential != nil {
		t.Errorf("got %+v", p)
	}
	p, err = db.AuthenticationAt(ctx, keyOf(a), made.CredentialID)
	check(t, err)
	want := *made
	want.UserName = "" // not needed to judge
	if !reflect.DeepEqual(&p.Ceremony, a) || !reflect.DeepEqual(p.User, bob) || !reflect.DeepEqual(p.Credential, &want) {
		t.Errorf("got %+v\n%+v\nwant %+v", p, p.Credential, &want)
	}
	p, err = db.AuthenticationAt(ctx, keyOf(a), []byte("nobody's"))
	check(t, err)
	if !reflect.DeepEqual(&p.Ceremony, a) || p.User != nil || p.Credential != nil {
		t.Errorf("got %+v", p)
	}

	for name, spoil := range map[string]func(*credential.CeremonyKey){
		"tenant":        func(k *credential.CeremonyKey) { k.Tenant = "beta" },
		"relying party": func(k *credential.CeremonyKey) { k.RelyingParty = "x.example" },
		"challenge":     func(k *credential.CeremonyKey) { k.Challenge[0] ^= 1 },
	} {
		ck, ak := keyOf(c), keyOf(a)
		spoil(&ck)
		spoil(&ak)
		if _, err := db.RegistrationAt(ctx, ck); !errors.Is(err, credential.ErrCeremonyUnknown) {
			t.Errorf("another %s: %v", name, err)
		}
		if _, err := db.AuthenticationAt(ctx, ak, made.CredentialID); !errors.Is(err, credential.ErrCeremonyUnknown) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	swapped := keyOf(a)
	swapped.Kind = credential.Registration
	_, err = db.RegistrationAt(ctx, swapped)
	wantError(t, err, credential.ErrCeremonyUnknown)
}

// newCredential is a credential that is not stored yet.
func newCredential(name string, u *credential.User) *credential.Credential {
	return &credential.Credential{
		ID: credential.ID(name), Tenant: "acme", RelyingParty: site, User: u.ID, UserName: u.Name,
		CredentialID: []byte("credential id of " + name), PublicKey: []byte{0xa5, 0}, Algorithm: -257, AAGUID: webauthn.AAGUID{1, 2},
		SignCount: 1<<32 - 2, Transports: []string{"usb", "x\x00y"}, Attachment: "platform",
		BackupEligible: true, BackupState: true, UVInitialized: false, Discoverable: credential.No,
		Format: "tpm", AttestationType: "attca", Trusted: true, Warnings: []string{"w"},
		Name: "Schlüssel", UserAgent: "agent", State: credential.Active, Version: 1,
		Created: noon, Updated: noon, ProvisionedBy: "client:idm", Via: "api", Ref: "ref",
	}
}

func newEvidence() *credential.Evidence {
	return &credential.Evidence{
		AttestationObject: []byte{0xa3, 0}, ClientData: []byte("{}"), Options: json.RawMessage(`{"o":1}`), Judged: noon,
		Format: "tpm", AttestationType: "attca", Trusted: true, Anchor: make([]byte, 32), Chain: [][32]byte{secret("leaf"), secret("root")},
		Policy: "p1", Warnings: []string{"w"},
	}
}

// registered is the end of a registration.
func registered(c *credential.Ceremony, made *credential.Credential) credential.Registered {
	return credential.Registered{Ceremony: c.ID, Credential: made, Evidence: newEvidence(), Most: 10, At: noon.Add(time.Minute)}
}

// hasCredential stores a credential of u.
func hasCredential(t testing.TB, db *store.DB, name string, u *credential.User) *credential.Credential {
	t.Helper()
	c := ceremony("ceremony of "+name, credential.Registration)
	c.User, c.Address = u.ID, ""
	check(t, db.OpenCeremony(t.Context(), c, credential.Caps{}, event("acme", "ceremony.begun")))
	made := newCredential(name, u)
	check(t, db.CompleteRegistration(t.Context(), registered(c, made), event("acme", "credential.registered")))
	return made
}

func testCompleteRegistration(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice := hasUser(t, db, "alice")
	made := hasCredential(t, db, "k1", alice)
	got, err := db.Credential(ctx, "acme", credential.Ref{ID: "k1"})
	check(t, err)
	if !reflect.DeepEqual(got, made) {
		t.Errorf("got  %+v\nwant %+v", got, made)
	}
	e, err := db.Evidence(ctx, "acme", "k1")
	check(t, err)
	if !reflect.DeepEqual(e, newEvidence()) {
		t.Errorf("got  %+v\nwant %+v", e, newEvidence())
	}
	c, err := db.Ceremony(ctx, credential.CeremonyRef{Tenant: "acme", ID: "ceremony of k1"})
	check(t, err)
	if c.State != credential.CeremonySucceeded || c.Credential != "k1" || !c.Ended.Equal(noon.Add(time.Minute)) || c.Outcome != "" {
		t.Errorf("ceremony: %+v", c)
	}

	// A registration without attestation, by a browser.
	s := hasSession(t, db, "s1", credential.Enrol, alice.ID)
	bare := newCredential("k2", alice)
	bare.Transports, bare.Warnings = nil, nil
	done := registered(hasCeremony(t, db, "c2", credential.Registration), bare)
	done.Session, done.Most = s.ID, 0
	done.Evidence.Anchor, done.Evidence.Chain, done.Evidence.Warnings = nil, nil, nil
	check(t, db.CompleteRegistration(ctx, done, event("acme", "credential.registered")))
	e, err = db.Evidence(ctx, "acme", "k2")
	check(t, err)
	if !reflect.DeepEqual(e, done.Evidence) {
		t.Errorf("got  %+v\nwant %+v", e, done.Evidence)
	}
	after, err := db.Session(ctx, s.ID)
	check(t, err)
	if !after.Registered.Equal(done.At) || after.Credential != "k2" {
		t.Errorf("session: %+v", after)
	}
	a, err := db.Account(ctx, "acme", site, credential.ByName("alice"))
	check(t, err)
	if !reflect.DeepEqual(&a.User, alice) || len(a.Credentials) != 2 || !reflect.DeepEqual(a.Credentials[1], *bare) {
		t.Errorf("account: %+v", a)
	}
	a, err = db.Account(ctx, "acme", "x.example", credential.ByName("alice"))
	check(t, err)
	if len(a.Credentials) != 0 {
		t.Errorf("account at another relying party: %+v", a)
	}
	_, err = db.Account(ctx, "beta", site, credential.ByName("alice"))
	wantError(t, err, credential.ErrUserUnknown)
	_, err = db.Evidence(ctx, "beta", "k1")
	wantError(t, err, credential.ErrCredentialUnknown)
}

func testRegistrationRefused(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice := hasUser(t, db, "alice")
	bob := hasUser(t, db, "bob")
	hasCredential(t, db, "k1", bob)
	c := hasCeremony(t, db, "c1", credential.Registration)
	visit := hasSession(t, db, "s1", credential.Visit, "")
	spent := hasSession(t, db, "s2", credential.Enrol, alice.ID)
	other := registered(hasCeremony(t, db, "c2", credential.Registration), newCredential("k2", alice))
	other.Session = spent.ID
	check(t, db.CompleteRegistration(ctx, other, event("acme", "credential.registered")))
	before := len(trail(t, db, "acme"))

	tests := []struct {
		name  string
		spoil func(*credential.Registered)
		want  error
	}{
		{"no such ceremony", func(r *credential.Registered) { r.Ceremony = "x" }, credential.ErrCeremonyUnknown},
		{"ceremony of another tenant", func(r *credential.Registered) { r.Credential.Tenant = "beta" }, credential.ErrUserUnknown},
		{"used", func(r *credential.Registered) { r.Ceremony = "c2" }, credential.ErrCeremonyUsed},
		{"expired", func(r *credential.Registered) { r.At = noon.Add(5 * time.Minute) }, credential.ErrCeremonyExpired},
		{"another user's credential", func(r *credential.Registered) { r.Credential.CredentialID = []byte("credential id of k1") }, credential.ErrCredentialExists},
		{"the user's own", func(r *credential.Registered) { r.Credential.CredentialID = []byte("credential id of k2") }, credential.ErrCredentialExists},
		{"the limit", func(r *credential.Registered) { r.Most = 1 }, credential.ErrCredentialLimit},
		{"no session", func(r *credential.Registered) { r.Session = "x" }, credential.ErrSessionUnknown},
		{"a session that may not", func(r *credential.Registered) { r.Session = visit.ID }, credential.ErrSessionUnknown},
		{"a session that has", func(r *credential.Registered) { r.Session = spent.ID }, credential.ErrSessionRegistered},
		{"no such user", func(r *credential.Registered) { r.Credential.User = "x" }, credential.ErrUserUnknown},
	}
	for _, tt := range tests {
		r := registered(c, newCredential("k3", alice))
		tt.spoil(&r)
		if err := db.CompleteRegistration(ctx, r, event("acme", "refused")); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
		wantState(t, db, "c1", credential.CeremonyOpen)
		if _, err := db.Credential(ctx, "acme", credential.Ref{ID: "k3"}); !errors.Is(err, credential.ErrCredentialUnknown) {
			t.Errorf("%s: it stored the credential: %v", tt.name, err)
		}
	}
	_, err := db.ChangeUser(ctx, credential.UserChange{Tenant: "acme", ID: alice.ID, Locked: new(true), At: noon}, event("acme", "user.locked"))
	check(t, err)
	wantError(t, db.CompleteRegistration(ctx, registered(c, newCredential("k3", alice)), event("acme", "refused")), credential.ErrUserLocked)
	wantState(t, db, "c1", credential.CeremonyOpen)
	if after := len(trail(t, db, "acme")); after != before+1 {
		t.Errorf("%d events for one change", after-before)
	}
	// The same credential id at another relying party is another credential.
	_, err = db.ChangeUser(ctx, credential.UserChange{Tenant: "acme", ID: alice.ID, Locked: new(false), At: noon}, event("acme", "user.unlocked"))
	check(t, err)
	r := registered(c, newCredential("k3", alice))
	r.Credential.RelyingParty, r.Credential.CredentialID = "x.example", []byte("credential id of k1")
	check(t, db.CompleteRegistration(ctx, r, event("acme", "credential.registered")))
}

// authenticated is the end of a sign-in.
func authenticated(c *credential.Ceremony, made *credential.Credential, count uint32) credential.Authenticated {
	return credential.Authenticated{
		Ceremony: c.ID, Tenant: "acme", Credential: made.ID, SignCount: count, At: noon.Add(2 * time.Minute),
	}
}

func testCompleteAuthentication(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice := hasUser(t, db, "alice")
	made := hasCredential(t, db, "k1", alice)
	begun := hasSession(t, db, "s1", credential.Visit, "")
	done := authenticated(hasCeremony(t, db, "c1", credential.Authentication), made, 1<<32-1)
	done.UVInitialized, done.Session = true, begun.ID
	done.Open = &credential.Session{
		ID: "s2", Tenant: "acme", RelyingParty: site, Purpose: credential.SignedIn, User: alice.ID, UserName: "alice", DisplayName: "Ms alice",
		Address: "192.0.2.1", Created: done.At, Expires: done.At.Add(time.Hour), Credential: "k1",
	}
	check(t, db.CompleteAuthentication(ctx, done, event("acme", "authentication.succeeded")))
	want := *made
	want.SignCount, want.BackupState, want.UVInitialized, want.LastUsed = 1<<32-1, false, true, done.At
	got, err := db.Credential(ctx, "acme", credential.Ref{ID: "k1"})
	check(t, err)
	if !reflect.DeepEqual(got, &want) {
		t.Errorf("got  %+v\nwant %+v", got, &want)
	}
	c, err := db.Ceremony(ctx, credential.CeremonyRef{Tenant: "acme", ID: "c1"})
	check(t, err)
	if c.State != credential.CeremonySucceeded || c.Credential != "k1" || !c.Ended.Equal(done.At) {
		t.Errorf("ceremony: %+v", c)
	}
	old, err := db.Session(ctx, begun.ID)
	check(t, err)
	opened, err := db.Session(ctx, "s2")
	check(t, err)
	if !old.Ended.Equal(done.At) || !reflect.DeepEqual(opened, done.Open) {
		t.Errorf("sessions: %+v, %+v", old, opened)
	}

	// What was once seen stays; a counter may be let pass, and keeps its highest value.
	next := authenticated(hasCeremony(t, db, "c2", credential.Authentication), made, 7)
	next.AnyCounter, next.BackupState = true, true
	check(t, db.CompleteAuthentication(ctx, next, event("acme", "authentication.succeeded")))
	got, err = db.Credential(ctx, "acme", credential.Ref{ID: "k1"})
	check(t, err)
	if got.SignCount != 1<<32-1 || !got.UVInitialized || !got.BackupState {
		t.Errorf("credential: %+v", got)
	}
}

func testAuthenticationRefused(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice := hasUser(t, db, "alice")
	made := hasCredential(t, db, "k1", alice)
	hasCeremony(t, db, "c1", credential.Authentication)
	c := ceremony("c1", credential.Authentication)
	ended := hasSession(t, db, "s1", credential.Visit, "")
	check(t, db.EndSession(ctx, "acme", ended.ID, noon, event("acme", "session.ended")))
	unchanged := func(what string) {
		t.Helper()
		wantState(t, db, "c1", credential.CeremonyOpen)
		got, err := db.Credential(ctx, "acme", credential.Ref{ID: "k1"})
		check(t, err)
		if got.SignCount != made.SignCount || !got.LastUsed.IsZero() {
			t.Errorf("%s: it changed the credential", what)
		}
	}
	before := len(trail(t, db, "acme"))
	tests := []struct {
		name  string
		spoil func(*credential.Authenticated)
		want  error
	}{
		{"no such ceremony", func(a *credential.Authenticated) { a.Ceremony = "x" }, credential.ErrCeremonyUnknown},
		{"used", func(a *credential.Authenticated) { a.Ceremony = "ceremony of k1" }, credential.ErrCeremonyUsed},
		{"expired", func(a *credential.Authenticated) { a.At = noon.Add(5 * time.Minute) }, credential.ErrCeremonyExpired},
		{"no such credential", func(a *credential.Authenticated) { a.Credential = "x" }, credential.ErrCredentialUnknown},
		{"another tenant", func(a *credential.Authenticated) { a.Tenant = "beta" }, credential.ErrCredentialUnknown},
		{"session ended", func(a *credential.Authenticated) { a.Session = ended.ID }, credential.ErrSessionUnknown},
	}
	for _, tt := range tests {
		a := authenticated(c, made, 1<<32-1)
		tt.spoil(&a)
		if err := db.CompleteAuthentication(ctx, a, event("acme", "refused")); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
		unchanged(tt.name)
	}
	for _, count := range []uint32{0, 1, 1<<32 - 2} {
		err := db.CompleteAuthentication(ctx, authenticated(c, made, count), event("acme", "refused"))
		e, ok := errors.AsType[*credential.CounterError](err)
		if !ok || e.Stored != 1<<32-2 || e.Got != count {
			t.Errorf("counter %d: %v", count, err)
		}
		unchanged("counter")
	}
	if after := len(trail(t, db, "acme")); after != before {
		t.Errorf("%d events", after-before)
	}

	_, err := db.ChangeCredential(ctx, credential.CredentialChange{
		Tenant: "acme", ID: "k1", State: new(credential.Suspended), At: noon,
	}, []audit.Event{event("acme", "credential.suspended")})
	check(t, err)
	wantError(t, db.CompleteAuthentication(ctx, authenticated(c, made, 1<<32-1), event("acme", "refused")), credential.ErrCredentialSuspended)
	_, err = db.ChangeUser(ctx, credential.UserChange{Tenant: "acme", ID: alice.ID, Locked: new(true), At: noon}, event("acme", "user.locked"))
	check(t, err)
	wantError(t, db.CompleteAuthentication(ctx, authenticated(c, made, 1<<32-1), event("acme", "refused")), credential.ErrUserLocked)
	unchanged("locked")
}

func testFailCeremony(t *testing.T, db *store.DB) {
	ctx := t.Context()
	hasUser(t, db, "alice")
	hasCeremony(t, db, "c1", credential.Registration)
	fail := func(tenantName string, id credential.CeremonyID, at time.Time) error {
		return db.FailCeremony(ctx, credential.Failed{Tenant: tenantName, Ceremony: id, Outcome: "webauthn.origin", At: at}, event("acme", "ceremony.failed"))
	}
	wantError(t, fail("acme", "x", noon), credential.ErrCeremonyUnknown)
	wantError(t, fail("beta", "c1", noon), credential.ErrCeremonyUnknown)
	wantError(t, fail("acme", "c1", noon.Add(5*time.Minute)), credential.ErrCeremonyExpired)
	wantState(t, db, "c1", credential.CeremonyOpen)
	check(t, fail("acme", "c1", noon.Add(5*time.Minute-time.Millisecond)))
	wantError(t, fail("acme", "c1", noon), credential.ErrCeremonyUsed)
	c, err := db.Ceremony(ctx, credential.CeremonyRef{Tenant: "acme", ID: "c1"})
	check(t, err)
	if c.State != credential.CeremonyFailed || c.Outcome != "webauthn.origin" || !c.Ended.Equal(noon.Add(5*time.Minute-time.Millisecond)) {
		t.Errorf("ceremony: %+v", c)
	}
	wantActions(t, db, "acme", "user.created", "ceremony.begun", "ceremony.failed")
}

// testOneOutcome lets many end one ceremony at once, well and badly.
func testOneOutcome(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice := hasUser(t, db, "alice")
	c := hasCeremony(t, db, "c1", credential.Registration)
	before := len(trail(t, db, "acme"))
	var wg sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		wg.Go(func() {
			if i%4 == 3 {
				errs[i] = db.FailCeremony(ctx, credential.Failed{Tenant: "acme", Ceremony: "c1", Outcome: "x", At: noon}, event("acme", "ceremony.failed"))
				return
			}
			errs[i] = db.CompleteRegistration(ctx, registered(c, newCredential(fmt.Sprint("k", i), alice)), event("acme", "credential.registered"))
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, credential.ErrCeremonyUsed) {
			t.Errorf("got %v", err)
		}
	}
	if events := len(wantWhole(t, db, "acme")) - before; won != 1 || events != 1 {
		t.Errorf("%d won, %d events; want one each", won, events)
	}
}
