package process

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"
)

const (
	// SweepEvery bounds how late a node notices a job that nobody told it of.
	SweepEvery = time.Second
	purgeEvery = time.Minute

	claimBatch = 64
	// graceTime is how long work under way may take once the node is to stop.
	graceTime = 5 * time.Second
	// storeTime is what the result of work may take to be stored.
	storeTime = 2500 * time.Millisecond
)

// Run does the jobs that are due until ctx ends: service tasks, timers, waits whose time
// to look has come. What became due while nothing ran is done at once. It returns when
// the work under way is done, or given back. What could not be done is logged and tried
// again.
//
// Every node runs it once; they share the work.
func (s *Service) Run(ctx context.Context) error {
	working, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	s.hands.begin(working)
	var all sync.WaitGroup
	all.Go(func() { s.watchJobs(ctx) })
	all.Go(func() { s.keepRenewing(working) })
	all.Go(func() { s.keepPurging(ctx) })
	<-ctx.Done()
	s.hands.end()
	grace := time.AfterFunc(s.grace, cut)
	s.hands.all.Wait()
	grace.Stop()
	cut()
	all.Wait()
	return ctx.Err()
}

// watchJobs starts jobs as they become due.
func (s *Service) watchJobs(ctx context.Context) {
	woken, cancel := s.wakeups.Wait(WakeJobs)
	defer cancel()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-woken:
		case <-s.hands.freed:
		}
		timer.Reset(s.untilNextJob(ctx))
	}
}

// untilNextJob starts what is due and returns how long to wait.
func (s *Service) untilNextJob(ctx context.Context) time.Duration {
	for {
		next, err := s.store.NextJob(ctx)
		if err != nil {
			s.complain(ctx, "the next job could not be read", err)
			return SweepEvery
		}
		if next.IsZero() {
			return SweepEvery
		}
		if wait := next.Sub(s.clock()); wait > 0 {
			return min(wait, SweepEvery)
		}
		n, err := s.startJobs(ctx)
		if err != nil {
			s.complain(ctx, "jobs could not be claimed", err)
			return SweepEvery
		}
		if n == 0 { // no hand is free, or others were faster
			return SweepEvery
		}
	}
}

// startJobs claims as many jobs as there are hands free, and returns how many.
func (s *Service) startJobs(ctx context.Context) (int, error) {
	n := s.hands.takeUpTo(claimBatch)
	if n == 0 {
		return 0, nil
	}
	jobs, err := s.store.ClaimJobs(ctx, JobQuery{At: s.clock(), Lease: lease, Node: s.node, Limit: n})
	for range n - len(jobs) {
		s.hands.give()
	}
	for i := range jobs {
		go s.workOn(&handover{job: &jobs[i]})
	}
	return len(jobs), err
}

// RunDue does the jobs that are due now, and those that become due by it, one after the
// other, and returns how many it did. [Service.Run] does so by itself.
func (s *Service) RunDue(ctx context.Context) (int, error) {
	total := 0
	for {
		jobs, err := s.store.ClaimJobs(ctx, JobQuery{At: s.clock(), Lease: lease, Node: s.node, Limit: 1})
		if err != nil || len(jobs) == 0 {
			return total, err
		}
		for _, j := range jobs {
			s.do(ctx, &handover{job: &j}, false)
			total++
		}
	}
}

// handover is a job that is claimed, with what whoever does it need not read.
type handover struct {
	job     *Job
	run     *Run                       // as it was last seen; nil: it was not
	secrets map[string]json.RawMessage // of the run, by reference: those that were seen; never changed
}

// workOn does a job with a hand that was taken for it, and then what comes of it.
func (s *Service) workOn(h *handover) {
	defer s.hands.give()
	for h != nil {
		h = s.do(s.hands.ctx, h, true)
	}
}

// do does one job. It returns the next one for the caller, if it is free to do one.
func (s *Service) do(ctx context.Context, h *handover, spare bool) *handover {
	j := h.job
	defer s.steps.follow(j.Run)()
	working, release := s.hands.hold(ctx, j.claim(), j.Due)
	defer release()
	d := &doing{s: s, job: j, run: h.run, secrets: h.secrets, spare: spare, apart: j.Attempt > 1}
	next, err := d.do(working)
	if err == nil {
		s.done.Add(int64(1 + d.after))
	}
	if err == nil || errors.Is(err, ErrClaimLost) || errors.Is(err, ErrRunEnded) || errors.Is(err, ErrRunUnknown) {
		// Where the claim was lost or the run is over, what was done comes to nothing.
		return next
	}
	stopping := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	if stopping {
		err = d.giveBack(ctx)
	} else {
		err = d.fault(ctx, err)
	}
	if err != nil && !errors.Is(err, ErrClaimLost) {
		// The claim runs out and the job is done again.
		s.log.ErrorContext(ctx, "what became of a job could not be stored", "job", j.ID, "run", j.Run, "error", err)
	}
	return nil
}

// keepRenewing renews the claims of what is under way until ctx ends.
func (s *Service) keepRenewing(ctx context.Context) {
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		claims := s.hands.claims()
		if len(claims) == 0 {
			continue
		}
		s.renew(ctx, claims)
	}
}

// renew has claims hold longer. One that could not be renewed is given up a round before
// it runs out, so that its work does not go on beside that of the next.
func (s *Service) renew(ctx context.Context, claims []JobClaim) {
	asked, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	until := s.clock().Add(lease)
	renewed, err := s.store.RenewJobs(asked, claims, until)
	if err != nil {
		s.complain(ctx, "claims of jobs could not be renewed", err)
		s.hands.loseBefore(s.clock().Add(renewEvery + storeTime))
		return
	}
	s.hands.renew(claims, renewed, until)
}

// keepPurging removes runs that are over.
func (s *Service) keepPurging(ctx context.Context) {
	ticker := time.NewTicker(purgeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if _, err := s.Purge(ctx); err != nil {
			s.complain(ctx, "runs that are over could not be removed", err)
		}
	}
}

// purgeBatch is how many runs are removed in one transaction.
const purgeBatch = 100

// Purge removes runs that ended longer ago than they are kept, with all that belongs to
// them, and returns how many. [Service.Run] calls it every minute.
func (s *Service) Purge(ctx context.Context) (int, error) {
	if s.keep < 0 {
		return 0, nil
	}
	total := 0
	for {
		n, err := s.store.PurgeRuns(ctx, s.clock().Add(-s.keep), purgeBatch)
		total += n
		if err != nil || n < purgeBatch {
			return total, err
		}
	}
}

// complain logs what no caller can be told, unless it is that we are to stop.
func (s *Service) complain(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		s.log.ErrorContext(ctx, what, "error", err)
	}
}
