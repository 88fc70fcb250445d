package webauthn

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"slices"
	"strings"
)

// Identifiers of RFC 5280, of the TCG's profile for endorsement certificates (EK
// Credential Profile §3.2.9) and of its key purposes.
var (
	oidSubjectAltName  = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidTPMManufacturer = asn1.ObjectIdentifier{2, 23, 133, 2, 1} // tcg-at-tpmManufacturer
	oidTPMModel        = asn1.ObjectIdentifier{2, 23, 133, 2, 2} // tcg-at-tpmModel
	oidTPMVersion      = asn1.ObjectIdentifier{2, 23, 133, 2, 3} // tcg-at-tpmVersion
	oidAIKCertificate  = asn1.ObjectIdentifier{2, 23, 133, 8, 3} // tcg-kp-AIKCertificate
)

// checkAIKCertificate judges the certificate of an attestation key by §8.3.1, and
// returns the manufacturer that it names.
func checkAIKCertificate(c *x509.Certificate) (manufacturer string, err error) {
	const step = "8.3.1"
	if c.Version != 3 {
		return "", refuse(ReasonAttestationCertificate, step, "the attestation certificate is of version %d, not 3", c.Version)
	}
	if !bytes.Equal(c.RawSubject, []byte{asn1.TagSequence | 0x20, 0}) {
		return "", refuse(ReasonAttestationCertificate, step, "the subject is not empty")
	}
	if manufacturer, err = checkAIKAltName(c, step); err != nil {
		return "", err
	}
	if !slices.ContainsFunc(c.UnknownExtKeyUsage, oidAIKCertificate.Equal) {
		return "", refuse(ReasonAttestationCertificate, step, "the extended key usage is not that of an attestation key")
	}
	if !c.BasicConstraintsValid || c.IsCA {
		return "", refuse(ReasonAttestationCertificate, step, "the attestation certificate does not say that it is no CA")
	}
	return manufacturer, nil
}

// checkAIKAltName judges the subject alternative name, which says what TPM it is.
// Package crypto/x509 does not read names of its kind; once we have, nobody who looks
// at the certificate later need take it for unread.
func checkAIKAltName(c *x509.Certificate, step string) (manufacturer string, err error) {
	i := slices.IndexFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidSubjectAltName) })
	// Critical, because the subject is empty (RFC 5280 §4.2.1.6).
	if i < 0 || !c.Extensions[i].Critical {
		return "", refuse(ReasonAttestationCertificate, step, "there is no critical subject alternative name")
	}
	name, ok := parseTPMName(c.Extensions[i].Value)
	if !ok {
		return "", refuse(ReasonAttestationCertificate, step, "the subject alternative name does not hold manufacturer, model and version of a TPM, once each")
	}
	manufacturer, ok = tpmVendorID(name.manufacturer)
	if !ok || !hasTPMPrefix(name.manufacturer) {
		return "", refuse(ReasonAttestationCertificate, step, "the TPM's manufacturer is not \"id:\" and 8 hexadecimal digits")
	}
	if !hasTPMPrefix(name.version) || len(name.version) == len(tpmIDPrefix) || name.model == "" {
		return "", refuse(ReasonAttestationCertificate, step, "the TPM's model is empty, or its version is not \"id:\" and a number")
	}
	c.UnhandledCriticalExtensions = slices.DeleteFunc(c.UnhandledCriticalExtensions, oidSubjectAltName.Equal)
	return manufacturer, nil
}

// tpmName is what a subject alternative name says about a TPM.
type tpmName struct{ manufacturer, model, version string }

// parseTPMName reads GeneralNames (RFC 5280 §4.2.1.6) with one directoryName. Its
// attributes may share an RDN or have one each: the profile's edition does the one,
// its examples and older TPMs the other. Names of other kinds and attributes beside
// the three are for others to read.
func parseTPMName(der []byte) (*tpmName, bool) {
	var list asn1.RawValue
	rest, err := asn1.Unmarshal(der, &list)
	if err != nil || len(rest) > 0 || list.Class != asn1.ClassUniversal || list.Tag != asn1.TagSequence || !list.IsCompound {
		return nil, false
	}
	var directory []byte
	for rest = list.Bytes; len(rest) > 0; {
		var general asn1.RawValue
		if rest, err = asn1.Unmarshal(rest, &general); err != nil || general.Class != asn1.ClassContextSpecific {
			return nil, false
		}
		const directoryName = 4
		if general.Tag != directoryName {
			continue
		}
		if directory != nil || !general.IsCompound {
			return nil, false
		}
		directory = general.Bytes
	}
	var rdns pkix.RDNSequence
	if rest, err = asn1.Unmarshal(directory, &rdns); err != nil || len(rest) > 0 {
		return nil, false
	}
	return tpmNameOf(rdns)
}

// tpmNameOf collects the three attributes, each of which has to be there once.
func tpmNameOf(rdns pkix.RDNSequence) (*tpmName, bool) {
	name := &tpmName{}
	var seen [3]bool
	for _, rdn := range rdns {
		for _, attribute := range rdn {
			var at int
			var value *string
			switch {
			case attribute.Type.Equal(oidTPMManufacturer):
				at, value = 0, &name.manufacturer
			case attribute.Type.Equal(oidTPMModel):
				at, value = 1, &name.model
			case attribute.Type.Equal(oidTPMVersion):
				at, value = 2, &name.version
			default:
				continue
			}
			text, ok := attribute.Value.(string)
			if !ok || seen[at] {
				return nil, false
			}
			*value, seen[at] = text, true
		}
	}
	return name, seen == [3]bool{true, true, true}
}

// tpmIDPrefix begins the numbers in a TPM's name.
const tpmIDPrefix = "id:"

func hasTPMPrefix(text string) bool {
	return len(text) >= len(tpmIDPrefix) && strings.EqualFold(text[:len(tpmIDPrefix)], tpmIDPrefix)
}

// tpmVendorID returns a manufacturer's identifier as 8 upper-case digits. The
// registry writes the digits alone, certificates put "id:" before them; deployed ones
// differ in letter case.
func tpmVendorID(text string) (string, bool) {
	if hasTPMPrefix(text) {
		text = text[len(tpmIDPrefix):]
	}
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 4 {
		return "", false
	}
	return strings.ToUpper(text), true
}
