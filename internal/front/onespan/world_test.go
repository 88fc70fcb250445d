package onespan_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/front/fronttest"
	"bestow.dev/internal/front/onespan"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
	"bestow.dev/webauthn"
)

const (
	site   = "login.northbank.example"
	secret = "a-secret-of-32-characters-or-more"
	prefix = "/v1"
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
}

// file is what the configuration of the test says.
func file() []tenant.FileTenant {
	all := []tenant.Scope{tenant.ScopeProvision, tenant.ScopeRead, tenant.ScopeManage, tenant.ScopeAuthenticate}
	rp := tenant.RelyingParty{ID: site, Name: "North Bank", ResidentKey: tenant.Discouraged, UserVerification: tenant.Preferred}
	return []tenant.FileTenant{
		{
			Name: "northbank", RelyingParties: []tenant.RelyingParty{rp, {ID: "other.example.com"}},
			Clients: []tenant.FileClient{
				{ID: "portal", Secrets: []string{secret}, Scopes: all},
				{ID: "hr", Secrets: []string{secret}, Scopes: all},
				{ID: "admin", Secrets: []string{secret}, Scopes: []tenant.Scope{tenant.ScopeAdmin}},
				{ID: "reader", Secrets: []string{secret}, Scopes: []tenant.Scope{tenant.ScopeRead}},
				{ID: "elsewhere", Secrets: []string{secret}, Scopes: all, RelyingParties: []string{"other.example.com"}},
			},
		},
		{
			Name: "southbank", RelyingParties: []tenant.RelyingParty{{ID: "south.example.com"}},
			Clients: []tenant.FileClient{{ID: "south", Secrets: []string{secret}, Scopes: all}},
		},
		{
			Name: "globex", RelyingParties: []tenant.RelyingParty{{ID: site}},
			Clients: []tenant.FileClient{{ID: "stranger", Secrets: []string{secret}, Scopes: all}},
		},
	}
}

func newWorld(t testing.TB, change ...func(*onespan.Tenant)) *world {
	t.Helper()
	w := &world{
		t: t, db: storetest.SQLite(t), Clock: fronttest.NewClock(time.Date(2026, 3, 2, 10, 11, 12, 0, time.UTC)),
		root: tenant.LocalOperator("northbank", "root"),
	}
	var err error
	w.dir, err = tenant.New(t.Context(), w.db, file(), w.Now)
	check(t, err)
	w.svc, err = credential.New(credential.Config{
		Store: w.db, Directory: w.dir, Trail: w.db, Now: w.Now, Limits: credential.Limits{CeremoniesPerUser: 10},
	})
	check(t, err)
	t.Cleanup(func() { _ = w.svc.Close(context.Background()) })
	north := onespan.Tenant{Name: "northbank", RelyingParty: site, Domains: onespan.Domains{Default: "northbank", Others: []string{"branch"}}}
	for _, c := range change {
		c(&north)
	}
	door, err := onespan.New(onespan.Config{
		Credentials: w.svc, Directory: w.dir, Prefix: prefix, Now: w.Now,
		Tenants: []onespan.Tenant{north, {Name: "southbank", RelyingParty: "south.example.com"}},
	})
	check(t, err)
	w.server = httptest.NewTLSServer(web.Handler(door, web.Options{Log: fronttest.NewLog(t, secret, "bst_", "Basic ", "Bearer ").Logger()}))
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

// request is what a test asks for.
type request struct {
	method, path string
	as           string // client; empty: portal; "nobody": no one
	body         any    // string: as it is; otherwise as JSON; nil: none
	header       map[string]string
}

// do sends a request and holds the answer against the description.
func (w *world) do(q request) reply {
	w.t.Helper()
	r := w.send(q)
	w.judge(q, r)
	return r
}

var correlation = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func (w *world) send(q request) reply {
	w.t.Helper()
	body := fronttest.Body(w.t, q.body)
	r, err := http.NewRequestWithContext(w.t.Context(), q.method, w.server.URL+prefix+q.path, body)
	check(w.t, err)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	switch q.as {
	case "nobody":
	case "":
		r.SetBasicAuth("portal", secret)
	default:
		r.SetBasicAuth(q.as, secret)
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	resp, err := w.server.Client().Do(r)
	check(w.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	check(w.t, err)
	if id := resp.Header.Get("log-correlation-id"); !correlation.MatchString(id) {
		w.t.Errorf("%s %s: correlation id %q", q.method, q.path, id)
	}
	return reply{resp.StatusCode, resp.Header, text}
}

// begin asks for a registration request and returns the options in it and its id.
func (w *world) begin(user string, body map[string]any) (options json.RawMessage, id string) {
	w.t.Helper()
	r := w.do(request{method: "POST", path: "/users/" + user + "/generate-fido-registration-request", body: body})
	if r.status != http.StatusOK {
		w.t.Fatalf("generate: %d %s", r.status, r.body)
	}
	return json.RawMessage(r.member("registrationRequest").(string)), r.member("requestID").(string)
}

func (w *world) register(user, id string, answer any) reply {
	w.t.Helper()
	text, err := json.Marshal(answer)
	check(w.t, err)
	return w.do(request{method: "POST", path: "/users/" + user + "/register-fido-device", body: map[string]any{
		"fidoProtocol": "FIDO2", "requestID": id, "registrationResponse": string(text),
	}})
}

// fido2 is the least that generate-fido-registration-request takes.
func fido2() map[string]any { return map[string]any{"fidoProtocol": "FIDO2"} }

// registered registers d for a user and returns the registration's id.
func (w *world) registered(user string, d *desk) string {
	w.t.Helper()
	options, id := w.begin(user, fido2())
	r := w.register(user, id, d.create(w.t, options))
	if r.status != http.StatusOK {
		w.t.Fatalf("register: %d %s", r.status, r.body)
	}
	return r.member("registrationID").(string)
}

// count is how many registrations there are.
func (w *world) count() int {
	w.t.Helper()
	n, _ := w.do(request{method: "GET", path: "/fido-registrations"}).member("total").(float64)
	return int(n)
}

// want fails unless the answer is a refusal with the status, whose message holds words.
func want(t testing.TB, r reply, status int, words string) {
	t.Helper()
	message, _ := r.member("message").(string)
	if r.status != status || message == "" || !strings.Contains(message, words) {
		t.Errorf("got %d %s, want %d %q", r.status, r.body, status, words)
	}
	_, told := mapOf(r)["uafStatusCode"]
	if told != (status == http.StatusConflict) {
		t.Errorf("uafStatusCode in %d: %v", status, told)
	}
}

func mapOf(r reply) map[string]json.RawMessage {
	var object map[string]json.RawMessage
	_ = json.Unmarshal(r.body, &object)
	return object
}

// wantInput fails unless the answer names exactly these members as wrong.
func wantInput(t testing.TB, r reply, members ...string) {
	t.Helper()
	var answer struct {
		Message          string
		ValidationErrors []struct{ Field, Message string }
	}
	check(t, json.Unmarshal(r.body, &answer))
	var got []string
	for _, v := range answer.ValidationErrors {
		if v.Message == "" {
			t.Errorf("no message for %s", v.Field)
		}
		got = append(got, v.Field)
	}
	if r.status != http.StatusBadRequest || answer.Message != "The input is invalid." || strings.Join(got, " ") != strings.Join(members, " ") {
		t.Errorf("got %d %s, want 400 about %v", r.status, r.body, members)
	}
}

// finish registers an answer that came another way, at a relying party, and returns our
// id of it.
func (w *world) finish(answer []byte, rp string) credential.ID {
	w.t.Helper()
	resp, err := webauthn.ParseRegistrationResponse(answer)
	check(w.t, err)
	c, err := w.svc.FinishRegistration(w.t.Context(), w.root, credential.FinishRegistration{RelyingParty: rp, Response: resp})
	check(w.t, err)
	return c.ID
}
