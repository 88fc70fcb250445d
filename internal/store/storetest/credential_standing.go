package storetest

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/store"
)

func testStanding(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice := hasUser(t, db, "alice")
	made := hasCredential(t, db, "k1", alice)
	change := func(standing credential.Standing, state credential.State, until time.Time) (*credential.Credential, error) {
		return db.ChangeCredential(ctx, credential.CredentialChange{
			Tenant: "acme", ID: "k1", State: &state, Standing: standing, Reason: "r", Until: until, At: noon,
		}, []audit.Event{event("acme", "credential.changed")})
	}
	until := noon.Add(time.Minute)
	c, err := change(credential.TemporarilyLocked, credential.Suspended, until)
	check(t, err)
	if c.Standing != credential.TemporarilyLocked || !c.Until.Equal(until) || c.Reason != "r" {
		t.Errorf("locked: %+v", c)
	}
	// Before its end it cannot be used; at its end it can, and is plain again.
	use := authenticated(hasCeremony(t, db, "c1", credential.Authentication), made, 1<<32-1)
	use.At = until.Add(-time.Millisecond)
	wantError(t, db.CompleteAuthentication(ctx, use, event("acme", "used")), credential.ErrCredentialSuspended)
	use.At = until
	check(t, db.CompleteAuthentication(ctx, use, event("acme", "used")))
	c, err = db.Credential(ctx, "acme", credential.Ref{ID: "k1"})
	check(t, err)
	if c.State != credential.Active || c.Standing != credential.Plain || !c.Until.IsZero() || c.Reason != "" || c.Uses != 1 {
		t.Errorf("used: %+v", c)
	}
	// A refused use counts, and may lock it.
	failed := credential.Failed{Tenant: "acme", Ceremony: "c2", Outcome: "webauthn.sign_count", At: noon, Used: "k1"}
	hasCeremony(t, db, "c2", credential.Authentication)
	check(t, db.FailCeremony(ctx, failed, event("acme", "refused")))
	hasSession(t, db, "s1", credential.SignedIn, alice.ID)
	hasCeremony(t, db, "c3", credential.Authentication)
	failed.Ceremony, failed.Lock = "c3", true
	check(t, db.FailCeremony(ctx, failed, event("acme", "refused")))
	c, err = db.Credential(ctx, "acme", credential.Ref{ID: "k1"})
	check(t, err)
	if c.Failures != 2 || !c.LastFailed.Equal(noon) || c.State != credential.Suspended || c.Standing != credential.FailureLocked || c.Reason != "webauthn.sign_count" {
		t.Errorf("failed: %+v", c)
	}
	// What is suspended already stays so, for the reason that it is.
	_, err = change(credential.AdminChanged, credential.Suspended, time.Time{})
	check(t, err)
	hasCeremony(t, db, "c4", credential.Authentication)
	failed.Ceremony = "c4"
	check(t, db.FailCeremony(ctx, failed, event("acme", "refused")))
	c, err = db.Credential(ctx, "acme", credential.Ref{ID: "k1"})
	check(t, err)
	if c.Standing != credential.AdminChanged || c.Reason != "r" || c.Failures != 3 {
		t.Errorf("failed while suspended: %+v", c)
	}
	// Its counter grows alone.
	for count, want := range map[uint32]uint32{7: 1<<32 - 1, 1<<32 - 1: 1<<32 - 1} {
		c, err := db.ChangeCredential(ctx, credential.CredentialChange{Tenant: "acme", ID: "k1", SignCount: &count, At: noon}, nil)
		check(t, err)
		if c.SignCount != want {
			t.Errorf("counter %d", c.SignCount)
		}
	}
	// What is archived does not change any more.
	_, err = change(credential.Archived, credential.Suspended, time.Time{})
	check(t, err)
	_, err = change(credential.Plain, credential.Active, time.Time{})
	wantError(t, err, credential.ErrCredentialArchived)
	wantAccepted(t, db, alice.ID)
}

func testAdopt(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice := hasUser(t, db, "alice")
	adopt := func(name, external string, most int) error {
		c := newCredential(name, alice)
		c.ExternalID, c.Asked = external, credential.Asked{Attestation: "none", ResidentKey: "required", UserVerification: "preferred"}
		return db.AdoptCredential(ctx, c, newEvidence(), most, event("acme", "credential.adopted"))
	}
	check(t, adopt("k1", "x1", 2))
	got, err := db.Credential(ctx, "acme", credential.Ref{ExternalID: "x1"})
	check(t, err)
	if got.ID != "k1" || got.Asked.ResidentKey != "required" {
		t.Errorf("got %+v", got)
	}
	_, err = db.Evidence(ctx, "acme", "k1")
	check(t, err)
	_, err = db.Credential(ctx, "acme", credential.Ref{ExternalID: "x2"})
	wantError(t, err, credential.ErrCredentialUnknown)
	wantError(t, adopt("k2", "x1", 0), credential.ErrCredentialExists)
	wantError(t, adopt("k1", "x2", 0), credential.ErrCredentialExists)
	wantError(t, adopt("k2", "", 1), credential.ErrCredentialLimit)
	check(t, adopt("k2", "", 2))
	check(t, adopt("k3", "", 0))
	// An archived one is none of those that are counted.
	state := credential.Suspended
	_, err = db.ChangeCredential(ctx, credential.CredentialChange{Tenant: "acme", ID: "k3", State: &state, Standing: credential.Archived, At: noon}, nil)
	check(t, err)
	check(t, adopt("k4", "", 3))
}

func testSortedCredentials(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice := hasUser(t, db, "alice")
	for i, name := range []string{"Zoo", "alpha", "Beta"} {
		c := newCredential([]string{"k1", "k2", "k3"}[i], alice)
		c.Name, c.Version, c.Updated = name, int64(3-i), noon.Add(time.Duration(i%2)*time.Hour)
		if i == 0 {
			c.ExternalID = "z-external"
		}
		check(t, db.AdoptCredential(ctx, c, newEvidence(), 0, event("acme", "credential.adopted")))
	}
	hash := sha256.Sum256([]byte("credential id of k2"))
	for name, tt := range map[string]struct {
		q    credential.CredentialQuery
		want string
	}{
		"made, backwards":    {credential.CredentialQuery{Descending: true}, "k3 k2 k1"},
		"offset":             {credential.CredentialQuery{Offset: 1}, "k2 k3"},
		"version":            {credential.CredentialQuery{Sort: credential.SortVersion}, "k3 k2 k1"},
		"updated":            {credential.CredentialQuery{Sort: credential.SortUpdated, Descending: true}, "k2 k1 k3"},
		"model":              {credential.CredentialQuery{Sort: credential.SortModel}, "k1 k2 k3"},
		"relying party":      {credential.CredentialQuery{Sort: credential.SortRelyingParty}, "k1 k2 k3"},
		"external":           {credential.CredentialQuery{Sort: credential.SortExternalOrID}, "k2 k3 k1"},
		"name equals":        {credential.CredentialQuery{Name: credential.Match{Equals: "alpha"}}, "k2"},
		"name folded":        {credential.CredentialQuery{Name: credential.Match{Equals: "BETA", Fold: true}}, "k3"},
		"name begins":        {credential.CredentialQuery{Name: credential.Match{Prefix: "B"}}, "k3"},
		"a wildcard is none": {credential.CredentialQuery{Name: credential.Match{Prefix: "%"}}, ""},
		"external begins":    {credential.CredentialQuery{ExternalOrID: credential.Match{Prefix: "z"}}, "k1"},
		"our id":             {credential.CredentialQuery{ExternalOrID: credential.Match{Equals: "k3"}}, "k3"},
		"hash":               {credential.CredentialQuery{Hash: hash[:]}, "k2"},
		"no hash":            {credential.CredentialQuery{Hash: hash[:4]}, ""},
		"standing":           {credential.CredentialQuery{State: credential.Active, Standing: new(credential.Plain)}, "k1 k2 k3"},
		"another standing":   {credential.CredentialQuery{Standing: new(credential.Archived)}, ""},
	} {
		tt.q.Tenant, tt.q.Limit = "acme", 10
		list, err := db.Credentials(ctx, tt.q)
		check(t, err)
		var ids []string
		for _, c := range list {
			ids = append(ids, string(c.ID))
		}
		if got := strings.Join(ids, " "); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
		n, err := db.CountCredentials(ctx, tt.q)
		check(t, err)
		if n != len(list)+tt.q.Offset {
			t.Errorf("%s: counted %d", name, n)
		}
	}
}
