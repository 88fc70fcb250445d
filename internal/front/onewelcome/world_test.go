package onewelcome_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/front/fronttest"
	"bestow.dev/internal/front/onewelcome"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

const (
	site   = "shop.example"
	strict = "bank.example" // asks for everything, and trusts the attestation of one key
	prefix = "/fido/v1"
)

// start is when the clocks of these tests start.
var start = time.Date(2026, 3, 2, 10, 11, 12, 0, time.UTC)

// key returns the API key of a client of the file.
func key(client string) string { return client + "-key-of-32-characters-or-more-0123456789" }

// world is the door over the real services on a database of its own, behind TLS, with a
// clock that the test turns.
type world struct {
	*fronttest.Clock
	t      testing.TB
	db     *store.DB
	dir    *tenant.Directory
	svc    *credential.Service
	server *httptest.Server
	root   tenant.Authority
	says   *fronttest.Document // what the door says about itself
	log    *fronttest.Log
	model  *desk // whose attestation counts at strict

	mu     sync.Mutex
	random *rand.ChaCha8 // the same every time, so that exchanges can be compared
}

// Read implements [io.Reader] for the services' randomness.
func (w *world) Read(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.Read(b)
}

// file is what the configuration of the test says.
func (w *world) file() []tenant.FileTenant {
	all := []tenant.Scope{tenant.ScopeProvision, tenant.ScopeAuthenticate, tenant.ScopeRead, tenant.ScopeManage, tenant.ScopeUsersWrite}
	root := w.model.Key.AttestationRoot()
	anchors := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}))
	client := func(id string, scopes []tenant.Scope, rps ...string) tenant.FileClient {
		return tenant.FileClient{ID: id, Secrets: []string{key(id)}, Scopes: scopes, RelyingParties: rps}
	}
	return []tenant.FileTenant{
		{
			Name: "acme",
			RelyingParties: []tenant.RelyingParty{
				{
					ID: site, Name: "Shop", ResidentKey: tenant.Preferred, UserVerification: tenant.Preferred,
					Attestation: tenant.AttestationNone, Algorithms: []int32{-8, -7, -257}, TrustAnchors: anchors,
				},
				{ID: strict, Name: "Bank", TrustAnchors: anchors, Algorithms: []int32{-7, -257}, MaxCredentialsPerUser: 1},
			},
			Clients: []tenant.FileClient{
				client("shop", all, site),
				client("shop-two", all, site),
				client("bank", all, strict),
				client("every", all),
				client("provisioner", []tenant.Scope{tenant.ScopeProvision}, site),
				client("reader", []tenant.Scope{tenant.ScopeRead}, site),
				client("boss", []tenant.Scope{tenant.ScopeAdmin}),
				client("twin", []tenant.Scope{tenant.ScopeRead}),
				{ID: "twin2", Secrets: []string{key("twin")}, Scopes: []tenant.Scope{tenant.ScopeRead}},
			},
		},
		{
			Name: "globex", RelyingParties: []tenant.RelyingParty{{ID: site}},
			Clients: []tenant.FileClient{client("globex", all)},
		},
	}
}

func newWorld(t testing.TB) *world { return newWorldWith(t, func(*onewelcome.Config) {}) }

func newWorldWith(t testing.TB, change func(*onewelcome.Config)) *world {
	t.Helper()
	w := &world{
		t: t, db: storetest.SQLite(t), Clock: fronttest.NewClock(start),
		root: tenant.LocalOperator("acme", "root"), model: newDesk(t, softkey.AttestPacked), random: rand.NewChaCha8([32]byte{1}),
	}
	var err error
	w.dir, err = tenant.New(t.Context(), w.db, w.file(), w.Now)
	check(t, err)
	w.svc, err = credential.New(credential.Config{
		Store: w.db, Directory: w.dir, Trail: w.db, Now: w.Now, Rand: w, Limits: credential.Limits{CeremoniesPerUser: 5},
	})
	check(t, err)
	t.Cleanup(func() { _ = w.svc.Close(context.Background()) })
	c := onewelcome.Config{Credentials: w.svc, Directory: w.dir, Tenant: "acme", Prefix: prefix, Now: w.Now}
	change(&c)
	door, err := onewelcome.New(c)
	check(t, err)
	w.log = fronttest.NewLog(t, "-key-of-32", "bst_", "Bearer ")
	w.server = httptest.NewTLSServer(web.Handler(door, web.Options{Log: w.log.Logger()}))
	t.Cleanup(w.server.Close)
	w.says = fronttest.Parse(t, w.send(request{method: "GET", path: "/openapi.json"}).body, http.StatusNotFound, http.StatusMethodNotAllowed)
	return w
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

// member returns a member of the answer, by its path; nil if there is none.
func (r reply) member(path string) any {
	var v any
	_ = json.Unmarshal(r.body, &v)
	for name := range strings.SplitSeq(path, ".") {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	return v
}

func (r reply) text(path string) string {
	s, _ := r.member(path).(string)
	return s
}

func (r reply) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(r.body, v); err != nil {
		t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
}

// request is what a test asks for.
type request struct {
	method, path string
	key          string
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
	r, err := http.NewRequestWithContext(w.t.Context(), q.method, w.server.URL+prefix+q.path, fronttest.Body(w.t, q.body))
	check(w.t, err)
	q.dress(r)
	resp, err := w.server.Client().Do(r)
	check(w.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	check(w.t, err)
	return reply{resp.StatusCode, resp.Header, text}
}

func (q request) dress(r *http.Request) {
	if q.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.key != "" {
		r.Header.Set("Authorization", "Bearer "+q.key)
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
}

// post sends a body with the key of a client.
func (w *world) post(client, path string, body any) reply {
	w.t.Helper()
	return w.do(request{method: "POST", path: path, key: key(client), body: body})
}

func (w *world) get(client, path string) reply {
	w.t.Helper()
	return w.do(request{method: "GET", path: path, key: key(client)})
}

// good fails the test unless the answer has the status.
func (w *world) good(status int, r reply) reply {
	w.t.Helper()
	if r.status != status {
		w.t.Fatalf("got %d %s, want %d", r.status, r.body, status)
	}
	return r
}

type object = map[string]any

// options asks for creation options.
func (w *world) options(client string, body object) (json.RawMessage, creationOptions) {
	w.t.Helper()
	r := w.good(200, w.post(client, "/attestation/options", body))
	var o creationOptions
	r.into(w.t, &o)
	return r.body, o
}

// enrolled registers a credential of d for a user and returns the answer. An empty id
// makes a user.
func (w *world) enrolled(client, userID, username string, d *desk) reply {
	w.t.Helper()
	body := object{"username": username}
	if userID != "" {
		body["userId"] = userID
	}
	options, _ := w.options(client, body)
	return w.good(200, w.post(client, "/attestation/verify", d.create(w.t, options)))
}

// asked asks for request options.
func (w *world) asked(client string, body object) json.RawMessage {
	w.t.Helper()
	return w.good(200, w.post(client, "/assertion/options", body)).body
}

// want fails unless the answer is a refusal with the status and code, and has what every
// refusal has.
func want(t testing.TB, r reply, status int, code string) {
	t.Helper()
	if r.status != status || r.member("error") != code {
		t.Errorf("got %d %s, want %d %s", r.status, r.body, status, code)
		return
	}
	if r.text("message") == "" {
		t.Errorf("a refusal without message: %s", r.body)
	}
	if id := r.text("correlationId"); id == "" || id != r.header.Get("X-Request-Id") {
		t.Errorf("a refusal without its correlation id: %s", r.body)
	}
}

// count returns how many credentials there are in the tenant.
func (w *world) count() int {
	w.t.Helper()
	n, err := w.svc.Counts(w.t.Context(), w.root)
	check(w.t, err)
	return n.Credentials
}
