package store

import (
	"context"
	"database/sql"
	"errors"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/webhook"
)

// webhookStore is a database as webhooks see it. It has a type of its own because their
// words mean other things elsewhere.
type webhookStore struct{ db *DB }

var _ webhook.Store = webhookStore{}

// Webhooks returns the database as the store of webhooks.
func (db *DB) Webhooks() webhook.Store { return webhookStore{db} }

const endpointColumns = "tenant, name, id, description, url, events, disabled, version, created_ms, changed_ms, changed_by"

func endpointDest(e *webhook.Endpoint) []any {
	return []any{
		&e.Tenant, &e.Name, &e.ID, &e.Description, &e.URL, scanJSON(&e.Events), &e.Disabled, &e.Version,
		scanMS(&e.Created), scanMS(&e.Changed), &e.ChangedBy,
	}
}

func readEndpoints(ctx context.Context, q tx, tenant string) ([]*webhook.Endpoint, error) {
	rows, err := q.Query(ctx, "SELECT "+endpointColumns+" FROM webhook_endpoint WHERE tenant = $1 ORDER BY name", tenant)
	return collect(rows, err, func(rows *sql.Rows) (*webhook.Endpoint, error) {
		e := new(webhook.Endpoint)
		return e, rows.Scan(endpointDest(e)...)
	})
}

// Endpoints implements [webhook.Store].
func (w webhookStore) Endpoints(ctx context.Context, tenant string) (all []*webhook.Endpoint, err error) {
	err = w.db.read(ctx, func(ctx context.Context, q tx) error {
		all, err = readEndpoints(ctx, q, tenant)
		return err
	})
	return all, err
}

// Endpoint implements [webhook.Store].
func (w webhookStore) Endpoint(ctx context.Context, tenant, name string) (*webhook.Endpoint, error) {
	e := new(webhook.Endpoint)
	err := w.db.read(ctx, func(ctx context.Context, q tx) error {
		return q.QueryRow(ctx, "SELECT "+endpointColumns+" FROM webhook_endpoint WHERE tenant = $1 AND name = $2", tenant, name).Scan(endpointDest(e)...)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, webhook.ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

// AddEndpoint implements [webhook.Store].
func (w webhookStore) AddEndpoint(ctx context.Context, e *webhook.Endpoint, sealed []byte, event audit.Event) error {
	const add = `INSERT INTO webhook_endpoint (` + endpointColumns + `, sealed, sealed_before, until_ms, claim, lease_ms)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, NULL, 0, 0, 0) ON CONFLICT (tenant, name) DO NOTHING`
	return w.db.write(ctx, func(ctx context.Context, q tx) error {
		n, err := q.Exec(ctx, add, e.Tenant, e.Name, e.ID, e.Description, e.URL, asJSON(e.Events), e.Disabled, e.Version,
			ms(e.Created), ms(e.Changed), e.ChangedBy, sealed)
		if err != nil {
			return err
		}
		if n == 0 {
			return webhook.ErrExists
		}
		var all int64
		if err := q.QueryRow(ctx, "SELECT count(*) FROM webhook_endpoint WHERE tenant = $1", e.Tenant).Scan(&all); err != nil {
			return err
		}
		if all > webhook.MaxEndpoints {
			return webhook.ErrTooMany
		}
		w.db.changesSettings(ctx)
		return appendAudit(ctx, q, event)
	})
}

// ChangeEndpoint implements [webhook.Store].
func (w webhookStore) ChangeEndpoint(ctx context.Context, e *webhook.Endpoint, event audit.Event) error {
	return w.db.write(ctx, func(ctx context.Context, q tx) error {
		w.wake(ctx)
		return changeEndpoint(ctx, q, e, event)
	})
}

func changeEndpoint(ctx context.Context, q tx, e *webhook.Endpoint, event audit.Event) error {
	const change = `UPDATE webhook_endpoint SET description = $3, url = $4, events = $5, disabled = $6, version = $7,
		changed_ms = $8, changed_by = $9 WHERE id = $1 AND tenant = $2 AND version = $7 - 1`
	n, err := q.Exec(ctx, change, e.ID, e.Tenant, e.Description, e.URL, asJSON(e.Events), e.Disabled, e.Version, ms(e.Changed), e.ChangedBy)
	if err != nil {
		return err
	}
	if n == 0 {
		return webhook.ErrChanged
	}
	return appendAudit(ctx, q, event)
}

// RotateEndpoint implements [webhook.Store].
func (w webhookStore) RotateEndpoint(ctx context.Context, r webhook.Rotation, event audit.Event) error {
	return w.db.write(ctx, func(ctx context.Context, q tx) error {
		if err := changeEndpoint(ctx, q, r.Endpoint, event); err != nil {
			return err
		}
		_, err := q.Exec(ctx, `UPDATE webhook_endpoint SET sealed_before = sealed, sealed = $2, until_ms = $3 WHERE id = $1`,
			r.Endpoint.ID, r.Sealed, ms(r.Until))
		return err
	})
}

// DeleteEndpoint implements [webhook.Store].
func (w webhookStore) DeleteEndpoint(ctx context.Context, tenant, name string, event audit.Event) error {
	return w.db.write(ctx, func(ctx context.Context, q tx) error {
		var id string
		err := q.QueryRow(ctx, "DELETE FROM webhook_endpoint WHERE tenant = $1 AND name = $2 RETURNING id", tenant, name).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return webhook.ErrUnknown
		}
		if err != nil {
			return err
		}
		if _, err := q.Exec(ctx, "DELETE FROM webhook_delivery WHERE endpoint = $1", id); err != nil {
			return err
		}
		w.db.changesSettings(ctx)
		return appendAudit(ctx, q, event)
	})
}

// AnySealed implements [webhook.Store].
func (w webhookStore) AnySealed(ctx context.Context) (bool, error) {
	return w.db.Provision().AnySealed(ctx)
}

// wake tells the nodes that there may be something to deliver, after COMMIT.
func (w webhookStore) wake(ctx context.Context) {
	w.db.onCommit(ctx, func() { w.db.hub.Wake(webhook.WakeDeliveries) })
}
