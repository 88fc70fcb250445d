package cose_test

import (
	"bytes"
	"math/big"
	"testing"

	"bestow.dev/cose"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

func TestParseES256K(t *testing.T) {
	curve := secp256k1.Params()
	bytesOf := func(b any) []byte { return b.([]byte) }
	// smallX puts in a point whose x is so small that x plus times the field's prime
	// still has 32 bytes, and encodes it so.
	smallX := func(m members, times int64) {
		for n := int64(1); ; n++ {
			square := big.NewInt(n*n*n + 7) // y² = x³ + 7
			if root := square.ModSqrt(square, curve.P); root != nil {
				x := new(big.Int).Mul(curve.P, big.NewInt(times))
				m[two] = x.Add(x, big.NewInt(n)).FillBytes(make([]byte, 32))
				m[three] = root.FillBytes(make([]byte, 32))
				return
			}
		}
	}
	tests := []struct {
		name  string
		spoil func(m members)
		want  cose.KeyReason // empty: accepted
	}{
		{"untouched", func(members) {}, ""},
		{"other point", func(m members) {
			y := new(big.Int).SetBytes(bytesOf(m[three]))
			m[three] = y.Sub(curve.P, y).FillBytes(make([]byte, 32))
		}, ""},
		{"small x", func(m members) { smallX(m, 0) }, ""},

		{"no crv", func(m members) { delete(m, one) }, cose.KeyParameters},
		{"no x", func(m members) { delete(m, two) }, cose.KeyParameters},
		{"no y", func(m members) { delete(m, three) }, cose.KeyParameters},
		{"x as text", func(m members) { m[two] = "x" }, cose.KeyParameters},
		{"compressed, even", func(m members) { m[three] = false }, cose.KeyParameters},
		{"compressed, odd", func(m members) { m[three] = true }, cose.KeyParameters},
		{"private part", func(m members) { m[four] = make([]byte, 32) }, cose.KeyParameters},
		{"kty OKP", func(m members) { m[kty] = 1 }, cose.KeyMismatch},
		{"kty AKP", func(m members) { m[kty] = 7 }, cose.KeyMismatch},
		{"alg ES256", func(m members) { m[alg] = -7 }, cose.KeyMismatch},
		{"alg ES384", func(m members) { m[alg] = -35 }, cose.KeyMismatch},
		{"alg Ed448", func(m members) { m[alg] = -53 }, cose.KeyMismatch},
		{"crv P-256", func(m members) { m[one] = 1 }, cose.KeyMismatch},
		{"crv Ed448", func(m members) { m[one] = 7 }, cose.KeyMismatch},
		{"x short", func(m members) { m[two] = bytesOf(m[two])[1:] }, cose.KeyValue},
		{"x long", func(m members) { m[two] = append([]byte{0}, bytesOf(m[two])...) }, cose.KeyValue},
		{"y short", func(m members) { m[three] = bytesOf(m[three])[:31] }, cose.KeyValue},
		{"a byte moved from x to y", func(m members) {
			x := bytesOf(m[two])
			m[two], m[three] = x[:31], append(x[31:], bytesOf(m[three])...)
		}, cose.KeyValue},
		{"off the curve", func(m members) { m[two] = bytes.Repeat([]byte{1}, 32) }, cose.KeyValue},
		{"a point on P-256", func(m members) {
			of := good(t, cose.ES256)
			m[two], m[three] = of[two], of[three]
		}, cose.KeyValue},
		{"infinity", func(m members) { m[two], m[three] = make([]byte, 32), make([]byte, 32) }, cose.KeyValue},
		{"x beyond the field", func(m members) { m[two] = bytes.Repeat([]byte{0xff}, 32) }, cose.KeyValue},
		{"y beyond the field", func(m members) { m[three] = bytes.Repeat([]byte{0xff}, 32) }, cose.KeyValue},
		{"small x plus p", func(m members) { smallX(m, 1) }, cose.KeyValue},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := good(t, cose.ES256K)
			tt.spoil(m)
			key, err := cose.ParseKey(m.encode(t))
			wantRefusal(t, key, err, tt.want)
		})
	}
}
