package wiring

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/config"
	"bestow.dev/internal/localca"
	"bestow.dev/internal/store"
)

const adminKey = "an-admin-secret-of-32-characters-or-more"

// basics is a configuration with one API client.
const basics = `
listen: 127.0.0.1:0
metrics-listen: 127.0.0.1:0
data: data
tenants:
  - name: acme
    relying-parties: [ { id: localhost } ]
    clients: [ { id: admin, key: ` + adminKey + `, scopes: [ admin ] } ]
`

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// configured reads a configuration from a directory of its own.
func configured(t testing.TB, yaml string) *config.Config {
	t.Helper()
	return configuredIn(t, t.TempDir(), yaml)
}

func configuredIn(t testing.TB, dir, yaml string) *config.Config {
	t.Helper()
	file := filepath.Join(dir, "bestow.yaml")
	check(t, os.WriteFile(file, []byte(yaml), 0o600))
	cfg, err := config.Load(config.Sources{File: file})
	check(t, err)
	return cfg
}

func started(t testing.TB, cfg *config.Config) *Server {
	t.Helper()
	s, err := Start(t.Context(), cfg, slog.New(slog.DiscardHandler))
	check(t, err)
	t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	return s
}

// trusting is a client that trusts the server's local authority.
func trusting(t testing.TB, cfg *config.Config) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(TLSDir(cfg), localca.CAFile))
	check(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func status(t testing.TB, c *http.Client, url string) int {
	t.Helper()
	r, err := c.Get(url)
	check(t, err)
	defer r.Body.Close()
	_, _ = io.Copy(io.Discard, r.Body)
	return r.StatusCode
}

func TestStartAndShutdown(t *testing.T) {
	cfg := configured(t, basics)
	s := started(t, cfg)
	if !s.NewAuthority {
		t.Error("the first start says nothing of a new authority")
	}
	c := trusting(t, cfg)
	for _, url := range []string{
		s.URL + "/livez", s.URL + "/readyz", s.URL + "/enrol", s.URL + "/api/v1/openapi.json",
		"http://" + s.Metrics + "/metrics", "http://" + s.Metrics + "/readyz",
	} {
		if got := status(t, c, url); got != http.StatusOK {
			t.Errorf("%s: %d", url, got)
		}
	}
	if got := status(t, c, s.URL+"/metrics"); got != http.StatusNotFound {
		t.Errorf("metrics on the doors' listener: %d", got)
	}
	for range 2 {
		if err := s.Shutdown(t.Context()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	}
	if _, err := c.Get(s.URL + "/livez"); err == nil {
		t.Error("it answers after shutdown")
	}
	if err := s.DB.Ping(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("database after shutdown: %v", err)
	}

	again := started(t, cfg)
	if again.NewAuthority {
		t.Error("the second start made another authority")
	}
}

// A start that fails half way leaves nothing behind: the same start, once its cause is
// gone, works.
func TestHalfFailedStart(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(t *testing.T, cfg *config.Config) (undo func())
	}{
		{"metrics listener taken", func(t *testing.T, cfg *config.Config) func() {
			taken, err := net.Listen("tcp", "127.0.0.1:0")
			check(t, err)
			cfg.MetricsListen = taken.Addr().String()
			return func() {
				taken.Close()
			}
		}},
		{"no certificate", func(_ *testing.T, cfg *config.Config) func() {
			cfg.TLS.CertFile = filepath.Join(cfg.Data, "none.pem")
			return func() { cfg.TLS.CertFile = "" }
		}},
		{"a relying party that is none", func(_ *testing.T, cfg *config.Config) func() {
			cfg.Tenants[0].RelyingParties[0].ID = "not a domain"
			return func() { cfg.Tenants[0].RelyingParties[0].ID = "localhost" }
		}},
		{"no trust anchors", func(_ *testing.T, cfg *config.Config) func() {
			cfg.Tenants[0].RelyingParties[0].TrustAnchorsFile = "none.pem"
			return func() { cfg.Tenants[0].RelyingParties[0].TrustAnchorsFile = "" }
		}},
		{"no roots for outgoing calls", func(_ *testing.T, cfg *config.Config) func() {
			cfg.TLS.CAFile = "none.pem"
			return func() { cfg.TLS.CAFile = "" }
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := configured(t, basics)
			free, err := net.Listen("tcp", "127.0.0.1:0")
			check(t, err)
			cfg.Listen = free.Addr().String()
			check(t, free.Close())
			undo := tt.spoil(t, cfg)
			if _, err := Start(t.Context(), cfg, slog.New(slog.DiscardHandler)); err == nil {
				t.Fatal("it started")
			}
			undo()
			s := started(t, cfg)
			if got := status(t, trusting(t, cfg), s.URL+"/readyz"); got != http.StatusOK {
				t.Errorf("ready: %d", got)
			}
		})
	}
}

// begun sends a request whose body is yet to come: what is written to the pipe is it.
func begun(t testing.TB, c *http.Client, s *Server) (body *io.PipeWriter, answered chan *http.Response) {
	t.Helper()
	reader, body := io.Pipe()
	r, err := http.NewRequest(http.MethodPost, s.URL+"/api/v1/users", reader)
	check(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth("admin", adminKey)
	answered = make(chan *http.Response, 1)
	go func() {
		resp, err := c.Do(r)
		if err != nil {
			resp = nil
		}
		answered <- resp
	}()
	_, err = io.WriteString(body, `{"name":`) // returns when the client has sent its headers
	check(t, err)
	return body, answered
}

// inFlight waits until the server answers n requests.
func inFlight(t *testing.T, s *Server, n int) {
	t.Helper()
	for !strings.Contains(scrape(t, s), fmt.Sprintf("bestow_http_requests_in_flight %d\n", n)) {
		runtime.Gosched()
	}
}

// What was begun before the end is finished, and stored.
func TestShutdownFinishesWhatWasBegun(t *testing.T) {
	cfg := configured(t, basics)
	s := started(t, cfg)
	body, answered := begun(t, trusting(t, cfg), s)
	inFlight(t, s, 1)
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	<-s.draining.Done()
	if got := status(t, http.DefaultClient, "http://"+s.Metrics+"/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("ready while it ends: %d", got)
	}
	_, err := io.WriteString(body, `"alice"}`)
	check(t, errors.Join(err, body.Close()))
	r := <-answered
	if r == nil || r.StatusCode != http.StatusCreated {
		t.Fatalf("a request begun before the end: %+v", r)
	}
	r.Body.Close()
	check(t, <-ended)
	app, err := Open(t.Context(), cfg, Options{Log: slog.New(slog.DiscardHandler), URL: s.URL})
	check(t, err)
	defer app.Close()
	if seq, _, err := app.DB.AuditHead(t.Context(), "acme"); err != nil || seq != 1 {
		t.Errorf("events: %d, %v", seq, err)
	}
}

// A request that does not end holds the shutdown up no longer than it was told to wait.
func TestShutdownCutsOff(t *testing.T) {
	cfg := configured(t, basics)
	s := started(t, cfg)
	body, answered := begun(t, trusting(t, cfg), s)
	defer body.Close()
	inFlight(t, s, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if r := <-answered; r != nil {
		r.Body.Close()
		t.Errorf("it was answered with %d", r.StatusCode)
	}
	if err := s.DB.Ping(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("database: %v", err)
	}
}

// Draining ends what waits, and nothing else.
func TestEndLongPolls(t *testing.T) {
	s := new(Server)
	s.draining, s.drain = context.WithCancel(t.Context())
	arrived := make(chan struct{})
	ended := make(chan error, 1)
	server := httptest.NewServer(s.endLongPolls(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/poll" {
			close(arrived)
			<-r.Context().Done()
		}
		ended <- r.Context().Err()
	})))
	defer server.Close()
	go func() { _, _ = http.Get(server.URL + "/poll?wait=25") }()
	<-arrived
	s.drain()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("a long poll: %v", err)
	}
	for method, target := range map[string]string{http.MethodGet: "/other", http.MethodPost: "/other?wait=25"} {
		r, err := http.NewRequest(method, server.URL+target, nil)
		check(t, err)
		_, err = http.DefaultClient.Do(r)
		check(t, err)
		if err := <-ended; err != nil {
			t.Errorf("%s %s: %v", method, target, err)
		}
	}
}

func TestWaitTellsOfFailure(t *testing.T) {
	s := started(t, configured(t, basics))
	want := errors.New("a part failed")
	s.failed <- want
	if err := s.Wait(t.Context()); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if err := s.Wait(ctx); err != nil {
		t.Errorf("at the end: %v", err)
	}
}

// createUser asks the API for a user and returns the status and code of the answer.
func createUser(t testing.TB, c *http.Client, s *Server, name string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, s.URL+"/api/v1/users", strings.NewReader(`{"name":"`+name+`"}`))
	check(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth("admin", adminKey)
	resp, err := c.Do(r)
	check(t, err)
	defer resp.Body.Close()
	var problem struct {
		Code string `json:"code"`
	}
	check(t, json.NewDecoder(resp.Body).Decode(&problem))
	return resp.StatusCode, problem.Code
}
