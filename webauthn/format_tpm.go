package webauthn

import (
	"bytes"
	"crypto"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"slices"

	"bestow.dev/cose"
	"bestow.dev/internal/strictcbor"
)

// tpmStatement is an attStmt of format tpm.
type tpmStatement struct {
	ver      string
	alg      cose.Algorithm
	x5c      [][]byte
	sig      []byte
	certInfo []byte
	pubArea  []byte
}

// verifyTPM is the procedure of format tpm (§8.3).
func verifyTPM(attStmt strictcbor.Item, in *attestedInput) (*statement, error) {
	// Step 1: the statement has all its members.
	s, err := parseTPM(attStmt)
	if err != nil {
		return nil, err
	}

	// Step 2: the TPM's key is the credential's.
	public, err := s.verifyPublicArea(in.key)
	if err != nil {
		return nil, err
	}

	// Step 4: certInfo is the word of a key that an attestation CA certified.
	chain, manufacturer, err := s.verifySignature(in)
	if err != nil {
		return nil, err
	}

	// Step 5: and it is about that key, in this registration.
	if err := s.verifyCertInfo(public, in.signedBytes()); err != nil {
		return nil, err
	}

	// Step 6. What the policy has to say is kept for it.
	return &statement{
		kind: AttestationAttCA, certificates: chain, provesModel: true,
		reserved: &tpmReserve{manufacturer: manufacturer, alg: s.alg},
	}, nil
}

// parseTPM runs step 1.
func parseTPM(attStmt strictcbor.Item) (*tpmStatement, error) {
	const step = "8.3/1"
	s := &tpmStatement{}
	members := 0
	// What is no map has no entries, and lacks them all.
	for key, value := range attStmt.Entries() {
		name, _ := key.Text()
		var ok bool
		switch name {
		case "ver":
			s.ver, ok = value.Text()
		case "alg":
			s.alg, ok = algorithmNumber(value)
		case "x5c":
			s.x5c, ok = byteStrings(value)
		case "sig":
			s.sig, ok = value.Bytes()
		case "certInfo":
			s.certInfo, ok = value.Bytes()
		case "pubArea":
			s.pubArea, ok = value.Bytes()
		default:
			return nil, refuse(ReasonAttestationStatementMalformed, step, "the statement has the member %q", name)
		}
		if !ok {
			return nil, refuse(ReasonAttestationStatementMalformed, step, "%s has the wrong type", name)
		}
		members++
	}
	if members != 6 { // no key is there twice
		return nil, refuse(ReasonAttestationStatementMalformed, step, "the statement lacks one of ver, alg, x5c, sig, certInfo and pubArea")
	}
	if s.ver != "2.0" {
		return nil, refuse(ReasonAttestationStatementMalformed, step, "the TPM is of version %q, not 2.0", s.ver)
	}
	return s, nil
}

// verifyPublicArea runs step 2.
func (s *tpmStatement) verifyPublicArea(key *cose.Key) (*tpmPublic, error) {
	const step = "8.3/2"
	public, err := parseTPMPublic(s.pubArea)
	if err != nil {
		return nil, refuse(ReasonTPMPubArea, step, "pubArea is no public area of a key").because(err)
	}
	if !public.holds(key) {
		return nil, refuse(ReasonTPMPubArea, step, "pubArea holds another key than the credential's")
	}
	return public, nil
}

// verifySignature runs step 4. It returns the manufacturer that the certificate of
// the attestation key names.
//
// The standard calls sig a TPMT_SIGNATURE, but its example and the authenticators
// that there are carry the bare signature (§6.5.5), and so do we take it.
func (s *tpmStatement) verifySignature(in *attestedInput) ([]*x509.Certificate, string, error) {
	const step = "8.3/4"
	chain, err := parseCertificates(s.x5c, step)
	if err != nil {
		return nil, "", err
	}
	aik := chain[0]
	manufacturer, err := checkAIKCertificate(aik)
	if err != nil {
		return nil, "", err
	}
	if err := checkFIDOExtensions(aik, in.authData.Attested.AAGUID, step); err != nil {
		return nil, "", err
	}
	// RS1 passes here, and tpmReserve asks the policy about it.
	err = cose.VerifySignatureAllowingSHA1(s.alg, aik.PublicKey, s.certInfo, s.sig)
	if _, unfit := errors.AsType[*cose.KeyError](err); unfit {
		return nil, "", refuse(ReasonAttestationAlgMismatch, step, "algorithm %d is not one for the attestation key", s.alg).because(err)
	}
	if err != nil {
		return nil, "", refuse(ReasonAttestationSignature, step, "the signature over certInfo does not verify with the attestation certificate").because(err)
	}
	return chain, manufacturer, nil
}

// verifyCertInfo runs step 5. qualifiedSigner, clockInfo, firmwareVersion and
// qualifiedName are not looked at: they tell TPMs and owners apart, not keys.
func (s *tpmStatement) verifyCertInfo(public *tpmPublic, attToBeSigned []byte) error {
	const step = "8.3/5"
	attest, err := parseTPMAttest(s.certInfo)
	if err != nil {
		return refuse(ReasonTPMCertInfo, step, "certInfo is no attestation about a key").because(err)
	}
	if !bytes.Equal(attest.name, public.name) {
		return refuse(ReasonTPMCertInfo, step, "certInfo is about another key than that of pubArea")
	}
	digest := tpmDigest(s.alg, attToBeSigned)
	if digest == nil {
		return refuse(ReasonAttestationAlgMismatch, step, "algorithm %d has no hash for extraData", s.alg)
	}
	if !bytes.Equal(attest.extraData, digest) {
		return refuse(ReasonTPMExtraData, step, "extraData is not the hash of authenticator data and client data")
	}
	return nil
}

// tpmDigest returns the hash of message by the hash algorithm that alg employs; nil
// if it employs none.
func tpmDigest(alg cose.Algorithm, message []byte) []byte {
	switch alg.Hash() {
	case crypto.SHA1:
		sum := sha1.Sum(message)
		return sum[:]
	case crypto.SHA256:
		sum := sha256.Sum256(message)
		return sum[:]
	case crypto.SHA384:
		sum := sha512.Sum384(message)
		return sum[:]
	case crypto.SHA512:
		sum := sha512.Sum512(message)
		return sum[:]
	}
	return nil
}

// tpmReserve is what a TPM's statement leaves to the policy: who made the TPM, which
// the registry of the TCG knows and the standard does not ask for, and SHA-1.
type tpmReserve struct {
	manufacturer string
	alg          cose.Algorithm
}

// judge implements policyReserve.
func (r *tpmReserve) judge(policy TrustPolicy) ([]Warning, error) {
	known := func(vendor string) bool {
		id, ok := tpmVendorID(vendor)
		return ok && id == r.manufacturer
	}
	if !slices.ContainsFunc(policy.TPMVendors, known) {
		return nil, refuse(ReasonAttestationCertificate, stepTrust, "the TPM's manufacturer %s is not one that the policy accepts", r.manufacturer)
	}
	if r.alg != cose.RS1 {
		return nil, nil
	}
	if !policy.AllowSHA1TPMStatements {
		return nil, refuse(ReasonAttestationAlgMismatch, stepTrust, "the TPM signed with SHA-1, which the policy does not allow")
	}
	return []Warning{WarningSHA1Statement}, nil
}
