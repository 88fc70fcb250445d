package softkey

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"time"
)

const safetyNetHost = "attest.android.com"

// SafetyNetResponse is what the service says of a device, before it is written. Both
// members are JSON objects.
type SafetyNetResponse struct {
	Header, Payload map[string]any
}

// safetyNet attests as Google's service did (WebAuthn §8.5), with a certificate for
// its host and the batch certificate's key.
type safetyNet struct{}

func (safetyNet) algorithms() []int64 { return nil }
func (safetyNet) aaguid() [16]byte    { return AAGUID }

func (safetyNet) attest(s subjectOfAttestation) (Statement, error) {
	pair := s.issuer.batchPair
	cert, err := s.certify(pair.signer.Public(), &x509.Certificate{
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{safetyNetHost},
	})
	if err != nil {
		return Statement{}, err
	}
	nonce := sha256.Sum256(s.message())
	response := &SafetyNetResponse{
		Header: map[string]any{"alg": "ES256", "x5c": []string{base64.StdEncoding.EncodeToString(cert)}},
		Payload: map[string]any{
			"nonce":           base64.StdEncoding.EncodeToString(nonce[:]),
			"timestampMs":     s.now.UnixMilli(),
			"apkPackageName":  "dev.bestow.softkey",
			"ctsProfileMatch": true,
			"basicIntegrity":  true,
		},
	}
	if s.forge.SafetyNet != nil {
		s.forge.SafetyNet(response)
	}
	jws, err := response.sign(pair, s.forge)
	if err != nil {
		return Statement{}, err
	}
	return Statement{Format: "android-safetynet", Members: map[string]any{
		"ver":      "softkey 1",
		"response": []byte(jws),
	}}, nil
}

// sign writes the response as a compact JWS (RFC 7515 §3.1).
func (r *SafetyNetResponse) sign(pair keyPair, forge *Forge) (string, error) {
	header, err := json.Marshal(r.Header)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(r.Payload)
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode(header) + "." + encode(payload)
	sig, err := forge.sign(pair, []byte(signed))
	if err != nil {
		return "", err
	}
	return signed + "." + encode(jwsSignature(sig)), nil
}

// jwsSignature turns an ECDSA signature from DER into what a JWS has: r and s, 32
// bytes each (RFC 7518 §3.4). One that a forgery left without that form stays.
func jwsSignature(sig []byte) []byte {
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(sig, &rs); err != nil || rs.R.BitLen() > 256 || rs.S.BitLen() > 256 {
		return sig
	}
	out := make([]byte, 64)
	rs.R.FillBytes(out[:32])
	rs.S.FillBytes(out[32:])
	return out
}

func (safetyNet) forgeries() []Forgery {
	return slices.Concat([]Forgery{
		payloadForgery("nonce of another registration", "nonce", base64.StdEncoding.EncodeToString(make([]byte, 32))),
		payloadForgery("no nonce", "nonce", nil),
		payloadForgery("device that fails the compatibility tests", "ctsProfileMatch", false),
		payloadForgery("device of which nothing is said", "ctsProfileMatch", nil),
		payloadForgery("device without integrity", "basicIntegrity", false),
		payloadForgery("no time", "timestampMs", nil),
		timestampForgery("two minutes old (where time is judged)", -2*time.Minute),
		timestampForgery("two minutes ahead (where time is judged)", 2*time.Minute),
		headerForgery("no algorithm", "alg", "none"),
		headerForgery("algorithm of a shared secret", "alg", "HS256"),
		headerForgery("algorithm that does not fit the certificate", "alg", "RS256"),
		headerForgery("critical extension", "crit", []string{"exp"}),
		headerForgery("no certificates", "x5c", nil),
		certificateForgery("certificate for another host", func(c *x509.Certificate) { c.DNSNames = []string{"attest.example.com"} }),
		certificateForgery("certificate for no host", func(c *x509.Certificate) { c.DNSNames = nil }),
		{Name: "certificate is not signed by its root (where trust is required)", Registration: true, Forge: Forge{SafetyNet: strayCertificate}},
		statementForgery("no version", func(m map[string]any) { delete(m, "ver") }),
		statementForgery("empty version", func(m map[string]any) { m["ver"] = "" }),
		statementForgery("no response", func(m map[string]any) { delete(m, "response") }),
		statementForgery("response of two parts", func(m map[string]any) {
			text := string(m["response"].([]byte))
			m["response"] = []byte(text[:strings.LastIndexByte(text, '.')])
		}),
		statementForgery("padding in the response", func(m map[string]any) { m["response"] = append(m["response"].([]byte), '=') }),
		statementForgery("member that no statement has", func(m map[string]any) { m["extra"] = true }),
	}, signatureForgeries(true))
}

// strayCertificate spoils the certificate's own signature.
func strayCertificate(r *SafetyNetResponse) {
	chain := slices.Clone(r.Header["x5c"].([]string))
	cert, err := base64.StdEncoding.DecodeString(chain[0])
	if err != nil {
		return
	}
	chain[0] = base64.StdEncoding.EncodeToString(flipLast(cert))
	r.Header["x5c"] = chain
}

// payloadForgery and headerForgery make forgeries of a member; nil leaves it out.
func payloadForgery(name, member string, value any) Forgery {
	return safetyNetForgery(name, func(r *SafetyNetResponse) { set(r.Payload, member, value) })
}

func headerForgery(name, member string, value any) Forgery {
	return safetyNetForgery(name, func(r *SafetyNetResponse) { set(r.Header, member, value) })
}

func timestampForgery(name string, shift time.Duration) Forgery {
	return safetyNetForgery(name, func(r *SafetyNetResponse) {
		r.Payload["timestampMs"] = r.Payload["timestampMs"].(int64) + shift.Milliseconds()
	})
}

func safetyNetForgery(name string, spoil func(*SafetyNetResponse)) Forgery {
	return Forgery{Name: name, Registration: true, Forge: Forge{SafetyNet: spoil}}
}

func set(object map[string]any, member string, value any) {
	if value == nil {
		delete(object, member)
		return
	}
	object[member] = value
}
