package webauthn

import (
	"crypto/ecdsa"
	"crypto/elliptic"

	"bestow.dev/cose"
	"bestow.dev/internal/strictcbor"
)

// verifyFIDOU2F is the procedure of format fido-u2f (§8.6).
//
// What is signed is a U2F registration message, which has no AAGUID, flags or
// counter in it: those are worth as much as with no attestation at all.
func verifyFIDOU2F(attStmt strictcbor.Item, in *attestedInput) (*statement, error) {
	// Step 1: the statement has x5c and sig.
	sig, x5c, err := parseFIDOU2F(attStmt)
	if err != nil {
		return nil, err
	}

	// Step 2: one certificate, for a key on P-256.
	if len(x5c) != 1 {
		return nil, refuse(ReasonAttestationCertificate, "8.6/2", "x5c has %d certificates, not one", len(x5c))
	}
	chain, err := parseCertificates(x5c, "8.6/2")
	if err != nil {
		return nil, err
	}
	attestationKey, ok := chain[0].PublicKey.(*ecdsa.PublicKey)
	if !ok || attestationKey.Curve != elliptic.P256() {
		return nil, refuse(ReasonAttestationCertificate, "8.6/2", "the attestation key is not on P-256")
	}

	// Steps 3 and 4: the credential key as U2F writes it.
	point, err := u2fPoint(in.key)
	if err != nil {
		return nil, err
	}

	// Step 5: what the authenticator signed.
	id := in.authData.Attested.CredentialID
	signed := make([]byte, 0, 1+2*32+len(id)+len(point))
	signed = append(signed, 0x00)
	signed = append(signed, in.authData.RPIDHash[:]...)
	signed = append(signed, in.clientDataHash[:]...)
	signed = append(signed, id...)
	signed = append(signed, point...)

	// Step 6: ECDSA with SHA-256 and the certificate's key.
	if err := cose.VerifySignature(cose.ES256, attestationKey, signed, sig); err != nil {
		return nil, refuse(ReasonAttestationSignature, "8.6/6", "the signature does not verify with the attestation certificate").because(err)
	}

	// Steps 7 and 8: Basic or AttCA, which cannot be told here.
	return &statement{kind: AttestationBasic, certificates: chain}, nil
}

// parseFIDOU2F runs step 1.
func parseFIDOU2F(attStmt strictcbor.Item) (sig []byte, x5c [][]byte, err error) {
	const step = "8.6/1"
	// What is no map has no entries, and lacks them all.
	for key, value := range attStmt.Entries() {
		name, _ := key.Text()
		var ok bool
		switch name {
		case "sig":
			sig, ok = value.Bytes()
		case "x5c":
			x5c, ok = byteStrings(value)
		default:
			return nil, nil, refuse(ReasonAttestationStatementMalformed, step, "the statement has the member %q", name)
		}
		if !ok {
			return nil, nil, refuse(ReasonAttestationStatementMalformed, step, "%s has the wrong type", name)
		}
	}
	if sig == nil || len(x5c) == 0 {
		return nil, nil, refuse(ReasonAttestationStatementMalformed, step, "the statement lacks sig or certificates")
	}
	return sig, x5c, nil
}

// u2fPoint returns the credential key as an uncompressed point (steps 3 and 4).
func u2fPoint(key *cose.Key) ([]byte, error) {
	const step = "8.6/4"
	public, ok := key.Public().(*ecdsa.PublicKey)
	if key.Algorithm() != cose.ES256 || !ok {
		return nil, refuse(ReasonPublicKeyInvalid, step, "the credential key has algorithm %d; U2F knows -7 alone", key.Algorithm())
	}
	point, err := public.Bytes()
	if err != nil {
		return nil, refuse(ReasonPublicKeyInvalid, step, "the credential key is no point").because(err)
	}
	return point, nil
}
