package store

import (
	"context"
	"crypto/sha256"

	"bestow.dev/internal/process"
)

// Apply implements [process.RunStore]. A row of a run is held before those of its jobs
// and tasks, and a run before the one that called it, so that nobody waits in a circle. What a
// task has written before, in the same transaction, may have told another job of its run; where
// that one is just being ended PostgreSQL finds the circle, and one of them is done again.
func (p processStore) Apply(ctx context.Context, c *process.Change) (before *process.Run, request [sha256.Size]byte, err error) {
	err = p.db.writeLast(ctx, func(ctx context.Context, q tx) (err error) {
		before, request, err = p.apply(ctx, q, c, process.ErrClaimLost)
		return err
	})
	return before, request, err
}

// apply stores a change, and those with it. lost is what it means that the job it comes from is
// not as it was.
func (p processStore) apply(ctx context.Context, q tx, c *process.Change, lost error) (before *process.Run, request [sha256.Size]byte, err error) {
	if c.Begin != nil {
		before, request, err = insertRun(ctx, q, c, lost)
	} else {
		err = updateRun(ctx, q, c)
	}
	if err == nil && before == nil {
		err = p.applyRest(ctx, q, c, lost)
	}
	if err != nil || before != nil {
		return before, request, err
	}
	for _, w := range c.With {
		// Nobody has a claim in it: whatever it comes from has gone on then.
		there, _, err := p.apply(ctx, q, w, process.ErrStale)
		if err == nil && there != nil {
			err = process.ErrStale
		}
		if err != nil {
			return nil, request, err
		}
	}
	return nil, request, nil
}

// insertRun stores a run that begins, or returns the one that began with its key. lost is what it
// means that the call has been made.
func insertRun(ctx context.Context, q tx, c *process.Change, lost error) (*process.Run, [sha256.Size]byte, error) {
	const text = `INSERT INTO process_run (id, tenant, process, version, status, subject, starter_kind, starter_id, via, ref,
		start_key, request, parent, parent_job, root, depth, state, revision, entries, created_ms, updated_ms, ended_ms)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
		ON CONFLICT DO NOTHING`
	r := c.Run
	n, err := q.Expect(ctx, text, r.ID, r.Tenant, r.Definition, r.Version, r.Status, null(r.Subject), r.Starter.Kind, r.Starter.ID,
		cleanText(r.Via), cleanText(r.Ref), null(c.Begin.Key), c.Begin.Request[:], r.Parent, r.ParentJob, r.Root, r.Depth, asJSON(r.State),
		r.Revision+1, len(c.Entries), ms(r.Created), ms(r.Updated), ms(r.Ended))
	if err != nil || n == 1 {
		return nil, [sha256.Size]byte{}, err
	}
	if r.ParentJob != "" {
		return nil, [sha256.Size]byte{}, lost
	}
	const same = `r.tenant = $1 AND r.starter_kind = $2 AND r.starter_id = $3 AND r.start_key = $4 AND r.start_key IS NOT NULL`
	return readRun(ctx, q, same, r.Tenant, r.Starter.Kind, r.Starter.ID, c.Begin.Key)
}

// updateRun stores the next revision of a run.
func updateRun(ctx context.Context, q tx, c *process.Change) error {
	const text = `UPDATE process_run SET status = $3, state = $4, revision = revision + 1, entries = entries + $5,
		updated_ms = $6, ended_ms = $7 WHERE id = $1 AND revision = $2 AND status = 'running'`
	r := c.Run
	args := []any{r.ID, r.Revision, r.Status, asJSON(r.State), len(c.Entries), ms(r.Updated), ms(r.Ended)}
	return addEntries(ctx, q, c.Entries, count{text, args, process.ErrStale})
}

// applyRest writes what comes of a step beside the run itself.
func (p processStore) applyRest(ctx context.Context, q tx, c *process.Change, lost error) error {
	if err := takeCause(ctx, q, c, lost); err != nil {
		return err
	}
	if err := p.clearTokens(ctx, q, c); err != nil {
		return err
	}
	for ref, value := range c.Secrets {
		if err := q.Later(ctx, `INSERT INTO process_secret (ref, run_id, value) VALUES ($1, $2, $3)`, ref, c.Run.Root, string(value)); err != nil {
			return err
		}
	}
	for i := range c.Jobs {
		if i > 0 || c.Spend == nil { // the first has taken the place of the one that is spent
			if err := insertJob(ctx, q, &c.Jobs[i]); err != nil {
				return err
			}
		}
		if c.Jobs[i].ClaimedBy == "" && c.Jobs[i].Due.Before(c.Run.Updated.Add(process.SweepEvery)) {
			p.wakeJobs(ctx)
		}
	}
	for i := range c.Tasks {
		if err := insertTask(ctx, q, &c.Tasks[i]); err != nil {
			return err
		}
	}
	if c.Begin != nil {
		if err := insertEntries(ctx, q, c.Run.ID, c.Entries); err != nil {
			return err
		}
	}
	if c.Return != "" {
		if err := p.comeBack(ctx, q, c); err != nil {
			return err
		}
	}
	if err := appendAudit(ctx, q, c.Events...); err != nil {
		return err
	}
	p.wakeRun(ctx, c.Run.ID)
	if c.Calls != nil { // its caller waits from now on, and is busy no more
		p.wakeRun(ctx, c.Run.Parent)
	}
	if c.Also != nil {
		return c.Also(ctx)
	}
	return nil
}

// takeCause takes what a change comes from, so that nothing else comes of it.
func takeCause(ctx context.Context, q tx, c *process.Change, lost error) error {
	if c.Spend != nil {
		if err := spendJob(ctx, q, c, lost); err != nil {
			return err
		}
	}
	if c.Calls != nil {
		const text = `UPDATE process_job SET state = 'waiting', due_ms = $3, claimed_by = '', attempt = 0 WHERE id = $1 AND claim = $2`
		if err := q.Must(ctx, lost, text, c.Calls.Job, c.Calls.Number, ms(process.Never)); err != nil {
			return err
		}
	}
	if c.Complete != nil {
		return completeTask(ctx, q, c.Complete)
	}
	return nil
}

// clearTokens ends what was begun for tokens that are no more.
func (p processStore) clearTokens(ctx context.Context, q tx, c *process.Change) error {
	if c.Begin != nil {
		return nil // there is nothing yet
	}
	at := ms(c.Run.Updated)
	if c.Run.Ended.IsZero() {
		for _, token := range c.Clear {
			if err := p.clearToken(ctx, q, c.Run.ID, at, token); err != nil {
				return err
			}
		}
		return nil
	}
	if !c.Alone {
		if err := p.clearToken(ctx, q, c.Run.ID, at, everyToken); err != nil {
			return err
		}
	}
	if c.Run.Parent == "" {
		return q.Later(ctx, `DELETE FROM process_secret WHERE run_id = $1`, c.Run.Root)
	}
	return nil
}

// everyToken stands for all tokens of a run: none has this number.
const everyToken = 0

func (p processStore) clearToken(ctx context.Context, q tx, run string, at, token int64) error {
	// A call under way stays, to be stopped.
	const end = `DELETE FROM process_job WHERE run_id = $1 AND ($2 = 0 OR token = $2) AND kind <> 'stop'
		AND NOT (kind = 'call' AND state = 'waiting')`
	if err := q.Later(ctx, end, run, token); err != nil {
		return err
	}
	const stop = `UPDATE process_job SET kind = 'stop', state = 'ready', sync = FALSE, due_ms = $3, claim = claim + 1, claimed_by = '', attempt = 0
		WHERE run_id = $1 AND ($2 = 0 OR token = $2) AND kind = 'call'`
	if err := q.LaterFor(ctx, p.wakeForJobs(ctx), stop, run, token, at); err != nil {
		return err
	}
	const withdraw = `UPDATE process_task SET state = 'withdrawn', ended_ms = $3
		WHERE run_id = $1 AND ($2 = 0 OR token = $2) AND state = 'open'`
	return q.Later(ctx, withdraw, run, token, at)
}

// comeBack has the caller of a process that has ended hear of it.
func (p processStore) comeBack(ctx context.Context, q tx, c *process.Change) error {
	const text = `UPDATE process_job SET kind = 'return', state = 'ready', due_ms = $2, claim = claim + 1, claimed_by = '', attempt = 0
		WHERE id = $1 AND kind = 'call'`
	p.wakeJobs(ctx)
	return q.Later(ctx, text, c.Return, ms(c.Run.Updated))
}
