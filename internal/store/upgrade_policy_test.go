package store_test

import (
	"crypto/sha256"
	"encoding/json"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/mds"
	"bestow.dev/internal/policy"
	"bestow.dev/internal/store"
	"bestow.dev/internal/tenant"
)

// The rows of policies, and of a registration with all that it was judged by.

func thenPolicy(t *testing.T) *tenant.Policy {
	t.Helper()
	d, err := policy.Parse([]byte(`{"name": "bank", "at": ["registration", "sign-in"], "rules": {"userVerification": "required"}}`))
	check(t, err)
	return &tenant.Policy{Tenant: "acme", Name: "bank", Version: 1, Document: d, Source: tenant.FromDatabase, Made: then, MadeBy: "operator:root"}
}

func thenGonePolicy() *tenant.Policy {
	return &tenant.Policy{Tenant: "acme", Name: "gone", Made: then.Add(time.Hour), MadeBy: "operator:root"}
}

func thenBasis() []credential.BasisPart {
	return []credential.BasisPart{
		{BasisRef: credential.BasisRef{Kind: credential.BasisSettings, Hash: "0a0b"}, Body: []byte(`{"ID":"login.example.com"}`)},
		{BasisRef: credential.BasisRef{Kind: credential.BasisAnchor, Hash: "0c"}, Body: []byte{0x30, 0, 0xff}},
	}
}

func thenJudged() (*credential.Credential, *credential.Evidence) {
	c, e := thenCredential(), thenEvidence()
	c.ID, c.User, c.UserName, c.CredentialID = "k2", "u3", "carol", []byte("judged")
	e.Told = credential.Told{Transports: []string{"usb"}, Attachment: "cross-platform", Discoverable: new(true)}
	e.Terms = credential.Terms{AAGUIDs: []string{"x"}, Trusted: true}
	e.Decision = policy.Decision{
		Allowed: true, Ceremony: policy.Registration, Time: then,
		Policies: []policy.PolicyDecision{{Policy: "bank", Version: "v", Mode: policy.ModeEnforce, Outcome: policy.Passed}},
	}
	for _, part := range thenBasis() {
		e.Basis = append(e.Basis, part.BasisRef)
	}
	return c, e
}

func writePolicyRows(t *testing.T, db *store.DB) {
	ctx := t.Context()
	_, err := db.PutPolicy(ctx, thenPolicy(t), thenEvent("policy.changed"))
	check(t, err)
	gone := thenPolicy(t)
	gone.Name = "gone"
	_, err = db.PutPolicy(ctx, gone, thenEvent("policy.changed"))
	check(t, err)
	check(t, db.DeletePolicy(ctx, thenGonePolicy(), thenEvent("policy.deleted")))

	check(t, db.KeepBasis(ctx, "acme", thenBasis()))
	u := thenUser()
	u.ID, u.Name, u.DisplayName, u.Handle = "u3", "carol", "carol", []byte("carol")
	check(t, db.CreateUser(ctx, u, thenEvent("user.created")))
	cer := thenCeremony("c4", credential.Registration)
	cer.User = u.ID
	check(t, db.OpenCeremony(ctx, cer, credential.Caps{}, thenEvent("registration.begun")))
	c, e := thenJudged()
	done := credential.Registered{Ceremony: cer.ID, Credential: c, Evidence: e, Most: 10, At: then.Add(time.Minute)}
	check(t, db.CompleteRegistration(ctx, done, thenEvent("credential.registered")))
}

func findPolicyRows(t *testing.T, db *store.DB) {
	ctx := t.Context()
	all, err := db.Policies(ctx, "acme")
	check(t, err)
	same(t, all, []*tenant.Policy{thenPolicy(t)})
	versions, err := db.PolicyVersions(ctx, "acme", "gone")
	check(t, err)
	if len(versions) != 2 || versions[0].Document != nil || versions[0].Version != 2 || versions[1].Document == nil {
		t.Errorf("versions of the one that was deleted: %+v", versions)
	}
	c, e := thenJudged()
	got, err := db.Evidence(ctx, "acme", c.ID)
	check(t, err)
	same(t, got, e)
	parts, err := db.Basis(ctx, "acme", e.Basis)
	check(t, err)
	same(t, parts, thenBasis())
}

// The rows of package mds.

func thenList() mds.Acceptance {
	return mds.Acceptance{
		Text: []byte("a.b.c"), Chain: [][]byte{{1}}, CRLs: [][]byte{{2}}, Number: 7, SHA256: sha256.Sum256([]byte("a.b.c")),
		NextUpdate: then.Truncate(24 * time.Hour), Changes: mds.Changes{Added: 1},
		Kept: mds.Kept{At: then, Next: then.Add(24 * time.Hour), Validators: mds.Validators{Place: "place", ETag: `"x"`}},
	}
}

func writeMetadataRows(t *testing.T, db *store.DB) {
	ctx, m := t.Context(), db.Metadata()
	check(t, m.Add(ctx, []string{"fido"}))
	claim, ok, err := m.Claim(ctx, mds.ClaimQuery{Source: "fido", At: then, Lease: time.Minute, Now: true})
	check(t, err)
	if !ok {
		t.Fatal("the source cannot be claimed")
	}
	_, err = m.Accept(ctx, claim, thenList())
	check(t, err)
}

func findMetadataRows(t *testing.T, db *store.DB) {
	l := thenList()
	got, err := db.Metadata().Material(t.Context(), "fido")
	check(t, err)
	same(t, got, &mds.Material{Version: 1, Accepted: then, Text: l.Text, Chain: l.Chain, CRLs: l.CRLs, Changes: l.Changes})
	records, err := db.Metadata().Records(t.Context())
	check(t, err)
	same(t, records, []mds.Record{{
		Source: "fido", Version: 1, Number: 7, SHA256: l.SHA256, NextUpdate: l.NextUpdate,
		Accepted: then, Checked: then, Validators: l.Validators, Next: l.Next,
	}})
}

// What was judged before a basis was kept has none, and nothing is made up for it.
func TestEvidenceOfVersionThree(t *testing.T) {
	d := readDump(t, "testdata/schema/v1.sql")
	if d.version != 3 {
		t.Fatalf("that dump is of version %d", d.version)
	}
	for name, config := range map[string]func(*testing.T) store.Config{"sqlite": d.loadSQLite, "postgres": d.loadPostgres} {
		t.Run(name, func(t *testing.T) {
			db, err := store.Open(t.Context(), config(t))
			check(t, err)
			defer db.Close()
			e, err := db.Evidence(t.Context(), "acme", "k1")
			check(t, err)
			if e.Basis != nil || e.Decision.Policies != nil || e.Told.Attachment != "" || e.Terms.Trusted || !json.Valid(e.Options) {
				t.Errorf("evidence: %+v", e)
			}
		})
	}
}
