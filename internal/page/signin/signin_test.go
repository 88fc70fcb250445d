package signin_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/page/signin"
)

// Sign in, and sign out, at each door.
func TestWholeWay(t *testing.T) {
	for root, want := range map[string]struct {
		visit, session credential.Purpose
		life           time.Duration
	}{
		"/console": {credential.ConsoleVisit, credential.Console, 8 * time.Hour},
		"/task":    {credential.TaskVisit, credential.Tasks, time.Hour},
	} {
		t.Run(root, func(t *testing.T) {
			w := newWorld(t)
			b := &browser{w: w}
			answer := b.begin(root, origin)
			visit := *b
			if s, err := visit.session(); err != nil || s.Purpose != want.visit {
				t.Fatalf("a visit: %+v, %v", s, err)
			}
			if set := b.post(root+"/begin", "").Result().Cookies(); len(set) != 0 {
				t.Errorf("a second visit: %v", set)
			}
			out := b.post(root+"/finish", answer)
			wants(t, out, http.StatusNoContent)
			set := out.Result().Cookies()
			if len(set) != 1 || set[0].Name != cookie || !set[0].Secure || !set[0].HttpOnly || set[0].SameSite != http.SameSiteStrictMode ||
				set[0].Path != "/" || set[0].Domain != "" || set[0].MaxAge != int(want.life.Seconds()) {
				t.Errorf("cookies: %v", set)
			}
			if out.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%v", out.Header())
			}
			signedIn := *b
			if s, err := signedIn.session(); err != nil || s.Purpose != want.session || s.User != w.user.ID {
				t.Fatalf("signed in: %+v, %v", s, err)
			}
			if _, err := visit.session(); !errors.Is(err, credential.ErrSessionUnknown) {
				t.Errorf("the visit goes on: %v", err)
			}

			out = b.post(root+"/end", "")
			wants(t, out, http.StatusNoContent)
			if set := out.Result().Cookies(); len(set) != 1 || set[0].Name != cookie || set[0].MaxAge != -1 || set[0].Path != "/" || !set[0].Secure {
				t.Errorf("the cookie is not dropped: %v", set)
			}
			if _, err := signedIn.session(); !errors.Is(err, credential.ErrSessionUnknown) {
				t.Errorf("the session goes on: %v", err)
			}
			wants(t, signedIn.post(root+"/end", ""), http.StatusNoContent) // again is no fault
			wants(t, b.post(root+"/end", ""), http.StatusNoContent)

			events, err := w.db.AuditEvents(t.Context(), audit.Query{Tenant: "acme", Limit: 100})
			check(t, err)
			var actions []string
			for _, e := range events {
				if "/"+e.Via == root {
					actions = append(actions, e.Action)
				}
			}
			if want := []string{"session.opened", "authentication.begun", "authentication.begun", "authentication.succeeded", "session.ended"}; !slices.Equal(actions, want) {
				t.Errorf("events %q, want %q", actions, want)
			}
		})
	}
}

// What finishes a sign-in finishes it no more when one thing is spoiled.
func TestFinishRefused(t *testing.T) {
	w := newWorld(t)
	opened := func(s *credential.OpenedSession, err error) string {
		check(t, err)
		return s.Cookie
	}
	for name, tt := range map[string]struct {
		from   string // origin if empty
		spoil  func(b *browser, answer *string)
		status int // 204 if zero
		code   string
	}{
		"untouched":        {},
		"another origin":   {from: elsewhere, status: http.StatusUnprocessableEntity, code: "webauthn.origin"},
		"not JSON":         {spoil: func(_ *browser, answer *string) { *answer = "{" }, status: http.StatusBadRequest, code: "request.json"},
		"unknown member":   {spoil: func(_ *browser, answer *string) { *answer = `{"x":1}` }, status: http.StatusBadRequest, code: "request.json"},
		"no answer":        {spoil: func(_ *browser, answer *string) { *answer = `{}` }, status: http.StatusBadRequest, code: "webauthn."},
		"no cookie":        {spoil: func(b *browser, _ *string) { b.cookie = "" }, status: http.StatusUnauthorized, code: "session.unknown"},
		"no such session":  {spoil: func(b *browser, _ *string) { b.cookie = b.cookie[1:] + "A" }, status: http.StatusUnauthorized, code: "session.unknown"},
		"somebody else's":  {spoil: func(b *browser, _ *string) { b.cookie = ""; b.begin("/task", origin) }, status: http.StatusNotFound, code: "ceremony.unknown"},
		"already finished": {spoil: func(b *browser, answer *string) { wants(t, b.post("/task/finish", *answer), http.StatusNoContent) }, status: http.StatusUnauthorized, code: "session.unknown"},
		"a visit for the console": {spoil: func(b *browser, _ *string) {
			b.cookie = opened(w.svc.StartConsoleVisit(t.Context(), "acme", site, "192.0.2.1"))
		}, status: http.StatusUnauthorized, code: "session.unknown"},
		"a visit for the enrolment pages": {spoil: func(b *browser, _ *string) {
			b.cookie = opened(w.svc.StartVisit(t.Context(), "acme", site, "192.0.2.1"))
		}, status: http.StatusUnauthorized, code: "session.unknown"},
		"a visit to another relying party": {spoil: func(b *browser, _ *string) {
			b.cookie = opened(w.svc.StartTaskVisit(t.Context(), "acme", otherSite, "192.0.2.1"))
		}, status: http.StatusUnauthorized, code: "session.unknown"},
		"a visit to another tenant": {spoil: func(b *browser, _ *string) {
			b.cookie = opened(w.svc.StartTaskVisit(t.Context(), "other", site, "192.0.2.1"))
		}, status: http.StatusUnauthorized, code: "session.unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			from, status := tt.from, tt.status
			if from == "" {
				from = origin
			}
			if status == 0 {
				status = http.StatusNoContent
			}
			b := &browser{w: w}
			answer := b.begin("/task", from)
			if tt.spoil != nil {
				tt.spoil(b, &answer)
			}
			out := b.post("/task/finish", answer)
			wants(t, out, status, tt.code)
			if status != http.StatusNoContent && len(out.Result().Cookies()) != 0 {
				t.Errorf("a cookie: %v", out.Result().Cookies())
			}
		})
	}
}

// A session that is for something else is left as it is, and a visit opened beside it.
func TestBeginInAnotherSession(t *testing.T) {
	w := newWorld(t)
	b := &browser{w: w}
	wants(t, b.post("/task/finish", b.begin("/task", origin)), http.StatusNoContent)
	before := *b
	b.begin("/task", origin)
	if s, err := b.session(); err != nil || s.Purpose != credential.TaskVisit {
		t.Errorf("a visit: %+v, %v", s, err)
	}
	if s, err := before.session(); err != nil || s.Purpose != credential.Tasks {
		t.Errorf("before: %+v, %v", s, err)
	}
}

func TestNothingToSignInTo(t *testing.T) {
	b := &browser{w: newWorld(t)}
	out := b.post("/nobody/begin", "")
	wants(t, out, http.StatusNotFound, `"signin.none"`)
	if b.cookie != "" {
		t.Errorf("a visit to nothing: %v", out.Header())
	}
}

// A browser that is told nothing was ended still has what to try again with.
func TestEndFails(t *testing.T) {
	b := &browser{w: newWorld(t)}
	b.begin("/task", origin)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out := b.postIn(ctx, "/task/end", "")
	if out.Code < http.StatusInternalServerError || len(out.Result().Cookies()) != 0 {
		t.Errorf("got %d, %v", out.Code, out.Header())
	}
	if _, err := b.session(); err != nil {
		t.Errorf("the session: %v", err)
	}
}

// A refusal is in the words of the door, in the language of who asks.
func TestCalled(t *testing.T) {
	w := newWorld(t)
	b := &browser{w: w, lang: "de"}
	wants(t, b.post("/task/finish", b.begin("/task", origin)), http.StatusNoContent)
	wants(t, b.post("/task/finish", `{"response":{}}`), http.StatusBadRequest, `"message":"Falsch."`, `"requestId":"`)
	answer := (&browser{w: w}).begin("/task", origin)
	wants(t, b.post("/task/finish", answer), http.StatusUnauthorized, `"code":"session.unknown"`, `"message":"Noch einmal von vorn."`)

	d, err := signin.New(w.tasks())
	check(t, err)
	out := httptest.NewRecorder()
	d.Called(func(http.ResponseWriter, *http.Request) error { return fault.New(fault.Limited, "x", "x") })(out, httptest.NewRequest(http.MethodPost, "/", nil))
	wants(t, out, http.StatusTooManyRequests, `"message":"Wrong."`)
	if out.Header().Get("Retry-After") == "" {
		t.Error("nobody says when to try again")
	}
}

func TestNew(t *testing.T) {
	w := newWorld(t)
	for name, spoil := range map[string]func(c *signin.Config){
		"no credentials": func(c *signin.Config) { c.Credentials = nil },
		"no origin":      func(c *signin.Config) { c.Origin = "" },
		"no cookie":      func(c *signin.Config) { c.Cookie = "" },
		"any cookie":     func(c *signin.Config) { c.Cookie = "bestow-test" },
		"no name":        func(c *signin.Config) { c.Via = "" },
		"no purpose":     func(c *signin.Config) { c.Purpose = "" },
		"no visits":      func(c *signin.Config) { c.StartVisit = nil },
		"no texts":       func(c *signin.Config) { c.Texts = nil },
	} {
		c := w.tasks()
		spoil(&c)
		if _, err := signin.New(c); err == nil {
			t.Errorf("%s: a door", name)
		}
	}
}
