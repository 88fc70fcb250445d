package main

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"bestow.dev/internal/process"
)

// jobsOfARun is how many jobs of a run of security-key are claimed and done. The call of the other
// process and the return from it are parts of steps.
const jobsOfARun = 5

// unreached is when the floor's jobs are due: the engine, which runs beside it, leaves
// them alone.
var unreached = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// emptyRun is a run of the floor.
type emptyRun struct {
	process.Run
	revision atomic.Int64 // of the stored run, once what is under way is stored
}

// jobTable has empty runs go through the table of jobs: each job is claimed, and ended in
// the transaction that stores the next one. It is what the engine cannot do without.
func (b *bench) jobTable(ctx context.Context, n int) (time.Duration, error) {
	f := &floor{jobs: b.server.DB.Process()}
	all := make([]*emptyRun, n)
	for i := range all {
		id := rand.Text()
		all[i] = &emptyRun{Run: process.Run{
			ID: id, Root: id, Tenant: operator.Tenant, Definition: "floor", Status: process.Running,
			Starter: operator.Actor, Created: unreached, Updated: unreached,
		}}
		f.runs.Store(id, all[i])
	}
	return together(*callers, all, func(r *emptyRun) error {
		r.revision.Store(1)
		begin := &process.Change{Run: &r.Run, Begin: &process.Beginning{}, Jobs: []process.Job{r.job()}}
		if _, _, err := f.jobs.Apply(ctx, begin); err != nil {
			return err
		}
		for range jobsOfARun { // of any run
			if err := f.doOne(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// floor is the table of jobs with nothing around it.
type floor struct {
	jobs process.Store
	runs sync.Map // by id
}

// doOne claims a job, and ends it with the next one of its run.
func (f *floor) doOne(ctx context.Context) error {
	var claimed []process.Job
	for len(claimed) == 0 { // where others have all there are, one of them stores another
		var err error
		if claimed, err = f.jobs.ClaimJobs(ctx, process.JobQuery{At: unreached, Lease: time.Minute, Node: "floor", Limit: 1}); err != nil {
			return err
		}
	}
	j := claimed[0]
	found, ok := f.runs.Load(j.Run)
	if !ok {
		return errors.New("a job of no run was claimed")
	}
	r := found.(*emptyRun)
	run := r.Run
	run.Revision = r.revision.Add(1) - 1
	c := &process.Change{Run: &run, Spend: &process.JobClaim{Job: j.ID, Number: j.Claim}}
	if run.Revision < jobsOfARun {
		c.Jobs = []process.Job{r.job()}
	}
	_, _, err := f.jobs.Apply(ctx, c)
	return err
}

func (r *emptyRun) job() process.Job {
	return process.Job{
		ID: rand.Text(), Tenant: r.Tenant, Run: r.ID, Token: 1, Element: "empty", Kind: process.WorkJob,
		State: process.JobReady, Due: unreached, Created: unreached,
	}
}
