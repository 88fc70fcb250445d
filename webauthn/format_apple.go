package webauthn

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"

	"bestow.dev/internal/strictcbor"
)

// oidAppleNonce marks the extension in which Apple's CA repeats what it was asked to
// attest.
var oidAppleNonce = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 8, 2}

// appleNoncePrefix is the DER around the nonce: SEQUENCE { [1] EXPLICIT OCTET STRING },
// of which every length is fixed.
var appleNoncePrefix = []byte{0x30, 0x24, 0xa1, 0x22, 0x04, 0x20}

// verifyApple is the procedure of format apple (§8.8). There is no signature in the
// statement: the CA certified the credential key for a nonce that binds it to what
// was to be attested, so all hangs on trust in the CA.
func verifyApple(attStmt strictcbor.Item, in *attestedInput) (*statement, error) {
	// Step 1: the statement has x5c.
	x5c, err := parseApple(attStmt)
	if err != nil {
		return nil, err
	}
	chain, err := parseCertificates(x5c, "8.8/1")
	if err != nil {
		return nil, err
	}

	// Steps 2 to 4: the nonce is the hash of what was to be attested.
	if err := checkAppleNonce(chain[0], sha256.Sum256(in.signedBytes())); err != nil {
		return nil, err
	}

	// Step 5: the certificate is for the credential key.
	if !certifies(chain[0], in.key) {
		return nil, refuse(ReasonAttestationCertificate, "8.8/5", "the attestation certificate is not for the credential key")
	}

	// Step 6: anonymisation CA.
	return &statement{kind: AttestationAnonCA, certificates: chain, provesModel: true}, nil
}

// parseApple runs step 1. Devices of an early system also send alg, which the
// standard does not have; nothing is made of it.
func parseApple(attStmt strictcbor.Item) ([][]byte, error) {
	const step = "8.8/1"
	var x5c [][]byte
	// What is no map has no entries, and lacks them all.
	for key, value := range attStmt.Entries() {
		name, _ := key.Text()
		switch name {
		case "x5c":
			list, ok := byteStrings(value)
			if !ok {
				return nil, refuse(ReasonAttestationStatementMalformed, step, "x5c has the wrong type")
			}
			x5c = list
		case "alg":
		default:
			return nil, refuse(ReasonAttestationStatementMalformed, step, "the statement has the member %q", name)
		}
	}
	if x5c == nil {
		return nil, refuse(ReasonAttestationStatementMalformed, step, "the statement lacks x5c")
	}
	return x5c, nil
}

// checkAppleNonce runs step 4.
func checkAppleNonce(c *x509.Certificate, nonce [sha256.Size]byte) error {
	const step = "8.8/4"
	value, ok := extension(c, oidAppleNonce)
	if !ok {
		return refuse(ReasonAppleNonce, step, "the attestation certificate has no nonce")
	}
	certified, ok := bytes.CutPrefix(value, appleNoncePrefix)
	if !ok || len(certified) != len(nonce) {
		return refuse(ReasonAppleNonce, step, "the attestation certificate's nonce does not have the form that Apple's have")
	}
	if !bytes.Equal(certified, nonce[:]) {
		return refuse(ReasonAppleNonce, step, "the attestation certificate was made for another registration")
	}
	return nil
}
