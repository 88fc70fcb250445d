package onespan_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/front/onespan"
	"bestow.dev/internal/tenant"
)

var requestIDForm = regexp.MustCompile(`^registration:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// The worked example of the platform's two calls.
func TestRegistration(t *testing.T) {
	w := newWorld(t)
	w.user("mira.koch")
	d := newDesk(t)
	r := w.do(request{method: "POST", path: "/users/mira.koch@northbank/generate-fido-registration-request", body: map[string]any{
		"fidoProtocol": "FIDO2", "displayName": "Mira Koch", "registrationName": "Blue key",
		"authenticatorSelection": map[string]any{"authenticatorAttachment": "cross-platform", "userVerification": "required", "requireResidentKey": true},
		"attestation":            "none",
	}})
	if r.status != http.StatusOK || string(mapOf(r)["uafStatusCode"]) != "null" || !requestIDForm.MatchString(r.member("requestID").(string)) {
		t.Fatalf("generate: %d %s", r.status, r.body)
	}
	options := json.RawMessage(r.member("registrationRequest").(string))
	o := creationOf(t, options)
	s := o.AuthenticatorSelection
	if o.RP.ID != site || o.RP.Name != "North Bank" || o.User.Name != "mira.koch@northbank" || o.User.DisplayName != "Mira Koch" || len(o.Challenge) != 86 || o.Attestation != "none" ||
		s.UserVerification != "required" || s.ResidentKey != "required" || !s.RequireResidentKey || s.AuthenticatorAttachment != "cross-platform" ||
		!strings.Contains(string(options), `"excludeCredentials":[]`) {
		t.Errorf("options: %s", options)
	}
	answer := d.create(t, options)
	r = w.register("mira.koch@northbank", r.member("requestID").(string), answer)
	if r.status != http.StatusOK || r.member("registrationName") != "Blue key" || r.member("registrationType") != "FIDO2" ||
		r.member("registrationTime") != "2026-03-02T10:11:12Z" || string(mapOf(r)["uafStatusCode"]) != "null" {
		t.Fatalf("register: %d %s", r.status, r.body)
	}
	id := r.member("registrationID").(string)

	// It is listed, and excluded from the next request.
	list := w.do(request{method: "GET", path: "/fido-registrations?userID=MIRA.KOCH&domain=northbank&registrationType=FIDO2"})
	var got struct {
		Total             int
		FIDORegistrations []map[string]any
	}
	check(t, json.Unmarshal(list.body, &got))
	if got.Total != 1 || got.FIDORegistrations[0]["registrationID"] != id || got.FIDORegistrations[0]["userID"] != "mira.koch" || got.FIDORegistrations[0]["domain"] != "northbank" {
		t.Errorf("list: %s", list.body)
	}
	next, _ := w.begin("mira.koch", fido2())
	if o := creationOf(t, next); len(o.ExcludeCredentials) != 1 || o.ExcludeCredentials[0].ID != answer["id"] {
		t.Errorf("next options: %s", next)
	}

	// The trail knows the answers by the ids in their headers.
	events, err := w.db.AuditEvents(t.Context(), audit.Query{Tenant: "northbank", Action: "credential.registered", Limit: 10})
	check(t, err)
	if len(events) != 1 || events[0].Ref != r.header.Get("log-correlation-id") || events[0].Via != "onespan" {
		t.Errorf("events: %+v", events)
	}
}

func TestLogin(t *testing.T) {
	w := newWorld(t)
	w.user("mira.koch")
	path := func(call string) string { return "/users/mira.koch@northbank/" + call }
	want(t, w.do(request{method: "POST", path: path("generate-fido-authentication-request"), body: fido2()}), http.StatusConflict, "no active FIDO registration")
	d := newDesk(t)
	w.registered("mira.koch", d)

	generate := func() (json.RawMessage, string) {
		r := w.do(request{method: "POST", path: path("generate-fido-authentication-request"), body: map[string]any{
			"fidoProtocol": "FIDO2", "userVerification": "required", "auhtenticationMessage": "",
		}})
		if r.status != http.StatusOK || string(mapOf(r)["uafStatusCode"]) != "null" {
			t.Fatalf("generate: %d %s", r.status, r.body)
		}
		return json.RawMessage(r.member("authenticationRequest").(string)), r.member("requestID").(string)
	}
	login := func(id string, answer any) reply {
		text, err := json.Marshal(answer)
		check(t, err)
		return w.do(request{method: "POST", path: path("login"), body: map[string]any{
			"objectType": "LoginInput", "requestID": id, "fidoAuthentication": fido2(),
			"credentials":           map[string]any{"fidoAuthenticator": map[string]any{"authenticationResponse": string(text)}},
			"orchestrationDelivery": []string{"requestMessage"}, "timeout": 60,
		}})
	}
	options, id := generate()
	if !strings.HasPrefix(id, "authentication:") || !strings.Contains(string(options), `"userVerification":"required"`) {
		t.Errorf("request %s: %s", id, options)
	}
	answer := d.get(t, options)
	r := login(id, answer)
	if r.status != http.StatusOK || r.member("sessionStatus") != "accepted" || r.member("requestID") != id {
		t.Fatalf("login: %d %s", r.status, r.body)
	}
	want(t, login(id, answer), http.StatusConflict, "used already")

	// The answer to one request is none to another, and spends it.
	options, id = generate()
	_, other := generate()
	answer = d.get(t, options)
	want(t, login(other, answer), http.StatusConflict, "another request")
	want(t, login(other, answer), http.StatusConflict, "used already")
	if r := login(id, answer); r.status != http.StatusOK {
		t.Errorf("login: %d %s", r.status, r.body)
	}
	// Ids of registrations are unknown here, and the other way round.
	_, reg := w.begin("mira.koch", fido2())
	want(t, login(reg, answer), http.StatusConflict, "no such request")

	want(t, w.do(request{method: "POST", path: path("login"), body: map[string]any{"objectType": "AdaptiveLoginInput", "fidoAuthentication": fido2()}}), http.StatusNotImplemented, "Adaptive")
	wantInput(t, w.do(request{method: "POST", path: path("login"), body: map[string]any{"objectType": "LoginInput"}}),
		"fidoAuthentication", "credentials.fidoAuthenticator.authenticationResponse", "requestID")
}

// What a request is spent by, and what it is not.
func TestRequests(t *testing.T) {
	w := newWorld(t)
	w.user("mira.koch")
	w.user("jo")
	d := newDesk(t)
	refused := func(r reply, words string) {
		t.Helper()
		want(t, r, http.StatusConflict, words)
		if n := w.count(); n != 0 {
			t.Errorf("%d registrations after a refusal", n)
		}
	}

	options, id := w.begin("mira.koch", fido2())
	answer := d.create(t, options)
	refused(w.register("jo", id, answer), "another user's")
	refused(w.register("mira.koch", "registration:00000000-0000-4000-8000-000000000000", answer), "no such request")
	want(t, w.register("nobody", id, answer), http.StatusNotFound, "User account not found")
	wantInput(t, w.register("mira.koch", "", answer), "requestID")
	wantInput(t, w.register("mira.koch", id, map[string]any{"id": "AA"}), "registrationResponse") // cannot be read

	// Another client's request is unknown.
	text, err := json.Marshal(answer)
	check(t, err)
	body := map[string]any{"fidoProtocol": "FIDO2", "requestID": id, "registrationResponse": string(text)}
	refused(w.do(request{method: "POST", path: "/users/mira.koch/register-fido-device", as: "hr", body: body}), "no such request")

	// An answer to another challenge spends it.
	other, otherID := w.begin("mira.koch", fido2())
	refused(w.register("mira.koch", id, newDesk(t).create(t, other)), "another request")
	refused(w.register("mira.koch", id, answer), "used already")

	w.Later(301 * time.Second)
	refused(w.register("mira.koch", otherID, newDesk(t).create(t, other)), "expired")

	options, id = w.begin("mira.koch", fido2())
	answer = d.create(t, options)
	if r := w.register("mira.koch", id, answer); r.status != http.StatusOK {
		t.Fatalf("register: %d %s", r.status, r.body)
	}
	want(t, w.register("mira.koch", id, answer), http.StatusConflict, "used already")
	if n := w.count(); n != 1 {
		t.Errorf("%d registrations", n)
	}
}

// What was asked for is enforced at the finish.
func TestEnforced(t *testing.T) {
	for _, tt := range []struct {
		name  string
		ask   map[string]any
		spoil func(*desk)
		words string // empty: it passes
	}{
		{"nothing", fido2(), func(*desk) {}, ""},
		{"verification that was not asked for", fido2(), noVerification, ""},
		{
			"verification",
			map[string]any{"fidoProtocol": "FIDO2", "authenticatorSelection": map[string]any{"userVerification": "required"}},
			noVerification, "user verification was required but not performed",
		},
		{"presence", fido2(), func(d *desk) {
			d.Key.Forge(softkey.Forge{AuthData: func(a *softkey.AuthData) { a.Flags &^= softkey.FlagUserPresent }})
		}, "user presence"},
		{"origin", fido2(), func(d *desk) { d.Origin = "https://evil.example" }, "page"},
		{"self attestation where none was asked for", fido2(), func(*desk) {}, ""},
		{"self attestation where direct was", map[string]any{"fidoProtocol": "FIDO2", "attestation": "direct"}, func(*desk) {}, "not trusted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.user("mira.koch")
			d := newDesk(t)
			tt.spoil(d)
			options, id := w.begin("mira.koch", tt.ask)
			r := w.register("mira.koch", id, d.create(t, options))
			if tt.words == "" {
				if r.status != http.StatusOK {
					t.Errorf("got %d %s", r.status, r.body)
				}
				return
			}
			want(t, r, http.StatusConflict, tt.words)
		})
	}
}

func noVerification(d *desk) {
	d.Key.Forge(softkey.Forge{AuthData: func(a *softkey.AuthData) { a.Flags &^= softkey.FlagUserVerified }})
}

// A relying party that asks for more than the request gets it.
func TestAtLeast(t *testing.T) {
	w := newWorld(t, func(n *onespan.Tenant) { n.RelyingParty = "other.example.com" })
	w.user("mira.koch")
	options, _ := w.begin("mira.koch", fido2())
	if s := creationOf(t, options).AuthenticatorSelection; s.UserVerification != "required" || s.ResidentKey != "required" {
		t.Errorf("options: %s", options)
	}
}

func TestRecentLogin(t *testing.T) {
	w := newWorld(t, func(n *onespan.Tenant) { n.RequireRecentLogin = time.Hour })
	w.user("mira.koch")
	w.registered("mira.koch", newDesk(t)) // the first has nothing to log in with
	r := w.do(request{method: "POST", path: "/users/mira.koch/generate-fido-registration-request", body: fido2()})
	want(t, r, http.StatusForbidden, "has not signed in lately")
}

func TestOperatorsAreSpared(t *testing.T) {
	w := newWorld(t)
	w.user("boss")
	id := w.registered("boss", newDesk(t))
	_, err := w.svc.GrantRole(t.Context(), w.root, credential.GrantRole{User: credential.ByName("boss"), Role: tenant.Auditor})
	check(t, err)
	const words = "prohibited for tenant admin accounts"
	for _, as := range []string{"portal", "admin"} {
		for _, q := range []request{
			{method: "POST", path: "/users/boss/generate-fido-registration-request", body: fido2()},
			{method: "POST", path: "/users/boss/register-fido-device", body: map[string]any{
				"fidoProtocol": "FIDO2", "requestID": "registration:x", "registrationResponse": newDesk(t).anything(t),
			}},
			{method: "POST", path: "/users/boss/generate-fido-authentication-request", body: fido2()},
			{method: "PATCH", path: "/fido-registrations/" + id, body: map[string]any{"registrationName": "x"}},
			{method: "DELETE", path: "/fido-registrations/" + id},
		} {
			q.as = as
			want(t, w.do(q), http.StatusForbidden, words)
		}
	}
}

// anything is an answer that can be read, to a challenge that nobody made.
func (d *desk) anything(t testing.TB) map[string]any {
	return d.create(t, json.RawMessage(`{"rp":{"id":"`+site+`","name":"x"},"user":{"id":"AQ","name":"x","displayName":"x"},"challenge":"AAAAAAAAAAAAAAAAAAAAAA"}`))
}

// How users are named in the path.
func TestAddresses(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"mira.koch", "ann@corp.example", "jo@branch", "odd/name", strings.Repeat("l", 255)} {
		w.user(name)
	}
	for _, tt := range []struct {
		path   string
		status int
		user   string
	}{
		{"mira.koch@northbank", 200, "mira.koch"},
		{"mira.koch%40northbank", 200, "mira.koch"},
		{"MIRA.KOCH@NorthBank", 200, "mira.koch"},
		{"mira.koch", 200, "mira.koch"},
		{"ann@corp.example@northbank", 200, "ann@corp.example"},
		{"ann%40corp.example%40northbank", 200, "ann@corp.example"},
		{"odd%2Fname@northbank", 200, "odd/name"},
		{"jo@branch", 200, "jo@branch"},
		{"jo@branch@northbank", 404, ""}, // would be the same user as jo of branch
		{"mira.koch@branch", 404, ""},
		{"ann@corp.example", 404, ""}, // no such domain
		{"nobody@northbank", 404, ""},
		{"@northbank", 400, ""},
		{"mira.koch@", 400, ""},
		{"%00@northbank", 404, ""},
		{"%20mira.koch@northbank", 404, ""},
		{strings.Repeat("x", 255) + "@northbank", 404, ""},
		{strings.Repeat("l", 255), 200, strings.Repeat("l", 255)},
	} {
		r := w.do(request{method: "POST", path: "/users/" + tt.path + "/generate-fido-registration-request", body: fido2()})
		if r.status != tt.status {
			t.Errorf("%s: got %d %s, want %d", tt.path, r.status, r.body, tt.status)
			continue
		}
		if tt.status == 400 {
			wantInput(t, r, "userID@domain")
		}
		if tt.user != "" {
			if o := creationOf(t, json.RawMessage(r.member("registrationRequest").(string))); o.User.DisplayName != tt.user {
				t.Errorf("%s: made for %s", tt.path, o.User.DisplayName)
			}
		}
	}
}

// What pages make of a credential by hand.
func TestLooseAnswers(t *testing.T) {
	for name, change := range map[string]func(c, response map[string]any) any{
		"as an object": func(c, _ map[string]any) any { return c },
		"no rawId":     func(c, _ map[string]any) any { delete(c, "rawId"); return c },
		"padded and in the standard alphabet": func(c, response map[string]any) any {
			for _, m := range []string{"clientDataJSON", "attestationObject"} {
				text := strings.NewReplacer("-", "+", "_", "/").Replace(response[m].(string))
				response[m] = text + strings.Repeat("=", (4-len(text)%4)%4)
			}
			return c
		},
		"what browsers add": func(c, response map[string]any) any {
			response["publicKeyAlgorithm"], response["publicKey"], response["authenticatorData"] = -7, "AA", "AA"
			return c
		},
	} {
		w := newWorld(t)
		w.user("mira.koch")
		options, id := w.begin("mira.koch", fido2())
		answer := newDesk(t).create(t, options)
		body := map[string]any{
			"fidoProtocol": "FIDO2", "requestID": id, "registrationName": "Desk",
			"registrationResponse": change(answer, answer["response"].(map[string]any)),
		}
		r := w.do(request{method: "POST", path: "/users/mira.koch/register-fido-device", body: body})
		if r.status != http.StatusOK || r.member("registrationName") != "Desk" {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
}
