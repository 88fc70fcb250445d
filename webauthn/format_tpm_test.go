package webauthn_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"bestow.dev/cose"
	"bestow.dev/ctap/softkey"
	"bestow.dev/webauthn"
)

// certify returns a spoil that changes what the TPM certifies.
func certify(change func(*softkey.TPMCertInfo)) func(*testing.T, *madeTPM) {
	return func(_ *testing.T, m *madeTPM) { m.certInfo = change }
}

// member returns a spoil that changes one member of the statement; nil leaves it out.
func member(name string, value []byte) func(*testing.T, *madeTPM) {
	return func(_ *testing.T, m *madeTPM) {
		m.members = func(all map[string][]byte) {
			if value == nil {
				delete(all, name)
				return
			}
			all[name] = value
		}
	}
}

// TestTPMSteps walks §8.3 and §8.3.1.
func TestTPMSteps(t *testing.T) {
	const (
		malformed   = webauthn.ReasonAttestationStatementMalformed
		pubArea     = webauthn.ReasonTPMPubArea
		certInfo    = webauthn.ReasonTPMCertInfo
		certificate = webauthn.ReasonAttestationCertificate
	)
	tests := []struct {
		name   string
		spoil  func(t *testing.T, m *madeTPM)
		reason webauthn.Reason
		step   string
	}{
		{"untouched", func(*testing.T, *madeTPM) {}, "", ""},

		{"step 1: a list", func(_ *testing.T, m *madeTPM) {
			m.statement = func(testing.TB, *madeRegistration) []byte { return cArray() }
		}, malformed, "8.3/1"},
		{"step 1: empty", func(_ *testing.T, m *madeTPM) { m.statement = statementOf() }, malformed, "8.3/1"},
		{"step 1: no ver", member("ver", nil), malformed, "8.3/1"},
		{"step 1: no alg", member("alg", nil), malformed, "8.3/1"},
		{"step 1: no x5c", member("x5c", nil), malformed, "8.3/1"},
		{"step 1: no sig", member("sig", nil), malformed, "8.3/1"},
		{"step 1: no certInfo", member("certInfo", nil), malformed, "8.3/1"},
		{"step 1: no pubArea", member("pubArea", nil), malformed, "8.3/1"},
		{"step 1: ver 1.2", member("ver", cText("1.2")), malformed, "8.3/1"},
		{"step 1: ver 2", member("ver", cInt(2)), malformed, "8.3/1"},
		{"step 1: alg text", member("alg", cText("ES256")), malformed, "8.3/1"},
		{"step 1: x5c bytes", member("x5c", cBytes([]byte{1})), malformed, "8.3/1"},
		{"step 1: sig text", member("sig", cText("x")), malformed, "8.3/1"},
		{"step 1: certInfo text", member("certInfo", cText("x")), malformed, "8.3/1"},
		{"step 1: pubArea text", member("pubArea", cText("x")), malformed, "8.3/1"},
		{"step 1: ecdaaKeyId of Level 1", member("ecdaaKeyId", cBytes([]byte{1})), malformed, "8.3/1"},

		{"step 2: empty", member("pubArea", cBytes(nil)), pubArea, "8.3/2"},
		{"step 2: another type", func(_ *testing.T, m *madeTPM) { m.public.Type = 0x0008 }, pubArea, "8.3/2"},
		{"step 2: RSA", func(_ *testing.T, m *madeTPM) { m.public.Type, m.public.N = 1, m.public.X }, pubArea, "8.3/2"},
		{"step 2: name algorithm null", func(_ *testing.T, m *madeTPM) { m.public.NameAlg = 0x10 }, pubArea, "8.3/2"},
		{"step 2: name algorithm SM3", func(_ *testing.T, m *madeTPM) { m.public.NameAlg = 0x12 }, pubArea, "8.3/2"},
		{"step 2: unknown cipher", func(_ *testing.T, m *madeTPM) { m.public.Symmetric = []uint16{0x0A, 0x0B} }, pubArea, "8.3/2"},
		{"step 2: scheme of RSA", func(_ *testing.T, m *madeTPM) { m.public.Scheme = []uint16{0x14, 0x0B} }, pubArea, "8.3/2"},
		{"step 2: scheme without its hash", func(_ *testing.T, m *madeTPM) { m.public.Scheme = []uint16{0x18} }, pubArea, "8.3/2"},
		{"step 2: unknown key derivation", func(_ *testing.T, m *madeTPM) { m.public.KDF = []uint16{0x18, 0x0B} }, pubArea, "8.3/2"},
		{"step 2: another curve", func(_ *testing.T, m *madeTPM) { m.public.Curve = 4 }, pubArea, "8.3/2"},
		{"step 2: no curve", func(_ *testing.T, m *madeTPM) { m.public.Curve = 0 }, pubArea, "8.3/2"},
		{"step 2: another x", func(_ *testing.T, m *madeTPM) { m.public.X = flipped(m.public.X) }, pubArea, "8.3/2"},
		{"step 2: another y", func(_ *testing.T, m *madeTPM) { m.public.Y = flipped(m.public.Y) }, pubArea, "8.3/2"},
		{"step 2: x and y swapped", func(_ *testing.T, m *madeTPM) { m.public.X, m.public.Y = m.public.Y, m.public.X }, pubArea, "8.3/2"},
		{"step 2: no x", func(_ *testing.T, m *madeTPM) { m.public.X = nil }, pubArea, "8.3/2"},
		{"step 2: a byte after", func(_ *testing.T, m *madeTPM) { m.public.Trailing = []byte{0} }, pubArea, "8.3/2"},
		{"step 2: inside its TPM2B", func(_ *testing.T, m *madeTPM) {
			b := m.public.Bytes()
			member("pubArea", cBytes(append([]byte{0, byte(len(b))}, b...)))(nil, m)
		}, pubArea, "8.3/2"},
		{"step 2: a key no TPM has", func(t *testing.T, m *madeTPM) {
			public, private, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			m.key, m.auth.key = private, coseKey(t, public)
		}, pubArea, "8.3/2"},
		{"step 2: scheme, policy and attributes", func(_ *testing.T, m *madeTPM) {
			m.public.Scheme, m.public.AuthPolicy, m.public.Attributes = []uint16{0x18, 0x0B}, make([]byte, 32), 0
		}, "", ""},
		{"step 2: scheme with a count", func(_ *testing.T, m *madeTPM) { m.public.Scheme = []uint16{0x1A, 0x0B, 1} }, "", ""},
		{"step 2: cipher and key derivation", func(_ *testing.T, m *madeTPM) {
			m.public.Symmetric, m.public.KDF = []uint16{6, 128, 0x43}, []uint16{0x20, 0x0B}
		}, "", ""},
		{"step 2: leading zeros", func(_ *testing.T, m *madeTPM) {
			m.public.X = append([]byte{0, 0}, m.public.X...)
		}, "", ""},

		{"step 4: no certificate", member("x5c", cArray()), malformed, "8.3/4"},
		{"step 4: certificate cut short", func(t *testing.T, m *madeTPM) {
			der := m.aikCertificate(t)
			member("x5c", cArray(cBytes(der[:len(der)-1])))(t, m)
		}, webauthn.ReasonAttestationCertificateMalformed, "8.3/4"},
		{"step 4: model of the certificate is another", func(_ *testing.T, m *madeTPM) { m.identity.AAGUID[0] ^= 1 }, webauthn.ReasonAAGUIDMismatch, "8.3/4"},
		{"step 4: model is critical", func(_ *testing.T, m *madeTPM) {
			m.certificate = func(c *x509.Certificate) { c.ExtraExtensions[1].Critical = true }
		}, certificate, "8.3/4"},
		{"step 4: no model", func(_ *testing.T, m *madeTPM) {
			m.certificate = func(c *x509.Certificate) { c.ExtraExtensions = c.ExtraExtensions[:1] }
		}, "", ""},
		{"step 4: spoilt signature", func(t *testing.T, m *madeTPM) {
			m.members = func(all map[string][]byte) { all["sig"] = flipped(all["sig"]) }
		}, webauthn.ReasonAttestationSignature, "8.3/4"},
		{"step 4: other certInfo than was signed", func(_ *testing.T, m *madeTPM) {
			m.members = func(all map[string][]byte) { all["certInfo"] = flipped(all["certInfo"]) }
		}, webauthn.ReasonAttestationSignature, "8.3/4"},
		{"step 4: signed by the credential key", func(t *testing.T, m *madeTPM) {
			der := m.aikCertificate(t)
			m.aik = m.key
			member("x5c", cArray(cBytes(der)))(t, m)
		}, webauthn.ReasonAttestationSignature, "8.3/4"},
		{"step 4: signature as TPMT_SIGNATURE", func(_ *testing.T, m *madeTPM) {
			m.members = func(all map[string][]byte) { all["sig"] = cBytes(append([]byte{0, 0x18, 0, 0x0B}, all["sig"]...)) }
		}, webauthn.ReasonAttestationSignature, "8.3/4"},
		{"step 4: algorithm of another kind of key", member("alg", cInt(-257)), webauthn.ReasonAttestationAlgMismatch, "8.3/4"},
		{"step 4: algorithm of another curve", member("alg", cInt(-35)), webauthn.ReasonAttestationAlgMismatch, "8.3/4"},
		{"step 4: unknown algorithm", member("alg", cInt(-7777)), webauthn.ReasonAttestationAlgMismatch, "8.3/4"},
		{"step 4: algorithm that no TPM has", member("alg", cInt(-47)), webauthn.ReasonAttestationAlgMismatch, "8.3/4"},

		{"step 5: another magic", certify(func(c *softkey.TPMCertInfo) { c.Magic = 0xFF544346 }), certInfo, "8.3/5"},
		{"step 5: no magic", certify(func(c *softkey.TPMCertInfo) { c.Magic = 0 }), certInfo, "8.3/5"},
		{"step 5: a quote", certify(func(c *softkey.TPMCertInfo) { c.Type = 0x8018 }), certInfo, "8.3/5"},
		{"step 5: a creation", certify(func(c *softkey.TPMCertInfo) { c.Type = 0x801A }), certInfo, "8.3/5"},
		{"step 5: name of another key", certify(func(c *softkey.TPMCertInfo) { c.Name = flipped(c.Name) }), certInfo, "8.3/5"},
		{"step 5: name of another hash", certify(func(c *softkey.TPMCertInfo) { c.Name[1] = 0x0C }), certInfo, "8.3/5"},
		{"step 5: hash without its algorithm", certify(func(c *softkey.TPMCertInfo) { c.Name = c.Name[2:] }), certInfo, "8.3/5"},
		{"step 5: no name", certify(func(c *softkey.TPMCertInfo) { c.Name = nil }), certInfo, "8.3/5"},
		{"step 5: qualified name in its place", certify(func(c *softkey.TPMCertInfo) { c.Name, c.QualifiedName = c.QualifiedName, c.Name }), certInfo, "8.3/5"},
		{"step 5: a byte after", certify(func(c *softkey.TPMCertInfo) { c.Trailing = []byte{0} }), certInfo, "8.3/5"},
		{"step 5: certInfo empty", func(t *testing.T, m *madeTPM) {
			m.members = func(all map[string][]byte) {
				all["certInfo"], all["sig"] = cBytes(nil), cBytes(signAs(t, m.alg, m.aik, nil))
			}
		}, certInfo, "8.3/5"},
		{"step 5: other data", certify(func(c *softkey.TPMCertInfo) { c.ExtraData = flipped(c.ExtraData) }), webauthn.ReasonTPMExtraData, "8.3/5"},
		{"step 5: no data", certify(func(c *softkey.TPMCertInfo) { c.ExtraData = nil }), webauthn.ReasonTPMExtraData, "8.3/5"},
		{"step 5: part of the data", certify(func(c *softkey.TPMCertInfo) { c.ExtraData = c.ExtraData[:31] }), webauthn.ReasonTPMExtraData, "8.3/5"},
		{"step 5: hashed with SHA-1", func(_ *testing.T, m *madeTPM) {
			m.certInfo = func(c *softkey.TPMCertInfo) { c.ExtraData = hashed(crypto.SHA1, m.toSign()) }
		}, webauthn.ReasonTPMExtraData, "8.3/5"},
		{"step 5: what is ignored", certify(func(c *softkey.TPMCertInfo) {
			c.QualifiedSigner, c.QualifiedName, c.Clock, c.Safe, c.FirmwareVersion = nil, nil, 1<<63, 0, 0
			c.ResetCount, c.RestartCount = 0, 1<<31
		}), "", ""},

		{"8.3.1: a subject", func(_ *testing.T, m *madeTPM) { m.identity.Subject = pkix.Name{CommonName: "TPM"} }, certificate, "8.3.1"},
		{"8.3.1: no alternative name", func(_ *testing.T, m *madeTPM) { m.identity.NoAltName = true }, certificate, "8.3.1"},
		{"8.3.1: name not critical", func(_ *testing.T, m *madeTPM) { m.identity.AltNameNotCritical = true }, certificate, "8.3.1"},
		{"8.3.1: no manufacturer", func(_ *testing.T, m *madeTPM) { m.identity.Manufacturer = "" }, certificate, "8.3.1"},
		{"8.3.1: no model", func(_ *testing.T, m *madeTPM) { m.identity.Model = "" }, certificate, "8.3.1"},
		{"8.3.1: no version", func(_ *testing.T, m *madeTPM) { m.identity.Version = "" }, certificate, "8.3.1"},
		{"8.3.1: manufacturer without id", func(_ *testing.T, m *madeTPM) { m.identity.Manufacturer = "494E5443" }, certificate, "8.3.1"},
		{"8.3.1: manufacturer as text", func(_ *testing.T, m *madeTPM) { m.identity.Manufacturer = "id:INTC" }, certificate, "8.3.1"},
		{"8.3.1: manufacturer of 9 digits", func(_ *testing.T, m *madeTPM) { m.identity.Manufacturer += "0" }, certificate, "8.3.1"},
		{"8.3.1: manufacturer of 10 digits", func(_ *testing.T, m *madeTPM) { m.identity.Manufacturer += "00" }, certificate, "8.3.1"},
		{"8.3.1: version without id", func(_ *testing.T, m *madeTPM) { m.identity.Version = "00070002" }, certificate, "8.3.1"},
		{"8.3.1: version of nothing", func(_ *testing.T, m *madeTPM) { m.identity.Version = "id:" }, certificate, "8.3.1"},
		{"8.3.1: an EK certificate", func(_ *testing.T, m *madeTPM) { m.identity.Purpose = asn1.ObjectIdentifier{2, 23, 133, 8, 1} }, certificate, "8.3.1"},
		{"8.3.1: no purpose", func(_ *testing.T, m *madeTPM) { m.identity.Purpose = nil }, certificate, "8.3.1"},
		{"8.3.1: a CA", func(_ *testing.T, m *madeTPM) { m.identity.CA = true }, certificate, "8.3.1"},
		{"8.3.1: no basic constraints", func(_ *testing.T, m *madeTPM) { m.identity.NoConstraints = true }, certificate, "8.3.1"},
		{"8.3.1: another purpose beside", func(_ *testing.T, m *madeTPM) {
			m.certificate = func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
		}, "", ""},
		{"8.3.1: relative names of their own", func(_ *testing.T, m *madeTPM) { m.identity.SeparateRDNs = true }, "", ""},

		{"trust: the model is allowed", func(_ *testing.T, m *madeTPM) {
			m.exp.Trust.AllowedAAGUIDs = []webauthn.AAGUID{testAAGUID}
		}, "", ""},
		{"trust: another root", func(t *testing.T, m *madeTPM) {
			m.exp.Trust.Anchors = []*x509.Certificate{issue(t, caTemplate("Example TPM Root"), newKey(t), nil).cert}
		}, webauthn.ReasonAttestationUntrusted, "7.1/24"},
		{"trust: no vendors", func(_ *testing.T, m *madeTPM) { m.exp.Trust.TPMVendors = nil }, certificate, "7.1/24"},
		{"trust: another vendor", func(_ *testing.T, m *madeTPM) { m.exp.Trust.TPMVendors = []string{"id:414D4400"} }, certificate, "7.1/24"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := newTPM(t)
			test.spoil(t, m)
			reg, err := m.judge(t)
			wantRefusal(t, err, test.reason, test.step)
			if err == nil && (reg.AttestationType != webauthn.AttestationAttCA || !reg.Trusted || len(reg.Chain) != 2) {
				t.Errorf("type %s, trusted %t, chain of %d", reg.AttestationType, reg.Trusted, len(reg.Chain))
			}
		})
	}
}

func newECKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newRSAKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestTPMAttestationKeys checks every algorithm an attestation key may have; and that
// what it certifies is hashed with that algorithm's hash.
func TestTPMAttestationKeys(t *testing.T) {
	rsaKey := newRSAKey(t)
	keys := map[cose.Algorithm]crypto.Signer{
		cose.ES256: newECKey(t, elliptic.P256()), cose.ES384: newECKey(t, elliptic.P384()), cose.ES512: newECKey(t, elliptic.P521()),
		cose.RS256: rsaKey, cose.RS384: rsaKey, cose.RS512: rsaKey, cose.PS256: rsaKey, cose.PS384: rsaKey, cose.PS512: rsaKey,
	}
	for alg, key := range keys {
		t.Run(alg.String(), func(t *testing.T) {
			m := newTPM(t)
			m.alg, m.aik = alg, key
			if _, err := m.judge(t); err != nil {
				t.Error(err)
			}
			m.certInfo = func(c *softkey.TPMCertInfo) { c.ExtraData = hashed(crypto.SHA512_256, m.toSign()) }
			_, err := m.judge(t)
			wantRefusal(t, err, webauthn.ReasonTPMExtraData, "8.3/5")
		})
	}

	// An Ed25519 key signs without a hash that extraData could be made with.
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m := newTPM(t)
	m.alg, m.aik = cose.EdDSA, ed
	_, err = m.judge(t)
	wantRefusal(t, err, webauthn.ReasonAttestationAlgMismatch, "8.3/5")
}

// TestTPMCredentialKeys checks every kind of credential key, and every name algorithm.
func TestTPMCredentialKeys(t *testing.T) {
	rsaKey := newRSAKey(t)
	p384, p521 := newECKey(t, elliptic.P384()), newECKey(t, elliptic.P521())
	ec := func(alg, curve int64, key *ecdsa.PrivateKey) []byte {
		p := tpmPublicOf(t, key.Public())
		return coseEC2(alg, curve, p.X, p.Y)
	}
	for nameAlg := range tpmHashes {
		for name, key := range map[string]struct {
			key  crypto.Signer
			cose []byte
		}{
			"RSA": {rsaKey, coseKey(t, rsaKey.Public())}, "P-384": {p384, ec(-35, 2, p384)}, "P-521": {p521, ec(-36, 3, p521)},
		} {
			t.Run(fmt.Sprintf("%s named by %#x", name, nameAlg), func(t *testing.T) {
				m := newTPM(t)
				m.attests(t, key.key, key.cose)
				m.public.NameAlg = nameAlg
				if _, err := m.judge(t); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestTPMRSAPublicArea checks what an RSA key's public area says.
func TestTPMRSAPublicArea(t *testing.T) {
	key := newRSAKey(t)
	tests := []struct {
		name  string
		spoil func(p *softkey.TPMPublic)
		ok    bool
	}{
		{"exponent by default", func(*softkey.TPMPublic) {}, true},
		{"exponent in full", func(p *softkey.TPMPublic) { p.Exponent = 65537 }, true},
		{"another exponent", func(p *softkey.TPMPublic) { p.Exponent = 3 }, false},
		{"scheme RSASSA", func(p *softkey.TPMPublic) { p.Scheme = []uint16{0x14, 0x0B} }, true},
		{"scheme RSAPSS", func(p *softkey.TPMPublic) { p.Scheme = []uint16{0x16, 0x0B} }, true},
		{"scheme RSAES, which has no hash", func(p *softkey.TPMPublic) { p.Scheme = []uint16{0x15} }, true},
		{"scheme of ECC", func(p *softkey.TPMPublic) { p.Scheme = []uint16{0x18, 0x0B} }, false},
		{"scheme cut short", func(p *softkey.TPMPublic) { p.Scheme = nil }, false},
		{"leading zeros", func(p *softkey.TPMPublic) { p.N = append([]byte{0}, p.N...) }, true},
		{"another modulus", func(p *softkey.TPMPublic) { p.N = flipped(p.N) }, false},
		{"no modulus", func(p *softkey.TPMPublic) { p.N = nil }, false},
		{"fewer bits", func(p *softkey.TPMPublic) { p.KeyBits = 1024 }, false},
		{"a key on a curve", func(p *softkey.TPMPublic) { p.Type, p.KDF, p.X, p.Y = 0x23, []uint16{0x10}, p.N, p.N }, false},
		{"a byte after", func(p *softkey.TPMPublic) { p.Trailing = []byte{0} }, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := newTPM(t)
			m.attests(t, key, coseKey(t, key.Public()))
			test.spoil(&m.public)
			_, err := m.judge(t)
			if test.ok {
				wantRefusal(t, err, "", "")
				return
			}
			wantRefusal(t, err, webauthn.ReasonTPMPubArea, "8.3/2")
		})
	}

	// With an exponent of its own, 0 does not stand for it.
	odd := &rsa.PublicKey{N: key.N, E: 3}
	m := newTPM(t)
	m.key, m.auth.key, m.public = key, coseKey(t, odd), tpmPublicOf(t, odd)
	_, err := m.judge(t)
	wantRefusal(t, err, webauthn.ReasonTPMPubArea, "8.3/2")
	m.public.Exponent = 3
	if _, err := m.judge(t); err != nil {
		t.Error(err)
	}
}

// Some TPMs leave out the zeros that coordinates begin with.
func TestTPMShortCoordinates(t *testing.T) {
	m := newTPM(t)
	var key *ecdsa.PrivateKey
	for d := int64(1); ; d++ { // one of 128 points has such a coordinate
		var err error
		if key, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), big.NewInt(d).FillBytes(make([]byte, 32))); err != nil {
			t.Fatal(err)
		}
		if p := tpmPublicOf(t, key.Public()); p.X[0] == 0 || p.Y[0] == 0 {
			break
		}
	}
	m.attests(t, key, coseKey(t, key.Public()))
	m.public.X, m.public.Y = bytes.TrimLeft(m.public.X, "\x00"), bytes.TrimLeft(m.public.Y, "\x00")
	if _, err := m.judge(t); err != nil {
		t.Error(err)
	}
}

// TestTPMVendors checks how manufacturers are compared.
func TestTPMVendors(t *testing.T) {
	tests := []struct {
		named    string
		accepted []string
		ok       bool
	}{
		{"id:494E5443", []string{"494E5443"}, true},
		{"id:494e5443", []string{"494E5443"}, true},
		{"ID:494E5443", []string{"id:494e5443"}, true},
		{"id:494E5443", []string{"id:414D4400", "id:494E5443"}, true},
		{"id:00000000", []string{"id:00000000"}, true},
		{"id:494E5443", []string{"id:414D4400"}, false},
		{"id:494E5443", []string{""}, false},
		{"id:494E5443", []string{"id:"}, false},
		{"id:494E5443", []string{"INTC", "Intel", "*"}, false},
		{"id:494E5443", []string{"494E54"}, false},
		{"id:494E5443", []string{" id:494E5443"}, false},
		{"id:494E5443", nil, false},
	}
	for _, test := range tests {
		for _, trust := range []webauthn.AttestationTrust{webauthn.TrustRequire, webauthn.TrustIgnore} {
			m := newTPM(t)
			m.identity.Manufacturer = test.named
			m.exp.Trust.TPMVendors, m.exp.Trust.Attestation = test.accepted, trust
			_, err := m.judge(t)
			if test.ok {
				wantRefusal(t, err, "", "")
				continue
			}
			wantRefusal(t, err, webauthn.ReasonAttestationCertificate, "7.1/24")
		}
	}
}

// SHA-1 passes only where the policy says so, for the attestation key alone.
func TestTPMSHA1(t *testing.T) {
	m := newTPM(t)
	m.alg, m.aik = cose.RS1, newRSAKey(t)
	_, err := m.judge(t)
	wantRefusal(t, err, webauthn.ReasonAttestationAlgMismatch, "7.1/24")
	m.exp.Trust.Attestation = webauthn.TrustIgnore
	_, err = m.judge(t)
	wantRefusal(t, err, webauthn.ReasonAttestationAlgMismatch, "7.1/24")
	m.exp.Trust.Attestation = webauthn.TrustRequire

	m.exp.Trust.AllowSHA1TPMStatements = true
	reg, err := m.judge(t)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(reg.Warnings, webauthn.WarningSHA1Statement) {
		t.Errorf("warnings %q", reg.Warnings)
	}
	m.certInfo = func(c *softkey.TPMCertInfo) { c.ExtraData = hashed(crypto.SHA256, m.toSign()) }
	_, err = m.judge(t)
	wantRefusal(t, err, webauthn.ReasonTPMExtraData, "8.3/5")
	m.certInfo = nil

	// It is no algorithm for a credential, nor for another format.
	m.exp.Algorithms = append(m.exp.Algorithms, cose.RS1)
	m.key, m.auth.key = m.aik, bytes.Replace(coseKey(t, m.aik.Public()), cInt(-257), cInt(-65535), 1)
	_, err = m.judge(t)
	wantRefusal(t, err, webauthn.ReasonPublicKeyInvalid, "7.1/20")

	a := newFull(t)
	a.exp.Trust.AllowSHA1TPMStatements = true
	a.statement = func(t testing.TB, r *madeRegistration) []byte {
		leaf := a.template
		der, err := x509.CreateCertificate(rand.Reader, leaf, a.root.cert, m.aik.Public(), a.root.key)
		if err != nil {
			t.Fatal(err)
		}
		return cMap(pair{cText("alg"), cInt(-65535)}, pair{cText("sig"), cBytes(signAs(t, cose.RS1, m.aik, r.toSign()))}, pair{cText("x5c"), cArray(cBytes(der))})
	}
	_, err = a.judge(t)
	wantRefusal(t, err, webauthn.ReasonAttestationAlgMismatch, "8.2/2")
}

// What a TPM's name may look like, beyond what an identity can say.
func TestTPMAltNames(t *testing.T) {
	attribute := func(n byte, tag byte, text string) []byte {
		return der(0x30, []byte{6, 5, 0x67, 0x81, 5, 2, n}, der(tag, []byte(text)))
	}
	maker, model, version := attribute(1, 12, testVendor), attribute(2, 12, "Example TPM"), attribute(3, 12, "id:1")
	directory := func(rdns ...[]byte) []byte { return der(0xA4, der(0x30, rdns...)) }
	good := directory(der(0x31, maker, model, version))
	other := der(0x82, []byte("tpm.example.com"))
	tests := []struct {
		name string
		der  []byte
		ok   bool
	}{
		{"one set", der(0x30, good), true},
		{"three sets", der(0x30, directory(der(0x31, maker), der(0x31, model), der(0x31, version))), true},
		{"another order", der(0x30, directory(der(0x31, version), der(0x31, maker), der(0x31, model))), true},
		{"printable", der(0x30, directory(der(0x31, maker, attribute(2, 19, "Example TPM"), version))), true},
		{"a name of another kind beside", der(0x30, other, good), true},
		{"a name of another kind after", der(0x30, good, other), true},
		{"another attribute beside", der(0x30, directory(der(0x31, maker, model, version), der(0x31, attribute(16, 12, "x")))), true},
		{"no names", der(0x30), false},
		{"a name of another kind alone", der(0x30, other), false},
		{"two directory names", der(0x30, good, good), false},
		{"a manufacturer twice", der(0x30, directory(der(0x31, maker, model, version), der(0x31, maker))), false},
		{"another version beside", der(0x30, directory(der(0x31, maker, model, version, attribute(3, 12, "id:2")))), false},
		{"empty directory name", der(0x30, directory()), false},
		{"directory name with bytes after", der(0x30, der(0xA4, der(0x30, der(0x31, maker, model, version)), []byte{5, 0})), false},
		{"primitive directory name", der(0x30, der(0x84, der(0x30, der(0x31, maker, model, version)))), false},
		{"manufacturer a number", der(0x30, directory(der(0x31, der(0x30, []byte{6, 5, 0x67, 0x81, 5, 2, 1}, []byte{2, 1, 5}), model, version))), false},
		{"an empty model", der(0x30, directory(der(0x31, maker, attribute(2, 12, ""), version))), false},
		{"the number of a directory name in another class", der(0x30, der(0x24, der(0x30, der(0x31, maker, model, version)))), false},
		{"a name of another class beside", der(0x30, good, []byte{2, 1, 0}), false},
		{"a SET", der(0x31, good), false},
		{"universal name", der(0x30, der(0x30, der(0x31, maker, model, version))), false},
		{"bytes after", append(der(0x30, good), 0), false},
		{"cut short", der(0x30, good[:len(good)-1]), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := newTPM(t)
			m.altName(func([]byte) []byte { return test.der })
			reg, err := m.judge(t)
			if !test.ok {
				refusedCertificate(t, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			// What was read is not left over for others to read.
			if leaf := reg.Attestation().Certificates[0]; len(leaf.UnhandledCriticalExtensions) > 0 {
				t.Errorf("unhandled: %v", leaf.UnhandledCriticalExtensions)
			}
		})
	}
}

// refusedCertificate checks that a certificate was refused: by package x509, which
// reads some of the name itself, or by §8.3.1.
func refusedCertificate(t *testing.T, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), string(webauthn.ReasonAttestationCertificate)) {
		t.Errorf("got %v, want a refusal of the certificate", err)
	}
}

// der writes one value of less than 64 KiB.
func der(tag byte, parts ...[]byte) []byte {
	content := bytes.Join(parts, nil)
	switch n := len(content); {
	case n < 0x80:
		return append([]byte{tag, byte(n)}, content...)
	case n < 0x100:
		return append([]byte{tag, 0x81, byte(n)}, content...)
	default:
		return append([]byte{tag, 0x82, byte(n >> 8), byte(n)}, content...)
	}
}

// A critical extension that nobody reads stays refused.
func TestTPMUnknownCriticalExtension(t *testing.T) {
	m := newTPM(t)
	m.certificate = func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}})
	}
	_, err := m.judge(t)
	wantRefusal(t, err, webauthn.ReasonAttestationCertificate, "7.1/24")
}
