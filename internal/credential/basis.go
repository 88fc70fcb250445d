package credential

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
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
	Hash string    `json:"hash"` // SHA-256 of the content, in hexadecimal digits
}

// BasisPart is a part of a judgement's basis with its content.
type BasisPart struct {
	BasisRef
	Body []byte
}

func newBasisPart(kind BasisKind, body []byte) BasisPart {
	sum := sha256.Sum256(append([]byte(string(kind)+"\n"), body...))
	return BasisPart{BasisRef{kind, hex.EncodeToString(sum[:])}, body}
}

func basisJSON(kind BasisKind, v any) (BasisPart, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return BasisPart{}, err
	}
	return newBasisPart(kind, body), nil
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
func registrationBasis(made *judged) ([]BasisPart, error) {
	var parts []BasisPart
	for _, path := range made.paths() {
		parts = append(parts, newBasisPart(BasisAnchor, path[len(path)-1].Raw))
	}
	for _, m := range made.models {
		part, err := basisJSON(BasisModel, modelBasis{m.Source, m.Number, m.Entry.Raw})
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// keepBasis sees to it that everything a registration was judged by is stored, and
// returns its names. It runs before the registration is stored, so that none refers to
// what is not there; parts of one that then fails stay, and do no harm.
func (s *Service) keepBasis(ctx context.Context, p *policySet, made *judged) ([]BasisRef, error) {
	own, err := registrationBasis(made)
	if err != nil {
		return nil, err
	}
	var unknown []BasisPart
	refs := make([]BasisRef, 0, len(p.basis)+len(own))
	for _, part := range append(p.basis[:len(p.basis):len(p.basis)], own...) {
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
