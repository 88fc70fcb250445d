// Package consoletest is a console over the real services, for tests of the doors that
// add pages to it: on a database of its own, behind TLS, with operators who are signed in.
package consoletest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
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

// The tenant, relying party and origin of the console.
const (
	Tenant = "acme"
	Site   = "login.example.com"
	Origin = "https://login.example.com"
)

// Now is the time: it stands still.
var Now = time.Date(2026, 3, 2, 10, 15, 0, 0, time.UTC)

// World is the console, and what it stands on.
type World struct {
	T           testing.TB
	DB          *store.DB
	Directory   *tenant.Directory
	Credentials *credential.Service
	Console     *console.Console
	Root        tenant.Authority // who may do everything, at the command line

	server *httptest.Server
	mu     sync.Mutex
	log    bytes.Buffer
}

// New makes a world. add adds pages to its console, before it serves anybody.
func New(t testing.TB, add func(w *World) error) *World {
	t.Helper()
	w := &World{T: t, DB: storetest.SQLite(t), Root: tenant.LocalOperator(Tenant, "root")}
	now := func() time.Time { return Now }
	var err error
	w.Directory, err = tenant.New(t.Context(), w.DB, []tenant.FileTenant{{
		Name: Tenant, RelyingParties: []tenant.RelyingParty{{ID: Site, Name: "Example Login", Origins: []string{Origin}}},
	}}, now)
	w.Check(err)
	logger := slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.Credentials, err = credential.New(credential.Config{Store: w.DB, Directory: w.Directory, Trail: w.DB, Now: now, Log: logger})
	w.Check(err)
	t.Cleanup(func() { _ = w.Credentials.Close(context.Background()) })
	w.Console, err = console.New(console.Config{Credentials: w.Credentials, Trail: w.DB, Tenant: Tenant, RelyingParty: Site, Origin: Origin})
	w.Check(err)
	w.Check(add(w))
	mux := http.NewServeMux()
	page.Mount(mux)
	mux.Handle(console.Root+"/", w.Console)
	w.server = httptest.NewTLSServer(web.Handler(mux, web.Options{Log: logger}))
	t.Cleanup(w.server.Close)
	return w
}

// Write implements [io.Writer] for the log.
func (w *World) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(b)
}

// Log is what was logged so far.
func (w *World) Log() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

// Check fails the test on an error.
func (w *World) Check(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

// Actions are the actions of the audit trail that begin as given, in order.
func (w *World) Actions(prefix string) (actions []string) {
	w.T.Helper()
	events, err := w.DB.AuditEvents(w.T.Context(), audit.Query{Tenant: Tenant, Action: prefix, Limit: 1000})
	w.Check(err)
	for _, e := range events {
		actions = append(actions, e.Action)
	}
	return actions
}

// User makes a user.
func (w *World) User(name string) *credential.User {
	w.T.Helper()
	u, err := w.Credentials.CreateUser(w.T.Context(), w.Root, credential.NewUser{Name: name, DisplayName: "Ms " + name})
	w.Check(err)
	return u
}

// Operator makes a user who holds a role, and is the browser in which they have signed
// in.
func (w *World) Operator(name string, role tenant.Role) *Browser {
	w.T.Helper()
	ctx, u := w.T.Context(), w.User(name)
	begun, err := w.Credentials.BeginRegistration(ctx, w.Root, credential.BeginRegistration{RelyingParty: Site, User: credential.ByID(u.ID)})
	w.Check(err)
	key, err := forge.New()
	w.Check(err)
	answer, err := key.Register(begun.JSON, Origin)
	w.Check(err)
	response, err := webauthn.ParseRegistrationResponse(answer)
	w.Check(err)
	_, err = w.Credentials.FinishRegistration(ctx, w.Root, credential.FinishRegistration{RelyingParty: Site, Response: response})
	w.Check(err)
	_, err = w.Credentials.GrantRole(ctx, w.Root, credential.GrantRole{User: credential.ByID(u.ID), Role: role})
	w.Check(err)
	b := w.Browser()
	b.User = u
	b.signIn(key)
	return b
}

// Browser is a browser with cookies of its own, that does not follow where it is led.
type Browser struct {
	User     *credential.User // who is signed in; nil for nobody
	Language string           // that it asks for

	w      *World
	client *http.Client
}

// Browser is one in which nobody is signed in.
func (w *World) Browser() *Browser {
	w.T.Helper()
	jar, err := cookiejar.New(nil)
	w.Check(err)
	return &Browser{w: w, client: &http.Client{
		Transport: w.server.Client().Transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (b *Browser) signIn(key *forge.Key) {
	b.w.T.Helper()
	begun := b.Send(Request{Method: "POST", Path: "/console/signin/begin", From: "same-origin"}).Is(http.StatusCreated)
	var o struct{ PublicKey json.RawMessage }
	b.w.Check(json.Unmarshal([]byte(begun.Body), &o))
	answer, err := key.Assert(o.PublicKey, Origin)
	b.w.Check(err)
	var c map[string]any
	b.w.Check(json.Unmarshal(answer, &c))
	c["response"].(map[string]any)["userHandle"] = strictjson.EncodeBase64URL(b.User.Handle)
	body, err := json.Marshal(map[string]any{"response": c})
	b.w.Check(err)
	b.Send(Request{Method: "POST", Path: "/console/signin/finish", Type: "application/json", Body: string(body), From: "same-origin"}).Is(http.StatusNoContent)
}

// Request is what a browser sends. From says what kind of site asks for it, as
// Sec-Fetch-Site does.
type Request struct{ Method, Path, Type, Body, From string }

// Get asks for a page.
func (b *Browser) Get(path string) *Reply {
	b.w.T.Helper()
	return b.Send(Request{Method: http.MethodGet, Path: path, From: "same-origin"})
}

// Post sends a form of a page of ours: names and values in turn.
func (b *Browser) Post(path string, pairs ...string) *Reply {
	b.w.T.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return b.Send(Request{Method: http.MethodPost, Path: path, Type: "application/x-www-form-urlencoded", Body: form.Encode(), From: "same-origin"})
}

// Send sends a request and reads the answer to its end.
func (b *Browser) Send(in Request) *Reply {
	b.w.T.Helper()
	r, err := http.NewRequestWithContext(b.w.T.Context(), in.Method, b.w.server.URL+in.Path, strings.NewReader(in.Body))
	b.w.Check(err)
	r.Header.Set("Sec-Fetch-Site", in.From)
	r.Header.Set("Accept-Language", b.Language)
	if in.Type != "" {
		r.Header.Set("Content-Type", in.Type)
	}
	resp, err := b.client.Do(r)
	b.w.Check(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	b.w.Check(err)
	return &Reply{resp.StatusCode, resp.Header, string(text), b.w.T}
}

// Reply is an answer.
type Reply struct {
	Status int
	Header http.Header
	Body   string

	t testing.TB
}

// Is fails unless the answer has the status.
func (r *Reply) Is(status int) *Reply {
	r.t.Helper()
	if r.Status != status {
		r.t.Fatalf("got %d to %q, want %d:\n%s", r.Status, r.Header.Get("Location"), status, r.Body)
	}
	return r
}

// Says fails unless the answer has all of these texts.
func (r *Reply) Says(texts ...string) *Reply {
	r.t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.Body, text) {
			r.t.Errorf("the page does not say %q:\n%s", text, r.Body)
		}
	}
	return r
}

// Hides fails if the answer has any of these texts.
func (r *Reply) Hides(texts ...string) *Reply {
	r.t.Helper()
	for _, text := range texts {
		if strings.Contains(r.Body, text) {
			r.t.Errorf("the page says %q:\n%s", text, r.Body)
		}
	}
	return r
}

// Leads fails unless the answer leads to a path that begins so, and returns it.
func (r *Reply) Leads(path string) string {
	r.t.Helper()
	to := r.Header.Get("Location")
	if r.Status != http.StatusSeeOther || !strings.HasPrefix(to, path) {
		r.t.Fatalf("got %d to %q, want to %q:\n%s", r.Status, to, path, r.Body)
	}
	return to
}

// Between is what stands between two texts in the answer, the first time.
func (r *Reply) Between(before, after string) string {
	r.t.Helper()
	_, rest, found := strings.Cut(r.Body, before)
	text, _, ended := strings.Cut(rest, after)
	if !found || !ended {
		r.t.Fatalf("the page has nothing between %q and %q:\n%s", before, after, r.Body)
	}
	return text
}
