package store_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/store"
	"bestow.dev/webauthn"
)

// The rows of package credential: a person who enrolled by a link and was invited to
// add another, one who is locked, and a ceremony in every state.

func thenUser() *credential.User {
	return &credential.User{
		ID: "u1", Tenant: "acme", Name: "Alice@example.com", DisplayName: "Alice Ünal", Handle: []byte{0, 1, 2, 0xff},
		Created: then, Updated: then,
	}
}

func thenLockedUser() *credential.User {
	return &credential.User{
		ID: "u2", Tenant: "acme", Name: "bob", DisplayName: "bob", Handle: []byte("bob"),
		Locked: then, Created: then, Updated: then,
	}
}

func thenCeremony(id string, kind credential.CeremonyKind) *credential.Ceremony {
	return &credential.Ceremony{
		ID: credential.CeremonyID(id), Tenant: "acme", RelyingParty: "login.example.com", Kind: kind,
		State: credential.CeremonyOpen, Challenge: sha256.Sum256([]byte("challenge " + id)),
		Options: json.RawMessage(`{"challenge":"AAAA"}`), Terms: credential.Terms{AAGUIDs: []string{"x"}, Trusted: true},
		Actor: audit.Actor{Kind: audit.Client, ID: "idm"}, Via: "api", Ref: "req-1",
		Created: then, Expires: then.Add(5 * time.Minute),
	}
}

// thenRegistration is the ceremony that made thenCredential, as it was begun.
func thenRegistration() *credential.Ceremony {
	c := thenCeremony("c1", credential.Registration)
	c.User, c.RequestID, c.Session, c.Address = "u1", "order 1", "s1", "192.0.2.1"
	c.Actor = audit.Actor{Kind: audit.User, ID: "u1"}
	return c
}

func thenCredential() *credential.Credential {
	return &credential.Credential{
		ID: "k1", Tenant: "acme", RelyingParty: "login.example.com", User: "u1", UserName: "Alice@example.com",
		CredentialID: []byte{0, 0xfe, 1}, PublicKey: []byte{0xa5, 1, 2}, Algorithm: -7, AAGUID: webauthn.AAGUID{9, 8, 7},
		SignCount: 1<<32 - 2, Transports: []string{"usb", "nfc"}, Attachment: "cross-platform",
		BackupEligible: true, BackupState: false, UVInitialized: true, Discoverable: credential.Yes,
		Format: "packed", AttestationType: "self", Warnings: []string{"w"}, Name: "Schlüssel", UserAgent: "agent",
		State: credential.Active, Version: 1, Created: then, Updated: then,
		ProvisionedBy: "user:u1", Via: "enrol", Ref: "req-2",
	}
}

func thenEvidence() *credential.Evidence {
	return &credential.Evidence{
		AttestationObject: []byte{0xa3, 0}, ClientData: []byte(`{"type":"webauthn.create"}`), Options: json.RawMessage(`{"o":1}`),
		Judged: then, Format: "packed", AttestationType: "self", Trusted: true,
		Anchor: bytes.Repeat([]byte{7}, 32), Chain: [][32]byte{{1}, {2}}, Policy: "policy-1", Warnings: []string{"w"},
	}
}

func thenInvitation(id string) *credential.Invitation {
	return &credential.Invitation{
		ID: id, Tenant: "acme", RelyingParty: "login.example.com", User: "u1", Secret: sha256.Sum256([]byte("secret " + id)),
		Additional: true, State: credential.InvitationOpen, Actor: audit.Actor{Kind: audit.Operator, ID: "local:root"},
		Via: "cli", Ref: "req-3", Created: then, Expires: then.Add(24 * time.Hour),
	}
}

func thenSession(id string, purpose credential.Purpose) *credential.Session {
	return &credential.Session{
		ID: id, Tenant: "acme", RelyingParty: "login.example.com", Purpose: purpose, Address: "192.0.2.1",
		Created: then, Expires: then.Add(15 * time.Minute),
	}
}

// thenEnrolment is the session that registered thenCredential, as it was opened.
func thenEnrolment() *credential.Session {
	s := thenSession("s1", credential.Enrol)
	s.User, s.Invitation = "u1", "i1"
	return s
}

func writeCredentialRows(t *testing.T, db *store.DB) {
	ctx := t.Context()
	check(t, db.CreateUser(ctx, thenUser(), thenEvent("user.created")))
	check(t, db.CreateUser(ctx, thenLockedUser(), thenEvent("user.created")))
	check(t, db.Invite(ctx, thenInvitation("i1"), thenEvent("invitation.created")))
	check(t, db.StartEnrolment(ctx, thenEnrolment(), thenEvent("invitation.spent")))
	check(t, db.OpenCeremony(ctx, thenRegistration(), credential.Caps{}, thenEvent("registration.begun")))
	check(t, db.CompleteRegistration(ctx, credential.Registered{
		Ceremony: "c1", Credential: thenCredential(), Evidence: thenEvidence(), Session: "s1", Most: 10, At: then.Add(time.Minute),
	}, thenEvent("credential.registered")))
	check(t, db.Invite(ctx, thenInvitation("i2"), thenEvent("invitation.additional")))
	check(t, db.OpenSession(ctx, thenSession("s2", credential.Visit), thenEvent("session.opened")))
	for _, id := range []string{"c2", "c3"} {
		check(t, db.OpenCeremony(ctx, thenCeremony(id, credential.Authentication), credential.Caps{}, thenEvent("authentication.begun")))
	}
	failed := credential.Failed{Tenant: "acme", Ceremony: "c3", Outcome: "webauthn.origin", At: then.Add(time.Minute)}
	check(t, db.FailCeremony(ctx, failed, thenEvent("authentication.refused")))
	_, err := db.DecoyKey(ctx, []byte("decoys of then"))
	check(t, err)
}

func findCredentialRows(t *testing.T, db *store.DB) {
	findPeople(t, db)
	findCeremonies(t, db)
	findEnrolments(t, db)
	key, err := db.DecoyKey(t.Context(), []byte("decoys of now"))
	check(t, err)
	same(t, string(key), "decoys of then")

	// Signing in goes on where it stood.
	check(t, db.CompleteAuthentication(t.Context(), credential.Authenticated{
		Ceremony: "c2", Tenant: "acme", Credential: "k1", SignCount: 1<<32 - 1, At: then.Add(2 * time.Minute),
	}, thenEvent("authentication.succeeded")))
	_, _, err = audit.Verify(t.Context(), db, "acme")
	check(t, err)
}

func findPeople(t *testing.T, db *store.DB) {
	t.Helper()
	ctx := t.Context()
	for _, want := range []*credential.User{thenUser(), thenLockedUser()} {
		got, err := db.User(ctx, "acme", credential.ByHandle(want.Handle))
		check(t, err)
		same(t, got, want)
	}
	list, err := db.Users(ctx, credential.UserQuery{Tenant: "acme", Search: credential.NameKey("ÜNAL"), Limit: 10})
	check(t, err)
	same(t, list, []credential.User{*thenUser()})
	c, err := db.Credential(ctx, "acme", credential.Ref{RelyingParty: "login.example.com", CredentialID: thenCredential().CredentialID})
	check(t, err)
	same(t, c, thenCredential())
	e, err := db.Evidence(ctx, "acme", "k1")
	check(t, err)
	same(t, e, thenEvidence())
}

func findCeremonies(t *testing.T, db *store.DB) {
	t.Helper()
	made, failed := thenRegistration(), thenCeremony("c3", credential.Authentication)
	made.State, made.Ended, made.Credential = credential.CeremonySucceeded, then.Add(time.Minute), "k1"
	failed.State, failed.Ended, failed.Outcome = credential.CeremonyFailed, then.Add(time.Minute), "webauthn.origin"
	for _, want := range []*credential.Ceremony{made, thenCeremony("c2", credential.Authentication), failed} {
		got, err := db.Ceremony(t.Context(), credential.CeremonyRef{Tenant: "acme", ID: want.ID})
		check(t, err)
		same(t, got, want)
	}
}

func findEnrolments(t *testing.T, db *store.DB) {
	t.Helper()
	ctx := t.Context()
	spent := thenInvitation("i1")
	spent.State, spent.Ended = credential.InvitationSpent, then
	for _, want := range []*credential.Invitation{spent, thenInvitation("i2")} {
		got, err := db.InvitationBySecret(ctx, want.Secret)
		check(t, err)
		same(t, got, want)
	}
	enrolment := thenEnrolment()
	enrolment.UserName, enrolment.DisplayName, enrolment.Additional = "Alice@example.com", "Alice Ünal", true
	enrolment.Registered, enrolment.Credential = then.Add(time.Minute), "k1"
	for _, want := range []*credential.Session{enrolment, thenSession("s2", credential.Visit)} {
		got, err := db.Session(ctx, want.ID)
		check(t, err)
		same(t, got, want)
	}
}
