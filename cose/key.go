package cose

import "crypto"

// Algorithm is a COSE algorithm number (IANA registry "COSE Algorithms").
type Algorithm int32

// The algorithms.
const (
	ES256   Algorithm = -7
	EdDSA   Algorithm = -8
	ESP256  Algorithm = -9
	Ed25519 Algorithm = -19
	ES384   Algorithm = -35
	ES512   Algorithm = -36
	PS256   Algorithm = -37
	PS384   Algorithm = -38
	PS512   Algorithm = -39
	ES256K  Algorithm = -47
	MLDSA44 Algorithm = -48
	MLDSA65 Algorithm = -49
	MLDSA87 Algorithm = -50
	ESP384  Algorithm = -51
	ESP512  Algorithm = -52
	Ed448   Algorithm = -53
	RS256   Algorithm = -257
	RS384   Algorithm = -258
	RS512   Algorithm = -259
	RS1     Algorithm = -65535
)

// String returns the registered name, such as "ES256".
func (a Algorithm) String() string { return "" }

// Supported reports whether this package verifies signatures of a.
func (a Algorithm) Supported() bool { return false }

// Canonical maps a fully specified algorithm to the older one it equals inside
// WebAuthn: ESP256, ESP384, ESP512 and Ed25519 to ES256, ES384, ES512 and EdDSA.
// It returns any other as it is.
func (a Algorithm) Canonical() Algorithm { return a }

// Hash returns the algorithm's hash function; zero where the message is not hashed
// first, or the algorithm is not supported.
func (a Algorithm) Hash() crypto.Hash { return 0 }

// Key is a credential public key that was checked to be usable.
type Key struct {
	alg    Algorithm
	public crypto.PublicKey
	raw    []byte
}

// ParseKey reads a COSE key. Its errors are [*KeyError].
func ParseKey(b []byte) (*Key, error) { return nil, &KeyError{Reason: KeyMalformed} }

// NewKey makes a Key of public, which is an *ecdsa.PublicKey, ed25519.PublicKey or
// *rsa.PublicKey that fits alg. Its errors are [*KeyError].
func NewKey(alg Algorithm, public crypto.PublicKey) (*Key, error) {
	return nil, &KeyError{Reason: KeyMalformed}
}

// Algorithm returns the algorithm the key is for, as the key names it.
func (k *Key) Algorithm() Algorithm { return k.alg }

// Public returns the key: *ecdsa.PublicKey, ed25519.PublicKey or *rsa.PublicKey.
func (k *Key) Public() crypto.PublicKey { return k.public }

// Bytes returns the COSE encoding, byte for byte as it was parsed.
func (k *Key) Bytes() []byte { return k.raw }

// SPKI returns the key as a DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
func (k *Key) SPKI() ([]byte, error) { return nil, nil }

// Verify returns nil if signature is the key's over message, otherwise [ErrSignature].
func (k *Key) Verify(message, signature []byte) error { return ErrSignature }

// VerifySignature verifies a signature with a key that came another way, such as a
// certificate's. A key that does not fit alg, or an alg that is not supported, is a
// [*KeyError]; a signature that does not verify is [ErrSignature].
func VerifySignature(alg Algorithm, public crypto.PublicKey, message, signature []byte) error {
	return ErrSignature
}
