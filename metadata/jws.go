package metadata

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"bestow.dev/cose"
	"bestow.dev/internal/strictjson"
)

// Steps of the processing rules (§3.2), and the sections on the BLOB's form.
const (
	stepRoot       = "3.2/1"
	stepRevocation = "3.2/2"
	stepFresh      = "3.2/3"
	stepX5U        = "3.2/4"
	stepChain      = "3.2/5"
	stepSignature  = "3.2/6"
	stepPayload    = "3.1.6"
	stepForm       = "3.1.7"
	stepEntry      = "3.1.1"
)

// signed is a BLOB in its envelope: a JWS in compact serialisation (RFC 7515 §7.1),
// read as far as it takes to verify it. The payload is still text.
type signed struct {
	alg     cose.Algorithm
	x5u     string
	x5c     [][]byte // DER, leaf first
	input   []byte   // the text that the signature is over
	payload []byte   // in base64url
	sig     []byte   // as [cose.VerifySignature] takes it
}

// signatureAlgorithms are those that an [Options] can allow, and the length of half
// an ECDSA signature (RFC 7518 §3.4).
var signatureAlgorithms = map[string]struct {
	alg  cose.Algorithm
	half int
}{
	"RS256": {cose.RS256, 0},
	"PS256": {cose.PS256, 0},
	"ES256": {cose.ES256, 32},
	"ES384": {cose.ES384, 48},
}

// everyAlgorithm returns all that can be allowed.
func everyAlgorithm() []cose.Algorithm {
	all := make([]cose.Algorithm, 0, len(signatureAlgorithms))
	for _, known := range signatureAlgorithms {
		all = append(all, known.alg)
	}
	return all
}

// parseJWS reads the envelope.
func parseJWS(data []byte, allowed []cose.Algorithm) (*signed, error) {
	if len(data) > MaxBLOBBytes {
		return nil, refuse(ReasonSize, stepForm, "more than %d bytes", MaxBLOBBytes)
	}
	head, rest, ok := bytes.Cut(data, []byte{'.'})
	payload, sig, ok2 := bytes.Cut(rest, []byte{'.'})
	if !ok || !ok2 || bytes.IndexByte(sig, '.') >= 0 {
		return nil, refuse(ReasonJWSMalformed, stepForm, "not three parts with points between")
	}
	if len(head) > maxHeaderBytes {
		return nil, refuse(ReasonSize, stepForm, "a header of more than %d bytes", maxHeaderBytes)
	}
	header, err := strictjson.DecodeBase64URL(string(head))
	if err != nil {
		return nil, refuse(ReasonJWSMalformed, stepForm, "the header is not base64url").because(err)
	}
	s := &signed{input: data[:len(head)+1+len(payload)], payload: payload}
	half, err := s.parseHeader(header, allowed)
	if err != nil {
		return nil, err
	}
	if s.sig, err = strictjson.DecodeBase64URL(string(sig)); err != nil {
		return nil, refuse(ReasonJWSMalformed, stepForm, "the signature is not base64url").because(err)
	}
	if half > 0 {
		if s.sig, err = ecdsaFromJWS(s.sig, half); err != nil {
			return nil, refuse(ReasonSignature, stepSignature, "the signature does not have its form").because(err)
		}
	}
	return s, nil
}

// parseHeader reads who signed, and how. Members that could name a key (jwk, jku,
// kid) are not looked at: only a certificate can make one trusted.
func (s *signed) parseHeader(text []byte, allowed []cose.Algorithm) (half int, err error) {
	var header struct {
		Alg      string          `json:"alg"`
		Typ      *string         `json:"typ"`
		X5U      *string         `json:"x5u"`
		X5C      *[]string       `json:"x5c"`
		Critical json.RawMessage `json:"crit"`
	}
	if err := strictjson.Decode(text, &header, strictjson.DisallowNull(), strictjson.MaxBytes(maxHeaderBytes), strictjson.MaxValues(maxHeaderValues)); err != nil {
		return 0, refuse(ReasonJWSMalformed, stepForm, "the header is not JSON of its form").because(err)
	}
	// RFC 7515 §4.1.11: we know none of the extensions that it could name.
	if header.Critical != nil {
		return 0, refuse(ReasonJWSMalformed, stepForm, "the header has critical extensions")
	}
	if header.Typ != nil && !strings.EqualFold(*header.Typ, "JWT") {
		return 0, refuse(ReasonJWSMalformed, stepForm, "the header's type is %.32q, not JWT", *header.Typ)
	}
	known, ok := signatureAlgorithms[header.Alg]
	if !ok || !slices.Contains(allowed, known.alg) {
		return 0, refuse(ReasonAlgorithm, stepForm, "algorithm %.32q is not allowed", header.Alg)
	}
	s.alg = known.alg
	if header.X5U != nil {
		if *header.X5U == "" {
			return 0, refuse(ReasonJWSMalformed, stepX5U, "x5u is empty")
		}
		s.x5u = *header.X5U
	}
	if header.X5C != nil {
		if s.x5c, err = decodeX5C(*header.X5C); err != nil {
			return 0, refuse(ReasonCertificateMalformed, stepChain, "x5c is not a chain").because(err)
		}
	}
	return known.half, nil
}

func decodeX5C(texts []string) ([][]byte, error) {
	if len(texts) == 0 || len(texts) > maxChain {
		return nil, fmt.Errorf("%d certificates; 1 to %d are allowed", len(texts), maxChain)
	}
	ders := make([][]byte, len(texts))
	for i, text := range texts {
		// Package base64 passes over line breaks; the comparison does not.
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil || base64.StdEncoding.EncodeToString(der) != text {
			return nil, fmt.Errorf("certificate %d is not in base64", i)
		}
		ders[i] = der
	}
	return ders, nil
}

// ecdsaFromJWS turns r and s, of half bytes each, into DER.
func ecdsaFromJWS(sig []byte, half int) ([]byte, error) {
	if len(sig) != 2*half {
		return nil, fmt.Errorf("%d bytes, not %d", len(sig), 2*half)
	}
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:])})
}

// verify checks the signature with the key of signer.
func (s *signed) verify(signer *x509.Certificate) error {
	// RFC 5280 §4.2.1.3: a key usage that is there and does not name signatures forbids them.
	if signer.KeyUsage != 0 && signer.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return refuse(ReasonKeyUsage, stepSignature, "the signer's certificate is not for digital signatures")
	}
	err := cose.VerifySignature(s.alg, signer.PublicKey, s.input, s.sig)
	if err == nil {
		return nil
	}
	if _, unfit := errors.AsType[*cose.KeyError](err); unfit {
		return refuse(ReasonAlgorithm, stepSignature, "algorithm %s is not one for the signer's key", s.alg).because(err)
	}
	return refuse(ReasonSignature, stepSignature, "the signature does not verify with the signer's certificate").because(err)
}
