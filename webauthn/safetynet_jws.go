package webauthn

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"bestow.dev/cose"
	"bestow.dev/internal/strictjson"
)

// maxJWSBytes is the length of the longest SafetyNet response. Google's had some
// eight kilobytes.
const maxJWSBytes = 32 << 10

// safetyNetJWS is a SafetyNet response: a JWS in compact serialisation (RFC 7515
// §7.1), read and not yet verified.
type safetyNetJWS struct {
	alg     cose.Algorithm
	x5c     [][]byte // DER, leaf first
	payload safetyNetPayload
	signed  []byte // the text that the signature is over
	sig     []byte // as [cose.VerifySignature] takes it
}

// safetyNetPayload is what the service says about a device. A member that is nil was
// not there.
type safetyNetPayload struct {
	Nonce           *string `json:"nonce"`
	TimestampMillis *int64  `json:"timestampMs"`
	CTSProfileMatch *bool   `json:"ctsProfileMatch"`
	BasicIntegrity  *bool   `json:"basicIntegrity"`
}

// jwsAlgorithms are the algorithms the service may sign with.
var jwsAlgorithms = map[string]cose.Algorithm{"RS256": cose.RS256, "ES256": cose.ES256}

// parseSafetyNetJWS reads a response. An algorithm other than RS256 and ES256 is
// refused, so that nobody can choose none or a MAC.
func parseSafetyNetJWS(text []byte) (*safetyNetJWS, error) {
	if len(text) > maxJWSBytes {
		return nil, fmt.Errorf("more than %d bytes", maxJWSBytes)
	}
	if n := 1 + bytes.Count(text, []byte{'.'}); n != 3 {
		return nil, fmt.Errorf("%d parts, not three", n)
	}
	parts := bytes.Split(text, []byte{'.'})
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = strictjson.DecodeBase64URL(string(part)); err != nil {
			return nil, fmt.Errorf("part %d: %w", i+1, err)
		}
	}

	j := &safetyNetJWS{signed: text[:len(text)-len(parts[2])-1]}
	if err := j.parseHeader(decoded[0]); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if err := strictjson.Decode(decoded[1], &j.payload, strictjson.MaxValues(maxValues)); err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	j.sig = decoded[2]
	if j.alg == cose.ES256 {
		var err error
		if j.sig, err = ecdsaFromJWS(decoded[2]); err != nil {
			return nil, fmt.Errorf("signature: %w", err)
		}
	}
	return j, nil
}

// parseHeader reads the header: who signed, and how. What it says of keys found
// elsewhere is not looked at.
func (j *safetyNetJWS) parseHeader(text []byte) error {
	var header struct {
		Alg      string          `json:"alg"`
		X5C      []string        `json:"x5c"`
		Critical json.RawMessage `json:"crit"`
	}
	if err := strictjson.Decode(text, &header, strictjson.MaxValues(maxValues), strictjson.DisallowNull()); err != nil {
		return err
	}
	// RFC 7515 §4.1.11: we know none of the extensions that it could name.
	if header.Critical != nil {
		return errors.New("it has critical extensions")
	}
	var ok bool
	if j.alg, ok = jwsAlgorithms[header.Alg]; !ok {
		return fmt.Errorf("algorithm %q is neither RS256 nor ES256", header.Alg)
	}
	for i, text := range header.X5C {
		der, ok := standardBase64(text)
		if !ok {
			return fmt.Errorf("certificate %d is not in base64", i)
		}
		j.x5c = append(j.x5c, der)
	}
	return nil
}

// standardBase64 decodes the one text for some bytes. Package base64 alone would pass
// over line breaks.
func standardBase64(text string) ([]byte, bool) {
	b, err := base64.StdEncoding.DecodeString(text)
	return b, err == nil && base64.StdEncoding.EncodeToString(b) == text
}

// ecdsaFromJWS turns an ES256 signature, r and s of 32 bytes each (RFC 7518 §3.4),
// into DER.
func ecdsaFromJWS(sig []byte) ([]byte, error) {
	if len(sig) != 64 {
		return nil, fmt.Errorf("%d bytes, not 64", len(sig))
	}
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])})
}
