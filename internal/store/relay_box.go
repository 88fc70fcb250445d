package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/relay"
)

// Box implements [relay.Store].
func (r relayStore) Box(ctx context.Context, id string) (*relay.Box, error) {
	var b *relay.Box
	err := r.db.read(ctx, func(ctx context.Context, q tx) error {
		var err error
		b, err = readBox(ctx, q, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

func readBox(ctx context.Context, q tx, id string) (*relay.Box, error) {
	b := new(relay.Box)
	err := q.QueryRow(ctx, `SELECT `+boxColumns+` FROM relay_box b WHERE b.id = $1`, id).Scan(boxDest(b)...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, relay.ErrSessionGone
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Close implements [relay.Store].
func (r relayStore) Close(ctx context.Context, c *relay.Closing) (bool, error) {
	var closed bool
	err := r.db.write(ctx, func(ctx context.Context, q tx) error {
		var err error
		closed, err = r.closeBox(ctx, q, c)
		return err
	})
	return closed && err == nil, err
}

// closeBox closes a box and ends the commands that wait nowhere else.
func (r relayStore) closeBox(ctx context.Context, q tx, c *relay.Closing) (bool, error) {
	const text = `UPDATE relay_box SET closed_ms = $2, expires_ms = CASE WHEN kind = 'profile' THEN $2 ELSE expires_ms END
		WHERE id = $1 AND closed_ms = 0`
	b, ok, err := changeBox(ctx, q, text, c.Box, ms(c.At))
	if err != nil || !ok {
		return false, err
	}
	r.wakeBox(ctx, c.Box)
	const waiting = `SELECT c.id, c.type, c.deadline_ms, c.at_deadline FROM relay_message m
		JOIN relay_command c ON c.id = m.command_id WHERE m.box_id = $1 AND m.is_open ORDER BY c.id`
	rows, err := q.Query(ctx, waiting, c.Box)
	commands, err := collect(rows, err, scanWaiting)
	if err != nil {
		return false, err
	}
	// By now b is known.
	if err := appendAudit(ctx, q, c.ClosedEvent(b)); err != nil || len(commands) == 0 {
		return true, err
	}
	if err := q.Later(ctx, `UPDATE relay_message SET is_open = $2 WHERE box_id = $1 AND is_open`, c.Box, false); err != nil {
		return false, err
	}
	for i := range commands {
		if err := r.endWaiting(ctx, q, c, &commands[i]); err != nil {
			return false, err
		}
	}
	return true, nil
}

// endWaiting ends a command whose box has closed, unless it waits in another one.
// What was over before is over for its own reason.
func (r relayStore) endWaiting(ctx context.Context, q tx, shut *relay.Closing, c *relay.Stored) error {
	status := shut.Status
	if !c.Deadline.After(shut.At) {
		status = c.AtDeadline
	}
	const nowhereElse = ` AND NOT EXISTS (SELECT 1 FROM relay_message m WHERE m.command_id = $1 AND m.is_open)`
	e := relay.Ending{Status: status, Ended: shut.At}
	ended, ok, err := endOne(ctx, q.carefully(), c.ID, relay.StateOf(c.Type, status), &e, nowhereElse)
	if err != nil || !ok {
		return err
	}
	return r.afterEnd(ctx, q, ended, shut.EndedEvent(ended), shut.Told)
}

func scanWaiting(rows *sql.Rows) (relay.Stored, error) {
	var c relay.Stored
	err := rows.Scan(&c.ID, &c.Type, scanMS(&c.Deadline), &c.AtDeadline)
	return c, err
}

// rebind sets the deadlines of the commands in a box that has changed. b need not be known before.
func rebind(ctx context.Context, q tx, box string, b *relay.Box) error {
	// By when they ended, and not by their state: PostgreSQL would look through the index of all that are under way.
	const open = `SELECT c.id, c.type, c.timeout_ms, c.at_deadline, c.deadline_ms FROM relay_message m
		JOIN relay_command c ON c.id = m.command_id WHERE m.box_id = $1 AND m.is_open AND c.ended_ms = 0 ORDER BY c.id`
	rows, err := q.Query(ctx, open, box)
	commands, err := collect(rows, err, func(rows *sql.Rows) (c relay.Stored, err error) {
		return c, rows.Scan(&c.ID, &c.Type, scanMS(&c.Timeout), &c.AtDeadline, scanMS(&c.Deadline))
	})
	if err != nil {
		return err
	}
	for i := range commands {
		c := &commands[i]
		deadline, status := b.Deadline(c.Type, c.Timeout)
		if deadline.Equal(c.Deadline) && status == c.AtDeadline {
			continue
		}
		const text = `UPDATE relay_command SET deadline_ms = $2, at_deadline = $3 WHERE id = $1 AND state = 'IN_PROGRESS'`
		if err := q.Later(ctx, text, c.ID, ms(deadline), status); err != nil {
			return err
		}
	}
	return nil
}

// Redeem implements [relay.Store].
func (r relayStore) Redeem(ctx context.Context, in *relay.Redeem) (relay.Redeemed, error) {
	var result relay.Redeemed
	err := r.db.write(ctx, func(ctx context.Context, q tx) error {
		q = q.carefully() // each box is known at once
		const text = `UPDATE relay_box SET redeemed_ms = $2, session_hash = $3, desk = $4
			WHERE id = $1 AND redeemed_ms = 0 AND closed_ms = 0 AND expires_ms > $2 AND (started_ms <> 0 OR start_by_ms > $2)`
		b, ok, err := changeBox(ctx, q, text, in.Box, ms(in.At), in.SessionHash, asJSON(in.Desk))
		if err != nil {
			return err
		}
		if ok {
			result = relay.RedeemedNow
			return appendAudit(ctx, q, in.OpenedEvent(b))
		}
		result = relay.RedeemedLate
		b, ok, err = r.holdBox(ctx, q, in.Box)
		if err != nil || !ok || b.Over(in.At) {
			return err
		}
		result = relay.RedeemedTwice
		_, err = r.closeBox(ctx, q, &in.Twice)
		return err
	})
	return result, err
}

// Confirm implements [relay.Store].
func (r relayStore) Confirm(ctx context.Context, box string, at time.Time, confirmed func(*relay.Box) audit.Event) (bool, error) {
	var done bool
	err := r.db.write(ctx, func(ctx context.Context, q tx) error {
		const text = `UPDATE relay_box SET confirmed_ms = $2 WHERE id = $1 AND confirmed_ms = 0 AND redeemed_ms <> 0
			AND closed_ms = 0 AND expires_ms > $2`
		b, ok, err := changeBox(ctx, q, text, box, ms(at))
		done = ok
		if err != nil || !ok {
			return err
		}
		r.wakeBox(ctx, box)
		if err := rebind(ctx, q, box, b); err != nil {
			return err
		}
		if err := q.flush(ctx); err != nil { // b is known from here on, whatever rebind does
			return err
		}
		return appendAudit(ctx, q, confirmed(b))
	})
	return done && err == nil, err
}

// Redeemable implements [relay.Store].
func (r relayStore) Redeemable(ctx context.Context, box, address string, since time.Time) (b *relay.Box, wrong int, err error) {
	const (
		count = `SELECT COALESCE(MAX(w.count), 0) FROM relay_wrong_token w WHERE w.network = $1 AND w.since_ms > $2`
		both  = `SELECT ` + boxColumns + `, (` + count + `) FROM relay_box b WHERE b.id = $3`
	)
	err = r.db.read(ctx, func(ctx context.Context, q tx) error {
		b = new(relay.Box)
		err := q.QueryRow(ctx, both, address, ms(since), box).Scan(append(boxDest(b), &wrong)...)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		b = nil
		return q.QueryRow(ctx, count, address, ms(since)).Scan(&wrong)
	})
	if err != nil {
		return nil, 0, err
	}
	return b, wrong, nil
}

// AddWrongToken implements [relay.Store].
func (r relayStore) AddWrongToken(ctx context.Context, address string, at, since time.Time) error {
	return r.db.write(ctx, func(ctx context.Context, q tx) error {
		const text = `INSERT INTO relay_wrong_token (network, since_ms, count) VALUES ($1, $2, 1)
			ON CONFLICT (network) DO UPDATE SET
			count = CASE WHEN relay_wrong_token.since_ms > $3 THEN relay_wrong_token.count + 1 ELSE 1 END,
			since_ms = CASE WHEN relay_wrong_token.since_ms > $3 THEN relay_wrong_token.since_ms ELSE $2 END`
		_, err := q.Exec(ctx, text, address, ms(at), ms(since))
		return err
	})
}
