package tenant

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// RelyingParty returns a relying party with every default filled in. The caller does
// not change it: others see the same one. It answers from memory, for half a second
// where the database defines it. Errors: rp.unknown.
func (d *Directory) RelyingParty(ctx context.Context, tenantName, id string) (*RelyingParty, error) {
	key := rpKey{tenantName, id}
	if rp := d.fileRPs[key]; rp != nil {
		return rp, nil
	}
	if !validName(tenantName) || !validDomain(id) {
		return nil, ErrRelyingPartyUnknown
	}
	now := d.now()
	d.mu.Lock()
	known := d.recent[key]
	d.mu.Unlock()
	if known.rp != nil && now.Before(known.until) {
		return known.rp, nil
	}

	rp, err := d.store.RelyingParty(ctx, tenantName, id)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		delete(d.recent, key)
		return nil, err
	}
	d.recent[key] = remembered{rp, now.Add(memory)}
	return rp, nil
}

// RelyingParties returns those of a tenant, by id. They are not to be changed.
func (d *Directory) RelyingParties(ctx context.Context, tenantName string) ([]*RelyingParty, error) {
	all, err := d.store.RelyingParties(ctx, tenantName)
	if err != nil {
		return nil, err
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
// rp.invalid, rp.read_only for one from the file.
func (d *Directory) PutRelyingParty(ctx context.Context, by Authority, rp RelyingParty) (*RelyingParty, error) {
	if err := by.Require(ScopeAdmin, rp.ID); err != nil {
		return nil, err
	}
	now := d.time()
	rp.Tenant, rp.Source, rp.Created, rp.Changed = by.Tenant, FromDatabase, now, now
	checked, err := NewRelyingParty(rp)
	if err != nil {
		return nil, err
	}
	key := rpKey{checked.Tenant, checked.ID}
	if d.fileRPs[key] != nil {
		return nil, ErrRelyingPartyReadOnly
	}
	e := by.Event(now, "rp.changed")
	e.RelyingParty = checked.ID
	e.Detail = checked.summary()
	err = d.store.PutRelyingParty(ctx, checked, e)
	d.forget(key)
	if err != nil {
		return nil, err
	}
	stored, err := d.store.RelyingParty(ctx, key.tenant, key.id)
	if errors.Is(err, ErrRelyingPartyUnknown) {
		return checked, nil
	}
	return stored, err
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
	d.forget(key)
	return err
}

// forget lets the next question be answered from the database.
func (d *Directory) forget(key rpKey) {
	d.mu.Lock()
	delete(d.recent, key)
	d.mu.Unlock()
	d.related.forget()
}

// summary is what the audit trail keeps of a relying party's policy.
func (rp *RelyingParty) summary() map[string]string {
	return map[string]string{
		"origins":          strings.Join(rp.Origins, " "),
		"userVerification": string(rp.UserVerification),
		"residentKey":      string(rp.ResidentKey),
		"attestation":      string(rp.Attestation),
		"attestationTrust": string(rp.AttestationTrust),
		"allowedAaguids":   strings.Join(rp.AllowedAAGUIDs, " "),
		"relatedOrigins":   strings.Join(rp.RelatedOrigins, " "),
		"appId":            rp.AppID,
	}
}
