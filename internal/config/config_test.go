package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const key = "0123456789abcdef0123456789abcdef"

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNoFile(t *testing.T) {
	c, err := Load(Sources{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:8443" || c.MetricsListen != "127.0.0.1:9090" || c.Log.Format != "text" {
		t.Errorf("defaults: %+v", c)
	}
	if len(c.Tenants) != 1 || c.Tenants[0].RelyingParties[0].ID != "localhost" || len(c.Tenants[0].Clients) != 0 {
		t.Errorf("tenants: %+v", c.Tenants)
	}
	if c.TrustDir != "" {
		t.Errorf("lists that nobody named: %q", c.TrustDir)
	}
	if c.Fronts.Hermod != nil || c.Fronts.DigitalAccess != nil {
		t.Errorf("a front is open that nobody asked for: %+v", c.Fronts)
	}
}

const whole = `
listen: 127.0.0.1:0
public-url: https://id.example.com/
data: ./d
database: ""
tls: { cert-file: c.pem, key-file: /k.pem, ca-file: "" }
metrics-listen: ""
trusted-proxies: [ 10.0.0.0/8, "::1" ]
trust-dir: lists
log: { level: warn, format: json }
tenants:
  - name: acme
    relying-parties:
      - { id: example.com, name: Acme, origins: [ "https://id.example.com" ], challenge-life: 5m, algorithms: [ -7, -8 ] }
    clients:
      - { id: idm, key: ` + key + `, scopes: [ fido.provision, fido.authenticate ] }
fronts:
  digital-access: { tenant: acme, relying-party: example.com, prefix: /rest/v3.0/ }
  hermod:
    uri-base: ""
    callback: { retryDelay: 5 }
    allowedClients:
      - clientId: idm
        key: ` + key + `
        callbackUrl: http://localhost:1/x/
        callbackBasicAuth: "u:p"
        group: smartid
        contentProviderUrl: https://content.example.com
  conformance: { enabled: false }
`

func TestWholeFile(t *testing.T) {
	path := write(t, "bestow.yaml", whole)
	c, err := Load(Sources{File: path, Environ: []string{"BESTOW_LOG__LEVEL=error", "OTHER=1"}, Flags: map[string]any{"listen": "127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(path)
	if c.Data != filepath.Join(dir, "d") || c.TLS.CertFile != filepath.Join(dir, "c.pem") || c.TLS.KeyFile != "/k.pem" {
		t.Errorf("paths are not relative to the file: %q %q %q", c.Data, c.TLS.CertFile, c.TLS.KeyFile)
	}
	if c.TrustDir != filepath.Join(dir, "lists") {
		t.Errorf("trust-dir is not relative to the file: %q", c.TrustDir)
	}
	if c.Listen != "127.0.0.1:1" || c.Log.Level != "error" || c.PublicURL != "https://id.example.com" {
		t.Errorf("listen %q, level %q, url %q", c.Listen, c.Log.Level, c.PublicURL)
	}
	if len(c.TrustedProxies) != 2 || c.TrustedProxies[1].Bits() != 128 {
		t.Errorf("trusted proxies: %v", c.TrustedProxies)
	}
	if rp := c.Tenants[0].RelyingParties[0]; rp.ChallengeLife != 5*time.Minute || len(rp.Algorithms) != 2 {
		t.Errorf("relying party: %+v", rp)
	}
	h := c.Fronts.Hermod
	if h.Tenant != "acme" || h.Callback.Attempts != 1 || h.Callback.RetryDelay != 5 || !h.REST.HideExceptions || h.URIBase != "" {
		t.Errorf("hermod: %+v", h)
	}
	if cl := h.AllowedClients[0]; cl.CallbackURL != "http://localhost:1/x" || cl.CallbackBasicAuth != "u:p" || len(cl.Keys) != 1 {
		t.Errorf("hermod client: %+v", cl)
	}
	if c.Fronts.DigitalAccess.Prefix != "/rest/v3.0" {
		t.Errorf("prefix: %q", c.Fronts.DigitalAccess.Prefix)
	}
}

func TestRefused(t *testing.T) {
	tests := []struct {
		name, old, new, want string
	}{
		{"untouched", "", "", ""},
		{"unknown key", "data: ./d", "dta: ./d", "dta"},
		{"unknown key deep", "group: smartid", "grup: smartid", "grup"},
		{"unknown key in a relying party", "name: Acme", "nmae: Acme", "nmae"},
		{"both spellings", "group: smartid", "client-id: idm", "both spellings"},
		{"short key", "key: " + key + "\n        callbackUrl", "key: short\n        callbackUrl", "allowed-clients[0].key"},
		{"no key", "key: " + key + ", scopes", "scopes", "clients[0].key"},
		{"unknown scope", "fido.authenticate", "fido.everything", "fido.everything"},
		{"plain public-url", "https://id.example.com/", "http://id.example.com/", "public-url"},
		{"duration without unit", "5m", "300", "unit"},
		{"bad level", "level: warn", "level: loud", "log.level"},
		{"bad network", "10.0.0.0/8", "10.0.0.0/99", "network"},
		{"unknown relying party", "relying-party: example.com", "relying-party: example.org", "fronts.digital-access.relying-party"},
		{"prefix that is not clean", "/rest/v3.0", "/rest//v3.0", "fronts.digital-access.prefix"},
		{"prefix that leads upward", "/rest/v3.0", "/rest/../x", "fronts.digital-access.prefix"},
		{"prefix with a blank", "/rest/v3.0", "/rest%20x", "fronts.digital-access.prefix"},
		{"prefix over our own API", "/rest/v3.0", "/api/v1", "fronts.digital-access.prefix"},
		{"uri-base over our own pages", `uri-base: ""`, "uri-base: /enrol/x", "fronts.hermod.uri-base"},
		{"public-url with a password", "https://id.example.com/", "https://u:secret@id.example.com/", "public-url"},
		{"a secret where a list is wanted", "callbackBasicAuth: \"u:p\"", "callbackBasicAuth: [ secret ]", "callback-basic-auth"},
		{"zero attempts", "retryDelay: 5", "attempts: 0", "callback"},
		{"half a certificate", "cert-file: c.pem, ", "", "tls"},
		{"other database", `database: ""`, `database: "mysql://u:secret@h/d"`, "database"},
		{"public-url of no box", "uri-base: \"\"", "public-url: https://msg.example.com/x", "fronts.hermod.public-url"},
		{"onewelcome of nobody", "conformance: { enabled: false }", "onewelcome: { tenant: nobody }", "fronts.onewelcome.tenant"},
		{"onewelcome for nobody", "conformance: { enabled: false }", "onewelcome: { relying-party: example.org }", "fronts.onewelcome.relying-party"},
		{"onewelcome nowhere", "conformance: { enabled: false }", "onewelcome: { prefix: / }", "fronts.onewelcome.prefix"},
		{"onewelcome over our own API", "conformance: { enabled: false }", "onewelcome: { prefix: /api/v1 }", "fronts.onewelcome.prefix"},
		{"onewelcome over another front", "conformance: { enabled: false }", "onewelcome: { prefix: /rest/v3.0/fido }", "fronts.onewelcome.prefix"},
		{"conformance for nobody", "conformance: { enabled: false }", "conformance: { enabled: true, relying-party: example.org }", "fronts.conformance.relying-party"},
		{"conformance over our own API", "conformance: { enabled: false }", "conformance: { enabled: true, relying-party: example.com, prefix: /api/v1 }", "fronts.conformance.prefix"},
		{"conformance over another front", "conformance: { enabled: false }", "onewelcome: {}\n  conformance: { enabled: true, relying-party: example.com, prefix: /fido/v1 }", "fronts.conformance.prefix"},
		{"nevis without relying party", "conformance: { enabled: false }", "nevis: { tenant: acme }", "fronts.nevis.relying-party"},
		{"callback with user", "http://localhost:1/x/", "http://u:p@localhost:1/x/", "callback-url"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(whole, tt.old, tt.new, 1)
			if tt.old != "" && text == whole {
				t.Fatalf("%q is not in the file", tt.old)
			}
			_, err := Load(Sources{File: write(t, "bestow.yaml", text), Environ: []string{"BESTOW_LOG__FORMAT=text"}})
			switch {
			case tt.want == "" && err != nil:
				t.Fatalf("refused: %v", err)
			case tt.want != "" && err == nil:
				t.Fatal("accepted")
			case tt.want != "" && !strings.Contains(err.Error(), tt.want):
				t.Errorf("error %q does not name %q", err, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), key) || strings.Contains(err.Error(), "secret")) {
				t.Errorf("the error quotes a secret: %v", err)
			}
		})
	}
}

// A file of keys that is named by mistake is not repeated.
func TestKeyFileAsConfiguration(t *testing.T) {
	_, err := Load(Sources{File: write(t, "keys", "secretsecretsecretsecretsecretsecretsecret\n")})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestListInEnvironment(t *testing.T) {
	c, err := Load(Sources{Environ: []string{"BESTOW_TRUSTED_PROXIES=10.0.0.0/8,::1", "BESTOW_TEST_POSTGRES_FSYNC=on"}})
	if err != nil || len(c.TrustedProxies) != 2 {
		t.Errorf("proxies %v, error %v", c, err)
	}
}

func TestUnknownEnvironment(t *testing.T) {
	_, err := Load(Sources{Environ: []string{"BESTOW_LISTN=127.0.0.1:1"}})
	if err == nil || !strings.Contains(err.Error(), "listn") {
		t.Errorf("got %v, want an error that names the key", err)
	}
}

func TestKeyFileWithTwoKeys(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "idm"), []byte("# new, then old\n"+key+"new\n"+key+"old\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "b.yaml")
	text := strings.Replace(whole, "id: idm, key: "+key, "id: idm, key-file: idm", 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(Sources{File: file})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Tenants[0].Clients[0].Keys; len(got) != 2 || got[0] != key+"new" {
		t.Errorf("keys: %d, first right: %v", len(got), len(got) > 0 && got[0] == key+"new")
	}
}

// No list of extensions means the default, an empty one means none.
func TestExtensionsAbsentAndEmpty(t *testing.T) {
	for text, none := range map[string]bool{"": true, "registration-extensions: []": false} {
		c, err := Load(Sources{File: write(t, "bestow.yaml", "tenants:\n  - name: acme\n    relying-parties:\n      - id: example.com\n        "+text+"\n")})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Tenants[0].RelyingParties[0].RegistrationExtensions; (got == nil) != none || len(got) != 0 {
			t.Errorf("%q: got %#v", text, got)
		}
	}
}
