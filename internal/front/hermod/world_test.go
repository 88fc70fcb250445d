package hermod_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/front/fronttest"
	"bestow.dev/internal/front/hermod"
	"bestow.dev/internal/outbound"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/web"
)

const (
	base       = "/hermod/rest"
	idmKey     = "5d0c1f3e8a204a35b9a6e2b8f7a477c16f0f3a522b0e4c7e9d0a3a51f2c7d911"
	newKey     = "new-key-of-at-least-32-characters-0"
	secondKey  = "5d0c1f3e8a204a35b9a6e2b8f7a477c1ffffffffffff4fffafffffffffffffff"
	publicBase = "https://msg.example.com:20400/hermod/rest/ms"
)

var start = time.Date(2026, 3, 2, 10, 15, 4, 0, time.UTC)

// apiKey is the header of a client.
func apiKey(id, key string) string { return base64.StdEncoding.EncodeToString([]byte(id + ":" + key)) }

// settings say what is different in the world of a test.
type settings struct {
	idm     func(*relay.Client)
	relay   func(*relay.Config)
	front   func(*hermod.Config)
	server  func(*httptest.Server)
	proxies []netip.Prefix
	log     *slog.Logger
}

// world is the front over the real relay on a database of its own, behind TLS, with
// a client that takes callbacks, and a clock that the test turns.
type world struct {
	*fronttest.Clock
	*relay.Service
	t       testing.TB
	db      *store.DB
	disk    *disk
	hub     *hub
	idm     *relay.Client
	clients *relay.Clients
	calls   *receiver
	key     *plugout.Signer // of the installation that idm trusts
	server  *httptest.Server
	says    *fronttest.Document // what the front says about itself
}

func newWorld(t testing.TB, s settings) *world {
	t.Helper()
	w := &world{t: t, db: storetest.SQLite(t), calls: newReceiver(t), key: newSigner(t, ""), Clock: fronttest.NewClock(start)}
	w.disk = &disk{Store: w.db.Relay()}
	w.hub = &hub{Wakeups: w.db.Hub(), waiting: make(chan string, 16)}
	set, err := plugout.NewKeySet(w.key.Public())
	check(t, err)
	w.idm = &relay.Client{
		Tenant: "acme", ID: "idm", KeyHashes: [][32]byte{relay.HashKey(newKey), relay.HashKey(idmKey)}, Group: "smartid",
		CallbackURL: w.calls.URL + "/idm-operator/ws/hermod", CallbackUser: "hermod", CallbackPassword: "pass:word", KeySet: set,
	}
	if s.idm != nil {
		s.idm(w.idm)
	}
	client := func(tenant, id, group string) *relay.Client {
		return &relay.Client{Tenant: tenant, ID: id, Group: group, KeyHashes: [][32]byte{relay.HashKey(secondKey)}, AcceptUnsigned: true}
	}
	w.clients, err = relay.NewClients(w.idm, client("acme", "da", "smartid"), client("acme", "stranger", ""),
		client("globex", "globex", ""), &relay.Client{Tenant: "acme", ID: "inside"})
	check(t, err)
	caller, err := outbound.New(outbound.Config{})
	check(t, err)
	c := relay.Config{
		Store: w.disk, Clients: w.clients, Wakeups: w.hub, Caller: caller, PublicURL: publicBase,
		RetryDelay: 30 * time.Second, Now: w.Now,
	}
	if s.relay != nil {
		s.relay(&c)
	}
	w.Service, err = relay.New(c)
	check(t, err)
	w.serve(s)
	return w
}

// serve opens the front.
func (w *world) serve(s settings) {
	w.t.Helper()
	mux := http.NewServeMux()
	c := hermod.Config{Relay: w.Service, Tenant: "acme", URIBase: base, HideExceptions: true, OpenAPI: true, Now: w.Now}
	if s.front != nil {
		s.front(&c)
	}
	check(w.t, hermod.Mount(mux, c))
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	w.server = httptest.NewUnstartedServer(web.Handler(mux, web.Options{Log: s.log, TrustedProxies: s.proxies}))
	w.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if s.server != nil {
		s.server(w.server)
	}
	w.server.StartTLS()
	w.t.Cleanup(w.server.Close)
	if c.OpenAPI && c.URIBase == base {
		w.says = fronttest.Parse(w.t, w.send(call{path: "/openapi.json"}).body, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusUnauthorized)
	}
}

func newSigner(t testing.TB, kid string) *plugout.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	signer, err := plugout.NewSigner(key, "", kid)
	check(t, err)
	return signer
}

// disk is a store that fails when it is told to.
type disk struct {
	relay.Store
	fault atomic.Pointer[error]
}

func (d *disk) fail(err error) { d.fault.Store(&err) }

func (d *disk) error() error {
	if err := d.fault.Load(); err != nil {
		return *err
	}
	return nil
}

func (d *disk) Ping(ctx context.Context) error {
	return errors.Join(d.error(), d.Store.Ping(ctx))
}

func (d *disk) AddCommand(ctx context.Context, c *relay.Draft, id func() relay.CommandID) (*relay.Stored, bool, error) {
	if err := d.error(); err != nil {
		return nil, false, err
	}
	return d.Store.AddCommand(ctx, c, id)
}

func (d *disk) Command(ctx context.Context, id relay.CommandID) (*relay.Stored, error) {
	if err := d.error(); err != nil {
		return nil, err
	}
	return d.Store.Command(ctx, id)
}

// hub tells who begins to wait.
type hub struct {
	relay.Wakeups
	waiting chan string
}

func (h *hub) Wait(key string) (<-chan struct{}, func()) {
	woken, cancel := h.Wakeups.Wait(key)
	select {
	case h.waiting <- key:
	default:
	}
	return woken, cancel
}

// call is a request to the front.
type call struct {
	method string // empty: GET, or POST where there is a body
	path   string // below the URI base
	body   any    // string and []byte: as they are; otherwise as JSON; nil: none
	header map[string]string
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

func (r reply) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(r.body, v); err != nil {
		t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
}

// do sends a request and holds the answer against the description.
func (w *world) do(c call) reply {
	w.t.Helper()
	r := w.send(c)
	w.judge(w.t, c, r)
	return r
}

func (w *world) send(c call) reply {
	w.t.Helper()
	r, err := w.trySend(w.t.Context(), c)
	check(w.t, err)
	return r
}

func (w *world) trySend(ctx context.Context, c call) (reply, error) {
	var body io.Reader
	switch b := c.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	case []byte:
		body = bytes.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return reply{}, err
		}
		body = bytes.NewReader(text)
	}
	if c.method == "" {
		c.method = http.MethodGet
		if body != nil {
			c.method = http.MethodPost
		}
	}
	r, err := http.NewRequestWithContext(ctx, c.method, w.server.URL+base+c.path, body)
	if err != nil {
		return reply{}, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	resp, err := w.server.Client().Do(r)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, text}, err
}

var (
	asIDM      = map[string]string{"X-Api-Key": apiKey("idm", idmKey)}
	asDA       = map[string]string{"X-Api-Key": apiKey("da", secondKey)}
	asStranger = map[string]string{"X-Api-Key": apiKey("stranger", secondKey)}
)

// command sends a command of idm.
func (w *world) command(name string, body any) reply {
	w.t.Helper()
	return w.do(call{path: "/command/" + name, body: body, header: asIDM})
}

// receipt is what an API user reads of the answer to a command.
type receipt struct {
	CommandID    string `json:"commandId"`
	CommandType  string `json:"commandType"`
	State        string `json:"state"`
	Status       string `json:"status"`
	FQDN         string `json:"fqdn"`
	ExternalID   string `json:"externalId"`
	Destinations []struct{ To, Bid, URI, Mid, Location string }
}

func (r *receipt) box() string     { return r.Destinations[0].Bid }
func (r *receipt) message() string { return r.Destinations[0].Mid }

// accepted sends a command that has to be taken.
func (w *world) accepted(name string, body any) *receipt {
	w.t.Helper()
	r := w.command(name, body)
	if r.status != http.StatusOK {
		w.t.Fatalf("%s: %d %s", name, r.status, r.body)
	}
	var out receipt
	r.into(w.t, &out)
	return &out
}

// object is a JSON object.
type object = map[string]any

// header is a commandHeader.
func header(lifespan, timeout int, to ...string) object {
	h := object{"lifespan": lifespan, "timeout": timeout}
	if len(to) > 0 {
		h["to"] = to
	}
	return h
}

func ping(h object) object { return object{"commandHeader": h, "pingCommand": object{}} }

// startSession sends a session start that waits 10 s.
func (w *world) startSession(lifespan int) *receipt {
	w.t.Helper()
	return w.accepted("sessionstart", object{
		"commandHeader":       header(lifespan, 10, "@tmp"),
		"sessionStartCommand": object{"userid": "alice@example.com", "title": "Register your security key", "require": []string{"fido2"}},
	})
}

// creationOptions are as an identity manager posts them.
func creationOptions() object {
	return object{
		"rp":                     object{"id": "login.example.com", "name": "Example Login"},
		"user":                   object{"id": "5dnd1-932tLQczAk4qHuhw", "name": "alice@example.com", "displayName": "Alice Example"},
		"challenge":              "3WllFCx2gfql08rHrOe56vNfWRtsj6I_HJWK-jYTzNo",
		"pubKeyCredParams":       []object{{"type": "public-key", "alg": -7}, {"type": "public-key", "alg": -8}, {"type": "public-key", "alg": -257}},
		"timeout":                240000,
		"excludeCredentials":     []object{},
		"authenticatorSelection": object{"authenticatorAttachment": "cross-platform", "residentKey": "required", "requireResidentKey": true, "userVerification": "required"},
		"attestation":            "direct",
	}
}

func create(h object) object {
	return object{"commandHeader": h, "fidoCreateCredentialCommand": object{
		"nonce": "kX0b2oQyq1m0m1xJ5rV0Zw", "responseformat": "jws", "responsesignaturekey": "ATTESTATION",
		"creationOptions": object{"publicKey": creationOptions()},
	}}
}

// poll returns what an API user learns of its command.
func (w *world) poll(id string) reply {
	w.t.Helper()
	return w.do(call{path: "/command/" + id, header: asIDM})
}

func (w *world) wantOutcome(id, state, status string) {
	w.t.Helper()
	var r receipt
	w.poll(id).into(w.t, &r)
	if r.State != state || r.Status != status {
		w.t.Errorf("command is %s %s, want %s %s", r.State, r.Status, state, status)
	}
}

// events returns what the audit trail has behind the given number of events.
func (w *world) events(after int64) []audit.Event {
	w.t.Helper()
	page, err := w.db.AuditEvents(w.t.Context(), audit.Query{Tenant: "acme", After: after, Limit: 1000})
	check(w.t, err)
	return page
}

// want fails unless the answer is that refusal, with the members that each has.
func want(t testing.TB, r reply, status int, code string) {
	t.Helper()
	if r.status != status || r.member("error") != code {
		t.Errorf("got %d %s, want %d %s", r.status, r.body, status, code)
		return
	}
	if id, _ := r.member("requestId").(string); id == "" || id != r.header.Get("X-Request-Id") {
		t.Errorf("a refusal without its request id: %s", r.body)
	}
	message, _ := r.member("message").(string)
	silent := status == http.StatusUnauthorized || status >= http.StatusInternalServerError
	if silent != (message == "") {
		t.Errorf("message %q with %d", message, status)
	}
	if r.header.Get("Cache-Control") != "no-store" || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers of a refusal: %v", r.header)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
