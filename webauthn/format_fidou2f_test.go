package webauthn_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"testing"

	"bestow.dev/webauthn"
)

// TestFIDOU2FSteps walks §8.6.
func TestFIDOU2FSteps(t *testing.T) {
	tests := []struct {
		name   string
		spoil  func(t *testing.T, a *attested)
		reason webauthn.Reason
		step   string
	}{
		{"untouched", func(*testing.T, *attested) {}, "", ""},
		{"untouched, with an AAGUID", func(_ *testing.T, a *attested) { a.auth.aaguid = testAAGUID }, "", ""},
		{"step 1: a list", func(_ *testing.T, a *attested) {
			a.statement = func(testing.TB, *madeRegistration) []byte { return cArray() }
		}, webauthn.ReasonAttestationStatementMalformed, "8.6/1"},
		{"step 1: no sig", func(t *testing.T, a *attested) {
			a.statement = statementOf(pair{cText("x5c"), x5c(a.attestation(t).cert)})
		}, webauthn.ReasonAttestationStatementMalformed, "8.6/1"},
		{"step 1: no x5c", func(_ *testing.T, a *attested) {
			a.statement = statementOf(pair{cText("sig"), cBytes([]byte{1})})
		}, webauthn.ReasonAttestationStatementMalformed, "8.6/1"},
		{"step 1: x5c empty", func(_ *testing.T, a *attested) {
			a.statement = statementOf(pair{cText("sig"), cBytes([]byte{1})}, pair{cText("x5c"), cArray()})
		}, webauthn.ReasonAttestationStatementMalformed, "8.6/1"},
		{"step 1: sig text", func(t *testing.T, a *attested) {
			a.statement = statementOf(pair{cText("sig"), cText("x")}, pair{cText("x5c"), x5c(a.attestation(t).cert)})
		}, webauthn.ReasonAttestationStatementMalformed, "8.6/1"},
		{"step 1: unknown member", func(t *testing.T, a *attested) {
			a.statement = statementOf(pair{cText("sig"), cBytes([]byte{1})}, pair{cText("x5c"), x5c(a.attestation(t).cert)}, pair{cText("alg"), cInt(-7)})
		}, webauthn.ReasonAttestationStatementMalformed, "8.6/1"},
		{"step 2: two certificates", func(_ *testing.T, a *attested) { a.extra = []*x509.Certificate{a.root.cert} }, webauthn.ReasonAttestationCertificate, "8.6/2"},
		{"step 2: no certificate", func(_ *testing.T, a *attested) {
			a.statement = statementOf(pair{cText("sig"), cBytes([]byte{1})}, pair{cText("x5c"), cArray(cBytes([]byte{1}))})
		}, webauthn.ReasonAttestationCertificateMalformed, "8.6/2"},
		{"step 2: certificate for P-384", func(t *testing.T, a *attested) {
			key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			a.leafKey = key
		}, webauthn.ReasonAttestationCertificate, "8.6/2"},
		{"step 4: credential key of another algorithm", func(t *testing.T, a *attested) {
			point, err := a.key.Public().(*ecdsa.PublicKey).Bytes()
			if err != nil {
				t.Fatal(err)
			}
			a.auth.key = coseEC2(-9, 1, point[1:33], point[33:])
			a.exp.Algorithms = append(a.exp.Algorithms, -9)
		}, webauthn.ReasonPublicKeyInvalid, "8.6/4"},
		{"step 5: other credential ID was signed", func(t *testing.T, a *attested) {
			a.resign(t, func() { a.auth.credentialID = []byte("another") })
		}, webauthn.ReasonAttestationSignature, "8.6/6"},
		{"step 5: other client data was signed", func(t *testing.T, a *attested) {
			a.resign(t, func() { a.client["extra"] = true })
		}, webauthn.ReasonAttestationSignature, "8.6/6"},
		{"step 5: other key was signed", func(t *testing.T, a *attested) {
			a.resign(t, func() { a.auth.key = coseKey(t, newKey(t).Public()) })
		}, webauthn.ReasonAttestationSignature, "8.6/6"},
		{"step 6: signed as packed", func(t *testing.T, a *attested) {
			a.statement = statementOf(pair{cText("sig"), cBytes(sign(t, a.leafKey, a.toSign()))}, pair{cText("x5c"), x5c(a.attestation(t).cert)})
		}, webauthn.ReasonAttestationSignature, "8.6/6"},
		{"step 6: signed by the credential key", func(t *testing.T, a *attested) {
			a.statement = statementOf(pair{cText("sig"), cBytes(sign(t, a.key, u2fMessage(t, a.madeRegistration)))}, pair{cText("x5c"), x5c(a.attestation(t).cert)})
		}, webauthn.ReasonAttestationSignature, "8.6/6"},
		{"trust: attestation certificate of a CA", func(_ *testing.T, a *attested) { a.template.IsCA = true }, webauthn.ReasonAttestationCertificate, "7.1/24"},
		{"trust: no anchors", func(_ *testing.T, a *attested) { a.exp.Trust.Anchors = nil }, webauthn.ReasonAttestationUntrusted, "7.1/24"},
		{"trust: an allowed model, which the signature does not cover", func(_ *testing.T, a *attested) {
			a.auth.aaguid = testAAGUID
			a.exp.Trust.AllowedAAGUIDs = []webauthn.AAGUID{testAAGUID}
		}, webauthn.ReasonAttestationUntrusted, "7.1/24"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := newU2F(t)
			test.spoil(t, a)
			_, err := a.judge(t)
			wantRefusal(t, err, test.reason, test.step)
		})
	}
}

// resign keeps the statement as it is now, then changes something it signed.
func (a *attested) resign(t *testing.T, change func()) {
	t.Helper()
	statement := a.statement(t, a.madeRegistration)
	a.statement = func(testing.TB, *madeRegistration) []byte { return statement }
	change()
}
