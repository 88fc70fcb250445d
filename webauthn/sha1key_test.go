package webauthn_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"slices"
	"testing"

	"bestow.dev/cose"
	"bestow.dev/webauthn"
)

// TestSHA1Keys: a credential key of RS1 passes where it is allowed and offered, at
// registration and at sign-in, and nowhere else.
func TestSHA1Keys(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	newer, err := cose.NewKey(cose.RS256, private.Public())
	if err != nil {
		t.Fatal(err)
	}
	key := bytes.Replace(newer.Bytes(), []byte{3, 0x39, 1, 0}, []byte{3, 0x39, 0xff, 0xfe}, 1) // RS1

	m := newRegistration(t)
	m.auth.key = key
	m.exp.Algorithms, m.exp.AllowSHA1Keys = []cose.Algorithm{cose.RS1}, true
	reg, err := m.judge(t)
	wantRefusal(t, err, "", "")
	if reg.Algorithm != cose.RS1 {
		t.Errorf("algorithm %s", reg.Algorithm)
	}
	m.exp.Algorithms = []cose.Algorithm{cose.RS256}
	_, err = m.judge(t)
	wantRefusal(t, err, webauthn.ReasonAlgorithmNotOffered, "7.1/20")
	m.exp.Algorithms, m.exp.AllowSHA1Keys = []cose.Algorithm{cose.RS1}, false
	_, err = m.judge(t)
	wantRefusal(t, err, webauthn.ReasonPublicKeyInvalid, "7.1/20")

	a := newAssertion(t)
	hash := sha256.Sum256(a.client.bytes())
	digest := sha1.Sum(slices.Concat(a.auth.bytes(), hash[:]))
	if a.signature, err = rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA1, digest[:]); err != nil {
		t.Fatal(err)
	}
	a.exp.Credential.PublicKey, a.exp.AllowSHA1Keys = key, true
	_, err = a.judge(t)
	wantRefusal(t, err, "", "")
	a.exp.AllowSHA1Keys = false
	_, err = a.judge(t)
	wantRefusal(t, err, webauthn.ReasonPublicKeyInvalid, "7.2/21")
}
