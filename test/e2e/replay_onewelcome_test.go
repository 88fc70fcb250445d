package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
)

// TestReplayThroughOneWelcome has the examples of the standard judged behind that front,
// which finds each ceremony by its challenge alone. Every example has a server of its own,
// since each wants the relying party set up in another way.
func TestReplayThroughOneWelcome(t *testing.T) {
	const config = `
tenants:
  - name: acme
    clients: [ { id: shop, key: the-shop-key-0123456789abcdef012345, scopes: [ admin ] } ]
fronts:
  onewelcome: {}
`
	accepted := 0
	for _, file := range []string{
		"none-es256.json", "none-es256-long-credential-id.json", "packed-self-es256.json", "packed-es256.json", "packed-rs256.json",
		"tpm-es256.json", "android-key-es256.json", "apple-es256.json", "fido-u2f-es256.json",
	} {
		cases := vectorCases(t, file)
		s := startOn(t, "", config, "--test-data")
		for _, c := range cases {
			t.Run(fmt.Sprint(c["id"]), func(t *testing.T) {
				text := string(encodeLine(t, c))
				if run(t, bestow(), nil, text, "verify").code != 0 {
					t.Fatal("verify does not accept it")
				}
				res := run(t, bestow(), s.env(), text, "--config", s.file(), "--json", "ceremony", "import")
				var made struct{ ID, Kind string }
				if policy, _ := c["policy"].(map[string]any); policy["extraTpmVendors"] != nil {
					if res.code != 1 {
						t.Errorf("imported: %s", res.stdout)
					}
					return
				}
				if err := json.Unmarshal([]byte(res.stdout), &made); err != nil || res.code != 0 {
					t.Fatalf("import: exit %d: %s%s", res.code, res.stdout, res.stderr)
				}
				path := map[string]string{"registration": "/attestation/verify", "authentication": "/assertion/verify"}[made.Kind]
				send := request{"POST", "/fido/v1" + path, http.Header{"Authorization": {"Bearer the-shop-key-0123456789abcdef012345"}}, c["response"]}
				var answer struct {
					Status, CredentialID string
					Credential           struct{ CredentialID string }
				}
				s.must(200, send, &answer)
				response, _ := c["response"].(map[string]any)
				if id := answer.CredentialID + answer.Credential.CredentialID; answer.Status != "OK" || id != response["id"] {
					t.Errorf("credential %q, want %v", id, response["id"])
				}
				var refusal struct{ Error string }
				s.must(409, send, &refusal)
				if refusal.Error != "ceremony_used" {
					t.Errorf("once more: %+v", refusal)
				}
				accepted++
			})
		}
		s.stop()
	}
	if accepted < 12 {
		t.Errorf("only %d cases of %s were accepted", accepted, filepath.Base(vectorsDir()))
	}
}
