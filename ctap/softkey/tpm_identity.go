package softkey

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"time"
)

// TPMManufacturer is who made the TPM that the key pretends to be: nobody. It is in no
// registry, and who tests with it has to allow it.
const TPMManufacturer = "id:42535457"

// Object identifiers of RFC 5280 and of the Trusted Computing Group.
var (
	oidAltName         = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidTPMManufacturer = asn1.ObjectIdentifier{2, 23, 133, 2, 1}
	oidTPMModel        = asn1.ObjectIdentifier{2, 23, 133, 2, 2}
	oidTPMVersion      = asn1.ObjectIdentifier{2, 23, 133, 2, 3}
	oidAIKPurpose      = asn1.ObjectIdentifier{2, 23, 133, 8, 3}
)

// TPMIdentity is what the certificate of a TPM's attestation key (AIK) says (WebAuthn
// §8.3.1), before it is issued. Of the texts, what is empty is left out.
type TPMIdentity struct {
	Subject                      pkix.Name // empty, as it should be
	Manufacturer, Model, Version string
	// SeparateRDNs gives each of the three a relative name of its own, which is as
	// good as one for all.
	SeparateRDNs bool
	// NoAltName leaves the subject alternative name out.
	NoAltName, AltNameNotCritical bool
	Purpose                       asn1.ObjectIdentifier // nil: none
	CA                            bool
	NoConstraints                 bool
	AAGUID                        [16]byte
}

// newTPMIdentity returns an honest one.
func newTPMIdentity() *TPMIdentity {
	return &TPMIdentity{
		Manufacturer: TPMManufacturer, Model: "Bestow Software TPM", Version: "id:00010000",
		Purpose: oidAIKPurpose, AAGUID: AAGUID,
	}
}

// AltName writes the subject alternative name: GeneralNames with one directoryName.
func (t *TPMIdentity) AltName() ([]byte, error) {
	var rdns pkix.RDNSequence
	var all pkix.RelativeDistinguishedNameSET
	for _, a := range []struct {
		id   asn1.ObjectIdentifier
		text string
	}{{oidTPMManufacturer, t.Manufacturer}, {oidTPMModel, t.Model}, {oidTPMVersion, t.Version}} {
		if a.text == "" {
			continue
		}
		value := asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(a.text)}
		all = append(all, pkix.AttributeTypeAndValue{Type: a.id, Value: value})
		if t.SeparateRDNs {
			rdns = append(rdns, all)
			all = nil
		}
	}
	if len(all) > 0 {
		rdns = append(rdns, all)
	}
	name, err := asn1.Marshal(rdns)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: name}})
}

// Template returns the certificate for [x509.CreateCertificate].
//
// It returns an error if a text cannot be written as a UTF8String.
func (t *TPMIdentity) Template(now time.Time) (*x509.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber:          serialNumber(),
		Subject:               t.Subject,
		NotBefore:             now.Add(-backdated),
		NotAfter:              now.AddDate(attestationYears, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: !t.NoConstraints,
		IsCA:                  t.CA,
	}
	if t.Purpose != nil {
		template.UnknownExtKeyUsage = []asn1.ObjectIdentifier{t.Purpose}
	}
	if !t.NoAltName {
		name, err := t.AltName()
		if err != nil {
			return nil, err
		}
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: oidAltName, Critical: !t.AltNameNotCritical, Value: name})
	}
	aaguid, err := asn1.Marshal(t.AAGUID[:])
	if err != nil {
		return nil, err
	}
	template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: oidAAGUID, Value: aaguid})
	return template, nil
}

// certifyTPM has the key's root, as the attestation CA that it is here, certify an
// attestation key.
func (i *issuer) certifyTPM(t *TPMIdentity, aik crypto.PublicKey) ([]byte, error) {
	// As old as the root, which is never younger than what is below it.
	template, err := t.Template(i.root.NotBefore.Add(backdated))
	if err != nil {
		return nil, err
	}
	return x509.CreateCertificate(rand.Reader, template, i.root, aik, i.rootKey)
}
