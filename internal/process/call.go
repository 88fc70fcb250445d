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
	var params callParams
	if err := json.Unmarshal(d.job.Params, &params); err != nil {
		return ErrStep.Because(err)
	}
	if d.run.Depth >= maxDepth {
		return ErrStep.Saying("Processes call each other more than %d deep.", maxDepth)
	}
	v, err := d.s.store.Newest(ctx, d.run.Tenant, params.Process)
	if err != nil {
		return err
	}
	variables, err := d.s.withUser(ctx, d.run.Tenant, d.run.Subject, params.Variables)
	if err != nil {
		return err
	}
	by := system(d.run.Tenant)
	child := d.s.newRun(by, v, d.run.Subject)
	child.Starter, child.Via, child.Ref = d.run.Starter, d.run.Via, d.run.Ref
	child.Parent, child.ParentJob, child.Root, child.Depth = d.run.ID, d.job.ID, d.run.Root, d.run.Depth+1
	e := runEvent(by, child.Created, "process.started", child)
	e.Detail["calledBy"], e.Detail["depth"] = d.run.ID, strconv.Itoa(child.Depth)
	claim := d.job.claim()
	_, err = d.s.begin(ctx, child, &move{
		event: func(at time.Time, _ *Run) (bpmn.Event, error) {
			return bpmn.Begin{At: at, Variables: variables}, nil
		},
		begin:   &Beginning{},
		calls:   &claim,
		entries: []Entry{{At: child.Created, Kind: EntryStarted, Actor: child.Starter.String(), Text: "called by run " + d.run.ID}},
		events:  []audit.Event{e},
	})
	return err
}

// comeBack lets the caller go on: the process it called has ended.
func (d *doing) comeBack(ctx context.Context) error {
	child := d.called
	if child == nil {
		var err error
		if child, err = d.s.store.CalledRun(ctx, d.job.Tenant, d.job.ID); err != nil {
			return err
		}
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
