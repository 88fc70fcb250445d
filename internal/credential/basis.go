package credential

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// BasisKind says what a part of a judgement's basis is.
type BasisKind string

// The kinds of parts. Each is stored once, however many registrations it was used for.
const (
	BasisSettings       BasisKind = "settings"        // of the relying party, JSON
	BasisVendors        BasisKind = "tpm-vendors"     // the TPM manufacturers accepted, JSON
	BasisPolicy         BasisKind = "policy"          // a document, JSON
	BasisAnchor         BasisKind = "anchor"          // a certificate that a path ends in, DER
	BasisRevocationList BasisKind = "revocation-list" // DER
	BasisModel          BasisKind = "model"           // what the metadata had on the model, JSON
)

// BasisRef names a part of a judgement's basis.
type BasisRef struct {
	Kind BasisKind `json:"kind"`
	Hash string    `json:"hash"` // SHA-256 of kind and content, in hexadecimal digits

	// For is set for an anchor that counts for one part of a compound attestation alone:
	// the SHA-256 of that part's attestation certificate.
	For string `json:"for,omitempty"`
}

// BasisPart is a part of a judgement's basis with its content.
type BasisPart struct {
	BasisRef
	Body []byte
}

func newBasisPart(kind BasisKind, body []byte) BasisPart {
	h := sha256.New()
	h.Write([]byte(string(kind) + "\n"))
	h.Write(body)
	return BasisPart{BasisRef{Kind: kind, Hash: hex.EncodeToString(h.Sum(nil))}, body}
}

func basisJSON(kind BasisKind, v any) (BasisPart, error) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false) // which would make a kept document longer than it may be
	if err := enc.Encode(v); err != nil {
		return BasisPart{}, err
	}
	return newBasisPart(kind, bytes.TrimSuffix(body.Bytes(), []byte("\n"))), nil
}

// settingsBasis returns the parts that every registration under p has in common. The
// anchors are left out: those that count for a registration are kept with it.
func (p *policySet) settingsBasis(documents []*policy.Document) ([]BasisPart, error) {
	settings := *p.source
	settings.Source, settings.Created, settings.Changed = "", time.Time{}, time.Time{}
	settings.TrustAnchors, settings.TenantAnchors = "", ""
	settings.Trust.FormatAnchors, settings.Trust.RevocationLists = nil, ""
	settings.Trust.VendorRoots = []string{tenant.NoVendorRoots}
	first, err := basisJSON(BasisSettings, settings)
	if err != nil {
		return nil, err
	}
	vendors, err := basisJSON(BasisVendors, p.trust.TPMVendors)
	if err != nil {
		return nil, err
	}
	parts := []BasisPart{first, vendors}
	for _, d := range documents {
		part, err := basisJSON(BasisPolicy, d)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	for _, list := range p.trust.RevocationLists {
		parts = append(parts, newBasisPart(BasisRevocationList, list.Raw))
	}
	return parts, nil
}

// modelBasis is a [Model] as it is kept.
type modelBasis struct {
	Source string          `json:"source"`
	Number uint64          `json:"number,omitempty"`
	Entry  json.RawMessage `json:"entry"`
}

// registrationBasis returns the parts that a registration has for itself.
func (s *Service) registrationBasis(made *judged) ([]BasisPart, error) {
	var parts []BasisPart
	for _, t := range made.trusted() {
		part := newBasisPart(BasisAnchor, t.path[len(t.path)-1].Raw)
		if made.Attestation().Parts != nil {
			part.For = attestationKey(t.attestation)
		}
		parts = append(parts, part)
	}
	for _, m := range made.models {
		part, err := s.models.part(m)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// attestationKey names an attestation among the parts of a compound one, by the
// SHA-256 of its certificate; empty for one without.
func attestationKey(a *webauthn.Attestation) string {
	if len(a.Certificates) == 0 {
		return ""
	}
	sum := sha256.Sum256(a.Certificates[0].Raw)
	return hex.EncodeToString(sum[:])
}

// keepBasis sees to it that everything a registration was judged by is stored, and
// returns its names. It runs before the registration is stored, so that none refers to
// what is not there; parts of one that then fails stay, and do no harm.
func (s *Service) keepBasis(ctx context.Context, p *policySet, made *judged) ([]BasisRef, error) {
	own, err := s.registrationBasis(made)
	if err != nil {
		return nil, err
	}
	var unknown []BasisPart
	refs := make([]BasisRef, 0, len(p.basis)+len(own))
	for _, part := range slices.Concat(p.basis, own) {
		refs = append(refs, part.BasisRef)
		if !s.basis.has(p.source.Tenant, part.BasisRef) {
			unknown = append(unknown, part)
		}
	}
	if len(unknown) == 0 {
		return refs, nil
	}
	if err := s.store.KeepBasis(ctx, p.source.Tenant, unknown); err != nil {
		return nil, fmt.Errorf("keep what the registration was judged by: %w", err)
	}
	s.store.AfterCommit(ctx, func() { s.basis.add(p.source.Tenant, unknown) })
	return refs, nil
}
