package digitalaccess_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/credential"
)

func TestOptionsRefused(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	w.user("rich")
	w.user("locked")
	_, err := w.svc.LockUser(t.Context(), w.root, credential.ByName("locked"))
	check(t, err)
	token := w.token("idm")
	for range 3 {
		w.enrolled(token, "rich", newDesk(t))
	}
	narrow := w.token("reader")

	for _, tt := range []struct {
		name, query, token string
		status             int
		code               string
	}{
		{"good", "?userId=alice", token, http.StatusOK, ""},
		{"no user", "", token, http.StatusBadRequest, "INVALID_REQUEST"},
		{"empty user", "?userId=", token, http.StatusBadRequest, "INVALID_REQUEST"},
		{"two users", "?userId=alice&userId=rich", token, http.StatusBadRequest, "INVALID_REQUEST"},
		{"unknown user", "?userId=bob", token, http.StatusNotFound, "UNKNOWN_USER"},
		{"name that cannot be", "?userId=" + url.QueryEscape("a\x00\xff"), token, http.StatusNotFound, "UNKNOWN_USER"},
		{"locked user", "?userId=locked", token, http.StatusConflict, "USER_LOCKED"},
		{"enough credentials", "?userId=rich", token, http.StatusConflict, "CREDENTIAL_LIMIT"},
		{"no token", "?userId=alice", "", http.StatusUnauthorized, "UNAUTHORIZED"},
		{"unknown token", "?userId=alice", "bst_x", http.StatusUnauthorized, "UNAUTHORIZED"},
		{"wrong scope", "?userId=alice", narrow, http.StatusForbidden, "FORBIDDEN"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := w.do(request{method: "GET", path: "/fido/options" + tt.query, token: tt.token})
			if tt.status == http.StatusOK {
				if r.status != tt.status {
					t.Errorf("got %d %s", r.status, r.body)
				}
				return
			}
			want(t, r, tt.status, tt.code, "")
		})
	}

	for range 4 { // one is open already
		w.options(token, "alice")
	}
	r := w.do(request{method: "GET", path: "/fido/options?userId=alice", token: token})
	want(t, r, http.StatusTooManyRequests, "TOO_MANY_CHALLENGES", "")
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestNotConfigured(t *testing.T) {
	w := newWorldAt(t, "gone.example.com")
	w.user("alice")
	r := w.do(request{method: "GET", path: "/fido/options?userId=alice", token: w.token("idm")})
	want(t, r, http.StatusServiceUnavailable, "FIDO_NOT_CONFIGURED", "")
}

// A policy's refusal tells which rule it was, since somebody has to tell the person.
func TestPolicyRefused(t *testing.T) {
	w := newWorldAt(t, strict)
	w.user("alice")
	token := w.token("idm")
	answer := newDesk(t).Create(t, w.options(token, "alice"))
	r := w.store(token, map[string]any{"userId": "alice", "publicKeyCredential": answer})
	want(t, r, http.StatusUnprocessableEntity, "VERIFICATION_FAILED", "policy")
	if text := r.member("message").(string); !strings.Contains(text, "certain, rules.models.allow") {
		t.Errorf("the message does not say why: %s", text)
	}
}

// Each case spoils one thing of a good request.
func TestStoreRefused(t *testing.T) {
	type attempt struct {
		w      *world
		d      *desk
		token  string
		body   map[string]any
		answer func() // makes the key answer
	}
	response := func(a *attempt) map[string]any {
		return a.body["publicKeyCredential"].(map[string]any)["response"].(map[string]any)
	}
	tests := []struct {
		name   string
		spoil  func(a *attempt)
		status int
		code   string
		reason string
		spent  bool // whether the challenge cannot be used after
	}{
		{"untouched", func(*attempt) {}, http.StatusCreated, "", "", true},
		{"no display name", func(a *attempt) { delete(a.body, "displayName") }, http.StatusCreated, "", "", true},
		{"name in other case", func(a *attempt) { a.body["userId"] = "ALICE" }, http.StatusCreated, "", "", true},

		{"no user", func(a *attempt) { delete(a.body, "userId") }, http.StatusBadRequest, "INVALID_REQUEST", "", false},
		{"unknown member", func(a *attempt) { a.body["extra"] = 1 }, http.StatusBadRequest, "INVALID_JSON", "", false},
		{"member in other case", func(a *attempt) { a.body["UserId"] = "alice" }, http.StatusBadRequest, "INVALID_JSON", "", false},
		{"long name", func(a *attempt) { a.body["displayName"] = strings.Repeat("x", 65) }, http.StatusBadRequest, "INVALID_REQUEST", "", false},

		{"no credential", func(a *attempt) { delete(a.body, "publicKeyCredential") }, http.StatusBadRequest, "INVALID_CREDENTIAL", "", false},
		{"credential is null", func(a *attempt) { a.body["publicKeyCredential"] = nil }, http.StatusBadRequest, "INVALID_CREDENTIAL", "json_malformed", false},
		{"credential is a list", func(a *attempt) { a.body["publicKeyCredential"] = []int{} }, http.StatusBadRequest, "INVALID_CREDENTIAL", "json_malformed", false},
		{"credential of another type", func(a *attempt) { a.body["publicKeyCredential"].(map[string]any)["type"] = "password" }, http.StatusBadRequest, "INVALID_CREDENTIAL", "credential_type", false},
		{"padding", func(a *attempt) { response(a)["clientDataJSON"] = "e30=" }, http.StatusBadRequest, "INVALID_CREDENTIAL", "json_base64url", false},
		{"ids differ", func(a *attempt) { a.body["publicKeyCredential"].(map[string]any)["id"] = "AAAA" }, http.StatusBadRequest, "INVALID_CREDENTIAL", "credential_id_mismatch", false},
		{"attestation is no CBOR", func(a *attempt) { response(a)["attestationObject"] = "AAAA" }, http.StatusBadRequest, "INVALID_CREDENTIAL", "cbor_trailing_bytes", false},

		{"unknown user", func(a *attempt) { a.body["userId"] = "bob" }, http.StatusNotFound, "UNKNOWN_USER", "", false},
		{"another user", func(a *attempt) {
			a.w.user("bob")
			a.body["userId"] = "bob"
		}, http.StatusUnprocessableEntity, "VERIFICATION_FAILED", "challenge_user", false},
		{"locked meanwhile", func(a *attempt) {
			_, err := a.w.svc.LockUser(a.w.t.Context(), a.w.root, credential.ByName("alice"))
			check(a.w.t, err)
		}, http.StatusConflict, "USER_LOCKED", "", false},

		{"another client's", func(a *attempt) { a.token = a.w.token("hr") }, http.StatusGone, "CHALLENGE_EXPIRED", "challenge_unknown", false},
		{"a challenge of nobody's", func(a *attempt) {
			response(a)["clientDataJSON"] = b64([]byte(`{"type":"webauthn.create","challenge":"AAAA","origin":"https://` + site + `"}`))
		}, http.StatusGone, "CHALLENGE_EXPIRED", "challenge_unknown", false},
		{"too late", func(a *attempt) {
			a.w.Later(301 * time.Second)
		}, http.StatusGone, "CHALLENGE_EXPIRED", "challenge_expired", true},

		{"another site's key", func(a *attempt) {
			a.d.RPID = "evil.example"
			a.answer()
		}, http.StatusUnprocessableEntity, "VERIFICATION_FAILED", "rp_id_hash", true},
		{"another site's page", func(a *attempt) {
			a.d.Origin = "https://evil.example"
			a.answer()
		}, http.StatusUnprocessableEntity, "VERIFICATION_FAILED", "origin", true},
		{"nobody verified", func(a *attempt) {
			a.d.Key.Forge(softkey.Forge{AuthData: func(d *softkey.AuthData) { d.Flags &^= softkey.FlagUserVerified }})
			a.answer()
		}, http.StatusUnprocessableEntity, "VERIFICATION_FAILED", "user_verification", true},
		{"nobody present", func(a *attempt) {
			a.d.Key.Forge(softkey.Forge{AuthData: func(d *softkey.AuthData) { d.Flags &^= softkey.FlagUserPresent }})
			a.answer()
		}, http.StatusUnprocessableEntity, "VERIFICATION_FAILED", "user_presence", true},
		{"signature", func(a *attempt) {
			a.d.Key.Forge(softkey.Forge{Signature: func(sig []byte) []byte { sig[len(sig)-1] ^= 1; return sig }})
			a.answer()
		}, http.StatusUnprocessableEntity, "VERIFICATION_FAILED", "attestation_signature", true},
		{"credential exists", func(a *attempt) {
			a.w.user("bob")
			taken := unb64(a.w.t, a.w.enrolled(a.w.token("hr"), "bob", newDesk(a.w.t)).member("id").(string))
			a.d.Key.Forge(softkey.Forge{AuthData: func(d *softkey.AuthData) { d.CredentialID = taken }})
			a.answer()
		}, http.StatusConflict, "CREDENTIAL_EXISTS", "", true},

		{"no token", func(a *attempt) { a.token = "" }, http.StatusUnauthorized, "UNAUTHORIZED", "", false},
		{"token expired", func(a *attempt) { a.w.Later(10 * time.Minute) }, http.StatusUnauthorized, "UNAUTHORIZED", "", true},
		{"wrong scope", func(a *attempt) { a.token = a.w.token("reader") }, http.StatusForbidden, "FORBIDDEN", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.user("alice")
			a := &attempt{w: w, d: newDesk(t), token: w.token("idm"), body: map[string]any{"userId": "alice", "displayName": "Sample Key"}}
			options := w.options(a.token, "alice")
			a.answer = func() { a.body["publicKeyCredential"] = a.d.Create(t, options) }
			a.answer()
			tt.spoil(a)
			r := w.store(a.token, a.body)
			if tt.status == http.StatusCreated {
				if r.status != tt.status {
					t.Fatalf("got %d %s", r.status, r.body)
				}
			} else {
				want(t, r, tt.status, tt.code, tt.reason)
			}

			// A good answer to the same challenge tells whether it can be used still.
			_, err := w.svc.UnlockUser(t.Context(), w.root, credential.ByName("alice"))
			check(t, err)
			r = w.store(w.token("idm"), map[string]any{"userId": "alice", "publicKeyCredential": newDesk(t).Create(t, options)})
			if spent := r.status == http.StatusGone; spent != tt.spent {
				t.Errorf("challenge spent: got %v (%d %s), want %v", spent, r.status, r.body, tt.spent)
			}
		})
	}
}

// What is wrong with a request before anybody looks at what it asks.
func TestStrictRequests(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	token := w.token("idm")
	path := strings.TrimPrefix(w.enrolled(token, "alice", newDesk(t)).header.Get("Location"), prefix)
	as := func(contentType string) map[string]string { return map[string]string{"Content-Type": contentType} }

	for _, tt := range []struct {
		name   string
		q      request
		status int
		code   string
		allow  string
	}{
		{"no JSON", request{method: "POST", path: "/fido/credentials", token: token, body: "{"}, http.StatusBadRequest, "INVALID_JSON", ""},
		{"empty", request{method: "POST", path: "/fido/credentials", token: token, body: ""}, http.StatusBadRequest, "INVALID_JSON", ""},
		{"two values", request{method: "POST", path: "/fido/credentials", token: token, body: "{}{}"}, http.StatusBadRequest, "INVALID_JSON", ""},
		{"member twice", request{method: "PATCH", path: path, token: token, body: `{"enabled":false,"enabled":true}`}, http.StatusBadRequest, "INVALID_JSON", ""},
		{"not UTF-8", request{method: "PATCH", path: path, token: token, body: "{\"displayName\":\"\xff\"}"}, http.StatusBadRequest, "INVALID_JSON", ""},
		{"wrong type", request{method: "PATCH", path: path, token: token, body: `{"enabled":"false"}`}, http.StatusBadRequest, "INVALID_JSON", ""},
		{"long name", request{method: "PATCH", path: path, token: token, body: map[string]any{"displayName": strings.Repeat("ä", 65)}}, http.StatusBadRequest, "INVALID_REQUEST", ""},
		{"text", request{method: "POST", path: "/fido/credentials", token: token, body: "{}", header: as("text/plain")}, http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", ""},
		{"form", request{method: "PATCH", path: path, token: token, body: "{}", header: as("application/x-www-form-urlencoded")}, http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", ""},
		{"too large", request{method: "POST", path: "/fido/credentials", token: token, body: `{"userId":"` + strings.Repeat("x", 256<<10) + `"}`}, http.StatusRequestEntityTooLarge, "TOO_LARGE", ""},

		{"options are not posted", request{method: "POST", path: "/fido/options", token: token, body: "{}"}, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "GET, HEAD"},
		{"credentials are not put", request{method: "PUT", path: "/fido/credentials", token: token, body: "{}"}, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "GET, HEAD, POST"},
		{"one is not posted", request{method: "POST", path: path, token: token, body: "{}"}, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "DELETE, GET, HEAD, PATCH"},
		{"tokens are not got", request{method: "GET", path: "/oauth2/token"}, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "POST"},
		{"elsewhere", request{method: "GET", path: "/fido/x", token: token}, http.StatusNotFound, "NOT_FOUND", ""},
		{"below one", request{method: "GET", path: path + "/x", token: token}, http.StatusNotFound, "NOT_FOUND", ""},

		{"id with padding", request{method: "GET", path: path + "=", token: token}, http.StatusNotFound, "UNKNOWN_CREDENTIAL", ""},
		{"id with a line end", request{method: "GET", path: path + "%0A", token: token}, http.StatusNotFound, "UNKNOWN_CREDENTIAL", ""},
		{"id of nobody's", request{method: "GET", path: "/fido/credentials/AAAA", token: token}, http.StatusNotFound, "UNKNOWN_CREDENTIAL", ""},
		{"list of nobody's", request{method: "GET", path: "/fido/credentials?userId=bob", token: token}, http.StatusNotFound, "UNKNOWN_USER", ""},
		{"list of everybody's", request{method: "GET", path: "/fido/credentials", token: token}, http.StatusBadRequest, "INVALID_REQUEST", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := w.do(tt.q)
			want(t, r, tt.status, tt.code, "")
			if got := r.header.Get("Allow"); got != tt.allow {
				t.Errorf("Allow: got %q, want %q", got, tt.allow)
			}
		})
	}
}

// Which scope opens which call.
func TestScopes(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	path := strings.TrimPrefix(w.enrolled(w.token("idm"), "alice", newDesk(t)).header.Get("Location"), prefix)

	calls := []request{
		{method: "GET", path: "/fido/options?userId=alice"},
		{method: "POST", path: "/fido/credentials", body: map[string]any{"userId": "alice", "publicKeyCredential": newDesk(t).Create(t, w.options(w.token("hr"), "alice"))}},
		{method: "GET", path: "/fido/credentials?userId=alice"},
		{method: "GET", path: path},
		{method: "PATCH", path: path, body: map[string]any{"enabled": true}},
		{method: "DELETE", path: path},
	}
	// What a call answers to a client that may make it; other clients get 403.
	for _, tt := range []struct {
		client string
		want   [6]int
	}{
		{"provisioner", [6]int{200, 410, 403, 403, 403, 403}}, // the challenge is hr's
		{"reader", [6]int{403, 403, 200, 200, 403, 403}},
		{"keeper", [6]int{403, 403, 403, 403, 200, 204}},
	} {
		token := w.token(tt.client)
		for i, call := range calls {
			call.token = token
			r := w.do(call)
			if r.status != tt.want[i] {
				t.Errorf("%s: %s %s: got %d %s, want %d", tt.client, call.method, call.path, r.status, r.body, tt.want[i])
			}
			if r.status == http.StatusForbidden && !strings.Contains(r.header.Get("WWW-Authenticate"), `error="insufficient_scope"`) {
				t.Errorf("%s: WWW-Authenticate: %q", call.path, r.header.Get("WWW-Authenticate"))
			}
		}
	}

	// A token may hold less than its client.
	narrow := w.token("idm", "fido.read")
	if r := w.do(request{method: "GET", path: "/fido/credentials?userId=alice", token: narrow}); r.status != http.StatusOK {
		t.Errorf("the scope asked for: %d %s", r.status, r.body)
	}
	want(t, w.do(request{method: "GET", path: "/fido/options?userId=alice", token: narrow}), http.StatusForbidden, "FORBIDDEN", "")
}
