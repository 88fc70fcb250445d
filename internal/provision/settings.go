package provision

import (
	"context"
	"errors"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
)

// Connections returns the connections of by's tenant, by name, without their secrets. It
// needs admin. Errors: authority.denied.
func (s *Service) Connections(ctx context.Context, by tenant.Authority) ([]*Connection, error) {
	if err := by.Require(tenant.ScopeAdmin, ""); err != nil {
		return nil, err
	}
	return s.store.Connections(ctx, by.Tenant)
}

// Connection returns one connection without its secret. It needs admin. Errors:
// authority.denied, connection.unknown.
func (s *Service) Connection(ctx context.Context, by tenant.Authority, name string) (*Connection, error) {
	if err := by.Require(tenant.ScopeAdmin, ""); err != nil {
		return nil, err
	}
	c, _, err := s.store.Connection(ctx, by.Tenant, name)
	return c, err
}

// PutConnection makes a connection of by's tenant, or changes it, and returns it as it is
// stored. An empty secret leaves the one there is: not where the connection leads to
// another server or client from now on, since a secret for one is none of the other's
// business. A Version that is not zero has to be the one that is there. It needs admin.
//
// Errors: authority.denied; connection.invalid with the field; connection.version;
// secrets.key_missing.
func (s *Service) PutConnection(ctx context.Context, by tenant.Authority, c Connection, secret string) (*Connection, error) {
	if err := by.Require(tenant.ScopeAdmin, ""); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	before, sealed, err := s.store.Connection(ctx, by.Tenant, c.Name)
	if err != nil && !errors.Is(err, ErrConnectionUnknown) {
		return nil, err
	}
	var version int64
	kept := false
	if before != nil {
		version = before.Version
		kept = sealed != nil && before.ClientID == c.ClientID && sameOrigin(before.URL, c.URL)
	}
	if c.Version != 0 && c.Version != version {
		return nil, ErrChanged
	}
	sealed, err = s.sealed(ctx, secretChange{
		secret: secret, before: sealed, kept: kept, internal: c.IsInternal(),
		place: connectionPlace(by.Tenant, c.Name), invalid: ErrConnection.At("secret"),
	})
	if err != nil {
		return nil, err
	}
	now := s.clock()
	c.Tenant, c.Version, c.HasSecret, c.Changed, c.ChangedBy = by.Tenant, version+1, sealed != nil, now, by.Actor.String()
	e := by.Event(now, "connection.changed")
	e.Detail = map[string]string{"connection": c.Name, "url": c.URL, "client": c.ClientID}
	noteSecret(&e, secret)
	if err := s.store.PutConnection(ctx, &c, sealed, e); err != nil {
		return nil, err
	}
	return &c, nil
}

// noteSecret says in an event that a secret was set, and nothing of it.
func noteSecret(e *audit.Event, secret string) {
	if secret != "" {
		e.Detail["secret"] = "changed"
	}
}

// secretChange is what becomes of a stored secret.
type secretChange struct {
	secret   string // the new one; empty: none was given
	before   []byte // the sealed one that is there
	kept     bool   // it may stay
	internal bool   // nobody asks for one
	place    string
	invalid  *fault.Error // what to say if it is not good
}

// sealed returns the sealed secret to store; nil for none.
func (s *Service) sealed(ctx context.Context, c secretChange) ([]byte, error) {
	switch {
	case c.internal && c.secret != "":
		return nil, c.invalid.Saying("Nobody asks for a secret where the URL leads to ourselves.")
	case c.internal:
		return nil, nil
	case c.secret == "" && c.kept:
		return c.before, nil
	case c.secret == "" && c.before != nil:
		return nil, c.invalid.Saying("The server or the client is another one now: give the secret again.")
	case c.secret == "":
		return nil, c.invalid.Saying("The secret is missing.")
	case len(c.secret) > maxSecretBytes || !isText(c.secret, maxSecretBytes):
		return nil, c.invalid.Saying("The secret is too long, or no text.")
	}
	others, err := s.store.AnySealed(ctx)
	if err != nil {
		return nil, err
	}
	if !others {
		return s.sealer.SealFirst([]byte(c.secret), c.place)
	}
	return s.sealer.Seal([]byte(c.secret), c.place)
}

// DeleteConnection removes a connection. Tasks that name it fail from then on, on other nodes
// within a second. It needs admin. Errors: authority.denied, connection.unknown.
func (s *Service) DeleteConnection(ctx context.Context, by tenant.Authority, name string) error {
	if err := by.Require(tenant.ScopeAdmin, ""); err != nil {
		return err
	}
	e := by.Event(s.clock(), "connection.deleted")
	e.Detail = map[string]string{"connection": name}
	if err := s.store.DeleteConnection(ctx, by.Tenant, name, e); err != nil {
		return err
	}
	return nil
}

// ourAccess reports whether the connection that a work names leads to ourselves.
func (s *Service) ourAccess(ctx context.Context, g given) bool {
	name, err := g.text("connection")
	if err != nil {
		return false
	}
	c, _, err := s.store.Connection(ctx, g.Tenant, name)
	return err == nil && c.IsInternal()
}

// connection returns how a task reaches the connection it names. Errors:
// connection.unknown; those of [Sealer.Open].
func (s *Service) connection(ctx context.Context, tenantName, name string) (DigitalAccess, error) {
	c, sealed, err := s.store.Connection(ctx, tenantName, name)
	if errors.Is(err, ErrConnectionUnknown) {
		return nil, ErrConnectionUnknown.Saying("There is no connection %s.", name)
	}
	if err != nil {
		return nil, err
	}
	if c.IsInternal() {
		return s.ownDigitalAccess(ctx, c)
	}
	secret, err := s.sealer.Open(sealed, connectionPlace(tenantName, name))
	if err != nil {
		return nil, err
	}
	return s.dialer.DigitalAccess(c, string(secret))
}
