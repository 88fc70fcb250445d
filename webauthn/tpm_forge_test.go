package webauthn_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"maps"
	"slices"
	"testing"

	"bestow.dev/cose"
	"bestow.dev/ctap/softkey"
	"bestow.dev/webauthn"
)

// madeTPM is a registration with tpm attestation, and what that is made from. The
// structures are written by the software key's encoders.
type madeTPM struct {
	*madeRegistration
	root     *authority
	public   softkey.TPMPublic
	identity softkey.TPMIdentity
	alg      cose.Algorithm // of the attestation key
	aik      crypto.Signer

	// What changes the things that are made from the above, if set.
	certInfo    func(*softkey.TPMCertInfo)
	certificate func(*x509.Certificate)
	members     func(map[string][]byte) // CBOR
}

const testVendor = "id:494E5443"

// newTPM returns a registration of a key on P-256, attested by another, trusted
// through a root.
func newTPM(t testing.TB) *madeTPM {
	t.Helper()
	m := &madeTPM{
		madeRegistration: newRegistration(t),
		root:             issue(t, caTemplate("Example TPM Root"), newKey(t), nil),
		identity: softkey.TPMIdentity{
			Manufacturer: testVendor, Model: "Example TPM", Version: "id:00070002",
			Purpose: asn1.ObjectIdentifier{2, 23, 133, 8, 3}, AAGUID: testAAGUID,
		},
		alg: cose.ES256,
		aik: newKey(t),
	}
	m.public = tpmPublicOf(t, m.key.Public())
	m.exp.Trust = webauthn.TrustPolicy{Anchors: []*x509.Certificate{m.root.cert}, Time: validAt, TPMVendors: []string{testVendor}}
	m.exp.Algorithms = []cose.Algorithm{cose.ES256, cose.ES384, cose.ES512, cose.EdDSA, cose.RS256}
	m.format = "tpm"
	m.statement = func(t testing.TB, _ *madeRegistration) []byte { return m.tpmStatement(t) }
	return m
}

// tpmPublicOf is the public area of a key, with nothing said that need not be.
func tpmPublicOf(t testing.TB, key crypto.PublicKey) softkey.TPMPublic {
	t.Helper()
	null := []uint16{0x10}
	p := softkey.TPMPublic{NameAlg: 0x0B, Attributes: 0x40072, Symmetric: null, Scheme: null}
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		p.Type, p.KDF = 0x23, null
		p.Curve = map[elliptic.Curve]uint16{elliptic.P256(): 3, elliptic.P384(): 4, elliptic.P521(): 5}[k.Curve]
		point, err := k.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		p.X, p.Y = point[1:len(point)/2+1], point[len(point)/2+1:]
	case *rsa.PublicKey:
		p.Type, p.KeyBits, p.N = 1, uint16(k.N.BitLen()), k.N.Bytes()
	}
	return p
}

// attests has the TPM attest another credential key, of this COSE form.
func (m *madeTPM) attests(t testing.TB, key crypto.Signer, cose []byte) {
	t.Helper()
	m.key, m.auth.key, m.public = key, cose, tpmPublicOf(t, key.Public())
}

var tpmHashes = map[uint16]crypto.Hash{4: crypto.SHA1, 0x0B: crypto.SHA256, 0x0C: crypto.SHA384, 0x0D: crypto.SHA512}

func hashed(h crypto.Hash, message []byte) []byte {
	w := h.New()
	w.Write(message)
	return w.Sum(nil)
}

// tpmNameOf is the name of the object with a public area.
func tpmNameOf(alg uint16, public []byte) []byte {
	name := binary.BigEndian.AppendUint16(nil, alg)
	if h, ok := tpmHashes[alg]; ok {
		name = append(name, hashed(h, public)...)
	}
	return name
}

func (m *madeTPM) tpmStatement(t testing.TB) []byte {
	t.Helper()
	pubArea := m.public.Bytes()
	certInfo := &softkey.TPMCertInfo{
		Magic: 0xFF544347, Type: 0x8017, QualifiedSigner: []byte("signer"), ExtraData: hashed(hashOf(m.alg), m.toSign()),
		Clock: 7, ResetCount: 5, RestartCount: 3, Safe: 1, FirmwareVersion: 9,
		Name: tpmNameOf(m.public.NameAlg, pubArea), QualifiedName: []byte("qualified"),
	}
	if m.certInfo != nil {
		m.certInfo(certInfo)
	}
	members := map[string][]byte{
		"ver": cText("2.0"), "alg": cInt(int64(m.alg)), "x5c": cArray(cBytes(m.aikCertificate(t))),
		"sig": cBytes(signAs(t, m.alg, m.aik, certInfo.Bytes())), "certInfo": cBytes(certInfo.Bytes()), "pubArea": cBytes(pubArea),
	}
	if m.members != nil {
		m.members(members)
	}
	var pairs []pair
	for name, value := range maps.All(members) {
		pairs = append(pairs, pair{cText(name), value})
	}
	return cMap(pairs...)
}

// aikCertificate issues the attestation key's certificate.
func (m *madeTPM) aikCertificate(t testing.TB) []byte {
	t.Helper()
	template, err := m.identity.Template(validAt)
	if err != nil {
		t.Fatal(err)
	}
	if m.certificate != nil {
		m.certificate(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, m.root.cert, m.aik.Public(), m.root.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// altName replaces the value of the subject alternative name.
func (m *madeTPM) altName(change func([]byte) []byte) {
	m.certificate = func(c *x509.Certificate) {
		for i, e := range c.ExtraExtensions {
			if e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) {
				c.ExtraExtensions[i].Value = change(e.Value)
			}
		}
	}
}

// hashOf is the hash of an algorithm, from the registry and not from package cose.
func hashOf(alg cose.Algorithm) crypto.Hash {
	switch alg {
	case cose.RS1:
		return crypto.SHA1
	case cose.ES384, cose.RS384, cose.PS384:
		return crypto.SHA384
	case cose.ES512, cose.RS512, cose.PS512:
		return crypto.SHA512
	}
	return crypto.SHA256
}

func signAs(t testing.TB, alg cose.Algorithm, key crypto.Signer, message []byte) []byte {
	t.Helper()
	if alg == cose.EdDSA {
		return sign(t, key, message)
	}
	h := hashOf(alg)
	options := crypto.SignerOpts(h)
	if slices.Contains([]cose.Algorithm{cose.PS256, cose.PS384, cose.PS512}, alg) {
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}
	}
	sig, err := key.Sign(rand.Reader, hashed(h, message), options)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// flipped returns a copy of b with the last bit flipped.
func flipped(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)-1] ^= 1
	return b
}
