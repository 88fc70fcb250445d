package digitalaccess_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/front/digitalaccess"
	"bestow.dev/internal/front/fronttest"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

const (
	site   = "login.example.com"
	prefix = "/rest/v3.0"
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
	server *httptest.Server
	root   tenant.Authority
	says   *fronttest.Document // what the door says about itself

	mu        sync.Mutex
	challenge []byte // what the next random bytes are; nil: random
}

// Read implements [io.Reader] for the services' randomness.
func (w *world) Read(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.challenge != nil {
		return copy(b, w.challenge), nil
	}
	return rand.Read(b)
}

// strict is a relying party whose policy accepts a model that no key here is of.
const strict = "strict.example.com"

// file is what the configuration of the test says.
func file() []tenant.FileTenant {
	all := []tenant.Scope{tenant.ScopeProvision, tenant.ScopeRead, tenant.ScopeManage}
	rp := tenant.RelyingParty{
		ID: site, Name: "Example Login", Algorithms: []int32{-7, -8, -257}, AuthenticatorAttachment: "cross-platform", MaxCredentialsPerUser: 3,
		CeremonySettings: tenant.CeremonySettings{RegistrationExtensions: []string{}},
	}
	return []tenant.FileTenant{
		{
			Name: "acme", RelyingParties: []tenant.RelyingParty{rp, {ID: "other.example.com"}, {ID: strict, Policies: []string{"certain"}}},
			Policies: []tenant.FilePolicy{{Path: "certain.json", Document: []byte(`{"name":"certain","rules":{"models":{"allow":["9d3c5f0a-7b1e-4c2d-8a60-f1e2d3c4b5a6"]}}}`)}},
			Clients: []tenant.FileClient{
				{ID: "idm", Secrets: []string{secret}, Scopes: all},
				{ID: "hr", Secrets: []string{secret}, Scopes: all},
				{ID: "provisioner", Secrets: []string{secret}, Scopes: []tenant.Scope{tenant.ScopeProvision}},
				{ID: "reader", Secrets: []string{secret}, Scopes: []tenant.Scope{tenant.ScopeRead}},
				{ID: "keeper", Secrets: []string{secret}, Scopes: []tenant.Scope{tenant.ScopeManage}},
				{ID: "elsewhere", Secrets: []string{secret}, Scopes: all, RelyingParties: []string{"other.example.com"}},
			},
		},
		{
			Name: "globex", RelyingParties: []tenant.RelyingParty{{ID: site}},
			Clients: []tenant.FileClient{{ID: "globex-idm", Secrets: []string{secret}, Scopes: all}},
		},
	}
}

func newWorld(t testing.TB) *world { return newWorldAt(t, site) }

func newWorldAt(t testing.TB, rp string) *world {
	t.Helper()
	w := &world{
		t: t, db: storetest.SQLite(t), Clock: fronttest.NewClock(time.Date(2026, 3, 2, 10, 15, 0, 0, time.UTC)),
		root: tenant.LocalOperator("acme", "root"),
	}
	var err error
	w.dir, err = tenant.New(t.Context(), w.db, file(), w.Now)
	check(t, err)
	w.svc, err = credential.New(credential.Config{
		Store: w.db, Directory: w.dir, Trail: w.db, Now: w.Now, Rand: w, Limits: credential.Limits{CeremoniesPerUser: 5},
	})
	check(t, err)
	t.Cleanup(func() { _ = w.svc.Close(context.Background()) })
	door, err := digitalaccess.New(digitalaccess.Config{
		Credentials: w.svc, Directory: w.dir, Tenant: "acme", RelyingParty: rp, Prefix: prefix, Now: w.Now,
	})
	check(t, err)
	w.server = httptest.NewTLSServer(web.Handler(door, web.Options{Log: fronttest.NewLog(t, secret, "bst_", "Basic ", "Bearer ").Logger()}))
	t.Cleanup(w.server.Close)
	w.says = fronttest.Parse(t, w.send(request{method: "GET", path: "/fido/openapi.json"}).body, http.StatusNotFound, http.StatusMethodNotAllowed)
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
	u, err := w.svc.CreateUser(w.t.Context(), w.root, credential.NewUser{Name: name})
	check(w.t, err)
	return u
}

// reply is an answer that was read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// member returns a member of the answer's object; nil if there is none.
func (r reply) member(name string) any {
	var object map[string]any
	_ = json.Unmarshal(r.body, &object)
	return object[name]
}

func (r reply) raw(t testing.TB, name string) json.RawMessage {
	t.Helper()
	var object map[string]json.RawMessage
	if err := json.Unmarshal(r.body, &object); err != nil {
		t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	return object[name]
}

// request is what a test asks for.
type request struct {
	method, path string
	token        string
	body         any // string: as it is; otherwise as JSON; nil: none
	header       map[string]string
}

// do sends a request and holds the answer against the description.
func (w *world) do(q request) reply {
	w.t.Helper()
	r := w.send(q)
	w.judge(q, r)
	return r
}

func (w *world) send(q request) reply {
	w.t.Helper()
	body := fronttest.Body(w.t, q.body)
	r, err := http.NewRequestWithContext(w.t.Context(), q.method, w.server.URL+prefix+q.path, body)
	check(w.t, err)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.token != "" {
		r.Header.Set("Authorization", "Bearer "+q.token)
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	resp, err := w.server.Client().Do(r)
	check(w.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	check(w.t, err)
	return reply{resp.StatusCode, resp.Header, text}
}

// askToken asks the token endpoint with a form.
func (w *world) askToken(form url.Values, header map[string]string) reply {
	w.t.Helper()
	all := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	for name, value := range header {
		all[name] = value
	}
	return w.do(request{method: "POST", path: "/oauth2/token", body: form.Encode(), header: all})
}

// token returns an access token of a client.
func (w *world) token(client string, scopes ...string) string {
	w.t.Helper()
	r := w.askToken(url.Values{
		"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {secret}, "scope": {strings.Join(scopes, " ")},
	}, nil)
	if r.status != http.StatusOK {
		w.t.Fatalf("token: %d %s", r.status, r.body)
	}
	return r.member("access_token").(string)
}

// options asks for creation options and returns them.
func (w *world) options(token, user string) json.RawMessage {
	w.t.Helper()
	r := w.do(request{method: "GET", path: "/fido/options?userId=" + url.QueryEscape(user), token: token})
	if r.status != http.StatusOK {
		w.t.Fatalf("options: %d %s", r.status, r.body)
	}
	return r.raw(w.t, "publicKey")
}

// enrolled registers a new key for a user and returns the answer.
func (w *world) enrolled(token, user string, d *desk) reply {
	w.t.Helper()
	r := w.store(token, map[string]any{
		"userId": user, "displayName": "Sample Key", "publicKeyCredential": d.Create(w.t, w.options(token, user)),
	})
	if r.status != http.StatusCreated {
		w.t.Fatalf("store: %d %s", r.status, r.body)
	}
	return r
}

func (w *world) store(token string, body any) reply {
	w.t.Helper()
	return w.do(request{method: "POST", path: "/fido/credentials", token: token, body: body})
}

// want fails unless the answer has the status, error and reason, and the members that
// every refusal has.
func want(t testing.TB, r reply, status int, code, reason string) {
	t.Helper()
	got, _ := r.member("reason").(string)
	if r.status != status || r.member("error") != code || got != reason {
		t.Errorf("got %d %s, want %d %s %s", r.status, r.body, status, code, reason)
		return
	}
	if message, _ := r.member("message").(string); message == "" {
		t.Errorf("a refusal without message: %s", r.body)
	}
	if id, _ := r.member("requestId").(string); id == "" || id != r.header.Get("X-Request-Id") {
		t.Errorf("a refusal without its request id: %s", r.body)
	}
}
