package wiring

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bestow.dev/internal/config"
	"bestow.dev/internal/fault"
)

func TestPublicURL(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	for configured, want := range map[string]string{
		"":                       "https://localhost:" + port,
		"https://id.example.com": "https://id.example.com",
	} {
		if got := publicURL(&config.Config{PublicURL: configured}, listener); got != want {
			t.Errorf("%q: got %s, want %s", configured, got, want)
		}
	}
	for listen, want := range map[string]string{
		"127.0.0.1:8443": "https://localhost:8443",
		"[::]:443":       "https://localhost",
	} {
		if got := ConfiguredURL(&config.Config{Listen: listen}); got != want {
			t.Errorf("%s: got %s, want %s", listen, got, want)
		}
	}
}

func TestOriginsFor(t *testing.T) {
	tests := []struct {
		rp, url string
		want    []string
	}{
		{"localhost", "https://localhost:8443", []string{"https://localhost:8443"}},
		{"example.com", "https://id.example.com", []string{"https://id.example.com"}},
		{"example.com", "https://example.com/base", []string{"https://example.com"}},
		{"example.com", "https://notexample.com", nil},
		{"id.example.com", "https://example.com", nil},
		{"example.com", "https://example.com.evil.test", nil},
		{"example.com", "://", nil},
	}
	for _, tt := range tests {
		if got := originsFor(tt.rp, tt.url); !slices.Equal(got, tt.want) {
			t.Errorf("%s at %s: got %q, want %q", tt.rp, tt.url, got, tt.want)
		}
	}
}

// Nothing that a caller makes up becomes a label: neither a path nor a method.
func TestMetricsAreBounded(t *testing.T) {
	cfg := configured(t, basics)
	s := started(t, cfg)
	c := trusting(t, cfg)
	for _, path := range []string{"/nothing/1", "/nothing/2", "/api/v1/users/one", "/api/v1/users/two", "/enrol"} {
		status(t, c, s.URL+path)
	}
	r, err := http.NewRequest("BREW", s.URL+"/nothing/3", nil)
	check(t, err)
	resp, err := c.Do(r)
	check(t, err)
	resp.Body.Close()
	text := scrape(t, s)
	for _, secret := range []string{"nothing", "BREW", "users/one"} {
		if strings.Contains(text, secret) {
			t.Errorf("the metrics hold %q", secret)
		}
	}
	for _, want := range []string{`method="other",route="unmatched"`, `route="/enrol"`, "bestow_database_up 1"} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics do not hold %s", want)
		}
	}
	check(t, s.DB.Close())
	if !strings.Contains(scrape(t, s), "bestow_database_up 0") {
		t.Error("a closed database is up")
	}
	if got := status(t, c, s.URL+"/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("ready without a database: %d", got)
	}
}

// scrape returns the server's metrics as a monitor reads them.
func scrape(t *testing.T, s *Server) string {
	t.Helper()
	r, err := http.Get("http://" + s.Metrics + "/metrics")
	check(t, err)
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	check(t, err)
	return string(text)
}

const withRelay = basics + `
fronts:
  hermod:
    tenant: acme
    allowed-clients: [ { client-id: idm, key: %KEY% } ]
`

func TestReload(t *testing.T) {
	first := strings.ReplaceAll(withRelay, "%KEY%", strings.Repeat("a", 40))
	dir := t.TempDir()
	app, err := Open(t.Context(), configuredIn(t, dir, first), Options{Log: slog.New(slog.DiscardHandler), URL: "https://localhost:1"})
	check(t, err)
	defer app.Close()
	clients := func() []string {
		var ids []string
		for c := range app.clients.All() {
			ids = append(ids, c.ID)
		}
		slices.Sort(ids)
		return ids
	}
	second := strings.Replace(first, "allowed-clients: [", "allowed-clients: [ { client-id: da, key: "+strings.Repeat("b", 40)+" },", 1)
	check(t, app.Reload(configuredIn(t, dir, second)))
	if got := clients(); !slices.Equal(got, []string{"da", "idm"}) {
		t.Errorf("clients: %q", got)
	}
	for name, yaml := range map[string]string{
		"without the front": basics,
		"another tenant":    strings.Replace(strings.Replace(first, "tenant: acme", "tenant: beta", 1), "tenants:", "tenants:\n  - name: beta", 1),
	} {
		if err := app.Reload(configuredIn(t, dir, yaml)); err == nil || !strings.Contains(err.Error(), "restart") {
			t.Errorf("%s: %v", name, err)
		}
		if got := clients(); !slices.Equal(got, []string{"da", "idm"}) {
			t.Errorf("%s: clients: %q", name, got)
		}
	}
}

func TestBadConfigurationSaysWhere(t *testing.T) {
	cfg := configured(t, basics)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	check(t, os.WriteFile(empty, []byte("\n"), 0o600))
	for _, file := range []string{"none.pem", empty} {
		cfg.Tenants[0].RelyingParties[0].TrustAnchorsFile = file
		_, err := Open(t.Context(), cfg, Options{Log: slog.New(slog.DiscardHandler)})
		if f := fault.From(err); f.Kind != fault.Invalid || !strings.Contains(f.Public, "tenants[0].relying-parties[0].trust-anchors-file") {
			t.Errorf("%s: got %v", file, err)
		}
	}
}

// The start reads the operator's lists, and stops before it touches the database where
// one is bad.
func TestTrustLists(t *testing.T) {
	cfg := configured(t, basics)
	cfg.TrustDir = t.TempDir()
	bad := filepath.Join(cfg.TrustDir, "roots", "apple.pem")
	check(t, os.Mkdir(filepath.Dir(bad), 0o700))
	check(t, os.WriteFile(bad, []byte("no certificate\n"), 0o600))
	_, err := Open(t.Context(), cfg, Options{Log: slog.New(slog.DiscardHandler)})
	if f := fault.From(err); f.Kind != fault.Invalid || !strings.Contains(f.Public, "trust-dir: in "+cfg.TrustDir+": roots/apple.pem: line 1") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(DatabaseFile(cfg)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the database was touched: %v", err)
	}

	check(t, os.WriteFile(bad, []byte("# off\n"), 0o600))
	app, err := Open(t.Context(), cfg, Options{Log: slog.New(slog.DiscardHandler), URL: "https://localhost:1"})
	check(t, err)
	defer app.Close()
	if got := len(app.Trust.AnchorsFor("apple", nil)); got != 0 {
		t.Errorf("what is switched off has %d anchors", got)
	}
}
