package cose

import (
	"bytes"
	"math/big"
	"slices"
)

// edwards is a twisted Edwards curve a·x² + y² = 1 + d·x²·y² over the integers modulo
// p. a is a square there and d is not, so the formulas below never divide by zero.
type edwards struct {
	p, a, d *big.Int

	// smallOrderY are the y coordinates of the points whose order divides the
	// cofactor. A test derives them from the curve's equation.
	smallOrderY []*big.Int
}

var one = big.NewInt(1)

// edwards25519 is that of RFC 8032 §5.1, with p = 2²⁵⁵-19 and cofactor 8: among the y
// of small order, 1 has order 1, -1 order 2, 0 order 4, and two opposite values order 8.
var edwards25519 = func() edwards {
	p := new(big.Int).Sub(new(big.Int).Lsh(one, 255), big.NewInt(19))
	return edwards{
		p: p,
		a: big.NewInt(-1),
		d: hexInt("52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3"),
		smallOrderY: []*big.Int{
			new(big.Int),
			one,
			new(big.Int).Sub(p, one),
			hexInt("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826"),
			hexInt("7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7"),
		},
	}
}()

// edwards448 is that of RFC 8032 §5.2, with p = 2⁴⁴⁸-2²²⁴-1 and cofactor 4: among the y
// of small order, 1 has order 1, -1 order 2 and 0 order 4.
var edwards448 = func() edwards {
	p := new(big.Int).Lsh(one, 448)
	p.Sub(p, new(big.Int).Lsh(one, 224)).Sub(p, one)
	return edwards{
		p:           p,
		a:           one,
		d:           big.NewInt(-39081),
		smallOrderY: []*big.Int{new(big.Int), one, new(big.Int).Sub(p, one)},
	}
}()

func hexInt(digits string) *big.Int {
	n, ok := new(big.Int).SetString(digits, 16)
	if !ok {
		panic("cose: not hexadecimal: " + digits) // constants only
	}
	return n
}

// holds reports whether x is the canonical encoding (RFC 8032 §5.1.2, §5.2.2) of a
// point on the curve that is not of small order: y in little endian, with the sign of
// the other coordinate in the top bit.
func (c *edwards) holds(x []byte) bool {
	bigEndian := bytes.Clone(x)
	slices.Reverse(bigEndian)
	bigEndian[0] &= 0x7f
	y := new(big.Int).SetBytes(bigEndian)
	if y.Cmp(c.p) >= 0 {
		return false
	}
	if slices.ContainsFunc(c.smallOrderY, func(small *big.Int) bool { return small.Cmp(y) == 0 }) {
		return false
	}
	// x² = (1-y²) / (a-d·y²) has a root if the product of the two is a square.
	square := new(big.Int).Mul(y, y)
	above := new(big.Int).Sub(one, square)
	below := square.Sub(c.a, square.Mul(square, c.d))
	product := above.Mul(above, below)
	return big.Jacobi(product.Mod(product, c.p), c.p) == 1
}
