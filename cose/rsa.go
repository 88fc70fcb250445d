package cose

import (
	"crypto"
	"crypto/rsa"
	"encoding/binary"
	"math"
	"math/big"
)

// What is taken as an RSA key. Below 2048 bits keys are too weak (NIST SP 800-131A);
// above 8192 a signature takes so long to verify that a key could be used to keep the
// server busy.
const (
	minModulusBits = 2048
	maxModulusBits = 8192
	minExponent    = 3
	maxExponent    = math.MaxInt32 // the highest the standard library verifies with
)

// Labels of an RSA key, as positions in parameters (RFC 8230 §4).
const (
	rsaN = 0 // label -1
	rsaE = 1 // label -2
)

var rsaKeys = family{kty: 3, labels: 2, parse: parseRSA, check: checkRSA, encode: encodeRSA}

func parseRSA(s *scheme, p *parameters) (crypto.PublicKey, *KeyError) {
	n, err := byteString(p.values[rsaN], "n")
	if err != nil {
		return nil, err
	}
	e, err := byteString(p.values[rsaE], "e")
	if err != nil {
		return nil, err
	}
	if len(n) == 0 || n[0] == 0 || len(e) == 0 || e[0] == 0 {
		return nil, refuse(KeyValue, "n or e is empty or has leading zeros")
	}
	if len(n) > maxModulusBits/8 {
		return nil, refuse(KeyValue, "a modulus of %d bytes, more than %d", len(n), maxModulusBits/8)
	}
	if len(e) > 4 {
		return nil, refuse(KeyValue, "an exponent of %d bytes, more than 4", len(e))
	}
	var exponent [8]byte
	copy(exponent[8-len(e):], e)
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(binary.BigEndian.Uint64(exponent[:]))}
	if err := checkRSA(s, public); err != nil {
		return nil, err
	}
	return public, nil
}

func checkRSA(s *scheme, public crypto.PublicKey) *KeyError {
	key, ok := public.(*rsa.PublicKey)
	if !ok || key == nil || key.N == nil {
		return refuse(KeyMismatch, "a key of type %T does not fit %s", public, s.name)
	}
	switch bits := key.N.BitLen(); {
	case key.N.Sign() <= 0 || bits < minModulusBits || bits > maxModulusBits:
		return refuse(KeyValue, "a modulus of %d bits, not %d to %d", bits, minModulusBits, maxModulusBits)
	case key.N.Bit(0) == 0:
		return refuse(KeyValue, "the modulus is even")
	case key.E < minExponent || key.E > maxExponent || key.E%2 == 0:
		return refuse(KeyValue, "the exponent is even, below %d or above %d", minExponent, maxExponent)
	}
	return nil
}

func encodeRSA(b []byte, _ *scheme, public crypto.PublicKey) ([]byte, *KeyError) {
	key := public.(*rsa.PublicKey)
	b = appendBytes(appendInt(b, -1), key.N.Bytes())
	return appendBytes(appendInt(b, -2), big.NewInt(int64(key.E)).Bytes()), nil
}

func verifyPKCS1v15(s *scheme, public crypto.PublicKey, message, signature []byte) bool {
	var buffer [maxDigest]byte
	hashed := digest(buffer[:0], s.hash, message)
	return rsa.VerifyPKCS1v15(public.(*rsa.PublicKey), s.hash, hashed, signature) == nil
}

// verifyPSS takes one length of salt only, that of the hash (RFC 8230 §2).
func verifyPSS(s *scheme, public crypto.PublicKey, message, signature []byte) bool {
	var buffer [maxDigest]byte
	hashed := digest(buffer[:0], s.hash, message)
	options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: s.hash}
	return rsa.VerifyPSS(public.(*rsa.PublicKey), s.hash, hashed, signature, options) == nil
}
