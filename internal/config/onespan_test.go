package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/config"
)

func TestOneSpan(t *testing.T) {
	const good = `
tenants:
  - { name: acme, relying-parties: [ { id: example.com } ] }
  - { name: globex, relying-parties: [ { id: globex.example } ] }
fronts:
  onespan:
    tenant: acme
    relying-party: made-later.example
    domains: [ branch ]
    more-tenants: [ { tenant: globex, relying-party: globex.example, default-domain: globex, require-recent-login: 10m } ]
`
	load := func(text string) (*config.Config, error) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "bestow.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return config.Load(config.Sources{File: file})
	}
	c, err := load(good)
	if err != nil {
		t.Fatal(err)
	}
	o := c.Fronts.OneSpan
	if o.Prefix != "/v1" || o.DefaultDomain != "master" || o.MoreTenants[0].DefaultDomain != "globex" || o.MoreTenants[0].RequireRecentLogin != 10*time.Minute {
		t.Errorf("got %+v", o)
	}
	for _, tt := range []struct{ name, old, new, want string }{
		{"unknown tenant", "tenant: acme", "tenant: nobody", "fronts.onespan.tenant"},
		{"no relying party", "relying-party: made-later.example", "prefix: /v1", "fronts.onespan.relying-party"},
		{"a tenant twice", "{ tenant: globex, ", "{ tenant: acme, ", "fronts.onespan.more-tenants[0].tenant"},
		{"a domain twice", "domains: [ branch ]", "domains: [ Master ]", "fronts.onespan.domains"},
		{"a domain with an @", "domains: [ branch ]", `domains: [ "a@b" ]`, "fronts.onespan.domains"},
		{"no prefix", "domains: [ branch ]", "prefix: /", "fronts.onespan.prefix"},
		{"our own prefix", "domains: [ branch ]", "prefix: /api/v1", "fronts.onespan.prefix"},
		{"a login in the future", "require-recent-login: 10m", "require-recent-login: -1s", "fronts.onespan.more-tenants[0].require-recent-login"},
	} {
		if _, err := load(strings.Replace(good, tt.old, tt.new, 1)); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v, want one about %s", tt.name, err, tt.want)
		}
	}
}
