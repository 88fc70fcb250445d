package wellknown_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"bestow.dev/internal/front/wellknown"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

func rp(id string, related ...string) tenant.RelyingParty {
	return tenant.RelyingParty{ID: id, CeremonySettings: tenant.CeremonySettings{RelatedOrigins: related}}
}

func TestRelatedOriginsDocument(t *testing.T) {
	directory, err := tenant.New(t.Context(), storetest.SQLite(t), []tenant.FileTenant{
		{Name: "globex", RelyingParties: []tenant.RelyingParty{rp("example.com", "https://example.co.uk", "https://example.fr")}},
		{Name: "acme", RelyingParties: []tenant.RelyingParty{
			rp("example.com", "https://example.de:8443", "https://example.co.uk"), rp("alone.example"),
		}},
	}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	if err := wellknown.Mount(mux, wellknown.Config{Directory: directory}); err != nil {
		t.Fatal(err)
	}
	door := web.Handler(mux, web.Options{Log: slog.New(slog.DiscardHandler)})

	// Tenants who share an RP ID share the document, by name, and what both have stands once.
	const shared = `{"origins":["https://example.de:8443","https://example.co.uk","https://example.fr"]}` + "\n"
	for _, tt := range []struct {
		method, host string
		status       int
		body         string
	}{
		{"GET", "example.com", http.StatusOK, shared},
		{"GET", "example.com:8443", http.StatusOK, shared},
		{"GET", "EXAMPLE.com", http.StatusOK, shared},
		{"GET", "alone.example", http.StatusNotFound, ""},
		{"GET", "www.example.com", http.StatusNotFound, ""},
		{"GET", "nobody.example", http.StatusNotFound, ""},
		{"GET", "[::1]:8443", http.StatusNotFound, ""},
		{"GET", "", http.StatusNotFound, ""},
		{"POST", "example.com", http.StatusMethodNotAllowed, ""},
	} {
		r := httptest.NewRequestWithContext(t.Context(), tt.method, "/.well-known/webauthn", nil)
		r.Host = tt.host
		w := httptest.NewRecorder()
		door.ServeHTTP(w, r)
		body, _ := io.ReadAll(w.Body)
		if w.Code != tt.status || tt.body != "" && string(body) != tt.body {
			t.Errorf("%s at %q: got %d %s, want %d %s", tt.method, tt.host, w.Code, body, tt.status, tt.body)
		}
		if got := w.Header().Get("Content-Type"); tt.status == http.StatusOK && got != "application/json" {
			t.Errorf("content type %q", got)
		}
	}
}

func TestMountWantsADirectory(t *testing.T) {
	if err := wellknown.Mount(http.NewServeMux(), wellknown.Config{}); err == nil {
		t.Error("mounted without one")
	}
}
