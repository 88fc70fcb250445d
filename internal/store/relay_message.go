package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"bestow.dev/internal/relay"
)

// Waiting implements [relay.Store].
func (r relayStore) Waiting(ctx context.Context, box string, now time.Time) (*relay.Box, []relay.Waiting, error) {
	// A box in which nothing waits is a row too.
	const text = `SELECT ` + boxColumns + `, m.id, c.type, c.deadline_ms FROM relay_box b
		LEFT JOIN relay_message m ON m.box_id = b.id AND m.is_open
		LEFT JOIN relay_command c ON c.id = m.command_id AND c.deadline_ms > $2 WHERE b.id = $1 ORDER BY c.id`
	var (
		b    *relay.Box
		list []relay.Waiting
	)
	err := r.db.read(ctx, func(ctx context.Context, q tx) error {
		b, list = nil, nil
		rows, err := q.Query(ctx, text, box, ms(now))
		_, err = collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
			b = new(relay.Box)
			var w relay.Waiting
			err := rows.Scan(append(boxDest(b), scanNull(&w.Message), scanNull(&w.Type), scanMS(&w.Expires))...)
			if w.Type != "" {
				list = append(list, w)
			}
			return struct{}{}, err
		})
		if err == nil && b == nil {
			err = relay.ErrSessionGone
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return b, list, nil
}

// deliveryColumns are what decides over a message: every answer reads them twice.
const deliveryColumns = `b.id, b.tenant, b.client, b.kind, b.command_id, b.session_hash, b.desk, b.answer_key, b.match_code,
	b.start_by_ms, b.expires_ms, b.started_ms, b.confirmed_ms, b.closed_ms,
	c.id, c.tenant, c.client, c.type, c.state, c.status, c.issued_ms, c.deadline_ms, c.nonce, c.format, c.answered_by, c.object`

func deliveryDest(d *relay.Delivery) []any {
	b, c := &d.Box, &d.Command
	return []any{
		&b.ID, &b.Tenant, &b.Client, &b.Kind, &b.By, &b.SessionHash, scanJSON(&b.Desk), &b.AnswerKey, &b.MatchCode,
		scanMS(&b.StartBy), scanMS(&b.Expires), scanMS(&b.Started), scanMS(&b.Confirmed), scanMS(&b.Closed),
		&c.ID, &c.Tenant, &c.Client, &c.Type, &c.State, &c.Status, scanMS(&c.Issued), scanMS(&c.Deadline), &c.Nonce, &c.Format,
		&c.AnsweredBy, (*[]byte)(&c.Object),
	}
}

// Delivery implements [relay.Store].
func (r relayStore) Delivery(ctx context.Context, box, message string) (*relay.Delivery, error) {
	const text = `SELECT ` + deliveryColumns + ` FROM relay_message m
		JOIN relay_box b ON b.id = m.box_id JOIN relay_command c ON c.id = m.command_id WHERE m.id = $1 AND m.box_id = $2`
	var d *relay.Delivery
	err := r.db.read(ctx, func(ctx context.Context, q tx) error {
		d = &relay.Delivery{Message: message}
		err := q.QueryRow(ctx, text, message, box).Scan(deliveryDest(d)...)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		b, err := readBox(ctx, q, box)
		if err != nil {
			return err
		}
		d = &relay.Delivery{Box: *b}
		return relay.ErrMessageUnknown
	})
	if err != nil && !errors.Is(err, relay.ErrMessageUnknown) {
		return nil, err
	}
	return d, err
}
