package store

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
)

// RecordDenial implements [credential.Store].
func (db *DB) RecordDenial(ctx context.Context, e audit.Event, b credential.DenialBrake, tell func(credential.DenialsLeftOut) audit.Event) error {
	// The row is locked by this from here on, so that no two count the same.
	const count = `INSERT INTO denial (tenant, actor_kind, actor_id, subject, action, outcome, relying_party, began_ms, seen)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)
		ON CONFLICT (tenant, actor_kind, actor_id, subject, action, outcome, relying_party) DO UPDATE SET seen = denial.seen + 1
		RETURNING began_ms, seen`
	const begin = `UPDATE denial SET began_ms = $8, seen = 1 WHERE tenant = $1 AND actor_kind = $2 AND actor_id = $3
		AND subject = $4 AND action = $5 AND outcome = $6 AND relying_party = $7`
	return db.write(ctx, func(ctx context.Context, q tx) error {
		clean(&e)
		key := []any{e.Tenant, e.Actor.Kind, e.Actor.ID, e.User, e.Action, e.Outcome, b.RelyingParty, ms(e.Time)}
		var began time.Time
		var seen int
		if err := q.QueryRow(ctx, count, key...).Scan(scanMS(&began), &seen); err != nil {
			return err
		}
		if e.Time.Sub(began).Abs() < b.Window {
			if seen > b.Most {
				return nil
			}
			return appendAudit(ctx, q, e)
		}
		if _, err := q.Exec(ctx, begin, key...); err != nil {
			return err
		}
		if n := seen - 1 - b.Most; n > 0 {
			if err := appendAudit(ctx, q, tell(credential.DenialsLeftOut{Event: denialOf(e, b.RelyingParty), Count: n, Since: began})); err != nil {
				return err
			}
		}
		return appendAudit(ctx, q, e)
	})
}

// denialOf returns what e has in common with denials that are counted together.
func denialOf(e audit.Event, rp string) audit.Event {
	return audit.Event{
		Tenant: e.Tenant, Time: e.Time, Actor: e.Actor, User: e.User, Action: e.Action, Outcome: e.Outcome, RelyingParty: rp,
	}
}

// TellLeftOut implements [credential.Store].
func (db *DB) TellLeftOut(ctx context.Context, now time.Time, b credential.DenialBrake, tell func(credential.DenialsLeftOut) audit.Event) error {
	const over = `DELETE FROM denial WHERE began_ms <= $1 OR began_ms >= $2
		RETURNING tenant, actor_kind, actor_id, subject, action, outcome, relying_party, began_ms, seen`
	return db.write(ctx, func(ctx context.Context, q tx) error {
		rows, err := q.Query(ctx, over, ms(now.Add(-b.Window)), ms(now.Add(b.Window)))
		ended, err := collect(rows, err, func(rows *sql.Rows) (d credential.DenialsLeftOut, err error) {
			e := &d.Event
			return d, rows.Scan(&e.Tenant, &e.Actor.Kind, &e.Actor.ID, &e.User, &e.Action, &e.Outcome, &e.RelyingParty, scanMS(&d.Since), &d.Count)
		})
		if err != nil {
			return err
		}
		slices.SortFunc(ended, func(a, b credential.DenialsLeftOut) int { return a.Since.Compare(b.Since) })
		for _, d := range ended {
			d.Event.Time = now
			if d.Count -= b.Most; d.Count <= 0 {
				continue
			}
			if err := appendAudit(ctx, q, tell(d)); err != nil {
				return err
			}
		}
		return nil
	})
}
