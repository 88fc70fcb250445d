package tenant

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// related is the related origins of all relying parties, by RP ID.
type related struct {
	mu    sync.Mutex // also lets one of several callers read for all
	byID  map[string][]string
	until time.Time
}

// RelatedOrigins returns the related origins of an RP ID (§5.11); nil if it has none.
// The document that tells of them speaks for the domain, so that of tenants who share an
// RP ID the lists stand one after the other, by tenant. It opens nothing: a ceremony is
// judged by the list of its own tenant. It answers from memory, for half a second.
func (d *Directory) RelatedOrigins(ctx context.Context, id string) ([]string, error) {
	r := &d.related
	r.mu.Lock()
	defer r.mu.Unlock()
	now := d.now()
	if r.byID == nil || !now.Before(r.until) {
		byID, err := d.readRelatedOrigins(ctx)
		if err != nil {
			return nil, err
		}
		r.byID, r.until = byID, now.Add(memory)
	}
	return slices.Clone(r.byID[id]), nil
}

func (r *related) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byID = nil
}

func (d *Directory) readRelatedOrigins(ctx context.Context) (map[string][]string, error) {
	all, err := d.store.RelyingParties(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, rp := range d.fileRPs {
		all = append(all, rp)
	}
	slices.SortFunc(all, func(a, b *RelyingParty) int { return strings.Compare(a.Tenant, b.Tenant) })
	byID := make(map[string][]string)
	for _, rp := range all {
		for _, o := range rp.RelatedOrigins {
			if !slices.Contains(byID[rp.ID], o) {
				byID[rp.ID] = append(byID[rp.ID], o)
			}
		}
	}
	return byID, nil
}
