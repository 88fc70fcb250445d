package softkey

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
)

// oidAppleNonce is the extension with the nonce that Apple's CA was given.
var oidAppleNonce = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 8, 2}

// apple attests as Apple's anonymisation CA does (WebAuthn §8.8): nothing but a
// certificate for the credential key, which repeats what was to be attested.
type apple struct{}

func (apple) algorithms() []int64 { return []int64{ES256} }
func (apple) aaguid() [16]byte    { return AAGUID }

func (apple) attest(s subjectOfAttestation) (Statement, error) {
	pair, err := s.certifiedPair()
	if err != nil {
		return Statement{}, err
	}
	nonce := sha256.Sum256(s.message())
	cert, err := s.certify(pair.signer.Public(), &x509.Certificate{
		KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{
			Id:    oidAppleNonce,
			Value: der(derSequence, derExplicit(1, der(derOctets, nonce[:]))),
		}},
	})
	if err != nil {
		return Statement{}, err
	}
	return Statement{Format: "apple", Members: map[string]any{"x5c": [][]byte{cert}}}, nil
}

func (apple) forgeries() []Forgery {
	nonce := func(name string, spoil func([]byte) []byte) Forgery {
		return certificateForgery(name, func(c *x509.Certificate) {
			c.ExtraExtensions[0].Value = spoil(c.ExtraExtensions[0].Value)
		})
	}
	return slices.Concat([]Forgery{
		otherKeyForgery(),
		certificateForgery("no nonce", func(c *x509.Certificate) { c.ExtraExtensions = nil }),
		nonce("nonce of another registration", flipLast),
		nonce("bytes after the nonce", func(b []byte) []byte { return append(slices.Clone(b), 0) }),
		nonce("nonce cut short", func(b []byte) []byte { return b[:len(b)-1] }),
		nonce("nonce without its wrapping", func(b []byte) []byte { return b[4:] }),
		statementForgery("empty certificate list", func(m map[string]any) { m["x5c"] = [][]byte{} }),
		statementForgery("no certificates", func(m map[string]any) { delete(m, "x5c") }),
		statementForgery("member that no statement has", func(m map[string]any) { m["extra"] = true }),
		untrustedForgery(),
	}, signatureForgeries(false))
}
