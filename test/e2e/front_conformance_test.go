package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bestow.dev/ctap/softkey"
)

const conformanceConfig = `
tenants:
  - name: lab
    relying-parties: [ { id: shop.example, name: Conformance lab } ]
    clients: [ { id: idm, key: ` + apiSecret + `, scopes: [ admin ] } ]
metadata:
  - { name: tool, statements: %s }
fronts:
  conformance: { enabled: true, relying-party: shop.example }
`

// conformanceTool calls as the conformance tests do.
type conformanceTool struct {
	*shop
	user string
}

// post calls an endpoint and returns its answer, which has the form that all have.
func (c *conformanceTool) post(path string, body any) map[string]any {
	c.t.Helper()
	status, text, err := c.s.do(request{"POST", "/conformance" + path, nil, body})
	if err != nil {
		c.t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		c.t.Fatalf("%s: %d %s", path, status, text)
	}
	message, _ := answer["errorMessage"].(string)
	if good := answer["status"] == "ok"; good != (status == 200) || good != (message == "") || !good && status != 400 {
		c.t.Fatalf("%s: %d %s", path, status, text)
	}
	return answer
}

// good fails unless a call goes well; refused unless it is refused with this code.
func (c *conformanceTool) good(path string, body any) map[string]any {
	c.t.Helper()
	answer := c.post(path, body)
	if answer["status"] != "ok" {
		c.t.Fatalf("%s: %v", path, answer)
	}
	return answer
}

func (c *conformanceTool) refused(code, path string, body any) {
	c.t.Helper()
	if answer := c.post(path, body); !strings.HasPrefix(fmt.Sprint(answer["errorMessage"]), code+": ") {
		c.t.Errorf("%s: %v, want %s", path, answer, code)
	}
}

// begin asks for creation options with direct attestation.
func (c *conformanceTool) begin() map[string]any {
	c.t.Helper()
	return c.good("/attestation/options", map[string]any{
		"username": c.user, "displayName": "Kim Vogel", "attestation": "direct", "extensions": map[string]any{"example.extension": "any text"},
		"authenticatorSelection": map[string]any{"requireResidentKey": false, "userVerification": "required"},
	})
}

func (c *conformanceTool) ask() map[string]any {
	c.t.Helper()
	return c.good("/assertion/options", map[string]any{"username": c.user, "userVerification": "required"})
}

// labStatement writes the statement of the software key's model, with its root.
func labStatement(t *testing.T, key *softkey.Key) string {
	t.Helper()
	id := fmt.Sprintf("%x-%x-%x-%x-%x", softkey.AAGUID[:4], softkey.AAGUID[4:6], softkey.AAGUID[6:8], softkey.AAGUID[8:10], softkey.AAGUID[10:])
	text, err := json.Marshal(map[string]any{
		"legalHeader": "x", "aaguid": id, "description": "Lab key", "authenticatorVersion": 1, "protocolFamily": "fido2", "schema": 3,
		"upv": []any{map[string]any{"major": 1, "minor": 0}}, "authenticationAlgorithms": []string{"secp256r1_ecdsa_sha256_raw"},
		"publicKeyAlgAndEncodings": []string{"cose"}, "attestationTypes": []string{"basic_full"},
		"userVerificationDetails": []any{[]any{map[string]any{"userVerificationMethod": "passcode_external"}}},
		"keyProtection":           []string{"hardware"}, "matcherProtection": []string{"on_chip"}, "tcDisplay": []string{},
		"attestationRootCertificates": []string{base64.StdEncoding.EncodeToString(key.AttestationRoot().Raw)},
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestFrontConformance goes through how a run is prepared, and one of each sort of case,
// by the reference page's sections. The cases themselves are the front's own tests.
func TestFrontConformance(t *testing.T) { onBothEngines(t, frontConformance) }

func frontConformance(t *testing.T, engine string) {
	key := shopKey(t, softkey.AttestPacked)
	s := startOn(t, engine, fmt.Sprintf(conformanceConfig, labStatement(t, key)), "--test-data")
	c := &conformanceTool{&shop{t: t, s: s}, "k3v9"}

	options := c.begin()
	if extensions, _ := options["extensions"].(map[string]any); extensions["example.extension"] != "any text" {
		t.Errorf("3.1: extensions %v", options["extensions"])
	}
	answer := c.create(key, options)
	c.good("/attestation/result", answer)
	c.refused("session.consumed", "/attestation/result", answer)
	excluded, _ := c.begin()["excludeCredentials"].([]any)
	if len(excluded) != 1 || excluded[0].(map[string]any)["id"] != answer["id"] {
		t.Errorf("3.2: excludeCredentials %v", excluded)
	}
	delete(answer, "type")
	c.refused("request.field_missing", "/attestation/result", answer)

	c.good("/assertion/result", c.get(key, c.ask()))
	c.origin = "https://evil.example"
	c.refused("clientdata.origin", "/assertion/result", c.get(key, c.ask()))
	c.origin = ""
	asked := c.ask()
	key.Forge(softkey.Forge{Signature: func(sig []byte) []byte { sig[len(sig)-1] ^= 1; return sig }})
	c.refused("signature.invalid", "/assertion/result", c.get(key, asked))
	key.Forge(softkey.Forge{})

	// 4/1: of another key of that model nobody knows who attests it; of self attestation
	// the statement does not speak.
	other := &conformanceTool{c.shop, "n4d2"}
	other.refused("attestation.chain", "/attestation/result", c.create(shopKey(t, softkey.AttestPacked), other.begin()))
	other.refused("attestation.type_not_allowed", "/attestation/result", c.create(shopKey(t, softkey.AttestSelf), other.begin()))

	c.sharedWithTheAPI(key, answer["id"].(string))
	if log := s.stop(); !strings.Contains(log, "the conformance front is open") {
		t.Error("4/6: the log does not say that the front is open")
	}
}

// sharedWithTheAPI: what was registered here signs in through our own API, and what is
// suspended there is suspended here.
func (c *conformanceTool) sharedWithTheAPI(key *softkey.Key, id string) {
	c.t.Helper()
	ours := basic("idm", apiSecret)
	var begun struct {
		ID        string
		PublicKey map[string]any
	}
	c.s.must(201, request{"POST", "/api/v1/authentications", ours, map[string]any{
		"relyingParty": "shop.example", "user": map[string]any{"name": c.user}, "userVerification": "required",
	}}, &begun)
	var done struct {
		User       struct{ Name, DisplayName string }
		Credential struct{ ID, CredentialID string }
	}
	c.s.must(200, request{"POST", "/api/v1/authentications/" + begun.ID + "/finish", ours, map[string]any{"response": c.get(key, begun.PublicKey)}}, &done)
	if done.User.Name != c.user || done.User.DisplayName != "Kim Vogel" || done.Credential.CredentialID != id {
		c.t.Errorf("signed in: %+v", done)
	}
	asked := c.ask()
	c.s.must(200, request{"PATCH", "/api/v1/credentials/" + done.Credential.ID, ours, map[string]any{"state": "suspended"}}, nil)
	c.refused("credential.suspended", "/assertion/result", c.get(key, asked))
}

// TestFrontConformanceNeedsTestData: without --test-data the server does not start, on a
// database that is used or where there is none, which then is not made.
func TestFrontConformanceNeedsTestData(t *testing.T) {
	key := shopKey(t, softkey.AttestPacked)
	open := fmt.Sprintf(conformanceConfig, labStatement(t, key))
	fresh := &server{t: t, dir: t.TempDir(), config: open, listen: freeAddress(t), flags: []string{"--test-data"}}
	if err := os.WriteFile(fresh.file(), []byte(open), 0o600); err != nil {
		t.Fatal(err)
	}
	if res := run(t, bestow(), fresh.env(), "", "serve", "--config", fresh.file()); res.code == 0 || !strings.Contains(res.stderr, "--test-data") {
		t.Errorf("without a database: exit %d: %s", res.code, res.stderr)
	}
	fresh.start()
	fresh.stop()

	s := start(t, strings.Replace(open, "enabled: true", "enabled: false", 1))
	if status, _, err := s.do(request{"POST", "/conformance/attestation/options", nil, map[string]any{}}); err != nil || status != 404 {
		t.Errorf("closed: %d, %v", status, err)
	}
	s.stop()
	if err := os.WriteFile(s.file(), []byte(open), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{nil, {"--test-data"}} {
		res := run(t, bestow(), s.env(), "", append([]string{"serve", "--config", s.file()}, flags...)...)
		if res.code == 0 || !strings.Contains(res.stderr, "--test-data") && !strings.Contains(res.stderr, "test data") {
			t.Errorf("with %v: exit %d: %s", flags, res.code, res.stderr)
		}
	}
}
