package tenant

import (
	"context"
	"slices"
	"strconv"

	"bestow.dev/internal/policy"
)

// Policies returns the current policies of by's tenant, by name. It needs fido.read.
// Errors: authority.denied.
func (d *Directory) Policies(ctx context.Context, by Authority) ([]*Policy, error) {
	if err := requirePolicyRead(by); err != nil {
		return nil, err
	}
	return d.policies(ctx, by.Tenant)
}

// Policy returns a policy of by's tenant: a version of it, or the current one where
// version is zero. It needs fido.read. Errors: authority.denied, policy.unknown, also
// for a current one that was deleted.
func (d *Directory) Policy(ctx context.Context, by Authority, name string, version int64) (*Policy, error) {
	if version == 0 {
		all, err := d.Policies(ctx, by)
		if err != nil {
			return nil, err
		}
		if p := find(all, name); p != nil {
			return p, nil
		}
		return nil, ErrPolicyUnknown
	}
	versions, err := d.PolicyVersions(ctx, by, name)
	if err != nil {
		return nil, err
	}
	for _, p := range versions {
		if p.Version == version {
			return p, nil
		}
	}
	return nil, ErrPolicyUnknown
}

// PolicyVersions returns all versions of a policy, the newest first; those of a policy
// that is in a file now are what the database had before. It needs fido.read. Errors:
// authority.denied, policy.unknown.
func (d *Directory) PolicyVersions(ctx context.Context, by Authority, name string) ([]*Policy, error) {
	if err := requirePolicyRead(by); err != nil {
		return nil, err
	}
	versions, err := d.store.PolicyVersions(ctx, by.Tenant, name)
	if err != nil {
		return nil, err
	}
	if p := find(d.filePolicies[by.Tenant], name); p != nil {
		versions = slices.Insert(versions, 0, p)
	}
	if len(versions) == 0 {
		return nil, ErrPolicyUnknown
	}
	return versions, nil
}

// PutPolicy makes a policy of by's tenant, or a new version of it. A document that asks
// for what the current one asks for, in the same words for people, makes none: the
// current one is returned. Beside the policy come warnings about the relying parties
// where it holds. It needs admin.
//
// Errors: authority.denied; policy.invalid with the member's path in Field;
// policy.read_only for one of a file; policy.conflict if nothing could be registered any
// more at a relying party where it holds. A conflict with a change made at the same
// moment elsewhere is not noticed here: registrations then say so.
func (d *Directory) PutPolicy(ctx context.Context, by Authority, document []byte) (*Policy, []policy.Conflict, error) {
	if err := by.Require(ScopeAdmin, ""); err != nil {
		return nil, nil, err
	}
	parsed, err := ParsePolicy(document)
	if err != nil {
		return nil, nil, err
	}
	if find(d.filePolicies[by.Tenant], parsed.Name) != nil {
		return nil, nil, ErrPolicyReadOnly
	}
	warnings, err := d.conflictsWith(ctx, by, parsed)
	if err != nil {
		return nil, nil, err
	}
	now := d.time()
	e := by.Event(now, "policy.changed")
	e.Detail = map[string]string{"policy": parsed.Name, "digest": parsed.Digest().String(), "mode": string(parsed.Mode)}
	p, err := d.store.PutPolicy(ctx, &Policy{
		Tenant: by.Tenant, Name: parsed.Name, Document: parsed, Source: FromDatabase, Made: now, MadeBy: by.Actor.String(),
	}, e)
	d.forgetTenant(by.Tenant)
	if err != nil {
		return nil, nil, err
	}
	return p, warnings, nil
}

// CreatePolicy makes a policy of by's tenant where there is none of its name. Of two who
// make the same at the same moment, the later one may make a version of it instead.
// Errors: policy.exists; those of [Directory.PutPolicy].
func (d *Directory) CreatePolicy(ctx context.Context, by Authority, document []byte) (*Policy, []policy.Conflict, error) {
	if err := by.Require(ScopeAdmin, ""); err != nil {
		return nil, nil, err
	}
	parsed, err := ParsePolicy(document)
	if err != nil {
		return nil, nil, err
	}
	all, err := d.policies(ctx, by.Tenant)
	if err != nil {
		return nil, nil, err
	}
	if find(all, parsed.Name) != nil {
		return nil, nil, ErrPolicyExists
	}
	return d.PutPolicy(ctx, by, document)
}

// conflictsWith judges a document beside those it would be together with. Those of them
// that are gone are left out, since a policy that is put may be one of several that are
// to be made again.
func (d *Directory) conflictsWith(ctx context.Context, by Authority, document *policy.Document) ([]policy.Conflict, error) {
	all, err := d.policies(ctx, by.Tenant)
	if err != nil {
		return nil, err
	}
	rps, err := d.RelyingParties(ctx, by.Tenant)
	if err != nil {
		return nil, err
	}
	var warnings []policy.Conflict
	for _, rp := range rps {
		if !slices.Contains(rp.Policies, document.Name) {
			continue
		}
		var documents []*policy.Document
		for _, name := range rp.Policies {
			if name == document.Name {
				documents = append(documents, document)
			} else if p := find(all, name); p != nil {
				documents = append(documents, p.Document)
			}
		}
		found, err := rp.refuseConflicts(documents)
		if err != nil {
			return nil, err
		}
		warnings = append(warnings, found...)
	}
	return warnings, nil
}

// DeletePolicy deletes a policy of by's tenant; its versions can still be read. It
// needs admin. Errors: authority.denied, policy.unknown, policy.read_only for one of a
// file, policy.in_use if a relying party names it.
func (d *Directory) DeletePolicy(ctx context.Context, by Authority, name string) error {
	if err := by.Require(ScopeAdmin, ""); err != nil {
		return err
	}
	if find(d.filePolicies[by.Tenant], name) != nil {
		return ErrPolicyReadOnly
	}
	rps, err := d.RelyingParties(ctx, by.Tenant)
	if err != nil {
		return err
	}
	for _, rp := range rps {
		if slices.Contains(rp.Policies, name) {
			return ErrPolicyInUse.Saying("The policy holds at the relying party %s. Take it from there first.", rp.ID)
		}
	}
	now := d.time()
	e := by.Event(now, "policy.deleted")
	e.Detail = map[string]string{"policy": name}
	err = d.store.DeletePolicy(ctx, &Policy{Tenant: by.Tenant, Name: name, Made: now, MadeBy: by.Actor.String()}, e)
	d.forgetTenant(by.Tenant)
	return err
}

// SetPolicies says which policies hold at a relying party of the database, and returns
// it with warnings about them. It needs admin over it. Errors: those of
// [Directory.PutRelyingParty], and rp.unknown.
func (d *Directory) SetPolicies(ctx context.Context, by Authority, id string, names []string) (*RelyingParty, []policy.Conflict, error) {
	if err := by.Require(ScopeAdmin, id); err != nil {
		return nil, nil, err
	}
	switch {
	case d.fileRPs[rpKey{by.Tenant, id}] != nil:
		return nil, nil, ErrRelyingPartyReadOnly
	case !validDomain(id):
		return nil, nil, ErrRelyingPartyUnknown
	}
	// Not from memory: another process may have changed the rest of it just now.
	rp, err := d.store.RelyingParty(ctx, by.Tenant, id)
	if err != nil {
		return nil, nil, err
	}
	rp.Policies = names
	stored, err := d.PutRelyingParty(ctx, by, *rp)
	if err != nil {
		return nil, nil, err
	}
	documents, err := d.documentsOf(ctx, stored)
	if err != nil {
		return nil, nil, err
	}
	warnings, err := stored.Conflicts(documents)
	return stored, warnings, err
}

// forgetTenant has the relying parties of a tenant read again when they are asked for next.
func (d *Directory) forgetTenant(tenantName string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changes++
	for key := range d.recent {
		if key.tenant == tenantName {
			delete(d.recent, key)
		}
	}
	d.related.forget()
}

// requirePolicyRead lets whoever may read credentials somewhere read what they are
// judged by.
func requirePolicyRead(by Authority) error {
	if len(by.RelyingParties) > 0 {
		return by.Require(ScopeRead, by.RelyingParties[0])
	}
	return by.Require(ScopeRead, "")
}

// VersionText is the version as people read it.
func (p *Policy) VersionText() string {
	if p.Version == 0 {
		return "file"
	}
	return strconv.FormatInt(p.Version, 10)
}
