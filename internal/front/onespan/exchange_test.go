package onespan_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the exchanges of testdata anew")

// unsteady is what differs from run to run in an exchange, and what stands for it.
var unsteady = []struct {
	is    *regexp.Regexp
	shown string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`((?:challenge|id)\\?":\\?")[A-Za-z0-9_-]{86}(\\?")`), "${1}64-BYTES${2}"},
	{regexp.MustCompile(`[A-Za-z0-9_-]{40,}`), "BYTES"},
	{regexp.MustCompile(`((?:rawId|id)\\?":\\?")[A-Za-z0-9_-]{20,39}`), "${1}BYTES"},
}

// exchange sends q, and holds it with its answer against testdata/exchanges.
func (w *world) exchange(name string, q request) reply {
	w.t.Helper()
	r := w.do(q)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s%s\n", q.method, prefix, q.path)
	if q.body != nil {
		body, err := json.MarshalIndent(q.body, "", "  ")
		check(w.t, err)
		fmt.Fprintf(&b, "Content-Type: application/json\n\n%s\n", body)
	}
	fmt.Fprintf(&b, "\nHTTP %d\nlog-correlation-id: %s\n", r.status, r.header.Get("log-correlation-id"))
	if len(r.body) > 0 {
		var body bytes.Buffer
		check(w.t, json.Indent(&body, bytes.TrimSpace(r.body), "", "  "))
		fmt.Fprintf(&b, "Content-Type: %s\n\n%s\n", r.header.Get("Content-Type"), &body)
	}
	text := b.String()
	for _, u := range unsteady {
		text = u.is.ReplaceAllString(text, u.shown)
	}
	file := filepath.Join("testdata", "exchanges", name+".http")
	if *update {
		check(w.t, os.MkdirAll(filepath.Dir(file), 0o755))
		check(w.t, os.WriteFile(file, []byte(text), 0o644))
	}
	want, err := os.ReadFile(file)
	check(w.t, err)
	if text != string(want) {
		w.t.Errorf("%s:\n%s\nwant\n%s", name, text, want)
	}
	return r
}

// Every call with its answer, as clients see them.
func TestExchanges(t *testing.T) {
	w := newWorld(t)
	w.user("mira.koch")
	d := newDesk(t)
	path := func(call string) string { return "/users/mira.koch@northbank/" + call }
	text := func(v any) string {
		b, err := json.Marshal(v)
		check(t, err)
		return string(b)
	}
	r := w.exchange("01-generate-registration", request{method: "POST", path: path("generate-fido-registration-request"), body: map[string]any{
		"fidoProtocol": "FIDO2", "displayName": "Mira Koch", "attestation": "none", "registrationName": "Blue key",
		"authenticatorSelection": map[string]any{"authenticatorAttachment": "cross-platform", "userVerification": "required", "requireResidentKey": true},
	}})
	answer := d.create(t, json.RawMessage(r.member("registrationRequest").(string)))
	register := request{method: "POST", path: path("register-fido-device"), body: map[string]any{
		"fidoProtocol": "FIDO2", "requestID": r.member("requestID"), "registrationResponse": text(answer),
	}}
	r = w.exchange("02-register", register)
	registration, _ := r.member("registrationID").(string)
	w.exchange("03-register-again", register)
	r = w.exchange("04-generate-registration-excludes", request{method: "POST", path: path("generate-fido-registration-request"), body: fido2()})
	w.Later(301 * time.Second)
	w.exchange("05-register-expired", request{method: "POST", path: path("register-fido-device"), body: map[string]any{
		"fidoProtocol": "FIDO2", "requestID": r.member("requestID"), "registrationResponse": text(newDesk(t).create(t, json.RawMessage(r.member("registrationRequest").(string)))),
	}})
	r = w.exchange("06-generate-authentication", request{method: "POST", path: path("generate-fido-authentication-request"), body: fido2()})
	w.exchange("07-login", request{method: "POST", path: path("login"), body: map[string]any{
		"objectType": "LoginInput", "requestID": r.member("requestID"), "fidoAuthentication": fido2(),
		"credentials": map[string]any{"fidoAuthenticator": map[string]any{
			"authenticationResponse": text(d.get(t, json.RawMessage(r.member("authenticationRequest").(string)))),
		}},
	}})
	w.exchange("08-list", request{method: "GET", path: "/fido-registrations?userID=mira.koch"})
	w.exchange("09-rename", request{method: "PATCH", path: "/fido-registrations/" + registration, body: map[string]any{"registrationName": "Red key"}})
	w.exchange("10-delete", request{method: "DELETE", path: "/fido-registrations/" + registration})
	w.exchange("11-delete-again", request{method: "DELETE", path: "/fido-registrations/" + registration})
	w.exchange("12-invalid", request{method: "POST", path: path("generate-fido-registration-request"), body: map[string]any{"fidoProtocol": "fido2", "attestation": "enterprise"}})
	w.exchange("13-unknown-user", request{method: "POST", path: "/users/nobody@northbank/generate-fido-registration-request", body: fido2()})
	w.exchange("14-uaf", request{method: "POST", path: path("generate-fido-registration-request"), body: map[string]any{"fidoProtocol": "UAF11"}})
	w.exchange("15-no-credentials", request{method: "GET", path: "/fido-registrations", as: "nobody"})
	w.exchange("16-put-policy", request{method: "PUT", path: "/fido/policies/hardware", as: "admin", body: map[string]any{
		"name": "hardware", "fido": map[string]any{"fido2": map[string]any{
			"allowSelfAttestation": false, "accepted": []any{map[string]any{"aaguid": []string{bioKey, pinKey}}},
			"disallowed": []any{map[string]any{"keyProtection": []string{"SOFTWARE"}}},
		}},
	}})
	w.exchange("17-get-policy", request{method: "GET", path: "/fido/policies/hardware"})
	w.exchange("18-put-relying-party", request{method: "PUT", path: "/fido/relying-parties/new.northbank.example", as: "admin", body: map[string]any{
		"rpName": "North Bank, new", "origins": []string{"https://new.northbank.example"}, "policyName": "hardware",
	}})
	w.exchange("19-get-relying-party", request{method: "GET", path: "/fido/relying-parties/new.northbank.example"})
	w.exchange("20-transactions", request{method: "POST", path: path("transactions/validate"), body: map[string]any{}})
	w.user("jo@branch")
	w.registered("jo@branch", newDesk(t))
	w.registered("jo@branch", newDesk(t))
	w.exchange("21-list-page", request{method: "GET", path: "/fido-registrations?domain=branch&registrationType=FIDO2&offset=1&limit=1"})
	for range 10 {
		w.begin("jo@branch", fido2())
	}
	w.exchange("22-too-many-open", request{method: "POST", path: "/users/jo@branch/generate-fido-registration-request", body: fido2()})
	if r.status != http.StatusOK {
		t.Errorf("generate: %d", r.status)
	}
}
