package process

import (
	"context"
	"errors"
)

// RunsAbout returns the runs that are for a user, the newest first, with their variables;
// those that are secret are not shown. It is for the record that a person is handed of
// what is kept about them, and needs no scope: whoever asks has to know that they may.
func (s *Service) RunsAbout(ctx context.Context, tenantName, user string) ([]Run, error) {
	var all []Run
	q := RunQuery{Tenant: tenantName, Subject: user, Limit: maxPage}
	for user != "" {
		page, err := s.store.Runs(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page {
			r, err := s.store.Run(ctx, tenantName, page[i].ID)
			if errors.Is(err, ErrRunUnknown) {
				continue // its time was over meanwhile
			}
			if err != nil {
				return nil, err
			}
			all = append(all, *view(r))
		}
		if len(page) < q.Limit {
			break
		}
		last := page[len(page)-1]
		q.BeforeTime, q.BeforeID = last.Created, last.ID
	}
	return all, nil
}
