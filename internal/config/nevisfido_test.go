package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// theirs is a nevisfido.yml as it is found at an installation.
const theirs = `
server: { protocol: https, host: 0.0.0.0, port: "${env:PORT}", connection-timeout: 30,
          tls: { keystore: /etc/fido/tls.p12, keystore-passphrase: "${exec:cat /etc/secret}", keystore-type: pkcs12, require-client-auth: true } }
management: { server: { port: 9189 }, healthchecks: { type: custom } }
fido2:
  enabled: true
  rp-id: "id.${env:DOMAIN}"
  rp-name: Example Org
  origins: [ "https://login.id.${env:DOMAIN}" ]
  signature-algorithms: [ ES256, EdDSA ]
  timeout: { user-verification: 5m, no-user-verification: 120 }
  metadata: { path: /etc/fido/metadata }
fido-uaf: { enabled: false }
credential-repository: { type: nevisidm, rest-url: "https://idm.internal:8989/nevisidm", client-id: 100, user-attribute: extId }
session-repository: { type: sql, dsn: "${env:NOT_THERE}" }
somebody.else: 1
`

var environ = []string{"PORT=9443", "DOMAIN=example.org"}

// beside writes a nevisfido.yml, and a file of ours that names it.
func beside(t *testing.T, theirs, ours string) Sources {
	t.Helper()
	path := write(t, "bestow.yaml", ours)
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "nevisfido.yml"), []byte(theirs), 0o600); err != nil {
		t.Fatal(err)
	}
	return Sources{File: path, Environ: environ}
}

func TestNevisfido(t *testing.T) {
	c, err := Load(beside(t, theirs, `
tenants: [ { name: acme, relying-parties: [ { id: other.example } ] } ]
fronts: { nevis: { nevisfido-file: nevisfido.yml, idm: {} } }
`))
	if err != nil {
		t.Fatal(err)
	}
	n := c.Fronts.Nevis
	if n.Tenant != "acme" || n.RelyingParty != "id.example.org" || n.UserAttribute != "id" || n.Prefix != "/nevisfido" {
		t.Errorf("front: %+v", n)
	}
	if n.Timeout.UserVerification != 5*time.Minute || n.Timeout.NoUserVerification != 2*time.Minute {
		t.Errorf("timeout: %+v", n.Timeout)
	}
	if n.IDM == nil || n.IDM.ClientExtID != "100" || n.Management == nil || n.Management.Listen != "127.0.0.1:9189" {
		t.Errorf("idm: %+v, management: %+v", n.IDM, n.Management)
	}
	want := RelyingParty{ID: "id.example.org", Name: "Example Org", Origins: []string{"https://login.id.example.org"}, Algorithms: []int32{-7, -8}}
	if got := c.Tenants[0].RelyingParties; len(got) != 2 || !reflect.DeepEqual(got[1], want) {
		t.Errorf("relying parties: %+v", got)
	}
	for _, name := range nevisfidoUsed {
		if slices.Contains(n.Nevisfido.Unused, name) {
			t.Errorf("%s is used", name)
		}
	}
	for _, name := range []string{
		"somebody.else", "server.tls.keystore-passphrase", "session-repository.dsn", "server.port", "fido2.metadata.path",
		"management.healthchecks.type", "fido-uaf.enabled", "credential-repository.rest-url",
	} {
		if !slices.Contains(n.Nevisfido.Unused, name) {
			t.Errorf("%s is not told of: %v", name, n.Nevisfido.Unused)
		}
	}
}

// What our own file says counts, and parts of the front that it does not open stay closed.
func TestNevisfidoBelowOurs(t *testing.T) {
	c, err := Load(beside(t, strings.ReplaceAll(theirs, "user-attribute: extId", "user-attribute: email"), `
tenants: [ { name: acme, relying-parties: [ { id: id.example.org, name: Example Org, algorithms: [ -7, -8 ], timeout: 3m } ] } ]
fronts: { nevis: { nevisfido-file: nevisfido.yml, user-attribute: name, timeout: { user-verification: 1m }, management: { listen: "127.0.0.1:1" } } }
`))
	if err != nil {
		t.Fatal(err)
	}
	n := c.Fronts.Nevis
	if n.UserAttribute != "name" || n.Timeout.UserVerification != time.Minute || n.Timeout.NoUserVerification != 2*time.Minute ||
		n.Management.Listen != "127.0.0.1:1" || n.IDM != nil || !slices.Contains(n.Nevisfido.Unused, "credential-repository.client-id") {
		t.Errorf("front: %+v", n)
	}
	rp := c.Tenants[0].RelyingParties[0]
	if rp.Timeout != 3*time.Minute || !slices.Equal(rp.Origins, []string{"https://login.id.example.org"}) {
		t.Errorf("relying party: %+v", rp)
	}
}

func TestNevisfidoExec(t *testing.T) {
	const text = `fido2: { rp-id: "${exec:echo id.example.org}" }`
	c, err := Load(beside(t, text, `fronts: { nevis: { nevisfido-file: nevisfido.yml, nevisfido-exec: true } }`))
	if err != nil || c.Fronts.Nevis.RelyingParty != "id.example.org" {
		t.Errorf("run: %+v, %v", c, err)
	}
	_, err = Load(beside(t, `fido2: { rp-id: "${exec:echo not to be told; exit 3}" }`, `fronts: { nevis: { nevisfido-file: nevisfido.yml, nevisfido-exec: true } }`))
	if err == nil || !strings.Contains(err.Error(), "fido2.rp-id") || !strings.Contains(err.Error(), "exit status 3") || strings.Contains(err.Error(), "not to be told") {
		t.Errorf("a command that fails: %v", err)
	}
}

// What a variable holds may be a list, and is no placeholder.
func TestNevisfidoVariables(t *testing.T) {
	from := beside(t, `fido2: { rp-id: id.example.org, origins: "${env:O}", rp-name: "${env:N}" }`,
		`fronts: { nevis: { nevisfido-file: nevisfido.yml, nevisfido-exec: true } }`)
	from.Environ = []string{"O=https://a.id.example.org,https://b.id.example.org", "N=${exec:echo injected}"}
	c, err := Load(from)
	if err != nil {
		t.Fatal(err)
	}
	said := c.Fronts.Nevis.Nevisfido.RelyingParty
	if !slices.Equal(said.Origins, []string{"https://a.id.example.org", "https://b.id.example.org"}) || said.Name != "${exec:echo injected}" {
		t.Errorf("got %+v", said)
	}
	c, err = Load(beside(t, `fido2: { rp-id: id.example.org, origins: [ "https://b.id.example.org", "https://a.id.example.org" ] }`,
		`tenants: [ { name: acme, relying-parties: [ { id: id.example.org, origins: [ "https://a.id.example.org", "https://b.id.example.org" ] } ] } ]
fronts: { nevis: { nevisfido-file: nevisfido.yml } }`))
	if err != nil {
		t.Errorf("origins in another order: %v, %+v", err, c)
	}
}

func TestNevisfidoRefusals(t *testing.T) {
	const ours = `fronts: { nevis: { nevisfido-file: nevisfido.yml } }`
	const rp = `fido2: { rp-id: id.example.org } `
	const party = `tenants: [ { name: acme, relying-parties: [ { id: id.example.org, name: A, origins: [ "https://a.id.example.org" ], algorithms: [ -7 ] } ] } ]` + "\n"
	for name, tt := range map[string]struct{ theirs, ours, want string }{
		"not there":           {rp, `fronts: { nevis: { nevisfido-file: nothing.yml } }`, "fronts.nevis.nevisfido-file: "},
		"no YAML":             {"a: [", ours, "fronts.nevis.nevisfido-file: "},
		"port":                {"server: { port: many }", ours, "server.port"},
		"large port":          {"management: { server: { port: 70000 } }", ours, "management.server.port"},
		"protocol":            {"server: { protocol: ftp }", ours, "server.protocol"},
		"health":              {"management: { healthchecks: { type: mine } }", ours, "management.healthchecks.type"},
		"duration":            {"fido2: { timeout: { user-verification: long } }", ours, "fido2.timeout.user-verification"},
		"negative duration":   {"fido2: { rp-id: id.example.org, timeout: { user-verification: -5m } }", ours, "timeout"},
		"algorithm":           {"fido2: { signature-algorithms: [ RS1 ] }", ours, "fido2.signature-algorithms"},
		"not FIDO2":           {"fido2: { enabled: false }", ours, "fido2.enabled"},
		"no boolean":          {"fido2: { enabled: perhaps }", ours, "fido2.enabled"},
		"attribute":           {rp + "\ncredential-repository: { user-attribute: email }", ours, "credential-repository.user-attribute"},
		"repository":          {"credential-repository: { type: ldap }", ours, "credential-repository.type"},
		"no variable":         {`fido2: { rp-id: "${env:NOT_THERE}" }`, ours, "fido2.rp-id"},
		"command":             {`fido2: { rp-id: "${exec:echo a}" }`, ours, "nevisfido-exec"},
		"command in braces":   {`fido2: { rp-id: "${exec:echo a | awk '{print $1}'}" }`, ours, "brace"},
		"no relying party":    {"fido2: { rp-name: A }", ours, "fronts.nevis.relying-party"},
		"other relying party": {rp, party + `fronts: { nevis: { relying-party: other.example, nevisfido-file: nevisfido.yml } }`, "is not fido2.rp-id"},
		"other name":          {"fido2: { rp-id: id.example.org, rp-name: B }", party + ours, "other name"},
		"other origins":       {`fido2: { rp-id: id.example.org, origins: [ "https://b.id.example.org" ] }`, party + ours, "other origins"},
		"other algorithms":    {`fido2: { rp-id: id.example.org, signature-algorithms: [ ES384 ] }`, party + ours, "other algorithms"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(beside(t, tt.theirs, tt.ours))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	from := beside(t, rp, `fronts: { nevis: { relying-party: localhost } }`)
	from.Environ = []string{"BESTOW_FRONTS__NEVIS__NEVISFIDO_FILE=nevisfido.yml"}
	if _, err := Load(from); err == nil || !strings.Contains(err.Error(), "nevisfido-file") {
		t.Errorf("named by the environment: %v", err)
	}
	from = beside(t, rp, ours)
	for _, other := range []string{"FILE=other.yml", "EXEC=true"} {
		from.Environ = []string{"BESTOW_FRONTS__NEVIS__NEVISFIDO_" + other}
		if _, err := Load(from); err == nil || !strings.Contains(err.Error(), "not by the environment") {
			t.Errorf("%s in the environment: %v", other, err)
		}
	}
}
