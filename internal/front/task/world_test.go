package task_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"html"
	"io"
	"iter"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/front/fronttest"
	"bestow.dev/internal/front/task"
	"bestow.dev/internal/outbound"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/process"
	"bestow.dev/internal/process/builtin"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/seal"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
	"bestow.dev/test/forge"
)

const (
	site     = "login.example.com"
	origin   = "https://login.example.com"
	operator = "__Host-bestow-console"
)

// world is the pages over the real services on a database of its own, behind TLS. Its
// clock is turned by the test, and jobs are done when the test says so.
type world struct {
	*fronttest.Clock
	t           testing.TB
	db          *store.DB
	credentials *credential.Service
	relay       *relay.Service
	provision   *provision.Service
	processes   *process.Service
	server      *httptest.Server
	signer      *plugout.Signer
	root        tenant.Authority
	log         fronttest.Log
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type keyring struct{ *seal.Key }

func (k keyring) SealFirst(secret []byte, place string) ([]byte, error) { return k.Seal(secret, place) }

// local are the relay's clients: the messaging servers that are ours.
type local struct{ w *world }

func (l local) Client(tenantName, id string) (*relay.Client, bool) {
	return l.w.provision.LocalClient(l.w.t.Context(), tenantName, id)
}

func (l local) All() iter.Seq[*relay.Client] { return func(func(*relay.Client) bool) {} }

func (local) Call(context.Context, relay.Call) error { return nil } // nobody has a URL

func (local) Alive(context.Context, *relay.Client) error { return nil }

func newWorld(t testing.TB) *world {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	signer, err := plugout.NewSigner(key, "", "")
	check(t, err)
	w := &world{
		t: t, db: storetest.SQLite(t), Clock: fronttest.NewClock(time.Date(2026, 3, 2, 10, 15, 0, 0, time.UTC)),
		root: tenant.LocalOperator("acme", "root"), signer: signer,
	}
	directory, err := tenant.New(t.Context(), w.db, []tenant.FileTenant{{
		Name: "acme", RelyingParties: []tenant.RelyingParty{{ID: site, Name: "Example Login", Origins: []string{origin}}},
	}}, w.Now)
	check(t, err)
	logger := w.log.Logger()
	w.credentials, err = credential.New(credential.Config{Store: w.db, Directory: directory, Trail: w.db, Now: w.Now, Log: logger})
	check(t, err)
	t.Cleanup(func() { _ = w.credentials.Close(context.Background()) })
	w.relay, err = relay.New(relay.Config{
		Store: w.db.Relay(), Clients: local{w}, Wakeups: w.db.Hub(), Caller: local{w},
		Ended:     func(ctx context.Context, c *relay.Stored) error { return w.provision.Ended(ctx, c) },
		PublicURL: "https://msg.example.com/hermod/rest/ms", Now: w.Now, Log: logger,
	})
	check(t, err)
	servers, err := outbound.NewServers(outbound.Config{})
	check(t, err)
	pages, err := outbound.NewWeb(outbound.Config{})
	check(t, err)
	w.provision, err = provision.New(provision.Config{
		Store: w.db.Provision(), Sealer: keyring{seal.NewKey()}, Credentials: w.credentials, Relay: w.relay, Directory: directory,
		Dialer: servers, Web: pages, InvitationURL: origin + "/enrol#", Now: w.Now, Log: logger,
		News: func(ctx context.Context, tenantName, key string) error { return w.processes.News(ctx, tenantName, key) },
	})
	check(t, err)
	handlers := builtin.Handlers()
	for name, h := range w.provision.Handlers() {
		handlers[name] = h
	}
	w.processes, err = process.New(process.Config{
		Store: w.db.Process(), People: w.db.People(), Wakeups: w.db.Hub(), Handlers: handlers, Now: w.Now, Log: logger,
		HasRole: func(by tenant.Authority, role string) bool { return by.Covers(tenant.Role(role)) },
	})
	check(t, err)
	w.settings()
	door, err := task.New(task.Config{
		Credentials: w.credentials, Processes: w.processes, Provision: w.provision, Wakeups: w.db.Hub(),
		Tenant: "acme", RelyingParty: site, Origin: origin, OperatorCookie: operator, LookEvery: 20 * time.Millisecond, Now: w.Now,
	})
	check(t, err)
	w.server = httptest.NewTLSServer(web.Handler(door, web.Options{Log: logger}))
	t.Cleanup(w.server.Close)
	return w
}

// settings lets the tasks reach our own relying party and relay.
func (w *world) settings() {
	w.t.Helper()
	set, err := plugout.NewKeySet(w.signer.Public())
	check(w.t, err)
	jwks, err := json.Marshal(set)
	check(w.t, err)
	_, err = w.provision.PutConnection(w.t.Context(), w.root, provision.Connection{Name: "da", URL: provision.Internal}, "")
	check(w.t, err)
	_, err = w.provision.PutMessagingServer(w.t.Context(), w.root, provision.MessagingServer{
		Name: "hermod", URL: provision.Internal, KeySets: map[string]json.RawMessage{"desks": jwks},
	}, "")
	check(w.t, err)
}

func (w *world) user(name string) *credential.User {
	w.t.Helper()
	u, err := w.credentials.CreateUser(w.t.Context(), w.root, credential.NewUser{Name: name, DisplayName: "Ms " + name})
	check(w.t, err)
	return u
}

func (w *world) deploy(xml []byte) {
	w.t.Helper()
	_, err := w.processes.Deploy(w.t.Context(), w.root, process.Deploy{XML: xml})
	check(w.t, err)
}

func fidoProvisioning(t testing.TB) []byte {
	t.Helper()
	xml, err := os.ReadFile("../../bpmn/testdata/fido-provisioning.bpmn20.xml")
	check(t, err)
	return xml
}

// start begins a run for a user, and does what can be done.
func (w *world) start(definition string, u *credential.User) *process.Run {
	w.t.Helper()
	r, err := w.processes.Start(w.t.Context(), w.root, process.Start{Definition: definition, Subject: string(u.ID)})
	check(w.t, err)
	w.due()
	return r
}

func (w *world) due() {
	w.t.Helper()
	_, err := w.processes.RunDue(w.t.Context())
	check(w.t, err)
}

func (w *world) status(run string) process.Status {
	w.t.Helper()
	r, err := w.processes.GetRun(w.t.Context(), w.root, run)
	check(w.t, err)
	return r.Status
}

// task is the id of a user's one open task in a run.
func (w *world) task(run string, u *credential.User) string {
	w.t.Helper()
	page, err := w.processes.Tasks(w.t.Context(), w.root, process.TaskFilter{Run: run, Assignee: string(u.ID)})
	check(w.t, err)
	if len(page.Tasks) != 1 {
		w.t.Fatalf("%d open tasks, want one", len(page.Tasks))
	}
	return page.Tasks[0].ID
}

// link is the secret of a link to a task.
func (w *world) link(id string) string {
	w.t.Helper()
	l, err := w.processes.CreateTaskLink(w.t.Context(), w.root, id, 0)
	check(w.t, err)
	return l.Secret
}

// browser is a browser with cookies of its own.
type browser struct {
	w      *world
	client *http.Client
	lang   string
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
	t      testing.TB
	status int
	header http.Header
	body   string
}

func (b *browser) request(method, path, body string) *http.Request {
	b.w.t.Helper()
	r, err := http.NewRequestWithContext(b.w.t.Context(), method, b.w.server.URL+path, strings.NewReader(body))
	check(b.w.t, err)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Accept-Language", b.lang)
	return r
}

func (b *browser) do(r *http.Request) *reply {
	b.w.t.Helper()
	resp, err := b.client.Do(r)
	check(b.w.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	check(b.w.t, err)
	return &reply{b.w.t, resp.StatusCode, resp.Header, string(text)}
}

func (b *browser) get(path string) *reply { return b.do(b.request(http.MethodGet, path, "")) }

// post sends a form: names and values in turn.
func (b *browser) post(path string, pairs ...string) *reply {
	b.w.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	r := b.request(http.MethodPost, path, form.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

// call sends JSON, as a script does.
func (b *browser) call(path string, v any) *reply {
	b.w.t.Helper()
	text, err := json.Marshal(v)
	check(b.w.t, err)
	r := b.request(http.MethodPost, path, string(text))
	r.Header.Set("Content-Type", "application/json")
	return b.do(r)
}

func (b *browser) open(secret string) *reply {
	b.w.t.Helper()
	return b.call("/task/link", map[string]string{"secret": secret})
}

// signedIn is a browser in which a user has signed in to their tasks with a key of theirs.
func (w *world) signedIn(u *credential.User) *browser {
	w.t.Helper()
	b := w.browser()
	var begun struct {
		PublicKey json.RawMessage `json:"publicKey"`
	}
	key := w.key(u)
	check(w.t, json.Unmarshal([]byte(b.call("/task/signin/begin", map[string]string{}).want(http.StatusCreated)), &begun))
	answer, err := key.Assert(begun.PublicKey, origin)
	check(w.t, err)
	b.call("/task/signin/finish", map[string]any{"response": withHandle(w.t, answer, u.Handle)}).want(http.StatusNoContent)
	return b
}

// want checks the status and returns the text, with what HTML escapes put back.
func (r *reply) want(status int, parts ...string) string {
	r.t.Helper()
	body := html.UnescapeString(r.body)
	if r.status != status {
		r.t.Fatalf("got %d %s, want %d", r.status, body, status)
	}
	for _, part := range parts {
		if !strings.Contains(body, part) {
			r.t.Errorf("there is no %q in %s", part, body)
		}
	}
	return body
}

// leads checks that the answer leads to a path.
func (r *reply) leads(to string) {
	r.t.Helper()
	if r.status != http.StatusSeeOther || r.header.Get("Location") != to {
		r.t.Fatalf("got %d to %q, want %s: %s", r.status, r.header.Get("Location"), to, r.body)
	}
}

// key gives a user a credential, on behalf of them, and returns its key.
func (w *world) key(u *credential.User) *forge.Key {
	w.t.Helper()
	begun, err := w.credentials.BeginRegistration(w.t.Context(), w.root, credential.BeginRegistration{
		RelyingParty: site, User: credential.ByID(u.ID), AllowRepeat: true,
	})
	check(w.t, err)
	key, err := forge.New()
	check(w.t, err)
	answer, err := key.Register(begun.JSON, origin)
	check(w.t, err)
	_, err = w.credentials.FinishRegistration(w.t.Context(), w.root, credential.FinishRegistration{RelyingParty: site, Response: registration(w.t, answer)})
	check(w.t, err)
	return key
}
