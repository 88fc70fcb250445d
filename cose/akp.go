package cose

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"fmt"

	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
)

// MLDSAPublicKey is a key for [MLDSA44], [MLDSA65] or [MLDSA87], encoded as in FIPS 204
// §7.2. The three have keys of different length: 1312, 1952 and 2592 bytes. All strings
// of that length are keys.
type MLDSAPublicKey []byte

// Equal reports whether x is the same key.
func (k MLDSAPublicKey) Equal(x crypto.PublicKey) bool {
	other, ok := x.(MLDSAPublicKey)
	return ok && bytes.Equal(k, other)
}

// spki has no parameters (RFC 9881 §4): an identifier stands for one of the three.
func (k MLDSAPublicKey) spki() ([]byte, error) {
	last := map[int]int{mldsa44.PublicKeySize: 17, mldsa65.PublicKeySize: 18, mldsa87.PublicKeySize: 19}
	n, ok := last[len(k)]
	if !ok {
		return nil, fmt.Errorf("an ML-DSA key of %d bytes", len(k))
	}
	return marshalSPKI(asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, n}, nil, k)
}

// Label of an algorithm key pair, as a position in parameters
// (draft-ietf-cose-dilithium §3). Keys of this type belong to the algorithm they name
// and have no curve.
const akpPub = 0 // label -1

var akp = family{kty: 7, labels: 1, parse: parseAKP, check: checkAKP, encode: encodeAKP}

func parseAKP(s *scheme, p *parameters) (crypto.PublicKey, *KeyError) {
	pub, err := byteString(p.values[akpPub], "pub")
	if err != nil {
		return nil, err
	}
	public := MLDSAPublicKey(bytes.Clone(pub))
	if err := checkAKP(s, public); err != nil {
		return nil, err
	}
	return public, nil
}

func checkAKP(s *scheme, public crypto.PublicKey) *KeyError {
	key, ok := public.(MLDSAPublicKey)
	if !ok {
		return refuse(KeyMismatch, "a key of type %T does not fit %s", public, s.name)
	}
	if size := s.mldsa.PublicKeySize(); len(key) != size {
		return refuse(KeyValue, "pub has %d bytes, not the %d of %s", len(key), size, s.name)
	}
	return nil
}

func encodeAKP(b []byte, _ *scheme, public crypto.PublicKey) ([]byte, *KeyError) {
	return appendBytes(appendInt(b, -1), public.(MLDSAPublicKey)), nil
}

// verifyMLDSA is ML-DSA.Verify (FIPS 204 §5.3) with an empty context. Signatures have
// one length for each algorithm: 2420, 3309 and 4627 bytes.
func verifyMLDSA(s *scheme, public crypto.PublicKey, message, signature []byte) bool {
	key, err := s.mldsa.UnmarshalBinaryPublicKey(public.(MLDSAPublicKey))
	return err == nil && s.mldsa.Verify(key, message, signature, nil)
}
