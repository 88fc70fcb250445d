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
	var (
		b    *relay.Box
		list []relay.Waiting
	)
	err := r.db.read(ctx, func(ctx context.Context, q tx) error {
		var err error
		if b, err = readBox(ctx, q, box); err != nil {
			return err
		}
		const text = `SELECT m.id, c.type, c.deadline_ms FROM relay_message m JOIN relay_command c ON c.id = m.command_id
			WHERE m.box_id = $1 AND m.is_open AND c.deadline_ms > $2 ORDER BY c.id`
		rows, err := q.Query(ctx, text, box, ms(now))
		list, err = collect(rows, err, func(rows *sql.Rows) (relay.Waiting, error) {
			var w relay.Waiting
			err := rows.Scan(&w.Message, &w.Type, scanMS(&w.Expires))
			return w, err
		})
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return b, list, nil
}

// Delivery implements [relay.Store].
func (r relayStore) Delivery(ctx context.Context, box, message string) (*relay.Delivery, error) {
	const text = `SELECT m.fetched_ms, c.object, ` + boxColumns + `, ` + commandColumns + ` FROM relay_message m
		JOIN relay_box b ON b.id = m.box_id JOIN relay_command c ON c.id = m.command_id WHERE m.id = $1 AND m.box_id = $2`
	var d *relay.Delivery
	err := r.db.read(ctx, func(ctx context.Context, q tx) error {
		d = &relay.Delivery{Message: message}
		var fetched int64
		dest := append([]any{&fetched, (*[]byte)(&d.Command.Object)}, boxDest(&d.Box)...)
		err := q.QueryRow(ctx, text, message, box).Scan(append(dest, commandDest(&d.Command)...)...)
		d.Fetched = fetched != 0
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

// SetFetched implements [relay.Store].
func (r relayStore) SetFetched(ctx context.Context, message string, at time.Time) error {
	return r.db.write(ctx, func(ctx context.Context, q tx) error {
		_, err := q.Exec(ctx, `UPDATE relay_message SET fetched_ms = $2 WHERE id = $1 AND fetched_ms = 0`, message, ms(at))
		return err
	})
}
