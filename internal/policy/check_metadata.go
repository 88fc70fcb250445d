package policy

import (
	"slices"

	"bestow.dev/metadata"
)

func (c *checker) metadata(path string, m *Metadata) {
	if m == nil {
		return
	}
	if m.Required == nil {
		m.Required = new(true)
	}
	if m.Statuses == nil {
		m.Statuses = &Statuses{Deny: slices.Clone(compromises)}
	}
	c.items(join(path, "statuses.deny"), m.Statuses.Deny, oneOf(statusesThatMayBeDenied))
	// A revoked model must not be registered, whatever a policy thinks of it (MDS
	// §3.2 step 8.2).
	if revoked := string(metadata.StatusRevoked); !slices.Contains(m.Statuses.Deny, revoked) {
		m.Statuses.Deny = append(m.Statuses.Deny, revoked)
		slices.Sort(m.Statuses.Deny)
	}
	if m.MinimumLevel != "" && !slices.Contains(certificationLevels, m.MinimumLevel) {
		c.refuse(join(path, "minimumLevel"), "The level is L1, L1plus, L2, L2plus, L3 or L3plus.")
	}
	c.properties(join(path, "properties"), m.Properties)
	if member := m.needsEntry(); !*m.Required && member != "" {
		c.refuse(join(path, "required"), "This cannot be false beside %s, which only a known model satisfies.", member)
	}
}

// needsEntry returns the first member that only a known model satisfies.
func (m *Metadata) needsEntry() string {
	switch {
	case m.MinimumLevel != "":
		return "minimumLevel"
	case m.MinimumAuthenticatorVersion != nil:
		return "minimumAuthenticatorVersion"
	case m.Properties == nil:
		return ""
	case m.Properties.IsKeyRestricted != nil:
		return "properties.isKeyRestricted"
	case m.Properties.IsFreshUserVerificationRequired != nil:
		return "properties.isFreshUserVerificationRequired"
	case m.Properties.MinimumCryptoStrength != nil:
		return "properties.minimumCryptoStrength"
	}
	for _, p := range properties {
		if w := p.of(m.Properties); w != nil && (w.AnyOf != nil || w.AllOf != nil) {
			return "properties." + p.name
		}
	}
	return ""
}

func (c *checker) properties(path string, p *Properties) {
	if p == nil {
		return
	}
	if *p == (Properties{}) {
		c.refuse(path, nothingIn)
	}
	for _, property := range properties {
		c.words(join(path, property.name), property.of(p), property.known)
	}
}

func (c *checker) firmware(path string, f *Firmware) {
	if f == nil {
		return
	}
	if *f == (Firmware{}) {
		c.refuse(path, nothingIn)
	}
	c.onlyTrue(join(path, "trustworthy"), f.Trustworthy)
}

func (c *checker) attestation(path string, a *Attestation) {
	if a == nil {
		return
	}
	if *a == (Attestation{}) {
		c.refuse(path, nothingIn)
	}
	c.selection(join(path, "types"), a.Types, oneOf(attestationTypes))
	c.selection(join(path, "formats"), a.Formats, oneOf(attestationFormats))
	c.onlyTrue(join(path, "trusted"), a.Trusted)
	c.onlyTrue(join(path, "asMetadata"), a.AsMetadata)
}
