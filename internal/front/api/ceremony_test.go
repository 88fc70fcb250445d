package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"bestow.dev/ctap/softkey"
)

// Registration and sign-in, from the first user to the counter.
func TestCeremonies(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice@example.com")
	d := newDesk(t)

	id, options := w.begin("idm", "registrations", map[string]any{"user": map[string]any{"id": alice}, "requestId": "order-1", "displayName": "Al"})
	var o struct {
		User      struct{ Name, DisplayName string }
		Challenge string
	}
	check(t, json.Unmarshal(options, &o))
	if o.User.Name != "alice@example.com" || o.User.DisplayName != "Al" || len(unb64(t, o.Challenge)) != 32 {
		t.Errorf("options: %s", options)
	}
	for _, path := range []string{"/registrations/" + id, "/registrations?relyingParty=" + site + "&requestId=order-1"} {
		r := w.must(http.StatusOK, "idm", "GET", path, nil).object(t)
		if r["id"] != id || r["state"] != "open" || r["user"] != alice || r["requestId"] != "order-1" {
			t.Errorf("%s: %v", path, r)
		}
	}
	r := w.must(http.StatusCreated, "idm", "POST", "/registrations/"+id+"/finish", map[string]any{"response": d.Create(t, options), "name": "Office key"})
	c := r.object(t)
	credential := c["id"].(string)
	if r.header.Get("Location") != "/api/v1/credentials/"+credential || c["user"] != alice || c["userName"] != "alice@example.com" ||
		c["name"] != "Office key" || c["state"] != "active" || c["provisionedBy"] != "client:idm" || c["via"] != "api" ||
		c["relyingParty"] != site || c["algorithm"] != -7.0 || c["version"] != 1.0 || c["lastUsed"] != nil {
		t.Errorf("credential: %s", r.body)
	}
	if r := w.must(http.StatusOK, "idm", "GET", "/registrations/"+id, nil).object(t); r["state"] != "succeeded" || r["credential"] != credential {
		t.Errorf("after: %v", r)
	}

	for _, who := range []map[string]any{{"user": named("ALICE@example.com")}, {"user": map[string]any{"handle": handleOf(t, options)}}, {}} {
		id, options := w.begin("idm", "authentications", who)
		w.Later(time.Second)
		r := w.must(http.StatusOK, "idm", "POST", "/authentications/"+id+"/finish", map[string]any{"response": d.Get(t, options)})
		s := r.object(t)
		user, used := s["user"].(map[string]any), s["credential"].(map[string]any)
		if user["id"] != alice || used["id"] != credential || s["userVerified"] != true || used["lastUsed"] == nil {
			t.Errorf("sign-in: %s", r.body)
		}
		if again := w.do("idm", "POST", "/authentications/"+id+"/finish", map[string]any{"response": d.Get(t, options)}); again.status != http.StatusGone {
			t.Errorf("twice: %d %s", again.status, again.body)
		}
		if r := w.must(http.StatusOK, "idm", "GET", "/authentications/"+id, nil).object(t); r["state"] != "succeeded" {
			t.Errorf("after: %v", r)
		}
	}
}

func handleOf(t *testing.T, options json.RawMessage) string {
	t.Helper()
	var o struct{ User struct{ ID string } }
	check(t, json.Unmarshal(options, &o))
	return o.User.ID
}

func TestRegistrationRefused(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	w.user("locked")
	w.must(http.StatusOK, "idm", "PATCH", "/users/"+w.user("shut"), map[string]any{"locked": true})
	begin := func(change func(body map[string]any)) reply {
		body := map[string]any{"relyingParty": site, "user": named("alice")}
		change(body)
		return w.do("idm", "POST", "/registrations", body)
	}
	set := func(name string, value any) func(map[string]any) {
		return func(body map[string]any) { body[name] = value }
	}
	for _, tt := range []struct {
		name   string
		change func(body map[string]any)
		status int
		code   string
	}{
		{"untouched", func(map[string]any) {}, http.StatusCreated, ""},
		{"narrower", func(b map[string]any) {
			b["algorithms"], b["attestation"], b["lifeSeconds"], b["timeoutSeconds"] = []int{-8, -7}, "enterprise", 60, 30
			b["aaguids"], b["requireTrusted"], b["allowRepeat"] = []string{"9d3c5f0a-7b1e-4c2d-8a60-f1e2d3c4b5a6"}, true, true
			b["hints"], b["extensions"], b["authenticatorAttachment"] = []string{"security-key"}, map[string]any{"credProps": true}, "platform"
		}, http.StatusCreated, ""},
		{"unknown relying party", set("relyingParty", "nowhere.example"), http.StatusNotFound, "rp.unknown"},
		{"unknown user", set("user", named("bob")), http.StatusNotFound, "user.unknown"},
		{"locked user", set("user", named("shut")), http.StatusConflict, "user.locked"},
		{"no user", func(b map[string]any) { delete(b, "user") }, http.StatusBadRequest, "request.invalid"},
		{"nobody", set("user", map[string]any{}), http.StatusBadRequest, "request.invalid"},
		{"user in two ways", set("user", map[string]any{"name": "alice", "id": "x"}), http.StatusBadRequest, "request.invalid"},
		{"handle with padding", set("user", map[string]any{"handle": "AA=="}), http.StatusBadRequest, "request.invalid"},
		{"wider verification", set("userVerification", "discouraged"), http.StatusBadRequest, "policy.wider"},
		{"wider algorithms", set("algorithms", []int{-65535}), http.StatusBadRequest, "policy.wider"},
		{"longer life", set("lifeSeconds", 301), http.StatusBadRequest, "policy.wider"},
		{"no such verification", set("userVerification", "maybe"), http.StatusBadRequest, "request.invalid"},
		{"no AAGUID", set("aaguids", []string{"x"}), http.StatusBadRequest, "request.invalid"},
		{"unknown member", set("challenge", "x"), http.StatusBadRequest, "request.invalid"},
		{"null", set("user", nil), http.StatusBadRequest, "request.invalid"},
		{"of another type", set("lifeSeconds", "60"), http.StatusBadRequest, "request.invalid"},
		{"fraction", set("lifeSeconds", 1.5), http.StatusBadRequest, "request.invalid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := begin(tt.change)
			if tt.code != "" {
				refused(t, r, tt.status, tt.code)
			} else if r.status != tt.status {
				t.Errorf("got %d %s", r.status, r.body)
			}
		})
	}
	if r := begin(set("requestId", "once")); r.status != http.StatusCreated {
		t.Fatalf("request id: %d %s", r.status, r.body)
	}
	refused(t, begin(set("requestId", "once")), http.StatusConflict, "ceremony.request_exists")
	r := w.do("idm", "POST", "/registrations", map[string]any{"relyingParty": site, "user": named("alice")},
		func(r *http.Request) { r.Header.Set("Bestow-Operator", "alice") })
	refused(t, r, http.StatusForbidden, "registration.self")
}

func TestFinishRefused(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	type attempt struct {
		id, client string
		d          *desk
		options    json.RawMessage
		body       map[string]any
	}
	for _, tt := range []struct {
		name   string
		spoil  func(a *attempt)
		status int
		code   string
		spent  bool
	}{
		{"no response", func(a *attempt) { delete(a.body, "response") }, http.StatusBadRequest, "request.invalid", false},
		{"response is a text", func(a *attempt) { a.body["response"] = "x" }, http.StatusBadRequest, "request.invalid", false},
		{"response is empty", func(a *attempt) { a.body["response"] = map[string]any{} }, http.StatusBadRequest, "webauthn.json_malformed", false},
		{"long name", func(a *attempt) { a.body["name"] = strings.Repeat("x", 65) }, http.StatusBadRequest, "request.invalid", false},
		{"disguised name", func(a *attempt) { a.body["name"] = "a\u202eb" }, http.StatusBadRequest, "credential.name", false},
		{"another client", func(a *attempt) { a.client = "hr" }, http.StatusNotFound, "ceremony.unknown", false},
		{"another tenant", func(a *attempt) { a.client = "globex" }, http.StatusNotFound, "ceremony.unknown", false},
		{"another of its own", func(a *attempt) {
			a.id, _ = w.begin("idm", "registrations", map[string]any{"user": named("alice")})
		}, http.StatusConflict, "ceremony.request", false},
		{"an authentication", func(a *attempt) {
			a.id, _ = w.begin("idm", "authentications", nil)
		}, http.StatusNotFound, "ceremony.unknown", false},
		{"no such ceremony", func(a *attempt) { a.id = "x" }, http.StatusNotFound, "ceremony.unknown", false},
		{"another page", func(a *attempt) {
			a.d.Origin = "https://evil.example"
			a.body["response"] = a.d.Create(t, a.options)
		}, http.StatusUnprocessableEntity, "webauthn.origin", true},
		{"nobody verified", func(a *attempt) {
			a.d.Key.Forge(softkey.Forge{AuthData: func(d *softkey.AuthData) { d.Flags &^= softkey.FlagUserVerified }})
			a.body["response"] = a.d.Create(t, a.options)
		}, http.StatusUnprocessableEntity, "webauthn.user_verification", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := &attempt{client: "idm", d: newDesk(t), body: map[string]any{}}
			a.id, a.options = w.begin("idm", "registrations", map[string]any{"user": named("alice")})
			id := a.id
			a.body["response"] = a.d.Create(t, a.options)
			tt.spoil(a)
			refused(t, w.do(a.client, "POST", "/registrations/"+a.id+"/finish", a.body), tt.status, tt.code)
			want := "open"
			if tt.spent {
				want = "failed"
			}
			if r := w.must(http.StatusOK, "idm", "GET", "/registrations/"+id, nil); r.text(t, "state") != want {
				t.Errorf("state: %s, want %s", r.body, want)
			}
		})
	}
	id, options := w.begin("idm", "registrations", map[string]any{"user": named("alice")})
	w.Later(300 * time.Second)
	refused(t, w.do("idm", "POST", "/registrations/"+id+"/finish", map[string]any{"response": newDesk(t).Create(t, options)}),
		http.StatusGone, "ceremony.expired")
}

func TestAuthenticationRefused(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	w.user("keyless")
	d := newDesk(t)
	c := w.enrolled("alice", d).text(t, "id")
	begin := func(body map[string]any) reply {
		body["relyingParty"] = site
		return w.do("idm", "POST", "/authentications", body)
	}
	refused(t, begin(map[string]any{"user": named("bob")}), http.StatusNotFound, "user.unknown")
	refused(t, begin(map[string]any{"user": named("keyless")}), http.StatusNotFound, "credential.none")
	refused(t, begin(map[string]any{"extensions": map[string]any{"appid": "https://x.example"}}), http.StatusBadRequest, "policy.wider")
	hidden := func() string {
		r := begin(map[string]any{"user": named("bob"), "hideUnknown": true})
		if r.status != http.StatusCreated {
			t.Fatalf("hidden: %d %s", r.status, r.body)
		}
		var o struct {
			PublicKey struct{ AllowCredentials any }
		}
		check(t, json.Unmarshal(r.body, &o))
		text, err := json.Marshal(o.PublicKey.AllowCredentials)
		check(t, err)
		return string(text)
	}
	if one, two := hidden(), hidden(); one != two || one == "[]" {
		t.Errorf("who is nobody shows: %s, %s", one, two)
	}

	id, options := w.begin("idm", "authentications", map[string]any{"user": named("alice")})
	w.must(http.StatusOK, "idm", "PATCH", "/credentials/"+c, map[string]any{"state": "suspended", "reason": "lost"})
	refused(t, w.do("idm", "POST", "/authentications/"+id+"/finish", map[string]any{"response": d.Get(t, options)}),
		http.StatusUnprocessableEntity, "credential.suspended")
	w.must(http.StatusOK, "idm", "PATCH", "/credentials/"+c, map[string]any{"state": "active"})

	id, options = w.begin("idm", "authentications", map[string]any{"user": named("alice")})
	d.Key.Forge(softkey.Forge{Signature: func(sig []byte) []byte { sig[len(sig)-1] ^= 1; return sig }})
	refused(t, w.do("idm", "POST", "/authentications/"+id+"/finish", map[string]any{"response": d.Get(t, options)}),
		http.StatusUnprocessableEntity, "webauthn.assertion_signature")
	if r := w.must(http.StatusOK, "idm", "GET", "/authentications/"+id, nil).object(t); r["state"] != "failed" || r["outcome"] != "webauthn.assertion_signature" {
		t.Errorf("after: %v", r)
	}
	refused(t, w.do("idm", "GET", "/registrations/"+id, nil), http.StatusNotFound, "ceremony.unknown")
	refused(t, w.do("idm", "GET", "/authentications?relyingParty="+site+"&requestId=none", nil), http.StatusNotFound, "ceremony.unknown")
	refused(t, w.do("idm", "GET", "/authentications", nil), http.StatusBadRequest, "request.invalid")
}
