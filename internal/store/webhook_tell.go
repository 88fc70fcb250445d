package store

import (
	"context"
	"database/sql"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/webhook"
)

// Tell implements [webhook.Store].
func (w webhookStore) Tell(ctx context.Context, events []webhook.Event) error {
	// Most have no endpoint that wants them: then there is nothing to write.
	var posts []post
	err := w.db.read(ctx, func(ctx context.Context, q tx) (err error) {
		posts, err = w.wanted(ctx, q, events)
		return err
	})
	if err != nil || len(posts) == 0 {
		return err
	}
	return w.db.write(ctx, func(ctx context.Context, q tx) error { return w.add(ctx, q, posts) })
}

// post is an event for an endpoint.
type post struct {
	endpoint string // id
	event    *webhook.Event
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

func (w webhookStore) tell(ctx context.Context, q tx, events []webhook.Event) error {
	posts, err := w.wanted(ctx, q, events)
	if err != nil {
		return err
	}
	return w.add(ctx, q, posts)
}

// wanted returns the events for those that want them.
func (w webhookStore) wanted(ctx context.Context, q tx, events []webhook.Event) (posts []post, err error) {
	endpoints := make(map[string][]*webhook.Endpoint) // by tenant, of which there is one as a rule
	for i := range events {
		e := &events[i]
		of, ok := endpoints[e.Tenant]
		if !ok {
			if of, err = readEndpoints(ctx, q, e.Tenant); err != nil {
				return nil, err
			}
			endpoints[e.Tenant] = of
		}
		for _, endpoint := range of {
			if endpoint.Wants(e.Type) {
				posts = append(posts, post{endpoint.ID, e})
			}
		}
	}
	return posts, nil
}

func (w webhookStore) add(ctx context.Context, q tx, posts []post) error {
	for _, p := range posts {
		if err := w.insertDelivery(ctx, q, p.endpoint, p.event); err != nil {
			return err
		}
	}
	return nil
}

func (w webhookStore) insertDelivery(ctx context.Context, q tx, endpoint string, e *webhook.Event) error {
	const insert = `INSERT INTO webhook_delivery (endpoint, id, type, state, due_ms, attempts, status, problem, created_ms, ended_ms, body)
		VALUES ($1, $2, $3, 'pending', $4, 0, 0, '', $4, 0, $5)`
	body, err := e.Body()
	if err != nil {
		return err
	}
	w.wake(ctx)
	_, err = q.Exec(ctx, insert, endpoint, e.ID, e.Type, ms(e.Time), string(body))
	return err
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
