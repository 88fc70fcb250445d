package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"slices"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
)

// Client implements [tenant.Store].
func (db *DB) Client(ctx context.Context, id string) (*tenant.Client, error) {
	found, err := db.clients(ctx, "c.id = $1", id)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, tenant.ErrClientUnknown
	}
	return found[0], nil
}

// Clients implements [tenant.Store].
func (db *DB) Clients(ctx context.Context, tenantName string) ([]*tenant.Client, error) {
	return db.clients(ctx, "$1 = '' OR c.tenant = $1", tenantName)
}

// ClientsWithKey implements [tenant.Store].
func (db *DB) ClientsWithKey(ctx context.Context, hash [sha256.Size]byte) ([]*tenant.Client, error) {
	return db.clients(ctx, "c.id IN (SELECT client FROM client_key WHERE hash = $1)", hash[:])
}

// clients reads clients and their keys in one statement, one row per key, so that
// they are of one moment.
func (db *DB) clients(ctx context.Context, where string, arg any) (all []*tenant.Client, err error) {
	text := `SELECT c.id, c.tenant, c.name, c.scopes, c.relying_parties, c.disabled, c.created_ms,
			k.id, k.hash, k.created_ms, k.expires_ms
		FROM client c LEFT JOIN client_key k ON k.client = c.id
		WHERE ` + where + ` ORDER BY c.id`
	err = db.read(ctx, func(ctx context.Context, q tx) error {
		rows, err := q.Query(ctx, text, arg)
		perKey, err := collect(rows, err, scanClient)
		if err != nil {
			return err
		}
		all = nil
		for _, c := range perKey {
			if n := len(all); n > 0 && all[n-1].ID == c.ID {
				all[n-1].Keys = append(all[n-1].Keys, c.Keys...)
				continue
			}
			all = append(all, c)
		}
		for _, c := range all { // few: an engine's sort costs more than the whole read
			slices.SortFunc(c.Keys, func(a, b tenant.ClientKey) int {
				return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
			})
		}
		return nil
	})
	return all, err
}

// scanClient reads a client with one of its keys, or none.
func scanClient(rows *sql.Rows) (*tenant.Client, error) {
	c := &tenant.Client{Source: tenant.FromDatabase}
	var (
		key  tenant.ClientKey
		hash []byte
	)
	err := rows.Scan(&c.ID, &c.Tenant, &c.Name, scanJSON(&c.Scopes), scanJSON(&c.RelyingParties), &c.Disabled, scanMS(&c.Created),
		scanNull(&key.ID), &hash, scanMS(&key.Created), scanMS(&key.Expires))
	if err != nil || key.ID == "" {
		return c, err
	}
	if key.Hash, err = digest(hash); err != nil {
		return nil, err
	}
	c.Keys = []tenant.ClientKey{key}
	return c, nil
}

// CreateClient implements [tenant.Store].
func (db *DB) CreateClient(ctx context.Context, c *tenant.Client, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		const insert = `INSERT INTO client (id, tenant, name, scopes, relying_parties, disabled, created_ms)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING`
		n, err := q.Exec(ctx, insert, c.ID, c.Tenant, c.Name, asJSON(c.Scopes), asJSON(c.RelyingParties), c.Disabled, ms(c.Created))
		if err != nil {
			return err
		}
		if n == 0 {
			return tenant.ErrClientExists
		}
		for _, key := range c.Keys {
			if err := insertClientKey(ctx, q, c.ID, key); err != nil {
				return err
			}
		}
		return appendAudit(ctx, q, e)
	})
}

func insertClientKey(ctx context.Context, q tx, client string, key tenant.ClientKey) error {
	const insert = "INSERT INTO client_key (client, id, hash, created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5)"
	_, err := q.Exec(ctx, insert, client, key.ID, key.Hash[:], ms(key.Created), ms(key.Expires))
	return err
}

// SetClientDisabled implements [tenant.Store].
func (db *DB) SetClientDisabled(ctx context.Context, tenantName, id string, disabled bool, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		n, err := q.Exec(ctx, "UPDATE client SET disabled = $3 WHERE tenant = $1 AND id = $2", tenantName, id, disabled)
		if err != nil {
			return err
		}
		if n == 0 {
			return tenant.ErrClientUnknown
		}
		return appendAudit(ctx, q, e)
	})
}

// DeleteClient implements [tenant.Store].
func (db *DB) DeleteClient(ctx context.Context, tenantName, id string, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		n, err := q.Exec(ctx, "DELETE FROM client WHERE tenant = $1 AND id = $2", tenantName, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return tenant.ErrClientUnknown
		}
		if _, err := q.Exec(ctx, "DELETE FROM access_token WHERE client = $1", id); err != nil {
			return err
		}
		return appendAudit(ctx, q, e)
	})
}

// RotateClientKey implements [tenant.Store].
func (db *DB) RotateClientKey(ctx context.Context, r tenant.Rotation, e audit.Event) error {
	return db.write(ctx, func(ctx context.Context, q tx) error {
		// The client's row is taken first, so that rotations of one client follow each
		// other.
		n, err := q.Exec(ctx, "UPDATE client SET name = name WHERE tenant = $1 AND id = $2", r.Tenant, r.Client)
		if err != nil {
			return err
		}
		if n == 0 {
			return tenant.ErrClientUnknown
		}
		const expire = "UPDATE client_key SET expires_ms = $2 WHERE client = $1 AND (expires_ms = 0 OR expires_ms > $2)"
		if _, err := q.Exec(ctx, expire, r.Client, ms(r.OthersExpire)); err != nil {
			return err
		}
		const purge = "DELETE FROM client_key WHERE client = $1 AND expires_ms > 0 AND expires_ms <= $2"
		if _, err := q.Exec(ctx, purge, r.Client, ms(r.Now)); err != nil {
			return err
		}
		if err := insertClientKey(ctx, q, r.Client, r.Key); err != nil {
			return err
		}
		var left int
		if err := q.QueryRow(ctx, "SELECT COUNT(*) FROM client_key WHERE client = $1", r.Client).Scan(&left); err != nil {
			return err
		}
		if left > r.Max {
			return tenant.ErrClientKeys
		}
		return appendAudit(ctx, q, e)
	})
}
