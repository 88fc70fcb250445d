package store

import (
	"context"
	"database/sql"

	"bestow.dev/internal/process"
)

// moreEntry is an entry in the column more. Its names never change; a new member is absent
// from rows written before it.
type moreEntry struct {
	AtMS    int64             `json:"at"`
	Kind    process.EntryKind `json:"kind"`
	Element string            `json:"el,omitempty"`
	Token   int64             `json:"tok,omitempty"`
	Flow    string            `json:"flow,omitempty"`
	Text    string            `json:"text,omitempty"`
	Attempt int               `json:"try,omitempty"`
	Actor   string            `json:"by,omitempty"`
}

// moreEntries is the column more of a row that begins with the first of entries.
func moreEntries(entries []process.Entry) any {
	if len(entries) == 1 {
		return ""
	}
	var more []moreEntry
	for _, e := range entries[1:] {
		more = append(more, moreEntry{
			AtMS: ms(e.At), Kind: e.Kind, Element: e.Element, Token: e.Token, Flow: e.Flow, Text: cleanText(e.Text),
			Attempt: e.Attempt, Actor: cleanText(e.Actor),
		})
	}
	return asJSON(more)
}

// The columns of a row that hold what its entries say.
const entryColumns = `at_ms, kind, element, token, flow, text, attempt, actor, more`

// entryArgs appends what a row's entries say.
func entryArgs(args []any, entries []process.Entry) []any {
	e := &entries[0]
	return append(args, ms(e.At), string(e.Kind), e.Element, e.Token, e.Flow, cleanText(e.Text), e.Attempt, cleanText(e.Actor), moreEntries(entries))
}

// insertEntries adds entries to the timeline of a run, which counts them already. They are
// one row, with the number of the last.
func insertEntries(ctx context.Context, q tx, run string, entries []process.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	const text = `INSERT INTO process_timeline (run_id, seq, ` + entryColumns + `)
		SELECT r.id, r.entries, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM process_run r WHERE r.id = $1`
	return q.Later(ctx, text, entryArgs([]any{run}, entries)...)
}

// count is an UPDATE of a run whose first argument is the run, and that counts entries. Where
// there is no such run it is refused.
type count struct {
	text    string
	args    []any
	refusal error
}

// addEntries counts entries and adds them.
func addEntries(ctx context.Context, q tx, entries []process.Entry, c count) error {
	if p := q.pipe; p != nil && len(entries) > 0 {
		return p.addEntries(entries, c)
	}
	if err := q.Must(ctx, c.refusal, c.text, c.args...); err != nil {
		return err
	}
	return insertEntries(ctx, q, c.args[0].(string), entries)
}

// addEntriesAlone adds entries, if there are any, to a run that does not change itself. gone is
// what it means that there is no such run; its jobs are gone with it.
func addEntriesAlone(ctx context.Context, q tx, gone error, run string, entries []process.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	const text = `UPDATE process_run SET entries = entries + $2 WHERE id = $1`
	return addEntries(ctx, q, entries, count{text, []any{run, len(entries)}, gone})
}

// Timeline implements [process.RunStore].
func (p processStore) Timeline(ctx context.Context, tenant, run string, after int64, limit int) ([]process.Entry, error) {
	// A row whose last entry is wanted has one to give at least, so limit rows suffice.
	const text = `SELECT t.seq, t.at_ms, t.kind, t.element, t.token, t.flow, t.text, t.attempt, t.actor, t.more
		FROM process_timeline t JOIN process_run r ON r.id = t.run_id
		WHERE r.tenant = $1 AND t.run_id = $2 AND t.seq > $3 ORDER BY t.seq LIMIT $4`
	var entries []process.Entry
	err := p.db.read(ctx, func(ctx context.Context, q tx) error {
		entries = nil
		rows, err := q.Query(ctx, text, tenant, run, after, limit)
		_, err = collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
			row, err := scanEntries(rows)
			for _, e := range row {
				if e.Seq > after && len(entries) < limit {
					entries = append(entries, e)
				}
			}
			return struct{}{}, err
		})
		return err
	})
	return entries, err
}

// scanEntries reads the entries of a row.
func scanEntries(rows *sql.Rows) ([]process.Entry, error) {
	var (
		e    process.Entry
		more []moreEntry
	)
	if err := rows.Scan(&e.Seq, scanMS(&e.At), &e.Kind, &e.Element, &e.Token, &e.Flow, &e.Text, &e.Attempt, &e.Actor, scanJSON(&more)); err != nil {
		return nil, err
	}
	e.Seq -= int64(len(more))
	entries := []process.Entry{e}
	for i, l := range more {
		entries = append(entries, process.Entry{
			Seq: e.Seq + int64(i) + 1, At: fromMS(l.AtMS), Kind: l.Kind, Element: l.Element, Token: l.Token, Flow: l.Flow,
			Text: l.Text, Attempt: l.Attempt, Actor: l.Actor,
		})
	}
	return entries, nil
}
