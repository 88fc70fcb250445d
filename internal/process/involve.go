package process

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"bestow.dev/internal/bpmn"
)

// callsAtOnce is how many processes begin in the step that calls them. Those that these call,
// and more, begin by jobs: a step is no longer for what is drawn around it.
const callsAtOnce = 8

// involve makes what a change means for other runs a part of it: a process that is called
// begins, a caller goes on. What cannot be done at once is left to a job, which tells an
// operator why. person is the variable user of the run, nil if that is not known.
func (s *Service) involve(ctx context.Context, c *Change, person json.RawMessage) error {
	for i := range c.Jobs {
		j := &c.Jobs[i]
		if j.Kind != CallJob || len(c.With) == callsAtOnce {
			continue
		}
		w, err := s.beginCalled(ctx, c.Run, j, person)
		if err != nil {
			return err
		}
		if w != nil {
			j.State, j.Due = JobWaiting, Never
			c.With = append(c.With, w)
		}
	}
	if c.Return == "" {
		return nil
	}
	w, err := s.letCallerGoOn(ctx, c.Run)
	if err != nil || w == nil {
		return err
	}
	c.Return, c.With = "", append(c.With, w)
	return nil
}

// beginCalled is how the process begins that a run calls; nil where a job has to see to it.
func (s *Service) beginCalled(ctx context.Context, caller *Run, job *Job, person json.RawMessage) (*Change, error) {
	child, m, err := s.called(ctx, caller, job, person)
	if err != nil {
		return nil, unlessForJob(err)
	}
	w, err := s.change(ctx, child, m)
	if err != nil {
		return nil, unlessForJob(err)
	}
	return w, nil
}

// letCallerGoOn is how the run goes on that has called one that has ended; nil where a job has
// to see to it, or nobody waits.
func (s *Service) letCallerGoOn(ctx context.Context, child *Run) (*Change, error) {
	caller, err := s.store.Caller(ctx, child.Tenant, child.ParentJob)
	if err != nil || caller == nil {
		return nil, err
	}
	w, err := s.change(ctx, caller.Run, &move{
		event: func(at time.Time, _ *Run) (bpmn.Event, error) { return callEnded(at, caller.Token, child), nil },
		token: caller.Token,
		spend: &caller.Call,
	})
	if err != nil {
		return nil, unlessForJob(err)
	}
	return w, nil
}

// unlessForJob is err, or nil where it is one run's that another must not fail for.
func unlessForJob(err error) error {
	if errors.Is(err, ErrStep) || errors.Is(err, ErrDefinitionUnknown) || errors.Is(err, ErrSubject) {
		return nil
	}
	return err
}
