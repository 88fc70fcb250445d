package webhook

import (
	"context"

	"bestow.dev/internal/tenant"
)

// Test has an endpoint sent an event of the type [PingType], whatever it wants to be told
// of, and returns the event's id. What came of it shows among its deliveries. It needs
// admin. Errors: authority.denied, webhook.unknown, webhook.disabled.
func (s *Service) Test(ctx context.Context, by tenant.Authority, name string) (id string, err error) {
	e, err := s.Endpoint(ctx, by, name)
	if err != nil {
		return "", err
	}
	if e.Disabled {
		return "", ErrDisabled
	}
	now := s.clock()
	ping := newEvent(by.Tenant, PingType, now, struct{}{})
	event := by.Event(now, "webhook.tested")
	event.Detail = map[string]string{"webhook": name, "event": ping.ID}
	if err := s.store.Ping(ctx, e.ID, &ping, event); err != nil {
		return "", err
	}
	return ping.ID, nil
}

// Page limits of lists of deliveries.
const (
	defaultPage = 100
	maxPage     = 1000
)

// List selects deliveries. Its zero value is the newest hundred.
type List struct {
	State  State  // empty: all
	Before string // the id that the page before ended with
	Limit  int    // zero: 100; at most 1000
}

// Deliveries returns deliveries of an endpoint, the newest first, without their bodies;
// next is what [List.Before] is for the page after, empty for none. It needs admin.
// Errors: authority.denied, webhook.unknown, webhook.invalid.
func (s *Service) Deliveries(ctx context.Context, by tenant.Authority, name string, l List) (all []Delivery, next string, err error) {
	e, err := s.Endpoint(ctx, by, name)
	if err != nil {
		return nil, "", err
	}
	if l.Limit == 0 {
		l.Limit = defaultPage
	}
	switch {
	case l.Limit < 0 || l.Limit > maxPage:
		return nil, "", ErrInvalid.At("limit").Saying("A page has 1 to %d deliveries.", maxPage)
	case l.State != "" && l.State != Pending && l.State != Delivered && l.State != Failed:
		return nil, "", ErrInvalid.At("state").Saying("A delivery is pending, delivered or failed.")
	}
	all, err = s.store.Deliveries(ctx, DeliveryQuery{Endpoint: e.ID, State: l.State, Before: l.Before, Limit: l.Limit + 1})
	if err != nil {
		return nil, "", err
	}
	if len(all) > l.Limit {
		all = all[:l.Limit]
		next = all[l.Limit-1].ID
	}
	return all, next, nil
}

// Redeliver has a delivery made again, whatever became of it: the same event under the
// same id, with all its tries. It needs admin. Errors: authority.denied, webhook.unknown,
// webhook.disabled, webhook.delivery_unknown.
func (s *Service) Redeliver(ctx context.Context, by tenant.Authority, name, id string) error {
	e, err := s.Endpoint(ctx, by, name)
	if err != nil {
		return err
	}
	if e.Disabled {
		return ErrDisabled
	}
	now := s.clock()
	event := by.Event(now, "webhook.redelivered")
	event.Detail = map[string]string{"webhook": name, "event": id}
	return s.store.Redeliver(ctx, e.ID, id, now, event)
}
