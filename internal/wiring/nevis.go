package wiring

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"bestow.dev/internal/config"
	"bestow.dev/internal/front/nevis"
	"bestow.dev/internal/front/nevis/demo"
	"bestow.dev/internal/sectoken"
	"bestow.dev/internal/web"
)

// mountNevis opens the nevisFIDO front. Errors begin with the key's path below
// fronts.nevis.
func (s *Server) mountNevis(mux *http.ServeMux, c *config.Nevis) error {
	if c.Nevisfido != nil && len(c.Nevisfido.Unused) > 0 {
		s.log.Warn("properties of the nevisfido.yml that do nothing here; docs/fronts/nevis.md says what takes their place",
			"file", c.NevisfidoFile, "properties", strings.Join(c.Nevisfido.Unused, " "))
	}
	t := &c.SecToken
	door := nevis.Config{
		Credentials: s.Credentials, Directory: s.Directory,
		Tenant: c.Tenant, RelyingParty: c.RelyingParty, Prefix: c.Prefix,
		UserAttribute: nevis.UserAttribute(c.UserAttribute), ConformanceStatus: c.ErrorStatus == "conformance",
		SharedVocabulary: c.StatusVocabulary == "shared", StrictAccept: c.StrictAccept,
		HideUnknown: c.HideUnknownUsers, AnonymousClient: c.AnonymousClient, Origins: c.CORSOrigins,
		VerifiedTimeout: c.Timeout.UserVerification, UnverifiedTimeout: c.Timeout.NoUserVerification,
		Modes: nevis.TokenModes{
			RegistrationOptions: nevis.TokenMode(t.RegistrationOptions), RegistrationResult: nevis.TokenMode(t.RegistrationResult),
			AuthenticationOptions: nevis.TokenMode(t.AuthenticationOptions), AuthenticationResult: nevis.TokenMode(t.AuthenticationResult),
			Status: nevis.TokenMode(t.Status), Credentials: nevis.TokenMode(t.Credentials),
		},
	}
	if t.KeySet != nil {
		tokens, err := sectoken.New(sectoken.Config{
			KeySet: t.KeySet, Issuer: t.Issuer, Audience: t.Audience, UserClaim: t.UserClaim, Leeway: t.Leeway,
		})
		if err != nil {
			return fmt.Errorf("sectoken.keys-file: %w", err)
		}
		door.Tokens = tokens
	}
	if i := c.IDM; i != nil {
		door.IDM = &nevis.IDMConfig{Prefix: i.URIBase, ClientExtID: i.ClientExtID, TemporaryLock: i.TemporaryLock}
	}
	made, err := nevis.New(door)
	if err != nil {
		return err
	}
	mux.Handle(c.Prefix+"/fido2/", made)
	if c.IDM != nil {
		mux.Handle(c.IDM.URIBase+"/", made)
	}
	return s.mountNevisDemo(mux, c, made)
}

// mountNevisDemo opens the page that takes anybody's word for who they are, which is for
// test data alone.
func (s *Server) mountNevisDemo(mux *http.ServeMux, c *config.Nevis, door *nevis.Door) error {
	switch {
	case c.Demo == nil:
		return nil
	case !s.TestData:
		return errors.New("demo: takes anybody's word for who they are, and is for a database made with --test-data alone")
	}
	return demo.Mount(mux, demo.Config{Path: c.Demo.Path, FIDO: door.Local(c.Demo.Client), Base: c.Prefix + "/fido2"})
}

// mediaHealth is the media type of the management listener's health documents.
const mediaHealth = "application/vnd.spring-boot.actuator.v2+json"

// nevisHealth is a health document of the management listener.
type nevisHealth struct {
	Status     string                 `json:"status"`
	Components map[string]nevisHealth `json:"components,omitempty"`
}

// serveManagement opens the listener on which nevisFIDO is watched. Outdated metadata
// does not make it unfit for work, which is otherwise at /readyz.
func (s *Server) serveManagement(m *metrics) error {
	c := s.config.Fronts.Nevis
	if c == nil || c.Management == nil {
		return nil
	}
	listener, err := net.Listen("tcp", c.Management.Listen)
	if err != nil {
		return fmt.Errorf("fronts.nevis.management.listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+c.Prefix+"/liveness", func(w http.ResponseWriter, _ *http.Request) {
		writeHealth(w, nevisHealth{Status: "UP"})
	})
	mux.HandleFunc("GET "+c.Prefix+"/health", func(w http.ResponseWriter, r *http.Request) {
		writeHealth(w, s.nevisHealth(r.Context()))
	})
	mux.Handle("GET "+c.Prefix+"/metrics", m.handler())
	s.Management = listener.Addr().String()
	s.manage = &http.Server{Handler: mux, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout}
	s.work.Go(func() {
		if err := s.manage.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("serve management: %w", err)
		}
	})
	return nil
}

func (s *Server) nevisHealth(ctx context.Context) nevisHealth {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	h := nevisHealth{Status: "UP", Components: map[string]nevisHealth{
		"ping": {Status: "UP"}, "database": {Status: "UP"},
	}}
	if s.DB.Ping(ctx) != nil {
		h.Components["database"] = nevisHealth{Status: "DOWN"}
	}
	if sources, _ := s.metadataHealth(time.Now()); len(sources) > 0 {
		h.Components["mds3"] = nevisHealth{Status: metadataStatus(sources)}
	}
	if !s.ready.Load() || h.Components["database"].Status == "DOWN" {
		h.Status = "DOWN"
	}
	return h
}

// metadataStatus says how the lists of metadata stand together, by the worst of them.
func metadataStatus(sources []metadataHealth) string {
	status := "UP"
	for _, source := range sources {
		switch {
		case source.AgeSeconds == nil && source.Number == 0:
			return "UNKNOWN"
		case source.Outdated:
			status = "OUT_OF_SERVICE"
		}
	}
	return status
}

func writeHealth(w http.ResponseWriter, h nevisHealth) {
	status := http.StatusOK
	if h.Status == "DOWN" {
		status = http.StatusServiceUnavailable
	}
	web.WriteJSON(healthWriter{w}, status, h)
}

// healthWriter gives an answer the media type of health documents.
type healthWriter struct{ http.ResponseWriter }

// WriteHeader implements [http.ResponseWriter].
func (w healthWriter) WriteHeader(status int) {
	w.Header().Set("Content-Type", mediaHealth)
	w.ResponseWriter.WriteHeader(status)
}
