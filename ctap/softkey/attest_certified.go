package softkey

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
)

// What formats have in common that issue a certificate for each credential.

// certifiedPair returns the key pair to certify: the credential's, if it is honest.
func (s *subjectOfAttestation) certifiedPair() (keyPair, error) {
	if s.forge.OtherKey {
		return newKeyPair(s.pair.alg)
	}
	return s.pair, nil
}

// certify issues a certificate below the key's root. Subject and validity are always
// the same, and template has the rest.
func (s *subjectOfAttestation) certify(public crypto.PublicKey, template *x509.Certificate) ([]byte, error) {
	template.SerialNumber = serialNumber()
	template.RawSubject = subject(attestationUnit, batchName)
	template.NotBefore = s.now.Add(-backdated)
	template.NotAfter = s.now.AddDate(attestationYears, 0, 0)
	template.BasicConstraintsValid = true
	if s.forge.Certificate != nil {
		s.forge.Certificate(template)
	}
	return x509.CreateCertificate(rand.Reader, template, s.issuer.root, public, s.issuer.rootKey)
}

func otherKeyForgery() Forgery {
	return Forgery{Name: "certificate for another key", Registration: true, Forge: Forge{OtherKey: true}}
}

// untrustedForgery belongs to every format with one certificate.
func untrustedForgery() Forgery {
	return statementForgery("certificate is not signed by its root (where trust is required)", func(m map[string]any) {
		m["x5c"] = [][]byte{flipLast(m["x5c"].([][]byte)[0])}
	})
}
