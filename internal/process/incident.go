package process

import (
	"context"
	"encoding/json"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/tenant"
)

// Retry has a job tried again that failed too often. It needs process.run. Errors:
// process.job_unknown, process.no_incident.
func (s *Service) Retry(ctx context.Context, by tenant.Authority, job string) error {
	j, r, err := s.incident(ctx, by, job)
	if err != nil {
		return err
	}
	now := s.clock()
	return s.store.ReviveJob(ctx, &Revival{
		Tenant: by.Tenant, Run: j.Run, Job: j.ID, At: now,
		Entries: []Entry{helped(by, j, now, EntryRetried)},
		Events:  []audit.Event{helpedEvent(by, r, j, now, "process.retried")},
	})
}

// Skip has the run go on as if the service task of a job that failed too often had been
// done, with the outputs given. It needs process.run. Errors: process.job_unknown,
// process.no_incident, process.not_skipable, process.variables; process.self in a run for
// themselves.
func (s *Service) Skip(ctx context.Context, by tenant.Authority, job string, outputs map[string]json.RawMessage) (*Run, error) {
	j, r, err := s.incident(ctx, by, job)
	if err != nil {
		return nil, err
	}
	if err := s.refuseOwn(ctx, by, r.Subject); err != nil {
		return nil, err
	}
	if err := checkGiven(outputs); err != nil {
		return nil, err
	}
	if j.Kind != WorkJob {
		return nil, ErrNotSkipable
	}
	now, claim := s.clock(), j.claim()
	r, err = s.move(ctx, r, &move{
		token: j.Token, spend: &claim,
		event: func(at time.Time, _ *Run) (bpmn.Event, error) {
			return bpmn.TaskDone{At: at, Token: j.Token, Outputs: outputs}, nil
		},
		entries: []Entry{helped(by, j, now, EntrySkipped)},
		events:  []audit.Event{helpedEvent(by, r, j, now, "process.skipped")},
	})
	if isFault(err, ErrClaimLost) {
		return nil, ErrNoIncident // somebody else helped, just now
	}
	if err != nil {
		return nil, err
	}
	return s.settled(ctx, r)
}

// incident returns a job that needs help, and its run.
func (s *Service) incident(ctx context.Context, by tenant.Authority, job string) (*Job, *Run, error) {
	if err := by.Require(tenant.ScopeProcessRun, ""); err != nil {
		return nil, nil, err
	}
	j, err := s.store.Job(ctx, by.Tenant, job)
	if err != nil {
		return nil, nil, err
	}
	if j.State != JobIncident {
		return nil, nil, ErrNoIncident
	}
	r, err := s.store.Run(ctx, by.Tenant, j.Run)
	return j, r, err
}

func helped(by tenant.Authority, j *Job, at time.Time, kind EntryKind) Entry {
	return Entry{At: at, Kind: kind, Element: j.Element, Token: j.Token, Attempt: j.Attempt, Actor: by.Actor.String()}
}

func helpedEvent(by tenant.Authority, r *Run, j *Job, at time.Time, action string) audit.Event {
	e := runEvent(by, at, action, r)
	e.Detail["job"], e.Detail["element"] = j.ID, j.Element
	return e
}
