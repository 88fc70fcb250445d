package cose

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"math/big"
	"slices"
)

var ed25519Curve = curve{crv: 6, name: "Ed25519", size: ed25519.PublicKeySize}

// Labels of an octet key, as positions in parameters (RFC 9053 §7.2). Label -1 is
// the curve, as with ec2.
const okpX = 1 // label -2

var okp = family{kty: 1, labels: 2, parse: parseOKP, check: checkOKP, encode: encodeOKP}

func parseOKP(s *scheme, p *parameters) (crypto.PublicKey, *KeyError) {
	if err := checkCurve(s, p); err != nil {
		return nil, err
	}
	x, err := byteString(p.values[okpX], "x")
	if err != nil {
		return nil, err
	}
	public := ed25519.PublicKey(bytes.Clone(x))
	if err := checkOKP(s, public); err != nil {
		return nil, err
	}
	return public, nil
}

// checkOKP refuses points that no honest signer has. Under a point of small order
// some signatures hold for many messages; the standard library takes such points, and
// encodings that are not canonical, as RFC 8032 §5.1.3 does not.
func checkOKP(s *scheme, public crypto.PublicKey) *KeyError {
	key, ok := public.(ed25519.PublicKey)
	if !ok {
		return refuse(KeyMismatch, "a key of type %T does not fit %s", public, s.name)
	}
	if len(key) != s.curve.size {
		return refuse(KeyValue, "x has %d bytes, not %d", len(key), s.curve.size)
	}
	if !isEd25519Point(key) {
		return refuse(KeyValue, "x is no point of Ed25519 in canonical form, or one of small order")
	}
	return nil
}

func encodeOKP(b []byte, s *scheme, public crypto.PublicKey) ([]byte, *KeyError) {
	b = appendInt(appendInt(b, -1), s.curve.crv)
	return appendBytes(appendInt(b, -2), public.(ed25519.PublicKey)), nil
}

func verifyEd25519(_ *scheme, public crypto.PublicKey, message, signature []byte) bool {
	return ed25519.Verify(public.(ed25519.PublicKey), message, signature)
}

// Constants of edwards25519 (RFC 8032 §5.1): the field's prime 2²⁵⁵-19, and d of the
// curve -x² + y² = 1 + d·x²·y².
var (
	one      = big.NewInt(1)
	edwardsP = new(big.Int).Sub(new(big.Int).Lsh(one, 255), big.NewInt(19))
	edwardsD = hexInt("52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3")
)

// smallOrderY are the y coordinates of the eight points whose order divides 8: 1 has
// order 1, -1 order 2, 0 order 4, and two opposite values order 8. A test derives
// them from the curve's equation.
var smallOrderY = []*big.Int{
	new(big.Int),
	one,
	new(big.Int).Sub(edwardsP, one),
	hexInt("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826"),
	hexInt("7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7"),
}

func hexInt(digits string) *big.Int {
	n, ok := new(big.Int).SetString(digits, 16)
	if !ok {
		panic("cose: not hexadecimal: " + digits) // constants only
	}
	return n
}

// isEd25519Point reports whether key is the canonical encoding (RFC 8032 §5.1.2) of
// a point on the curve that is not of small order.
func isEd25519Point(key []byte) bool {
	bigEndian := bytes.Clone(key)
	slices.Reverse(bigEndian)
	bigEndian[0] &= 0x7f // the top bit is the sign of x
	y := new(big.Int).SetBytes(bigEndian)
	if y.Cmp(edwardsP) >= 0 {
		return false
	}
	if slices.ContainsFunc(smallOrderY, func(small *big.Int) bool { return small.Cmp(y) == 0 }) {
		return false
	}
	// x² = (y²-1) / (d·y²+1) has a root if the product of the two is a square.
	square := new(big.Int).Mul(y, y)
	above := new(big.Int).Sub(square, one)
	below := square.Add(square.Mul(square, edwardsD), one)
	product := above.Mul(above, below)
	return big.Jacobi(product.Mod(product, edwardsP), edwardsP) == 1
}
