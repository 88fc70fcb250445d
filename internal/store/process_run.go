package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"bestow.dev/internal/process"
)

const runColumns = `r.id, r.tenant, r.process, r.version, r.status, r.subject, r.starter_kind, r.starter_id, r.via, r.ref,
	r.parent, r.parent_job, r.root, r.depth, r.revision, r.created_ms, r.updated_ms, r.ended_ms,
	(SELECT count(*) FROM process_job j WHERE j.run_id = r.id AND j.state = 'incident')`

func runDest(r *process.Run) []any {
	return []any{
		&r.ID, &r.Tenant, &r.Definition, &r.Version, &r.Status, scanNull(&r.Subject), &r.Starter.Kind, &r.Starter.ID, &r.Via, &r.Ref,
		&r.Parent, &r.ParentJob, &r.Root, &r.Depth, &r.Revision, scanMS(&r.Created), scanMS(&r.Updated), scanMS(&r.Ended),
		&r.Incidents,
	}
}

// Run implements [process.RunStore].
func (p processStore) Run(ctx context.Context, tenant, id string) (*process.Run, error) {
	var r *process.Run
	err := p.db.read(ctx, func(ctx context.Context, q tx) (err error) {
		r, _, err = readRun(ctx, q, `r.tenant = $1 AND r.id = $2`, tenant, id)
		return err
	})
	return r, err
}

// CalledRun implements [process.RunStore].
func (p processStore) CalledRun(ctx context.Context, tenant, job string) (*process.Run, error) {
	var r *process.Run
	err := p.db.read(ctx, func(ctx context.Context, q tx) (err error) {
		r, _, err = readRun(ctx, q, `r.tenant = $1 AND r.parent_job = $2 AND r.parent_job <> ''`, tenant, job)
		if errors.Is(err, process.ErrRunUnknown) {
			r, err = nil, nil
		}
		return err
	})
	return r, err
}

// Caller implements [process.RunStore].
func (p processStore) Caller(ctx context.Context, tenant, job string) (*process.Caller, error) {
	const text = `SELECT ` + runColumns + `, r.state, c.token, c.id, c.claim FROM process_job c JOIN process_run r ON r.id = c.run_id
		WHERE c.tenant = $1 AND c.id = $2 AND c.kind = 'call' AND c.state = 'waiting'`
	c := &process.Caller{Run: new(process.Run)}
	err := p.db.read(ctx, func(ctx context.Context, q tx) error {
		return q.QueryRow(ctx, text, tenant, job).
			Scan(append(runDest(c.Run), scanJSON(&c.Run.State), &c.Token, &c.Call.Job, &c.Call.Number)...)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

func readRun(ctx context.Context, q tx, where string, args ...any) (*process.Run, [sha256.Size]byte, error) {
	r := new(process.Run)
	var request [sha256.Size]byte
	err := q.QueryRow(ctx, `SELECT `+runColumns+`, r.state, r.request FROM process_run r WHERE `+where, args...).
		Scan(append(runDest(r), scanJSON(&r.State), scanHash(&request))...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, request, process.ErrRunUnknown
	}
	if err != nil {
		return nil, request, err
	}
	return r, request, nil
}

// Runs implements [process.RunStore].
func (p processStore) Runs(ctx context.Context, query process.RunQuery) ([]process.Run, error) {
	text, args := selectRuns(query)
	var runs []process.Run
	err := p.db.search(ctx, func(ctx context.Context, q tx) error {
		rows, err := q.Query(ctx, text, args...)
		runs, err = collect(rows, err, func(rows *sql.Rows) (r process.Run, err error) { return r, rows.Scan(runDest(&r)...) })
		return err
	})
	return runs, err
}

// selectRuns composes the statement from the parts that query asks for; each part is in
// or out, so the number of texts is bounded.
func selectRuns(query process.RunQuery) (text string, args []any) {
	w := &conditions{}
	w.and("r.tenant = ?", query.Tenant)
	if query.Definition != "" {
		w.and("r.process = ?", query.Definition)
	}
	if query.Status != "" {
		w.and("r.status = ?", query.Status)
	}
	if query.Subject != "" {
		w.and("r.subject = ?", query.Subject)
	}
	if query.Parent != "" {
		w.and("r.parent = ? AND r.parent_job <> ''", query.Parent)
	}
	if query.Incidents {
		w.and("EXISTS (SELECT 1 FROM process_job i WHERE i.run_id = r.id AND i.state = 'incident')")
	}
	if query.BeforeID != "" {
		w.and("(r.created_ms < ? OR (r.created_ms = ? AND r.id < ?))", ms(query.BeforeTime), ms(query.BeforeTime), query.BeforeID)
	}
	return w.text(`SELECT `+runColumns+` FROM process_run r WHERE `, ` ORDER BY r.created_ms DESC, r.id DESC LIMIT ?`, query.Limit), w.args
}

// conditions are what a statement's rows have to meet, all of it.
type conditions struct {
	parts []string
	args  []any
}

// and adds a condition with a ? for each argument.
func (c *conditions) and(condition string, args ...any) {
	c.parts = append(c.parts, c.number(condition, args))
}

func (c *conditions) number(text string, args []any) string {
	for _, arg := range args {
		c.args = append(c.args, arg)
		text = strings.Replace(text, "?", fmt.Sprintf("$%d", len(c.args)), 1)
	}
	return text
}

// text returns the statement that begins and ends as given, with the end's arguments.
func (c *conditions) text(begin, end string, args ...any) string {
	return begin + strings.Join(c.parts, " AND ") + c.number(end, args)
}

// Secrets implements [process.RunStore].
func (p processStore) Secrets(ctx context.Context, root string) (map[string]json.RawMessage, error) {
	secrets := make(map[string]json.RawMessage)
	err := p.db.read(ctx, func(ctx context.Context, q tx) error {
		clear(secrets)
		rows, err := q.Query(ctx, `SELECT ref, value FROM process_secret WHERE run_id = $1`, root)
		_, err = collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
			var ref, value string
			err := rows.Scan(&ref, &value)
			secrets[ref] = json.RawMessage(value)
			return struct{}{}, err
		})
		return err
	})
	return secrets, err
}

// PurgeRuns implements [process.RunStore].
func (p processStore) PurgeRuns(ctx context.Context, before time.Time, limit int) (int, error) {
	const text = `DELETE FROM process_run WHERE id IN (SELECT r.id FROM process_run r
		WHERE r.ended_ms > 0 AND r.ended_ms < $1
		AND NOT EXISTS (SELECT 1 FROM process_job j WHERE j.id = r.parent_job)
		AND NOT EXISTS (SELECT 1 FROM process_job s WHERE s.run_id = r.id)
		AND NOT EXISTS (SELECT 1 FROM process_run c WHERE c.root = r.id AND c.ended_ms = 0)
		ORDER BY r.ended_ms LIMIT $2)`
	var n int64
	err := p.db.write(ctx, func(ctx context.Context, q tx) (err error) {
		n, err = q.Exec(ctx, text, ms(before), limit)
		return err
	})
	return int(n), err
}
