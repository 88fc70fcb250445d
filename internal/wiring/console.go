package wiring

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"bestow.dev/internal/console"
	"bestow.dev/internal/front/task"
	"bestow.dev/internal/tenant"
)

// mountConsole opens the console. Where no relying party is one of this address, its
// sign-in page says so.
func (s *Server) mountConsole(mux *http.ServeMux) error {
	rp, err := s.ConsoleRelyingParty(context.Background())
	if err != nil {
		return badConfiguration(err)
	}
	door, err := console.New(console.Config{
		Credentials: s.Credentials, Trail: s.DB, Tenant: rp.Tenant, RelyingParty: rp.ID, Origin: s.origin(),
	})
	if err != nil {
		return err
	}
	mux.Handle(console.Root, door)
	mux.Handle(console.Root+"/", door)
	return nil
}

// mountTasks opens the pages for people's tasks, where they sign in to the relying party
// that operators sign in to.
func (s *Server) mountTasks(mux *http.ServeMux) error {
	rp, err := s.ConsoleRelyingParty(context.Background())
	if err != nil {
		return badConfiguration(err)
	}
	door, err := task.New(task.Config{
		Credentials: s.Credentials, Processes: s.Processes, Provision: s.Provision, Wakeups: s.DB.Hub(),
		Tenant: rp.Tenant, RelyingParty: rp.ID, Origin: s.origin(), OperatorCookie: console.CookieName,
	})
	if err != nil {
		return err
	}
	mux.Handle(task.Root, door)
	mux.Handle(task.Root+"/", door)
	return nil
}

// TaskURL is where people find their tasks.
func (a *App) TaskURL() string { return a.url + task.Root }

// ConsoleURL is where operators sign in.
func (a *App) ConsoleURL() string { return a.url + console.Root }

// ConsoleRelyingParty is the relying party that operators sign in to: that of the
// configuration, or the first that has the public URL's origin among its own. Zero if
// there is none. It returns an error, which names the key, for a configured one that is
// not there or that a browser could not use at the public URL.
func (a *App) ConsoleRelyingParty(ctx context.Context) (tenant.RelyingParty, error) {
	name, id := a.config.Console.Tenant, a.config.Console.RelyingParty
	name, err := a.consoleTenant(ctx, name, id)
	if err != nil {
		return tenant.RelyingParty{}, err
	}
	if id == "" {
		rp, err := a.relyingPartyHere(ctx, name)
		if err == nil && name != "" && rp.ID == "" {
			err = fmt.Errorf("console.tenant: no relying party of tenant %s has %s among its origins", name, a.origin())
		}
		return rp, err
	}
	rp, err := a.Directory.RelyingParty(ctx, name, id)
	switch {
	case errors.Is(err, tenant.ErrRelyingPartyUnknown):
		return tenant.RelyingParty{}, fmt.Errorf("console.relying-party: tenant %s has no relying party %q", name, id)
	case err != nil:
		return tenant.RelyingParty{}, err
	case !slices.Contains(rp.Origins, a.origin()):
		return tenant.RelyingParty{}, fmt.Errorf("console.relying-party: %s does not have %s, which is the public URL's, among its origins", id, a.origin())
	}
	return *rp, nil
}

// consoleTenant returns the tenant of operators; empty where the first relying party of
// any is wanted.
func (a *App) consoleTenant(ctx context.Context, name, rp string) (string, error) {
	if name == "" && rp == "" {
		return "", nil
	}
	tenants, err := a.Directory.Tenants(ctx)
	if err != nil {
		return "", err
	}
	if name == "" && len(tenants) == 1 {
		return tenants[0].Name, nil
	}
	if name == "" {
		return "", errors.New("console.tenant: is missing, and there is more than one tenant")
	}
	if !slices.ContainsFunc(tenants, func(t tenant.Tenant) bool { return t.Name == name }) {
		return "", fmt.Errorf("console.tenant: there is no tenant %q", name)
	}
	return name, nil
}

// origin is the public URL's origin, as browsers write it.
func (a *App) origin() string {
	u, err := url.Parse(a.url)
	if err != nil {
		return a.url // checked when it was loaded
	}
	return u.Scheme + "://" + strings.TrimSuffix(strings.ToLower(u.Host), ":443")
}
