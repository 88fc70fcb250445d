package webauthn_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"

	"bestow.dev/webauthn"
)

// statementOf returns a statement of the given members.
func statementOf(pairs ...pair) func(testing.TB, *madeRegistration) []byte {
	return func(testing.TB, *madeRegistration) []byte { return cMap(pairs...) }
}

// TestPackedSelfSteps walks §8.2 for self attestation.
func TestPackedSelfSteps(t *testing.T) {
	tests := []struct {
		name   string
		spoil  func(t *testing.T, m *madeRegistration)
		reason webauthn.Reason
		step   string
	}{
		{"untouched", func(*testing.T, *madeRegistration) {}, "", ""},
		{"step 1: a list", func(_ *testing.T, m *madeRegistration) {
			m.statement = func(testing.TB, *madeRegistration) []byte { return cArray() }
		}, webauthn.ReasonAttestationStatementMalformed, "8.2/1"},
		{"step 1: empty", func(_ *testing.T, m *madeRegistration) { m.statement = statementOf() }, webauthn.ReasonAttestationStatementMalformed, "8.2/1"},
		{"step 1: no alg", func(_ *testing.T, m *madeRegistration) {
			m.statement = statementOf(pair{cText("sig"), cBytes([]byte{1})})
		}, webauthn.ReasonAttestationStatementMalformed, "8.2/1"},
		{"step 1: no sig", func(_ *testing.T, m *madeRegistration) { m.statement = statementOf(pair{cText("alg"), cInt(-7)}) }, webauthn.ReasonAttestationStatementMalformed, "8.2/1"},
		{"step 1: alg text", func(_ *testing.T, m *madeRegistration) {
			m.statement = statementOf(pair{cText("alg"), cText("ES256")}, pair{cText("sig"), cBytes([]byte{1})})
		}, webauthn.ReasonAttestationStatementMalformed, "8.2/1"},
		{"step 1: alg beyond 32 bits", func(_ *testing.T, m *madeRegistration) {
			m.statement = statementOf(pair{cText("alg"), cInt(-7 - 1<<32)}, pair{cText("sig"), cBytes([]byte{1})})
		}, webauthn.ReasonAttestationStatementMalformed, "8.2/1"},
		{"step 1: sig text", func(_ *testing.T, m *madeRegistration) {
			m.statement = statementOf(pair{cText("alg"), cInt(-7)}, pair{cText("sig"), cText("x")})
		}, webauthn.ReasonAttestationStatementMalformed, "8.2/1"},
		{"step 1: ecdaaKeyId of Level 1", func(t *testing.T, m *madeRegistration) {
			m.statement = statementOf(pair{cText("alg"), cInt(-7)}, pair{cText("sig"), cBytes(sign(t, m.key, m.toSign()))}, pair{cText("ecdaaKeyId"), cBytes([]byte{1})})
		}, webauthn.ReasonAttestationStatementMalformed, "8.2/1"},
		{"step 1: named by number", func(t *testing.T, m *madeRegistration) {
			m.statement = statementOf(pair{cInt(1), cInt(-7)})
		}, webauthn.ReasonAttestationStatementMalformed, "8.2/1"},
		{"step 3: another algorithm than the key's", func(t *testing.T, m *madeRegistration) {
			m.statement = statementOf(pair{cText("alg"), cInt(-8)}, pair{cText("sig"), cBytes(sign(t, m.key, m.toSign()))})
		}, webauthn.ReasonAttestationAlgMismatch, "8.2/3"},
		{"step 3: signed by another key", func(t *testing.T, m *madeRegistration) { m.key = newKey(t) }, webauthn.ReasonAttestationSignature, "8.2/3"},
		{"step 3: other client data was signed", func(t *testing.T, m *madeRegistration) {
			sig := sign(t, m.key, m.toSign())
			m.client["extra"] = true
			m.statement = statementOf(pair{cText("alg"), cInt(-7)}, pair{cText("sig"), cBytes(sig)})
		}, webauthn.ReasonAttestationSignature, "8.2/3"},
		{"step 3: other authenticator data was signed", func(t *testing.T, m *madeRegistration) {
			sig := sign(t, m.key, m.toSign())
			m.auth.signCount++
			m.statement = statementOf(pair{cText("alg"), cInt(-7)}, pair{cText("sig"), cBytes(sig)})
		}, webauthn.ReasonAttestationSignature, "8.2/3"},
		{"trust: not accepted", func(_ *testing.T, m *madeRegistration) { m.exp.Trust.AcceptSelf = false }, webauthn.ReasonAttestationUntrusted, "7.1/24"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := newSelf(t)
			test.spoil(t, m)
			reg, err := m.judge(t)
			wantRefusal(t, err, test.reason, test.step)
			if err == nil && (reg.AttestationType != webauthn.AttestationSelf || reg.Trusted || len(reg.Chain) != 0) {
				t.Errorf("type %s, trusted %t, chain of %d", reg.AttestationType, reg.Trusted, len(reg.Chain))
			}
		})
	}
}

// TestPackedSelfKeys checks self attestation by keys of the other kinds.
func TestPackedSelfKeys(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("EdDSA", func(t *testing.T) {
		m := newSelf(t)
		m.key, m.auth.key = ed, coseKey(t, ed.Public())
		m.statement = statementOf(pair{cText("alg"), cInt(-8)}, pair{cText("sig"), cBytes(sign(t, ed, m.toSign()))})
		if _, err := m.judge(t); err != nil {
			t.Error(err)
		}
	})
	t.Run("RS256", func(t *testing.T) {
		m := newSelf(t)
		m.key, m.auth.key = rs, coseKey(t, rs.Public())
		m.statement = statementOf(pair{cText("alg"), cInt(-257)}, pair{cText("sig"), cBytes(sign(t, rs, m.toSign()))})
		if _, err := m.judge(t); err != nil {
			t.Error(err)
		}
	})
}

// TestPackedFullSteps walks §8.2 and §8.2.1 for attestation with a certificate.
func TestPackedFullSteps(t *testing.T) {
	other := [16]byte{1}
	tests := []struct {
		name   string
		spoil  func(t *testing.T, a *attested)
		reason webauthn.Reason
		step   string
	}{
		{"untouched", func(*testing.T, *attested) {}, "", ""},
		{"step 1: x5c not a list", func(_ *testing.T, a *attested) {
			a.statement = statementOf(pair{cText("alg"), cInt(-7)}, pair{cText("sig"), cBytes([]byte{1})}, pair{cText("x5c"), cBytes([]byte{1})})
		}, webauthn.ReasonAttestationStatementMalformed, "8.2/1"},
		{"step 1: x5c of text", func(_ *testing.T, a *attested) {
			a.statement = statementOf(pair{cText("alg"), cInt(-7)}, pair{cText("sig"), cBytes([]byte{1})}, pair{cText("x5c"), cArray(cText("x"))})
		}, webauthn.ReasonAttestationStatementMalformed, "8.2/1"},
		{"step 1: x5c empty", func(t *testing.T, a *attested) {
			a.statement = statementOf(pair{cText("alg"), cInt(-7)}, pair{cText("sig"), cBytes(sign(t, a.key, a.toSign()))}, pair{cText("x5c"), cArray()})
		}, webauthn.ReasonAttestationStatementMalformed, "8.2/2"},
		{"step 1: x5c too long", func(t *testing.T, a *attested) {
			for range 8 {
				a.extra = append(a.extra, a.root.cert)
			}
		}, webauthn.ReasonAttestationStatementMalformed, "8.2/2"},
		{"step 2: certificate cut short", func(t *testing.T, a *attested) {
			der := a.attestation(t).cert.Raw
			a.statement = statementOf(pair{cText("alg"), cInt(-7)}, pair{cText("sig"), cBytes(sign(t, a.leafKey, a.toSign()))}, pair{cText("x5c"), cArray(cBytes(der[:len(der)-1]))})
		}, webauthn.ReasonAttestationCertificateMalformed, "8.2/2"},
		{"step 2: bytes after the certificate", func(t *testing.T, a *attested) {
			der := append(a.attestation(t).cert.Raw, 0)
			a.statement = statementOf(pair{cText("alg"), cInt(-7)}, pair{cText("sig"), cBytes(sign(t, a.leafKey, a.toSign()))}, pair{cText("x5c"), cArray(cBytes(der))})
		}, webauthn.ReasonAttestationCertificateMalformed, "8.2/2"},
		{"step 2: second certificate malformed", func(t *testing.T, a *attested) {
			a.statement = statementOf(pair{cText("alg"), cInt(-7)}, pair{cText("sig"), cBytes(sign(t, a.leafKey, a.toSign()))}, pair{cText("x5c"), cArray(cBytes(a.attestation(t).cert.Raw), cBytes([]byte{0}))})
		}, webauthn.ReasonAttestationCertificateMalformed, "8.2/2"},
		{"step 2: signed by the credential key", func(t *testing.T, a *attested) {
			a.statement = statementOf(pair{cText("alg"), cInt(-7)}, pair{cText("sig"), cBytes(sign(t, a.key, a.toSign()))}, pair{cText("x5c"), x5c(a.attestation(t).cert)})
		}, webauthn.ReasonAttestationSignature, "8.2/2"},
		{"step 2: algorithm of another kind of key", func(t *testing.T, a *attested) {
			a.statement = statementOf(pair{cText("alg"), cInt(-257)}, pair{cText("sig"), cBytes(sign(t, a.leafKey, a.toSign()))}, pair{cText("x5c"), x5c(a.attestation(t).cert)})
		}, webauthn.ReasonAttestationAlgMismatch, "8.2/2"},
		{"step 2: unknown algorithm", func(t *testing.T, a *attested) {
			a.statement = statementOf(pair{cText("alg"), cInt(-7777)}, pair{cText("sig"), cBytes(sign(t, a.leafKey, a.toSign()))}, pair{cText("x5c"), x5c(a.attestation(t).cert)})
		}, webauthn.ReasonAttestationAlgMismatch, "8.2/2"},
		{"step 2: model of the certificate is another", func(_ *testing.T, a *attested) { a.auth.aaguid = other }, webauthn.ReasonAAGUIDMismatch, "8.2/2"},
		{"step 2: no model in the certificate", func(_ *testing.T, a *attested) { a.template.ExtraExtensions = nil }, "", ""},
		{"step 2: model wrapped once", func(_ *testing.T, a *attested) {
			a.template.ExtraExtensions[0].Value = testAAGUID[:]
		}, webauthn.ReasonAttestationCertificate, "8.2/2"},
		{"step 2: model of 15 bytes", func(_ *testing.T, a *attested) {
			a.template.ExtraExtensions[0].Value = append([]byte{4, 15}, testAAGUID[:15]...)
		}, webauthn.ReasonAttestationCertificate, "8.2/2"},
		{"step 2: bytes after the model", func(_ *testing.T, a *attested) {
			a.template.ExtraExtensions[0].Value = append(a.template.ExtraExtensions[0].Value, 0)
		}, webauthn.ReasonAttestationCertificate, "8.2/2"},
		{"step 2: model is critical", func(_ *testing.T, a *attested) { a.template.ExtraExtensions[0].Critical = true }, webauthn.ReasonAttestationCertificate, "8.2/2"},
		{"step 2: firmware version", func(_ *testing.T, a *attested) { a.extend(oidFirmware, []byte{2, 1, 5}) }, "", ""},
		{"step 2: negative firmware version", func(_ *testing.T, a *attested) { a.extend(oidFirmware, []byte{2, 1, 0xff}) }, webauthn.ReasonAttestationCertificate, "8.2/2"},
		{"step 2: firmware version that is no INTEGER", func(_ *testing.T, a *attested) { a.extend(oidFirmware, []byte{5, 0}) }, webauthn.ReasonAttestationCertificate, "8.2/2"},
		{"step 2: bytes after the firmware version", func(_ *testing.T, a *attested) { a.extend(oidFirmware, []byte{2, 1, 5, 0}) }, webauthn.ReasonAttestationCertificate, "8.2/2"},
		{"step 2: bytes after the serial number", func(_ *testing.T, a *attested) { a.extend(oidSerial, []byte{4, 1, 5, 0}) }, webauthn.ReasonAttestationCertificate, "8.2/2"},
		{"step 2: serial number", func(_ *testing.T, a *attested) { a.extend(oidSerial, []byte{4, 1, 5}) }, "", ""},
		{"step 2: serial number an INTEGER", func(_ *testing.T, a *attested) { a.extend(oidSerial, []byte{2, 1, 5}) }, webauthn.ReasonAttestationCertificate, "8.2/2"},

		{"8.2.1: no country", func(_ *testing.T, a *attested) { a.template.Subject.Country = nil }, webauthn.ReasonAttestationCertificate, "8.2.1"},
		{"8.2.1: country of three letters", func(_ *testing.T, a *attested) { a.template.Subject.Country = []string{"SWE"} }, webauthn.ReasonAttestationCertificate, "8.2.1"},
		{"8.2.1: country in lower case", func(_ *testing.T, a *attested) { a.template.Subject.Country = []string{"se"} }, webauthn.ReasonAttestationCertificate, "8.2.1"},
		{"8.2.1: country of digits", func(_ *testing.T, a *attested) { a.template.Subject.Country = []string{"46"} }, webauthn.ReasonAttestationCertificate, "8.2.1"},
		{"8.2.1: two countries", func(_ *testing.T, a *attested) { a.template.Subject.Country = []string{"SE", "DE"} }, webauthn.ReasonAttestationCertificate, "8.2.1"},
		{"8.2.1: no organization", func(_ *testing.T, a *attested) { a.template.Subject.Organization = nil }, webauthn.ReasonAttestationCertificate, "8.2.1"},
		{"8.2.1: empty organization", func(_ *testing.T, a *attested) { a.template.Subject.Organization = []string{""} }, webauthn.ReasonAttestationCertificate, "8.2.1"},
		{"8.2.1: no unit", func(_ *testing.T, a *attested) { a.template.Subject.OrganizationalUnit = nil }, webauthn.ReasonAttestationCertificate, "8.2.1"},
		{"8.2.1: other unit", func(_ *testing.T, a *attested) {
			a.template.Subject.OrganizationalUnit = []string{"authenticator attestation"}
		}, webauthn.ReasonAttestationCertificate, "8.2.1"},
		{"8.2.1: no common name", func(_ *testing.T, a *attested) { a.template.Subject.CommonName = "" }, webauthn.ReasonAttestationCertificate, "8.2.1"},
		{"8.2.1: no basic constraints", func(_ *testing.T, a *attested) { a.template.BasicConstraintsValid = false }, webauthn.ReasonAttestationCertificate, "8.2.1"},
		{"8.2.1: a CA", func(_ *testing.T, a *attested) { a.template.IsCA = true }, webauthn.ReasonAttestationCertificate, "8.2.1"},
		{"8.2.1: version 1", func(t *testing.T, a *attested) { a.leaf = versionOne(t, a) }, webauthn.ReasonAttestationCertificate, "8.2.1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := newFull(t)
			test.spoil(t, a)
			_, err := a.judge(t)
			wantRefusal(t, err, test.reason, test.step)
		})
	}
}

// Extensions that FIDO defined.
var (
	oidFirmware = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 5}
	oidSerial   = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 2}
)

// extend adds an extension to the attestation certificate.
func (a *attested) extend(id asn1.ObjectIdentifier, value []byte) {
	a.template.ExtraExtensions = append(a.template.ExtraExtensions, pkix.Extension{Id: id, Value: value})
}

// versionOne issues an attestation certificate of X.509 version 1, which has no extensions.
func versionOne(t *testing.T, a *attested) *authority {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(&a.leafKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	subject, err := asn1.Marshal(a.template.Subject.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	ecdsaSHA256 := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}
	tbs, err := asn1.Marshal(struct {
		SerialNumber int
		Algorithm    pkix.AlgorithmIdentifier
		Issuer       asn1.RawValue
		Validity     struct{ NotBefore, NotAfter any }
		Subject      asn1.RawValue
		PublicKey    asn1.RawValue
	}{
		SerialNumber: 1,
		Algorithm:    ecdsaSHA256,
		Issuer:       asn1.RawValue{FullBytes: a.root.cert.RawSubject},
		Validity:     struct{ NotBefore, NotAfter any }{notBefore, notAfter},
		Subject:      asn1.RawValue{FullBytes: subject},
		PublicKey:    asn1.RawValue{FullBytes: spki},
	})
	if err != nil {
		t.Fatal(err)
	}
	sig := sign(t, a.root.key, tbs)
	der, err := asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: tbs}, ecdsaSHA256, asn1.BitString{Bytes: sig, BitLength: 8 * len(sig)}})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, a.leafKey}
}
