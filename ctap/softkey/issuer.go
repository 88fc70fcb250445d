package softkey

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// AAGUID is the model of every software key of Bestow's:
// 452f9e98-51aa-4c3b-8871-3a5b194146a9. It was drawn at random and stays; no metadata
// statement exists for it, and none should.
var AAGUID = [16]byte{0x45, 0x2f, 0x9e, 0x98, 0x51, 0xaa, 0x4c, 0x3b, 0x88, 0x71, 0x3a, 0x5b, 0x19, 0x41, 0x46, 0xa9}

// Names in the attestation certificates. WebAuthn §8.2.1 wants C, O, OU and CN in the
// batch certificate, OU to the letter. Some relying parties hold C against the list
// of ISO 3166, so it is a country's.
const (
	attestationCountry = "SE"
	attestationVendor  = "Bestow"
	attestationUnit    = "Authenticator Attestation"
	batchName          = "Bestow Software Key (not hardware)"
	rootName           = "Bestow Software Key Root (not hardware)"

	attestationYears = 20
	// backdated lets relying parties whose clock is a little behind see a valid
	// certificate.
	backdated = 24 * time.Hour
)

// oidAAGUID is id-fido-gen-ce-aaguid (WebAuthn §8.2.1).
var oidAAGUID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}

// issuer attests: a root of this key's own, and a batch certificate below it. The
// root's key is kept because formats with a certificate for each credential need it.
type issuer struct {
	RootKey   []byte `json:"rootKey"` // raw scalars on P-256
	BatchKey  []byte `json:"batchKey"`
	RootCert  []byte `json:"rootCert"` // DER
	BatchCert []byte `json:"batchCert"`

	root      *x509.Certificate
	rootKey   *ecdsa.PrivateKey
	batchPair keyPair
	rsaAIK    *tpmAIK
}

// newIssuer makes root and batch certificate, valid from now on.
func newIssuer(now time.Time) (issuer, error) {
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return issuer{}, err
	}
	batchKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return issuer{}, err
	}
	root := rootTemplate(now)
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey)
	if err != nil {
		return issuer{}, err
	}
	if root, err = x509.ParseCertificate(rootDER); err != nil {
		return issuer{}, err
	}
	batch, err := batchTemplate(now)
	if err != nil {
		return issuer{}, err
	}
	batchDER, err := x509.CreateCertificate(rand.Reader, batch, root, batchKey.Public(), rootKey)
	if err != nil {
		return issuer{}, err
	}
	i := issuer{RootCert: rootDER, BatchCert: batchDER}
	if i.RootKey, err = rootKey.Bytes(); err != nil {
		return issuer{}, err
	}
	if i.BatchKey, err = batchKey.Bytes(); err != nil {
		return issuer{}, err
	}
	return i, i.load()
}

// load makes keys and certificates out of their bytes.
func (i *issuer) load() error {
	var err error
	if i.root, err = x509.ParseCertificate(i.RootCert); err != nil {
		return fmt.Errorf("attestation root: %w", err)
	}
	if _, err = x509.ParseCertificate(i.BatchCert); err != nil {
		return fmt.Errorf("attestation certificate: %w", err)
	}
	if i.rootKey, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), i.RootKey); err != nil {
		return errors.New("attestation root key is malformed")
	}
	i.rsaAIK = newTPMAIK(RS256)
	if i.batchPair, err = parseKeyPair(ES256, i.BatchKey); err != nil {
		return errors.New("attestation key is malformed")
	}
	return nil
}

func rootTemplate(now time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          serialNumber(),
		RawSubject:            subject("", rootName),
		NotBefore:             now.Add(-backdated),
		NotAfter:              now.AddDate(attestationYears, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
}

// batchTemplate follows WebAuthn §8.2.1: version 3, no CA, and the AAGUID as an octet
// string inside the extension's, which is not critical.
func batchTemplate(now time.Time) (*x509.Certificate, error) {
	aaguid, err := asn1.Marshal(AAGUID[:])
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber:          serialNumber(),
		RawSubject:            subject(attestationUnit, batchName),
		NotBefore:             now.Add(-backdated),
		NotAfter:              now.AddDate(attestationYears, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		ExtraExtensions:       []pkix.Extension{{Id: oidAAGUID, Value: aaguid}},
	}, nil
}

// subject returns a distinguished name in DER. WebAuthn §8.2.1 wants UTF8String for
// all but the country, where package pkix would choose PrintableString.
func subject(unit, name string) []byte {
	rdns := pkix.RDNSequence{
		attribute(6, asn1.TagPrintableString, attestationCountry),
		attribute(10, asn1.TagUTF8String, attestationVendor),
	}
	if unit != "" {
		rdns = append(rdns, attribute(11, asn1.TagUTF8String, unit))
	}
	der, err := asn1.Marshal(append(rdns, attribute(3, asn1.TagUTF8String, name)))
	if err != nil {
		panic("softkey: subject: " + err.Error()) // constants of ours
	}
	return der
}

// attribute returns the attribute 2.5.4.n.
func attribute(n, tag int, text string) pkix.RelativeDistinguishedNameSET {
	return pkix.RelativeDistinguishedNameSET{{
		Type:  asn1.ObjectIdentifier{2, 5, 4, n},
		Value: asn1.RawValue{Tag: tag, Bytes: []byte(text)},
	}}
}

// serialNumber returns 127 random bits: positive, and within the 20 octets of
// RFC 5280 §4.1.2.2.
func serialNumber() *big.Int {
	b := random(16)
	b[0] = b[0]&0x7F | 0x40 // never zero, never shorter
	return new(big.Int).SetBytes(b)
}
