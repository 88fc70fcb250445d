package wiring

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/config"
	"bestow.dev/internal/mds/mdstest"
	"bestow.dev/internal/tenant"
)

const keyModel = "01234567-89ab-cdef-0123-456789abcdef"

// withMetadata is a configuration whose source is the service.
func withMetadata(t *testing.T, service *mdstest.Service, more string) *config.Config {
	t.Helper()
	roots := mdstest.File(t, "roots.pem", mdstest.PEM(service.Root.Cert))
	return configured(t, basics+`
tls: { ca-file: `+service.CAFile+` }
metadata: [ { name: fido, url: "`+service.URL+`", roots-file: `+roots+more+` } ]
`)
}

func ready(t *testing.T, s *Server) (int, health) {
	t.Helper()
	r, err := http.Get("http://" + s.Metrics + "/readyz")
	check(t, err)
	defer r.Body.Close()
	var h health
	check(t, json.NewDecoder(r.Body).Decode(&h))
	return r.StatusCode, h
}

func TestMetadataIsServed(t *testing.T) {
	now := time.Now()
	service := mdstest.New(t, now)
	service.Publish(mdstest.List{Number: 7, NextUpdate: now.AddDate(0, 0, 5).Format(time.DateOnly), Entries: []map[string]any{
		mdstest.Entry(keyModel, "A key", "FIDO_CERTIFIED_L1"),
	}})
	cfg := withMetadata(t, service, "")
	s := started(t, cfg)
	if _, err := s.Metadata.Check(t.Context(), tenant.LocalOperator("acme", "root"), "fido"); err != nil {
		// The server's own first check may have been under way.
		t.Logf("check: %v", err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for s.Metadata.State(time.Now())[0].Number != 7 && time.Now().Before(deadline) {
		check(t, s.Metadata.Load(t.Context()))
	}
	code, h := ready(t, s)
	if code != http.StatusOK || h.Status != "UP" || len(h.Metadata) != 1 || h.Metadata[0].Number != 7 || h.Metadata[0].AgeSeconds == nil || h.Metadata[0].Outdated {
		t.Errorf("%d %+v", code, h)
	}
	text := scrape(t, s)
	for _, want := range []string{
		`bestow_metadata_number{source="fido"} 7`, `bestow_metadata_outdated{source="fido"} 0`, `bestow_metadata_failures{source="fido"}`, `bestow_metadata_age_seconds{source="fido"}`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics do not hold %s", want)
		}
	}
	check(t, s.Shutdown(t.Context()))

	// The next start has it from the first moment, though the service is away.
	service.Answer(http.NotFound)
	again := started(t, cfg)
	if st := again.Metadata.State(time.Now())[0]; st.Number != 7 || st.Models != 1 {
		t.Errorf("after a restart: %+v", st)
	}
}

// Metadata turns a server down only where the operator asked for that.
func TestMetadataAndReadiness(t *testing.T) {
	for more, want := range map[string]int{"": http.StatusOK, ", refuse-outdated: true": http.StatusServiceUnavailable} {
		service := mdstest.New(t, time.Now())
		service.Answer(http.NotFound)
		s := started(t, withMetadata(t, service, more))
		if code, h := ready(t, s); code != want || len(h.Metadata) != 1 || h.Metadata[0].Number != 0 || h.Metadata[0].AgeSeconds != nil {
			t.Errorf("%q: %d %+v, want %d", more, code, h, want)
		}
		if got := status(t, http.DefaultClient, "http://"+s.Metrics+"/livez"); got != http.StatusOK {
			t.Errorf("%q: livez %d", more, got)
		}
	}
	if _, h := ready(t, started(t, configured(t, basics))); h.Metadata != nil {
		t.Errorf("without sources: %+v", h)
	}
}

func TestMetadataSources(t *testing.T) {
	service := mdstest.New(t, time.Now())
	roots := mdstest.File(t, "roots.pem", mdstest.PEM(service.Root.Cert))
	statement, err := json.Marshal(mdstest.Statement(keyModel, "A key"))
	check(t, err)
	file := mdstest.File(t, "key.json", statement)
	good := func() []config.Metadata {
		return []config.Metadata{
			{Name: "fido", URL: service.URL, RootsFile: roots, CRLFiles: []string{"a"}, RefuseOutdated: true, Grace: time.Hour},
			{Name: "lab", Statements: filepath.Dir(file)},
		}
	}
	tests := []struct {
		name  string
		spoil func([]config.Metadata)
		says  string
	}{
		{"untouched", func([]config.Metadata) {}, ""},
		{"no roots", func(m []config.Metadata) { m[0].RootsFile = file + ".pem" }, "metadata[0].roots-file"},
		{"roots that are none", func(m []config.Metadata) { m[0].RootsFile = file }, "metadata[0].roots-file"},
		{"no statements", func(m []config.Metadata) { m[1].Statements = filepath.Dir(roots) }, "metadata[1].statements"},
	}
	for _, tt := range tests {
		cfg := configured(t, basics)
		cfg.Metadata = good()
		tt.spoil(cfg.Metadata)
		a := &App{config: cfg, log: NewLog(t.Output(), cfg.Log)}
		sources, err := a.metadataSources()
		if (err == nil) != (tt.says == "") || err != nil && !strings.HasPrefix(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		}
		if err == nil && (len(sources) != 2 || !sources[0].RefuseOutdated || sources[0].Grace != time.Hour ||
			!slices.Equal(sources[0].CRLFiles, []string{"a"}) || len(sources[0].Roots) != 1 || len(sources[1].Own.Entries) != 1) {
			t.Errorf("%s: %+v", tt.name, sources)
		}
	}
}
