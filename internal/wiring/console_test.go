package wiring

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
)

// twoTenants has relying parties of which one may be used at the public URL in each.
const twoTenants = `
listen: 127.0.0.1:0
metrics-listen: ""
public-url: https://ID.example.com:443
data: data
tenants:
  - name: acme
    relying-parties: [ { id: shop.example }, { id: id.example.com } ]
  - name: beta
    relying-parties: [ { id: example.com }, { id: other.example } ]
  - name: none
    relying-parties: [ { id: none.example } ]
`

func TestConsoleRelyingParty(t *testing.T) {
	origins := strings.NewReplacer("id: id.example.com", `id: id.example.com, origins: [ "https://id.example.com" ]`,
		"id: example.com", `id: example.com, origins: [ "https://id.example.com" ]`).Replace(twoTenants)
	tests := []struct{ name, console, want, fault string }{
		{"found", "", "acme id.example.com", ""},
		{"of a tenant", "{ tenant: beta }", "beta example.com", ""},
		{"both", "{ tenant: beta, relying-party: example.com }", "beta example.com", ""},
		{"no such tenant", "{ tenant: gamma }", "", `console.tenant: there is no tenant "gamma"`},
		{"tenant without one of this address", "{ tenant: none }", "", "console.tenant: no relying party of tenant none has https://id.example.com"},
		{"whose", "{ relying-party: example.com }", "", "console.tenant: is missing"},
		{"no such relying party", "{ tenant: acme, relying-party: example.com }", "", `console.relying-party: tenant acme has no relying party "example.com"`},
		{"of another address", "{ tenant: beta, relying-party: other.example }", "", "console.relying-party: other.example does not have https://id.example.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			yaml := origins
			if tt.console != "" {
				yaml += "console: " + tt.console + "\n"
			}
			app, err := Open(t.Context(), configured(t, yaml), Options{Log: slog.New(slog.DiscardHandler)})
			check(t, err)
			defer app.Close()
			rp, err := app.ConsoleRelyingParty(t.Context())
			if got := strings.TrimSpace(rp.Tenant + " " + rp.ID); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if (err == nil) != (tt.fault == "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("got %v, want %q", err, tt.fault)
			}
		})
	}

	// One that the database defines, of the only tenant.
	app, err := Open(t.Context(), configured(t, basics+"console: { relying-party: login.localhost }\n"), Options{Log: slog.New(slog.DiscardHandler), URL: "https://login.localhost:8443"})
	check(t, err)
	defer app.Close()
	by := tenant.Authority{Tenant: "acme", Actor: audit.Actor{Kind: audit.Operator, ID: "local:root"}, Scopes: []tenant.Scope{tenant.ScopeAdmin}}
	_, err = app.Directory.PutRelyingParty(t.Context(), by, tenant.RelyingParty{ID: "login.localhost", Origins: []string{"https://login.localhost:8443"}})
	check(t, err)
	if rp, err := app.ConsoleRelyingParty(t.Context()); err != nil || rp.Tenant != "acme" || rp.ID != "login.localhost" {
		t.Errorf("got %+v, %v", rp, err)
	}
}

func TestConsoleIsServed(t *testing.T) {
	cfg := configured(t, basics)
	s := started(t, cfg)
	c := trusting(t, cfg)
	for path, says := range map[string]string{
		"/console": "Sign in with a passkey", "/console/users": "Sign in with a passkey", "/assets/passkey.js": "export async function get",
	} {
		r, err := c.Get(s.URL + path)
		check(t, err)
		text, err := io.ReadAll(r.Body)
		r.Body.Close()
		check(t, err)
		if r.StatusCode != http.StatusOK || !strings.Contains(string(text), says) {
			t.Errorf("%s: %d %s", path, r.StatusCode, text)
		}
	}

	_, err := Start(t.Context(), configured(t, basics+"console: { relying-party: nobody.example }\n"), slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "console.relying-party") {
		t.Errorf("a bad value does not stop the start: %v", err)
	}
}
