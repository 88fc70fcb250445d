package cose

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
)

var ed25519Curve = curve{crv: 6, name: "Ed25519", size: ed25519.PublicKeySize}

var ed25519Keys = family{kty: okpKty, labels: okpLabels, parse: parseEd25519, check: checkEd25519, encode: encodeEd25519}

func parseEd25519(s *scheme, p *parameters) (crypto.PublicKey, *KeyError) {
	x, err := readOKP(s, p)
	if err != nil {
		return nil, err
	}
	public := ed25519.PublicKey(bytes.Clone(x))
	if err := checkEd25519(s, public); err != nil {
		return nil, err
	}
	return public, nil
}

func checkEd25519(s *scheme, public crypto.PublicKey) *KeyError {
	key, ok := public.(ed25519.PublicKey)
	if !ok {
		return refuse(KeyMismatch, "a key of type %T does not fit %s", public, s.name)
	}
	return checkX(s, key, &edwards25519)
}

func encodeEd25519(b []byte, s *scheme, public crypto.PublicKey) ([]byte, *KeyError) {
	return appendOKP(b, s, public.(ed25519.PublicKey)), nil
}

func verifyEd25519(_ *scheme, public crypto.PublicKey, message, signature []byte) bool {
	return ed25519.Verify(public.(ed25519.PublicKey), message, signature)
}
