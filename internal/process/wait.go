package process

import (
	"context"
	"time"
)

// maxWaitBytes bounds what a handler keeps in a wait.
const maxWaitBytes = 64 << 10

// wait puts the job away until something is heard of it.
//
// What there is to hear may have come between the work and this: so a new wait is looked
// at at once, unless there can be nothing to hear. What comes between a later look and its
// end is counted by the store, and has the job looked at again.
func (d *doing) wait(ctx context.Context, h Handler, result *Result) error {
	w := result.Wait
	if _, ok := h.(Waker); !ok {
		return errNoWaker
	}
	if w.Key == "" && w.Look.IsZero() || len(w.Data) > maxWaitBytes {
		return ErrStep.Saying("The task waits for nothing, or keeps too much for it. This is a fault of the program.")
	}
	now := d.s.clock()
	p := &Postponement{
		Claim: d.job.claim(), Tenant: d.job.Tenant, Run: d.job.Run, State: JobWaiting, Wait: w, At: now, Heard: d.job.News,
		Due: w.Look.UTC().Truncate(time.Millisecond),
	}
	if w.Look.IsZero() {
		p.Due = Never
	}
	if d.job.Wait == nil || d.job.Wait.Key != w.Key {
		if !w.Unheard {
			p.Due = now
		}
		p.Entries = []Entry{d.entry(EntryWaiting, result.Note)}
	} else if result.Note != "" {
		p.Entries = []Entry{d.entry(EntryNote, result.Note)}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	return d.s.store.PostponeJob(ctx, p)
}

// News says that something was heard of what waits under a key: the outcome is looked at
// soon, by this node or any other. It is a hint, and whoever waits has a time to look
// without it. In a transaction it becomes lasting with it.
func (s *Service) News(ctx context.Context, tenantName, key string) error {
	n := News{Tenant: tenantName, Key: key, At: s.clock()}
	if s.hands.isFree() {
		// Nobody has to be woken first, and to claim it.
		n.Lease, n.Claimed = s.lease(), s.workOnAll
	}
	_, err := s.store.News(ctx, n)
	return err
}

// lease is what this node claims a job for.
func (s *Service) lease() *JobLease { return &JobLease{Node: s.node, Until: s.clock().Add(lease)} }

// workOnAll does jobs that were claimed without a hand for them: for once it may have more at a
// time than it should. If it has begun to stop meanwhile, it gives them back.
func (s *Service) workOnAll(jobs []Job) {
	for i := range jobs {
		j := &jobs[i]
		if s.hands.takeAnyway() {
			go s.workOn(&handover{job: j})
			continue
		}
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), storeTime)
			defer cancel()
			if err := (&doing{s: s, job: j}).giveBack(ctx); err != nil {
				s.complain(ctx, "a job could not be given back", err) // its claim runs out
			}
		}()
	}
}
