package cose_test

import (
	"bytes"
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
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// ECDSA signatures have one form: minimal positive INTEGERs in a SEQUENCE and nothing
// else.
func TestECDSAForm(t *testing.T) {
	for alg, order := range map[cose.Algorithm]*big.Int{
		cose.ES256:  elliptic.P256().Params().N,
		cose.ES256K: secp256k1.Params().N,
	} {
		t.Run(alg.String(), func(t *testing.T) { testECDSAForm(t, alg, order) })
	}
}

func testECDSAForm(t *testing.T, alg cose.Algorithm, order *big.Int) {
	message := []byte(known(t).Message)
	a := knownKey(t, alg)
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

	tests := []struct {
		name      string
		signature []byte
		ok        bool
	}{
		{"rebuilt", sequence(r, s), true},
		{"s in the other half", sequence(r, integer(number(new(big.Int).Sub(order, rs.S)))), true},
		{"zero before r", sequence(integer(append([]byte{0}, number(rs.R)...)), s), false},
		{"zero before s", sequence(r, integer(append([]byte{0}, number(rs.S)...))), false},
		{"a third integer", sequence(r, s, integer([]byte{0})), false},
		{"s alone", sequence(s), false},
		{"r twice", sequence(r, r), false},
		{"s before r", sequence(s, r), false},
		{"byte after", append(sequence(r, s), 0), false},
		{"byte after s", sequence(r, s, []byte{0}), false},
		{"length too short", slices.Concat([]byte{0x30, byte(len(r) + len(s) - 1)}, r, s), false},
		{"length too long", slices.Concat([]byte{0x30, byte(len(r) + len(s) + 1)}, r, s), false},
		{"r of a length in two bytes", sequence(slices.Concat([]byte{2, 0x81, byte(len(r) - 2)}, r[2:]), s), false},
		{"OCTET STRING for r", sequence(slices.Concat([]byte{4}, r[1:]), s), false},
		{"no content", sequence(), false},
		{"length in two bytes", slices.Concat([]byte{0x30, 0x81, byte(len(r) + len(s))}, r, s), false},
		{"indefinite length", slices.Concat([]byte{0x30, 0x80}, r, s, []byte{0, 0}), false},
		{"SET", slices.Concat([]byte{0x31, byte(len(r) + len(s))}, r, s), false},
		{"raw", append(rs.R.FillBytes(make([]byte, 32)), rs.S.FillBytes(make([]byte, 32))...), false},
		{"r zero", sequence(integer([]byte{0}), s), false},
		{"s zero", sequence(r, integer([]byte{0})), false},
		{"r empty", sequence(integer(nil), s), false},
		{"r negative", sequence(integer([]byte{0xff}), s), false},
		{"s negative", sequence(r, integer([]byte{0xff})), false},
		{"r the order", sequence(integer(number(order)), s), false},
		{"s the order", sequence(r, integer(number(order))), false},
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
// (RFC 8032 §5.1.7, §5.2.7).
func TestEdDSAIsNotMalleable(t *testing.T) {
	tests := map[cose.Algorithm]struct {
		order string // L of RFC 8032 §5.1 and §5.2
		half  int    // bytes of R, and of S
	}{
		cose.EdDSA: {"1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 32},
		cose.Ed448: {"3fffffffffffffffffffffffffffffffffffffffffffffffffffffff7cca23e9c44edb49aed63690216cc2728dc58f552378c292ab5844f3", 57},
	}
	message := []byte(known(t).Message)
	for alg, tt := range tests {
		a := knownKey(t, alg)
		key := parse(t, a.Key)
		if err := key.Verify(message, a.Signature); err != nil {
			t.Fatal(err)
		}
		l, _ := new(big.Int).SetString(tt.order, 16)
		s := slices.Clone([]byte(a.Signature[tt.half:]))
		slices.Reverse(s)
		for times := range int64(3) {
			more := new(big.Int).Mul(l, big.NewInt(times))
			more.Add(more, new(big.Int).SetBytes(s))
			b := more.FillBytes(make([]byte, tt.half))
			slices.Reverse(b)
			err := key.Verify(message, slices.Concat(a.Signature[:tt.half], b))
			if good := times == 0; good != (err == nil) || !good && !errors.Is(err, cose.ErrSignature) {
				t.Errorf("%v, S + %d·L: %v", alg, times, err)
			}
		}
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
	text, err := cose.NewKey(cose.RS256, &private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	// RS256 and RS1 are numbers of the same length.
	encoded := bytes.Replace(text.Bytes(), []byte{3, 0x39, 1, 0}, []byte{3, 0x39, 0xff, 0xfe}, 1)
	key, err := cose.ParseKeyAllowingSHA1(encoded)
	if err != nil || key.Algorithm() != cose.RS1 || key.Verify(message, signature) != nil || key.Verify([]byte("another"), signature) == nil {
		t.Errorf("as a credential key where that is allowed: %v, %v", key, err)
	}
	if key, err := cose.ParseKeyAllowingSHA1(text.Bytes()); err != nil || key.Algorithm() != cose.RS256 {
		t.Errorf("another algorithm, where RS1 is allowed: %v", err)
	}
	refused := map[string]error{
		"VerifySignature":     cose.VerifySignature(cose.RS1, &private.PublicKey, message, signature),
		"weak key":            cose.VerifySignatureAllowingSHA1(cose.RS1, &rsa.PublicKey{N: big.NewInt(15), E: 3}, message, signature),
		"key of another type": cose.VerifySignatureAllowingSHA1(cose.RS1, ed25519.PublicKey{}, message, signature),
		"another algorithm":   cose.VerifySignatureAllowingSHA1(cose.Ed448, &private.PublicKey, message, signature),
		"unknown algorithm":   cose.VerifySignatureAllowingSHA1(-1000, &private.PublicKey, message, signature),
	}
	_, refused["NewKey"] = cose.NewKey(cose.RS1, &private.PublicKey)
	_, refused["ParseKey"] = cose.ParseKey(encoded)
	for name, err := range refused {
		if _, ok := errors.AsType[*cose.KeyError](err); !ok {
			t.Errorf("%s: %v, want a KeyError", name, err)
		}
	}
}
