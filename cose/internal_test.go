package cose

import (
	"crypto"
	"math/big"
	"slices"
	"testing"
)

// TestEdwards25519 derives the constants from the curve's equation.
func TestEdwards25519(t *testing.T) {
	p := edwards25519.p
	d := new(big.Int).ModInverse(big.NewInt(121666), p) // d = -121665/121666
	d.Mod(d.Mul(d, big.NewInt(-121665)), p)
	if d.Cmp(edwards25519.d) != 0 {
		t.Errorf("d = %x, not %x", edwards25519.d, d)
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
	wantSmallOrder(t, &edwards25519, want)
}

// TestEdwards448 shows that there are no more points of small order than the table has:
// (0, 1), (0, -1) and the two with y = 0. One of order 8, whose double has y = 0, would
// ask for y² = x², so for d·y⁴ - 2y² + 1 = 0 and a root of 1-d.
func TestEdwards448(t *testing.T) {
	p := edwards448.p
	if p.BitLen() != 448 || !p.ProbablyPrime(20) {
		t.Errorf("p = %x is no prime of 448 bits", p)
	}
	if big.Jacobi(new(big.Int).Add(edwards448.d, p), p) != -1 {
		t.Error("d is a square, and the formulas could divide by zero")
	}
	if big.Jacobi(new(big.Int).Sub(one, edwards448.d), p) != -1 {
		t.Error("1-d is a square, and there could be points of order 8")
	}
	wantSmallOrder(t, &edwards448, []*big.Int{new(big.Int), big.NewInt(1), new(big.Int).Sub(p, big.NewInt(1))})
}

func wantSmallOrder(t *testing.T, c *edwards, want []*big.Int) {
	t.Helper()
	slices.SortFunc(want, (*big.Int).Cmp)
	got := slices.Clone(c.smallOrderY)
	slices.SortFunc(got, (*big.Int).Cmp)
	if !slices.EqualFunc(got, want, func(a, b *big.Int) bool { return a.Cmp(b) == 0 }) {
		t.Errorf("smallOrderY is %x, want %x", got, want)
	}
}

// Every row of the table has to be whole.
func TestSchemes(t *testing.T) {
	for a, s := range schemes {
		if s.name == "" {
			t.Errorf("%d has no name", int32(a))
		}
		if s.family == nil || s.verify == nil {
			t.Errorf("%s lacks family or verify", s.name)
		}
		if (s.family == &akp) != (s.mldsa != nil) {
			t.Errorf("%s has one of family akp and a parameter set", s.name)
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
