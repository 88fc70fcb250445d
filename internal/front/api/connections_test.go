package api_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// deskKeys is a set of one attestation key.
const deskKeys = `{"keys":[{"kty":"EC","crv":"P-256","kid":"desk","alg":"ES256","use":"sig","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`

// deskToken is our authentication token at another relay.
var deskToken = base64.StdEncoding.EncodeToString([]byte("idm:" + elsewhere))

func TestConnections(t *testing.T) {
	w := newWorld(t)
	path := "/connections/bank%20A%2FB" // a name may hold what a path may not
	made := w.must(http.StatusOK, "admin", "PUT", path, map[string]any{
		"description": "The bank's", "url": "https://localhost:1/da/", "clientId": "idm", "secret": elsewhere,
	}).object(t)
	if made["name"] != "bank A/B" || made["kind"] != "digital-access" || made["url"] != "https://localhost:1/da" || made["clientId"] != "idm" ||
		made["hasSecret"] != true || made["version"] != 1.0 || made["changedBy"] != "client:admin" || made["description"] != "The bank's" {
		t.Errorf("made: %v", made)
	}
	// The secret stays where none is given, and the client and server are the same.
	changed := w.must(http.StatusOK, "admin", "PUT", path, map[string]any{"url": "https://localhost:1/other", "clientId": "idm", "version": 1}).object(t)
	if changed["hasSecret"] != true || changed["version"] != 2.0 || changed["description"] != "" {
		t.Errorf("changed: %v", changed)
	}
	for _, tt := range []struct {
		name   string
		body   map[string]any
		status int
		code   string
		field  string
	}{
		{"older version", map[string]any{"url": "internal:", "version": 1}, http.StatusConflict, "connection.version", ""},
		{"version nought", map[string]any{"url": "internal:", "version": 0}, http.StatusBadRequest, "request.invalid", "version"},
		{"no URL", map[string]any{"clientId": "idm"}, http.StatusBadRequest, "request.invalid", ""},
		{"http", map[string]any{"url": "http://localhost:1", "clientId": "idm"}, http.StatusBadRequest, "connection.invalid", "url"},
		{"another server", map[string]any{"url": "https://other.example.com", "clientId": "idm"}, http.StatusBadRequest, "connection.invalid", "secret"},
		{"another client", map[string]any{"url": "https://localhost:1", "clientId": "eve"}, http.StatusBadRequest, "connection.invalid", "secret"},
		{"kind", map[string]any{"url": "internal:", "kind": "other"}, http.StatusBadRequest, "request.invalid", "kind"},
		{"secret for ourselves", map[string]any{"url": "internal:", "secret": elsewhere}, http.StatusBadRequest, "connection.invalid", "secret"},
		{"unknown member", map[string]any{"url": "internal:", "hasSecret": true}, http.StatusBadRequest, "request.invalid", "hasSecret"},
		{"long description", map[string]any{"url": "internal:", "description": strings.Repeat("x", 10000)}, http.StatusBadRequest, "connection.invalid", "description"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := w.do("admin", "PUT", path, tt.body)
			refused(t, r, tt.status, tt.code)
			if got := r.text(t, "field"); got != tt.field {
				t.Errorf("field %q, want %q", got, tt.field)
			}
			if strings.Contains(string(r.body), elsewhere) {
				t.Errorf("the secret is in the refusal: %s", r.body)
			}
		})
	}
	if c := w.must(http.StatusOK, "admin", "GET", path, nil).object(t); fmt.Sprint(c) != fmt.Sprint(changed) {
		t.Errorf("got %v, want %v", c, changed)
	}

	away := w.must(http.StatusOK, "admin", "POST", path+"/test", nil).object(t)
	if away["reached"] != false || away["letIn"] != false || away["problem"] == nil {
		t.Errorf("nobody is there, and the test says %v", away)
	}
	w.must(http.StatusOK, "admin", "PUT", "/connections/ours", map[string]any{"url": "internal:" + site})
	if ok := w.must(http.StatusOK, "admin", "POST", "/connections/ours/test", nil).object(t); ok["reached"] != true || ok["letIn"] != true || ok["problem"] != nil {
		t.Errorf("our own: %v", ok)
	}
	for _, size := range []string{"1", "100"} {
		if got := w.pages("admin", "/connections", "name", size); !slices.Equal(got, []string{"bank A/B", "ours"}) {
			t.Errorf("in pages of %s: %q", size, got)
		}
	}
	for _, name := range []string{"nothing", "ours"} { // another tenant's is nobody's
		client := map[string]string{"nothing": "admin", "ours": "globex"}[name]
		refused(t, w.do(client, "GET", "/connections/"+name, nil), http.StatusNotFound, "connection.unknown")
		refused(t, w.do(client, "DELETE", "/connections/"+name, nil), http.StatusNotFound, "connection.unknown")
		refused(t, w.do(client, "POST", "/connections/"+name+"/test", nil), http.StatusNotFound, "connection.unknown")
	}
	w.must(http.StatusNoContent, "admin", "DELETE", path, nil)
	refused(t, w.do("admin", "GET", path, nil), http.StatusNotFound, "connection.unknown")
}

func TestMessagingServers(t *testing.T) {
	w := newWorld(t)
	const path = "/messaging-servers/desks"
	body := func(change ...any) map[string]any {
		b := map[string]any{
			"description": "Head office", "url": "https://localhost:1/hermod/rest/command", "token": deskToken,
			"lifespanSeconds": 900, "attestationKeySets": map[string]any{"desk": jsonOf(t, deskKeys)},
		}
		for i := 0; i < len(change); i += 2 {
			b[change[i].(string)] = change[i+1]
		}
		return b
	}
	made := w.must(http.StatusOK, "admin", "PUT", path, body()).object(t)
	if made["name"] != "desks" || made["clientId"] != "idm" || made["hasToken"] != true || made["version"] != 1.0 || made["changedBy"] != "client:admin" ||
		made["lifespanSeconds"] != 900.0 || made["timeoutSeconds"] != 240.0 || made["sessionStartSeconds"] != 10.0 {
		t.Errorf("made: %v", made)
	}
	if sets := made["attestationKeySets"].(map[string]any); fmt.Sprint(sets["desk"]) != fmt.Sprint(jsonOf(t, deskKeys)) {
		t.Errorf("key sets: %v", sets)
	}
	kept := body("version", 1)
	delete(kept, "token")
	changed := w.must(http.StatusOK, "admin", "PUT", path, kept).object(t)
	if changed["hasToken"] != true || changed["clientId"] != "idm" || changed["version"] != 2.0 {
		t.Errorf("changed: %v", changed)
	}
	for _, tt := range []struct {
		name   string
		body   map[string]any
		status int
		code   string
		field  string
	}{
		{"older version", body("version", 1), http.StatusConflict, "connection.version", ""},
		{"no command", body("url", "https://localhost:1/hermod"), http.StatusBadRequest, "messaging_server.invalid", "url"},
		{"no token", body("token", elsewhere), http.StatusBadRequest, "messaging_server.invalid", "token"},
		{"another server", func() map[string]any {
			b := body("url", "https://other.example.com/command")
			delete(b, "token")
			return b
		}(), http.StatusBadRequest, "messaging_server.invalid", "token"},
		{"times", body("timeoutSeconds", 900), http.StatusBadRequest, "messaging_server.invalid", "timeout"},
		{"no time", body("lifespanSeconds", 0), http.StatusBadRequest, "request.invalid", "lifespanSeconds"},
		{"no keys", body("attestationKeySets", map[string]any{"desk": map[string]any{}}), http.StatusBadRequest, "messaging_server.invalid", "attestationKeySets.desk"},
		{"unknown member", body("hasToken", true), http.StatusBadRequest, "request.invalid", "hasToken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := w.do("admin", "PUT", path, tt.body)
			refused(t, r, tt.status, tt.code)
			if got := r.text(t, "field"); got != tt.field {
				t.Errorf("field %q, want %q", got, tt.field)
			}
			if strings.Contains(string(r.body), deskToken) || strings.Contains(string(r.body), elsewhere) {
				t.Errorf("the token is in the refusal: %s", r.body)
			}
		})
	}
	if m := w.must(http.StatusOK, "admin", "GET", path, nil).object(t); fmt.Sprint(m) != fmt.Sprint(changed) {
		t.Errorf("got %v, want %v", m, changed)
	}
	if away := w.must(http.StatusOK, "admin", "POST", path+"/test", nil).object(t); away["reached"] != false || away["problem"] == nil {
		t.Errorf("nobody is there, and the test says %v", away)
	}
	ours := w.must(http.StatusOK, "admin", "PUT", "/messaging-servers/ours", map[string]any{"url": "internal:"}).object(t)
	if ours["hasToken"] != false || fmt.Sprint(ours["attestationKeySets"]) != "map[]" {
		t.Errorf("our own: %v", ours)
	}
	if ok := w.must(http.StatusOK, "admin", "POST", "/messaging-servers/ours/test", nil).object(t); ok["reached"] != true || ok["letIn"] != true || ok["state"] == "" {
		t.Errorf("our own: %v", ok)
	}
	for _, size := range []string{"1", "100"} {
		if got := w.pages("admin", "/messaging-servers", "name", size); !slices.Equal(got, []string{"desks", "ours"}) {
			t.Errorf("in pages of %s: %q", size, got)
		}
	}
	for _, name := range []string{"nothing", "ours"} {
		client := map[string]string{"nothing": "admin", "ours": "globex"}[name]
		refused(t, w.do(client, "GET", "/messaging-servers/"+name, nil), http.StatusNotFound, "messaging_server.unknown")
		refused(t, w.do(client, "DELETE", "/messaging-servers/"+name, nil), http.StatusNotFound, "messaging_server.unknown")
		refused(t, w.do(client, "POST", "/messaging-servers/"+name+"/test", nil), http.StatusNotFound, "messaging_server.unknown")
	}
	w.must(http.StatusNoContent, "admin", "DELETE", path, nil)
	refused(t, w.do("admin", "GET", path, nil), http.StatusNotFound, "messaging_server.unknown")
}

// TestSecretsAreWriteOnly: what was given is in no answer and not in the audit trail.
func TestSecretsAreWriteOnly(t *testing.T) {
	w := newWorld(t)
	connection := map[string]any{"url": "https://localhost:1", "clientId": "idm", "secret": elsewhere}
	server := map[string]any{"url": "https://localhost:1/command", "token": deskToken}
	for _, r := range []reply{
		w.must(http.StatusOK, "admin", "PUT", "/connections/c", connection),
		w.must(http.StatusOK, "admin", "GET", "/connections/c", nil),
		w.must(http.StatusOK, "admin", "GET", "/connections", nil),
		w.must(http.StatusOK, "admin", "POST", "/connections/c/test", nil),
		w.must(http.StatusOK, "admin", "PUT", "/messaging-servers/m", server),
		w.must(http.StatusOK, "admin", "GET", "/messaging-servers/m", nil),
		w.must(http.StatusOK, "admin", "GET", "/messaging-servers", nil),
		w.must(http.StatusOK, "admin", "POST", "/messaging-servers/m/test", nil),
		w.must(http.StatusOK, "admin", "GET", "/audit-events", nil),
	} {
		body := string(r.body)
		if strings.Contains(body, elsewhere) || strings.Contains(body, deskToken) || strings.Contains(body, `"secret":"a`) {
			t.Errorf("a secret is shown: %s", body)
		}
		if r.header.Get("Cache-Control") != "no-store" {
			t.Errorf("may be cached: %s", body)
		}
	}
}
