package api

import "bestow.dev/internal/tenant"

// Trust is whose word counts at a relying party beside its trust anchors.
type Trust struct {
	Metadata               string            `json:"metadata,omitempty" enum:"enforce,monitor,off" doc:"What the FIDO metadata decides: enforce takes a model's roots as its anchors and refuses models that were revoked or compromised, monitor only tells of them; enforce if left out"`
	VendorRoots            []string          `json:"vendorRoots,omitempty" nullable:"false" doc:"The vendors' root sets that count, each for its own formats; all if left out, and [none] for none"`
	FormatAnchors          map[string]string `json:"formatAnchors,omitempty" doc:"Certificates in PEM that count for one attestation format alone, by format"`
	RevocationLists        string            `json:"revocationLists,omitempty" doc:"Revocation lists in PEM that every certificate of a path is looked up in"`
	RequireRevocationLists bool              `json:"requireRevocationLists,omitempty" doc:"Refuse a path with a certificate that no list in force speaks of"`
	Outdated               []string          `json:"outdated,omitempty" nullable:"false" enum:"sha1-chain,tpm-sha1,android-safetynet" doc:"What is accepted though it is of the past"`
	AndroidKeyHardware     bool              `json:"androidKeyHardware,omitempty" doc:"Accept android-key only where the device's hardware made the key"`
}

func fromTrust(t *tenant.Trust) *Trust {
	out := &Trust{
		Metadata: string(t.Metadata), VendorRoots: t.VendorRoots, FormatAnchors: t.FormatAnchors,
		RevocationLists: t.RevocationLists, RequireRevocationLists: t.RequireRevocationLists,
		AndroidKeyHardware: t.AndroidKeyHardware,
	}
	for _, o := range t.Outdated {
		out.Outdated = append(out.Outdated, string(o))
	}
	return out
}

// trust returns the settings; a nil t has the defaults.
func (t *Trust) trust() tenant.Trust {
	if t == nil {
		return tenant.Trust{}
	}
	out := tenant.Trust{
		Metadata: tenant.MetadataUse(t.Metadata), VendorRoots: t.VendorRoots, FormatAnchors: t.FormatAnchors,
		RevocationLists: t.RevocationLists, RequireRevocationLists: t.RequireRevocationLists,
		AndroidKeyHardware: t.AndroidKeyHardware,
	}
	for _, o := range t.Outdated {
		out.Outdated = append(out.Outdated, tenant.Outdated(o))
	}
	return out
}
