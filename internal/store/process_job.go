package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"bestow.dev/internal/process"
)

const jobColumns = `id, tenant, run_id, token, element, kind, state, sync, due_ms, claim, claimed_by, attempt, params, wait, news, fault, created_ms`

func jobDest(j *process.Job) []any {
	return []any{
		&j.ID, &j.Tenant, &j.Run, &j.Token, &j.Element, &j.Kind, &j.State, &j.Sync, scanMS(&j.Due), &j.Claim, &j.ClaimedBy, &j.Attempt,
		scanJSON(&j.Params), scanJSON(&j.Wait), &j.News, &j.Fault, scanMS(&j.Created),
	}
}

func scanJob(rows *sql.Rows) (j process.Job, err error) { return j, rows.Scan(jobDest(&j)...) }

func insertJob(ctx context.Context, q tx, j *process.Job) error {
	const text = `INSERT INTO process_job (` + jobColumns + `, wait_key)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, '', 0, '', $14, '')`
	return q.Later(ctx, text, j.ID, j.Tenant, j.Run, j.Token, j.Element, j.Kind, j.State, j.Sync, ms(j.Due), j.Claim, j.ClaimedBy,
		j.Attempt, string(j.Params), ms(j.Created))
}

// endJob removes a claimed job.
func endJob(ctx context.Context, q tx, c process.JobClaim, lost error) error {
	return q.Must(ctx, lost, `DELETE FROM process_job WHERE id = $1 AND claim = $2`, c.Job, c.Number)
}

// spendJob ends the job that a change comes from: its row becomes that of the first job that
// comes of it, or goes. What is cleared after it does not touch that one: a token is never given
// twice, and those that are cleared are no more.
func spendJob(ctx context.Context, q tx, c *process.Change, lost error) error {
	if len(c.Jobs) == 0 {
		return endJob(ctx, q, *c.Spend, lost)
	}
	const text = `UPDATE process_job SET id = $3, token = $4, element = $5, kind = $6, state = $7, sync = $8, due_ms = $9, claim = $10,
		claimed_by = $11, attempt = $12, params = $13, created_ms = $14, wait = '', news = 0, fault = '', wait_key = ''
		WHERE id = $1 AND claim = $2`
	j := &c.Jobs[0]
	return q.Must(ctx, lost, text, c.Spend.Job, c.Spend.Number, j.ID, j.Token, j.Element, j.Kind, j.State, j.Sync,
		ms(j.Due), j.Claim, j.ClaimedBy, j.Attempt, string(j.Params), ms(j.Created))
}

// EndJob implements [process.JobStore].
func (p processStore) EndJob(ctx context.Context, c process.JobClaim) error {
	return p.db.write(ctx, func(ctx context.Context, q tx) error { return endJob(ctx, q, c, process.ErrClaimLost) })
}

// ClaimJobs implements [process.JobStore].
func (p processStore) ClaimJobs(ctx context.Context, query process.JobQuery) ([]process.Job, error) {
	// Apart, because within the condition PostgreSQL may look for them once for each row,
	// find others each time and claim more than the limit.
	text := `WITH due AS MATERIALIZED (SELECT j.id FROM process_job j WHERE j.due_ms <= $1
			ORDER BY j.due_ms, j.id LIMIT $3` + p.skipLocked() + `)
		UPDATE process_job SET claim = claim + 1, claimed_by = $4, due_ms = $2, attempt = attempt + 1
		WHERE due_ms <= $1 AND id IN (SELECT due.id FROM due)
		RETURNING ` + jobColumns
	return queryAlone(ctx, p.db, scanJob, text, ms(query.At), ms(query.At.Add(query.Lease)), query.Limit, query.Node)
}

// RenewJobs implements [process.JobStore].
func (p processStore) RenewJobs(ctx context.Context, claims []process.JobClaim, until time.Time) ([]process.JobClaim, error) {
	var renewed []process.JobClaim
	err := p.db.write(ctx, func(ctx context.Context, q tx) error {
		renewed = nil
		for _, c := range claims {
			note := func(changed int64) {
				if changed == 1 {
					renewed = append(renewed, c)
				}
			}
			const text = `UPDATE process_job SET due_ms = $3 WHERE id = $1 AND claim = $2 AND claimed_by <> ''`
			if err := q.LaterFor(ctx, note, text, c.Job, c.Number, ms(until)); err != nil {
				return err
			}
		}
		return nil
	})
	return renewed, err
}

// NextJob implements [process.JobStore].
func (p processStore) NextJob(ctx context.Context) (time.Time, error) {
	var at time.Time
	err := p.db.read(ctx, func(ctx context.Context, q tx) error {
		return q.QueryRow(ctx, `SELECT MIN(due_ms) FROM process_job`).Scan(scanMS(&at))
	})
	return at, err
}

// PostponeJob implements [process.JobStore].
func (p processStore) PostponeJob(ctx context.Context, d *process.Postponement) error {
	return p.db.writeLast(ctx, func(ctx context.Context, q tx) error {
		if err := addEntriesAlone(ctx, q, process.ErrClaimLost, d.Run, d.Entries); err != nil {
			return err
		}
		wait, key := "", ""
		if d.Wait != nil {
			text, err := json.Marshal(d.Wait)
			if err != nil {
				return err
			}
			wait, key = string(text), d.Wait.Key
		}
		const text = `UPDATE process_job SET state = $3, attempt = $4, fault = $5, claimed_by = '',
			due_ms = CASE WHEN news <> $6 AND wait_key <> '' THEN CAST($7 AS BIGINT) ELSE CAST($8 AS BIGINT) END,
			wait = CASE WHEN $9 = '' THEN wait ELSE $9 END, wait_key = CASE WHEN $9 = '' THEN wait_key ELSE $10 END
			WHERE id = $1 AND claim = $2`
		if err := q.Must(ctx, process.ErrClaimLost, text, d.Claim.Job, d.Claim.Number, d.State, d.Attempt, cleanText(d.Fault),
			d.Heard, ms(d.At), ms(d.Due), wait, key); err != nil {
			return err
		}
		// By what was heard meanwhile it may be due, unless there was nothing to hear.
		if d.Wait == nil || !d.Wait.Unheard || d.Due.Before(d.At.Add(process.SweepEvery)) {
			p.wakeJobs(ctx)
		}
		p.wakeRun(ctx, d.Run)
		if err := appendAudit(ctx, q, d.Events...); err != nil {
			return err
		}
		if d.Also != nil {
			return d.Also(ctx)
		}
		return nil
	})
}

// ReviveJob implements [process.JobStore].
func (p processStore) ReviveJob(ctx context.Context, r *process.Revival) error {
	return p.db.write(ctx, func(ctx context.Context, q tx) error {
		if err := addEntriesAlone(ctx, q, process.ErrNoIncident, r.Run, r.Entries); err != nil {
			return err
		}
		const text = `UPDATE process_job SET state = 'ready', due_ms = $3, attempt = 0, claim = claim + 1
			WHERE id = $1 AND tenant = $2 AND state = 'incident'`
		if err := q.Must(ctx, process.ErrNoIncident, text, r.Job, r.Tenant, ms(r.At)); err != nil {
			return err
		}
		p.wakeJobs(ctx)
		return appendAudit(ctx, q, r.Events...)
	})
}

// Job implements [process.JobStore].
func (p processStore) Job(ctx context.Context, tenant, id string) (*process.Job, error) {
	j := new(process.Job)
	err := p.db.read(ctx, func(ctx context.Context, q tx) error {
		return q.QueryRow(ctx, `SELECT `+jobColumns+` FROM process_job WHERE tenant = $1 AND id = $2`, tenant, id).Scan(jobDest(j)...)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, process.ErrJobUnknown
	}
	if err != nil {
		return nil, err
	}
	return j, nil
}

// Jobs implements [process.JobStore].
func (p processStore) Jobs(ctx context.Context, tenant, run string) ([]process.Job, error) {
	var jobs []process.Job
	err := p.db.read(ctx, func(ctx context.Context, q tx) error {
		rows, err := q.Query(ctx, `SELECT `+jobColumns+` FROM process_job WHERE tenant = $1 AND run_id = $2 ORDER BY created_ms, id`, tenant, run)
		jobs, err = collect(rows, err, scanJob)
		return err
	})
	return jobs, err
}

// News implements [process.JobStore].
func (p processStore) News(ctx context.Context, n process.News) (count int, err error) {
	if u := p.db.unit(ctx); u.hasBegun() && !u.ended { // not worth a part of its own
		count, err := p.news(ctx, u.tx, &n)
		return count, p.db.engine.fault(err)
	}
	const text = `SELECT count(*) FROM process_job WHERE tenant = $1 AND wait_key = $2 AND wait_key <> ''`
	err = p.db.read(ctx, func(ctx context.Context, q tx) error { return q.QueryRow(ctx, text, n.Tenant, n.Key).Scan(&count) })
	if err != nil || count == 0 {
		return 0, err
	}
	err = p.db.write(ctx, func(ctx context.Context, q tx) (err error) {
		count, err = p.news(ctx, q, &n)
		return err
	})
	return count, err
}

func (p processStore) news(ctx context.Context, q tx, n *process.News) (int, error) {
	const (
		theirs = `tenant = $1 AND wait_key = $2 AND wait_key <> ''`
		idle   = `state = 'waiting' AND claimed_by = ''`
	)
	if n.Lease == nil {
		// One that is being looked at keeps its claim, and is looked at again after it.
		count, err := q.Exec(ctx, `UPDATE process_job SET news = news + 1,
			due_ms = CASE WHEN `+idle+` THEN CAST($3 AS BIGINT) ELSE due_ms END WHERE `+theirs, n.Tenant, n.Key, ms(n.At))
		if count > 0 {
			p.wakeJobs(ctx)
		}
		return int(count), err
	}
	// All are told first, which waits for those who are claiming one: whoever has claimed it
	// hears of it, and the others are idle.
	var count int64
	note := func(changed int64) { count = changed }
	if err := q.LaterFor(ctx, note, `UPDATE process_job SET news = news + 1 WHERE `+theirs, n.Tenant, n.Key); err != nil {
		return 0, err
	}
	rows, err := q.Query(ctx, `UPDATE process_job SET due_ms = $3, claim = claim + 1, claimed_by = $4, attempt = attempt + 1
		WHERE `+theirs+` AND `+idle+` RETURNING `+jobColumns, n.Tenant, n.Key, ms(n.Lease.Until), n.Lease.Node)
	claimed, err := collect(rows, err, scanJob)
	if len(claimed) > 0 {
		p.db.onCommit(ctx, func() { n.Claimed(claimed) })
	}
	return int(count), err
}

// Busy implements [process.JobStore].
func (p processStore) Busy(ctx context.Context, tenant, run string) (r *process.Run, busy bool, err error) {
	const text = `SELECT ` + runColumns + `, r.state, EXISTS (SELECT 1 FROM process_job b WHERE b.run_id = r.id AND b.sync AND b.state = 'ready')
		FROM process_run r WHERE r.tenant = $1 AND r.id = $2`
	r = new(process.Run)
	err = p.db.read(ctx, func(ctx context.Context, q tx) error {
		return q.QueryRow(ctx, text, tenant, run).Scan(append(runDest(r), scanJSON(&r.State), &busy)...)
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = process.ErrRunUnknown
	}
	if err != nil {
		return nil, false, err
	}
	return r, busy, nil
}
