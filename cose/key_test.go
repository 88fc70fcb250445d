package cose_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"bestow.dev/cose"
	"bestow.dev/internal/strictcbor"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/fxamacker/cbor/v2"
)

// members is a COSE key as a map, to be spoilt.
type members map[any]any

var ctap2 = func() cbor.EncMode {
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	return mode
}()

func (m members) encode(t testing.TB) []byte {
	t.Helper()
	b, err := ctap2.Marshal(map[any]any(m))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// good returns the members of the known key for alg.
func good(t testing.TB, alg cose.Algorithm) members {
	t.Helper()
	var ints map[int64]any
	if err := cbor.Unmarshal(knownKey(t, alg).Key, &ints); err != nil {
		t.Fatal(err)
	}
	m := make(members)
	for label, v := range ints {
		m[label] = v
	}
	return m
}

func wantRefusal(t *testing.T, key *cose.Key, err error, want cose.KeyReason) {
	t.Helper()
	if want == "" {
		if err != nil || key == nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	e, ok := errors.AsType[*cose.KeyError](err)
	if !ok || e.Reason != want || e.Error() == "" {
		t.Errorf("got error %v (%T), want reason %q", err, err, want)
	}
	if key != nil {
		t.Errorf("got a key with the error %v", err)
	}
}

// Labels of COSE keys. -1, -2 and -3 mean another thing in each key type.
const kty, alg, one, two, three, four = int64(1), int64(3), int64(-1), int64(-2), int64(-3), int64(-4)

func TestParseEC2(t *testing.T) {
	first := func(b any) []byte { return b.([]byte) }
	tests := []struct {
		name  string
		spoil func(m members)
		want  cose.KeyReason // empty: accepted
	}{
		{"untouched", func(members) {}, ""},
		{"twin", func(m members) { m[alg] = -9 }, ""},
		{"other point", func(m members) { // the negative: same x, y becomes p-y
			y := new(big.Int).SetBytes(first(m[three]))
			m[three] = y.Sub(elliptic.P256().Params().P, y).FillBytes(make([]byte, 32))
		}, ""},

		{"no kty", func(m members) { delete(m, kty) }, cose.KeyParameters},
		{"no alg", func(m members) { delete(m, alg) }, cose.KeyParameters},
		{"no crv", func(m members) { delete(m, one) }, cose.KeyParameters},
		{"no x", func(m members) { delete(m, two) }, cose.KeyParameters},
		{"no y", func(m members) { delete(m, three) }, cose.KeyParameters},
		{"kty as text", func(m members) { m[kty] = "EC2" }, cose.KeyParameters},
		{"alg as text", func(m members) { m[alg] = "ES256" }, cose.KeyParameters},
		{"crv as text", func(m members) { m[one] = "P-256" }, cose.KeyParameters},
		{"x as text", func(m members) { m[two] = "x" }, cose.KeyParameters},
		{"y as integer", func(m members) { m[three] = 1 }, cose.KeyParameters},
		{"y null", func(m members) { m[three] = nil }, cose.KeyParameters},
		{"compressed, even", func(m members) { m[three] = false }, cose.KeyParameters},
		{"compressed, odd", func(m members) { m[three] = true }, cose.KeyParameters},
		{"private part", func(m members) { m[four] = make([]byte, 32) }, cose.KeyParameters},
		{"key id", func(m members) { m[int64(2)] = []byte("kid") }, cose.KeyParameters},
		{"key operations", func(m members) { m[int64(4)] = []int{2} }, cose.KeyParameters},
		{"base IV", func(m members) { m[int64(5)] = []byte{1} }, cose.KeyParameters},
		{"label as text", func(m members) { m["x"] = 1 }, cose.KeyParameters},
		{"huge label", func(m members) { m[uint64(1)<<63] = 1 }, cose.KeyParameters},

		{"kty OKP", func(m members) { m[kty] = 1 }, cose.KeyMismatch},
		{"kty RSA", func(m members) { m[kty] = 3 }, cose.KeyMismatch},
		{"kty 0", func(m members) { m[kty] = 0 }, cose.KeyMismatch},
		{"alg ES384", func(m members) { m[alg] = -35 }, cose.KeyMismatch},
		{"alg ESP512", func(m members) { m[alg] = -52 }, cose.KeyMismatch},
		{"alg ES256K", func(m members) { m[alg] = -47 }, cose.KeyMismatch},
		{"alg ML-DSA-44", func(m members) { m[alg] = -48 }, cose.KeyMismatch},
		{"alg EdDSA", func(m members) { m[alg] = -8 }, cose.KeyMismatch},
		{"alg RS256", func(m members) { m[alg] = -257 }, cose.KeyMismatch},
		{"crv P-384", func(m members) { m[one] = 2 }, cose.KeyMismatch},
		{"crv Ed25519", func(m members) { m[one] = 6 }, cose.KeyMismatch},
		{"crv secp256k1", func(m members) { m[one] = 8 }, cose.KeyMismatch},
		{"crv 0", func(m members) { m[one] = 0 }, cose.KeyMismatch},

		{"alg unknown", func(m members) { m[alg] = -1000 }, cose.KeyUnsupported},
		{"alg 0", func(m members) { m[alg] = 0 }, cose.KeyUnsupported},
		{"alg beyond 32 bits", func(m members) { m[alg] = int64(-7) - 1<<32 }, cose.KeyUnsupported},

		{"x short", func(m members) { m[two] = first(m[two])[1:] }, cose.KeyValue},
		{"x long", func(m members) { m[two] = append([]byte{0}, first(m[two])...) }, cose.KeyValue},
		{"x empty", func(m members) { m[two] = []byte{} }, cose.KeyValue},
		{"y short", func(m members) { m[three] = first(m[three])[:31] }, cose.KeyValue},
		{"y long", func(m members) { m[three] = append(first(m[three]), 0) }, cose.KeyValue},
		{"a byte moved from x to y", func(m members) {
			x := first(m[two])
			m[two], m[three] = x[:31], append(x[31:], first(m[three])...)
		}, cose.KeyValue},
		{"off the curve", func(m members) { m[two] = bytes.Repeat([]byte{1}, 32) }, cose.KeyValue},
		{"infinity", func(m members) { m[two], m[three] = make([]byte, 32), make([]byte, 32) }, cose.KeyValue},
		{"x beyond the field", func(m members) { m[two] = bytes.Repeat([]byte{0xff}, 32) }, cose.KeyValue},
		{"small x", func(m members) { m[two], m[three] = coordinates(0) }, ""},
		{"small x plus p", func(m members) { m[two], m[three] = coordinates(1) }, cose.KeyValue},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := good(t, cose.ES256)
			tt.spoil(m)
			key, err := cose.ParseKey(m.encode(t))
			wantRefusal(t, key, err, tt.want)
		})
	}
}

// asECDSA gives a point on secp256k1 the type of the standard library's keys.
func asECDSA(point cose.Secp256k1PublicKey) *ecdsa.PublicKey {
	//lint:ignore SA1019 a key that no parser would make
	return &ecdsa.PublicKey{Curve: secp256k1.S256(), X: new(big.Int).SetBytes(point[1:33]), Y: new(big.Int).SetBytes(point[33:])}
}

// coordinates returns those of a point on P-256 whose x is so small that x plus times
// the field's prime still has 32 bytes, and encodes it so.
func coordinates(times int64) (x, y []byte) {
	curve := elliptic.P256().Params()
	for n := int64(1); ; n++ {
		square := big.NewInt(n*n*n - 3*n) // y² = x³ - 3x + b
		root := square.ModSqrt(square.Mod(square.Add(square, curve.B), curve.P), curve.P)
		if root != nil {
			encoded := new(big.Int).Mul(curve.P, big.NewInt(times))
			return encoded.Add(encoded, big.NewInt(n)).FillBytes(make([]byte, 32)), root.FillBytes(make([]byte, 32))
		}
	}
}

func TestParseOKP(t *testing.T) {
	little := func(n *big.Int) []byte {
		b := n.FillBytes(make([]byte, 32))
		for i := range 16 {
			b[i], b[31-i] = b[31-i], b[i]
		}
		return b
	}
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	signed := func(b []byte) []byte { b[31] |= 0x80; return b }

	tests := []struct {
		name  string
		spoil func(m members)
		want  cose.KeyReason
	}{
		{"untouched", func(members) {}, ""},
		{"twin", func(m members) { m[alg] = -19 }, ""},
		{"other sign", func(m members) { m[two].([]byte)[31] ^= 0x80 }, ""},
		{"y = 3", func(m members) { m[two] = little(big.NewInt(3)) }, ""},

		{"no crv", func(m members) { delete(m, one) }, cose.KeyParameters},
		{"no x", func(m members) { delete(m, two) }, cose.KeyParameters},
		{"a y", func(m members) { m[three] = make([]byte, 32) }, cose.KeyParameters},
		{"private part", func(m members) { m[four] = make([]byte, 32) }, cose.KeyParameters},
		{"x as text", func(m members) { m[two] = "x" }, cose.KeyParameters},
		{"kty EC2", func(m members) { m[kty] = 2 }, cose.KeyMismatch},
		{"alg ES256", func(m members) { m[alg] = -7 }, cose.KeyMismatch},
		{"crv X25519", func(m members) { m[one] = 4 }, cose.KeyMismatch},
		{"crv Ed448", func(m members) { m[one] = 7 }, cose.KeyMismatch},
		{"crv P-256", func(m members) { m[one] = 1 }, cose.KeyMismatch},
		{"alg Ed448", func(m members) { m[alg] = -53 }, cose.KeyMismatch},
		{"x short", func(m members) { m[two] = m[two].([]byte)[1:] }, cose.KeyValue},
		{"x long", func(m members) { m[two] = append(m[two].([]byte), 0) }, cose.KeyValue},
		{"x empty", func(m members) { m[two] = []byte{} }, cose.KeyValue},

		{"off the curve", func(m members) { m[two] = little(big.NewInt(2)) }, cose.KeyValue},
		{"order 1", func(m members) { m[two] = little(big.NewInt(1)) }, cose.KeyValue},
		{"order 1, sign of zero", func(m members) { m[two] = signed(little(big.NewInt(1))) }, cose.KeyValue},
		{"order 2", func(m members) { m[two] = little(new(big.Int).Sub(p, big.NewInt(1))) }, cose.KeyValue},
		{"order 4", func(m members) { m[two] = make([]byte, 32) }, cose.KeyValue},
		{"order 4, other sign", func(m members) { m[two] = signed(make([]byte, 32)) }, cose.KeyValue},
		{"order 4, not canonical", func(m members) { m[two] = little(p) }, cose.KeyValue},
		{"order 1, not canonical", func(m members) { m[two] = little(new(big.Int).Add(p, big.NewInt(1))) }, cose.KeyValue},
		{"not canonical", func(m members) { m[two] = little(new(big.Int).Add(p, big.NewInt(3))) }, cose.KeyValue},
		{"all ones", func(m members) { m[two] = bytes.Repeat([]byte{0xff}, 32) }, cose.KeyValue},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := good(t, cose.EdDSA)
			tt.spoil(m)
			key, err := cose.ParseKey(m.encode(t))
			wantRefusal(t, key, err, tt.want)
		})
	}
}

func TestParseRSA(t *testing.T) {
	odd := func(bits uint) []byte { // an odd number of that many bits
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		return n.Add(n, big.NewInt(1)).Bytes()
	}
	tests := []struct {
		name  string
		spoil func(m members)
		want  cose.KeyReason
	}{
		{"untouched", func(members) {}, ""},
		{"3072 bits", func(m members) { m[one] = odd(3072) }, ""},
		{"3482 bits", func(m members) { m[one] = odd(3482) }, ""},
		{"8192 bits", func(m members) { m[one] = odd(8192) }, ""},
		{"exponent 3", func(m members) { m[two] = []byte{3} }, ""},
		{"exponent 2³¹-1", func(m members) { m[two] = []byte{0x7f, 0xff, 0xff, 0xff} }, ""},
		{"PSS", func(m members) { m[alg] = -37 }, ""},

		{"no n", func(m members) { delete(m, one) }, cose.KeyParameters},
		{"no e", func(m members) { delete(m, two) }, cose.KeyParameters},
		{"private exponent", func(m members) { m[three] = []byte{1} }, cose.KeyParameters},
		{"prime", func(m members) { m[four] = []byte{1} }, cose.KeyParameters},
		{"e as integer", func(m members) { m[two] = 65537 }, cose.KeyParameters},
		{"n as text", func(m members) { m[one] = strings.Repeat("n", 256) }, cose.KeyParameters},
		{"kty EC2", func(m members) { m[kty] = 2 }, cose.KeyMismatch},
		{"alg ES256", func(m members) { m[alg] = -7 }, cose.KeyMismatch},
		{"alg RS1", func(m members) { m[alg] = -65535 }, cose.KeyUnsupported},

		{"1024 bits", func(m members) { m[one] = odd(1024) }, cose.KeyValue},
		{"2047 bits", func(m members) { m[one] = odd(2047) }, cose.KeyValue},
		{"8193 bits", func(m members) { m[one] = odd(8193) }, cose.KeyValue},
		{"100000 bits", func(m members) { m[one] = odd(100_000) }, cose.KeyValue},
		{"n empty", func(m members) { m[one] = []byte{} }, cose.KeyValue},
		{"n even", func(m members) { m[one].([]byte)[255] &= 0xfe }, cose.KeyValue},
		{"n with a leading zero", func(m members) { m[one] = append([]byte{0}, m[one].([]byte)...) }, cose.KeyValue},
		{"e empty", func(m members) { m[two] = []byte{} }, cose.KeyValue},
		{"e with a leading zero", func(m members) { m[two] = []byte{0, 1, 0, 1} }, cose.KeyValue},
		{"exponent 0", func(m members) { m[two] = []byte{0} }, cose.KeyValue},
		{"exponent 1", func(m members) { m[two] = []byte{1} }, cose.KeyValue},
		{"exponent 2", func(m members) { m[two] = []byte{2} }, cose.KeyValue},
		{"exponent 65536", func(m members) { m[two] = []byte{1, 0, 0} }, cose.KeyValue},
		{"exponent 2³¹+1", func(m members) { m[two] = []byte{0x80, 0, 0, 1} }, cose.KeyValue},
		{"exponent 2³²+1", func(m members) { m[two] = []byte{1, 0, 0, 0, 1} }, cose.KeyValue},
		{"exponent 2⁶⁴+65537", func(m members) { m[two] = []byte{1, 0, 0, 0, 0, 0, 1, 0, 1} }, cose.KeyValue},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := good(t, cose.RS256)
			tt.spoil(m)
			key, err := cose.ParseKey(m.encode(t))
			wantRefusal(t, key, err, tt.want)
		})
	}
}

func TestParseEncoding(t *testing.T) {
	raw := []byte(knownKey(t, cose.ES256).Key)
	tests := []struct {
		name string
		key  []byte
		want strictcbor.Reason
	}{
		{"nothing", nil, strictcbor.Malformed},
		{"cut short", raw[:len(raw)-1], strictcbor.Malformed},
		{"a byte more", append(bytes.Clone(raw), 0), strictcbor.Trailing},
		{"not sorted", bytes.Join([][]byte{raw[:1], raw[3:5], raw[1:3], raw[5:]}, nil), strictcbor.NotCanonical},
		{"kty twice", bytes.Join([][]byte{{raw[0] + 1}, raw[1:3], raw[1:]}, nil), strictcbor.Duplicate},
		{"alg too wide", bytes.Join([][]byte{raw[:4], {0x38, 0x06}, raw[5:]}, nil), strictcbor.NotCanonical},
		{"indefinite", append(append([]byte{0xbf}, raw[1:]...), 0xff), strictcbor.NotCanonical},
		{"array", []byte{0x80}, ""},
		{"integer", []byte{0x00}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			key, err := cose.ParseKey(tt.key)
			wantRefusal(t, key, err, cose.KeyMalformed)
			if tt.want == "" {
				return
			}
			if e, ok := errors.AsType[*strictcbor.Error](err); !ok || e.Reason != tt.want {
				t.Errorf("cause %v, want reason %q", err, tt.want)
			}
		})
	}
	key, err := cose.ParseKey([]byte{0xa0})
	wantRefusal(t, key, err, cose.KeyParameters)
}

// A key must not change with the bytes it was read from.
func TestParseKeyCopies(t *testing.T) {
	for _, a := range known(t).Answers {
		b := bytes.Clone(a.Key)
		key := parse(t, b)
		clear(b)
		if !bytes.Equal(key.Bytes(), a.Key) {
			t.Errorf("%s: Bytes() changed with the input", a.Name)
		}
		if der, err := key.SPKI(); err != nil || !bytes.Equal(der, a.SPKI) {
			t.Errorf("%s: Public() changed with the input", a.Name)
		}
	}
}

func TestEqual(t *testing.T) {
	answers := known(t).Answers
	for _, a := range answers {
		for _, b := range answers {
			ka, kb := parse(t, a.Key), parse(t, b.Key)
			if got, want := ka.Equal(kb.Public()), bytes.Equal(a.SPKI, b.SPKI); got != want {
				t.Errorf("%s equals %s: %v, want %v", a.Name, b.Name, got, want)
			}
		}
	}
	// And to others of its own type, which the answers do not have.
	for name, pair := range map[string][2]interface{ Equal(crypto.PublicKey) bool }{
		"Ed448":     {cose.Ed448PublicKey{1, 2}, cose.Ed448PublicKey{1, 3}},
		"secp256k1": {cose.Secp256k1PublicKey{1, 2}, cose.Secp256k1PublicKey{1, 3}},
		"ML-DSA":    {cose.MLDSAPublicKey{1, 2}, cose.MLDSAPublicKey{1, 3}},
	} {
		if !pair[0].Equal(pair[0]) || pair[0].Equal(pair[1]) || pair[0].Equal([]byte{1, 2}) {
			t.Errorf("%s: what is equal is not told from what is not", name)
		}
	}
	if parse(t, answers[0].Key).Equal(nil) {
		t.Error("a key equals nil")
	}
}

// misfits are pairs of an algorithm and a key that do not go together.
func misfits(t *testing.T) map[string]struct {
	alg    cose.Algorithm
	public crypto.PublicKey
	want   cose.KeyReason
} {
	t.Helper()
	p256 := parse(t, knownKey(t, cose.ES256).Key).Public().(*ecdsa.PublicKey)
	p384 := parse(t, knownKey(t, cose.ES384).Key).Public()
	ed := parse(t, knownKey(t, cose.EdDSA).Key).Public().(ed25519.PublicKey)
	rs := parse(t, knownKey(t, cose.RS256).Key).Public().(*rsa.PublicKey)
	k1 := parse(t, knownKey(t, cose.ES256K).Key).Public().(cose.Secp256k1PublicKey)
	ed448 := parse(t, knownKey(t, cose.Ed448).Key).Public().(cose.Ed448PublicKey)
	mldsa := parse(t, knownKey(t, cose.MLDSA44).Key).Public().(cose.MLDSAPublicKey)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]struct {
		alg    cose.Algorithm
		public crypto.PublicKey
		want   cose.KeyReason
	}{
		"ES256, P-384":            {cose.ES256, p384, cose.KeyMismatch},
		"ES384, P-256":            {cose.ES384, p256, cose.KeyMismatch},
		"ES256, P-224":            {cose.ES256, &p224.PublicKey, cose.KeyMismatch},
		"ES256, RSA":              {cose.ES256, rs, cose.KeyMismatch},
		"ES256, Ed25519":          {cose.ES256, ed, cose.KeyMismatch},
		"ES256, nothing":          {cose.ES256, nil, cose.KeyMismatch},
		"ES256, nil key":          {cose.ES256, (*ecdsa.PublicKey)(nil), cose.KeyMismatch},
		"ES256, empty key":        {cose.ES256, &ecdsa.PublicKey{}, cose.KeyMismatch},
		"ES256, not a pointer":    {cose.ES256, *p256, cose.KeyMismatch},
		"EdDSA, P-256":            {cose.EdDSA, p256, cose.KeyMismatch},
		"EdDSA, short":            {cose.EdDSA, ed[:31], cose.KeyValue},
		"EdDSA, nil key":          {cose.EdDSA, ed25519.PublicKey(nil), cose.KeyValue},
		"EdDSA, small order":      {cose.EdDSA, make(ed25519.PublicKey, 32), cose.KeyValue},
		"RS256, P-256":            {cose.RS256, p256, cose.KeyMismatch},
		"PS256, Ed25519":          {cose.PS256, ed, cose.KeyMismatch},
		"RS256, nil key":          {cose.RS256, (*rsa.PublicKey)(nil), cose.KeyMismatch},
		"RS256, empty key":        {cose.RS256, &rsa.PublicKey{}, cose.KeyMismatch},
		"RS256, small":            {cose.RS256, &rsa.PublicKey{N: big.NewInt(15), E: 3}, cose.KeyValue},
		"RS256, 16384 bits":       {cose.RS256, &rsa.PublicKey{N: new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 16384), big.NewInt(1)), E: 3}, cose.KeyValue},
		"RS256, negative modulus": {cose.RS256, &rsa.PublicKey{N: new(big.Int).Neg(rs.N), E: 3}, cose.KeyValue},
		"RS256, exponent 1":       {cose.RS256, &rsa.PublicKey{N: rs.N, E: 1}, cose.KeyValue},
		"RS256, negative e":       {cose.RS256, &rsa.PublicKey{N: rs.N, E: -3}, cose.KeyValue},
		"RS1":                     {cose.RS1, rs, cose.KeyUnsupported},
		"ES256K, P-256":           {cose.ES256K, p256, cose.KeyMismatch},
		"ES256K, nothing":         {cose.ES256K, nil, cose.KeyMismatch},
		"ES256K, nil key":         {cose.ES256K, cose.Secp256k1PublicKey(nil), cose.KeyValue},
		"ES256K, compressed":      {cose.ES256K, append(cose.Secp256k1PublicKey{2}, k1[1:33]...), cose.KeyValue},
		"ES256K, hybrid":          {cose.ES256K, append(cose.Secp256k1PublicKey{6 | k1[64]&1}, k1[1:]...), cose.KeyValue},
		"ES256K, off the curve":   {cose.ES256K, append(slices.Clone(k1[:64]), k1[64]^1), cose.KeyValue},
		"ES256, secp256k1":        {cose.ES256, k1, cose.KeyMismatch},
		"ES256, as S256":          {cose.ES256, asECDSA(k1), cose.KeyMismatch},
		"ES256K, as S256":         {cose.ES256K, asECDSA(k1), cose.KeyMismatch},
		"Ed448, Ed25519":          {cose.Ed448, ed, cose.KeyMismatch},
		"Ed448, short":            {cose.Ed448, ed448[:56], cose.KeyValue},
		"Ed448, nil key":          {cose.Ed448, cose.Ed448PublicKey(nil), cose.KeyValue},
		"Ed448, small order":      {cose.Ed448, make(cose.Ed448PublicKey, 57), cose.KeyValue},
		"EdDSA, Ed448":            {cose.EdDSA, ed448, cose.KeyMismatch},
		"ML-DSA-44, Ed448":        {cose.MLDSA44, ed448, cose.KeyMismatch},
		"ML-DSA-44, nothing":      {cose.MLDSA44, nil, cose.KeyMismatch},
		"ML-DSA-44, nil key":      {cose.MLDSA44, cose.MLDSAPublicKey(nil), cose.KeyValue},
		"ML-DSA-65, of ML-DSA-44": {cose.MLDSA65, mldsa, cose.KeyValue},
		"Ed448, ML-DSA-44":        {cose.Ed448, mldsa, cose.KeyMismatch},
		"unknown algorithm":       {-1000, p256, cose.KeyUnsupported},
		"no algorithm":            {0, p256, cose.KeyUnsupported},
	}
}

func TestMisfits(t *testing.T) {
	for name, tt := range misfits(t) {
		t.Run(name, func(t *testing.T) {
			key, err := cose.NewKey(tt.alg, tt.public)
			wantRefusal(t, key, err, tt.want)
			wantRefusal(t, nil, cose.VerifySignature(tt.alg, tt.public, []byte("message"), []byte("signature")), tt.want)
		})
	}
}

func TestPointOffTheCurve(t *testing.T) {
	//lint:ignore SA1019 a key that no parser would make
	off := &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}
	key, err := cose.NewKey(cose.ES256, off)
	wantRefusal(t, key, err, cose.KeyValue)
	if err := cose.VerifySignature(cose.ES256, off, []byte("message"), knownKey(t, cose.ES256).Signature); !errors.Is(err, cose.ErrSignature) {
		t.Errorf("VerifySignature = %v, want ErrSignature", err)
	}
}

// What is refused must say which algorithm, so that an operator can tell what to ask
// the vendor.
func TestUnsupportedIsNamed(t *testing.T) {
	for _, a := range []cose.Algorithm{cose.RS1, -1000} {
		m := good(t, cose.ES256)
		m[alg] = int64(a)
		_, err := cose.ParseKey(m.encode(t))
		if err == nil || !strings.Contains(err.Error(), a.String()) {
			t.Errorf("%v: error %v does not name it", a, err)
		}
	}
}

// Keys of the types that are ours come from no certificate: where a format compares
// them with a certificate's key, they have to be unequal. If this fails, the standard
// library has learnt one, and Public should return its type.
func TestTypesOfOursAreInNoCertificate(t *testing.T) {
	for _, a := range []cose.Algorithm{cose.ES256K, cose.Ed448, cose.MLDSA44, cose.MLDSA65, cose.MLDSA87} {
		if public, err := x509.ParsePKIXPublicKey(knownKey(t, a).SPKI); err == nil {
			t.Errorf("%v: crypto/x509 reads the key as a %T", a, public)
		}
	}
}
