package webauthn

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"

	"bestow.dev/cose"
)

// Extensions of X.509 (RFC 5280 §4.2.1) that the path building takes into account,
// or that restrict nothing it relies on.
var understoodExtensions = []asn1.ObjectIdentifier{
	{2, 5, 29, 15}, // key usage
	{2, 5, 29, 17}, // subject alternative name: read by the formats that need it
	{2, 5, 29, 19}, // basic constraints
	{2, 5, 29, 32}, // certificate policies: any policy will do
	{2, 5, 29, 37}, // extended key usage: read by the formats that need it
}

// checkCritical refuses a certificate with a critical extension that nothing here
// obeys; name constraints are among them.
func checkCritical(c *x509.Certificate) *VerificationError {
	for _, e := range c.Extensions {
		if e.Critical && !slices.ContainsFunc(understoodExtensions, e.Id.Equal) {
			return refuse(ReasonAttestationCertificate, stepTrust, "a certificate of the path has the critical extension %s, which is not understood", e.Id)
		}
	}
	return nil
}

// signedWithSHA1 reports whether c carries a SHA-1 signature.
func signedWithSHA1(c *x509.Certificate) bool {
	return c.SignatureAlgorithm == x509.SHA1WithRSA || c.SignatureAlgorithm == x509.ECDSAWithSHA1
}

// parseCertificates reads the x5c of a statement, leaf first.
func parseCertificates(x5c [][]byte, step string) ([]*x509.Certificate, error) {
	if len(x5c) == 0 || len(x5c) > maxChain {
		return nil, refuse(ReasonAttestationStatementMalformed, step, "x5c has %d certificates; 1 to %d are allowed", len(x5c), maxChain)
	}
	chain := make([]*x509.Certificate, len(x5c))
	for i, der := range x5c {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, refuse(ReasonAttestationCertificateMalformed, step, "certificate %d of x5c does not parse", i).because(err)
		}
		chain[i] = c
	}
	return chain, nil
}

// Extensions that FIDO defined for attestation certificates.
var (
	oidModel    = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4} // id-fido-gen-ce-aaguid
	oidFirmware = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 5} // id-fido-gen-ce-fw-version
	oidSerial   = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 2} // id-fido-gen-ce-sernum
)

// checkFIDOExtensions judges the extensions that FIDO defined, each of which may be
// absent: none is critical, and the model they name is the one in the authenticator
// data (§8.2, §8.2.1).
func checkFIDOExtensions(c *x509.Certificate, model AAGUID, step string) error {
	for _, e := range c.Extensions {
		var err error
		switch {
		case e.Id.Equal(oidModel):
			err = checkModelExtension(e.Value, model, step)
		case e.Id.Equal(oidFirmware):
			err = checkFirmwareExtension(e.Value, step)
		case e.Id.Equal(oidSerial):
			err = checkSerialExtension(e.Value, step)
		default:
			continue
		}
		if err != nil {
			return err
		}
		if e.Critical {
			return refuse(ReasonAttestationCertificate, step, "extension %s is critical", e.Id)
		}
	}
	return nil
}

// checkModelExtension judges the value of id-fido-gen-ce-aaguid: an OCTET STRING
// within the one that every extension is wrapped in.
func checkModelExtension(value []byte, model AAGUID, step string) error {
	named, ok := bytes.CutPrefix(value, []byte{asn1.TagOctetString, byte(len(model))})
	if !ok || len(named) != len(model) {
		return refuse(ReasonAttestationCertificate, step, "the certificate's AAGUID extension is not an OCTET STRING of 16 bytes")
	}
	if AAGUID(named) != model {
		return refuse(ReasonAAGUIDMismatch, step, "the certificate is for model %s, the authenticator data names %s", AAGUID(named), model)
	}
	return nil
}

// parseFirmware reads the value of id-fido-gen-ce-fw-version.
func parseFirmware(value []byte) (version uint64, ok bool) {
	var n int64
	rest, err := asn1.Unmarshal(value, &n)
	return uint64(n), err == nil && len(rest) == 0 && n >= 0
}

// parseSerial reads the value of id-fido-gen-ce-sernum.
func parseSerial(value []byte) (serial []byte, ok bool) {
	rest, err := asn1.Unmarshal(value, &serial)
	return serial, err == nil && len(rest) == 0
}

// checkFirmwareExtension judges the value of id-fido-gen-ce-fw-version.
func checkFirmwareExtension(value []byte, step string) error {
	if _, ok := parseFirmware(value); !ok {
		return refuse(ReasonAttestationCertificate, step, "the certificate's firmware version is not a non-negative INTEGER")
	}
	return nil
}

// checkSerialExtension judges the value of id-fido-gen-ce-sernum.
func checkSerialExtension(value []byte, step string) error {
	if _, ok := parseSerial(value); !ok {
		return refuse(ReasonAttestationCertificate, step, "the certificate's serial number extension is not an OCTET STRING")
	}
	return nil
}

// verifyCertificateSignature verifies a statement's signature with the key of the
// attestation certificate.
func verifyCertificateSignature(alg cose.Algorithm, c *x509.Certificate, signed, sig []byte, step string) error {
	err := cose.VerifySignature(alg, c.PublicKey, signed, sig)
	if err == nil {
		return nil
	}
	if _, unfit := errors.AsType[*cose.KeyError](err); unfit {
		return refuse(ReasonAttestationAlgMismatch, step, "algorithm %d is not one for the attestation certificate's key", alg).because(err)
	}
	return refuse(ReasonAttestationSignature, step, "the signature does not verify with the attestation certificate").because(err)
}

// certifies reports whether c is for the credential key.
func certifies(c *x509.Certificate, key *cose.Key) bool {
	certified, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && certified.Equal(key.Public())
}

// extension returns the value of an extension. No certificate that parses has one twice.
func extension(c *x509.Certificate, id asn1.ObjectIdentifier) (value []byte, ok bool) {
	for _, e := range c.Extensions {
		if e.Id.Equal(id) {
			return e.Value, true
		}
	}
	return nil, false
}
