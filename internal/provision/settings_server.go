package provision

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"bestow.dev/internal/relay"
	"bestow.dev/internal/tenant"
)

// MessagingServers returns the messaging servers of by's tenant, by name, without their
// tokens. It needs admin. Errors: authority.denied.
func (s *Service) MessagingServers(ctx context.Context, by tenant.Authority) ([]*MessagingServer, error) {
	if err := by.Require(tenant.ScopeAdmin, ""); err != nil {
		return nil, err
	}
	return s.store.MessagingServers(ctx, by.Tenant)
}

// MessagingServer returns one messaging server without its token. It needs admin.
// Errors: authority.denied, messaging_server.unknown.
func (s *Service) MessagingServer(ctx context.Context, by tenant.Authority, name string) (*MessagingServer, error) {
	if err := by.Require(tenant.ScopeAdmin, ""); err != nil {
		return nil, err
	}
	m, _, err := s.store.MessagingServer(ctx, by.Tenant, name)
	return m, err
}

// PutMessagingServer makes a messaging server of by's tenant, or changes it, and returns
// it as it is stored. token is the authentication token; an empty one leaves the one there
// is, if the server is still the same. A Version that is not zero has to be the one that
// is there. It needs admin.
//
// Errors: authority.denied; messaging_server.invalid with the field; connection.version;
// secrets.key_missing.
func (s *Service) PutMessagingServer(ctx context.Context, by tenant.Authority, m MessagingServer, token string) (*MessagingServer, error) {
	if err := by.Require(tenant.ScopeAdmin, ""); err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	m.ClientID = ""
	if token = strings.TrimSpace(token); token != "" && !m.IsInternal() {
		id, ok := clientOfToken(token)
		if !ok {
			return nil, ErrServer.At("token").Saying("The authentication token is not the base64 of client id, colon and key.")
		}
		m.ClientID = id
	}
	before, sealed, err := s.store.MessagingServer(ctx, by.Tenant, m.Name)
	if err != nil && !errors.Is(err, ErrServerUnknown) {
		return nil, err
	}
	var version int64
	kept := false
	if before != nil {
		version = before.Version
		kept = sealed != nil && sameOrigin(before.URL, m.URL)
	}
	if m.Version != 0 && m.Version != version {
		return nil, ErrChanged
	}
	sealed, err = s.sealed(ctx, secretChange{
		secret: token, before: sealed, kept: kept, internal: m.IsInternal(),
		place: serverPlace(by.Tenant, m.Name), invalid: ErrServer.At("token"),
	})
	if err != nil {
		return nil, err
	}
	if token == "" && kept {
		m.ClientID = before.ClientID
	}
	now := s.clock()
	m.Tenant, m.Version, m.HasToken, m.Changed, m.ChangedBy = by.Tenant, version+1, sealed != nil, now, by.Actor.String()
	e := by.Event(now, "messaging_server.changed")
	e.Detail = map[string]string{
		"messagingServer": m.Name, "url": m.URL, "client": m.ClientID,
		"lifespan": wholeSeconds(m.Lifespan), "timeout": wholeSeconds(m.Timeout), "sessionStart": wholeSeconds(m.SessionStart),
		"attestationKeySets": strconv.Itoa(len(m.KeySets)),
	}
	noteSecret(&e, token)
	if err := s.store.PutMessagingServer(ctx, &m, sealed, e); err != nil {
		return nil, err
	}
	return &m, nil
}

func wholeSeconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// DeleteMessagingServer removes a messaging server. Tasks that name it fail from then on, on
// other nodes within a second, those that wait for a command there included. It needs admin.
// Errors: authority.denied, messaging_server.unknown.
func (s *Service) DeleteMessagingServer(ctx context.Context, by tenant.Authority, name string) error {
	if err := by.Require(tenant.ScopeAdmin, ""); err != nil {
		return err
	}
	e := by.Event(s.clock(), "messaging_server.deleted")
	e.Detail = map[string]string{"messagingServer": name}
	return s.store.DeleteMessagingServer(ctx, by.Tenant, name, e)
}

// ourServer reports whether the messaging server that a work names is our own relay.
func (s *Service) ourServer(ctx context.Context, g given) bool {
	name, err := g.text("messagingServer")
	if err != nil {
		return false
	}
	m, _, err := s.store.MessagingServer(ctx, g.Tenant, name)
	return err == nil && m.IsInternal()
}

// server returns a messaging server and how a task reaches it. Errors:
// messaging_server.unknown; those of [Sealer.Open].
func (s *Service) server(ctx context.Context, tenantName, name string) (*MessagingServer, Messaging, error) {
	m, sealed, err := s.store.MessagingServer(ctx, tenantName, name)
	if errors.Is(err, ErrServerUnknown) {
		return nil, nil, ErrServerUnknown.Saying("There is no messaging server %s.", name)
	}
	if err != nil {
		return nil, nil, err
	}
	if m.IsInternal() {
		client, err := localClient(m)
		return m, &ownRelay{s.relay, client}, err
	}
	token, err := s.sealer.Open(sealed, serverPlace(tenantName, name))
	if err != nil {
		return nil, nil, err
	}
	reached, err := s.dialer.Messaging(m, string(token))
	return m, reached, err
}

// localPrefix begins the ids of the relay's clients that are messaging servers of ours.
// They hold a colon, which no client has that comes in over the network.
const localPrefix = Internal

// localClient is the client of our relay that a messaging server of ours is.
func localClient(m *MessagingServer) (*relay.Client, error) {
	keys, err := m.allKeys()
	if err != nil {
		return nil, err
	}
	return &relay.Client{Tenant: m.Tenant, ID: localPrefix + m.Name, KeySet: keys, MatchCode: true}, nil
}

// LocalClient returns the client of our relay that is a messaging server of a tenant's
// processes, if id is one. A [relay.ClientSource] asks it for the ids it does not know.
func (s *Service) LocalClient(ctx context.Context, tenantName, id string) (*relay.Client, bool) {
	name, ours := strings.CutPrefix(id, localPrefix)
	if !ours {
		return nil, false
	}
	m, _, err := s.store.MessagingServer(ctx, tenantName, name)
	if err != nil || !m.IsInternal() {
		if err != nil && !errors.Is(err, ErrServerUnknown) {
			s.log.ErrorContext(ctx, "a messaging server could not be read", "messagingServer", name, "error", err)
		}
		return nil, false
	}
	client, err := localClient(m)
	return client, err == nil
}
