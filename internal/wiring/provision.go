package wiring

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/front/identity"
	"bestow.dev/internal/outbound"
	"bestow.dev/internal/process"
	"bestow.dev/internal/process/builtin"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/relay"
)

// openProvision makes what the service tasks of processes do, and returns all of them.
func (a *App) openProvision(keys *keyring) (map[string]process.Handler, error) {
	calls := outbound.Config{CAFile: a.config.TLS.CAFile, Log: a.log}
	servers, err := outbound.NewServers(calls)
	if err != nil {
		return nil, fmt.Errorf("tls.ca-file: %w", err)
	}
	pages, err := outbound.NewWeb(calls)
	if err != nil {
		return nil, fmt.Errorf("tls.ca-file: %w", err)
	}
	c := provision.Config{
		Store: a.DB.Provision(), Sealer: keys, Credentials: a.Credentials, Relay: a.Relay, Directory: a.Directory,
		Dialer: servers, Web: pages, InvitationURL: a.EnrolURL() + "#", Log: a.log,
		News: func(ctx context.Context, tenantName, key string) error { return a.Processes.News(ctx, tenantName, key) },
	}
	if m := a.config.Mail; m.Server != "" {
		mailer, err := outbound.NewMailer(outbound.MailConfig{
			Server: m.Server, From: m.From, User: m.User, Password: m.Password, ImplicitTLS: m.ImplicitTLS, Config: calls,
		})
		if err != nil {
			return nil, fmt.Errorf("mail: %w", err)
		}
		c.Mailer = mailer
	}
	if a.Provision, err = provision.New(c); err != nil {
		return nil, err
	}
	handlers := builtin.Handlers()
	maps.Copy(handlers, a.Provision.Handlers())
	return handlers, nil
}

// runsAbout are the runs of processes that are for a user, for the record they are handed.
func (a *App) runsAbout(ctx context.Context, tenantName string, user credential.UserID) ([]credential.PersonRun, error) {
	runs, err := a.Processes.RunsAbout(ctx, tenantName, string(user))
	if err != nil {
		return nil, err
	}
	var record []credential.PersonRun
	for _, r := range runs {
		p := credential.PersonRun{
			ID: r.ID, Definition: r.Definition, Version: r.Version, Status: string(r.Status), Starter: r.Starter, Via: r.Via, Ref: r.Ref,
			Variables: r.State.Variables, Created: r.Created, Ended: r.Ended,
		}
		if e := r.State.Ended; e != nil {
			p.Error, p.Message = e.Error, e.Message
		}
		record = append(record, p)
	}
	return record, nil
}

// mountIdentity opens the door for callbacks, if the configuration asks for it.
func (s *Server) mountIdentity(mux *http.ServeMux) error {
	c := s.config.Fronts.Identity
	if c == nil {
		return nil
	}
	return identity.Mount(mux, identity.Config{
		Heard: s.Provision.Heard, Ready: s.DB.Ping, Tenant: c.Tenant, Base: c.Base, User: c.CallbackUser, Password: c.CallbackPassword,
	})
}

// relayClientsOf are the relay's clients: those of the file, and the messaging servers of
// processes that are our own relay.
type relayClientsOf struct {
	*relay.Clients
	app *App
}

// localClientTime bounds the look into the database for a client that is not in the file.
const localClientTime = 5 * time.Second

// Client implements [relay.ClientSource].
func (c relayClientsOf) Client(tenantName, id string) (*relay.Client, bool) {
	if client, ok := c.Clients.Client(tenantName, id); ok {
		return client, true
	}
	ctx, cancel := context.WithTimeout(context.Background(), localClientTime)
	defer cancel()
	return c.app.Provision.LocalClient(ctx, tenantName, id)
}
