package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// replayConfig has a tenant with a client for each example of the standard: all are of
// one relying party, and each wants it set up in another way.
func replayConfig(files []string) string {
	var text strings.Builder
	text.WriteString("tenants:\n")
	for i := range files {
		fmt.Fprintf(&text, "  - name: t%d\n    clients: [ { id: client%d, key: %s, scopes: [ admin ] } ]\n", i, i, apiSecret)
	}
	return text.String()
}

// TestReplay imports every example of the standard into a server on test data and
// sends the recorded answer to its API: what `bestow verify` accepts the server
// accepts, once.
func TestReplay(t *testing.T) { onBothEngines(t, replay) }

func replay(t *testing.T, engine string) {
	files, err := filepath.Glob(filepath.Join(vectorsDir(), "*-*.json"))
	if err != nil {
		t.Fatal(err)
	}
	files = slices.DeleteFunc(files, func(name string) bool { return filepath.Base(name) == "attestation-root.json" })
	if len(files) == 0 {
		vectorCases(t, "none-es256.json") // says what is missing
	}
	s := startOn(t, engine, replayConfig(files), "--test-data")
	var ready struct {
		Status   string
		TestData bool
	}
	s.must(200, request{method: "GET", path: "/readyz"}, &ready)
	if ready.Status != "UP" || !ready.TestData {
		t.Errorf("ready: %+v", ready)
	}
	accepted := 0
	for i, file := range files {
		tenant := fmt.Sprint("t", i)
		for _, c := range vectorCases(t, filepath.Base(file)) {
			t.Run(fmt.Sprint(c["id"]), func(t *testing.T) {
				r := &replayed{s, tenant, basic(fmt.Sprint("client", i), apiSecret), c}
				if r.run(t) {
					accepted++
				}
			})
		}
		var trail struct{ Events int }
		s.verb(&trail, "audit", "verify", "--tenant", tenant)
		if trail.Events == 0 {
			t.Errorf("%s: no events", file)
		}
	}
	t.Logf("%d cases replayed and accepted", accepted)
	if accepted < 25 {
		t.Errorf("only %d cases were accepted", accepted)
	}
	if log := s.stop(); !strings.Contains(log, "THIS IS TEST DATA") {
		t.Errorf("the log does not say that it is test data:\n%s", log)
	}
}

// replayed is a case that is imported into a tenant, and whose answer a client sends.
type replayed struct {
	s      *server
	tenant string
	client http.Header
	doc    map[string]any
}

// run replays the case and reports whether its answer was accepted.
func (r *replayed) run(t *testing.T) bool {
	text := string(encodeLine(t, r.doc))
	args := []string{"--config", r.s.file(), "--json", "ceremony", "import", "--tenant", r.tenant}
	res := run(t, bestow(), r.s.env(), text, args...)
	verdict := run(t, bestow(), nil, text, "verify")
	if expect, _ := r.doc["expect"].(map[string]any); verdict.code != 0 && expect["level"] != "should" {
		t.Fatalf("verify: exit %d: %s", verdict.code, verdict.stdout)
	}
	if member := r.cannotBeImported(verdict.code); member != "" {
		if res.code != 1 || !strings.Contains(res.stderr, "(import.unsupported)") || !strings.Contains(res.stderr, member) {
			t.Errorf("import: exit %d: %s", res.code, res.stderr)
		}
		return false
	}
	var made struct{ ID, Kind, Challenge, RelyingParty, User string }
	if err := json.Unmarshal([]byte(res.stdout), &made); err != nil || res.code != 0 {
		t.Fatalf("import: exit %d: %s%s", res.code, res.stdout, res.stderr)
	}
	options, _ := r.doc["options"].(map[string]any)
	if made.Kind != r.doc["kind"] || made.RelyingParty != "example.org" || made.Challenge != options["challenge"] || made.User == "" {
		t.Errorf("imported %+v", made)
	}

	path := "/api/v1/" + made.Kind + "s/" + made.ID
	good := map[string]int{"registration": 201, "authentication": 200}[made.Kind]
	finish := request{"POST", path + "/finish", r.client, map[string]any{"response": r.doc["response"]}}
	status, body, err := r.s.do(finish)
	if err != nil {
		t.Fatal(err)
	}
	var refusal struct{ Code string }
	switch verdict.code {
	case 0:
		if status != good {
			t.Fatalf("first finish: %d %s, want %d as verify says", status, body, good)
		}
		r.compare(t, body)
	default:
		var v struct{ Reason string }
		if err := json.Unmarshal([]byte(verdict.stdout), &v); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(body, &refusal); err != nil || status != 422 || refusal.Code != "webauthn."+v.Reason {
			t.Errorf("first finish: %d %s, want webauthn.%s as verify says", status, body, v.Reason)
		}
	}
	r.s.must(410, finish, &refusal)
	if refusal.Code != "ceremony.used" {
		t.Errorf("second finish: %s", refusal.Code)
	}
	return verdict.code == 0
}

// cannotBeImported names what keeps the case from being imported, given the exit code
// of its verdict; empty if nothing does.
func (r *replayed) cannotBeImported(verdict int) string {
	policy, _ := r.doc["policy"].(map[string]any)
	if policy["extraTpmVendors"] != nil {
		return "policy.extraTpmVendors"
	}
	if verdict != 0 && r.doc["kind"] == "authentication" {
		return "public key" // of an algorithm that this version does not have
	}
	return ""
}

// compare checks what the API tells of an accepted answer.
func (r *replayed) compare(t *testing.T, body []byte) {
	t.Helper()
	var got struct {
		CredentialID string
		Credential   struct{ CredentialID string }
	}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	id := got.CredentialID + got.Credential.CredentialID
	response, _ := r.doc["response"].(map[string]any)
	if id == "" || id != response["id"] {
		t.Errorf("credential %q, want %v: %s", id, response["id"], body)
	}
}
