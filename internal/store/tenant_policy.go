package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
)

const policyColumns = "tenant, name, version, document, made_ms, made_by"

// scanPolicy reads a version and lets the domain check its document: a row that was
// changed by hand is refused rather than followed.
func scanPolicy(rows *sql.Rows) (*tenant.Policy, error) {
	p := &tenant.Policy{Source: tenant.FromDatabase}
	var document string
	if err := rows.Scan(&p.Tenant, &p.Name, &p.Version, &document, scanMS(&p.Made), &p.MadeBy); err != nil {
		return nil, err
	}
	if document == "" {
		return p, nil
	}
	var err error
	if p.Document, err = policy.Parse([]byte(document)); err != nil {
		return nil, spoilt(err, "version %d of policy %s of tenant %s", p.Version, p.Name, p.Tenant)
	}
	return p, nil
}

// Policies implements [tenant.Store].
func (db *DB) Policies(ctx context.Context, tenantName string) (all []*tenant.Policy, err error) {
	err = db.read(ctx, func(ctx context.Context, q tx) error {
		const current = "SELECT " + policyColumns + ` FROM policy_version p WHERE tenant = $1 AND document <> '' AND version =
			(SELECT max(version) FROM policy_version v WHERE v.tenant = p.tenant AND v.name = p.name) ORDER BY name`
		rows, err := q.Query(ctx, current, tenantName)
		all, err = collect(rows, err, scanPolicy)
		return err
	})
	return all, err
}

// PolicyVersions implements [tenant.Store].
func (db *DB) PolicyVersions(ctx context.Context, tenantName, name string) (all []*tenant.Policy, err error) {
	err = db.read(ctx, func(ctx context.Context, q tx) error {
		const versions = "SELECT " + policyColumns + " FROM policy_version WHERE tenant = $1 AND name = $2 ORDER BY version DESC"
		rows, err := q.Query(ctx, versions, tenantName, name)
		all, err = collect(rows, err, scanPolicy)
		return err
	})
	return all, err
}

// lastPolicyVersion returns the newest version of a policy, be it that it was deleted;
// nil for one that never was.
func lastPolicyVersion(ctx context.Context, q tx, tenantName, name string) (*tenant.Policy, error) {
	const last = "SELECT " + policyColumns + " FROM policy_version WHERE tenant = $1 AND name = $2 ORDER BY version DESC LIMIT 1"
	rows, err := q.Query(ctx, last, tenantName, name)
	found, err := collect(rows, err, scanPolicy)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// PutPolicy implements [tenant.Store].
func (db *DB) PutPolicy(ctx context.Context, p *tenant.Policy, e audit.Event) (*tenant.Policy, error) {
	var stored *tenant.Policy
	err := db.write(ctx, func(ctx context.Context, q tx) error {
		last, err := lastPolicyVersion(ctx, q, p.Tenant, p.Name)
		if err != nil {
			return err
		}
		if last != nil && sameDocument(last.Document, p.Document) {
			stored = last
			return nil
		}
		stored = new(*p)
		return addPolicyVersion(ctx, q, stored, last, e)
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

// DeletePolicy implements [tenant.Store].
func (db *DB) DeletePolicy(ctx context.Context, p *tenant.Policy, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		last, err := lastPolicyVersion(ctx, q, p.Tenant, p.Name)
		if err != nil {
			return err
		}
		if last == nil || last.Document == nil {
			return tenant.ErrPolicyUnknown
		}
		gone := *p
		gone.Document = nil
		return addPolicyVersion(ctx, q, &gone, last, e)
	})
}

// addPolicyVersion stores p after the last version, if there is one. Of two at once the
// second gets policy.changed.
func addPolicyVersion(ctx context.Context, q tx, p, last *tenant.Policy, e audit.Event) error {
	p.Version = 1
	if last != nil {
		p.Version = last.Version + 1
	}
	document := any("")
	if p.Document != nil {
		document = asJSON(p.Document)
	}
	const add = `INSERT INTO policy_version (` + policyColumns + `) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (tenant, name, version) DO NOTHING`
	n, err := q.Exec(ctx, add, p.Tenant, p.Name, p.Version, document, ms(p.Made), p.MadeBy)
	if err != nil {
		return err
	}
	if n == 0 {
		return tenant.ErrPolicyChanged
	}
	return appendAudit(ctx, q, e)
}

// sameDocument compares canonical forms, descriptions for people included.
func sameDocument(a, b *policy.Document) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errors.Join(errX, errY) == nil && string(x) == string(y)
}
