package softkey

import (
	"crypto/x509/pkix"
	"encoding/asn1"
)

func (t tpm) forgeries() []Forgery {
	all := []Forgery{
		registration("AAGUID is not the certificate's", func(a *AuthData) { a.AAGUID = flipFirst(a.AAGUID) }),
		statementForgery("empty certificate list", func(m map[string]any) { m["x5c"] = [][]byte{} }),
		statementForgery("algorithm does not fit the certificate", func(m map[string]any) { m["alg"] = ES256 + RS256 - t.aik }),
		statementForgery("certificate is not signed by its root (where trust is required)", func(m map[string]any) {
			m["x5c"] = [][]byte{flipLast(m["x5c"].([][]byte)[0])}
		}),
		statementForgery("TPM of version 1.2", func(m map[string]any) { m["ver"] = "1.2" }),
		statementForgery("statement without certInfo", func(m map[string]any) { delete(m, "certInfo") }),
		statementForgery("statement without pubArea", func(m map[string]any) { delete(m, "pubArea") }),
	}
	all = append(all, signedForgeries()...)
	if t.aik == RS256 { // the rest has nothing to do with the key that signs
		return all
	}
	all = append(all, publicForgeries()...)
	all = append(all, certInfoForgeries()...)
	return append(all, identityForgeries()...)
}

// publicForgeries spoil the public area; what is certified is the spoilt one.
func publicForgeries() []Forgery {
	public := func(name string, spoil func(*TPMPublic)) Forgery {
		return Forgery{Name: name, Registration: true, Forge: Forge{TPM: TPMForge{Public: spoil}}}
	}
	return []Forgery{
		public("public area of another key: x", func(p *TPMPublic) { p.X = flipLast(p.X) }),
		public("public area of another key: y", func(p *TPMPublic) { p.Y = flipLast(p.Y) }),
		public("public area of another curve", func(p *TPMPublic) { p.Curve = tpmCurveP384 }),
		public("public area of another type", func(p *TPMPublic) { p.Type = tpmTypeRSA }),
		public("public area of no type", func(p *TPMPublic) { p.Type = tpmAlgNull }),
		public("public area named by no hash", func(p *TPMPublic) { p.NameAlg = tpmAlgNull }),
		public("public area with an unknown cipher", func(p *TPMPublic) { p.Symmetric = []uint16{0x7FFF} }),
		public("public area with an unknown scheme", func(p *TPMPublic) { p.Scheme = []uint16{0x7FFF} }),
		public("public area with an unknown key derivation", func(p *TPMPublic) { p.KDF = []uint16{0x7FFF} }),
		public("bytes after the public area", func(p *TPMPublic) { p.Trailing = []byte{0} }),
	}
}

// certInfoForgeries spoil what the TPM certifies.
func certInfoForgeries() []Forgery {
	certInfo := func(name string, spoil func(*TPMCertInfo)) Forgery {
		return Forgery{Name: name, Registration: true, Forge: Forge{TPM: TPMForge{CertInfo: spoil}}}
	}
	return []Forgery{
		certInfo("certInfo not made inside a TPM", func(c *TPMCertInfo) { c.Magic++ }),
		certInfo("certInfo of a quote", func(c *TPMCertInfo) { c.Type = 0x8018 }),
		certInfo("certInfo about other data", func(c *TPMCertInfo) { c.ExtraData = flipLast(c.ExtraData) }),
		certInfo("certInfo about no data", func(c *TPMCertInfo) { c.ExtraData = nil }),
		certInfo("certInfo about another key", func(c *TPMCertInfo) { c.Name = flipLast(c.Name) }),
		certInfo("certInfo about a key named by another hash", func(c *TPMCertInfo) { c.Name[1] = 0x0C }),
		certInfo("certInfo about no key", func(c *TPMCertInfo) { c.Name = nil }),
		certInfo("bytes after certInfo", func(c *TPMCertInfo) { c.Trailing = []byte{0} }),
	}
}

// identityForgeries spoil the certificate of the attestation key.
func identityForgeries() []Forgery {
	identity := func(name string, spoil func(*TPMIdentity)) Forgery {
		return Forgery{Name: name, Registration: true, Forge: Forge{TPM: TPMForge{Identity: spoil}}}
	}
	return []Forgery{
		identity("AIK certificate with a subject", func(t *TPMIdentity) { t.Subject = pkix.Name{CommonName: "TPM"} }),
		identity("AIK certificate without a TPM's name", func(t *TPMIdentity) { t.NoAltName = true }),
		identity("AIK certificate whose name is not critical", func(t *TPMIdentity) { t.AltNameNotCritical = true }),
		identity("AIK certificate without manufacturer", func(t *TPMIdentity) { t.Manufacturer = "" }),
		identity("AIK certificate without model", func(t *TPMIdentity) { t.Model = "" }),
		identity("AIK certificate without version", func(t *TPMIdentity) { t.Version = "" }),
		identity("AIK certificate of a manufacturer by name", func(t *TPMIdentity) { t.Manufacturer = "Bestow" }),
		identity("AIK certificate of an unknown manufacturer", func(t *TPMIdentity) { t.Manufacturer = "id:FFFFFFFF" }),
		identity("AIK certificate for another purpose", func(t *TPMIdentity) { t.Purpose = asn1.ObjectIdentifier{2, 23, 133, 8, 1} }),
		identity("AIK certificate for no purpose", func(t *TPMIdentity) { t.Purpose = nil }),
		identity("AIK certificate of a CA", func(t *TPMIdentity) { t.CA = true }),
		identity("AIK certificate without basic constraints", func(t *TPMIdentity) { t.NoConstraints = true }),
	}
}
