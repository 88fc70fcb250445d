package webauthn_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"maps"
	"testing"

	"bestow.dev/cose"
	"bestow.dev/webauthn"
)

const (
	testRPID   = "login.example.com"
	testOrigin = "https://login.example.com"
)

var (
	testChallenge    = []byte("a challenge of thirty-two bytes.")
	testCredentialID = []byte("credential id 16")
	testAAGUID       = [16]byte{0x9d, 0x3c, 0x5f, 0x0a, 0x7b, 0x1e, 0x4c, 0x2d, 0x8a, 0x60, 0xf1, 0xe2, 0xd3, 0xc4, 0xb5, 0xa6}
	testHandle       = []byte("user handle 0001")
)

// madeRegistration is a registration that is yet to be put together, and what it is
// to be judged by. Untouched, it is good.
type madeRegistration struct {
	exp    webauthn.RegistrationExpectation
	client clientData
	auth   authData
	key    crypto.Signer // of the credential

	format    string
	statement func(t testing.TB, m *madeRegistration) []byte

	// What replaces the bytes made from the above, if set.
	clientBytes []byte
	authBytes   []byte
	object      []byte
	body        []byte

	// JSON members that are added or, if nil, left out.
	members  map[string]any
	response map[string]any
}

func newRegistration(t testing.TB) *madeRegistration {
	t.Helper()
	key := newKey(t)
	return &madeRegistration{
		exp: webauthn.RegistrationExpectation{
			RelyingParty:     webauthn.RelyingParty{ID: testRPID, Origins: []string{testOrigin}},
			Challenge:        testChallenge,
			UserVerification: webauthn.UserVerificationRequired,
			Algorithms:       []cose.Algorithm{cose.ES256, cose.EdDSA, cose.RS256},
			Trust:            webauthn.TrustPolicy{AcceptNone: true, AcceptSelf: true, Time: validAt},
		},
		client: clientData{"type": "webauthn.create", "challenge": b64(testChallenge), "origin": testOrigin, "crossOrigin": false},
		auth: authData{
			rpID: testRPID, flags: 0x45, signCount: 1,
			aaguid: testAAGUID, credentialID: testCredentialID, key: coseKey(t, key.Public()),
		},
		key:       key,
		format:    "none",
		statement: func(testing.TB, *madeRegistration) []byte { return cMap() },
		members:   map[string]any{},
		response:  map[string]any{},
	}
}

// toSign is what most formats sign.
func (m *madeRegistration) toSign() []byte {
	hash := sha256.Sum256(m.clientJSON())
	return append(m.authenticatorData(), hash[:]...)
}

func (m *madeRegistration) clientJSON() []byte {
	if m.clientBytes != nil {
		return m.clientBytes
	}
	return m.client.bytes()
}

func (m *madeRegistration) authenticatorData() []byte {
	if m.authBytes != nil {
		return m.authBytes
	}
	return m.auth.bytes()
}

// attestationObject puts the attestation object together.
func (m *madeRegistration) attestationObject(t testing.TB) []byte {
	t.Helper()
	if m.object != nil {
		return m.object
	}
	return cMap(
		pair{cText("fmt"), cText(m.format)},
		pair{cText("attStmt"), m.statement(t, m)},
		pair{cText("authData"), cBytes(m.authenticatorData())},
	)
}

// json puts the whole response together.
func (m *madeRegistration) json(t testing.TB) []byte {
	t.Helper()
	if m.body != nil {
		return m.body
	}
	response := map[string]any{
		"clientDataJSON":    b64(m.clientJSON()),
		"attestationObject": b64(m.attestationObject(t)),
		"transports":        []string{"usb"},
	}
	members := map[string]any{
		"id":                     b64(m.auth.credentialID),
		"rawId":                  b64(m.auth.credentialID),
		"type":                   "public-key",
		"clientExtensionResults": map[string]any{},
	}
	return marshal(t, members, m.members, response, m.response)
}

// marshal merges the changes into the members and encodes them.
func marshal(t testing.TB, members, change, response, responseChange map[string]any) []byte {
	t.Helper()
	merge := func(into, change map[string]any) {
		maps.Copy(into, change)
		maps.DeleteFunc(into, func(_ string, v any) bool { return v == nil })
	}
	merge(response, responseChange)
	members["response"] = response
	merge(members, change)
	out, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// judge parses and judges.
func (m *madeRegistration) judge(t testing.TB) (*webauthn.Registration, error) {
	t.Helper()
	resp, err := webauthn.ParseRegistrationResponse(m.json(t))
	if err != nil {
		return nil, err
	}
	return webauthn.JudgeRegistration(m.exp, resp)
}

// newSelf returns a registration with packed self attestation.
func newSelf(t testing.TB) *madeRegistration {
	t.Helper()
	m := newRegistration(t)
	m.format = "packed"
	m.statement = func(t testing.TB, m *madeRegistration) []byte {
		return cMap(pair{cText("alg"), cInt(-7)}, pair{cText("sig"), cBytes(sign(t, m.key, m.toSign()))})
	}
	return m
}

// attested is a registration with an attestation certificate, and what that was made from.
type attested struct {
	*madeRegistration
	root     *authority
	rootKey  *ecdsa.PrivateKey
	template *x509.Certificate // of the attestation certificate
	leafKey  *ecdsa.PrivateKey
	issuer   *authority          // of the attestation certificate
	extra    []*x509.Certificate // the rest of x5c
	leaf     *authority          // made from the above unless set
}

func (a *attested) attestation(t testing.TB) *authority {
	t.Helper()
	if a.leaf == nil {
		a.leaf = issue(t, a.template, a.leafKey, a.issuer)
	}
	return a.leaf
}

// newFull returns a registration with packed attestation, trusted through a root.
func newFull(t testing.TB) *attested {
	t.Helper()
	a := &attested{madeRegistration: newRegistration(t), rootKey: newKey(t), template: leafTemplate(), leafKey: newKey(t)}
	a.root = issue(t, caTemplate("Example Root"), a.rootKey, nil)
	a.issuer = a.root
	a.template.ExtraExtensions = append(a.template.ExtraExtensions, modelExtension(testAAGUID))
	a.exp.Trust = webauthn.TrustPolicy{Anchors: []*x509.Certificate{a.root.cert}, Time: validAt}
	a.format = "packed"
	a.statement = func(t testing.TB, m *madeRegistration) []byte {
		leaf := a.attestation(t)
		return cMap(
			pair{cText("alg"), cInt(-7)},
			pair{cText("sig"), cBytes(sign(t, leaf.key, m.toSign()))},
			pair{cText("x5c"), x5c(append([]*x509.Certificate{leaf.cert}, a.extra...)...)},
		)
	}
	return a
}

// newU2F returns a registration with fido-u2f attestation, trusted through a root.
func newU2F(t testing.TB) *attested {
	t.Helper()
	a := newFull(t)
	a.template.ExtraExtensions = nil
	a.auth.aaguid = [16]byte{}
	a.auth.flags = 0x41
	a.exp.UserVerification = webauthn.UserVerificationPreferred
	a.format = "fido-u2f"
	a.statement = func(t testing.TB, m *madeRegistration) []byte {
		leaf := a.attestation(t)
		return cMap(
			pair{cText("sig"), cBytes(sign(t, leaf.key, u2fMessage(t, m)))},
			pair{cText("x5c"), x5c(append([]*x509.Certificate{leaf.cert}, a.extra...)...)},
		)
	}
	return a
}

// u2fMessage is what a U2F authenticator signs at registration.
func u2fMessage(t testing.TB, m *madeRegistration) []byte {
	t.Helper()
	public, ok := m.key.Public().(*ecdsa.PublicKey)
	if !ok {
		t.Fatal("U2F keys are on P-256")
	}
	point, err := public.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	rp, client := sha256.Sum256([]byte(m.auth.rpID)), sha256.Sum256(m.clientJSON())
	out := append([]byte{0}, rp[:]...)
	out = append(out, client[:]...)
	out = append(out, m.auth.credentialID...)
	return append(out, point...)
}

// wantRefusal checks that err is a refusal for the reason at the step, or nil if reason is empty.
func wantRefusal(t testing.TB, err error, reason webauthn.Reason, step string) {
	t.Helper()
	if reason == "" {
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		return
	}
	refusal, ok := errors.AsType[*webauthn.VerificationError](err)
	if !ok {
		t.Fatalf("got error %v, want refusal %s at %s", err, reason, step)
	}
	if refusal.Reason != reason || refusal.Step != step {
		t.Errorf("got %v, want refusal %s at %s", refusal, reason, step)
	}
	if refusal.Detail == "" {
		t.Error("the refusal has no detail")
	}
}
