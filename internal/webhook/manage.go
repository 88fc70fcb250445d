package webhook

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
)

// Endpoints returns the endpoints of by's tenant, by name. It needs admin. Errors:
// authority.denied.
func (s *Service) Endpoints(ctx context.Context, by tenant.Authority) ([]*Endpoint, error) {
	if err := by.Require(tenant.ScopeAdmin, ""); err != nil {
		return nil, err
	}
	return s.store.Endpoints(ctx, by.Tenant)
}

// Endpoint returns one endpoint. It needs admin. Errors: authority.denied,
// webhook.unknown.
func (s *Service) Endpoint(ctx context.Context, by tenant.Authority, name string) (*Endpoint, error) {
	if err := by.Require(tenant.ScopeAdmin, ""); err != nil {
		return nil, err
	}
	return s.store.Endpoint(ctx, by.Tenant, name)
}

// Add makes an endpoint of name, description, URL and events of e, and returns it with
// its secret, which cannot be had again. It is told of what happens from then on, or, as the
// tenant's first one, on other nodes from a second later at the latest. It needs admin.
//
// Errors: authority.denied; webhook.invalid with the field; webhook.exists;
// webhook.too_many; secrets.key_missing.
func (s *Service) Add(ctx context.Context, by tenant.Authority, e Endpoint) (_ *Endpoint, secret string, err error) {
	if err := by.Require(tenant.ScopeAdmin, ""); err != nil {
		return nil, "", err
	}
	if err := e.check(); err != nil {
		return nil, "", err
	}
	now := s.clock()
	e.ID, e.Tenant, e.Disabled, e.Version, e.Created, e.Changed, e.ChangedBy = rand.Text(), by.Tenant, false, 1, now, now, by.Actor.String()
	e.Events = slices.Clone(e.Events)
	secret, sealed, err := s.makeSecret(ctx, e.ID)
	if err != nil {
		return nil, "", err
	}
	if err := s.store.AddEndpoint(ctx, &e, sealed, endpointEvent(by, now, "webhook.added", &e)); err != nil {
		return nil, "", err
	}
	return &e, secret, nil
}

func (s *Service) makeSecret(ctx context.Context, endpoint string) (secret string, sealed []byte, err error) {
	any, err := s.store.AnySealed(ctx)
	if err != nil {
		return "", nil, err
	}
	seal := s.sealer.Seal
	if !any {
		seal = s.sealer.SealFirst
	}
	secret = newSecret()
	sealed, err = seal([]byte(secret), sealPlace(endpoint))
	return secret, sealed, err
}

// endpointEvent begins the audit event of a change of an endpoint.
func endpointEvent(by tenant.Authority, now time.Time, action string, e *Endpoint) audit.Event {
	event := by.Event(now, action)
	event.Detail = map[string]string{"webhook": e.Name, "url": e.URL, "events": strings.Join(e.Events, ",")}
	return event
}

// Change is what becomes of an endpoint. What is nil stays as it is.
type Change struct {
	Description *string
	URL         *string
	Events      []string
	Disabled    *bool
	Version     int64 // that the change was made for; zero: whichever is there
}

// Change changes an endpoint and returns it as it is from then on. Its secret stays:
// give it a new one where the URL leads to somebody else. One that is enabled is sent
// what waited for it. It needs admin.
//
// Errors: authority.denied, webhook.unknown, webhook.invalid with the field,
// webhook.version.
func (s *Service) Change(ctx context.Context, by tenant.Authority, name string, c Change) (*Endpoint, error) {
	e, err := s.Endpoint(ctx, by, name)
	if err != nil {
		return nil, err
	}
	if c.Version != 0 && c.Version != e.Version {
		return nil, ErrChanged
	}
	set(&e.Description, c.Description)
	set(&e.URL, c.URL)
	set(&e.Disabled, c.Disabled)
	if c.Events != nil {
		e.Events = slices.Clone(c.Events)
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	event := s.touch(by, e, "webhook.changed")
	if e.Disabled {
		event.Detail["disabled"] = "yes"
	}
	if err := s.store.ChangeEndpoint(ctx, e, event); err != nil {
		return nil, err
	}
	return e, nil
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// touch makes e its next version, and returns the audit event that tells of it.
func (s *Service) touch(by tenant.Authority, e *Endpoint, action string) audit.Event {
	e.Version, e.Changed, e.ChangedBy = e.Version+1, s.clock(), by.Actor.String()
	return endpointEvent(by, e.Changed, action, e)
}

// MaxOverlap is how long an old secret may go on to count.
const MaxOverlap = 7 * 24 * time.Hour

// Rotate gives an endpoint a new secret and returns it; it cannot be had again. For as
// long as overlap says deliveries are signed with both, so that the receiver can change
// over. It needs admin.
//
// Errors: authority.denied, webhook.unknown, webhook.invalid for an overlap below zero or
// above [MaxOverlap], webhook.version, secrets.key_missing.
func (s *Service) Rotate(ctx context.Context, by tenant.Authority, name string, overlap time.Duration) (_ *Endpoint, secret string, err error) {
	e, err := s.Endpoint(ctx, by, name)
	if err != nil {
		return nil, "", err
	}
	if overlap < 0 || overlap > MaxOverlap {
		return nil, "", ErrInvalid.At("overlap").Saying("The old secret may count for seven days more, at most.")
	}
	secret, sealed, err := s.makeSecret(ctx, e.ID)
	if err != nil {
		return nil, "", err
	}
	event := s.touch(by, e, "webhook.rotated")
	if err := s.store.RotateEndpoint(ctx, Rotation{Endpoint: e, Sealed: sealed, Until: e.Changed.Add(overlap)}, event); err != nil {
		return nil, "", err
	}
	return e, secret, nil
}

// Delete removes an endpoint, and what it was to be told. It needs admin. Errors:
// authority.denied, webhook.unknown.
func (s *Service) Delete(ctx context.Context, by tenant.Authority, name string) error {
	if err := by.Require(tenant.ScopeAdmin, ""); err != nil {
		return err
	}
	event := by.Event(s.clock(), "webhook.deleted")
	event.Detail = map[string]string{"webhook": name}
	return s.store.DeleteEndpoint(ctx, by.Tenant, name, event)
}
