package cose

import (
	"bytes"
	"crypto"
	"encoding/asn1"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// Secp256k1PublicKey is a key for [ES256K]: a point on secp256k1, uncompressed (SEC 1
// §2.3.3), which is 04 and two coordinates of 32 bytes.
//
// It is a type of its own, since the standard library does not have the curve: an
// *ecdsa.PublicKey on another curve than the library's own would be half a key.
type Secp256k1PublicKey []byte

// Equal reports whether x is the same key.
func (k Secp256k1PublicKey) Equal(x crypto.PublicKey) bool {
	other, ok := x.(Secp256k1PublicKey)
	return ok && bytes.Equal(k, other)
}

// spki has the curve in the algorithm's parameters (RFC 5480 §2.1.1, SEC 2 §A.2.1).
func (k Secp256k1PublicKey) spki() ([]byte, error) {
	curve, err := asn1.Marshal(asn1.ObjectIdentifier{1, 3, 132, 0, 10})
	if err != nil {
		return nil, err
	}
	return marshalSPKI(asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}, curve, k)
}

var secp256k1Curve = curve{crv: 8, name: "secp256k1", size: 32} // RFC 8812 §3.1

var secp256k1Keys = family{kty: ec2.kty, labels: ec2.labels, parse: parseSecp256k1, check: checkSecp256k1, encode: encodeSecp256k1}

func parseSecp256k1(s *scheme, p *parameters) (crypto.PublicKey, *KeyError) {
	point, err := readPoint(s, p)
	if err != nil {
		return nil, err
	}
	public := Secp256k1PublicKey(point)
	if err := checkSecp256k1(s, public); err != nil {
		return nil, err
	}
	return public, nil
}

func checkSecp256k1(s *scheme, public crypto.PublicKey) *KeyError {
	key, ok := public.(Secp256k1PublicKey)
	if !ok {
		return refuse(KeyMismatch, "a key of type %T does not fit %s", public, s.name)
	}
	// The parser below takes two more forms of a point.
	if len(key) != 1+2*s.curve.size || key[0] != 4 {
		return refuse(KeyValue, "the point is not in uncompressed form")
	}
	if _, cause := secp256k1.ParsePubKey(key); cause != nil {
		return refuse(KeyValue, "the point is not on %s", s.curve.name) // cause quotes the key
	}
	return nil
}

func encodeSecp256k1(b []byte, s *scheme, public crypto.PublicKey) ([]byte, *KeyError) {
	return appendPoint(b, s, public.(Secp256k1PublicKey)), nil
}

// verifySecp256k1 takes signatures in the one form that verifyECDSA takes. Like there,
// s may be in either half of its range: WebAuthn asks for no lower half, as blockchains
// do, and a signature is worth nothing beyond its challenge.
func verifySecp256k1(s *scheme, public crypto.PublicKey, message, signature []byte) bool {
	key, err := secp256k1.ParsePubKey(public.(Secp256k1PublicKey))
	if err != nil {
		return false
	}
	parsed, err := ecdsa.ParseDERSignature(signature)
	if err != nil {
		return false
	}
	var buffer [maxDigest]byte
	return parsed.Verify(digest(buffer[:0], s.hash, message), key)
}
