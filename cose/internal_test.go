package cose

import (
	"crypto"
	"math/big"
	"slices"
	"testing"
)

// TestSmallOrder derives the constants of okp.go from the curve's equation.
func TestSmallOrder(t *testing.T) {
	p := edwardsP
	d := new(big.Int).ModInverse(big.NewInt(121666), p) // d = -121665/121666
	d.Mod(d.Mul(d, big.NewInt(-121665)), p)
	if d.Cmp(edwardsD) != 0 {
		t.Errorf("d = %x, not %x", edwardsD, d)
	}

	// Doubling (x, y) gives a point with y = 0, which has order 4, if y² = -x². The
	// curve's equation then says d·y⁴ + 2y² - 1 = 0, so y² = (-1 ± √(d+1)) / d.
	want := []*big.Int{new(big.Int), big.NewInt(1), new(big.Int).Sub(p, big.NewInt(1))}
	root := new(big.Int).ModSqrt(new(big.Int).Add(d, one), p)
	for _, r := range []*big.Int{root, new(big.Int).Neg(root)} {
		square := new(big.Int).Sub(r, one)
		square.Mod(square.Mul(square, new(big.Int).ModInverse(d, p)), p)
		if y := new(big.Int).ModSqrt(square, p); y != nil {
			want = append(want, y, new(big.Int).Sub(p, y))
		}
	}
	slices.SortFunc(want, (*big.Int).Cmp)
	got := slices.Clone(smallOrderY)
	slices.SortFunc(got, (*big.Int).Cmp)
	if !slices.EqualFunc(got, want, func(a, b *big.Int) bool { return a.Cmp(b) == 0 }) {
		t.Errorf("smallOrderY is %x, want %x", got, want)
	}
}

// Every row of the table has to be whole, or a name alone.
func TestSchemes(t *testing.T) {
	for a, s := range schemes {
		if s.name == "" {
			t.Errorf("%d has no name", int32(a))
		}
		if (s.family == nil) != (s.verify == nil) {
			t.Errorf("%s has one of family and verify", s.name)
		}
		if s.hash != 0 && len(digest(nil, s.hash, nil)) != s.hash.Size() {
			t.Errorf("%s: digest is not of its hash", s.name)
		}
		if s.twin != 0 && (schemes[s.twin] == nil || schemes[s.twin].curve != s.curve || schemes[s.twin].hash != s.hash) {
			t.Errorf("%s is no twin of %s", s.name, s.twin)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("digest knows MD5")
		}
	}()
	digest(nil, crypto.MD5, nil)
}
