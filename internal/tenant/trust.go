package tenant

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"slices"
	"strings"
)

// Trust says whose word about an authenticator counts at a relying party beside its
// TrustAnchors, and what of the past it still accepts. Its zero value is the default.
type Trust struct {
	// Metadata is what the FIDO metadata decides. MetadataEnforce if empty; without
	// metadata it decides nothing.
	Metadata MetadataUse `json:"metadata,omitempty"`

	// VendorRoots are the names of the vendors' root sets that count, each for its own
	// attestation formats. Empty means all; NoVendorRoots alone means none.
	VendorRoots []string `json:"vendorRoots,omitempty"`

	// FormatAnchors are certificates in PEM that count for one attestation format
	// alone, by format.
	FormatAnchors map[string]string `json:"formatAnchors,omitempty"`

	// RevocationLists are lists in PEM that every certificate of an attestation's path
	// is looked up in. RequireRevocationLists wants one in force for each of them.
	RevocationLists        string `json:"revocationLists,omitempty"`
	RequireRevocationLists bool   `json:"requireRevocationLists,omitempty"`

	// Outdated names what is accepted though it should no longer be used.
	Outdated []Outdated `json:"outdated,omitempty"`

	// AndroidKeyHardware accepts attestation of format android-key only where the
	// device's trusted environment or secure element made the key.
	AndroidKeyHardware bool `json:"androidKeyHardware,omitempty"`
}

// MetadataUse says what the FIDO metadata decides at a relying party.
type MetadataUse string

// The uses of metadata.
const (
	// MetadataEnforce: a model's roots are anchors for it, and a model that was revoked
	// or compromised is refused.
	MetadataEnforce MetadataUse = "enforce"
	// MetadataMonitor: the roots are anchors, and what would be refused is told.
	MetadataMonitor MetadataUse = "monitor"
	// MetadataOff: it is not looked at.
	MetadataOff MetadataUse = "off"
)

// NoVendorRoots stands in [Trust.VendorRoots] for no set at all.
const NoVendorRoots = "none"

// Outdated is something that is refused by default because it is of the past.
type Outdated string

// What can be accepted though it is of the past.
const (
	OutdatedSHA1Chain Outdated = "sha1-chain"        // SHA-1 signatures on certificates of a path
	OutdatedTPMSHA1   Outdated = "tpm-sha1"          // statements that a TPM signed with SHA-1 (RS1)
	OutdatedSafetyNet Outdated = "android-safetynet" // the format whose service was shut down
)

// formats are the attestation formats that have certificates, so that anchors for
// them mean something.
var formats = []string{"packed", "tpm", "android-key", "android-safetynet", "fido-u2f", "apple"}

// AttestationFormats returns the formats that can have anchors of their own.
func AttestationFormats() []string { return slices.Clone(formats) }

const (
	maxRootSets             = 100
	maxRevocationLists      = 50
	maxRevocationListsBytes = 16 << 20
)

func (t *Trust) fillIn() {
	t.Metadata = cmp.Or(t.Metadata, MetadataEnforce)
	t.VendorRoots = slices.Clone(t.VendorRoots)
	if len(t.VendorRoots) == 0 {
		t.VendorRoots = nil // all, as the lists of vendors read it
	}
	t.FormatAnchors = maps.Clone(t.FormatAnchors)
	t.Outdated = slices.Clone(t.Outdated)
}

func (t *Trust) check() error {
	if !slices.Contains([]MetadataUse{MetadataEnforce, MetadataMonitor, MetadataOff}, t.Metadata) {
		return invalidRP("trust.metadata", "It is enforce, monitor or off.")
	}
	for _, name := range t.VendorRoots {
		if !validName(name) || name == NoVendorRoots && len(t.VendorRoots) > 1 || len(t.VendorRoots) > maxRootSets {
			return invalidRP("trust.vendorRoots", "They are names of root sets; none stands alone.")
		}
	}
	if _, err := t.AnchorsByFormat(); err != nil {
		return err
	}
	if _, err := t.Lists(); err != nil {
		return err
	}
	for i, o := range t.Outdated {
		if !slices.Contains([]Outdated{OutdatedSHA1Chain, OutdatedTPMSHA1, OutdatedSafetyNet}, o) || slices.Contains(t.Outdated[:i], o) {
			return invalidRP("trust.outdated", "They are sha1-chain, tpm-sha1 and android-safetynet, each at most once.")
		}
	}
	return nil
}

// Accepts reports whether something of the past is accepted.
func (t *Trust) Accepts(o Outdated) bool { return slices.Contains(t.Outdated, o) }

// AnchorsByFormat returns the certificates of FormatAnchors. It parses them on each
// call. Errors: rp.invalid; none on a relying party that was checked.
func (t *Trust) AnchorsByFormat() (map[string][]*x509.Certificate, error) {
	all := make(map[string][]*x509.Certificate, len(t.FormatAnchors))
	for _, format := range slices.Sorted(maps.Keys(t.FormatAnchors)) {
		field := "trust.formatAnchors." + format
		if !slices.Contains(formats, format) {
			return nil, invalidRP("trust.formatAnchors", "The attestation formats with certificates are "+strings.Join(formats, ", ")+".")
		}
		anchors, err := parseAnchors(field, t.FormatAnchors[format])
		if err != nil {
			return nil, err
		}
		all[format] = anchors
	}
	return all, nil
}

// Lists returns the revocation lists. It parses them on each call. Errors: rp.invalid;
// none on a relying party that was checked.
func (t *Trust) Lists() ([]*x509.RevocationList, error) {
	const field = "trust.revocationLists"
	if len(t.RevocationLists) > maxRevocationListsBytes {
		return nil, invalidRP(field, "The revocation lists are too large.")
	}
	var all []*x509.RevocationList
	err := eachPEM(t.RevocationLists, "X509 CRL", func(der []byte) error {
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			return invalidRP(field, "One of the revocation lists does not parse.")
		}
		if all = append(all, list); len(all) > maxRevocationLists {
			return invalidRP(field, "There are too many revocation lists.")
		}
		return nil
	}, invalidRP(field, "They are revocation lists in PEM."))
	return all, err
}

// parseAnchors reads certificates in PEM.
func parseAnchors(field, text string) ([]*x509.Certificate, error) {
	if len(text) > maxAnchorBytes {
		return nil, invalidRP(field, "The trust anchors are too large.")
	}
	var all []*x509.Certificate
	err := eachPEM(text, "CERTIFICATE", func(der []byte) error {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return invalidRP(field, "One of the certificates does not parse.")
		}
		if all = append(all, cert); len(all) > maxAnchors {
			return invalidRP(field, "There are too many trust anchors.")
		}
		return nil
	}, invalidRP(field, "They are certificates in PEM."))
	return all, err
}

// eachPEM calls f with each block of text, all of which have to be of one type;
// otherwise it returns other.
func eachPEM(text, kind string, f func(der []byte) error, other error) error {
	rest := []byte(text)
	for len(bytes.TrimSpace(rest)) > 0 {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != kind {
			return other
		}
		if err := f(block.Bytes); err != nil {
			return err
		}
	}
	return nil
}
