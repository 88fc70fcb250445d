package store

import (
	"context"
	"errors"

	"bestow.dev/internal/relay"
)

// idAttempts is how many ids are tried for one command. Two in the same
// millisecond are the same once in four million times.
const idAttempts = 8

var errNoID = errors.New("store: no free command id was found")

// AddCommand implements [relay.Store].
func (r relayStore) AddCommand(ctx context.Context, d *relay.Draft, nextID func() relay.CommandID) (*relay.Stored, bool, error) {
	var (
		stored   *relay.Stored
		repeated bool
	)
	err := r.db.write(ctx, func(ctx context.Context, q tx) error {
		c := d.Command
		refusal, err := r.place(ctx, q, d, &c)
		if err != nil {
			return err
		}
		if refusal != nil { // a command that is there already counts even if its boxes are gone by now
			if stored, err = livingNamesake(ctx, q, d); err != nil || stored != nil {
				repeated = true
				return err
			}
			return refusal
		}
		for range idAttempts {
			c.ID = nextID()
			inserted, err := insertCommand(ctx, q, &c)
			if err != nil {
				return err
			}
			if inserted {
				stored, repeated = &c, false
				return r.fillBoxes(ctx, q, d, &c)
			}
			if stored, err = livingNamesake(ctx, q, d); err != nil || stored != nil {
				repeated = true
				return err
			}
		}
		return errNoID
	})
	if err != nil {
		return nil, false, err
	}
	return stored, repeated, nil
}

// livingNamesake returns the client's living command of the same external id, or
// nil. One whose life is over gives the id free.
func livingNamesake(ctx context.Context, q tx, d *relay.Draft) (*relay.Stored, error) {
	c := &d.Command
	if c.ExternalID == "" {
		return nil, nil
	}
	const taken = `c.tenant = $1 AND c.client = $2 AND c.external_key = $3 AND c.external_key IS NOT NULL`
	other, err := readCommand(ctx, q, taken, c.Tenant, c.Client, c.ExternalID)
	switch {
	case errors.Is(err, relay.ErrNoSuchCommand):
		return nil, nil
	case err != nil:
		return nil, err
	case other.Lifespan.After(d.At):
		return other, nil
	}
	_, err = q.Exec(ctx, `UPDATE relay_command SET external_key = NULL WHERE id = $1`, other.ID)
	return nil, err
}

// place has the boxes judged that a command is to go into, if it does not make its own.
// refusal is why it cannot.
func (r relayStore) place(ctx context.Context, q tx, d *relay.Draft, c *relay.Stored) (refusal, err error) {
	if d.NewBox != nil {
		return nil, nil
	}
	boxes, err := r.placedBoxes(ctx, q, d.Targets)
	if errors.Is(err, relay.ErrNoSuchDestination) {
		return err, nil
	}
	if err != nil {
		return nil, err
	}
	return d.Place(boxes, c), nil
}

// placedBoxes loads and holds the boxes that the targets mean.
func (r relayStore) placedBoxes(ctx context.Context, q tx, targets []relay.Target) ([]relay.PlacedBox, error) {
	var placed []relay.PlacedBox
	for _, t := range targets {
		ids := []string{t.Box}
		if t.User != "" {
			var err error
			if ids, err = profileBoxes(ctx, q, t); err != nil {
				return nil, err
			}
		}
		before := len(placed)
		for _, id := range ids {
			b, ok, err := r.holdBox(ctx, q, id)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			const open = `SELECT count(*) FROM relay_message WHERE box_id = $1 AND is_open`
			if err := q.QueryRow(ctx, open, id).Scan(&b.Open); err != nil {
				return nil, err
			}
			placed = append(placed, relay.PlacedBox{To: t.To, Box: *b})
		}
		if len(placed) == before {
			return nil, relay.ErrNoSuchDestination.At("to")
		}
	}
	return placed, nil
}

// profileBoxes returns the ids of a user's boxes in their order, in which all hold
// them.
func profileBoxes(ctx context.Context, q tx, t relay.Target) ([]string, error) {
	rows, err := q.Query(ctx, `SELECT id FROM relay_box WHERE tenant = $1 AND client_group = $2 AND user_id = $3 AND user_id <> ''
		AND kind = 'profile' AND closed_ms = 0 ORDER BY id`, t.Tenant, t.Group, t.User)
	return collect(rows, err, scanString)
}

// insertCommand reports false if the id or the external id is taken.
func insertCommand(ctx context.Context, q tx, c *relay.Stored) (bool, error) {
	const text = `INSERT INTO relay_command (id, tenant, client, type, state, status, session_id, callback,
		issued_ms, timeout_ms, lifespan_ms, deadline_ms, at_deadline, ended_ms, external_id, external_key, request, nonce, format,
		destinations, answered_by, signed, remarks, object, answer)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, '', $21, $22, $23, NULL)
		ON CONFLICT DO NOTHING`
	n, err := q.Expect(ctx, text, c.ID, c.Tenant, c.Client, c.Type, c.State, c.Status, c.Session, c.Callback,
		ms(c.Issued), ms(c.Timeout), ms(c.Lifespan), ms(c.Deadline), c.AtDeadline, ms(c.Ended), c.ExternalID, null(c.ExternalID),
		c.Request[:], c.Nonce, c.Format, asJSON(c.Destinations), false, asJSON(c.Remarks), string(c.Object))
	return n == 1, err
}

// fillBoxes writes what belongs to a command that was just inserted.
func (r relayStore) fillBoxes(ctx context.Context, q tx, d *relay.Draft, c *relay.Stored) error {
	if d.NewBox != nil {
		b := *d.NewBox
		b.By = c.ID
		if err := insertBox(ctx, q, &b); err != nil {
			return err
		}
	}
	for _, to := range c.Destinations {
		if to.Message == "" {
			continue
		}
		const text = `INSERT INTO relay_message (id, command_id, box_id, is_open) VALUES ($1, $2, $3, $4)`
		if err := q.Later(ctx, text, to.Message, c.ID, to.Box, true); err != nil {
			return err
		}
		r.wakeBox(ctx, to.Box)
	}
	if err := appendAudit(ctx, q, d.AcceptedEvent(c)); err != nil {
		return err
	}
	if d.Closings != nil {
		for _, shut := range d.Closings() {
			if _, err := r.closeBox(ctx, q, &shut); err != nil {
				return err
			}
		}
	}
	if c.State == relay.InProgress {
		return nil
	}
	if err := r.addCallback(ctx, q, c); err != nil || d.Told == nil {
		return err
	}
	return d.Told(ctx, c)
}

func insertBox(ctx context.Context, q tx, b *relay.Box) error {
	const text = `INSERT INTO relay_box (id, tenant, client, client_group, kind, user_id, command_id, token_hash, session_hash,
		desk, answer_key, match_code, created_ms, start_by_ms, expires_ms, redeemed_ms, started_ms, confirmed_ms, closed_ms)
		VALUES ($1, $2, $3, $4, $5, '', $6, $7, NULL, '', '', $8, $9, $10, $11, 0, 0, 0, 0)`
	return q.Later(ctx, text, b.ID, b.Tenant, b.Client, b.Group, b.Kind, b.By, b.TokenHash, b.MatchCode,
		ms(b.Created), ms(b.StartBy), ms(b.Expires))
}

// The reasons for which Finish does nothing. They undo what it has begun and reach
// no caller.
var (
	errNotWon  = errors.New("store: the command has ended otherwise")
	errRekeyed = errors.New("store: the box has another answer key")
)

// Finish implements [relay.Store].
func (r relayStore) Finish(ctx context.Context, f *relay.Finish) (won, rekeyed bool, err error) {
	err = r.db.write(ctx, func(ctx context.Context, q tx) error { return r.finish(ctx, q, f) })
	switch {
	case errors.Is(err, errNotWon):
		return false, false, nil
	case errors.Is(err, errRekeyed):
		return false, true, nil
	}
	return err == nil, false, err
}

func (r relayStore) finish(ctx context.Context, q tx, f *relay.Finish) error {
	// Boxes are held before commands, here and everywhere, so that nobody waits in a
	// circle.
	var changed *relay.Box
	var made []string
	var err error
	if f.Box != nil {
		if changed, err = r.applyBoxChange(ctx, q, f); err != nil {
			return err
		}
	}
	if f.Close != nil {
		if made, err = r.boxesToClose(ctx, q, f); err != nil {
			return err
		}
	}
	condition, args, ending := "", []any(nil), q
	switch f.Only {
	case relay.BeforeDeadline:
		condition, args = ` AND deadline_ms > $9`, []any{ms(f.Ended)}
	case relay.AfterDeadline:
		condition, args = ` AND deadline_ms <= $9`, []any{ms(f.Ended)}
		ending = q.carefully() // every node comes at a deadline, and all but one too late
	}
	c, ok, err := endOne(ctx, ending, f.Command, f.State, &f.Ending, condition, args...)
	if err != nil {
		return err
	}
	if !ok {
		return errNotWon
	}
	if err := q.Later(ctx, `UPDATE relay_message SET is_open = $2 WHERE command_id = $1 AND is_open`, f.Command, false); err != nil {
		return err
	}
	if changed != nil {
		if err := rebind(ctx, q, f.Box.Box, changed); err != nil {
			return err
		}
		r.wakeBox(ctx, f.Box.Box)
	}
	if err := q.flush(ctx); err != nil { // c is known from here on
		return err
	}
	if err := r.afterEnd(ctx, q, c, f.EndedEvent(c), f.Told); err != nil {
		return err
	}
	for _, id := range made {
		shut := *f.Close
		shut.Box = id
		if _, err := r.closeBox(ctx, q, &shut); err != nil {
			return err
		}
	}
	return nil
}

// applyBoxChange does what an answer does to its box.
func (r relayStore) applyBoxChange(ctx context.Context, q tx, f *relay.Finish) (*relay.Box, error) {
	const text = `UPDATE relay_box SET
		answer_key = CASE WHEN $2 = '' THEN answer_key ELSE $2 END,
		started_ms = CASE WHEN $3 AND started_ms = 0 THEN $4 ELSE started_ms END,
		kind       = CASE WHEN $5 = '' THEN kind ELSE 'profile' END,
		user_id    = CASE WHEN $5 = '' THEN user_id ELSE $5 END,
		expires_ms = CASE WHEN $5 = '' THEN expires_ms ELSE $6 END,
		token_hash = CASE WHEN $5 = '' THEN token_hash ELSE NULL END
		WHERE id = $1 AND closed_ms = 0 AND ($2 = '' OR answer_key = '' OR answer_key = $2)`
	c := f.Box
	b, ok, err := changeBox(ctx, q, text, c.Box, c.AnswerKey, c.Start, ms(f.Ended), c.Profile, ms(relay.Never))
	if err != nil || ok {
		return b, err
	}
	if b, ok, err = r.holdBox(ctx, q, c.Box); err != nil {
		return nil, err
	}
	if !ok || !b.Closed.IsZero() {
		return nil, errNotWon
	}
	return nil, errRekeyed
}

// boxesToClose returns the ids of the boxes that f closes, and holds them.
func (r relayStore) boxesToClose(ctx context.Context, q tx, f *relay.Finish) ([]string, error) {
	if f.Close.Box != "" {
		_, _, err := r.holdBox(ctx, q, f.Close.Box)
		return []string{f.Close.Box}, err
	}
	rows, err := q.Query(ctx, `SELECT b.id FROM relay_box b WHERE b.command_id = $1 AND b.kind <> 'profile' AND b.closed_ms = 0`+
		r.forUpdate(), f.Command)
	return collect(rows, err, scanString)
}
