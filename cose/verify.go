package cose

import (
	"crypto"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
)

// Verify returns nil if signature is the key's over message, otherwise
// [ErrSignature]. message is what was signed, not its hash.
func (k *Key) Verify(message, signature []byte) error {
	if !k.scheme.verify(k.scheme, k.public, message, signature) {
		return ErrSignature
	}
	return nil
}

// VerifySignature verifies a signature with a key that did not come from [ParseKey],
// such as that of an attestation certificate.
//
// An alg that is not supported, or that public does not fit (another type or curve,
// or a modulus or exponent that ParseKey would refuse), is a [*KeyError]; a signature
// that does not verify is [ErrSignature].
func VerifySignature(alg Algorithm, public crypto.PublicKey, message, signature []byte) error {
	s, err := lookup(alg)
	if err != nil {
		return err
	}
	return verifyWith(s, public, message, signature)
}

// VerifySignatureAllowingSHA1 is [VerifySignature], but takes [RS1] as well. SHA-1
// does not resist collisions: who calls this has a policy that says why it may. It is
// meant for statements of old TPMs, and never for what a user signs.
func VerifySignatureAllowingSHA1(alg Algorithm, public crypto.PublicKey, message, signature []byte) error {
	if s, ok := schemes[alg]; ok && s.legacy {
		return verifyWith(s, public, message, signature)
	}
	return VerifySignature(alg, public, message, signature)
}

// verifyWith verifies a signature under a bare key.
func verifyWith(s *scheme, public crypto.PublicKey, message, signature []byte) error {
	if err := s.family.check(s, public); err != nil {
		return err
	}
	if !s.verify(s, public, message, signature) {
		return ErrSignature
	}
	return nil
}

// maxDigest is the length of the longest digest, SHA-512's.
const maxDigest = sha512.Size

// digest appends the hash of message to b. It allocates nothing, where
// [crypto.Hash.New] would.
func digest(b []byte, h crypto.Hash, message []byte) []byte {
	switch h {
	case crypto.SHA1:
		sum := sha1.Sum(message)
		return append(b, sum[:]...)
	case crypto.SHA256:
		sum := sha256.Sum256(message)
		return append(b, sum[:]...)
	case crypto.SHA384:
		sum := sha512.Sum384(message)
		return append(b, sum[:]...)
	case crypto.SHA512:
		sum := sha512.Sum512(message)
		return append(b, sum[:]...)
	default:
		panic("cose: a scheme with a hash that digest does not know") // the tests try every scheme
	}
}
