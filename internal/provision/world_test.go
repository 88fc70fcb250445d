package provision_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/front/digitalaccess"
	"bestow.dev/internal/front/hermod"
	"bestow.dev/internal/front/identity"
	"bestow.dev/internal/outbound"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/process"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/seal"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

const (
	site      = "login.example.com"
	origin    = "https://sso.login.example.com"
	secret    = "a-secret-of-32-characters-or-more"
	idmKey    = "5d0c1f3e8a204a35b9a6e2b8f7a477c16f0f3a522b0e4c7e9d0a3a51f2c7d911"
	callbacks = "/idm-operator/ws/hermod"
)

// world is the tasks over the real services on a database of its own, and beside them our
// own fronts behind TLS, with a clock that the test turns.
type world struct {
	*provision.Service
	t           testing.TB
	db          *store.DB
	directory   *tenant.Directory
	credentials *credential.Service
	relay       *relay.Service
	server      *httptest.Server
	root        tenant.Authority
	signer      *plugout.Signer // of the desk's installation
	handlers    map[string]process.Handler
	form        string // id of the task with the link, of the run that was begun last
	config      provision.Config

	// before may answer a request to the fronts in their place; it then returns true.
	before func(w http.ResponseWriter, r *http.Request) bool
	mu     sync.Mutex
	now    time.Time
	news   []string
	listen func(ctx context.Context, tenantName, key string) error // hears of news as well; may be nil
	mail   []provision.Mail
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

// tellNews has somebody hear of news from now on, as processes do in the built program.
// Notices bring them in goroutines of their own.
func (w *world) tellNews(listen func(ctx context.Context, tenantName, key string) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listen = listen
}

// heard returns the keys of the news since it was last asked.
func (w *world) heard() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	keys := w.news
	w.news = nil
	return keys
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newSigner(t testing.TB) *plugout.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	signer, err := plugout.NewSigner(key, "", "")
	check(t, err)
	return signer
}

// keyring is a [provision.Sealer] in memory.
type keyring struct{ *seal.Key }

func (k keyring) SealFirst(secret []byte, place string) ([]byte, error) { return k.Seal(secret, place) }

// clients are the client of the file, and the messaging servers that are ours.
type clients struct {
	*relay.Clients
	w *world
}

func (c clients) Client(tenantName, id string) (*relay.Client, bool) {
	if client, ok := c.Clients.Client(tenantName, id); ok {
		return client, true
	}
	return c.w.LocalClient(c.w.t.Context(), tenantName, id)
}

func (c clients) All() iter.Seq[*relay.Client] { return c.Clients.All() }

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		t: t, db: storetest.SQLite(t), now: time.Date(2026, 3, 2, 10, 15, 0, 0, time.UTC),
		root: tenant.LocalOperator("acme", "root"), signer: newSigner(t),
	}
	scopes := []tenant.Scope{tenant.ScopeProvision, tenant.ScopeRead}
	var err error
	w.directory, err = tenant.New(t.Context(), w.db, []tenant.FileTenant{{
		Name:           "acme",
		RelyingParties: []tenant.RelyingParty{{ID: site, Name: "Example Login", Origins: []string{origin, "https://" + site}, MaxCredentialsPerUser: 3}},
		Clients: []tenant.FileClient{
			{ID: "idm", Secrets: []string{secret}, Scopes: scopes},
			{ID: "reader", Secrets: []string{secret}, Scopes: scopes[1:]},
		},
	}}, w.clock)
	check(t, err)
	w.credentials, err = credential.New(credential.Config{
		Store: w.db, Directory: w.directory, Trail: w.db, Now: w.clock,
		Notify: func(ctx context.Context, n credential.Notice) error { return w.CredentialAdded(ctx, n) },
	})
	check(t, err)
	t.Cleanup(func() { check(t, w.credentials.Close(context.Background())) })

	mux := http.NewServeMux()
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.before == nil || !w.before(rw, r) {
			web.Handler(mux, web.Options{Log: slog.New(slog.DiscardHandler)}).ServeHTTP(rw, r)
		}
	}))
	w.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	w.server.StartTLS()
	t.Cleanup(w.server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	check(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.server.Certificate().Raw}), 0o600))
	calls := outbound.Config{CAFile: ca}

	w.openRelay(calls)
	servers, err := outbound.NewServers(calls)
	check(t, err)
	pages, err := outbound.NewWeb(calls)
	check(t, err)
	w.config = provision.Config{
		Store: w.db.Provision(), Sealer: keyring{seal.NewKey()}, Credentials: w.credentials, Relay: w.relay, Directory: w.directory,
		Dialer: servers, Web: pages, Mailer: w, InvitationURL: "https://sso.example.com/enrol#", Now: w.clock,
		News: func(ctx context.Context, tenantName, key string) error {
			w.mu.Lock()
			w.news = append(w.news, tenantName+" "+key)
			listen := w.listen
			w.mu.Unlock()
			if listen == nil {
				return nil
			}
			return listen(ctx, tenantName, key)
		},
	}
	w.Service, err = provision.New(w.config)
	check(t, err)
	w.handlers = w.Handlers()
	w.mount(mux)
	w.settings()
	return w
}

func (w *world) openRelay(calls outbound.Config) {
	w.t.Helper()
	set, err := plugout.NewKeySet(w.signer.Public())
	check(w.t, err)
	list, err := relay.NewClients(&relay.Client{
		Tenant: "acme", ID: "idm", KeyHashes: [][32]byte{relay.HashKey(idmKey)}, KeySet: set,
		CallbackURL: w.server.URL + callbacks, CallbackUser: "hermod", CallbackPassword: "pass:word",
	})
	check(w.t, err)
	out, err := outbound.New(calls)
	check(w.t, err)
	w.relay, err = relay.New(relay.Config{
		Store: w.db.Relay(), Clients: clients{list, w}, Wakeups: w.db.Hub(), Caller: out,
		Ended:     func(ctx context.Context, c *relay.Stored) error { return w.Ended(ctx, c) },
		PublicURL: "https://msg.example.com/hermod/rest/ms", Now: w.clock,
	})
	check(w.t, err)
}

// mount opens our own fronts.
func (w *world) mount(mux *http.ServeMux) {
	w.t.Helper()
	da, err := digitalaccess.New(digitalaccess.Config{
		Credentials: w.credentials, Directory: w.directory, Tenant: "acme", RelyingParty: site, Now: w.clock,
	})
	check(w.t, err)
	mux.Handle("/fido/", da)
	mux.Handle("/oauth2/", da)
	check(w.t, hermod.Mount(mux, hermod.Config{Relay: w.relay, Tenant: "acme", URIBase: "/hermod/rest", HideExceptions: true, Now: w.clock}))
	check(w.t, identity.Mount(mux, identity.Config{
		Heard: w.Heard, Ready: w.db.Ping, Tenant: "acme", Base: callbacks, User: "hermod", Password: "pass:word", Now: w.clock,
	}))
}

// settings makes two ways to reach the same: "ours" without a network, "other" over it.
func (w *world) settings() {
	w.t.Helper()
	ctx := w.t.Context()
	set, err := plugout.NewKeySet(w.signer.Public())
	check(w.t, err)
	jwks, err := json.Marshal(set)
	check(w.t, err)
	strangers, err := plugout.NewKeySet(newSigner(w.t).Public())
	check(w.t, err)
	others, err := json.Marshal(strangers)
	check(w.t, err)
	for name, url := range map[string]string{"ours": provision.Internal, "other": w.server.URL} {
		c := provision.Connection{Name: name, URL: url}
		m := provision.MessagingServer{Name: name, URL: url, KeySets: map[string]json.RawMessage{"desks": jwks}}
		if name == "other" {
			c.ClientID = "idm"
			m.URL += "/hermod/rest/command"
			m.KeySets["strangers"] = others
			_, err = w.PutConnection(ctx, w.root, c, secret)
			check(w.t, err)
			_, err = w.PutMessagingServer(ctx, w.root, m, token("idm", idmKey))
			check(w.t, err)
			continue
		}
		_, err = w.PutConnection(ctx, w.root, c, "")
		check(w.t, err)
		_, err = w.PutMessagingServer(ctx, w.root, m, "")
		check(w.t, err)
	}
}

func token(id, key string) string { return base64.StdEncoding.EncodeToString([]byte(id + ":" + key)) }

// bothWays runs a test without a network between, and with one.
func bothWays(t *testing.T, fn func(t *testing.T, w *world, way string)) {
	for _, way := range []string{"ours", "other"} {
		t.Run(way, func(t *testing.T) { fn(t, newWorld(t), way) })
	}
}

// Send implements [provision.Mailer].
func (w *world) Send(_ context.Context, m provision.Mail) error {
	w.mail = append(w.mail, m)
	if m.Subject == "refuse" {
		return &provision.Refusal{Status: 550, Code: "550", Message: "no such mailbox"}
	}
	if m.Subject == "away" {
		return provision.ErrUnreachable
	}
	return nil
}

func (w *world) user(name string) *credential.User {
	w.t.Helper()
	u, err := w.credentials.CreateUser(w.t.Context(), w.root, credential.NewUser{Name: name})
	check(w.t, err)
	return u
}

// params are parameters of a task.
type params map[string]any

// run is one run of a process as its tasks see it.
type run struct {
	w       *world
	id      string
	subject string
	attempt int
	vars    map[string]json.RawMessage
	secrets map[string]json.RawMessage
}

func (w *world) run() *run {
	return &run{w: w, id: rand.Text(), attempt: 1, vars: map[string]json.RawMessage{}, secrets: map[string]json.RawMessage{}}
}

func (r *run) work(task string, p params) process.Work {
	r.w.t.Helper()
	work := process.Work{
		Tenant: "acme", Instance: r.id, Element: task, Key: r.id + "/" + task, Attempt: r.attempt, Actor: "operator:olga",
		Subject: r.subject, Params: map[string]json.RawMessage{}, Variables: r.vars, Now: r.w.clock(),
	}
	literal := map[string]string{}
	for name, v := range p {
		raw, err := json.Marshal(v)
		check(r.w.t, err)
		work.Params[name] = raw
		if text, ok := v.(string); ok {
			literal[name] = text
		} else {
			literal[name] = "${x}"
		}
	}
	if err := r.w.handlers[task].Check(literal); err != nil {
		r.w.t.Fatalf("%s: %v", task, err)
	}
	return work
}

// do does a task, and takes over what it sets.
func (r *run) do(task string, p params) (process.Result, error) {
	r.w.t.Helper()
	result, err := r.w.handlers[task].Do(r.w.t.Context(), r.work(task, p))
	r.take(result)
	return result, err
}

func (r *run) wake(task string, p params, wait *process.Wait) (process.Result, error) {
	r.w.t.Helper()
	result, err := r.w.handlers[task].(process.Waker).Wake(r.w.t.Context(), r.work(task, p), *wait)
	r.take(result)
	return result, err
}

func (r *run) take(result process.Result) {
	for name, v := range result.Outputs {
		r.vars[name] = v
	}
	for name, v := range result.Secrets {
		r.secrets[name] = v
	}
}

func (r *run) must(task string, p params) process.Result {
	r.w.t.Helper()
	result, err := r.do(task, p)
	if err != nil {
		r.w.t.Fatalf("%s: %v", task, err)
	}
	return result
}

// text returns a variable, secret or not, that holds a text.
func (r *run) text(name string) string {
	r.w.t.Helper()
	raw, ok := r.vars[name]
	if !ok {
		raw = r.secrets[name]
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		r.w.t.Fatalf("variable %s is %q: %v", name, raw, err)
	}
	return text
}

// wantType fails unless err is an outcome of that type whose message begins so.
func wantType(t testing.TB, err error, kind, begins string) {
	t.Helper()
	e, ok := errors.AsType[*process.TaskError](err)
	if !ok {
		t.Errorf("got %v, want %s", err, kind)
		return
	}
	if e.Type != kind || len(e.Message) < len(begins) || e.Message[:len(begins)] != begins {
		t.Errorf("got %s: %q, want %s: %s…", e.Type, e.Message, kind, begins)
	}
}

// wantFault fails unless err is a fault, which has the work tried again.
func wantFault(t testing.TB, err error) {
	t.Helper()
	if _, outcome := errors.AsType[*process.TaskError](err); err == nil || outcome {
		t.Errorf("got %v, want a fault", err)
	}
}
