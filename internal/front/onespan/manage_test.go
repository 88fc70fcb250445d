package onespan_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"bestow.dev/internal/credential"
)

func TestList(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"mira.koch", "jo@branch"} {
		w.user(name)
	}
	for range 3 {
		w.registered("mira.koch", newDesk(t))
	}
	w.registered("jo@branch", newDesk(t))
	for _, tt := range []struct {
		query         string
		total, listed int
	}{
		{"", 4, 4},
		{"?userID=mira.koch", 3, 3},
		{"?userID=mira.koch&domain=branch", -1, 0},
		{"?userID=jo&domain=branch", 1, 1},
		{"?userID=nobody", -1, 0},
		{"?domain=branch", 1, 1},
		{"?domain=NORTHBANK", 3, 3},
		{"?domain=nowhere", 0, 0},
		{"?domain=branch&registrationType=UAF11", 0, 0},
		{"?domain=NorthBank&offset=2", 3, 1},
		{"?registrationType=FIDO2", 4, 4},
		{"?registrationType=UAF11", 0, 0},
		{"?offset=1&limit=2", 4, 2},
		{"?offset=3&limit=2", 4, 1},
		{"?offset=9", 4, 0},
	} {
		r := w.do(request{method: "GET", path: "/fido-registrations" + tt.query})
		if tt.total < 0 {
			want(t, r, http.StatusNotFound, "User account not found")
			continue
		}
		var got struct {
			Total             int
			FIDORegistrations []any
		}
		check(t, json.Unmarshal(r.body, &got))
		if r.status != http.StatusOK || got.Total != tt.total || len(got.FIDORegistrations) != tt.listed {
			t.Errorf("%s: %d %s, want %d of %d", tt.query, r.status, r.body, tt.listed, tt.total)
		}
	}
	wantInput(t, w.do(request{method: "GET", path: "/fido-registrations?registrationType=fido2&offset=-1&limit=101"}), "registrationType", "offset", "limit")
	wantInput(t, w.do(request{method: "GET", path: "/fido-registrations?user=x"}), "user")
	wantInput(t, w.do(request{method: "GET", path: "/fido-registrations?userID=a&userID=b"}), "userID")
	wantInput(t, w.do(request{method: "GET", path: "/fido-registrations?%0a=x"}), "query")
}

func TestRenameAndDelete(t *testing.T) {
	w := newWorld(t)
	w.user("mira.koch")
	path := "/fido-registrations/" + w.registered("mira.koch", newDesk(t))
	rename := func(body any) reply { return w.do(request{method: "PATCH", path: path, body: body}) }
	if r := rename(map[string]any{"registrationName": "Blue key"}); r.status != http.StatusNoContent || len(r.body) != 0 {
		t.Errorf("rename: %d %s", r.status, r.body)
	}
	if r := w.do(request{method: "GET", path: "/fido-registrations"}); !strings.Contains(string(r.body), "Blue key") {
		t.Errorf("list: %s", r.body)
	}
	wantInput(t, rename(map[string]any{"registrationName": ""}), "registrationName")
	wantInput(t, rename(map[string]any{}), "registrationName")
	wantInput(t, rename(map[string]any{"registrationName": strings.Repeat("ä", 65)}), "registrationName")
	wantInput(t, rename(map[string]any{"registrationName": "a\u202eb"}), "registrationName")
	wantInput(t, rename(map[string]any{"registrationName": 1}), "registrationName")
	wantInput(t, rename(map[string]any{"name": "x"}), "name")
	want(t, w.do(request{method: "DELETE", path: path, as: "reader"}), http.StatusForbidden, "scope")
	want(t, w.do(request{method: "DELETE", path: path, as: "elsewhere"}), http.StatusNotFound, "not found")
	want(t, w.do(request{method: "DELETE", path: path, as: "south"}), http.StatusNotFound, "not found")
	if r := w.do(request{method: "DELETE", path: path}); r.status != http.StatusNoContent || len(r.body) != 0 {
		t.Errorf("delete: %d %s", r.status, r.body)
	}
	want(t, w.do(request{method: "DELETE", path: path}), http.StatusNotFound, "FIDO registration not found")
	want(t, rename(map[string]any{"registrationName": "x"}), http.StatusNotFound, "FIDO registration not found")
	want(t, w.do(request{method: "PATCH", path: "/fido-registrations/%00", body: map[string]any{"registrationName": "x"}}), http.StatusNotFound, "not found")

	// One of another relying party is not of these calls.
	begun, err := w.svc.BeginRegistration(t.Context(), w.root, credential.BeginRegistration{RelyingParty: "other.example.com", User: credential.ByName("mira.koch")})
	check(t, err)
	answer, err := json.Marshal(newDesk(t).create(t, begun.JSON))
	check(t, err)
	c := w.finish(answer, "other.example.com")
	want(t, w.do(request{method: "DELETE", path: "/fido-registrations/" + string(c)}), http.StatusNotFound, "not found")
}

// Who may make which call.
func TestCallers(t *testing.T) {
	w := newWorld(t)
	w.user("mira.koch")
	generate := request{method: "POST", path: "/users/mira.koch/generate-fido-registration-request", body: fido2()}
	for _, tt := range []struct {
		as     string
		status int
		words  string
	}{
		{"nobody", http.StatusUnauthorized, "who you are"},
		{"stranger", http.StatusUnauthorized, ""}, // of a tenant that is not served
		{"unknown", http.StatusUnauthorized, "wrong"},
		{"reader", http.StatusForbidden, "scope"},
		{"elsewhere", http.StatusForbidden, ""},
		{"south", http.StatusNotFound, "not found"}, // of another tenant, where there is no such user
	} {
		generate.as = tt.as
		want(t, w.do(generate), tt.status, tt.words)
	}
	for i, q := range []request{
		{method: "POST", path: "/users/register", body: map[string]any{}},
		{method: "POST", path: "/users/mira.koch/events/validate", body: map[string]any{}},
		{method: "POST", path: "/users/mira.koch/transactions/validate", body: map[string]any{}},
		{method: "GET", path: "/sessions/x"},
		{method: "POST", path: "/users/mira.koch/deregister-fido-device", body: map[string]any{}},
		{method: "POST", path: "/users/mira.koch/generate-fido-registration-request", body: map[string]any{"fidoProtocol": "UAF11"}},
		{method: "POST", path: "/users/mira.koch/register-fido-device", body: map[string]any{"fidoProtocol": "UAF11", "registrationResponse": "[]"}},
		{method: "POST", path: "/users/mira.koch/generate-fido-authentication-request", body: map[string]any{"fidoProtocol": "UAF11", "authenticationMessage": "x"}},
	} {
		t.Run(fmt.Sprint("not served ", i), func(t *testing.T) { want(t, w.do(q), http.StatusNotImplemented, "not served") })
	}
}

// What is wrong with a request is named, all of it at once.
func TestInput(t *testing.T) {
	w := newWorld(t)
	w.user("mira.koch")
	generate := func(body any, header map[string]string) reply {
		return w.do(request{method: "POST", path: "/users/mira.koch/generate-fido-registration-request", body: body, header: header})
	}
	wantInput(t, generate(map[string]any{}, nil), "fidoProtocol")
	wantInput(t, generate(map[string]any{"fidoProtocol": "fido2"}, nil), "fidoProtocol")
	wantInput(t, generate(map[string]any{"fidoProtocol": 2}, nil), "fidoProtocol")
	wantInput(t, generate(map[string]any{"fidoProtocol": "x", "attestation": "enterprise", "authenticatorSelection": map[string]any{
		"authenticatorAttachment": "usb", "userVerification": "yes", "residentKey": "maybe",
	}}, nil), "fidoProtocol", "attestation", "authenticatorSelection.authenticatorAttachment", "authenticatorSelection.userVerification", "authenticatorSelection.residentKey")
	wantInput(t, generate(map[string]any{"fidoProtocol": "FIDO2", "authenticatorSelection": map[string]any{"requireResidentKey": true, "residentKey": "discouraged"}}, nil), "authenticatorSelection.residentKey")
	wantInput(t, generate(map[string]any{"fidoProtocol": "FIDO2", "authenticatorSelection": map[string]any{"requireResidentKey": "true"}}, nil), "authenticatorSelection.requireResidentKey")
	wantInput(t, generate(map[string]any{"fidoProtocol": "FIDO2", "displayName": "a\u0000"}, nil), "displayName")
	wantInput(t, generate(map[string]any{"fidoProtocol": "FIDO2", "registrationName": strings.Repeat("x", 65)}, nil), "registrationName")
	wantInput(t, generate(`{"fidoProtocol":"FIDO2","fidoProtocol":"FIDO2"}`, nil), "fidoProtocol")
	want(t, generate("{", nil), http.StatusBadRequest, "JSON")
	want(t, generate("{}", map[string]string{"Content-Type": "text/plain"}), http.StatusUnsupportedMediaType, "application/json")
	want(t, generate(`{"displayName":"`+strings.Repeat("x", 256<<10)+`"}`, nil), http.StatusRequestEntityTooLarge, "too large")
	want(t, generate(fido2(), map[string]string{"Bestow-Operator": "mira.koch"}), http.StatusForbidden, "themselves")
	want(t, w.do(request{method: "GET", path: "/users/mira.koch/login"}), http.StatusMethodNotAllowed, "method")
	want(t, w.do(request{method: "GET", path: "/nothing"}), http.StatusNotFound, "nothing at this path")
	for range 10 {
		w.begin("mira.koch", fido2())
	}
	r := generate(fido2(), nil)
	want(t, r, http.StatusTooManyRequests, "Too many")
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}
