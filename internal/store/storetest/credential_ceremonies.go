package storetest

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/store"
)

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

// requestKeyOf finds c by its request, whatever the challenge.
func requestKeyOf(c *credential.Ceremony) credential.CeremonyKey {
	return credential.CeremonyKey{Tenant: c.Tenant, RelyingParty: c.RelyingParty, Kind: c.Kind, RequestID: c.RequestID}
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
		{Tenant: "beta", ID: "c1"},
		{Tenant: "acme", ID: "c2"},
		{Tenant: "acme"},
		{Tenant: "acme", RelyingParty: site},
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

func testOpenFirstCeremony(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice, c := newUser("alice"), ceremony("c1", credential.Registration)
	alice.ShownName = "Alice of the Shop" // whoever else made them
	c.Terms.Policies, c.Terms.ShownName = []string{"a", "b"}, "Alice"
	both := []audit.Event{event("acme", "user.created"), event("acme", "ceremony.begun")}
	check(t, db.OpenFirstCeremony(ctx, alice, c, both))
	u, err := db.User(ctx, "acme", credential.ByHandle(alice.Handle))
	check(t, err)
	if !reflect.DeepEqual(u, alice) {
		t.Errorf("got  %+v\nwant %+v", u, alice)
	}
	got, err := db.Ceremony(ctx, credential.CeremonyRef{Tenant: "acme", ID: "c1"})
	check(t, err)
	if !reflect.DeepEqual(got, c) {
		t.Errorf("got  %+v\nwant %+v", got, c)
	}

	// All of it, or none.
	wantError(t, db.OpenFirstCeremony(ctx, newUser("ALICE"), ceremony("c2", credential.Registration), both), credential.ErrUserExists)
	bob, again := newUser("bob"), ceremony("c3", credential.Registration)
	again.User, again.RequestID = bob.ID, c.RequestID
	wantError(t, db.OpenFirstCeremony(ctx, bob, again, both), credential.ErrRequestExists)
	_, err = db.User(ctx, "acme", credential.ByID(bob.ID))
	wantError(t, err, credential.ErrUserUnknown)
	_, err = db.Ceremony(ctx, credential.CeremonyRef{Tenant: "acme", ID: "c2"})
	wantError(t, err, credential.ErrCeremonyUnknown)
	wantActions(t, db, "acme", "user.created", "ceremony.begun")
}

func testShownName(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice := hasUser(t, db, "alice")
	for i, tt := range []struct{ given, want string }{{"", ""}, {"Alice", "Alice"}, {"", "Alice"}, {"Lena", "Lena"}} {
		name := fmt.Sprint("k", i)
		c := ceremony(name, credential.Registration)
		check(t, db.OpenCeremony(ctx, c, credential.Caps{}, event("acme", "ceremony.begun")))
		done := registered(c, newCredential(name, alice))
		done.ShownName = tt.given
		check(t, db.CompleteRegistration(ctx, done, event("acme", "credential.registered")))
		u, err := db.User(ctx, "acme", credential.ByID(alice.ID))
		check(t, err)
		if u.ShownName != tt.want || u.Name != alice.Name {
			t.Errorf("%d: shown as %q, want %q", i, u.ShownName, tt.want)
		}
	}
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
	alice := hasUser(t, db, "alice")
	bob := hasUser(t, db, "bob")
	c := hasCeremony(t, db, "c1", credential.Registration)
	a := hasCeremony(t, db, "c2", credential.Authentication)
	made := hasCredential(t, db, "k1", bob)
	for name, key := range map[string]func(*credential.Ceremony) credential.CeremonyKey{"challenge": keyOf, "request": requestKeyOf} {
		t.Run("by "+name, func(t *testing.T) {
			p, err := db.RegistrationAt(t.Context(), key(c))
			check(t, err)
			if !reflect.DeepEqual(&p.Ceremony, c) || !reflect.DeepEqual(p.User, alice) || p.Credential != nil {
				t.Errorf("got %+v", p)
			}
			p, err = db.AuthenticationAt(t.Context(), key(a), made.CredentialID)
			check(t, err)
			want := *made
			want.UserName = "" // not needed to judge
			if !reflect.DeepEqual(&p.Ceremony, a) || !reflect.DeepEqual(p.User, bob) || !reflect.DeepEqual(p.Credential, &want) {
				t.Errorf("got %+v\n%+v\nwant %+v", p, p.Credential, &want)
			}
			p, err = db.AuthenticationAt(t.Context(), key(a), []byte("nobody's"))
			check(t, err)
			if !reflect.DeepEqual(&p.Ceremony, a) || p.User != nil || p.Credential != nil {
				t.Errorf("got %+v", p)
			}

			for name, spoil := range map[string]func(*credential.CeremonyKey){
				"tenant":        func(k *credential.CeremonyKey) { k.Tenant = "beta" },
				"relying party": func(k *credential.CeremonyKey) { k.RelyingParty = "x.example" },
				"kind":          func(k *credential.CeremonyKey) { k.Kind = "none" },
				"answer": func(k *credential.CeremonyKey) {
					k.Challenge[0] ^= 1
					if k.RequestID != "" {
						k.RequestID = "nobody's"
					}
				},
			} {
				ck, ak := key(c), key(a)
				spoil(&ck)
				spoil(&ak)
				if _, err := db.RegistrationAt(t.Context(), ck); !errors.Is(err, credential.ErrCeremonyUnknown) {
					t.Errorf("another %s: %v", name, err)
				}
				if _, err := db.AuthenticationAt(t.Context(), ak, made.CredentialID); !errors.Is(err, credential.ErrCeremonyUnknown) {
					t.Errorf("another %s: %v", name, err)
				}
			}
			swapped := key(a)
			swapped.Kind = credential.Registration
			_, err = db.RegistrationAt(t.Context(), swapped)
			wantError(t, err, credential.ErrCeremonyUnknown)
		})
	}
}
