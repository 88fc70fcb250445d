package plugout

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"math/big"
	"slices"
)

// Bounds of an RSA key in bits. The upper one keeps a key set from making each
// verification expensive.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// PublicKey is a key that answers may be verified with. Its zero value is not
// usable; see [NewPublicKey] and [ParseKeySet].
type PublicKey struct {
	KeyID string
	Key   crypto.PublicKey // *ecdsa.PublicKey on P-256, or *rsa.PublicKey

	// Algorithm restricts the key to one algorithm. Empty: each that fits it.
	Algorithm Algorithm

	// Inactive keys stay in a key set for the record and verify nothing.
	Inactive bool
}

// NewPublicKey checks key and gives it a name: kid, or the thumbprint if kid is
// empty.
//
// Errors: [ReasonUnusableKey].
func NewPublicKey(key crypto.PublicKey, kid string) (*PublicKey, error) {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return nil, refuse(ReasonUnusableKey, "curve is not P-256")
		}
		if _, err := k.ECDH(); err != nil { // checks that the point is on the curve
			return nil, refuse(ReasonUnusableKey, "point is not on the curve")
		}
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return nil, refuse(ReasonUnusableKey, "RSA modulus of %d bits; %d to %d are taken", bits, minRSABits, maxRSABits)
		}
		if k.N.Bit(0) == 0 || k.E < 3 || k.E&1 == 0 {
			return nil, refuse(ReasonUnusableKey, "RSA modulus or exponent is even or too small")
		}
	default:
		return nil, refuse(ReasonUnusableKey, "key is neither ECDSA nor RSA")
	}
	p := &PublicKey{KeyID: kid, Key: key}
	if p.KeyID == "" {
		p.KeyID = p.Thumbprint()
	}
	if len(p.KeyID) > maxKeyIDBytes || !printable(p.KeyID) {
		return nil, refuse(ReasonUnusableKey, "key id is too long or not printable")
	}
	return p, nil
}

// algorithms lists what the key can do, the default first.
func (p *PublicKey) algorithms() []Algorithm {
	if _, ok := p.Key.(*rsa.PublicKey); ok {
		return []Algorithm{RS256, PS256}
	}
	return []Algorithm{ES256}
}

func (p *PublicKey) accepts(a Algorithm) bool {
	return slices.Contains(p.algorithms(), a) && (p.Algorithm == "" || p.Algorithm == a)
}

// Thumbprint returns the key's JWK thumbprint (RFC 7638) with SHA-256, base64url.
// It is the identity of the key whatever name a key set gives it.
func (p *PublicKey) Thumbprint() string {
	jwk := p.JWK()
	// RFC 7638, section 3.2: the required members in the order of their names. All
	// values are base64url or fixed, so there is nothing to escape.
	text := `{"crv":"` + jwk.Curve + `","kty":"EC","x":"` + jwk.X + `","y":"` + jwk.Y + `"}`
	if jwk.Type == "RSA" {
		text = `{"e":"` + jwk.E + `","kty":"RSA","n":"` + jwk.N + `"}`
	}
	sum := sha256.Sum256([]byte(text))
	return b64.EncodeToString(sum[:])
}

// Equal reports whether p and q are the same key, whatever their names.
func (p *PublicKey) Equal(q *PublicKey) bool { return equal(p.Thumbprint(), q.Thumbprint()) }

// joinDER turns a DER signature into r and s of equal length, as JWS wants them
// (RFC 7518, section 3.4). A crypto.Signer gives DER.
func joinDER(der []byte, curve elliptic.Curve) ([]byte, error) {
	var sig struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &sig)
	if err != nil || len(rest) != 0 {
		return nil, refuse(ReasonSignature, "the key made a signature that is not DER")
	}
	size := (curve.Params().BitSize + 7) / 8
	if sig.R.Sign() <= 0 || sig.S.Sign() <= 0 || sig.R.BitLen() > 8*size || sig.S.BitLen() > 8*size {
		return nil, refuse(ReasonSignature, "the key made a signature out of range")
	}
	out := make([]byte, 2*size)
	sig.R.FillBytes(out[:size])
	sig.S.FillBytes(out[size:])
	return out, nil
}
