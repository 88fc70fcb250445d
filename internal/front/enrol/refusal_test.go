package enrol_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/credential"
)

// Every way in which a link is of no use has words that say what to do.
func TestLinksRefused(t *testing.T) {
	tests := []struct {
		name   string
		since  func(w *world, secret *string)
		status int
		code   string
		words  string
	}{
		{"unknown", func(_ *world, s *string) { *s = strings.Repeat("A", 43) }, http.StatusNotFound, "invitation.unknown", "not valid"},
		{"cut off", func(_ *world, s *string) { *s = (*s)[:40] }, http.StatusNotFound, "invitation.unknown", "Check that it is complete"},
		{"empty", func(_ *world, s *string) { *s = "" }, http.StatusNotFound, "invitation.unknown", ""},
		{"used", func(w *world, s *string) { w.browser().start(*s) }, http.StatusGone, "invitation.spent", "If that was not you, tell whoever sent it"},
		{"expired", func(w *world, _ *string) { w.Later(24 * time.Hour) }, http.StatusGone, "invitation.expired", "Ask for a new one"},
		{"replaced", func(w *world, _ *string) { w.invite("alice") }, http.StatusGone, "invitation.cancelled", "replaced by a newer one"},
		{"has one since", func(w *world, _ *string) { w.provisioned("alice") }, http.StatusConflict, "invitation.additional_needed", "an additional passkey"},
		{"locked", func(w *world, _ *string) {
			_, err := w.svc.LockUser(w.t.Context(), w.root, credential.ByName("alice"))
			check(w.t, err)
		}, http.StatusConflict, "user.locked", "locked"},
		{"erased", func(w *world, _ *string) {
			check(w.t, w.svc.EraseUser(w.t.Context(), w.root, credential.ByName("alice")))
		}, http.StatusNotFound, "invitation.unknown", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.user("alice")
			secret := w.invite("alice")
			tt.since(w, &secret)
			w.quiet(func() {
				r := w.browser().start(secret)
				r.refused(t, tt.status, tt.code, tt.words)
				if len(r.header["Set-Cookie"]) != 0 {
					t.Error("a refusal sets a cookie")
				}
			})
		})
	}
}

func TestGuessingIsSlowedDown(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	secret := w.invite("alice")
	for range 3 {
		w.browser().start(strings.Repeat("A", 43)).refused(t, http.StatusNotFound, "invitation.unknown", "")
	}
	r := w.browser().start(secret)
	r.refused(t, http.StatusTooManyRequests, "address.limited", "Wait a minute")
	if r.header.Get("Retry-After") != "60" {
		t.Errorf("headers: %v", r.header)
	}
	w.Later(time.Minute)
	w.browser().start(secret).in(t, http.StatusCreated, nil)

	for range 4 {
		w.browser().post("/enrol/authentication/begin", nil).in(t, http.StatusCreated, nil)
	}
	w.browser().post("/enrol/authentication/begin", nil).refused(t, http.StatusTooManyRequests, "address.limited", "")
}

// Bodies are read strictly, and what cannot be read spends nothing.
func TestBodiesRefused(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	secret := w.invite("alice")
	b := w.browser()
	quoted, err := json.Marshal(secret)
	check(t, err)
	good := `{"secret":` + string(quoted) + `}`
	tests := []struct {
		name, body, media string
		status            int
		code              string
	}{
		{"no JSON", "secret", "application/json", http.StatusBadRequest, "request.json"},
		{"a member twice", `{"secret":"x",` + good[1:], "application/json", http.StatusBadRequest, "request.json"},
		{"an unknown member", `{"user":"bob",` + good[1:], "application/json", http.StatusBadRequest, "request.json"},
		{"another case", strings.ToUpper(good), "application/json", http.StatusBadRequest, "request.json"},
		{"something after it", good + "{}", "application/json", http.StatusBadRequest, "request.json"},
		{"a form", good, "application/x-www-form-urlencoded", http.StatusUnsupportedMediaType, "request.not_json"},
		{"too long", `{"secret":"` + strings.Repeat("A", 300<<10) + `"}`, "application/json", http.StatusRequestEntityTooLarge, "request.too_large"},
		{"no body", "", "application/json", http.StatusBadRequest, "request.json"},
	}
	for _, tt := range tests {
		w.quiet(func() {
			r := b.send(http.MethodPost, "/enrol/start", tt.body, func(r *http.Request) { r.Header.Set("Content-Type", tt.media) })
			r.refused(t, tt.status, tt.code, "")
			if strings.Contains(string(r.body), secret) {
				t.Errorf("%s: the answer repeats the secret", tt.name)
			}
		})
	}
	b.start(secret).in(t, http.StatusCreated, nil)

	key := newKey(t)
	answer, err := key.Register(b.post("/enrol/registration/begin", nil).options(t), origin)
	check(t, err)
	finish := func(body string) *reply { return b.send(http.MethodPost, "/enrol/registration/finish", body, nil) }
	w.quiet(func() {
		finish(`{"name":"k"}`).refused(t, http.StatusBadRequest, "webauthn.json_malformed", "")
		finish(`{"name":"k","response":{}}`).refused(t, http.StatusBadRequest, "webauthn.json_malformed", "")
		finish(`{"name":"k","user":"bob","response":`+string(answer)+`}`).refused(t, http.StatusBadRequest, "request.json", "")
		finish(`{"name":"`+strings.Repeat("k", 65)+`","response":`+string(answer)+`}`).refused(t, http.StatusBadRequest, "credential.name", "")
		finish(`{"name":"a\u202eb","response":`+string(answer)+`}`).refused(t, http.StatusBadRequest, "credential.name", "")
	})
	finish(`{"name":"k","response":`+string(answer)+`}`).in(t, http.StatusCreated, nil)
}

// A session registers for its own user at its own relying party, once.
func TestSessionIsBound(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	w.user("bob")
	alice, bob, elsewhere := w.browser(), w.browser(), w.browser()
	alice.start(w.invite("alice")).in(t, http.StatusCreated, nil)
	bob.start(w.invite("bob")).in(t, http.StatusCreated, nil)
	elsewhere.start(w.inviteTo("alice", other)).in(t, http.StatusCreated, nil)

	options := alice.post("/enrol/registration/begin", nil).options(t)
	key := newKey(t)
	answer, err := key.Register(options, origin)
	check(t, err)
	body := map[string]any{"response": answer}
	w.quiet(func() {
		for name, b := range map[string]*browser{"bob": bob, "another relying party": elsewhere} {
			r := b.post("/enrol/registration/finish", body)
			r.refused(t, http.StatusNotFound, "ceremony.unknown", "")
			if t.Failed() {
				t.Logf("finished by %s", name)
			}
		}
		w.browser().post("/enrol/registration/finish", body).refused(t, http.StatusUnauthorized, "session.unknown", "")
		alice.post("/enrol/authentication/begin", nil).refused(t, http.StatusForbidden, "session.purpose", "")
		alice.get("/enrol/credentials").refused(t, http.StatusForbidden, "session.purpose", "")
	})
	alice.post("/enrol/registration/finish", body).in(t, http.StatusCreated, nil)
	w.quiet(func() {
		alice.post("/enrol/registration/finish", body).refused(t, http.StatusGone, "ceremony.used", "")
		alice.post("/enrol/registration/begin", nil).refused(t, http.StatusConflict, "session.registered", "registered its credential already")
		alice.get("/enrol/credentials").refused(t, http.StatusForbidden, "session.purpose", "") // registering is no sign-in
	})
	// A key that is bound to one person is not bound to another.
	bob.register(key, origin).refused(t, http.StatusConflict, "credential.exists", "registered already")

	// What was sent for one relying party is not taken at another, nor from a page elsewhere.
	elsewhere.register(newKey(t), origin).refused(t, http.StatusUnprocessableEntity, "webauthn.origin", "was refused")
}

// A newer link stops whoever spent the older one.
func TestNewerLinkEndsSession(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	b := w.browser()
	b.start(w.invite("alice")).in(t, http.StatusCreated, nil)
	options := b.post("/enrol/registration/begin", nil).options(t)
	newer := w.invite("alice")
	answer, err := newKey(t).Register(options, origin)
	check(t, err)
	b.post("/enrol/registration/finish", map[string]any{"response": answer}).refused(t, http.StatusUnauthorized, "session.unknown", "")
	b.post("/enrol/registration/begin", nil).refused(t, http.StatusUnauthorized, "session.unknown", "")
	b.start(newer).in(t, http.StatusCreated, nil)
	b.register(newKey(t), origin).in(t, http.StatusCreated, nil)
}

func TestAnswersRefused(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	b, key := w.enrolled("alice")

	// Late.
	answer, err := key.Assert(b.post("/enrol/authentication/begin", nil).options(t), origin)
	check(t, err)
	w.Later(5 * time.Minute)
	finish := map[string]any{"response": answer}
	b.post("/enrol/authentication/finish", finish).refused(t, http.StatusGone, "ceremony.expired", "expired")

	// From elsewhere; and the challenge is spent by that.
	options := b.post("/enrol/authentication/begin", nil).options(t)
	answer, err = key.Assert(options, "https://evil.example")
	check(t, err)
	b.post("/enrol/authentication/finish", map[string]any{"response": answer}).refused(t, http.StatusUnprocessableEntity, "webauthn.origin", "")
	answer, err = key.Assert(options, origin)
	check(t, err)
	b.post("/enrol/authentication/finish", map[string]any{"response": answer}).refused(t, http.StatusGone, "ceremony.used", "")
	b.post("/enrol/authentication/finish", map[string]any{"response": json.RawMessage(`{}`)}).refused(t, http.StatusBadRequest, "webauthn.json_malformed", "")

	// With a key nobody knows.
	visitor := w.browser()
	visitor.signIn(newKey(t), alice.Handle).refused(t, http.StatusNotFound, "credential.unknown", "not known here")

	// With one that is suspended; whoever has the key learns it.
	list, err := w.svc.Credentials(t.Context(), w.root, credential.CredentialQuery{})
	check(t, err)
	_, err = w.svc.Suspend(t.Context(), w.root, credential.Ref{ID: list.Credentials[0].ID}, "lost")
	check(t, err)
	visitor.signIn(key, alice.Handle).refused(t, http.StatusUnprocessableEntity, "credential.suspended", "suspended")

	// As many as the policy allows.
	w.provisioned("alice")
	_, err = w.svc.Invite(t.Context(), w.root, credential.Invite{RelyingParty: site, User: credential.ByName("alice"), Additional: true})
	if err == nil {
		t.Error("invited to more than the policy allows")
	}
	// A lock ends every session.
	_, err = w.svc.LockUser(t.Context(), w.root, credential.ByName("alice"))
	check(t, err)
	b.get("/enrol/session").in(t, http.StatusNoContent, nil)
}

// Which policy it was, and what it wanted, is nobody's business on a page.
func TestPolicyRefused(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	b := w.browser()
	b.start(w.inviteTo("alice", strict)).in(t, http.StatusCreated, nil)
	r := b.register(newKey(t), "https://"+strict)
	r.refused(t, http.StatusUnprocessableEntity, "policy.refused", "not of a kind that is accepted here")
	for _, no := range []string{"certain", "rules.", "9d3c5f0a"} {
		if strings.Contains(string(r.body), no) {
			t.Errorf("the answer holds %q: %s", no, r.body)
		}
	}
	if events := w.events(); events[len(events)-1] != "registration.refused" {
		t.Errorf("events: %q", events)
	}
}

func TestTooManyOpen(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	b := w.browser()
	b.start(w.invite("alice")).in(t, http.StatusCreated, nil)
	for range 5 {
		b.post("/enrol/registration/begin", nil).in(t, http.StatusCreated, nil)
	}
	r := b.post("/enrol/registration/begin", nil)
	r.refused(t, http.StatusTooManyRequests, "ceremony.limit", "wait")
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}
