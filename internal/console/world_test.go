package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/console"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/page"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/strictjson"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
	"bestow.dev/test/forge"
	"bestow.dev/webauthn"
)

const (
	site   = "login.example.com"
	origin = "https://login.example.com"
	shop   = "https://shop.login.example.com" // another site of the same relying party
	cookie = "__Host-bestow-console"
)

// world is the console over the real services on a database of its own, behind TLS,
// with a clock that the test turns.
type world struct {
	t       testing.TB
	db      *store.DB
	svc     *credential.Service
	root    tenant.Authority
	console *console.Console
	server  *httptest.Server
	log     journal

	mu  sync.Mutex
	now time.Time
}

// journal is what was logged.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func newWorld(t testing.TB, more ...console.Page) *world { return newWorldFor(t, site, more...) }

// newWorldFor has operators sign in to rp; empty for nothing.
func newWorldFor(t testing.TB, rp string, more ...console.Page) *world {
	t.Helper()
	w := &world{
		t: t, db: storetest.SQLite(t), now: time.Date(2026, 3, 2, 10, 15, 0, 0, time.UTC),
		root: tenant.LocalOperator("acme", "root"),
	}
	dir, err := tenant.New(t.Context(), w.db, []tenant.FileTenant{{
		Name: "acme", RelyingParties: []tenant.RelyingParty{{ID: site, Name: "Example Login", Origins: []string{origin, shop}}},
	}}, w.clock)
	check(t, err)
	logger := slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.svc, err = credential.New(credential.Config{Store: w.db, Directory: dir, Trail: w.db, Now: w.clock, Log: logger})
	check(t, err)
	t.Cleanup(func() { _ = w.svc.Close(context.Background()) })
	w.console, err = console.New(console.Config{Credentials: w.svc, Trail: w.db, Tenant: "acme", RelyingParty: rp, Origin: origin})
	check(t, err)
	for _, p := range more {
		check(t, w.console.Add(p))
	}
	mux := http.NewServeMux()
	page.Mount(mux)
	mux.Handle("/console", w.console)
	mux.Handle("/console/", w.console)
	w.server = httptest.NewTLSServer(web.Handler(mux, web.Options{Log: logger}))
	t.Cleanup(w.server.Close)
	return w
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// user makes a user with a key.
func (w *world) user(name string) (*credential.User, *forge.Key) {
	w.t.Helper()
	u, err := w.svc.CreateUser(w.t.Context(), w.root, credential.NewUser{Name: name, DisplayName: "Ms " + name})
	check(w.t, err)
	begun, err := w.svc.BeginRegistration(w.t.Context(), w.root, credential.BeginRegistration{RelyingParty: site, User: credential.ByID(u.ID)})
	check(w.t, err)
	key, err := forge.New()
	check(w.t, err)
	answer, err := key.Register(begun.JSON, origin)
	check(w.t, err)
	response, err := webauthn.ParseRegistrationResponse(answer)
	check(w.t, err)
	_, err = w.svc.FinishRegistration(w.t.Context(), w.root, credential.FinishRegistration{RelyingParty: site, Response: response, Name: "Key of " + name})
	check(w.t, err)
	return u, key
}

func (w *world) grant(u *credential.User, role tenant.Role) {
	w.t.Helper()
	_, err := w.svc.GrantRole(w.t.Context(), w.root, credential.GrantRole{User: credential.ByID(u.ID), Role: role})
	check(w.t, err)
}

// signedIn is a browser in which a new user with a role, or without, is signed in.
func (w *world) signedIn(name string, role tenant.Role) (*browser, *credential.User) {
	w.t.Helper()
	u, key := w.user(name)
	if role != "" {
		w.grant(u, role)
	}
	b := w.browser()
	b.signIn(key, u, origin).is(w.t, http.StatusNoContent)
	return b, u
}

// events returns the actions of the audit trail.
func (w *world) events() []audit.Event {
	w.t.Helper()
	events, err := w.db.AuditEvents(w.t.Context(), audit.Query{Tenant: "acme", Limit: 1000})
	check(w.t, err)
	return events
}

// quiet fails if f leaves an event.
func (w *world) quiet(f func()) {
	w.t.Helper()
	before := len(w.events())
	f()
	for _, e := range w.events()[before:] {
		w.t.Errorf("it left the event %s", e.Action)
	}
}

// browser is a browser with cookies of its own, that does not follow where it is led.
type browser struct {
	w        *world
	client   *http.Client
	language string
}

func (w *world) browser() *browser {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	check(w.t, err)
	return &browser{w: w, client: &http.Client{
		Transport: w.server.Client().Transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// reply is an answer that was read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// send sends a request as a page of ours would, unless change says otherwise.
func (b *browser) send(method, path, body string, change func(*http.Request)) *reply {
	b.w.t.Helper()
	r, err := http.NewRequestWithContext(b.w.t.Context(), method, b.w.server.URL+path, strings.NewReader(body))
	check(b.w.t, err)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Accept-Language", b.language)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if change != nil {
		change(r)
	}
	resp, err := b.client.Do(r)
	check(b.w.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	check(b.w.t, err)
	return &reply{resp.StatusCode, resp.Header, string(text)}
}

func (b *browser) get(path string) *reply { return b.send(http.MethodGet, path, "", nil) }

func (b *browser) post(path, body string) *reply { return b.send(http.MethodPost, path, body, nil) }

// signIn has key answer request options on a page of from.
func (b *browser) signIn(key *forge.Key, u *credential.User, from string) *reply {
	b.w.t.Helper()
	return b.post("/console/signin/finish", b.answer(key, u, from))
}

// answer begins to sign in and is what the page would finish with.
func (b *browser) answer(key *forge.Key, u *credential.User, from string) string {
	b.w.t.Helper()
	begun := b.post("/console/signin/begin", "").is(b.w.t, http.StatusCreated)
	var o struct{ PublicKey json.RawMessage }
	check(b.w.t, json.Unmarshal([]byte(begun.body), &o))
	answer, err := key.Assert(o.PublicKey, from)
	check(b.w.t, err)
	var c map[string]any
	check(b.w.t, json.Unmarshal(answer, &c))
	c["response"].(map[string]any)["userHandle"] = strictjson.EncodeBase64URL(u.Handle)
	body, err := json.Marshal(map[string]any{"response": c})
	check(b.w.t, err)
	return string(body)
}

// is fails unless the answer has the status, and returns it.
func (r *reply) is(t testing.TB, status int) *reply {
	t.Helper()
	if r.status != status {
		t.Fatalf("got %d %s, want %d", r.status, r.body, status)
	}
	return r
}

// says fails unless the answer is a page with all of these texts.
func (r *reply) says(t testing.TB, texts ...string) *reply {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.body, text) {
			t.Errorf("the page does not say %q:\n%s", text, r.body)
		}
	}
	return r
}

// hides fails if the answer has any of these texts.
func (r *reply) hides(t testing.TB, texts ...string) *reply {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(r.body, text) {
			t.Errorf("the page says %q:\n%s", text, r.body)
		}
	}
	return r
}

// leads fails unless the answer leads to path.
func (r *reply) leads(t testing.TB, path string) *reply {
	t.Helper()
	if r.status != http.StatusSeeOther || r.header.Get("Location") != path {
		t.Errorf("got %d to %q, want to %q", r.status, r.header.Get("Location"), path)
	}
	return r
}
