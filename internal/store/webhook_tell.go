package store

import (
	"context"
	"database/sql"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/webhook"
)

// Tell implements [webhook.Store].
func (w webhookStore) Tell(ctx context.Context, events []webhook.Event) error {
	if u := w.db.unit(ctx); u.hasBegun() && !u.ended { // not worth a part of its own
		return w.tell(ctx, u.tx, events)
	}
	return w.db.write(ctx, func(ctx context.Context, q tx) error { return w.tell(ctx, q, events) })
}

// tellOfAudit has webhooks told of what audit events tell of.
func (w webhookStore) tellOfAudit(ctx context.Context, q tx, events []audit.Event) error {
	var tell []webhook.Event
	for i := range events {
		if e, ok := webhook.FromAudit(&events[i]); ok {
			tell = append(tell, e)
		}
	}
	return w.tell(ctx, q, tell)
}

// tell adds a delivery for each endpoint that wants an event. Most tenants have no endpoint,
// which is remembered for a moment: one that was added on another node hears of what happens
// a second later at the latest.
func (w webhookStore) tell(ctx context.Context, q tx, events []webhook.Event) error {
	// A pattern stands in the list as JSON writes it, with its quotation marks.
	const add = `INSERT INTO webhook_delivery (endpoint, id, type, state, due_ms, attempts, status, problem, created_ms, ended_ms, body)
		SELECT e.id, $2, $3, 'pending', CAST($4 AS BIGINT), 0, 0, '', CAST($4 AS BIGINT), 0, $5 FROM webhook_endpoint e WHERE e.tenant = $1 AND NOT e.disabled
		AND (REPLACE(e.events, $6, '') <> e.events OR REPLACE(e.events, $7, '') <> e.events OR REPLACE(e.events, $8, '') <> e.events)`
	for i := range events {
		e := &events[i]
		none, err := w.none(ctx, q, e.Tenant)
		if err != nil {
			return err
		}
		if none {
			continue
		}
		body, err := e.Body()
		if err != nil {
			return err
		}
		args := []any{e.Tenant, e.ID, e.Type, ms(e.Time), string(body)}
		for _, pattern := range webhook.Patterns(e.Type) {
			args = append(args, `"`+pattern+`"`)
		}
		told := func(added int64) {
			if added > 0 {
				w.wake(ctx)
			}
		}
		if err := q.LaterFor(ctx, told, add, args...); err != nil {
			return err
		}
	}
	return nil
}

// none reports whether a tenant has no endpoint, disabled ones included. What this transaction
// sees of them is what is committed, since it changes none of them itself and on PostgreSQL each
// statement sees what was committed before it; on SQLite a neighbour's change is none yet, but
// whoever makes one holds what is remembered.
func (w webhookStore) none(ctx context.Context, q tx, tenant string) (none bool, err error) {
	const text = "SELECT NOT EXISTS (SELECT 1 FROM webhook_endpoint WHERE tenant = $1)"
	if w.db.unit(ctx).changesSettings {
		return false, nil
	}
	key := setting{noWebhook, tenant, ""}
	known, ok, since := w.db.settings.find(key)
	if ok {
		return known.(bool), nil
	}
	if err := q.QueryRow(ctx, text, tenant).Scan(&none); err != nil {
		return false, err
	}
	w.db.settings.remember(key, none, since)
	return none, nil
}

func (w webhookStore) insertDelivery(ctx context.Context, q tx, endpoint string, e *webhook.Event) error {
	const insert = `INSERT INTO webhook_delivery (endpoint, id, type, state, due_ms, attempts, status, problem, created_ms, ended_ms, body)
		VALUES ($1, $2, $3, 'pending', $4, 0, 0, '', $4, 0, $5)`
	body, err := e.Body()
	if err != nil {
		return err
	}
	w.wake(ctx)
	return q.Later(ctx, insert, endpoint, e.ID, e.Type, ms(e.Time), string(body))
}

// Ping implements [webhook.Store].
func (w webhookStore) Ping(ctx context.Context, endpoint string, e *webhook.Event, event audit.Event) error {
	return w.db.write(ctx, func(ctx context.Context, q tx) error {
		if err := w.insertDelivery(ctx, q, endpoint, e); err != nil {
			return err
		}
		return appendAudit(ctx, q, event)
	})
}

const webhookColumns = "endpoint, id, type, state, attempts, due_ms, status, problem, created_ms, ended_ms"

func webhookDest(d *webhook.Delivery) []any {
	return []any{
		&d.Endpoint, &d.ID, &d.Type, &d.State, &d.Attempts, scanMS(&d.Due), &d.Status, &d.Problem, scanMS(&d.Created), scanMS(&d.Ended),
	}
}

// Deliveries implements [webhook.Store].
func (w webhookStore) Deliveries(ctx context.Context, query webhook.DeliveryQuery) (all []webhook.Delivery, err error) {
	const text = `SELECT ` + webhookColumns + ` FROM webhook_delivery WHERE endpoint = $1
		AND ($2 = '' OR state = $2) AND ($3 = '' OR id < $3) ORDER BY id DESC LIMIT $4`
	err = w.db.read(ctx, func(ctx context.Context, q tx) error {
		rows, err := q.Query(ctx, text, query.Endpoint, string(query.State), cleanText(query.Before), query.Limit)
		all, err = collect(rows, err, func(rows *sql.Rows) (d webhook.Delivery, err error) { return d, rows.Scan(webhookDest(&d)...) })
		return err
	})
	return all, err
}
