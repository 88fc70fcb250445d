package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/tenant"
)

// maxConflicts is how often a step is made again because another one came before it.
const maxConflicts = 50

// move is something that happened to a run, with what goes with it.
type move struct {
	// event makes what is given to the definition. Its error ends the attempt.
	event func(at time.Time, r *Run) (bpmn.Event, error)

	token    int64             // it is about; what was begun for it is over. Zero for none
	by       *tenant.Authority // who brought it about; nil: the process itself
	begin    *Beginning        // of a run that is new
	spend    *JobClaim         // the job it comes from
	calls    *JobClaim         // the call that a new run comes from
	complete *Completion       // the task it comes from
	person   json.RawMessage   // the variable user of the run, if it was just read
	secrets  map[string]json.RawMessage
	entries  []Entry
	events   []audit.Event

	// spare says that the caller is free to do one of the jobs that come of it.
	spare bool
	// apart has the other runs that are concerned hear of it by jobs: where it was tried before
	// that they move with it, and did not go well.
	apart bool
	// once has it not be made again: the part of a transaction that it is in would be half done.
	once bool
}

// move applies m to a run, once, whatever else happens to the run meanwhile, and starts
// what comes of it. Errors: process.run_ended; [ErrClaimLost]; process.busy.
func (s *Service) move(ctx context.Context, run *Run, m *move) (*Run, error) {
	run, followUps, err := s.moveOn(ctx, run, m)
	if err == nil {
		followUps.start(nil)
	}
	return run, err
}

// moveOn is move, and leaves it to the caller to start what comes of it.
func (s *Service) moveOn(ctx context.Context, run *Run, m *move) (*Run, *followUps, error) {
	if s.store.Begun(ctx) {
		return s.moveInTurn(ctx, run, m)
	}
	run, leave := s.steps.enter(ctx, run)
	var (
		after     *Run
		followUps *followUps
		err       error
	)
	defer func() { leave(after) }()
	after, followUps, err = s.moveInTurn(ctx, run, m)
	return after, followUps, err
}

func (s *Service) moveInTurn(ctx context.Context, run *Run, m *move) (*Run, *followUps, error) {
	for range maxConflicts {
		if run.Status != Running {
			return nil, nil, ErrRunEnded
		}
		c, err := s.change(ctx, run, m)
		if err != nil {
			return nil, nil, err
		}
		followUps := s.claimOwn(c, m.spare)
		_, _, err = s.store.Apply(ctx, c)
		if err == nil {
			c.stored()
			return c.Run, followUps, nil
		}
		followUps.drop()
		if m.once || !errors.Is(err, ErrStale) {
			return nil, nil, err
		}
		m.apart = true // it may have been another run that has moved
		if run, err = s.store.Run(ctx, run.Tenant, run.ID); err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, ErrBusy
}

// change makes the change that m means for a run as it was read, with those that come of it for
// other runs. Nothing is stored yet.
func (s *Service) change(ctx context.Context, run *Run, m *move) (*Change, error) {
	d, err := s.definition(ctx, run.Tenant, run.Definition, run.Version)
	if err != nil {
		return nil, err
	}
	now := s.clock()
	event, err := m.event(now, run)
	if err != nil {
		return nil, err
	}
	state, effects, err := step(d, run.State, event)
	if err != nil {
		return nil, err
	}
	if err := checkVariables(state.Variables); err != nil {
		return nil, ErrStep.Saying("The process could not go on: its variables are too large.").Because(err)
	}
	next := *run
	next.State, next.Updated = state, now
	c := &Change{
		Run: &next, Begin: m.begin, Spend: m.spend, Calls: m.calls, Complete: m.complete, Secrets: m.secrets,
		Entries: append([]Entry(nil), m.entries...), Events: append([]audit.Event(nil), m.events...),
	}
	if t, ok := run.token(m.token); ok {
		more := leavesMore(d, d.Elements[t.Element], event)
		if more {
			c.Clear = append(c.Clear, t.ID)
		}
		c.Alone = !more && len(run.State.Tokens) == 1
	}
	b := &builder{s: s, ctx: ctx, now: now, by: m.by, change: c, run: &next}
	if m.begin != nil || m.calls != nil {
		b.heard = append(b.heard, eventOf(&next, RunStarted, now))
	}
	if m.complete != nil {
		e := eventOf(&next, TaskDone, now)
		e.Task = m.complete.Task
		b.heard = append(b.heard, e)
	}
	for _, e := range effects {
		if err := b.add(e); err != nil {
			return nil, err
		}
	}
	c.Also = s.tell(b.heard)
	if !m.apart {
		if err := s.involve(ctx, c, m.person); err != nil {
			return nil, err
		}
	}
	next.busy = slices.ContainsFunc(c.Jobs, func(j Job) bool { return j.Sync && j.State == JobReady })
	return c, nil
}

// stored notes that a change is.
func (c *Change) stored() {
	c.Run.Revision++
	for _, w := range c.With {
		w.stored()
	}
}

// leavesMore reports whether there may be more under way for a token at an element than
// the job or the task that an event comes from: timers, a called process that has not ended.
func leavesMore(d *bpmn.Definition, e *bpmn.Element, event bpmn.Event) bool {
	if _, ended := event.(bpmn.CallEnded); e.Kind == bpmn.CallActivity && !ended {
		return true
	}
	return slices.ContainsFunc(e.Boundary, func(id string) bool { return d.Elements[id].Kind == bpmn.BoundaryTimer })
}

// step is the definition's, and survives it: a state that it cannot go on from is a fault,
// and the run is where it was.
func step(d *bpmn.Definition, s bpmn.State, e bpmn.Event) (next bpmn.State, effects []bpmn.Effect, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = ErrStep.Because(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	next, effects, err = d.Step(s, e)
	if err != nil {
		return s, nil, ErrStep.Because(err)
	}
	return next, effects, nil
}

// settleTime is how long a caller waits for what a process does at once.
const settleTime = 10 * time.Second

// settled waits until nothing is done in a run that somebody waits for, and returns how
// it stands then. What a caller has changed is stored already: whatever happens here, they
// are told that it is.
func (s *Service) settled(ctx context.Context, run *Run) (*Run, error) {
	if !run.busy || !s.hands.isOpen() {
		return view(run), nil
	}
	woken, cancel := s.wakeups.Wait(WakeRun + run.ID)
	defer cancel()
	ctx, stop := context.WithTimeout(ctx, settleTime)
	defer stop()
	sweep := time.NewTicker(SweepEvery)
	defer sweep.Stop()
	for {
		now, busy, err := s.store.Busy(ctx, run.Tenant, run.ID)
		if err != nil {
			s.complain(ctx, "whether a run is busy could not be read", err)
			return view(run), nil
		}
		if !busy {
			return view(now), nil
		}
		select {
		case <-ctx.Done():
			return view(run), nil
		case <-woken:
		case <-sweep.C:
		}
	}
}

// view returns a run as it is shown: with no reference to a secret.
func view(r *Run) *Run {
	shown := *r
	shown.State.Variables = cover(r.State.Variables)
	return &shown
}
