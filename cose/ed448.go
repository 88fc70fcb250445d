package cose

import (
	"bytes"
	"crypto"
	"encoding/asn1"

	"github.com/cloudflare/circl/sign/ed448"
)

// Ed448PublicKey is a key for [Ed448]: a point in the encoding of RFC 8032 §5.2.2, of
// 57 bytes.
type Ed448PublicKey []byte

// Equal reports whether x is the same key.
func (k Ed448PublicKey) Equal(x crypto.PublicKey) bool {
	other, ok := x.(Ed448PublicKey)
	return ok && bytes.Equal(k, other)
}

// spki has no parameters (RFC 8410 §3).
func (k Ed448PublicKey) spki() ([]byte, error) {
	return marshalSPKI(asn1.ObjectIdentifier{1, 3, 101, 113}, nil, k)
}

var ed448Curve = curve{crv: 7, name: "Ed448", size: ed448.PublicKeySize}

var ed448Keys = family{kty: okpKty, labels: okpLabels, parse: parseEd448, check: checkEd448, encode: encodeEd448}

func parseEd448(s *scheme, p *parameters) (crypto.PublicKey, *KeyError) {
	x, err := readOKP(s, p)
	if err != nil {
		return nil, err
	}
	public := Ed448PublicKey(bytes.Clone(x))
	if err := checkEd448(s, public); err != nil {
		return nil, err
	}
	return public, nil
}

func checkEd448(s *scheme, public crypto.PublicKey) *KeyError {
	key, ok := public.(Ed448PublicKey)
	if !ok {
		return refuse(KeyMismatch, "a key of type %T does not fit %s", public, s.name)
	}
	return checkX(s, key, &edwards448)
}

func encodeEd448(b []byte, s *scheme, public crypto.PublicKey) ([]byte, *KeyError) {
	return appendOKP(b, s, public.(Ed448PublicKey)), nil
}

// verifyEd448 takes signatures of 114 bytes whose S is below the group's order
// (RFC 8032 §5.2.7); the tests hold the library to that.
func verifyEd448(_ *scheme, public crypto.PublicKey, message, signature []byte) bool {
	const context = ""
	return ed448.Verify(ed448.PublicKey(public.(Ed448PublicKey)), message, signature, context)
}
