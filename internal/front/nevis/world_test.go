package nevis_test

import (
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/front/fronttest"
	"bestow.dev/internal/front/nevis"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

const (
	site   = "id.example.org"
	origin = "https://login.id.example.org"
	secret = "a-secret-of-32-characters-or-more"
	fido   = "/nevisfido/fido2"
	idm    = "/nevisidm/api/core/v1"
)

// world is the door over the real services on a database of its own, behind TLS, with a
// clock that the test turns and randomness that is the same each time.
type world struct {
	*fronttest.Clock
	t      testing.TB
	db     *store.DB
	dir    *tenant.Directory
	svc    *credential.Service
	server *httptest.Server
	root   tenant.Authority
	says   *fronttest.Document // what the door says about itself

	mu     sync.Mutex
	random *rand.ChaCha8
	given  [][]byte // what the next random bytes are; nil: as they come
}

// Read implements [io.Reader] for challenges, handles and ids.
func (w *world) Read(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.given) == 0 {
		return w.random.Read(b)
	}
	next := w.given[0]
	w.given = w.given[1:]
	if next == nil {
		return w.random.Read(b)
	}
	return copy(b, next), nil
}

// file is what the configuration of the test says.
func file() []tenant.FileTenant {
	rp := tenant.RelyingParty{
		ID: site, Name: "Example Org", Origins: []string{origin}, UserVerification: "preferred", Attestation: "none", Algorithms: []int32{-7, -8},
		CeremonySettings: tenant.CeremonySettings{RegistrationExtensions: []string{}},
	}
	client := func(id string, scopes ...tenant.Scope) tenant.FileClient {
		return tenant.FileClient{ID: id, Secrets: []string{secret}, Scopes: scopes}
	}
	return []tenant.FileTenant{
		{
			Name: "acme", RelyingParties: []tenant.RelyingParty{rp, {ID: "strict.example.org", AttestationTrust: tenant.TrustRequire}},
			Clients: []tenant.FileClient{
				client("nevisauth", tenant.ScopeProvision, tenant.ScopeAuthenticate, tenant.ScopeRead, tenant.ScopeManage),
				client("portal", tenant.ScopeAuthenticate),
				client("public", tenant.ScopeAuthenticate),
				client("reader", tenant.ScopeRead),
				{ID: "elsewhere", Secrets: []string{secret}, Scopes: []tenant.Scope{tenant.ScopeAdmin}, RelyingParties: []string{"strict.example.org"}},
			},
		},
		{
			Name: "globex", RelyingParties: []tenant.RelyingParty{{ID: site}},
			Clients: []tenant.FileClient{client("globex", tenant.ScopeAdmin)},
		},
	}
}

// newWorld opens a door that change may have set otherwise.
func newWorld(t testing.TB, change ...func(w *world, c *nevis.Config)) *world {
	t.Helper()
	w := &world{
		t: t, db: storetest.SQLite(t), Clock: fronttest.NewClock(time.Date(2026, 3, 4, 9, 15, 0, 0, time.UTC)),
		root: tenant.LocalOperator("acme", "root"), random: rand.NewChaCha8([32]byte{}),
	}
	var err error
	w.dir, err = tenant.New(t.Context(), w.db, file(), w.Now)
	check(t, err)
	w.svc, err = credential.New(credential.Config{Store: w.db, Directory: w.dir, Trail: w.db, Now: w.Now, Rand: w})
	check(t, err)
	t.Cleanup(func() { _ = w.svc.Close(context.Background()) })
	c := nevis.Config{
		Credentials: w.svc, Directory: w.dir, Tenant: "acme", RelyingParty: site, Prefix: "/nevisfido",
		IDM: &nevis.IDMConfig{Prefix: idm, ClientExtID: "100", TemporaryLock: 15 * time.Minute},
		Now: w.Now, Rand: w,
	}
	for _, f := range change {
		f(w, &c)
	}
	door, err := nevis.New(c)
	check(t, err)
	w.server = httptest.NewTLSServer(web.Handler(door, web.Options{Log: fronttest.NewLog(t, secret, "bst_", "Basic ", "Bearer ", "eyJ").Logger()}))
	t.Cleanup(w.server.Close)
	out := httptest.NewRecorder()
	door.ServeHTTP(out, httptest.NewRequest("GET", c.Prefix+"/fido2/openapi.json", nil))
	w.says = fronttest.Parse(t, out.Body.Bytes(), http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNoContent)
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
	u, err := w.svc.CreateUser(w.t.Context(), w.root, credential.NewUser{Name: name, DisplayName: "Ada Brunner"})
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

func (r reply) text(name string) string {
	text, _ := r.member(name).(string)
	return text
}

// request is what a test asks for. Without a method it is POST; without a client nevisauth
// calls, and nobody where it is "-".
type request struct {
	method, path string
	client       string
	token        string // SecToken
	body         any    // string: as it is; otherwise as JSON; nil: none
	header       map[string]string
}

func (w *world) do(q request) reply {
	w.t.Helper()
	body := fronttest.Body(w.t, q.body)
	if q.method == "" {
		q.method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(w.t.Context(), q.method, w.server.URL+q.path, body)
	check(w.t, err)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "test")
	if body != nil {
		r.Header.Set("Content-Type", "application/json;charset=UTF-8")
	}
	switch q.client {
	case "-":
	case "":
		r.SetBasicAuth("nevisauth", secret)
	default:
		r.SetBasicAuth(q.client, secret)
	}
	if q.token != "" {
		r.Header.Set("X-Sec-Token", q.token)
	}
	for name, value := range q.header {
		r.Header.Del(name)
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	resp, err := w.server.Client().Do(r)
	check(w.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	check(w.t, err)
	got := reply{resp.StatusCode, resp.Header, text}
	w.judge(q, got)
	return got
}

// Bodies as clients send them.
func registering(name string) map[string]any {
	return map[string]any{
		"username": name, "displayName": "Ada Brunner", "attestation": "none",
		"authenticatorSelection": map[string]any{"residentKey": "required", "requireResidentKey": true, "userVerification": "preferred"},
	}
}

func signingIn(name string) map[string]any {
	return map[string]any{"username": name, "userVerification": "preferred"}
}

// options asks for options, which have to be given.
func (w *world) options(path string, body any) reply {
	w.t.Helper()
	r := w.do(request{path: fido + path, body: body})
	wantOK(w.t, r)
	return r
}

// enrolled registers a new key for a user and returns its id.
func (w *world) enrolled(name string, d *desk) string {
	w.t.Helper()
	answer := d.create(w.t, w.options("/attestation/options", registering(name)).body)
	answer["userFriendlyName"], answer["userAgent"] = "Office key", "Mozilla/5.0"
	wantOK(w.t, w.do(request{path: fido + "/attestation/result", body: answer}))
	return answer["id"].(string)
}

// signIn signs in and returns the answer to the result.
func (w *world) signIn(name string, d *desk) reply {
	w.t.Helper()
	return w.do(request{path: fido + "/assertion/result", body: d.get(w.t, w.options("/assertion/options", signingIn(name)).body)})
}

// standing asks for the status of a ceremony.
func (w *world) standing(session string) reply {
	w.t.Helper()
	return w.do(request{path: fido + "/status", body: map[string]any{"fido2SessionId": session}})
}

func wantOK(t testing.TB, r reply) {
	t.Helper()
	if r.status != http.StatusOK || r.member("status") != "ok" || r.member("errorMessage") != "" || len(r.text("fido2SessionId")) != 36 {
		t.Fatalf("got %d %s", r.status, r.body)
	}
}

// wantFailed fails unless the answer is a refusal with the status and a message.
func wantFailed(t testing.TB, r reply, status int, message string) {
	t.Helper()
	if r.status != status || r.member("status") != "failed" || !strings.Contains(r.text("errorMessage"), message) || r.text("errorMessage") == "" {
		t.Errorf("got %d %s, want %d %s", r.status, r.body, status, message)
	}
}
