package enrol_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/front/enrol"
	"bestow.dev/internal/front/fronttest"
	"bestow.dev/internal/page"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
	"bestow.dev/test/forge"
)

const (
	site   = "login.example.com"
	other  = "other.example.com"
	strict = "strict.example.com" // its policy accepts a model that no key here is of
	origin = "https://login.example.com"
	cookie = "__Host-bestow"
)

// world is the pages over the real services on a database of its own, behind TLS, with
// a clock that the test turns.
type world struct {
	*fronttest.Clock
	t      testing.TB
	db     *store.DB
	svc    *credential.Service
	root   tenant.Authority
	server *httptest.Server
	log    fronttest.Log
}

func newWorld(t testing.TB) *world { return newWorldFor(t, site) }

// newWorldFor has people without a link sign in to rp; empty for nothing.
func newWorldFor(t testing.TB, rp string) *world {
	t.Helper()
	w := &world{
		t: t, db: storetest.SQLite(t), Clock: fronttest.NewClock(time.Date(2026, 3, 2, 10, 15, 0, 0, time.UTC)),
		root: tenant.LocalOperator("acme", "root"),
	}
	dir, err := tenant.New(t.Context(), w.db, []tenant.FileTenant{{
		Name: "acme",
		RelyingParties: []tenant.RelyingParty{
			{ID: site, Name: "Example Login", Origins: []string{origin}, MaxCredentialsPerUser: 2},
			{ID: other, Name: "Another", Origins: []string{"https://" + other}},
			{ID: strict, Policies: []string{"certain"}},
		},
		Policies: []tenant.FilePolicy{{Path: "certain.json", Document: []byte(`{"name":"certain","rules":{"models":{"allow":["9d3c5f0a-7b1e-4c2d-8a60-f1e2d3c4b5a6"]}}}`)}},
	}}, w.Now)
	check(t, err)
	logger := w.log.Logger()
	w.svc, err = credential.New(credential.Config{
		Store: w.db, Directory: dir, Trail: w.db, Now: w.Now, Log: logger,
		Limits: credential.Limits{WrongPerMinute: 3, SessionsPerMinute: 4, CeremoniesPerUser: 5},
	})
	check(t, err)
	t.Cleanup(func() { _ = w.svc.Close(context.Background()) })
	mux := http.NewServeMux()
	page.Mount(mux)
	check(t, enrol.Mount(mux, enrol.Config{Credentials: w.svc, Directory: dir, Tenant: "acme", RelyingParty: rp}))
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

func (w *world) user(name string) *credential.User {
	w.t.Helper()
	u, err := w.svc.CreateUser(w.t.Context(), w.root, credential.NewUser{Name: name, DisplayName: "Ms " + name})
	check(w.t, err)
	return u
}

// invite returns the secret of a link for a user who may have credentials or not.
func (w *world) invite(name string) string { return w.inviteTo(name, site) }

func (w *world) inviteTo(name, rp string) string {
	w.t.Helper()
	invited, err := w.svc.Invite(w.t.Context(), w.root, credential.Invite{
		RelyingParty: rp, User: credential.ByName(name), Additional: true,
	})
	check(w.t, err)
	return invited.Secret
}

// provisioned gives a user a credential on behalf of them, and returns its key.
func (w *world) provisioned(name string) *forge.Key {
	w.t.Helper()
	begun, err := w.svc.BeginRegistration(w.t.Context(), w.root, credential.BeginRegistration{
		RelyingParty: site, User: credential.ByName(name), AllowRepeat: true,
	})
	check(w.t, err)
	key := newKey(w.t)
	answer, err := key.Register(begun.JSON, origin)
	check(w.t, err)
	_, err = w.svc.FinishRegistration(w.t.Context(), w.root, credential.FinishRegistration{RelyingParty: site, Response: registration(w.t, answer)})
	check(w.t, err)
	return key
}

// events returns the actions of the audit trail.
func (w *world) events() []string {
	w.t.Helper()
	events, err := w.db.AuditEvents(w.t.Context(), audit.Query{Tenant: "acme", Limit: 1000})
	check(w.t, err)
	var actions []string
	for _, e := range events {
		actions = append(actions, e.Action)
	}
	return actions
}

// quiet fails if f leaves an event.
func (w *world) quiet(f func()) {
	w.t.Helper()
	before := w.events()
	f()
	if after := w.events(); !slices.Equal(after, before) {
		w.t.Errorf("it left the events %q", after[len(before):])
	}
}

// browser is a browser with cookies of its own.
type browser struct {
	w      *world
	client *http.Client
}

func (w *world) browser() *browser {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	check(w.t, err)
	return &browser{w, &http.Client{Transport: w.server.Client().Transport, Jar: jar}}
}

// reply is an answer that was read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// send sends a request as a page of ours would, unless change says otherwise.
func (b *browser) send(method, path string, body string, change func(*http.Request)) *reply {
	b.w.t.Helper()
	r, err := http.NewRequestWithContext(b.w.t.Context(), method, b.w.server.URL+path, strings.NewReader(body))
	check(b.w.t, err)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if method == http.MethodPost {
		r.Header.Set("Origin", b.w.server.URL)
	}
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
	return &reply{resp.StatusCode, resp.Header, text}
}

func (b *browser) get(path string) *reply { return b.send(http.MethodGet, path, "", nil) }

// post calls path with v as JSON; nil sends no body.
func (b *browser) post(path string, v any) *reply {
	b.w.t.Helper()
	body := ""
	if v != nil {
		text, err := json.Marshal(v)
		check(b.w.t, err)
		body = string(text)
	}
	return b.send(http.MethodPost, path, body, nil)
}

// start spends a link.
func (b *browser) start(secret string) *reply {
	b.w.t.Helper()
	return b.post("/enrol/start", map[string]string{"secret": secret})
}

// in reads what a call of ours answered with.
func (r *reply) in(t testing.TB, status int, v any) {
	t.Helper()
	if r.status != status {
		t.Fatalf("got %d %s, want %d", r.status, r.body, status)
	}
	if v != nil {
		check(t, json.Unmarshal(r.body, v))
	}
}

// options returns the publicKey member of an answer.
func (r *reply) options(t testing.TB) json.RawMessage {
	t.Helper()
	var o struct {
		PublicKey json.RawMessage `json:"publicKey"`
	}
	r.in(t, http.StatusCreated, &o)
	return o.PublicKey
}

// refused checks a refusal's status, code and words, and that it names its request.
func (r *reply) refused(t testing.TB, status int, code, words string) {
	t.Helper()
	var e struct{ Code, Message, RequestID string }
	r.in(t, status, &e)
	if e.Code != code || !strings.Contains(e.Message, words) || e.RequestID == "" || e.RequestID != r.header.Get("X-Request-Id") {
		t.Errorf("got %+v, want %s: %s", e, code, words)
	}
	if r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("a refusal may be cached: %v", r.header)
	}
}

func newKey(t testing.TB) *forge.Key {
	t.Helper()
	key, err := forge.New()
	check(t, err)
	return key
}

// register has key answer the options of an enrolment session.
func (b *browser) register(key *forge.Key, from string) *reply {
	b.w.t.Helper()
	answer, err := key.Register(b.post("/enrol/registration/begin", nil).options(b.w.t), from)
	check(b.w.t, err)
	return b.post("/enrol/registration/finish", map[string]any{"name": "Sample Key", "response": answer})
}

// signIn has key answer request options.
func (b *browser) signIn(key *forge.Key, handle []byte) *reply {
	b.w.t.Helper()
	answer, err := key.Assert(b.post("/enrol/authentication/begin", nil).options(b.w.t), origin)
	check(b.w.t, err)
	return b.post("/enrol/authentication/finish", map[string]any{"response": withHandle(b.w.t, answer, handle)})
}

// enrolled is a browser in which a user has just registered key.
func (w *world) enrolled(name string) (*browser, *forge.Key) {
	w.t.Helper()
	b, key := w.browser(), newKey(w.t)
	b.start(w.invite(name)).in(w.t, http.StatusCreated, nil)
	b.register(key, origin).in(w.t, http.StatusCreated, nil)
	return b, key
}
