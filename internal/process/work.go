package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/fault"
)

const (
	// sweepEvery bounds how late a job of another node is noticed.
	sweepEvery = time.Second
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
			return sweepEvery
		}
		if next.IsZero() {
			return sweepEvery
		}
		if wait := next.Sub(s.clock()); wait > 0 {
			return min(wait, sweepEvery)
		}
		n, err := s.startJobs(ctx)
		if err != nil {
			s.complain(ctx, "jobs could not be claimed", err)
			return sweepEvery
		}
		if n == 0 { // no hand is free, or others were faster
			return sweepEvery
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
	for _, j := range jobs {
		go s.workOn(&j, nil)
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
			s.do(ctx, &j, nil, false)
			total++
		}
	}
}

// workOn does a job with a hand that was taken for it, and then what comes of it.
func (s *Service) workOn(j *Job, r *Run) {
	defer s.hands.give()
	for j != nil {
		r, j = s.do(s.hands.ctx, j, r, true)
	}
}

// do does one job that is claimed. r is its run as it was last seen; nil if it was not. It
// returns the next job for the caller, if it is free to do one.
func (s *Service) do(ctx context.Context, j *Job, r *Run, spare bool) (*Run, *Job) {
	working, release := s.hands.hold(ctx, j.claim(), j.Due)
	defer release()
	d := &doing{s: s, job: j, run: r, spare: spare}
	next, err := d.do(working)
	if err == nil || errors.Is(err, ErrClaimLost) || errors.Is(err, ErrRunEnded) || errors.Is(err, ErrRunUnknown) {
		// Where the claim was lost or the run is over, what was done comes to nothing.
		return d.run, next
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
	return nil, nil
}

// doing is a job under way.
type doing struct {
	s     *Service
	job   *Job
	run   *Run // nil until it is read
	spare bool
}

func (d *doing) do(ctx context.Context) (*Job, error) {
	if d.job.Kind == StopJob {
		return nil, d.stop(ctx)
	}
	if d.run == nil {
		r, err := d.s.store.Run(ctx, d.job.Tenant, d.job.Run)
		if err != nil {
			return nil, err
		}
		d.run = r
	}
	switch d.job.Kind {
	case TimerJob:
		return d.move(ctx, &move{event: func(at time.Time, _ *Run) (bpmn.Event, error) {
			return bpmn.TimerFired{At: at, Token: d.job.Token, Element: d.job.Element}, nil
		}})
	case CallJob:
		return nil, d.call(ctx)
	case ReturnJob:
		return d.comeBack(ctx)
	}
	return d.work(ctx)
}

// move applies what came of the job to its run, and ends the job.
func (d *doing) move(ctx context.Context, m *move) (*Job, error) {
	claim := d.job.claim()
	m.token, m.spend, m.spare = d.job.Token, &claim, d.spare && d.s.hands.isOpen()
	// What was done may not be done again only because the node is to stop.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	r, next, err := d.s.moveOn(ctx, d.run, m)
	if err != nil {
		return nil, err
	}
	d.run = r
	return next, nil
}

// work does a service task.
func (d *doing) work(ctx context.Context) (*Job, error) {
	def, err := d.s.definition(ctx, d.run.Tenant, d.run.Definition, d.run.Version)
	if err != nil {
		return nil, err
	}
	e := def.Elements[d.job.Element]
	h := d.s.handlers[e.Work.Task]
	if h == nil {
		return nil, ErrHandlerUnknown.Saying("This server has no task ${%s}.", e.Work.Task)
	}
	if d.job.Attempt > d.retries(def)+1 {
		return nil, errNoOutcome
	}
	result, err := d.callHandler(ctx, h)
	if failed, ok := errors.AsType[*TaskError](err); ok {
		return d.move(ctx, &move{event: func(at time.Time, _ *Run) (bpmn.Event, error) {
			return bpmn.TaskFailed{At: at, Token: d.job.Token, Code: code(failed), Message: failed.Message}, nil
		}})
	}
	if err != nil {
		return nil, err
	}
	if result.Wait != nil {
		return nil, d.wait(ctx, h, &result)
	}
	outputs, secrets := hide(result.Outputs, result.Secrets)
	m := &move{secrets: secrets, event: func(at time.Time, _ *Run) (bpmn.Event, error) {
		return bpmn.TaskDone{At: at, Token: d.job.Token, Outputs: outputs}, nil
	}}
	if result.Note != "" {
		m.entries = []Entry{d.entry(EntryNote, result.Note)}
	}
	return d.move(ctx, m)
}

func code(e *TaskError) string {
	if e.Type == "" {
		return "ERROR"
	}
	return e.Type
}

// callHandler has the work done, or looked at, and survives it.
func (d *doing) callHandler(ctx context.Context, h Handler) (result Result, err error) {
	w, err := d.asWork(ctx)
	if err != nil {
		return Result{}, err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if d.job.Wait == nil {
		return h.Do(ctx, w)
	}
	waker, ok := h.(Waker)
	if !ok {
		return Result{}, errNoWaker
	}
	return waker.Wake(ctx, w, *d.job.Wait)
}

// asWork is the job as its handler sees it: with the secrets.
func (d *doing) asWork(ctx context.Context) (Work, error) {
	params := make(map[string]json.RawMessage)
	if len(d.job.Params) > 0 {
		if err := json.Unmarshal(d.job.Params, &params); err != nil {
			return Work{}, ErrStep.Because(err)
		}
	}
	variables := d.run.State.Variables
	if hasRefs(params) || hasRefs(variables) {
		secrets, err := d.s.store.Secrets(ctx, d.run.Root)
		if err != nil {
			return Work{}, err
		}
		params, variables = reveal(params, secrets), reveal(variables, secrets)
	}
	return Work{
		Tenant: d.run.Tenant, Instance: d.run.ID, Element: d.job.Element, Key: d.job.ID, Attempt: d.job.Attempt,
		Actor: d.run.Starter.String(), Subject: d.run.Subject, Params: params, Variables: variables, Now: d.s.clock(),
	}, nil
}

func (d *doing) entry(kind EntryKind, text string) Entry {
	return Entry{
		At: d.s.clock(), Kind: kind, Element: d.job.Element, Token: d.job.Token, Text: clip(text), Attempt: d.job.Attempt,
	}
}

// maxTextBytes bounds what one entry of a timeline says.
const maxTextBytes = 500

// clip cuts a text that is longer, and never within a character.
func clip(text string) string {
	if len(text) <= maxTextBytes {
		return text
	}
	return strings.ToValidUTF8(text[:maxTextBytes], "") + "…"
}

var (
	errNoWaker = ErrStep.Saying("The task waits, and cannot be woken. This is a fault of the program.")

	// errNoOutcome is why a job is not tried once more that a node died of, time and again.
	errNoOutcome = fault.New(fault.Internal, "process.no_outcome", "It was begun several times, and the server stopped each time before it was done.")
)

// retries is how often a job is tried again after a fault.
func (d *doing) retries(def *bpmn.Definition) int {
	if def != nil && d.job.Kind == WorkJob {
		if e := def.Elements[d.job.Element]; e != nil && e.Work != nil && e.Work.Retries >= 0 {
			return e.Work.Retries
		}
	}
	return defaultRetries
}

// giveBack has the job done by somebody else: this node is to stop. The attempt does not
// count.
func (d *doing) giveBack(ctx context.Context) error {
	now := d.s.clock()
	return d.s.store.PostponeJob(ctx, &Postponement{
		Claim: d.job.claim(), Tenant: d.job.Tenant, Run: d.job.Run, State: d.job.State, Due: now, At: now,
		Attempt: d.job.Attempt - 1, Heard: d.job.News, Fault: d.job.Fault,
	})
}

// fault puts the job off after a fault, or hands it to an operator if it was the last.
func (d *doing) fault(ctx context.Context, cause error) error {
	s, j := d.s, d.job
	var def *bpmn.Definition
	if d.run != nil {
		def, _ = s.definition(ctx, d.run.Tenant, d.run.Definition, d.run.Version) // if not, the default counts
	}
	s.log.WarnContext(ctx, "a job of a process failed", "job", j.ID, "run", j.Run, "element", j.Element,
		"kind", string(j.Kind), "attempt", j.Attempt, "error", cause)
	now, text := s.clock(), explain(cause)
	p := &Postponement{
		Claim: j.claim(), Tenant: j.Tenant, Run: j.Run, State: JobDelayed, Due: now.Add(delayAfter(j.Attempt)), At: now,
		Attempt: j.Attempt, Heard: j.News, Fault: text,
	}
	if j.Attempt <= d.retries(def) && !errors.Is(cause, ErrStep) {
		p.Entries = []Entry{d.entry(EntryFault, text)}
		return s.store.PostponeJob(ctx, p)
	}
	p.State, p.Due = JobIncident, Never
	p.Entries = []Entry{d.entry(EntryIncident, text)}
	e := system(j.Tenant).Event(now, "process.incident")
	e.Ref, e.Outcome = j.Run, "process.incident"
	e.Detail = map[string]string{"job": j.ID, "element": j.Element, "explanation": text}
	heard := Event{Kind: IncidentMade, Time: now, Tenant: j.Tenant, Run: j.Run, Job: j.ID, Status: Running, Text: text}
	if d.run != nil {
		e.User = d.run.Subject
		heard = eventOf(d.run, IncidentMade, now)
		heard.Job, heard.Text = j.ID, text
	}
	p.Events, p.Also = []audit.Event{e}, s.tell([]Event{heard})
	return s.store.PostponeJob(ctx, p)
}

// explain says for people why a job failed. What has no words for people is in the log.
func explain(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("It took longer than %s.", workTime)
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Public
	}
	return "Something unexpected happened. The server's log says what, under the job's id."
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
