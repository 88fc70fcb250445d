package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bestow.dev/internal/audit"
)

// appendAudit adds events to the trail of their tenants, in the transaction that
// ctx is in. They are sealed and inserted right before COMMIT, in the order of
// the calls: the head of a tenant's chain is held for the shortest time, and
// after every other row, so that it never is part of a deadlock.
func appendAudit(ctx context.Context, _ tx, events ...audit.Event) error {
	u, _ := ctx.Value(unitKey{}).(*unit)
	if u == nil || u.ended {
		return errEnded
	}
	u.events = append(u.events, events...)
	return nil
}

// writeAudit gives events their places in the chains and inserts them.
func (u *unit) writeAudit(ctx context.Context) error {
	// A tenant's head is moved once, however many events it has. Where there are
	// several tenants the order of their names keeps two transactions from waiting
	// for each other.
	byTenant := make(map[string][]*audit.Event)
	for i := range u.events {
		e := &u.events[i]
		clean(e)
		byTenant[e.Tenant] = append(byTenant[e.Tenant], e)
	}
	for _, tenant := range sortedKeys(byTenant) {
		if err := u.writeTrail(ctx, tenant, byTenant[tenant]); err != nil {
			return fmt.Errorf("append audit events: %w", err)
		}
	}
	return nil
}

func (u *unit) writeTrail(ctx context.Context, tenant string, events []*audit.Event) error {
	if u.tx.line != nil {
		if err := u.tx.line(ctx, tenant); err != nil {
			return err
		}
	}
	if from, ok := u.tx.heads.of(tenant); ok {
		to := seal(events, from)
		err := u.extend(ctx, from, to, events)
		if err == nil {
			u.tx.heads.set(tenant, to)
			return nil
		}
		if !errors.Is(err, errHeadMoved) {
			return err
		}
		u.tx.heads.miss(tenant)
	}
	from, err := takeHead(ctx, u.tx, tenant, len(events))
	if err != nil {
		return err
	}
	to := seal(events, from)
	if err := u.tx.Later(ctx, "UPDATE audit_head SET hash = $2 WHERE tenant = $1", tenant, to.hash[:]); err != nil {
		return err
	}
	u.tx.heads.set(tenant, to)
	return insertEvents(ctx, u.tx, events)
}

// errHeadMoved says that a chain does not end any more where this node left it.
var errHeadMoved = errors.New("store: another node has written to the trail")

// extend moves the head of a trail from one place to another and inserts what is between. It
// fails with errHeadMoved if the head is elsewhere; on PostgreSQL, with the COMMIT.
func (u *unit) extend(ctx context.Context, from, to head, events []*audit.Event) error {
	if p := u.tx.pipe; p != nil && len(events) <= eventsAtOnce {
		return p.extend(from, to, events)
	}
	const move = `UPDATE audit_head SET seq = $2, hash = $3 WHERE tenant = $1 AND seq = $4 AND hash = $5`
	if err := u.tx.Must(ctx, errHeadMoved, move, events[0].Tenant, to.seq, to.hash[:], from.seq, from.hash[:]); err != nil {
		return err
	}
	return insertEvents(ctx, u.tx, events)
}

// takeHead moves the head of a chain by n events whose hash is to follow, and returns
// where it was. The row is locked from here to COMMIT: the next in line sees our head, or,
// if we are rolled back, the one we saw.
func takeHead(ctx context.Context, q tx, tenant string, n int) (from head, err error) {
	const take = `INSERT INTO audit_head (tenant, seq, hash) VALUES ($1, $2, $3)
		ON CONFLICT (tenant) DO UPDATE SET seq = audit_head.seq + excluded.seq
		RETURNING seq, hash`
	var (
		last int64
		hash []byte
		none [sha256.Size]byte
	)
	if err := q.QueryRow(ctx, take, tenant, n, none[:]).Scan(&last, &hash); err != nil {
		return head{}, err
	}
	from.seq = last - int64(n)
	from.hash, err = digest(hash)
	return from, err
}

// seal gives events their places behind a head, and returns the head after them.
func seal(events []*audit.Event, h head) head {
	for _, e := range events {
		h.seq++
		e.Seal(h.seq, h.hash)
		h.hash = e.Hash
	}
	return h
}

// clean makes e's texts such that every engine stores them as they are, before they
// are hashed: PostgreSQL takes neither zero bytes nor what is not UTF-8, and what a
// client claims about itself may be anything.
func clean(e *audit.Event) {
	for _, s := range []*string{
		&e.Action, &e.Actor.ID, &e.OnBehalfOf, &e.Claimed, &e.Via, &e.Ref,
		&e.RelyingParty, &e.User, &e.Credential, &e.Outcome,
	} {
		*s = cleanText(*s)
	}
	var detail map[string]string // a copy: the caller's events may be written again
	for k, v := range e.Detail {
		if detail == nil {
			detail = make(map[string]string, len(e.Detail))
		}
		detail[cleanText(k)] = cleanText(v)
	}
	e.Detail = detail
}

func cleanText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

const eventColumns = `tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref,
	relying_party, user_id, credential, outcome, detail, prev_hash, hash`

// eventsAtOnce is how many events one statement inserts: most transactions have no more,
// and the number of texts is bounded.
const eventsAtOnce = 4

// eventTexts insert one event, two, and so on.
var eventTexts = func() (texts [eventsAtOnce]string) {
	for i := range texts {
		texts[i] = `INSERT INTO audit_event (` + eventColumns + `) VALUES ` + rowsOf(i+1, eventWidth, 0)
	}
	return texts
}()

// rowsOf are n rows of placeholders, numbered from the one after the given.
func rowsOf(n, width, after int) string {
	var b strings.Builder
	for i := range n * width {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%width == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", after+i+1)
	}
	return b.String() + ")"
}

func insertEvents(ctx context.Context, q tx, events []*audit.Event) error {
	for chunk := range slices.Chunk(events, eventsAtOnce) {
		if err := q.Later(ctx, eventTexts[len(chunk)-1], eventArgs(nil, chunk)...); err != nil {
			return err
		}
	}
	return nil
}

// eventWidth is how many columns an event has.
var eventWidth = strings.Count(eventColumns, ",") + 1

// eventArgs appends what the columns of events hold.
func eventArgs(args []any, events []*audit.Event) []any {
	for _, e := range events {
		var detail any = ""
		if len(e.Detail) > 0 {
			detail = asJSON(e.Detail)
		}
		args = append(args, e.Tenant, e.Seq, e.Time.UnixMilli(), e.Action, string(e.Actor.Kind), e.Actor.ID,
			e.OnBehalfOf, e.Claimed, e.Via, e.Ref, e.RelyingParty, e.User, e.Credential, e.Outcome,
			detail, e.Prev[:], e.Hash[:])
	}
	return args
}

func scanEvent(rows *sql.Rows) (audit.Event, error) {
	var (
		e          audit.Event
		prev, hash []byte
	)
	err := rows.Scan(&e.Tenant, &e.Seq, scanMS(&e.Time), &e.Action, &e.Actor.Kind, &e.Actor.ID,
		&e.OnBehalfOf, &e.Claimed, &e.Via, &e.Ref, &e.RelyingParty, &e.User, &e.Credential, &e.Outcome,
		scanJSON(&e.Detail), &prev, &hash)
	if err != nil {
		return audit.Event{}, err
	}
	if e.Prev, err = digest(prev); err != nil {
		return audit.Event{}, err
	}
	e.Hash, err = digest(hash)
	return e, err
}

func digest(b []byte) (d [sha256.Size]byte, err error) {
	if len(b) != len(d) {
		return d, fmt.Errorf("stored hash has %d bytes", len(b))
	}
	return [sha256.Size]byte(b), nil
}

// Bounds of one page of events.
const (
	defaultEvents = 100
	maxEvents     = 1000
	maxAction     = 100 // characters of a prefix; bounds the number of texts
)

// AuditEvents implements [audit.Store].
func (db *DB) AuditEvents(ctx context.Context, query audit.Query) ([]audit.Event, error) {
	text, args := selectEvents(query)
	var events []audit.Event
	err := db.search(ctx, func(ctx context.Context, q tx) error {
		rows, err := q.Query(ctx, text, args...)
		events, err = collect(rows, err, scanEvent)
		return err
	})
	return events, err
}

// selectEvents composes the statement from the parts that query asks for; each part
// is in or out, so the number of texts is bounded.
func selectEvents(query audit.Query) (text string, args []any) {
	where := []string{"tenant = $1"}
	args = []any{query.Tenant}
	and := func(condition string, arg any) {
		if text, ok := arg.(string); ok {
			arg = cleanText(text) // as what is stored was
		}
		args = append(args, arg)
		where = append(where, strings.ReplaceAll(condition, "?", fmt.Sprintf("$%d", len(args))))
	}
	order := "seq"
	switch {
	case query.Newest && query.After > 0:
		and("seq < ?", query.After)
	case !query.Newest:
		and("seq > ?", query.After)
	}
	if query.Newest {
		order = "seq DESC"
	}
	switch {
	case strings.HasSuffix(query.Action, "."):
		// The order of texts is the server's affair; their beginning is not.
		and(fmt.Sprintf("substr(action, 1, %d) = ?", min(len(query.Action), maxAction)), query.Action)
	case query.Action != "":
		and("action = ?", query.Action)
	}
	if query.User != "" {
		and("(user_id = ? OR on_behalf_of = ?)", query.User)
	}
	if query.Credential != "" {
		and("credential = ?", query.Credential)
	}
	if query.RelyingParty != "" {
		and("relying_party = ?", query.RelyingParty)
	}
	if query.Refused {
		where = append(where, "outcome <> 'ok'") // as the index on them says it
	}
	if !query.Since.IsZero() {
		and("time_ms >= ?", query.Since.UnixMilli())
	}
	if !query.Until.IsZero() {
		and("time_ms < ?", query.Until.UnixMilli())
	}
	limit := query.Limit
	if limit <= 0 {
		limit = defaultEvents
	}
	args = append(args, min(limit, maxEvents))
	text = fmt.Sprintf("SELECT %s FROM audit_event WHERE %s ORDER BY %s LIMIT $%d",
		eventColumns, strings.Join(where, " AND "), order, len(args))
	return text, args
}

// AuditHead implements [audit.Store].
func (db *DB) AuditHead(ctx context.Context, tenant string) (seq int64, hash [sha256.Size]byte, err error) {
	err = db.read(ctx, func(ctx context.Context, q tx) error {
		var head []byte
		err := q.QueryRow(ctx, "SELECT seq, hash FROM audit_head WHERE tenant = $1", tenant).Scan(&seq, &head)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		hash, err = digest(head)
		return err
	})
	return seq, hash, err
}
