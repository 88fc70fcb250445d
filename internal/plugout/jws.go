package plugout

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
)

// Algorithm is a JWS signature algorithm of this wire. There are three; "none" and
// the keyed hashes of JWS never sign an answer.
type Algorithm string

// The algorithms.
const (
	ES256 Algorithm = "ES256" // ECDSA on P-256 with SHA-256
	RS256 Algorithm = "RS256" // RSASSA-PKCS1-v1_5 with SHA-256
	PS256 Algorithm = "PS256" // RSASSA-PSS with SHA-256, salt of 32 bytes
)

// Header is the protected header of an answer. These are the members it may have:
// a header that names a key (jwk, jku, x5u, x5c) or an extension (crit, b64) is
// refused, for keys come from the key set only.
type Header struct {
	Algorithm Algorithm `json:"alg"`
	KeyID     string    `json:"kid"`
	Type      string    `json:"typ,omitempty"` // "JWT", or absent
}

// maxKeyIDBytes bounds the name of a key.
const maxKeyIDBytes = 256

// JWS is a parsed compact JWS. Parsing proves nothing: only a [KeySet] says whose
// word the payload is.
type JWS struct {
	Header  Header
	Payload []byte

	signed    []byte // header and payload as received, which is what was signed
	signature []byte
}

// b64 refuses trailing bits that are not zero, so that a signature has one spelling.
var b64 = base64.RawURLEncoding.Strict()

// ParseJWS reads a compact JWS with the header of this wire, without verifying it.
//
// Errors: [ReasonTooLarge], [ReasonMalformed], [ReasonAlgorithm].
func ParseJWS(compact []byte) (*JWS, error) {
	if len(compact) > MaxAnswerBytes {
		return nil, refuse(ReasonTooLarge, "answer is larger than %d bytes", MaxAnswerBytes)
	}
	parts := bytes.Split(compact, []byte{'.'})
	if len(parts) != 3 {
		return nil, refuse(ReasonMalformed, "a compact JWS has three parts, this has %d", len(parts))
	}
	var raw [3][]byte
	for i, part := range parts {
		var err error
		if raw[i], err = decodeBase64(part); err != nil {
			return nil, err
		}
	}
	header, err := parseHeader(raw[0])
	if err != nil {
		return nil, err
	}
	return &JWS{
		Header:    header,
		Payload:   raw[1],
		signed:    compact[:len(parts[0])+1+len(parts[1])],
		signature: raw[2],
	}, nil
}

func decodeBase64(part []byte) ([]byte, error) {
	// The standard decoder skips line breaks; they have no place here.
	if len(part) == 0 || bytes.ContainsAny(part, "\r\n") {
		return nil, refuse(ReasonMalformed, "a part of the JWS is empty or not base64url")
	}
	out := make([]byte, b64.DecodedLen(len(part)))
	n, err := b64.Decode(out, part)
	if err != nil {
		return nil, refuse(ReasonMalformed, "a part of the JWS is empty or not base64url")
	}
	return out[:n], nil
}

func parseHeader(raw []byte) (Header, error) {
	var h Header
	if err := decodeKnown(raw, MaxRequestBytes, &h); err != nil {
		return Header{}, err
	}
	switch h.Algorithm {
	case ES256, RS256, PS256:
	default:
		return Header{}, refuse(ReasonAlgorithm, "algorithm is not ES256, RS256 or PS256")
	}
	if h.Type != "" && h.Type != "JWT" {
		return Header{}, refuse(ReasonMalformed, "typ is not JWT")
	}
	if h.KeyID == "" || len(h.KeyID) > maxKeyIDBytes || !printable(h.KeyID) {
		return Header{}, refuse(ReasonMalformed, "kid is missing, too long or not printable")
	}
	return h, nil
}

// verify checks the signature with one key. The caller has checked that the
// algorithm fits the key.
func (j *JWS) verify(public crypto.PublicKey) error {
	digest := sha256.Sum256(j.signed)
	ok := false
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		ok = verifyES256(key, digest[:], j.signature)
	case *rsa.PublicKey:
		if j.Header.Algorithm == PS256 {
			// RFC 7518, section 3.5: the salt is as long as the hash.
			opts := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
			ok = rsa.VerifyPSS(key, crypto.SHA256, digest[:], j.signature, opts) == nil
		} else {
			ok = rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], j.signature) == nil
		}
	}
	if !ok {
		return refuse(ReasonSignature, "signature does not verify with key %q", j.Header.KeyID)
	}
	return nil
}

// verifyES256 takes r and s as 32 bytes each (RFC 7518, section 3.4).
func verifyES256(key *ecdsa.PublicKey, digest, sig []byte) bool {
	if len(sig) != 64 {
		return false
	}
	r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
	return ecdsa.Verify(key, digest, r, s)
}

// A Signer signs the answers of one installation.
type Signer struct {
	key       crypto.Signer
	public    *PublicKey
	algorithm Algorithm
}

// NewSigner returns a signer for key, an ECDSA key on P-256 or an RSA key of at
// least 2048 bits. An empty algorithm means ES256 or RS256, as the key is; an empty
// kid means the key's thumbprint.
//
// Errors: [ReasonUnusableKey], [ReasonAlgorithm].
func NewSigner(key crypto.Signer, algorithm Algorithm, kid string) (*Signer, error) {
	public, err := NewPublicKey(key.Public(), kid)
	if err != nil {
		return nil, err
	}
	if algorithm == "" {
		algorithm = public.algorithms()[0]
	}
	if !public.accepts(algorithm) {
		return nil, refuse(ReasonAlgorithm, "key cannot sign with %q", algorithm)
	}
	return &Signer{key: key, public: public, algorithm: algorithm}, nil
}

// Public returns the key that verifies what s signs.
func (s *Signer) Public() *PublicKey { return s.public }

// Sign returns payload as a compact JWS.
//
// Errors: [ReasonTooLarge] if the result could not be posted; an error of the key.
func (s *Signer) Sign(payload []byte) ([]byte, error) {
	header, err := json.Marshal(Header{Algorithm: s.algorithm, KeyID: s.public.KeyID, Type: "JWT"})
	if err != nil {
		return nil, err
	}
	out := b64.AppendEncode(nil, header)
	out = append(out, '.')
	out = b64.AppendEncode(out, payload)
	digest := sha256.Sum256(out)
	signature, err := s.signature(digest[:])
	if err != nil {
		return nil, err
	}
	out = append(out, '.')
	out = b64.AppendEncode(out, signature)
	if len(out) > MaxAnswerBytes {
		return nil, refuse(ReasonTooLarge, "answer is larger than %d bytes", MaxAnswerBytes)
	}
	return out, nil
}

func (s *Signer) signature(digest []byte) ([]byte, error) {
	switch s.algorithm {
	case PS256:
		return s.key.Sign(rand.Reader, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	case RS256:
		return s.key.Sign(rand.Reader, digest, crypto.SHA256)
	}
	der, err := s.key.Sign(rand.Reader, digest, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return joinDER(der, elliptic.P256())
}
