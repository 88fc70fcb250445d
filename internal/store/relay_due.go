package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
)

// Due implements [relay.Store].
func (r relayStore) Due(ctx context.Context, now time.Time, limit int) ([]relay.CommandID, error) {
	const text = `SELECT id, session_id, at_deadline FROM relay_command WHERE state = 'IN_PROGRESS' AND deadline_ms <= $1
		ORDER BY deadline_ms, id LIMIT $2`
	var due []relay.CommandID
	err := r.db.read(ctx, func(ctx context.Context, q tx) error {
		due = nil
		seen := make(map[relay.CommandID]bool)
		rows, err := q.Query(ctx, text, ms(now), limit)
		_, err = collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
			var (
				id, session relay.CommandID
				status      plugout.Status
			)
			err := rows.Scan(&id, &session, &status)
			if status == plugout.StatusSessionNotStarted && session != 0 {
				id = session
			}
			if !seen[id] {
				seen[id] = true
				due = append(due, id)
			}
			return struct{}{}, err
		})
		return err
	})
	return due, err
}

// NextDeadline implements [relay.Store].
func (r relayStore) NextDeadline(ctx context.Context) (time.Time, error) {
	return r.earliest(ctx, `SELECT MIN(deadline_ms) FROM relay_command WHERE state = 'IN_PROGRESS'`)
}

// NextCallback implements [relay.Store].
func (r relayStore) NextCallback(ctx context.Context) (time.Time, error) {
	return r.earliest(ctx, `SELECT MIN(next_ms) FROM relay_callback`)
}

func (r relayStore) earliest(ctx context.Context, text string) (time.Time, error) {
	var at time.Time
	err := r.db.read(ctx, func(ctx context.Context, q tx) error {
		return q.QueryRow(ctx, text).Scan(scanMS(&at))
	})
	return at, err
}

// ClaimCallbacks implements [relay.Store].
func (r relayStore) ClaimCallbacks(ctx context.Context, query relay.ClaimQuery) ([]relay.Claim, error) {
	text, args := r.claimText(query)
	return queryAlone(ctx, r.db, func(rows *sql.Rows) (c relay.Claim, err error) {
		return c, rows.Scan(&c.Command, &c.Tenant, &c.Client, &c.Number, &c.Tries)
	}, text, args...)
}

// claimText is the statement that claims. Its parts are few: clients are left out
// only while they have as many callbacks under way as one may have.
func (r relayStore) claimText(query relay.ClaimQuery) (string, []any) {
	args := []any{ms(query.At), ms(query.At.Add(query.Lease)), query.Limit}
	var except strings.Builder
	for _, c := range query.Not {
		fmt.Fprintf(&except, ` AND NOT (k.tenant = $%d AND k.client = $%d)`, len(args)+1, len(args)+2)
		args = append(args, c.Tenant, c.Client)
	}
	// Those to claim are looked for apart: see ClaimJobs.
	return `WITH due AS MATERIALIZED (
			SELECT k.command_id FROM relay_callback k WHERE k.next_ms <= $1
			AND NOT EXISTS (SELECT 1 FROM relay_callback s WHERE s.command_id = k.after_id)` + except.String() + `
			ORDER BY k.next_ms, k.command_id LIMIT $3` + r.skipLocked() + `)
		UPDATE relay_callback SET claim = claim + 1, next_ms = $2
		WHERE next_ms <= $1 AND command_id IN (SELECT due.command_id FROM due)
		RETURNING command_id, tenant, client, claim, tries`, args
}

// EndCallback implements [relay.Store].
func (r relayStore) EndCallback(ctx context.Context, c relay.Claim, e audit.Event) error {
	return r.db.write(ctx, func(ctx context.Context, q tx) error {
		n, err := q.Exec(ctx, `DELETE FROM relay_callback WHERE command_id = $1 AND claim = $2`, c.Command, c.Number)
		if err != nil || n == 0 {
			return err
		}
		return appendAudit(ctx, q, e)
	})
}

// DelayCallback implements [relay.Store].
func (r relayStore) DelayCallback(ctx context.Context, c relay.Claim, next time.Time) error {
	return r.db.execAlone(ctx, `UPDATE relay_callback SET tries = tries + 1, next_ms = $3 WHERE command_id = $1 AND claim = $2`,
		c.Command, c.Number, ms(next))
}

// wrongTokensKept is how long counts of wrong tokens stay.
const wrongTokensKept = 24 * time.Hour

// PurgeRelay implements [relay.Store].
func (r relayStore) PurgeRelay(ctx context.Context, now time.Time, limit int) (int, error) {
	steps := []struct {
		text   string
		before time.Time
	}{
		{`DELETE FROM relay_command WHERE id IN (SELECT c.id FROM relay_command c
			WHERE c.lifespan_ms <= $1 AND c.state <> 'IN_PROGRESS'
			AND NOT EXISTS (SELECT 1 FROM relay_callback k WHERE k.command_id = c.id) ORDER BY c.lifespan_ms LIMIT $2)`, now},
		{`DELETE FROM relay_box WHERE id IN (SELECT b.id FROM relay_box b
			WHERE b.expires_ms <= $1
			AND NOT EXISTS (SELECT 1 FROM relay_message m WHERE m.box_id = b.id AND m.is_open) ORDER BY b.expires_ms LIMIT $2)`, now},
		{`DELETE FROM relay_wrong_token WHERE network IN (SELECT w.network FROM relay_wrong_token w
			WHERE w.since_ms <= $1 LIMIT $2)`, now.Add(-wrongTokensKept)},
	}
	var total int
	err := r.db.write(ctx, func(ctx context.Context, q tx) error {
		total = 0
		for _, s := range steps {
			n, err := q.Exec(ctx, s.text, ms(s.before), limit)
			if err != nil {
				return err
			}
			total += int(n)
		}
		return nil
	})
	return total, err
}

func scanString(rows *sql.Rows) (string, error) {
	var s string
	err := rows.Scan(&s)
	return s, err
}
