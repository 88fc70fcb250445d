package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Point 10: a nevisfido.yml as it is found, with a property that nobody knows and a
// passphrase that a command would print. The relying party comes from it alone.
func TestNevisfidoFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "nevisfido.yml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const good = `
server: { protocol: https, port: 9443, connection-timeout: 30s, tls: { keystore-passphrase: "${exec:false}" } }
fido2:
  enabled: true
  rp-id: id.example.org
  rp-name: "${env:HOME}"
  origins: [ "https://login.id.example.org" ]
  signature-algorithms: [ ES256, EdDSA ]
  timeout: { user-verification: 3m, no-user-verification: 90 }
  colour: blue
session-repository: { type: sql, dsn: "${env:NOBODY_SET_THIS}" }
`
	write(good)
	s := startOn(t, "", fmt.Sprintf(`
tenants:
  - name: acme
    clients: [ { id: nevisauth, key: %s, scopes: [ users.write, fido.provision, fido.authenticate ] } ]
fronts: { nevis: { nevisfido-file: %s } }
`, apiSecret, file))
	n := &nevisServer{server: s, caller: basic("nevisauth", apiSecret)}
	n.hasUser("ada")
	options := n.good("/attestation/options", registering("ada"))
	rp, _ := options["rp"].(map[string]any)
	params, _ := options["pubKeyCredParams"].([]any)
	if rp["id"] != "id.example.org" || rp["name"] != s.dir || options["timeout"] != float64(90_000) || len(params) != 2 {
		t.Errorf("options: %v", options)
	}
	s.kill()
	for _, name := range []string{"fido2.colour", "server.port", "server.tls.keystore-passphrase", "session-repository.dsn"} {
		if !strings.Contains(s.log.String(), name) {
			t.Errorf("the log does not tell of %s:\n%s", name, s.log)
		}
	}

	for what, text := range map[string]string{
		"fido2.signature-algorithms": strings.Replace(good, "EdDSA", "RS1", 1),
		"server.port":                strings.Replace(good, "9443", "many", 1),
		"fido2.rp-id":                strings.Replace(good, "id.example.org", `"${exec:echo id.example.org}"`, 1),
	} {
		write(text)
		if res := run(t, bestow(), s.env(), "", "serve", "--config", s.file()); res.code != 2 || !strings.Contains(res.stderr, what) {
			t.Errorf("%s: exit %d: %s", what, res.code, res.stderr)
		}
	}
}
