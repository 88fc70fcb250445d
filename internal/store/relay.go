package store

import (
	"context"
	"database/sql"
	"errors"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/relay"
)

// relayStore is a database as the relay sees it. It has a type of its own because
// the relay's words, such as close, mean other things to a database.
type relayStore struct{ db *DB }

var _ relay.Store = relayStore{}

// Relay returns the database as the relay's store.
func (db *DB) Relay() relay.Store { return relayStore{db} }

// Ping implements [relay.Store].
func (r relayStore) Ping(ctx context.Context) error { return r.db.Ping(ctx) }

// wakeBox wakes those who wait at a box, after COMMIT.
func (r relayStore) wakeBox(ctx context.Context, box string) {
	r.db.onCommit(ctx, func() { r.db.hub.Wake(relay.WakeBox + box) })
}

// wakeCallbacks tells the nodes that there is something to deliver, after COMMIT.
func (r relayStore) wakeCallbacks(ctx context.Context) {
	r.db.onCommit(ctx, func() { r.db.hub.Wake(relay.WakeCallbacks) })
}

const boxColumns = `b.id, b.tenant, b.client, b.client_group, b.kind, b.user_id, b.command_id, b.token_hash, b.session_hash,
	b.desk, b.answer_key, b.match_code, b.created_ms, b.start_by_ms, b.expires_ms,
	b.redeemed_ms, b.started_ms, b.confirmed_ms, b.closed_ms`

func boxDest(b *relay.Box) []any {
	return []any{
		&b.ID, &b.Tenant, &b.Client, &b.Group, &b.Kind, &b.User, &b.By, &b.TokenHash, &b.SessionHash,
		scanJSON(&b.Desk), &b.AnswerKey, &b.MatchCode, scanMS(&b.Created), scanMS(&b.StartBy), scanMS(&b.Expires),
		scanMS(&b.Redeemed), scanMS(&b.Started), scanMS(&b.Confirmed), scanMS(&b.Closed),
	}
}

// returningBox is boxColumns for RETURNING, where a table has no short name on
// SQLite.
const returningBox = `id, tenant, client, client_group, kind, user_id, command_id, token_hash, session_hash,
	desk, answer_key, match_code, created_ms, start_by_ms, expires_ms, redeemed_ms, started_ms, confirmed_ms, closed_ms`

// changeBox runs an UPDATE of one box that returns it, as ExpectRow does. ok is false if no box
// met its condition. The box is held until the end of the transaction.
func changeBox(ctx context.Context, q tx, text string, args ...any) (b *relay.Box, ok bool, err error) {
	b = new(relay.Box)
	ok, err = q.ExpectRow(ctx, boxDest(b), text+` RETURNING `+returningBox, args...)
	return b, ok, err
}

// holdBox returns a box, as ExpectRow does, and holds it: on PostgreSQL, what others want to change
// about it or to add to it waits until the end of the transaction. On SQLite the
// transaction is alone anyway.
func (r relayStore) holdBox(ctx context.Context, q tx, id string) (b *relay.Box, ok bool, err error) {
	b = new(relay.Box)
	ok, err = q.ExpectRow(ctx, boxDest(b), `SELECT `+boxColumns+` FROM relay_box b WHERE b.id = $1`+r.forUpdate(), id)
	return b, ok, err
}

// commandColumns are all but object and answer, which are large.
const commandColumns = `c.id, c.tenant, c.client, c.type, c.state, c.status, c.session_id, c.callback,
	c.issued_ms, c.timeout_ms, c.lifespan_ms, c.deadline_ms, c.at_deadline, c.ended_ms,
	c.external_id, c.request, c.nonce, c.format, c.destinations, c.answered_by, c.signed, c.remarks`

func commandDest(c *relay.Stored) []any {
	return []any{
		&c.ID, &c.Tenant, &c.Client, &c.Type, &c.State, &c.Status, &c.Session, &c.Callback,
		scanMS(&c.Issued), scanMS(&c.Timeout), scanMS(&c.Lifespan), scanMS(&c.Deadline), &c.AtDeadline, scanMS(&c.Ended),
		&c.ExternalID, scanHash(&c.Request), &c.Nonce, &c.Format, scanJSON(&c.Destinations), &c.AnsweredBy, &c.Signed,
		scanJSON(&c.Remarks),
	}
}

// Command implements [relay.Store].
func (r relayStore) Command(ctx context.Context, id relay.CommandID) (*relay.Stored, error) {
	var c *relay.Stored
	err := r.db.read(ctx, func(ctx context.Context, q tx) error {
		var err error
		c, err = readCommand(ctx, q, `c.id = $1`, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

func readCommand(ctx context.Context, q tx, where string, args ...any) (*relay.Stored, error) {
	c := new(relay.Stored)
	err := q.QueryRow(ctx, `SELECT `+commandColumns+`, c.object, c.answer FROM relay_command c WHERE `+where, args...).
		Scan(append(commandDest(c), (*[]byte)(&c.Object), &c.Answer)...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, relay.ErrNoSuchCommand
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// endOne makes a command final if the rest of the condition holds, and returns, as ExpectRow
// does, what the event and the callback need of it. ok is false if it does not hold.
func endOne(ctx context.Context, q tx, id relay.CommandID, state relay.State, e *relay.Ending, condition string, args ...any) (*relay.Stored, bool, error) {
	const text = `UPDATE relay_command SET state = $2, status = $3, ended_ms = $4, answered_by = $5, signed = $6, remarks = $7, answer = $8
		WHERE id = $1 AND state = 'IN_PROGRESS'`
	c := &relay.Stored{ID: id, State: state, Ending: *e}
	args = append([]any{id, state, e.Status, ms(e.Ended), e.AnsweredBy, e.Signed, asJSON(e.Remarks), nullBytes(e.Answer)}, args...)
	dest := []any{&c.Tenant, &c.Client, &c.Type, &c.Session, &c.Callback}
	ok, err := q.ExpectRow(ctx, dest, text+condition+` RETURNING tenant, client, type, session_id, callback`, args...)
	return c, ok, err
}

// afterEnd does what follows from a command being final: its callback becomes due, the
// event is written, and whoever hears of it is told.
func (r relayStore) afterEnd(ctx context.Context, q tx, c *relay.Stored, e audit.Event, told func(context.Context, *relay.Stored) error) error {
	if err := r.addCallback(ctx, q, c); err != nil {
		return err
	}
	if err := appendAudit(ctx, q, e); err != nil || told == nil {
		return err
	}
	return told(ctx, c)
}

func (r relayStore) addCallback(ctx context.Context, q tx, c *relay.Stored) error {
	if !c.Callback {
		return nil
	}
	const text = `INSERT INTO relay_callback (command_id, tenant, client, after_id, next_ms, claim, tries)
		VALUES ($1, $2, $3, $4, $5, 0, 0)`
	r.wakeCallbacks(ctx)
	return q.Later(ctx, text, c.ID, c.Tenant, c.Client, c.Session, ms(c.Ended))
}

// nullBytes is b as an argument that stores no bytes as NULL.
func nullBytes(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}
