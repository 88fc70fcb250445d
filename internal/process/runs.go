package process

import (
	"context"
	"encoding/json"
	"time"
	"unicode/utf8"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/tenant"
)

// RunFilter says which runs are wanted.
type RunFilter struct {
	Definition string // empty for all
	Status     Status // empty for all
	Subject    string // user id; empty for all
	Parent     string // run that called them; empty for all
	Incidents  bool   // only those with incidents
	After      string // a page's Next; empty begins
	Limit      int    // 1 to 1000; zero means 100
}

// RunPage is runs without their state, the newest first. Next is the cursor of the page
// after it, empty on the last.
type RunPage struct {
	Runs []Run
	Next string
}

// Runs returns a page of runs. It needs process.run. Errors: process.cursor,
// process.limit.
func (s *Service) Runs(ctx context.Context, by tenant.Authority, f RunFilter) (*RunPage, error) {
	if err := by.Require(tenant.ScopeProcessRun, ""); err != nil {
		return nil, err
	}
	limit, err := pageLimit(f.Limit)
	if err != nil {
		return nil, err
	}
	q := RunQuery{
		Tenant: by.Tenant, Definition: f.Definition, Status: f.Status, Subject: f.Subject, Parent: f.Parent,
		Incidents: f.Incidents, Limit: limit + 1,
	}
	if q.BeforeTime, q.BeforeID, err = readCursor(f.After); err != nil {
		return nil, err
	}
	runs, err := s.store.Runs(ctx, q)
	if err != nil {
		return nil, err
	}
	page := &RunPage{Runs: runs}
	if len(runs) > limit {
		page.Runs = runs[:limit]
		last := page.Runs[limit-1]
		page.Next = cursor(last.Created, last.ID)
	}
	return page, nil
}

// GetRun returns a run with its variables; those that are secret are not shown. It needs
// process.run; a person may see a run of their own that is self-service. Errors:
// process.run_unknown.
func (s *Service) GetRun(ctx context.Context, by tenant.Authority, id string) (*Run, error) {
	r, err := s.run(ctx, by, id)
	if err != nil {
		return nil, err
	}
	return view(r), nil
}

// run returns a run that by may know of.
func (s *Service) run(ctx context.Context, by tenant.Authority, id string) (*Run, error) {
	denied := by.Require(tenant.ScopeProcessRun, "")
	self := by.Actor.Kind == audit.User && by.Tenant != ""
	if denied != nil && !self {
		return nil, denied
	}
	r, err := s.store.Run(ctx, by.Tenant, id)
	if err != nil {
		return nil, err
	}
	if denied != nil && (r.Subject != by.Actor.ID || r.Starter != by.Actor) {
		return nil, ErrRunUnknown
	}
	return r, nil
}

// Timeline returns up to limit entries of a run after the given number, in order; zero
// means 100. It needs what GetRun needs. Errors: process.run_unknown, process.limit.
func (s *Service) Timeline(ctx context.Context, by tenant.Authority, id string, after int64, limit int) ([]Entry, error) {
	limit, err := pageLimit(limit)
	if err != nil {
		return nil, err
	}
	if _, err := s.run(ctx, by, id); err != nil {
		return nil, err
	}
	return s.store.Timeline(ctx, by.Tenant, id, after, limit)
}

// Jobs returns what a run is to have done, the oldest first, without parameters: what
// waits, what failed and why. It needs process.run. Errors: process.run_unknown.
func (s *Service) Jobs(ctx context.Context, by tenant.Authority, run string) ([]Job, error) {
	if err := by.Require(tenant.ScopeProcessRun, ""); err != nil {
		return nil, err
	}
	if _, err := s.store.Run(ctx, by.Tenant, run); err != nil {
		return nil, err
	}
	jobs, err := s.store.Jobs(ctx, by.Tenant, run)
	if err != nil {
		return nil, err
	}
	for i := range jobs {
		jobs[i].Params = nil
		if jobs[i].Wait != nil {
			jobs[i].Wait.Data = nil
		}
	}
	return jobs, nil
}

// maxReasonChars bounds why a run was cancelled.
const maxReasonChars = 500

// Cancel ends a run, whatever it is at, and the runs that it called. It needs process.run.
// Errors: process.run_unknown, process.run_ended, process.reason.
func (s *Service) Cancel(ctx context.Context, by tenant.Authority, id, reason string) (*Run, error) {
	if err := by.Require(tenant.ScopeProcessRun, ""); err != nil {
		return nil, err
	}
	if !utf8.ValidString(reason) || utf8.RuneCountInString(reason) > maxReasonChars {
		return nil, ErrReason.At("reason")
	}
	r, err := s.store.Run(ctx, by.Tenant, id)
	if err != nil {
		return nil, err
	}
	r, err = s.move(ctx, r, &move{by: &by, event: func(at time.Time, _ *Run) (bpmn.Event, error) {
		return bpmn.Cancel{At: at, Reason: reason}, nil
	}})
	if err != nil {
		return nil, err
	}
	return view(r), nil
}

// Deliver hands a message to a run that waits for it, with variables to set. It needs
// process.run, and nobody may for a run for themselves. Errors: process.run_unknown,
// process.run_ended, process.variables, process.self; process.message if the run does not
// wait for it.
func (s *Service) Deliver(ctx context.Context, by tenant.Authority, id, message string, vars map[string]json.RawMessage) (*Run, error) {
	if err := by.Require(tenant.ScopeProcessRun, ""); err != nil {
		return nil, err
	}
	r, err := s.store.Run(ctx, by.Tenant, id)
	if err != nil {
		return nil, err
	}
	if err := s.refuseOwn(ctx, by, r.Subject); err != nil {
		return nil, err
	}
	if err := checkGiven(vars); err != nil {
		return nil, err
	}
	d, err := s.definition(ctx, r.Tenant, r.Definition, r.Version)
	if err != nil {
		return nil, err
	}
	e := runEvent(by, s.clock(), "process.message_delivered", r)
	e.Detail["message"] = message
	r, err = s.move(ctx, r, &move{
		event: func(at time.Time, r *Run) (bpmn.Event, error) {
			for _, t := range r.State.Tokens {
				if el := d.Elements[t.Element]; el.Kind == bpmn.MessageCatch && el.Message == message {
					return bpmn.MessageCame{At: at, Token: t.ID, Variables: vars}, nil
				}
			}
			return nil, ErrMessage
		},
		entries: []Entry{{At: s.clock(), Kind: EntryNote, Text: "the message " + clip(message) + " came", Actor: by.Actor.String()}},
		events:  []audit.Event{e},
	})
	if err != nil {
		return nil, err
	}
	return s.settled(ctx, r)
}
