package digitalaccess_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
)

// The sample of the provisioning flow: options for alice, the answer of a key with
// packed self attestation, and the credential as it is told.
const (
	sampleChallenge = "3WllFCx2gfql08rHrOe56vNfWRtsj6I_HJWK-jYTzNo"
	sampleHandle    = "5dnd1-932tLQczAk4qHuhw"
	sampleOptions   = `{ "challengeExpires": "2026-03-02T10:20:00Z",
		"publicKey": {
			"rp": { "id": "login.example.com", "name": "Example Login" },
			"user": { "id": "5dnd1-932tLQczAk4qHuhw", "name": "alice@example.com", "displayName": "Alice Example" },
			"challenge": "3WllFCx2gfql08rHrOe56vNfWRtsj6I_HJWK-jYTzNo",
			"pubKeyCredParams": [ {"type":"public-key","alg":-7}, {"type":"public-key","alg":-8}, {"type":"public-key","alg":-257} ],
			"timeout": 240000, "excludeCredentials": [],
			"authenticatorSelection": { "authenticatorAttachment": "cross-platform", "residentKey": "required", "requireResidentKey": true, "userVerification": "required" },
			"attestation": "direct" } }`
	sampleAnswer = `{
		"id": "AAKNLD-w71fSc8BUB0t7Hw", "rawId": "AAKNLD-w71fSc8BUB0t7Hw", "type": "public-key",
		"authenticatorAttachment": "cross-platform", "clientExtensionResults": { "credProps": { "rk": true } },
		"response": {
			"clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwiY2hhbGxlbmdlIjoiM1dsbEZDeDJnZnFsMDhySHJPZTU2dk5mV1J0c2o2SV9ISldLLWpZVHpObyIsIm9yaWdpbiI6Imh0dHBzOi8vbG9naW4uZXhhbXBsZS5jb20iLCJjcm9zc09yaWdpbiI6ZmFsc2V9",
			"attestationObject": "o2NmbXRmcGFja2VkZ2F0dFN0bXSiY2FsZyZjc2lnWEcwRQIhAPI0Zrgc3_mfhf5Galc_eXqQk9C5uxMETWUvmYDaRszPAiBWogR4Pj9nfmCNcFJnSU3LqCNzquKUjCcU9FO0L7N8B2hhdXRoRGF0YViUDGygg5w6VoNVeDP2GKJVZmXfKgiJZHh9U4ULStTTvtxFAAAAAZ08Xwp7HkwtimDx4tPEtaYAEAACjSw_sO9X0nPAVAdLex-lAQIDJiABIVggaek_b7e5PMJZecdBM7jAK7gm1OboI8rME7uBG1GQcrsiWCB68khbh0cmHcOoGqb9n_9BX5vkqNByv1XK1YxGCGWs4g",
			"transports": ["usb"], "publicKeyAlgorithm": -7,
			"publicKey": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaek_b7e5PMJZecdBM7jAK7gm1OboI8rME7uBG1GQcrt68khbh0cmHcOoGqb9n_9BX5vkqNByv1XK1YxGCGWs4g" } }`
	sampleStored = `{ "id": "AAKNLD-w71fSc8BUB0t7Hw", "userId": "alice@example.com", "displayName": "Sample Key 5",
		"aaguid": "9d3c5f0a-7b1e-4c2d-8a60-f1e2d3c4b5a6", "alg": -7, "attestation": { "fmt": "packed", "type": "self" },
		"signCount": 1, "transports": ["usb"], "enabled": true, "created": "2026-03-02T10:15:35Z", "provisionedBy": "idm" }`
)

func sameJSON(t *testing.T, got []byte, wanted string) {
	t.Helper()
	var a, b any
	check(t, json.Unmarshal(got, &a))
	check(t, json.Unmarshal([]byte(wanted), &b))
	if !reflect.DeepEqual(a, b) {
		t.Errorf("got  %s\nwant %s", got, wanted)
	}
}

func TestWorkedExample(t *testing.T) {
	w := newWorld(t)
	_, err := w.svc.CreateUser(t.Context(), w.root, credential.NewUser{
		Name: "alice@example.com", DisplayName: "Alice Example", Handle: unb64(t, sampleHandle),
	})
	check(t, err)
	token := w.token("idm")

	w.challenge = unb64(t, sampleChallenge)
	r := w.do(request{method: "GET", path: "/fido/options?userId=alice@example.com", token: token})
	if r.status != http.StatusOK || r.header.Get("Content-Type") != "application/json" || r.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("options: %d %v %s", r.status, r.header, r.body)
	}
	sameJSON(t, r.body, sampleOptions)
	w.challenge = nil

	w.Later(35 * time.Second)
	body := `{"userId":"alice@example.com","displayName":"Sample Key 5","publicKeyCredential":` + sampleAnswer + `}`
	r = w.store(token, body)
	if r.status != http.StatusCreated || r.header.Get("Location") != prefix+"/fido/credentials/AAKNLD-w71fSc8BUB0t7Hw" {
		t.Fatalf("store: %d %v %s", r.status, r.header, r.body)
	}
	sameJSON(t, r.body, sampleStored)

	want(t, w.store(token, body), http.StatusGone, "CHALLENGE_EXPIRED", "challenge_used")

	// A fresh challenge for the same credential: another key takes its place, since
	// nobody has the sample's, and claims its id.
	d := newDesk(t)
	d.Key.Forge(softkey.Forge{AuthData: func(a *softkey.AuthData) { a.CredentialID = unb64(t, "AAKNLD-w71fSc8BUB0t7Hw") }})
	r = w.store(token, map[string]any{"userId": "alice@example.com", "publicKeyCredential": d.Create(t, w.options(token, "alice@example.com"))})
	want(t, r, http.StatusConflict, "CREDENTIAL_EXISTS", "")

	// The next options exclude it.
	var o struct{ ExcludeCredentials []struct{ ID string } }
	check(t, json.Unmarshal(w.options(token, "alice@example.com"), &o))
	if len(o.ExcludeCredentials) != 1 || o.ExcludeCredentials[0].ID != "AAKNLD-w71fSc8BUB0t7Hw" {
		t.Errorf("excluded: %+v", o)
	}
}

// What is registered here can be signed in with at once: the domain knows no
// difference between doors.
func TestLifeOfACredential(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	token := w.token("idm")
	if r := w.do(request{method: "GET", path: "/fido/credentials?userId=alice", token: token}); r.status != http.StatusOK || strings.TrimSpace(string(r.body)) != "[]" {
		t.Errorf("no credentials: %d %s", r.status, r.body)
	}
	r := w.enrolled(token, "alice", newDesk(t))
	path := strings.TrimPrefix(r.header.Get("Location"), prefix)
	id := r.member("id").(string)

	got := w.do(request{method: "GET", path: path, token: token})
	if got.status != http.StatusOK {
		t.Fatalf("get: %d %s", got.status, got.body)
	}
	sameJSON(t, got.body, string(r.body))
	head := w.do(request{method: "HEAD", path: path, token: token})
	if head.status != http.StatusOK || len(head.body) != 0 {
		t.Errorf("head: %d %q", head.status, head.body)
	}

	list := w.do(request{method: "GET", path: "/fido/credentials?userId=ALICE", token: token}) // names know no case
	var entries []map[string]any
	check(t, json.Unmarshal(list.body, &entries))
	wanted := map[string]any{
		"id": id, "displayName": "Sample Key", "aaguid": r.member("aaguid"), "created": "2026-03-02T10:15:00Z", "enabled": true,
	}
	if len(entries) != 1 || !reflect.DeepEqual(entries[0], wanted) {
		t.Errorf("list: %s", list.body)
	}

	changed := w.do(request{method: "PATCH", path: path, token: token, body: map[string]any{"displayName": "Lent key", "enabled": false}})
	if changed.status != http.StatusOK || changed.member("displayName") != "Lent key" || changed.member("enabled") != false {
		t.Errorf("change: %d %s", changed.status, changed.body)
	}
	changed = w.do(request{method: "PATCH", path: path, token: token, body: map[string]any{"enabled": true}})
	if changed.member("displayName") != "Lent key" || changed.member("enabled") != true {
		t.Errorf("change: %d %s", changed.status, changed.body)
	}

	if r := w.do(request{method: "DELETE", path: path, token: token}); r.status != http.StatusNoContent || len(r.body) != 0 {
		t.Errorf("delete: %d %s", r.status, r.body)
	}
	want(t, w.do(request{method: "GET", path: path, token: token}), http.StatusNotFound, "UNKNOWN_CREDENTIAL", "")
	want(t, w.do(request{method: "DELETE", path: path, token: token}), http.StatusNotFound, "UNKNOWN_CREDENTIAL", "")

	var actions []string
	events, err := w.db.AuditEvents(t.Context(), audit.Query{Tenant: "acme", Limit: 100})
	check(t, err)
	for _, e := range events {
		if e.Via == "digitalaccess" {
			actions = append(actions, e.Action)
		}
	}
	if got := strings.Join(actions, " "); got != "client.access_token_issued registration.begun credential.registered "+
		"credential.renamed credential.suspended credential.resumed credential.deleted" {
		t.Errorf("audit: %s", got)
	}
}

// The client says who ordered it; the trail keeps that, and nobody orders their own.
func TestOperator(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	token := w.token("idm")
	ask := func(operator string) reply {
		return w.do(request{
			method: "GET", path: "/fido/options?userId=alice", token: token, header: map[string]string{"Bestow-Operator": operator},
		})
	}
	if r := ask("bob"); r.status != http.StatusOK {
		t.Fatalf("options: %d %s", r.status, r.body)
	}
	events, err := w.db.AuditEvents(t.Context(), audit.Query{Tenant: "acme", Newest: true, Limit: 1})
	check(t, err)
	if e := events[0]; e.Action != "registration.begun" || e.Claimed != "bob" || e.Actor.String() != "client:idm" {
		t.Errorf("event: %+v", e)
	}
	want(t, ask("Alice"), http.StatusForbidden, "FORBIDDEN", "own_registration")
	want(t, ask(strings.Repeat("x", 256)), http.StatusBadRequest, "INVALID_REQUEST", "")
}
