package cose

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"

	"bestow.dev/internal/strictcbor"
)

// Labels that every key has (RFC 9052 §7.1).
const (
	labelKty = 1
	labelAlg = 3
)

// Key is a public key that was checked to be usable. It never changes.
type Key struct {
	alg    Algorithm
	scheme *scheme
	public crypto.PublicKey
	raw    []byte
}

// ParseKey reads a COSE key as attested credential data holds it (WebAuthn Level 3
// §6.5.1.1): CTAP2 canonical CBOR with kty, alg and the parameters that the key type
// requires, and nothing else. b is copied.
//
// It refuses what could never verify an honest signature: an algorithm that does not
// fit key type and curve; coordinates not of full length; a compressed point; a point
// off the curve, at infinity or of small order; an RSA modulus shorter than 2048 or
// longer than 8192 bits or even; an RSA exponent that is even, below 3 or above
// 2³¹-1; an ML-DSA key of another length than its algorithm's.
//
// On failure the key is nil and the error a [*KeyError].
func ParseKey(b []byte) (*Key, error) {
	return parseKey(b, lookup)
}

// ParseKeyAllowingSHA1 is [ParseKey], but takes keys of [RS1] as well. SHA-1 does not
// resist collisions, so that nobody should sign in with such a key: it is for conformance
// tests, which make some.
func ParseKeyAllowingSHA1(b []byte) (*Key, error) {
	return parseKey(b, func(a Algorithm) (*scheme, *KeyError) {
		if s, ok := schemes[a]; ok && s.legacy {
			return s, nil
		}
		return lookup(a)
	})
}

// parseKey reads a key of an algorithm that find knows.
func parseKey(b []byte, find func(Algorithm) (*scheme, *KeyError)) (*Key, error) {
	p, err := readParameters(b)
	if err != nil {
		return nil, err
	}
	s, err := find(p.alg)
	if err != nil {
		return nil, err
	}
	if p.kty != s.family.kty {
		return nil, refuse(KeyMismatch, "key type %d does not fit %s", p.kty, s.name)
	}
	for i, v := range p.values {
		switch belongs := i < s.family.labels; {
		case belongs && !v.Exists():
			return nil, refuse(KeyParameters, "parameter %d is missing", -1-i)
		case !belongs && v.Exists():
			return nil, refuse(KeyParameters, "parameter %d is none of this key type", -1-i)
		}
	}
	public, err := s.family.parse(s, p)
	if err != nil {
		return nil, err
	}
	return &Key{alg: p.alg, scheme: s, public: public, raw: bytes.Clone(b)}, nil
}

// NewKey makes the key of public, which is of one of the types that [Key.Public]
// returns, for alg. What [ParseKey] would refuse is refused here with the same
// [*KeyError].
func NewKey(alg Algorithm, public crypto.PublicKey) (*Key, error) {
	s, err := lookup(alg)
	if err != nil {
		return nil, err
	}
	if err := s.family.check(s, public); err != nil {
		return nil, err
	}
	b := appendHead(nil, strictcbor.Map, uint64(2+s.family.labels))
	b = appendInt(appendInt(b, labelKty), s.family.kty)
	b = appendInt(appendInt(b, labelAlg), int64(alg))
	b, err = s.family.encode(b, s, public)
	if err != nil {
		return nil, err
	}
	return ParseKey(b)
}

// Algorithm returns the algorithm as the key names it: a key for ESP256 says ESP256.
func (k *Key) Algorithm() Algorithm { return k.alg }

// Public returns the key as the standard library has it: *ecdsa.PublicKey,
// ed25519.PublicKey or *rsa.PublicKey. What the library has no type for is a
// [Secp256k1PublicKey], an [Ed448PublicKey] or an [MLDSAPublicKey]; no certificate that
// crypto/x509 reads has such a key, and each is equal to none but its own kind. It must
// not be changed.
func (k *Key) Public() crypto.PublicKey { return k.public }

// Bytes returns the COSE encoding, byte for byte as it was parsed. It must not be
// changed.
func (k *Key) Bytes() []byte { return k.raw }

// Equal reports whether public is the same key, whatever algorithm it is for.
func (k *Key) Equal(public crypto.PublicKey) bool {
	comparable, ok := k.public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && comparable.Equal(public)
}

// SPKI returns the key as a DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), the form
// that browsers give in publicKey.
func (k *Key) SPKI() ([]byte, error) {
	var der []byte
	var err error
	if own, ok := k.public.(interface{ spki() ([]byte, error) }); ok {
		der, err = own.spki()
	} else {
		der, err = x509.MarshalPKIXPublicKey(k.public)
	}
	if err != nil {
		return nil, fmt.Errorf("cose: encode SubjectPublicKeyInfo: %w", err)
	}
	return der, nil
}

// marshalSPKI encodes a SubjectPublicKeyInfo. parameters are those of the algorithm, in
// DER; none if empty.
func marshalSPKI(algorithm asn1.ObjectIdentifier, parameters, key []byte) ([]byte, error) {
	return asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}{
		pkix.AlgorithmIdentifier{Algorithm: algorithm, Parameters: asn1.RawValue{FullBytes: parameters}},
		asn1.BitString{Bytes: key, BitLength: 8 * len(key)},
	})
}

// parameters are the members of a COSE key. values are those of the labels -1, -2
// and -3, to which each key type gives its own meaning.
type parameters struct {
	kty    int64
	alg    Algorithm
	values [3]strictcbor.Item
}

// readParameters reads a COSE key that has no label but those of parameters: private
// parts, key operations, key ids and compressed forms have no place in a credential
// key (§6.5.1.1).
func readParameters(b []byte) (*parameters, *KeyError) {
	key, cause := strictcbor.Parse(b)
	if cause != nil {
		return nil, &KeyError{Reason: KeyMalformed, Detail: "the key is not canonical CBOR", Err: cause}
	}
	if key.Kind() != strictcbor.Map {
		return nil, refuse(KeyMalformed, "the key is no CBOR map")
	}
	p := new(parameters)
	var kty, alg strictcbor.Item
	for label, value := range key.Entries() {
		switch n, ok := label.Int(); {
		case !ok:
			return nil, refuse(KeyParameters, "a label is no integer")
		case n == labelKty:
			kty = value
		case n == labelAlg:
			alg = value
		case n <= -1 && n >= -3:
			p.values[-1-n] = value
		default:
			return nil, refuse(KeyParameters, "parameter %d has no place in a credential key", n)
		}
	}
	var err *KeyError
	if p.kty, err = integer(kty, "kty"); err != nil {
		return nil, err
	}
	number, err := integer(alg, "alg")
	if err != nil {
		return nil, err
	}
	if number != int64(Algorithm(number)) {
		return nil, refuse(KeyUnsupported, "algorithm %d is not supported", number)
	}
	p.alg = Algorithm(number)
	return p, nil
}

// integer returns the value of an integer parameter, called name in the refusal.
func integer(value strictcbor.Item, name string) (int64, *KeyError) {
	if !value.Exists() {
		return 0, refuse(KeyParameters, "%s is missing", name)
	}
	n, ok := value.Int()
	if !ok {
		return 0, refuse(KeyParameters, "%s is no integer", name)
	}
	return n, nil
}

// byteString returns the value of a byte string parameter, called name in the refusal.
func byteString(value strictcbor.Item, name string) ([]byte, *KeyError) {
	b, ok := value.Bytes()
	if !ok {
		return nil, refuse(KeyParameters, "%s is no byte string", name)
	}
	return b, nil
}
