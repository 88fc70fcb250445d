package tenant

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"strings"

	"bestow.dev/internal/fault"
)

// RelyingParty returns a relying party with every default and its policies filled in.
// The caller does not change it: others see the same one, and get the same one again
// as long as nothing about it changes. It answers from memory, for half a second where
// the database has a part in it. Errors: rp.unknown; policy.missing if it names a policy
// that is gone.
func (d *Directory) RelyingParty(ctx context.Context, tenantName, id string) (*RelyingParty, error) {
	key := rpKey{tenantName, id}
	fromFile := d.fileRPs[key]
	if fromFile != nil && len(fromFile.documents) == len(fromFile.Policies) {
		return fromFile, nil
	}
	if !validName(tenantName) || !validDomain(id) {
		return nil, ErrRelyingPartyUnknown
	}
	now := d.now()
	d.mu.Lock()
	known, changes := d.recent[key], d.changes
	d.mu.Unlock()
	if known.rp != nil && now.Before(known.until) {
		return known.rp, nil
	}

	rp, err := d.whole(ctx, fromFile, key)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		delete(d.recent, key)
		return nil, err
	}
	if reflect.DeepEqual(rp, known.rp) {
		rp = known.rp
	}
	if d.changes == changes { // otherwise what was read may be from before the change
		d.recent[key] = remembered{rp, now.Add(memory)}
	}
	return rp, nil
}

// RelyingPartyUnder returns a relying party as [Directory.RelyingParty] does, with
// further policies of its tenant in force beside its own. Of a name that it has already
// nothing comes, and the order of names does not matter. The caller does not change it.
//
// Errors: those of RelyingParty; policy.unknown, rp.invalid for too many names,
// policy.conflict if with them nothing could be registered.
func (d *Directory) RelyingPartyUnder(ctx context.Context, tenantName, id string, policies []string) (*RelyingParty, error) {
	rp, err := d.RelyingParty(ctx, tenantName, id)
	if err != nil {
		return nil, err
	}
	further := slices.Compact(slices.Sorted(slices.Values(policies)))
	further = slices.DeleteFunc(further, func(name string) bool { return slices.Contains(rp.Policies, name) })
	if len(further) == 0 {
		return rp, nil
	}
	under := *rp
	under.Policies = slices.Concat(rp.Policies, further)
	if err := under.checkPolicyNames(); err != nil {
		return nil, err
	}
	if under.documents, err = d.documentsOf(ctx, &under); err != nil {
		return nil, err
	}
	if _, err := under.refuseConflicts(under.documents); err != nil {
		return nil, err
	}
	return &under, nil
}

// whole reads a relying party, unless it is from the file, and puts together what of
// it is written down elsewhere.
func (d *Directory) whole(ctx context.Context, fromFile *RelyingParty, key rpKey) (*RelyingParty, error) {
	rp := new(RelyingParty)
	if fromFile != nil {
		*rp = *fromFile
	} else {
		var err error
		if rp, err = d.store.RelyingParty(ctx, key.tenant, key.id); err != nil {
			return nil, err
		}
	}
	rp.TenantAnchors = d.fileAnchors[rp.Tenant]
	var err error
	rp.documents, err = d.documentsOf(ctx, rp)
	if errors.Is(err, ErrPolicyUnknown) {
		// Whoever runs a ceremony here did not name it.
		return nil, ErrPolicyMissing.Because(errors.New(fault.From(err).Public))
	}
	return rp, err
}

// RelyingParties returns those of a tenant, by id, without the documents of their
// policies. They are not to be changed.
func (d *Directory) RelyingParties(ctx context.Context, tenantName string) ([]*RelyingParty, error) {
	all, err := d.store.RelyingParties(ctx, tenantName)
	if err != nil {
		return nil, err
	}
	for _, rp := range all {
		rp.TenantAnchors = d.fileAnchors[tenantName]
	}
	for key, rp := range d.fileRPs {
		if key.tenant == tenantName {
			all = append(all, rp)
		}
	}
	slices.SortFunc(all, func(a, b *RelyingParty) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

// PutRelyingParty makes or replaces a relying party of the caller's tenant, which is
// set in rp. It needs admin over that relying party. Errors: authority.denied,
// rp.invalid, rp.read_only for one from the file, policy.unknown, and policy.conflict if
// with its policies nothing could be registered.
func (d *Directory) PutRelyingParty(ctx context.Context, by Authority, rp RelyingParty) (*RelyingParty, error) {
	if err := by.Require(ScopeAdmin, rp.ID); err != nil {
		return nil, err
	}
	now := d.time()
	rp.Tenant, rp.Source, rp.Created, rp.Changed = by.Tenant, FromDatabase, now, now
	rp.TenantAnchors = d.fileAnchors[by.Tenant]
	checked, err := NewRelyingParty(rp)
	if err != nil {
		return nil, err
	}
	key := rpKey{checked.Tenant, checked.ID}
	if d.fileRPs[key] != nil {
		return nil, ErrRelyingPartyReadOnly
	}
	documents, err := d.documentsOf(ctx, checked)
	if err != nil {
		return nil, err
	}
	if _, err := checked.refuseConflicts(documents); err != nil {
		return nil, err
	}
	e := by.Event(now, "rp.changed")
	e.RelyingParty = checked.ID
	e.Detail = checked.summary()
	err = d.store.PutRelyingParty(ctx, checked, e)
	d.forgetTenant(checked.Tenant)
	if err != nil {
		return nil, err
	}
	checked.documents = documents
	stored, err := d.store.RelyingParty(ctx, key.tenant, key.id)
	if errors.Is(err, ErrRelyingPartyUnknown) { // deleted since
		return checked, nil
	}
	if err != nil {
		return nil, err
	}
	checked.Created = stored.Created
	return checked, nil
}

// DeleteRelyingParty removes a relying party of the caller's tenant for which there
// are no credentials. Ceremonies that are open there cannot be finished any more. It
// needs admin over that relying party. Errors: authority.denied, rp.unknown,
// rp.in_use, rp.read_only for one from the file.
func (d *Directory) DeleteRelyingParty(ctx context.Context, by Authority, id string) error {
	if err := by.Require(ScopeAdmin, id); err != nil {
		return err
	}
	key := rpKey{by.Tenant, id}
	switch {
	case d.fileRPs[key] != nil:
		return ErrRelyingPartyReadOnly
	case !validDomain(id):
		return ErrRelyingPartyUnknown
	}
	e := by.Event(d.time(), "rp.deleted")
	e.RelyingParty = id
	err := d.store.DeleteRelyingParty(ctx, by.Tenant, id, e)
	d.forgetTenant(by.Tenant)
	return err
}

// summary is what the audit trail keeps of a relying party's policy. Certificates and
// revocation lists are told by their hash: that they changed is what matters.
func (rp *RelyingParty) summary() map[string]string {
	s := map[string]string{
		"origins":          strings.Join(rp.Origins, " "),
		"userVerification": string(rp.UserVerification),
		"residentKey":      string(rp.ResidentKey),
		"attestation":      string(rp.Attestation),
		"attestationTrust": string(rp.AttestationTrust),
		"allowedAaguids":   strings.Join(rp.AllowedAAGUIDs, " "),
		"metadata":         string(rp.Trust.Metadata),
		"vendorRoots":      strings.Join(rp.Trust.VendorRoots, " "),
		"outdated":         strings.Join(words(rp.Trust.Outdated), " "),
		"policies":         strings.Join(rp.Policies, " "),
		"relatedOrigins":   strings.Join(rp.RelatedOrigins, " "),
		"appId":            rp.AppID,
		"trustAnchors":     hashText(rp.TrustAnchors),
		"revocationLists":  hashText(rp.Trust.RevocationLists),
	}
	for format, text := range rp.Trust.FormatAnchors {
		s["formatAnchors."+format] = hashText(text)
	}
	if rp.Trust.RequireRevocationLists {
		s["requireRevocationLists"] = "true"
	}
	if rp.Trust.AndroidKeyHardware {
		s["androidKeyHardware"] = "true"
	}
	return s
}

// hashText names a text of certificates or lists; empty for none.
func hashText(text string) string {
	if text == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func words[T ~string](list []T) []string {
	texts := make([]string, len(list))
	for i, w := range list {
		texts[i] = string(w)
	}
	return texts
}
