package webauthn_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"bestow.dev/cose"
	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
	"bestow.dev/webauthn"
)

// beyondX509 are the algorithms whose keys no certificate has that crypto/x509 reads.
var beyondX509 = []int64{softkey.ES256K, softkey.Ed448, softkey.MLDSA44, softkey.MLDSA65, softkey.MLDSA87}

// TestAlgorithmsBeyondX509 registers a credential and signs in with it, attested by the
// key itself, by a certificate's key on P-256, and not at all.
func TestAlgorithmsBeyondX509(t *testing.T) {
	for _, alg := range beyondX509 {
		for _, attestation := range []softkey.Attestation{softkey.AttestSelf, softkey.AttestPacked, softkey.AttestNone} {
			t.Run(cose.Algorithm(alg).String()+"/"+string(attestation), func(t *testing.T) {
				s := newSoftFor(t, attestation, alg)
				s.exp.Trust.AcceptSelf, s.exp.Trust.AcceptNone = true, true
				reg, err := s.judge(t)
				if err != nil {
					t.Fatal(err)
				}
				if reg.Algorithm != cose.Algorithm(alg) {
					t.Errorf("algorithm %v, want %d", reg.Algorithm, alg)
				}
				m := s.assertion(t, reg)
				if _, err := m.judge(t); err != nil {
					t.Fatal(err)
				}
				good := m.signature
				for name, bad := range map[string][]byte{
					"a bit flipped": flipped(good), "a byte less": good[:len(good)-1], "a byte more": append(bytes.Clone(good), 0),
				} {
					t.Run(name, func(t *testing.T) {
						m.signature = bad
						_, err := m.judge(t)
						wantRefusal(t, err, webauthn.ReasonAssertionSignature, "7.2/21")
					})
				}
			})
		}
	}
}

// assertion has the key that made reg sign in with it.
func (s *softRegistration) assertion(t testing.TB, reg *webauthn.Registration) *madeAssertion {
	t.Helper()
	m := newAssertion(t)
	hash := sha256.Sum256(m.client.bytes())
	token, err := ctap.GetTokenUsingPIN(t.Context(), s.key, ctap.TokenRequest{
		Protocol: ctap.PINProtocolTwo, Permissions: ctap.PermissionGetAssertion, RPID: testRPID,
	}, []byte(softPIN))
	if err != nil {
		t.Fatal(err)
	}
	made, err := ctap.GetAssertion(t.Context(), s.key, ctap.GetAssertionRequest{
		RPID: testRPID, ClientDataHash: hash[:],
		AllowList: []ctap.CredentialDescriptor{{ID: reg.CredentialID}},
		PINUVAuth: &ctap.PINUVAuth{Param: ctap.PINProtocolTwo.Authenticate(token, hash[:]), Protocol: ctap.PINProtocolTwo},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.exp.AllowCredentials = [][]byte{reg.CredentialID}
	m.exp.Credential = webauthn.CredentialRecord{
		ID: reg.CredentialID, PublicKey: reg.PublicKey, SignCount: reg.SignCount, UserHandle: testHandle,
	}
	m.members["id"], m.members["rawId"] = b64(reg.CredentialID), b64(reg.CredentialID)
	m.authBytes, m.signature = made.AuthData, made.Signature
	return m
}

// TestFormatsKnowTheirKeys puts a key that no certificate and no TPM has in the place of
// the credential's, and signs the rest as ever. Every format that compares the two says
// that they are not the same.
func TestFormatsKnowTheirKeys(t *testing.T) {
	formats := []struct {
		attestation softkey.Attestation
		reason      webauthn.Reason
		step        string
	}{
		{softkey.AttestPacked, "", ""}, // whose certificate is not the credential's
		{softkey.AttestSelf, webauthn.ReasonAttestationAlgMismatch, "8.2/3"},
		{softkey.AttestTPM, webauthn.ReasonTPMPubArea, "8.3/2"},
		{softkey.AttestAndroidKey, webauthn.ReasonAndroidKey, "8.4/3"},
		{softkey.AttestApple, webauthn.ReasonAttestationCertificate, "8.8/5"},
		{softkey.AttestU2F, webauthn.ReasonPublicKeyInvalid, "8.6/4"},
	}
	for _, alg := range beyondX509 {
		key := credentialKeyOf(t, alg)
		for _, format := range formats {
			t.Run(cose.Algorithm(alg).String()+"/"+string(format.attestation), func(t *testing.T) {
				s := newSoft(t, format.attestation)
				s.exp.Algorithms = append(s.exp.Algorithms, cose.Algorithm(alg))
				s.forge.AuthData = func(a *softkey.AuthData) { a.PublicKey = key }
				_, err := s.judge(t)
				wantRefusal(t, err, format.reason, format.step)
			})
		}
	}
}

// TestPackedAlgorithmsAreTheCertificates claims that the certificate's key, on P-256, has
// signed with an algorithm that no certificate's key can sign with.
func TestPackedAlgorithmsAreTheCertificates(t *testing.T) {
	for _, alg := range beyondX509 {
		s := newSoft(t, softkey.AttestPacked)
		s.spoil(func(m map[string]any) { m["alg"] = alg })
		_, err := s.judge(t)
		wantRefusal(t, err, webauthn.ReasonAttestationAlgMismatch, "8.2/2")
	}
}

// credentialKeyOf returns a COSE key of the software key's for alg.
func credentialKeyOf(t testing.TB, alg int64) []byte {
	t.Helper()
	s := newSoftFor(t, softkey.AttestNone, alg)
	s.make(t)
	data, err := webauthn.ParseAuthenticatorData(s.authBytes)
	if err != nil {
		t.Fatal(err)
	}
	return data.Attested.PublicKey
}
