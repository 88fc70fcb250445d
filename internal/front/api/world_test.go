package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/front/api"
	"bestow.dev/internal/front/fronttest"
	"bestow.dev/internal/process"
	"bestow.dev/internal/seal"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
	"bestow.dev/internal/webhook"
)

const (
	site   = "login.example.com"
	other  = "other.example.com"
	secret = "a-secret-of-32-characters-or-more"
)

// world is the door over the real services on a database of its own, behind TLS, with
// a clock that the test turns.
type world struct {
	*fronttest.Clock
	t      testing.TB
	db     *store.DB
	dir    *tenant.Directory
	svc    *credential.Service
	runs   *process.Service
	server *httptest.Server

	hooks    *webhook.Service
	receiver receiver

	held   atomic.Pointer[hold]
	stamps atomic.Bool // whether the work of a badge's last task comes off
}

// hold stops whatever asks the credential service's clock, for as long as the test wants.
type hold struct{ entered, release chan struct{} }

func (w *world) heldClock() time.Time {
	if h := w.held.Load(); h != nil {
		h.entered <- struct{}{}
		<-h.release
	}
	return w.Now()
}

// The clients of the test. Each has the scopes that its name says; idm has what an
// identity manager needs, narrow the same at the other relying party alone.
func file() []tenant.FileTenant {
	client := func(id string, scopes ...tenant.Scope) tenant.FileClient {
		return tenant.FileClient{ID: id, Secrets: []string{secret}, Scopes: scopes}
	}
	idm := []tenant.Scope{tenant.ScopeProvision, tenant.ScopeRead, tenant.ScopeManage, tenant.ScopeAuthenticate, tenant.ScopeUsersWrite, tenant.ScopeAuditRead, tenant.ScopeProcessRun}
	narrow := client("narrow", idm...)
	narrow.RelyingParties = []string{other}
	return []tenant.FileTenant{
		{
			Name: "acme", RelyingParties: []tenant.RelyingParty{{ID: site, Name: "Example Login"}, {ID: other}},
			Policies: []tenant.FilePolicy{{Path: "policies/of-the-file.json", Document: []byte(`{"name":"of-the-file","rules":{"userVerification":"required"}}`)}},
			Clients: []tenant.FileClient{
				client("admin", tenant.ScopeAdmin), client("idm", idm...), client("hr", idm...), narrow,
				client("provision", tenant.ScopeProvision), client("read", tenant.ScopeRead), client("manage", tenant.ScopeManage),
				client("authenticate", tenant.ScopeAuthenticate), client("users", tenant.ScopeUsersWrite), client("auditor", tenant.ScopeAuditRead),
				client("runner", tenant.ScopeProcessRun), client("deployer", tenant.ScopeProcessDeploy),
				client("enroller", tenant.Enroller.Scopes()...), client("helpdesk", tenant.Enroller.Scopes()...), client("dora", tenant.ScopeProcessRun),
			},
		},
		{Name: "globex", RelyingParties: []tenant.RelyingParty{{ID: site}}, Clients: []tenant.FileClient{client("globex", tenant.ScopeAdmin)}},
	}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, db: storetest.SQLite(t), Clock: fronttest.NewClock(time.Date(2026, 3, 2, 10, 15, 0, 0, time.UTC))}
	var err error
	w.dir, err = tenant.New(t.Context(), w.db, file(), w.Now)
	check(t, err)
	w.svc, err = credential.New(credential.Config{Store: w.db, Directory: w.dir, Trail: w.db, Now: w.heldClock, Runs: oneRun})
	check(t, err)
	t.Cleanup(func() { _ = w.svc.Close(context.Background()) })
	settings := w.openProcesses()
	w.hooks, err = webhook.New(webhook.Config{
		Store: w.db.Webhooks(), Sealer: keyring{seal.NewKey()}, Sender: &w.receiver, Wakeups: w.db.Hub(), Now: w.Now,
	})
	check(t, err)
	door, err := api.New(api.Config{
		Credentials: w.svc, Directory: w.dir, Trail: w.db, Processes: w.runs, Provision: settings, Webhooks: w.hooks,
		InvitationURL: "https://id.example.com/enrol#", TaskURL: "https://id.example.com/task#", Now: w.Now,
	})
	check(t, err)
	w.server = httptest.NewTLSServer(web.Handler(door, web.Options{Log: fronttest.NewLog(t, secret, elsewhere, deskLink, "bst_", "Basic ", "Bearer ").Logger()}))
	t.Cleanup(w.server.Close)
	return w
}

// oneRun is the run of a process that everybody has.
func oneRun(context.Context, string, credential.UserID) ([]credential.PersonRun, error) {
	return []credential.PersonRun{{
		ID: "run-1", Definition: "enrolKey", Version: 2, Status: "running", Starter: audit.Actor{Kind: audit.Client, ID: "idm"},
		Variables: map[string]json.RawMessage{"count": json.RawMessage("7")},
	}}, nil
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// reply is an answer that was read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// object returns the answer as an object.
func (r reply) object(t testing.TB) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(r.body, &o); err != nil {
		t.Fatalf("%d %q: %v", r.status, r.body, err)
	}
	return o
}

// text returns a member of the answer's object; empty if it is not there.
func (r reply) text(t testing.TB, name string) string {
	t.Helper()
	s, _ := r.object(t)[name].(string)
	return s
}

// items returns those of a page.
func (r reply) items(t testing.TB) []any {
	t.Helper()
	list, ok := r.object(t)["items"].([]any)
	if !ok {
		t.Fatalf("no page: %d %s", r.status, r.body)
	}
	return list
}

// do sends a request of a client. body is sent as it is if it is a string, otherwise
// as JSON; nil is none.
func (w *world) do(client, method, path string, body any, change ...func(*http.Request)) reply {
	w.t.Helper()
	text := fronttest.Body(w.t, body)
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+"/api/v1"+path, text)
	check(w.t, err)
	if text != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if client != "" {
		r.SetBasicAuth(client, secret)
	}
	for _, f := range change {
		f(r)
	}
	resp, err := w.server.Client().Do(r)
	check(w.t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	check(w.t, err)
	return reply{resp.StatusCode, resp.Header, got}
}

// must is do for what has to have the status.
func (w *world) must(status int, client, method, path string, body any, change ...func(*http.Request)) reply {
	w.t.Helper()
	r := w.do(client, method, path, body, change...)
	if r.status != status {
		w.t.Fatalf("%s %s as %s: %d %s, want %d", method, path, client, r.status, r.body, status)
	}
	return r
}

// refused fails unless r is a problem document with the status and code.
func refused(t testing.TB, r reply, status int, code string) {
	t.Helper()
	if r.status != status || r.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %s %s, want %d %s", r.status, r.header.Get("Content-Type"), r.body, status, code)
		return
	}
	o := r.object(t)
	if o["code"] != code || o["type"] != "/api/v1/problems/"+code || o["status"] != float64(status) ||
		o["title"] == "" || o["detail"] == "" || o["requestId"] != r.header.Get("X-Request-Id") || o["requestId"] == "" {
		t.Errorf("got %s, want %s", r.body, code)
	}
	if r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s may be cached", code)
	}
}

// user makes a user and returns their id.
func (w *world) user(name string) string {
	w.t.Helper()
	return w.must(http.StatusCreated, "idm", "POST", "/users", map[string]any{"name": name}).text(w.t, "id")
}

func named(user string) map[string]any { return map[string]any{"name": user} }

// begin begins a ceremony and returns its id and options.
func (w *world) begin(client, kind string, more map[string]any) (id string, options json.RawMessage) {
	w.t.Helper()
	body := map[string]any{"relyingParty": site}
	for name, value := range more {
		body[name] = value
	}
	r := w.must(http.StatusCreated, client, "POST", "/"+kind, body)
	var begun struct {
		ID        string
		PublicKey json.RawMessage
	}
	check(w.t, json.Unmarshal(r.body, &begun))
	return begun.ID, begun.PublicKey
}

// enrolled registers a new key for a user.
func (w *world) enrolled(name string, d *desk) reply {
	w.t.Helper()
	id, options := w.begin("idm", "registrations", map[string]any{"user": named(name)})
	return w.must(http.StatusCreated, "idm", "POST", "/registrations/"+id+"/finish", map[string]any{
		"response": d.Create(w.t, options), "name": "Office key",
	})
}
