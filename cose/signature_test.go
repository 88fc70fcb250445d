package cose_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"testing"

	"bestow.dev/cose"
)

// ECDSA signatures have one form: minimal positive INTEGERs in a SEQUENCE and nothing
// else.
func TestECDSAForm(t *testing.T) {
	message := []byte(known(t).Message)
	a := knownKey(t, cose.ES256)
	key := parse(t, a.Key)
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(a.Signature, &rs); err != nil {
		t.Fatal(err)
	}
	integer := func(content []byte) []byte { return append([]byte{2, byte(len(content))}, content...) }
	number := func(n *big.Int) []byte { // minimal, as DER wants it
		b := n.Bytes()
		if len(b) == 0 || b[0] >= 0x80 {
			b = append([]byte{0}, b...)
		}
		return b
	}
	sequence := func(parts ...[]byte) []byte {
		content := slices.Concat(parts...)
		return append([]byte{0x30, byte(len(content))}, content...)
	}
	r, s := integer(number(rs.R)), integer(number(rs.S))
	order := elliptic.P256().Params().N

	tests := []struct {
		name      string
		signature []byte
		ok        bool
	}{
		{"rebuilt", sequence(r, s), true},
		{"zero before r", sequence(integer(append([]byte{0}, number(rs.R)...)), s), false},
		{"zero before s", sequence(r, integer(append([]byte{0}, number(rs.S)...))), false},
		{"a third integer", sequence(r, s, integer([]byte{0})), false},
		{"s alone", sequence(s), false},
		{"r twice", sequence(r, r), false},
		{"s before r", sequence(s, r), false},
		{"byte after", append(sequence(r, s), 0), false},
		{"length in two bytes", slices.Concat([]byte{0x30, 0x81, byte(len(r) + len(s))}, r, s), false},
		{"indefinite length", slices.Concat([]byte{0x30, 0x80}, r, s, []byte{0, 0}), false},
		{"SET", slices.Concat([]byte{0x31, byte(len(r) + len(s))}, r, s), false},
		{"raw", append(rs.R.FillBytes(make([]byte, 32)), rs.S.FillBytes(make([]byte, 32))...), false},
		{"r zero", sequence(integer([]byte{0}), s), false},
		{"s zero", sequence(r, integer([]byte{0})), false},
		{"r empty", sequence(integer(nil), s), false},
		{"r negative", sequence(integer([]byte{0xff}), s), false},
		{"r plus order", sequence(integer(number(new(big.Int).Add(rs.R, order))), s), false},
		{"s plus order", sequence(r, integer(number(new(big.Int).Add(rs.S, order)))), false},
	}
	for _, tt := range tests {
		if err := key.Verify(message, tt.signature); (err == nil) != tt.ok {
			t.Errorf("%s: Verify(%x) = %v, want ok %v", tt.name, tt.signature, err, tt.ok)
		}
	}
}

// An EdDSA signature cannot be changed into another by adding the group's order to S
// (RFC 8032 §5.1.7).
func TestEdDSAIsNotMalleable(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := cose.NewKey(cose.EdDSA, public)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("message")
	signature := ed25519.Sign(private, message)
	if err := key.Verify(message, signature); err != nil {
		t.Fatal(err)
	}
	l, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := slices.Clone(signature[32:])
	slices.Reverse(s)
	more := new(big.Int).Add(new(big.Int).SetBytes(s), l).FillBytes(make([]byte, 32))
	slices.Reverse(more)
	if err := key.Verify(message, append(signature[:32:32], more...)); !errors.Is(err, cose.ErrSignature) {
		t.Errorf("S + L: %v, want ErrSignature", err)
	}
}

// RS1 verifies where it is asked for by name, and nowhere else.
func TestSHA1IsForCertificatesOnly(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("message")
	digest := sha1.Sum(message)
	signature, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA1, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	if err := cose.VerifySignatureAllowingSHA1(cose.RS1, &private.PublicKey, message, signature); err != nil {
		t.Errorf("allowed: %v", err)
	}
	if err := cose.VerifySignatureAllowingSHA1(cose.RS1, &private.PublicKey, []byte("another"), signature); !errors.Is(err, cose.ErrSignature) {
		t.Errorf("another message: %v, want ErrSignature", err)
	}
	if err := cose.VerifySignatureAllowingSHA1(cose.RS256, &private.PublicKey, message, signature); !errors.Is(err, cose.ErrSignature) {
		t.Errorf("as RS256: %v, want ErrSignature", err)
	}
	refused := map[string]error{
		"VerifySignature":            cose.VerifySignature(cose.RS1, &private.PublicKey, message, signature),
		"weak key":                   cose.VerifySignatureAllowingSHA1(cose.RS1, &rsa.PublicKey{N: big.NewInt(15), E: 3}, message, signature),
		"key of another type":        cose.VerifySignatureAllowingSHA1(cose.RS1, ed25519.PublicKey{}, message, signature),
		"algorithm without a scheme": cose.VerifySignatureAllowingSHA1(cose.Ed448, &private.PublicKey, message, signature),
	}
	_, refused["NewKey"] = cose.NewKey(cose.RS1, &private.PublicKey)
	for name, err := range refused {
		if _, ok := errors.AsType[*cose.KeyError](err); !ok {
			t.Errorf("%s: %v, want a KeyError", name, err)
		}
	}
}
