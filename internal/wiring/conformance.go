package wiring

import (
	"errors"
	"net/http"
	"os"

	"bestow.dev/internal/config"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/front/conformance"
)

// errNotTestData refuses to have anybody register credentials for everybody, where they
// could be worth something.
var errNotTestData = errors.New("fronts.conformance.enabled: only a database that was made with --test-data may have this front")

// refuseNewDatabase refuses before a database is made that could never be used: test data
// is what a database is from its first day, or not at all.
func refuseNewDatabase(cfg *config.Config) error {
	if !cfg.Fronts.Conformance.Enabled || cfg.TestData || cfg.Database != "" {
		return nil
	}
	if _, err := os.Stat(DatabaseFile(cfg)); errors.Is(err, os.ErrNotExist) {
		return errNotTestData
	}
	return nil
}

// conformanceProfile is what the conformance tests want of their relying party; nil where
// the front is closed. Whoever runs a command beside the server has it too, so that both
// judge alike.
func (a *App) conformanceProfile() (*credential.Profile, error) {
	c := a.config.Fronts.Conformance
	if !c.Enabled {
		return nil, nil
	}
	if !a.TestData {
		return nil, errNotTestData
	}
	a.log.Warn("the conformance front is open: whoever reaches it may register credentials for anybody",
		"tenant", c.Tenant, "relyingParty", c.RelyingParty)
	return &credential.Profile{Tenant: c.Tenant, RelyingParty: c.RelyingParty, AllowNoUserPresence: c.AllowNoUserPresence}, nil
}

func (s *Server) mountConformance(mux *http.ServeMux) error {
	c := s.config.Fronts.Conformance
	if !c.Enabled {
		return nil
	}
	door, err := conformance.New(conformance.Config{
		Credentials: s.Credentials, Tenant: c.Tenant, RelyingParty: c.RelyingParty, Prefix: c.Prefix,
	})
	if err != nil {
		return err
	}
	for _, path := range []string{"/attestation/", "/assertion/", "/openapi.json"} {
		mux.Handle(c.Prefix+path, door)
	}
	return nil
}
