package cose

import (
	"crypto"
	"fmt"

	"github.com/cloudflare/circl/sign"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
)

// Algorithm is a COSE algorithm number (IANA registry "COSE Algorithms"). JSON
// carries it as a number.
type Algorithm int32

// The algorithms WebAuthn speaks of (Level 3 §5.8.5), and ML-DSA, which has COSE
// numbers (draft-ietf-cose-dilithium) but is not yet spoken of there. ES256 and its kin
// stand for one curve each in WebAuthn. ESP256, ESP384, ESP512 and Ed25519 are the fully specified names
// (RFC 9864) of what inside WebAuthn is the same as ES256, ES384, ES512 and EdDSA.
const (
	ES256   Algorithm = -7   // ECDSA on P-256 with SHA-256
	EdDSA   Algorithm = -8   // Ed25519
	ESP256  Algorithm = -9   // twin of ES256
	Ed25519 Algorithm = -19  // twin of EdDSA
	ES384   Algorithm = -35  // ECDSA on P-384 with SHA-384
	ES512   Algorithm = -36  // ECDSA on P-521 with SHA-512
	PS256   Algorithm = -37  // RSASSA-PSS with SHA-256, salt of 32 bytes
	PS384   Algorithm = -38  // RSASSA-PSS with SHA-384, salt of 48 bytes
	PS512   Algorithm = -39  // RSASSA-PSS with SHA-512, salt of 64 bytes
	ES256K  Algorithm = -47  // ECDSA on secp256k1 with SHA-256
	MLDSA44 Algorithm = -48  // ML-DSA-44, pure, with an empty context
	MLDSA65 Algorithm = -49  // ML-DSA-65, likewise
	MLDSA87 Algorithm = -50  // ML-DSA-87, likewise
	ESP384  Algorithm = -51  // twin of ES384
	ESP512  Algorithm = -52  // twin of ES512
	Ed448   Algorithm = -53  // Ed448, pure, with an empty context
	RS256   Algorithm = -257 // RSASSA-PKCS1-v1_5 with SHA-256
	RS384   Algorithm = -258 // RSASSA-PKCS1-v1_5 with SHA-384
	RS512   Algorithm = -259 // RSASSA-PKCS1-v1_5 with SHA-512
)

// RS1 is RSASSA-PKCS1-v1_5 with SHA-1, which old TPMs attest with. It is not
// supported: no credential key may have it. [VerifySignatureAllowingSHA1] and keys of
// [ParseKeyAllowingSHA1] alone verify it.
const RS1 Algorithm = -65535

// scheme is what the package knows of an algorithm. To support one more, give it a
// row with a family in schemes; to support another sort of key, write its family.
type scheme struct {
	name   string
	twin   Algorithm   // the older algorithm it equals inside WebAuthn; 0 for none
	family *family     // sort of key
	curve  *curve      // for key types EC2 and OKP
	mldsa  sign.Scheme // for the family akp
	hash   crypto.Hash // 0: the message is signed as it is
	legacy bool        // for VerifySignatureAllowingSHA1 alone, and for no credential key
	verify func(s *scheme, public crypto.PublicKey, message, signature []byte) bool
}

// family is a sort of key: one value each in ec2.go, secp256k1.go, ed25519.go, ed448.go,
// akp.go and rsa.go.
type family struct {
	kty    int64
	labels int // the parameters that belong in a key: this many of labels -1, -2, -3

	// parse reads the parameters of a key for s and returns it, checked.
	parse func(s *scheme, p *parameters) (crypto.PublicKey, *KeyError)
	// check tells what is wrong with using public, of any type, under s.
	check func(s *scheme, public crypto.PublicKey) *KeyError
	// encode appends what parse reads, the labels included.
	encode func(b []byte, s *scheme, public crypto.PublicKey) ([]byte, *KeyError)
}

// schemes is the table of algorithms. It is never changed.
var schemes = map[Algorithm]*scheme{
	ES256:   {name: "ES256", family: &ec2, curve: &p256, hash: crypto.SHA256, verify: verifyECDSA},
	ES384:   {name: "ES384", family: &ec2, curve: &p384, hash: crypto.SHA384, verify: verifyECDSA},
	ES512:   {name: "ES512", family: &ec2, curve: &p521, hash: crypto.SHA512, verify: verifyECDSA},
	ESP256:  {name: "ESP256", twin: ES256, family: &ec2, curve: &p256, hash: crypto.SHA256, verify: verifyECDSA},
	ESP384:  {name: "ESP384", twin: ES384, family: &ec2, curve: &p384, hash: crypto.SHA384, verify: verifyECDSA},
	ESP512:  {name: "ESP512", twin: ES512, family: &ec2, curve: &p521, hash: crypto.SHA512, verify: verifyECDSA},
	EdDSA:   {name: "EdDSA", family: &ed25519Keys, curve: &ed25519Curve, verify: verifyEd25519},
	Ed25519: {name: "Ed25519", twin: EdDSA, family: &ed25519Keys, curve: &ed25519Curve, verify: verifyEd25519},
	RS256:   {name: "RS256", family: &rsaKeys, hash: crypto.SHA256, verify: verifyPKCS1v15},
	RS384:   {name: "RS384", family: &rsaKeys, hash: crypto.SHA384, verify: verifyPKCS1v15},
	RS512:   {name: "RS512", family: &rsaKeys, hash: crypto.SHA512, verify: verifyPKCS1v15},
	PS256:   {name: "PS256", family: &rsaKeys, hash: crypto.SHA256, verify: verifyPSS},
	PS384:   {name: "PS384", family: &rsaKeys, hash: crypto.SHA384, verify: verifyPSS},
	PS512:   {name: "PS512", family: &rsaKeys, hash: crypto.SHA512, verify: verifyPSS},

	ES256K:  {name: "ES256K", family: &secp256k1Keys, curve: &secp256k1Curve, hash: crypto.SHA256, verify: verifySecp256k1},
	Ed448:   {name: "Ed448", family: &ed448Keys, curve: &ed448Curve, verify: verifyEd448},
	MLDSA44: {name: "ML-DSA-44", family: &akp, mldsa: mldsa44.Scheme(), verify: verifyMLDSA},
	MLDSA65: {name: "ML-DSA-65", family: &akp, mldsa: mldsa65.Scheme(), verify: verifyMLDSA},
	MLDSA87: {name: "ML-DSA-87", family: &akp, mldsa: mldsa87.Scheme(), verify: verifyMLDSA},

	RS1: {name: "RS1", family: &rsaKeys, hash: crypto.SHA1, legacy: true, verify: verifyPKCS1v15},
}

// String returns the registered name, such as "ES256", or the number in parentheses
// of an algorithm that has no name here.
func (a Algorithm) String() string {
	if s, ok := schemes[a]; ok {
		return s.name
	}
	return fmt.Sprintf("algorithm(%d)", int32(a))
}

// Supported reports whether the package verifies signatures of a, other than on
// request for the sake of old statements.
func (a Algorithm) Supported() bool {
	_, err := lookup(a)
	return err == nil
}

// Canonical maps a fully specified algorithm to the one it equals inside WebAuthn:
// ESP256, ESP384, ESP512 and Ed25519 to ES256, ES384, ES512 and EdDSA. It returns any
// other as it is.
func (a Algorithm) Canonical() Algorithm {
	if s, ok := schemes[a]; ok && s.twin != 0 {
		return s.twin
	}
	return a
}

// Hash returns the hash function that is applied to the message; 0 where there is
// none, as with EdDSA, or where the package does not verify a at all.
func (a Algorithm) Hash() crypto.Hash {
	if s, ok := schemes[a]; ok {
		return s.hash
	}
	return 0
}

// lookup returns the scheme of a supported algorithm.
func lookup(a Algorithm) (*scheme, *KeyError) {
	s, ok := schemes[a]
	if !ok || s.legacy {
		return nil, refuse(KeyUnsupported, "algorithm %s (%d) is not supported", a, int32(a))
	}
	return s, nil
}
