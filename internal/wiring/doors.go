package wiring

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"bestow.dev/internal/config"
	"bestow.dev/internal/front/api"
	"bestow.dev/internal/front/digitalaccess"
	"bestow.dev/internal/front/enrol"
	"bestow.dev/internal/front/hermod"
	"bestow.dev/internal/front/onespan"
	"bestow.dev/internal/front/onewelcome"
	"bestow.dev/internal/front/wellknown"
	"bestow.dev/internal/page"
	"bestow.dev/internal/tenant"
)

// mountDoors opens the doors that the configuration asks for. Our own API, the enrolment
// pages, the console and the pages for people's tasks are always there.
func (s *Server) mountDoors(mux *http.ServeMux) error {
	page.Mount(mux)
	visit, err := s.relyingPartyHere(context.Background(), "")
	if err != nil {
		return err
	}
	if err := enrol.Mount(mux, enrol.Config{
		Credentials: s.Credentials, Directory: s.Directory, Tenant: visit.Tenant, RelyingParty: visit.ID,
	}); err != nil {
		return err
	}
	if err := wellknown.Mount(mux, wellknown.Config{Directory: s.Directory}); err != nil {
		return err
	}
	if err := s.mountConsole(mux); err != nil {
		return err
	}
	if err := s.mountTasks(mux); err != nil {
		return err
	}
	ours, err := api.New(api.Config{
		Credentials: s.Credentials, Directory: s.Directory, Trail: s.DB, Processes: s.Processes, Provision: s.Provision,
		Webhooks: s.Webhooks, InvitationURL: s.EnrolURL() + "#", TaskURL: s.TaskURL() + "#",
	})
	if err != nil {
		return err
	}
	mux.Handle("/api/v1/", ours)
	if c := s.config.Fronts.DigitalAccess; c != nil {
		if err := s.mountDigitalAccess(mux, c); err != nil {
			return err
		}
	}
	if c := s.config.Fronts.OneSpan; c != nil {
		if err := s.mountOneSpan(mux, c); err != nil {
			return err
		}
	}
	if c := s.config.Fronts.Nevis; c != nil {
		if err := s.mountNevis(mux, c); err != nil {
			return badConfiguration(fmt.Errorf("fronts.nevis.%w", err))
		}
	}
	if err := s.mountIdentity(mux); err != nil {
		return err
	}
	if c := s.config.Fronts.OneWelcome; c != nil {
		door, err := onewelcome.New(onewelcome.Config{
			Credentials: s.Credentials, Directory: s.Directory, Tenant: c.Tenant, RelyingParty: c.RelyingParty,
			Prefix: c.Prefix, HideUnknownUsers: c.HideUnknownUsers,
		})
		if err != nil {
			return err
		}
		mux.Handle(c.Prefix+"/", door)
	}
	if c := s.config.Fronts.Hermod; c != nil {
		return hermod.Mount(mux, hermod.Config{
			Relay: s.Relay, Tenant: c.Tenant, URIBase: c.URIBase,
			HideExceptions: c.REST.HideExceptions, OpenAPI: c.Swagger.Enabled, Trace: c.REST.Log,
		})
	}
	return nil
}

func (s *Server) mountDigitalAccess(mux *http.ServeMux, c *config.DigitalAccess) error {
	door, err := digitalaccess.New(digitalaccess.Config{
		Credentials: s.Credentials, Directory: s.Directory,
		Tenant: c.Tenant, RelyingParty: c.RelyingParty, Prefix: c.Prefix,
	})
	if err != nil {
		return err
	}
	mux.Handle(c.Prefix+"/fido/", door)
	mux.Handle(c.Prefix+"/oauth2/", door)
	return nil
}

func (s *Server) mountOneSpan(mux *http.ServeMux, c *config.OneSpan) error {
	first := config.OneSpanTenant{
		Tenant: c.Tenant, RelyingParty: c.RelyingParty,
		DefaultDomain: c.DefaultDomain, Domains: c.Domains, RequireRecentLogin: c.RequireRecentLogin,
	}
	door := onespan.Config{Credentials: s.Credentials, Directory: s.Directory, Prefix: c.Prefix}
	for _, t := range append([]config.OneSpanTenant{first}, c.MoreTenants...) {
		door.Tenants = append(door.Tenants, onespan.Tenant{
			Name: t.Tenant, RelyingParty: t.RelyingParty, RequireRecentLogin: t.RequireRecentLogin,
			Domains: onespan.Domains{Default: t.DefaultDomain, Others: t.Domains},
		})
	}
	served, err := onespan.New(door)
	if err != nil {
		return err
	}
	mux.Handle(c.Prefix+"/", served)
	return nil
}

// EnrolURL is the page that enrolment links lead to.
func (a *App) EnrolURL() string { return a.url + "/enrol" }

// relyingPartyHere is the first relying party, of the tenant or of all if the name is
// empty, that pages on the public URL may use: the one that visitors without a link
// sign in to. Zero if there is none.
func (a *App) relyingPartyHere(ctx context.Context, tenantName string) (tenant.RelyingParty, error) {
	tenants, err := a.Directory.Tenants(ctx)
	if err != nil {
		return tenant.RelyingParty{}, err
	}
	for _, t := range tenants {
		if tenantName != "" && t.Name != tenantName {
			continue
		}
		rps, err := a.Directory.RelyingParties(ctx, t.Name)
		if err != nil {
			return tenant.RelyingParty{}, err
		}
		for _, rp := range rps {
			if slices.Contains(rp.Origins, a.origin()) || slices.Contains(rp.RelatedOrigins, a.origin()) {
				return *rp, nil
			}
		}
	}
	return tenant.RelyingParty{}, nil
}
