package e2e

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// notReplayed is the one case of the standard that cannot be accepted behind a front, by
// its id: why, and with which words it is refused.
const (
	notReplayed        = "w3c-l3/tpm-es256/registration"
	notReplayedWhy     = "its manufacturer, id:00000000, is in no registry, and a server takes those of the registry alone"
	notReplayedRefusal = "policy.extraTpmVendors cannot be imported"
)

// noCeremonies are the files beside the pairs of a registration and an authentication.
var noCeremonies = map[string]string{
	"attestation-root.json": "the certificate that the examples chain to, which their own policies name",
	"prf.json":              "the arithmetic of the prf extension, which is the client's; a server sees none of it",
}

// TestReplayThroughOneWelcome has every example of the standard judged behind that front,
// which finds each ceremony by its challenge alone. Every example has a server of its own,
// since each wants the relying party set up in another way.
func TestReplayThroughOneWelcome(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(vectorsDir(), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		vectorCases(t, "none-es256.json") // says what is missing
	}
	accepted, refused := 0, 0
	for _, path := range files {
		file := filepath.Base(path)
		if why := noCeremonies[file]; why != "" {
			t.Logf("%s has no ceremonies: %s", file, why)
			continue
		}
		cases := vectorCases(t, file)
		s := startOn(t, "", replayOneWelcome, "--test-data")
		for _, c := range cases {
			id, _ := c["id"].(string)
			t.Run(id, func(t *testing.T) {
				if id == notReplayed {
					t.Log(notReplayedWhy)
					if res := importCase(t, s, c); res.code != 1 || !strings.Contains(res.stderr, notReplayedRefusal) {
						t.Errorf("import: exit %d: %s%s", res.code, res.stdout, res.stderr)
					}
					refused++
					return
				}
				acceptedBehindOneWelcome(t, s, c)
				accepted++
			})
		}
		s.stop()
	}
	if accepted < 29 || refused != 1 {
		t.Errorf("%d cases of %s were accepted and %d refused", accepted, filepath.Base(vectorsDir()), refused)
	}
}

const replayOneWelcome = `
tenants:
  - name: acme
    clients: [ { id: shop, key: the-shop-key-0123456789abcdef012345, scopes: [ admin ] } ]
fronts:
  onewelcome: {}
`

// importCase opens the ceremony of a case anew.
func importCase(t *testing.T, s *server, c map[string]any) result {
	t.Helper()
	return run(t, bestow(), s.env(), string(encodeLine(t, c)), "--config", s.file(), "--json", "ceremony", "import")
}

func acceptedBehindOneWelcome(t *testing.T, s *server, c map[string]any) {
	t.Helper()
	if run(t, bestow(), nil, string(encodeLine(t, c)), "verify").code != 0 {
		t.Fatal("verify does not accept it")
	}
	imported := importCase(t, s, c)
	var made struct{ Kind string }
	if err := json.Unmarshal([]byte(imported.stdout), &made); err != nil || imported.code != 0 {
		t.Fatalf("import: exit %d: %s%s", imported.code, imported.stdout, imported.stderr)
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
}
