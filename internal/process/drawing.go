package process

import (
	"context"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/tenant"
)

// Drawing returns what [bpmn.Draw] draws a run from: the version of the definition that
// it began with, of which nothing is to be changed, and where it came by and stands. What
// needs somebody's help is marked as failed. It needs what GetRun needs. Errors:
// process.run_unknown.
func (s *Service) Drawing(ctx context.Context, by tenant.Authority, id string) (*bpmn.Definition, bpmn.Picture, error) {
	r, err := s.run(ctx, by, id)
	if err != nil {
		return nil, bpmn.Picture{}, err
	}
	d, err := s.definition(ctx, r.Tenant, r.Definition, r.Version)
	if err != nil {
		return nil, bpmn.Picture{}, err
	}
	var p bpmn.Picture
	for after := int64(0); ; {
		entries, err := s.store.Timeline(ctx, r.Tenant, r.ID, after, maxPage)
		if err != nil {
			return nil, bpmn.Picture{}, err
		}
		for _, e := range entries {
			p.Show(e.Element, bpmn.Move(e.Kind), e.Flow) // the other kinds show nothing
			after = e.Seq
		}
		if len(entries) < maxPage {
			break
		}
	}
	jobs, err := s.store.Jobs(ctx, r.Tenant, r.ID)
	if err != nil {
		return nil, bpmn.Picture{}, err
	}
	for _, j := range jobs {
		if j.State == JobIncident {
			p.Show(j.Element, bpmn.MoveFailed, "")
		}
	}
	return d, p, nil
}
