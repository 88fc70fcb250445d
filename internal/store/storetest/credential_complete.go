package storetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/policy"
	"bestow.dev/internal/store"
	"bestow.dev/webauthn"
)

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
		Told:  credential.Told{Transports: []string{"usb"}, Attachment: "platform", Discoverable: new(false), PRF: new(true), LargeBlob: new(false)},
		Terms: credential.Terms{AAGUIDs: []string{"x"}, Trusted: true},
		Decision: policy.Decision{
			Allowed: true, Ceremony: policy.Registration, Time: noon, Metadata: &policy.MetadataSource{Source: "fido", Number: 7},
			Policies: []policy.PolicyDecision{{Policy: "p", Version: "v", Mode: policy.ModeMonitor, Outcome: policy.WouldRefuse, Rules: []policy.RuleDecision{
				{Rule: "rules.models.deny", Outcome: policy.Refused, Wanted: "not <x>", Found: "x"},
			}}},
		},
		Basis: []credential.BasisRef{{Kind: credential.BasisSettings, Hash: "00ff"}, {Kind: credential.BasisAnchor, Hash: "01", For: "02"}},
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

// wantAccepted looks at what a user's client is told that it may keep.
func wantAccepted(t testing.TB, db *store.DB, user credential.UserID, want ...[]byte) {
	t.Helper()
	ids, err := db.AcceptedIDs(t.Context(), site, user)
	check(t, err)
	if !slices.EqualFunc(ids, want, bytes.Equal) {
		t.Errorf("accepted %q, want %q", ids, want)
	}
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
	s := hasEnrolment(t, db, "s1", alice, true)
	bare := newCredential("k2", alice)
	bare.Transports, bare.Warnings = nil, nil
	done := registered(hasCeremony(t, db, "c2", credential.Registration), bare)
	done.Session, done.Most = s.ID, 0
	done.Evidence.Anchor, done.Evidence.Chain, done.Evidence.Warnings = nil, nil, nil
	done.Evidence.Told, done.Evidence.Terms = credential.Told{}, credential.Terms{}
	done.Evidence.Decision, done.Evidence.Basis = policy.Decision{}, nil
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
	held := credential.Credential{
		ID: bare.ID, CredentialID: bare.CredentialID, Format: bare.Format, Transports: bare.Transports,
		State: bare.State, Standing: bare.Standing, Until: bare.Until, LastUsed: bare.LastUsed,
	}
	if !reflect.DeepEqual(&a.User, alice) || len(a.Credentials) != 2 || !reflect.DeepEqual(a.Credentials[1], held) {
		t.Errorf("account: %+v", a)
	}
	a, err = db.Account(ctx, "acme", "x.example", credential.ByName("alice"))
	check(t, err)
	if len(a.Credentials) != 0 {
		t.Errorf("account at another relying party: %+v", a)
	}
	wantAccepted(t, db, alice.ID, made.CredentialID, bare.CredentialID)
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
	late := hasEnrolment(t, db, "s3", alice, false)
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
		{"a session for a first one", func(r *credential.Registered) { r.Session = late.ID }, credential.ErrAdditionalNeeded},
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
	want.Uses = 1
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
