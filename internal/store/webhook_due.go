package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/webhook"
)

// Redeliver implements [webhook.Store].
func (w webhookStore) Redeliver(ctx context.Context, endpoint, id string, at time.Time, event audit.Event) error {
	const text = `UPDATE webhook_delivery SET state = 'pending', due_ms = $3, attempts = 0, status = 0, problem = '', ended_ms = 0
		WHERE endpoint = $1 AND id = $2`
	return w.db.write(ctx, func(ctx context.Context, q tx) error {
		n, err := q.Exec(ctx, text, endpoint, cleanText(id), ms(at))
		if err != nil {
			return err
		}
		if n == 0 {
			return webhook.ErrDeliveryUnknown
		}
		w.wake(ctx)
		return appendAudit(ctx, q, event)
	})
}

// NextDue implements [webhook.DeliveryStore].
func (w webhookStore) NextDue(ctx context.Context) (time.Time, error) {
	// One entry of the index is read for each endpoint, however long its queue is.
	const text = `SELECT e.lease_ms, (SELECT d.due_ms FROM webhook_delivery d WHERE d.endpoint = e.id AND d.state = 'pending'
		ORDER BY d.due_ms LIMIT 1) FROM webhook_endpoint e WHERE NOT e.disabled`
	var next time.Time
	err := w.db.read(ctx, func(ctx context.Context, q tx) error {
		next = time.Time{}
		rows, err := q.Query(ctx, text)
		all, err := collect(rows, err, func(rows *sql.Rows) (at time.Time, err error) {
			var lease int64
			var due sql.NullInt64
			err = rows.Scan(&lease, &due)
			if due.Valid {
				at = fromMS(max(lease, due.Int64))
			}
			return at, err
		})
		for _, at := range all {
			if !at.IsZero() && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
		return err
	})
	return next, err
}

// ClaimEndpoints implements [webhook.DeliveryStore].
func (w webhookStore) ClaimEndpoints(ctx context.Context, query webhook.ClaimQuery) (claims []webhook.Claim, err error) {
	// Apart, for the reason that ClaimJobs has.
	text := `WITH due AS MATERIALIZED (SELECT e.id FROM webhook_endpoint e
			WHERE e.lease_ms <= $1 AND NOT e.disabled AND EXISTS (SELECT 1 FROM webhook_delivery d
				WHERE d.endpoint = e.id AND d.state = 'pending' AND d.due_ms <= $1)
			ORDER BY e.lease_ms, e.id LIMIT $3` + relayStore(w).onPostgres(` FOR UPDATE OF e SKIP LOCKED`) + `)
		UPDATE webhook_endpoint SET claim = claim + 1, lease_ms = $2
		WHERE lease_ms <= $1 AND NOT disabled AND id IN (SELECT due.id FROM due)
		RETURNING id, claim`
	err = w.db.write(ctx, func(ctx context.Context, q tx) error {
		rows, err := q.Query(ctx, text, ms(query.At), ms(query.Until), query.Limit)
		claims, err = collect(rows, err, func(rows *sql.Rows) (c webhook.Claim, err error) { return c, rows.Scan(&c.Endpoint, &c.Number) })
		return err
	})
	if err != nil {
		return nil, err // they may have been read, and are not claimed
	}
	return claims, nil
}

// Next implements [webhook.DeliveryStore].
func (w webhookStore) Next(ctx context.Context, c webhook.Claim, at, until time.Time) (*webhook.Work, error) {
	const renew = `UPDATE webhook_endpoint SET lease_ms = $3 WHERE id = $1 AND claim = $2 AND NOT disabled
		RETURNING ` + endpointColumns + `, sealed, sealed_before, until_ms`
	const look = `SELECT ` + webhookColumns + `, body FROM webhook_delivery
		WHERE endpoint = $1 AND state = 'pending' AND due_ms <= $2 ORDER BY due_ms, id LIMIT 1`
	var work *webhook.Work
	err := w.db.write(ctx, func(ctx context.Context, q tx) error {
		work = &webhook.Work{Claim: c, Endpoint: new(webhook.Endpoint)}
		err := q.QueryRow(ctx, renew, c.Endpoint, c.Number, ms(until)).
			Scan(append(endpointDest(work.Endpoint), &work.Sealed, &work.Before, scanMS(&work.Until))...)
		if errors.Is(err, sql.ErrNoRows) {
			return webhook.ErrClaimLost
		}
		if err != nil {
			return err
		}
		err = q.QueryRow(ctx, look, c.Endpoint, ms(at)).Scan(append(webhookDest(&work.Delivery), &work.Delivery.Body)...)
		if errors.Is(err, sql.ErrNoRows) {
			work = nil
			return giveBack(ctx, q, c, at)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return work, nil
}

// GiveBack implements [webhook.DeliveryStore].
func (w webhookStore) GiveBack(ctx context.Context, c webhook.Claim, at time.Time) error {
	return w.db.write(ctx, func(ctx context.Context, q tx) error { return giveBack(ctx, q, c, at) })
}

// giveBack ends a claim. The time says when the endpoint had its turn.
func giveBack(ctx context.Context, q tx, c webhook.Claim, at time.Time) error {
	_, err := q.Exec(ctx, "UPDATE webhook_endpoint SET claim = claim + 1, lease_ms = $3 WHERE id = $1 AND claim = $2", c.Endpoint, c.Number, ms(at))
	return err
}

// Settle implements [webhook.DeliveryStore].
func (w webhookStore) Settle(ctx context.Context, r webhook.Result) error {
	// A claim that is written to cannot be taken over before the end of the transaction.
	const hold = `UPDATE webhook_endpoint SET claim = claim WHERE id = $1 AND claim = $2`
	// What was asked for anew during the try is not what was tried.
	const settle = `UPDATE webhook_delivery SET state = $3, due_ms = $4, attempts = $5, status = $6, problem = $7, ended_ms = $8
		WHERE endpoint = $1 AND id = $2 AND state = 'pending' AND attempts = $5 - 1`
	return w.db.write(ctx, func(ctx context.Context, q tx) error {
		n, err := q.Exec(ctx, hold, r.Claim.Endpoint, r.Claim.Number)
		if err == nil && n == 0 {
			return webhook.ErrClaimLost
		}
		if err != nil {
			return err
		}
		d := &r.Delivery
		if _, err := q.Exec(ctx, settle, r.Claim.Endpoint, d.ID, string(d.State), ms(d.Due), d.Attempts, d.Status, cleanText(d.Problem), ms(d.Ended)); err != nil {
			return err
		}
		if r.Disabled == nil {
			return nil
		}
		err = changeEndpoint(ctx, q, r.Disabled, r.Event)
		if errors.Is(err, webhook.ErrChanged) {
			return nil // an operator was faster, and has the last word
		}
		return err
	})
}

// PurgeDeliveries implements [webhook.DeliveryStore].
func (w webhookStore) PurgeDeliveries(ctx context.Context, before time.Time, limit int) (n int, err error) {
	const text = `DELETE FROM webhook_delivery WHERE (endpoint, id) IN (SELECT d.endpoint, d.id FROM webhook_delivery d
		WHERE d.created_ms < $1 ORDER BY d.created_ms LIMIT $2)`
	err = w.db.write(ctx, func(ctx context.Context, q tx) error {
		removed, err := q.Exec(ctx, text, ms(before), limit)
		n = int(removed)
		return err
	})
	return n, err
}
