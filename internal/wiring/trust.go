package wiring

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"bestow.dev/internal/config"
	"bestow.dev/internal/tenant"
	"bestow.dev/trust"
)

// TrustLists returns the lists in force: as shipped, with what the configuration's
// directory replaces and adds. An error names the directory and the file.
func TrustLists(cfg *config.Config) (*trust.Lists, error) {
	if cfg.TrustDir == "" {
		return trust.Default(), nil
	}
	lists, err := trust.Load(os.DirFS(cfg.TrustDir))
	if err != nil {
		return nil, fmt.Errorf("trust-dir: in %s: %w", cfg.TrustDir, err)
	}
	return lists, nil
}

// maxTrustBytes bounds a file of trust anchors, revocation lists or a policy.
const maxTrustBytes = 16 << 20

// readTrust returns the text of a file that key names; empty if it names none.
func readTrust(key, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	if info.Size() > maxTrustBytes {
		return "", errors.New(key + ": is too large")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	// A file that is named and says nothing is a mistake: where it ends half-written,
	// what it was to say must not be forgotten.
	if len(bytes.TrimSpace(text)) == 0 {
		return "", errors.New(key + ": is empty")
	}
	return string(text), nil
}

// fileTenant translates what holds for all of a tenant.
func fileTenant(t config.Tenant) (out tenant.FileTenant, err error) {
	out.Name = t.Name
	out.TrustAnchors, err = readTrust("trust-anchors-file", t.TrustAnchorsFile)
	if err != nil {
		return out, err
	}
	for i, path := range t.PolicyFiles {
		text, err := readTrust(fmt.Sprintf("policy-files[%d]", i), path)
		if err != nil {
			return out, err
		}
		out.Policies = append(out.Policies, tenant.FilePolicy{Path: path, Document: []byte(text)})
	}
	return out, nil
}

// fileTrust translates the trust settings of a relying party.
func fileTrust(t config.Trust) (tenant.Trust, error) {
	out := tenant.Trust{
		Metadata: tenant.MetadataUse(t.Metadata), VendorRoots: t.VendorRoots,
		RequireRevocationLists: t.RequireRevocationLists, AndroidKeyHardware: t.AndroidKeyHardware,
	}
	for _, name := range t.Outdated {
		out.Outdated = append(out.Outdated, tenant.Outdated(name))
	}
	for _, format := range slices.Sorted(maps.Keys(t.FormatAnchorsFiles)) {
		text, err := readTrust("trust.format-anchors-files."+format, t.FormatAnchorsFiles[format])
		if err != nil {
			return out, err
		}
		if out.FormatAnchors == nil {
			out.FormatAnchors = map[string]string{}
		}
		out.FormatAnchors[format] = text
	}
	var err error
	out.RevocationLists, err = readTrust("trust.revocation-lists-file", t.RevocationListsFile)
	return out, err
}
