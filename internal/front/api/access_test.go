package api_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func (w *world) token(client string, scopes ...string) string {
	w.t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {strings.Join(scopes, " ")}}
	r := w.must(http.StatusOK, client, "POST", "/oauth2/token", form.Encode(), func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	})
	return r.text(w.t, "access_token")
}

func TestAuthentication(t *testing.T) {
	w := newWorld(t)
	token := w.token("idm")
	narrow := w.token("idm", "fido.read")
	for _, tt := range []struct {
		name          string
		authorization []string
		status        int
		code          string
	}{
		{"token", []string{"Bearer " + token}, http.StatusOK, ""},
		{"scheme in other case", []string{"bearer " + token}, http.StatusOK, ""},
		{"nobody", nil, http.StatusUnauthorized, "caller.anonymous"},
		{"unknown token", []string{"Bearer x"}, http.StatusUnauthorized, "access_token.invalid"},
		{"no token", []string{"Bearer"}, http.StatusUnauthorized, "caller.anonymous"},
		{"two tokens", []string{"Bearer " + token, "Bearer " + token}, http.StatusUnauthorized, "caller.anonymous"},
		{"another scheme", []string{"Digest x"}, http.StatusUnauthorized, "caller.anonymous"},
		{"Basic of nothing", []string{"Basic x"}, http.StatusUnauthorized, "caller.anonymous"},
		{"wrong secret", []string{"Basic aWRtOng="}, http.StatusUnauthorized, "client.unauthenticated"},
		{"two secrets", []string{"Basic aWRtOng=", "Basic aWRtOng="}, http.StatusUnauthorized, "caller.anonymous"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := w.do("", "GET", "/users", nil, func(r *http.Request) { r.Header["Authorization"] = tt.authorization })
			if tt.code == "" {
				if r.status != tt.status {
					t.Errorf("got %d %s", r.status, r.body)
				}
				return
			}
			refused(t, r, tt.status, tt.code)
			if got := r.header.Values("WWW-Authenticate"); !slices.Equal(got, []string{`Basic realm="bestow", charset="UTF-8"`, `Bearer realm="bestow"`}) {
				t.Errorf("WWW-Authenticate: %q", got)
			}
		})
	}
	refused(t, w.do("", "POST", "/users", named("x"), bearer(narrow)), http.StatusForbidden, "authority.denied")
	refused(t, w.do("idm", "GET", "/users", nil, func(r *http.Request) { r.Header.Set("Bestow-Operator", strings.Repeat("x", 256)) }),
		http.StatusBadRequest, "request.operator")
	w.Later(10 * time.Minute)
	refused(t, w.do("", "GET", "/users", nil, bearer(token)), http.StatusUnauthorized, "access_token.invalid")
}

func TestDisabledClientsTokenEndsAtOnce(t *testing.T) {
	w := newWorld(t)
	made := w.must(http.StatusCreated, "admin", "POST", "/clients", map[string]any{"id": "portal", "scopes": []string{"fido.read"}}).text(t, "secret")
	r := w.do("", "POST", "/oauth2/token", "grant_type=client_credentials", func(r *http.Request) {
		r.SetBasicAuth("portal", made)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	})
	token := r.text(t, "access_token")
	if r := w.do("", "GET", "/users", nil, bearer(token)); r.status != http.StatusOK {
		t.Fatalf("good: %d %s", r.status, r.body)
	}
	w.must(http.StatusOK, "admin", "PATCH", "/clients/portal", map[string]any{"disabled": true})
	refused(t, w.do("", "GET", "/users", nil, bearer(token)), http.StatusUnauthorized, "access_token.invalid")
}

func TestFailedAttemptsAreLimited(t *testing.T) {
	w := newWorld(t)
	wrong := func(r *http.Request) { r.SetBasicAuth("idm", "wrong") }
	for range 10 {
		refused(t, w.do("", "GET", "/users", nil, wrong), http.StatusUnauthorized, "client.unauthenticated")
	}
	r := w.do("idm", "GET", "/users", nil)
	refused(t, r, http.StatusTooManyRequests, "caller.limited")
	if r.header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After: %q", r.header.Get("Retry-After"))
	}
	w.must(http.StatusOK, "hr", "GET", "/users", nil)
	w.Later(time.Minute)
	w.must(http.StatusOK, "idm", "GET", "/users", nil)
}

// One address that tries many ids is stopped as well.
func TestManyIDsFromOneAddress(t *testing.T) {
	w := newWorld(t)
	status := 0
	for i := range 101 {
		status = w.do("", "GET", "/users", nil, func(r *http.Request) { r.SetBasicAuth("x"+strings.Repeat("y", i), "wrong") }).status
	}
	if status != http.StatusTooManyRequests {
		t.Errorf("got %d", status)
	}
}

// Which scope opens which call: the status of each call for each client. 403 is a
// right that is lacking; anything else got past the question.
func TestScopes(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	c := w.enrolled("alice", newDesk(t)).text(t, "id")
	clients := []string{"provision", "read", "manage", "authenticate", "users", "auditor", "admin"}
	for _, tt := range []struct {
		method, path string
		body         any
		may          []string
	}{
		{"GET", "/users", nil, []string{"read", "users", "admin"}},
		{"GET", "/users/" + alice, nil, []string{"read", "users", "admin"}},
		{"POST", "/users", named("alice"), []string{"users", "admin"}},
		{"PATCH", "/users/" + alice, map[string]any{"displayName": "A"}, []string{"users", "admin"}},
		{"PATCH", "/users/" + alice, map[string]any{"locked": false}, []string{"users", "admin"}},
		{"DELETE", "/users/nobody", nil, []string{"users", "admin"}},
		{"GET", "/users/" + alice + "/export", nil, []string{"admin"}}, // both users.write and fido.read
		{"POST", "/users/" + alice + "/invitations", map[string]any{"relyingParty": site}, []string{"admin"}},
		{"GET", "/credentials", nil, []string{"read", "admin"}},
		{"GET", "/credentials/" + c, nil, []string{"read", "admin"}},
		{"GET", "/credentials/" + c + "/evidence", nil, []string{"read", "admin"}},
		{"PATCH", "/credentials/" + c, map[string]any{"name": "x"}, []string{"manage", "admin"}},
		{"DELETE", "/credentials/nothing", nil, []string{"manage", "admin"}},
		{"POST", "/registrations", map[string]any{"relyingParty": site, "user": named("alice")}, []string{"provision", "admin"}},
		{"POST", "/authentications", map[string]any{"relyingParty": site, "user": named("alice")}, []string{"authenticate", "admin"}},
		{"GET", "/audit-events", nil, []string{"auditor", "admin"}},
		{"GET", "/relying-parties", nil, clients},
		{"GET", "/relying-parties/" + site, nil, clients},
		{"PUT", "/relying-parties/" + site, map[string]any{}, []string{"admin"}},
		{"DELETE", "/relying-parties/" + site, nil, []string{"admin"}},
		{"GET", "/credentials/" + c + "/decision", nil, []string{"read", "admin"}},
		{"POST", "/credentials/" + c + "/reverify", nil, []string{"read", "admin"}},
		{"GET", "/policies", nil, []string{"read", "admin"}},
		{"GET", "/policies/of-the-file", nil, []string{"read", "admin"}},
		{"GET", "/policies/of-the-file/versions", nil, []string{"read", "admin"}},
		{"PUT", "/policies/easy", `{"name":"easy","rules":{"userVerification":"required"}}`, []string{"admin"}},
		{"DELETE", "/policies/nothing", nil, []string{"admin"}},
		{"POST", "/policies/preview", `{"relyingParty":"` + site + `","document":{"name":"easy","rules":{"userVerification":"required"}}}`, []string{"read", "admin"}},
		{"GET", "/clients", nil, []string{"admin"}},
		{"GET", "/clients/idm", nil, []string{"admin"}},
		{"POST", "/clients", map[string]any{"id": "idm", "scopes": []string{"admin"}}, []string{"admin"}},
		{"PATCH", "/clients/idm", map[string]any{"disabled": false}, []string{"admin"}},
		{"DELETE", "/clients/idm", nil, []string{"admin"}},
		{"POST", "/clients/idm/keys", map[string]any{}, []string{"admin"}},
	} {
		for _, client := range clients {
			r := w.do(client, tt.method, tt.path, tt.body)
			if may := r.status != http.StatusForbidden; may != slices.Contains(tt.may, client) || r.status >= 500 {
				t.Errorf("%s %s as %s: %d %s", tt.method, tt.path, client, r.status, r.body)
			}
		}
	}
}

func TestStrictRequests(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	contentType := func(s string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Content-Type", s) }
	}
	for _, tt := range []struct {
		name, method, path string
		body               any
		change             func(*http.Request)
		status             int
		code               string
	}{
		{"no JSON", "POST", "/users", "{", nil, http.StatusBadRequest, "request.invalid"},
		{"empty", "POST", "/users", "", nil, http.StatusBadRequest, "request.invalid"},
		{"two values", "POST", "/users", `{"name":"x"}{}`, nil, http.StatusBadRequest, "request.invalid"},
		{"member twice", "POST", "/users", `{"name":"x","name":"y"}`, nil, http.StatusBadRequest, "request.invalid"},
		{"member in other case", "POST", "/users", `{"Name":"x"}`, nil, http.StatusBadRequest, "request.invalid"},
		{"unknown member", "POST", "/users", `{"name":"x","role":"admin"}`, nil, http.StatusBadRequest, "request.invalid"},
		{"null", "POST", "/users", `{"name":null}`, nil, http.StatusBadRequest, "request.invalid"},
		{"no object", "POST", "/users", `[]`, nil, http.StatusBadRequest, "request.invalid"},
		{"not UTF-8", "POST", "/users", "{\"name\":\"\xff\"}", nil, http.StatusBadRequest, "request.invalid"},
		{"deep", "POST", "/users", strings.Repeat("[", 1000), nil, http.StatusBadRequest, "request.invalid"},
		{"large", "POST", "/users", `{"name":"` + strings.Repeat("x", 256<<10) + `"}`, nil, http.StatusRequestEntityTooLarge, "request.too_large"},
		{"just not large", "POST", "/users", `{"name":"` + strings.Repeat("x", 256<<10-11) + `"}`, nil, http.StatusBadRequest, "request.invalid"},
		{"text", "POST", "/users", `{"name":"x"}`, contentType("text/plain"), http.StatusUnsupportedMediaType, "request.not_json"},
		{"another JSON", "POST", "/users", `{"name":"x"}`, contentType("application/merge-patch+json"), http.StatusUnsupportedMediaType, "request.not_json"},
		{"no type", "POST", "/users", `{"name":"x"}`, func(r *http.Request) { r.Header.Del("Content-Type") }, http.StatusUnsupportedMediaType, "request.not_json"},
		{"unknown parameter", "GET", "/users?nam=x", nil, nil, http.StatusBadRequest, "request.invalid"},
		{"method", "PUT", "/users", `{}`, nil, http.StatusMethodNotAllowed, "request.method"},
		{"path", "GET", "/nothing", nil, nil, http.StatusNotFound, "request.path"},
		{"above", "GET", "", nil, nil, http.StatusNotFound, "request.path"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			change := tt.change
			if change == nil {
				change = func(*http.Request) {}
			}
			r := w.do("idm", tt.method, tt.path, tt.body, change)
			refused(t, r, tt.status, tt.code)
			if strings.Contains(string(r.body), "xxxx") {
				t.Errorf("the refusal quotes the request: %.200s", r.body)
			}
			if tt.status == http.StatusMethodNotAllowed && r.header.Get("Allow") != "GET, HEAD, POST" {
				t.Errorf("Allow: %q", r.header.Get("Allow"))
			}
		})
	}
	if r := w.do("idm", "POST", "/users", named("x"), contentType("application/json; charset=utf-8")); r.status != http.StatusCreated {
		t.Errorf("charset: %d %s", r.status, r.body)
	}
	if r := w.do("idm", "HEAD", "/users", nil); r.status != http.StatusOK || len(r.body) != 0 {
		t.Errorf("HEAD: %d %s", r.status, r.body)
	}
	// The field says which member, where it is one.
	if r := w.do("idm", "POST", "/users", map[string]any{"name": strings.Repeat("x", 256)}); r.text(t, "field") != "name" {
		t.Errorf("field: %s", r.body)
	}
}
