package tenant

import (
	"context"
	"slices"

	"bestow.dev/internal/audit"
)

// What callers may see of their own tenant. Relying parties are no secret from who
// acts for them; the audit trail is for those who have the scope.

// covers reports whether a's rights hold for the relying party rp.
func (a Authority) covers(rp string) bool {
	return a.Tenant != "" && (len(a.RelyingParties) == 0 || slices.Contains(a.RelyingParties, rp))
}

// RelyingPartiesOf returns the relying parties that by's rights hold for, by id. They
// are not to be changed. Errors: authority.denied for nobody.
func (d *Directory) RelyingPartiesOf(ctx context.Context, by Authority) ([]*RelyingParty, error) {
	if by.Tenant == "" {
		return nil, ErrDenied
	}
	all, err := d.RelyingParties(ctx, by.Tenant)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(rp *RelyingParty) bool { return !by.covers(rp.ID) }), nil
}

// RelyingPartyOf returns one relying party that by's rights hold for. It is not to be
// changed. Errors: rp.unknown, also for one that they do not hold for.
func (d *Directory) RelyingPartyOf(ctx context.Context, by Authority, id string) (*RelyingParty, error) {
	if !by.covers(id) {
		return nil, ErrRelyingPartyUnknown
	}
	return d.RelyingParty(ctx, by.Tenant, id)
}

// AuditEvents returns the events of by's tenant that q selects. It needs audit.read
// for the relying party that q names, or without one for the whole tenant. Errors:
// authority.denied.
func AuditEvents(ctx context.Context, trail audit.Store, by Authority, q audit.Query) ([]audit.Event, error) {
	if err := by.Require(ScopeAuditRead, q.RelyingParty); err != nil {
		return nil, err
	}
	q.Tenant = by.Tenant
	return trail.AuditEvents(ctx, q)
}
