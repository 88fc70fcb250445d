package enrol_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/front/enrol"
	"bestow.dev/internal/strictjson"
	"bestow.dev/webauthn"
)

func registration(t testing.TB, answer json.RawMessage) *webauthn.RegistrationResponse {
	t.Helper()
	r, err := webauthn.ParseRegistrationResponse(answer)
	check(t, err)
	return r
}

// withHandle adds to an assertion the user handle that a discoverable credential
// brings; nil adds none.
func withHandle(t testing.TB, answer json.RawMessage, handle []byte) json.RawMessage {
	t.Helper()
	if handle == nil {
		return answer
	}
	var c map[string]any
	check(t, json.Unmarshal(answer, &c))
	c["response"].(map[string]any)["userHandle"] = strictjson.EncodeBase64URL(handle)
	text, err := json.Marshal(c)
	check(t, err)
	return text
}

type person struct {
	Purpose, Name, DisplayName, RelyingParty string
	Registered                               bool
	Expires                                  time.Time
}

type listed struct {
	Items []struct {
		ID, Name, State string
		Synced, Current bool
		Created         time.Time
		LastUsed        *time.Time
	}
}

// The whole way of a person with a link: start, register, sign in, look, sign out.
func TestWholeWay(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	secret := w.invite("alice")
	b := w.browser()
	b.get("/enrol").in(t, http.StatusOK, nil)
	b.get("/enrol/session").in(t, http.StatusNoContent, nil)

	var p person
	r := b.start(secret)
	r.in(t, http.StatusCreated, &p)
	want := person{"enrol", "alice", "Ms alice", "Example Login", false, w.Now().Add(15 * time.Minute)}
	if p != want {
		t.Errorf("got %+v, want %+v", p, want)
	}
	enrolment := cookieOf(t, r)
	b.get("/enrol/session").in(t, http.StatusOK, &p) // the page was loaded again
	if p != want {
		t.Errorf("got %+v, want %+v", p, want)
	}

	key := newKey(t)
	var made struct{ ID, Name, State string }
	b.register(key, origin).in(t, http.StatusCreated, &made)
	if made.Name != "Sample Key" || made.State != "active" {
		t.Errorf("made: %+v", made)
	}
	b.get("/enrol/session").in(t, http.StatusOK, &p)
	if !p.Registered {
		t.Error("the session does not know that it has registered")
	}

	r = b.signIn(key, alice.Handle)
	r.in(t, http.StatusOK, &p)
	if c := cookieOf(t, r); p.Name != "alice" || c.Value == enrolment.Value {
		t.Errorf("signed in as %+v, with cookie %v", p, c)
	}
	stolen := w.browser()
	stolen.send(http.MethodGet, "/enrol/session", "", func(r *http.Request) { r.AddCookie(enrolment) }).in(t, http.StatusNoContent, nil)

	w.Later(time.Second)
	var list listed
	b.get("/enrol/credentials").in(t, http.StatusOK, &list)
	if len(list.Items) != 1 || list.Items[0].ID != made.ID || !list.Items[0].Current || list.Items[0].LastUsed == nil {
		t.Errorf("credentials: %+v", list)
	}

	r = b.post("/enrol/signout", nil)
	r.in(t, http.StatusNoContent, nil)
	if c := cookieOf(t, r); c.MaxAge >= 0 || c.Value != "" {
		t.Errorf("the cookie stays: %v", c)
	}
	b.get("/enrol/credentials").refused(t, http.StatusUnauthorized, "session.unknown", "session has ended")
	b.post("/enrol/signout", nil).refused(t, http.StatusUnauthorized, "session.unknown", "")

	if got, want := w.events(), []string{
		"user.created", "invitation.created", "invitation.spent", "registration.begun", "credential.registered",
		"authentication.begun", "authentication.succeeded", "session.ended",
	}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

// cookieOf returns the session cookie that an answer sets, after checking what every
// one has.
func cookieOf(t testing.TB, r *reply) *http.Cookie {
	t.Helper()
	cookies := (&http.Response{Header: r.header}).Cookies()
	if len(cookies) != 1 {
		t.Fatalf("cookies: %v", cookies)
	}
	c := cookies[0]
	if c.Name != cookie || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("cookie: %s", r.header["Set-Cookie"])
	}
	return c
}

func TestCookieLife(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	b := w.browser()
	r := b.start(w.invite("alice"))
	if c := cookieOf(t, r); c.MaxAge != 15*60 || len(c.Value) != 43 {
		t.Errorf("cookie: %+v", c)
	}
	w.Later(15*time.Minute - time.Millisecond)
	b.post("/enrol/registration/begin", nil).in(t, http.StatusCreated, nil)
	w.Later(time.Millisecond)
	b.post("/enrol/registration/begin", nil).refused(t, http.StatusUnauthorized, "session.unknown", "Begin again with a link")
}

func TestHeaders(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for _, path := range []string{"/", "/enrol", "/signin"} {
		r := b.get(path)
		r.in(t, http.StatusOK, nil)
		for name, want := range map[string]string{
			"Content-Type":               "text/html; charset=utf-8",
			"Cache-Control":              "no-store",
			"Referrer-Policy":            "no-referrer",
			"X-Content-Type-Options":     "nosniff",
			"Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := r.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		policy := r.header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: the policy %q lacks %s", path, policy, part)
			}
		}
		if strings.Contains(policy, "unsafe") || len(r.header["Set-Cookie"]) != 0 {
			t.Errorf("%s: %v", path, r.header)
		}
		// The policy forbids these, so a page that has them is broken.
		for _, inline := range []string{"<style", " style=", "onclick=", "<script>"} {
			if strings.Contains(string(r.body), inline) {
				t.Errorf("%s holds %s", path, inline)
			}
		}
	}
	for path, media := range map[string]string{
		"/enrol/assets/enrol.js": "text/javascript", "/assets/passkey.js": "text/javascript", "/assets/style.css": "text/css", "/assets/icon.svg": "image/svg+xml",
	} {
		r := b.get(path)
		r.in(t, http.StatusOK, nil)
		if got := r.header.Get("Content-Type"); !strings.HasPrefix(got, media) {
			t.Errorf("%s is %s", path, got)
		}
	}
	for _, path := range []string{"/assets/", "/enrol/assets/", "/enrol/assets/enrol.html", "/enrol/assets/layout.html"} {
		b.get(path).in(t, http.StatusNotFound, nil)
	}
}

// Only a page of ours may call, whatever cookies the browser brings.
func TestCrossOrigin(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	secret := w.invite("alice")
	b := w.browser()
	b.start(secret).in(t, http.StatusCreated, nil)
	calls := []string{
		"/enrol/start", "/enrol/registration/begin", "/enrol/registration/finish",
		"/enrol/authentication/begin", "/enrol/authentication/finish", "/enrol/signout",
	}
	w.quiet(func() {
		for _, path := range calls {
			for name, change := range map[string]func(*http.Request){
				"another site":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
				"another port":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
				"an old browser": func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "https://evil.example") },
				"no origin":      func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "null") },
			} {
				if r := b.send(http.MethodPost, path, "{}", change); r.status != http.StatusForbidden {
					t.Errorf("%s from %s: %d %s", path, name, r.status, r.body)
				}
			}
		}
	})
	b.post("/enrol/registration/begin", nil).in(t, http.StatusCreated, nil)
}

// Looking changes nothing: a mail scanner that opens the link spends nothing.
func TestGetChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	secret := w.invite("alice")
	b := w.browser()
	w.quiet(func() {
		for _, path := range []string{
			"/", "/enrol", "/enrol?secret=" + secret, "/signin", "/enrol/session", "/enrol/credentials", "/enrol/assets/enrol.js",
		} {
			b.get(path)
		}
		for _, path := range []string{
			"/enrol/start", "/enrol/registration/begin", "/enrol/registration/finish",
			"/enrol/authentication/begin", "/enrol/authentication/finish", "/enrol/signout",
		} {
			if r := b.get(path + "?secret=" + secret); r.status != http.StatusMethodNotAllowed {
				t.Errorf("GET %s: %d", path, r.status)
			}
		}
	})
	b.start(secret).in(t, http.StatusCreated, nil)
}

func TestMountRefuses(t *testing.T) {
	if err := enrol.Mount(http.NewServeMux(), enrol.Config{}); err == nil {
		t.Error("pages over nothing")
	}
}

// What is secret stands in no log, at whatever level.
func TestLogsHoldNoSecret(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	secret := w.invite("alice")
	b := w.browser()
	started := b.start(secret)
	b.start(secret)
	key := newKey(t)
	b.register(key, "https://evil.example") // refused, with its cause in the log
	b.register(key, origin).in(t, http.StatusCreated, nil)
	signed := b.signIn(key, alice.Handle)
	b.send(http.MethodPost, "/enrol/start", `{"secret":"`+secret+`","secret":"x"}`, nil)
	b.get("/enrol#" + secret)
	log := w.log.String()
	if !strings.Contains(log, "webauthn.origin") || !strings.Contains(log, "invitation.spent") {
		t.Fatalf("the log is not at work: %s", log)
	}
	for what, text := range map[string]string{
		"secret": secret, "enrolment cookie": cookieOf(t, started).Value, "cookie": cookieOf(t, signed).Value, "name": "alice",
	} {
		if strings.Contains(log, text) {
			t.Errorf("the log holds the %s", what)
		}
	}
	events, err := json.Marshal(w.events())
	check(t, err)
	if strings.Contains(string(events), secret) {
		t.Error("the trail holds the secret")
	}
}

// Somebody without a link signs in with the passkey they have, and sees what is theirs.
func TestVisit(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.user("alice"), w.user("bob")
	key := w.provisioned("alice")
	bobs := w.provisioned("bob")
	b := w.browser()
	options := b.post("/enrol/authentication/begin", nil).options(t)
	if strings.Contains(string(options), key.ID()) {
		t.Error("a stranger is told whose credentials there are")
	}
	var p person
	b.get("/enrol/session").in(t, http.StatusOK, &p)
	if p.Purpose != string(credential.Visit) || p.Name != "" {
		t.Errorf("a visitor: %+v", p)
	}
	b.get("/enrol/credentials").refused(t, http.StatusForbidden, "session.purpose", "does not allow")
	b.post("/enrol/registration/begin", nil).refused(t, http.StatusForbidden, "session.purpose", "")
	b.signIn(key, alice.Handle).in(t, http.StatusOK, nil)
	var list listed
	b.get("/enrol/credentials").in(t, http.StatusOK, &list)
	if len(list.Items) != 1 || !list.Items[0].Current {
		t.Errorf("credentials: %+v", list)
	}
	// Signed in as one, nobody becomes another.
	b.signIn(bobs, bob.Handle).refused(t, http.StatusUnprocessableEntity, "webauthn.credential_not_allowed", "")
	w.Later(15 * time.Minute)
	b.get("/enrol/credentials").refused(t, http.StatusUnauthorized, "session.unknown", "sign in")

	// Where there is nothing to sign in to, the page says so.
	w = newWorldFor(t, "")
	w.browser().post("/enrol/authentication/begin", nil).refused(t, http.StatusNotFound, "signin.none", "nothing to sign in to")
}
