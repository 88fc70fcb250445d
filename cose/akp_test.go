package cose_test

import (
	"bytes"
	"errors"
	"testing"

	"bestow.dev/cose"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/fxamacker/cbor/v2"
)

// mldsaSizes are the lengths of FIPS 204, table 2.
var mldsaSizes = map[cose.Algorithm]struct{ key, signature int }{
	cose.MLDSA44: {1312, 2420},
	cose.MLDSA65: {1952, 3309},
	cose.MLDSA87: {2592, 4627},
}

func TestParseMLDSA(t *testing.T) {
	pub := func(m members) []byte { return m[one].([]byte) }
	tests := []struct {
		name  string
		spoil func(m members)
		want  cose.KeyReason // empty: accepted
	}{
		{"untouched", func(members) {}, ""},
		{"another key", func(m members) { m[one] = bytes.Repeat([]byte{0xff}, len(pub(m))) }, ""},

		{"no kty", func(m members) { delete(m, kty) }, cose.KeyParameters},
		{"no alg", func(m members) { delete(m, alg) }, cose.KeyParameters},
		{"no pub", func(m members) { delete(m, one) }, cose.KeyParameters},
		{"pub as text", func(m members) { m[one] = string(bytes.Repeat([]byte{'a'}, len(pub(m)))) }, cose.KeyParameters},
		{"pub as integer", func(m members) { m[one] = 1 }, cose.KeyParameters},
		{"private part", func(m members) { m[two] = make([]byte, 32) }, cose.KeyParameters},
		{"a third parameter", func(m members) { m[three] = []byte{1} }, cose.KeyParameters},
		{"key id", func(m members) { m[int64(2)] = []byte("kid") }, cose.KeyParameters},
		{"kty OKP", func(m members) { m[kty] = 1 }, cose.KeyMismatch},
		{"kty EC2", func(m members) { m[kty] = 2 }, cose.KeyMismatch},
		{"kty RSA", func(m members) { m[kty] = 3 }, cose.KeyMismatch},
		{"kty symmetric", func(m members) { m[kty] = 4 }, cose.KeyMismatch},
		{"alg ES256", func(m members) { m[alg] = -7 }, cose.KeyMismatch},
		{"alg Ed448", func(m members) { m[alg] = -53 }, cose.KeyMismatch},
		{"alg RS256", func(m members) { m[alg] = -257 }, cose.KeyMismatch},
		{"alg of the next parameter set", func(m members) {
			next := map[any]int64{int64(-48): -49, int64(-49): -50, int64(-50): -48}
			m[alg] = next[m[alg]]
		}, cose.KeyValue},
		{"pub short", func(m members) { m[one] = pub(m)[1:] }, cose.KeyValue},
		{"pub long", func(m members) { m[one] = append(pub(m), 0) }, cose.KeyValue},
		{"pub empty", func(m members) { m[one] = []byte{} }, cose.KeyValue},
	}
	for number, size := range mldsaSizes {
		for _, tt := range tests {
			t.Run(number.String()+"/"+tt.name, func(t *testing.T) {
				m := good(t, number)
				if len(pub(m)) != size.key {
					t.Fatalf("pub has %d bytes, want %d", len(pub(m)), size.key)
				}
				tt.spoil(m)
				key, err := cose.ParseKey(m.encode(t))
				wantRefusal(t, key, err, tt.want)
			})
		}
	}
}

// A signature has one length, and its hints one form (FIPS 204 §7.2, algorithm 21).
func TestMLDSASignatureForm(t *testing.T) {
	message := []byte(known(t).Message)
	for number, size := range mldsaSizes {
		a := knownKey(t, number)
		if len(a.Signature) != size.signature {
			t.Errorf("%v: the signature has %d bytes, want %d", number, len(a.Signature), size.signature)
		}
		key := parse(t, a.Key)
		if err := key.Verify(message, a.Signature); err != nil {
			t.Fatal(err)
		}
		for name, at := range map[string]int{
			"the commitment": 0, "the response": 100, "the count of the last hints": len(a.Signature) - 1,
		} {
			spoilt := bytes.Clone(a.Signature)
			spoilt[at] ^= 1
			if err := key.Verify(message, spoilt); !errors.Is(err, cose.ErrSignature) {
				t.Errorf("%v, a bit of %s: %v, want ErrSignature", number, name, err)
			}
		}
	}
	// Places for hints that are not used are zero: otherwise one signature had many forms.
	// With ML-DSA-44 there are 80 places, before the four counts at the end.
	a := knownKey(t, cose.MLDSA44)
	if used := int(a.Signature[2419]); used >= 80 {
		t.Fatalf("all %d places for hints are used", used)
	}
	spoilt := bytes.Clone(a.Signature)
	spoilt[2415] = 255
	if err := parse(t, a.Key).Verify(message, spoilt); !errors.Is(err, cose.ErrSignature) {
		t.Errorf("an unused hint: %v, want ErrSignature", err)
	}
}

// The context is empty.
func TestMLDSAContext(t *testing.T) {
	seed := [mldsa44.SeedSize]byte{1}
	public, private := mldsa44.NewKeyFromSeed(&seed)
	key, err := cose.NewKey(cose.MLDSA44, cose.MLDSAPublicKey(public.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("message")
	for context, ok := range map[string]bool{"": true, "webauthn": false} {
		signature := make([]byte, mldsa44.SignatureSize)
		if err := mldsa44.SignTo(private, message, []byte(context), false, signature); err != nil {
			t.Fatal(err)
		}
		if err := key.Verify(message, signature); (err == nil) != ok {
			t.Errorf("context %q: %v", context, err)
		}
	}
}

// The encoding of the longest key there is, byte by byte up to the key itself.
func TestMLDSAEncoding(t *testing.T) {
	raw := bytes.Repeat([]byte{7}, 2592)
	key, err := cose.NewKey(cose.MLDSA87, cose.MLDSAPublicKey(raw))
	if err != nil {
		t.Fatal(err)
	}
	want := append([]byte{0xa3, 0x01, 0x07, 0x03, 0x38, 0x31, 0x20, 0x59, 0x0a, 0x20}, raw...)
	if !bytes.Equal(key.Bytes(), want) {
		t.Errorf("encoded as %x…, want %x…", key.Bytes()[:12], want[:12])
	}
	if err := cbor.Wellformed(key.Bytes()); err != nil {
		t.Error(err)
	}
}
