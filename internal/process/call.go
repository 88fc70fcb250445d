package process

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/bpmn"
)

// maxDepth is how deep processes may call each other. Deeper is a process that calls
// itself.
const maxDepth = 16

// call starts the process that a call activity names. The job stays, waiting, until the
// run it has started ends, or its caller goes on.
func (d *doing) call(ctx context.Context) error {
	child, m, err := d.s.called(ctx, d.run, d.job, nil)
	if err != nil {
		return err
	}
	claim := d.job.claim()
	m.calls = &claim
	_, err = d.s.begin(ctx, child, m)
	return err
}

// called is the run that the job of a call begins, and how. person is the variable user of its
// caller, nil if that is not known.
func (s *Service) called(ctx context.Context, caller *Run, job *Job, person json.RawMessage) (*Run, *move, error) {
	var params callParams
	if err := json.Unmarshal(job.Params, &params); err != nil {
		return nil, nil, ErrStep.Because(err)
	}
	if caller.Depth >= maxDepth {
		return nil, nil, ErrStep.Saying("Processes call each other more than %d deep.", maxDepth)
	}
	v, err := s.store.Newest(ctx, caller.Tenant, params.Process)
	if err != nil {
		return nil, nil, err
	}
	if person == nil {
		if person, err = s.person(ctx, caller.Tenant, caller.Subject); err != nil {
			return nil, nil, err
		}
	}
	child := s.newRun(system(caller.Tenant), v, caller.Subject)
	child.Starter, child.Via, child.Ref = caller.Starter, caller.Via, caller.Ref
	child.Parent, child.ParentJob, child.Root, child.Depth = caller.ID, job.ID, caller.Root, caller.Depth+1
	e := runEvent(system(caller.Tenant), child.Created, "process.started", child)
	e.Detail["calledBy"], e.Detail["depth"] = caller.ID, strconv.Itoa(child.Depth)
	return child, &move{
		event: func(at time.Time, _ *Run) (bpmn.Event, error) {
			return bpmn.Begin{At: at, Variables: withUser(params.Variables, person)}, nil
		},
		begin:   &Beginning{},
		apart:   true,
		person:  person,
		entries: []Entry{{At: child.Created, Kind: EntryStarted, Actor: child.Starter.String(), Text: "called by run " + caller.ID}},
		events:  []audit.Event{e},
	}, nil
}

// comeBack lets the caller go on: the process it called has ended.
func (d *doing) comeBack(ctx context.Context) error {
	child, err := d.s.store.CalledRun(ctx, d.job.Tenant, d.job.ID)
	if err != nil {
		return err
	}
	return d.move(ctx, &move{event: func(at time.Time, _ *Run) (bpmn.Event, error) {
		return callEnded(at, d.job.Token, child), nil
	}})
}

func callEnded(at time.Time, token int64, child *Run) bpmn.CallEnded {
	e := bpmn.CallEnded{At: at, Token: token}
	if child == nil {
		e.Error, e.Message = bpmn.CodeCancelled, "the called process is gone"
		return e
	}
	e.Variables = child.State.Variables
	switch child.Status {
	case Failed:
		e.Error, e.Message = child.State.Ended.Error, child.State.Ended.Message
	case Cancelled:
		e.Error, e.Message = bpmn.CodeCancelled, child.State.Ended.Message
	}
	return e
}

// stop cancels the process that was called: its caller has gone on without it.
func (d *doing) stop(ctx context.Context) error {
	child, err := d.s.store.CalledRun(ctx, d.job.Tenant, d.job.ID)
	if err != nil {
		return err
	}
	claim := d.job.claim()
	if child == nil || child.Status != Running {
		return d.s.store.EndJob(ctx, claim)
	}
	_, err = d.s.move(ctx, child, &move{spend: &claim, event: func(at time.Time, _ *Run) (bpmn.Event, error) {
		return bpmn.Cancel{At: at, Reason: "the process that called it has gone on"}, nil
	}})
	if errors.Is(err, ErrRunEnded) {
		return d.s.store.EndJob(ctx, claim)
	}
	return err
}
