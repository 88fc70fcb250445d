package webauthn

import (
	"crypto/x509"

	"bestow.dev/cose"
	"bestow.dev/internal/strictcbor"
)

// packedStatement is an attStmt of format packed.
type packedStatement struct {
	alg cose.Algorithm
	sig []byte
	x5c [][]byte // nil in self attestation
}

// verifyPacked is the procedure of format packed (§8.2).
func verifyPacked(attStmt strictcbor.Item, in *attestedInput) (*statement, error) {
	// Step 1: the statement has alg, sig and perhaps x5c.
	s, err := parsePacked(attStmt)
	if err != nil {
		return nil, err
	}
	if s.x5c == nil {
		return s.verifySelf(in)
	}
	return s.verifyFull(in)
}

// parsePacked runs step 1. ecdaaKeyId, which Level 1 had, is as unknown as any other member.
func parsePacked(attStmt strictcbor.Item) (*packedStatement, error) {
	const step = "8.2/1"
	s := &packedStatement{}
	var hasAlg bool
	// What is no map has no entries, and lacks them all.
	for key, value := range attStmt.Entries() {
		name, _ := key.Text()
		var ok bool
		switch name {
		case "alg":
			s.alg, ok = algorithmNumber(value)
			hasAlg = true
		case "sig":
			s.sig, ok = value.Bytes()
		case "x5c":
			s.x5c, ok = byteStrings(value)
		default:
			return nil, refuse(ReasonAttestationStatementMalformed, step, "the statement has the member %q", name)
		}
		if !ok {
			return nil, refuse(ReasonAttestationStatementMalformed, step, "%s has the wrong type", name)
		}
	}
	if !hasAlg || s.sig == nil {
		return nil, refuse(ReasonAttestationStatementMalformed, step, "the statement lacks alg or sig")
	}
	return s, nil
}

// verifySelf runs step 3: the credential key signed for itself.
func (s *packedStatement) verifySelf(in *attestedInput) (*statement, error) {
	const step = "8.2/3"
	if s.alg != in.key.Algorithm() {
		return nil, refuse(ReasonAttestationAlgMismatch, step, "the statement has algorithm %d, the credential key %d", s.alg, in.key.Algorithm())
	}
	if err := in.key.Verify(in.signedBytes(), s.sig); err != nil {
		return nil, refuse(ReasonAttestationSignature, step, "the signature does not verify with the credential key").because(err)
	}
	return &statement{kind: AttestationSelf}, nil
}

// verifyFull runs step 2: a key with a certificate signed.
func (s *packedStatement) verifyFull(in *attestedInput) (*statement, error) {
	const step = "8.2/2"
	chain, err := parseCertificates(s.x5c, step)
	if err != nil {
		return nil, err
	}
	leaf := chain[0]
	if err := verifyCertificateSignature(s.alg, leaf, in.signedBytes(), s.sig, step); err != nil {
		return nil, err
	}
	if err := checkPackedCertificate(leaf); err != nil {
		return nil, err
	}
	if err := checkFIDOExtensions(leaf, in.authData.Attested.AAGUID, step); err != nil {
		return nil, err
	}
	// Whether the key is shared by a batch or certified by an attestation CA cannot
	// be seen here. Basic claims less.
	return &statement{kind: AttestationBasic, algorithm: s.alg, certificates: chain, provesModel: true}, nil
}

// checkPackedCertificate judges the attestation certificate by §8.2.1.
func checkPackedCertificate(c *x509.Certificate) error {
	const step = "8.2.1"
	if c.Version != 3 {
		return refuse(ReasonAttestationCertificate, step, "the attestation certificate is of version %d, not 3", c.Version)
	}
	if err := checkPackedSubject(c, step); err != nil {
		return err
	}
	if !c.BasicConstraintsValid || c.IsCA {
		return refuse(ReasonAttestationCertificate, step, "the attestation certificate does not say that it is no CA")
	}
	return nil
}

// checkPackedSubject judges the subject: country, legal name of the vendor, a fixed
// unit, and a name of the vendor's choice. The kinds of ASN.1 string that hold them
// are not looked at: deployed certificates differ in them, and nothing hangs on it.
func checkPackedSubject(c *x509.Certificate, step string) error {
	subject := c.Subject
	if len(subject.Country) != 1 || !isCountry(subject.Country[0]) {
		return refuse(ReasonAttestationCertificate, step, "the subject's C is not one two-letter country")
	}
	if len(subject.Organization) != 1 || subject.Organization[0] == "" {
		return refuse(ReasonAttestationCertificate, step, "the subject's O is not one vendor's name")
	}
	if len(subject.OrganizationalUnit) != 1 || subject.OrganizationalUnit[0] != "Authenticator Attestation" {
		return refuse(ReasonAttestationCertificate, step, "the subject's OU is not \"Authenticator Attestation\"")
	}
	if subject.CommonName == "" {
		return refuse(ReasonAttestationCertificate, step, "the subject has no CN")
	}
	return nil
}

// isCountry reports whether text has the form of an ISO 3166 alpha-2 code.
func isCountry(text string) bool {
	return len(text) == 2 && isUpper(text[0]) && isUpper(text[1])
}

func isUpper(b byte) bool { return 'A' <= b && b <= 'Z' }
