package relay_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// clock is a clock that stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// recorder is a client that takes callbacks, or refuses them.
type recorder struct {
	mu    sync.Mutex
	calls []call
	fail  func(relay.Call) error // nil: all are taken
}

type call struct {
	client, name string
	doc          document
	body         string
}

// document is a callback as its receiver reads it.
type document struct {
	CommandID   string                         `json:"commandId"`
	CommandType string                         `json:"commandType"`
	ExternalID  string                         `json:"externalId"`
	State       string                         `json:"state"`
	Status      string                         `json:"status"`
	Destination *struct{ To, Bid, Mid string } `json:"destination"`
	Signature   *struct{ State, Kid string }   `json:"signature"`
	MatchCode   string                         `json:"matchCode"`
	Client      *struct{ App, Version, OS, Address string }
	JWS         string                                  `json:"jws"`
	Error       *struct{ Code, Message, Detail string } `json:"error"`
}

func (r *recorder) Call(_ context.Context, c relay.Call) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		if err := r.fail(c); err != nil {
			return err
		}
	}
	got := call{client: c.Client.ID, name: c.Name, body: string(c.Body)}
	if err := json.Unmarshal(c.Body, &got.doc); err != nil {
		return err
	}
	r.calls = append(r.calls, got)
	return nil
}

func (r *recorder) Alive(context.Context, *relay.Client) error { return nil }

// judge has fail decide from now on which callbacks are taken; nil takes all.
func (r *recorder) judge(fail func(relay.Call) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = fail
}

// taken returns the callbacks so far and forgets them.
func (r *recorder) taken() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.calls
	r.calls = nil
	return all
}

// world is a relay with its database, a client, and a clock.
type world struct {
	*relay.Service
	t       testing.TB
	db      *store.DB
	clock   *clock
	calls   *recorder
	clients *relay.Clients
	idm     *relay.Client
	key     *plugout.Signer // of the installation that idm trusts
}

// variant changes the world before it begins.
type variant func(c *relay.Client, cfg *relay.Config)

func newWorld(t testing.TB, variants ...variant) *world {
	t.Helper()
	return worldOn(t, storetest.SQLite(t), variants...)
}

func worldOn(t testing.TB, db *store.DB, variants ...variant) *world {
	t.Helper()
	key := newKey(t)
	set, err := plugout.NewKeySet(key.Public())
	check(t, err)
	w := &world{t: t, db: db, clock: &clock{at: noon}, calls: &recorder{}, key: key}
	w.idm = &relay.Client{
		Tenant: "acme", ID: "idm", KeyHashes: [][32]byte{relay.HashKey("secret")}, Group: "smartid",
		CallbackURL: "https://idm.example.com/ws/hermod", KeySet: set,
	}
	w.clients, err = relay.NewClients()
	check(t, err)
	cfg := relay.Config{
		Store: db.Relay(), Clients: w.clients, Wakeups: db.Hub(), Caller: w.calls,
		PublicURL: "https://msg.example.com:20400/hermod/rest/ms", Now: w.clock.now,
	}
	for _, v := range variants {
		v(w.idm, &cfg)
	}
	check(t, w.clients.Replace(w.idm))
	w.Service, err = relay.New(cfg)
	check(t, err)
	return w
}

func newKey(t testing.TB) *plugout.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	signer, err := plugout.NewSigner(key, "", "")
	check(t, err)
	return signer
}

func (w *world) by() tenant.Authority { return w.idm.Authority("hermod") }

func secs(n int64) *int64 { return &n }

// header is one with times in seconds.
func header(lifespan, timeout int64, to ...string) relay.Header {
	return relay.Header{Lifespan: &lifespan, Timeout: &timeout, To: to}
}

func (w *world) send(t plugout.CommandType, h relay.Header, object string) *relay.Receipt {
	w.t.Helper()
	r, err := w.Send(w.t.Context(), w.by(), w.idm, relay.Command{Type: t, Header: h, Object: json.RawMessage(object)})
	check(w.t, err)
	return r
}

func (w *world) trySend(t plugout.CommandType, h relay.Header, object string) error {
	w.t.Helper()
	_, err := w.Send(w.t.Context(), w.by(), w.idm, relay.Command{Type: t, Header: h, Object: json.RawMessage(object)})
	return err
}

// startSession sends a session start with the given seconds.
func (w *world) startSession(lifespan, timeout int64) *relay.Receipt {
	w.t.Helper()
	return w.send(plugout.SessionStart, header(lifespan, timeout), `{"userid":"alice@example.com","require":["fido2"]}`)
}

const address = "192.0.2.7"

// agent is a desktop that has opened a box.
type agent struct {
	relay.Desktop
	w        *world
	key      *plugout.Signer
	response *plugout.SessionResponse
}

func redemption(r *relay.Receipt) relay.Redemption {
	link, err := plugout.ParseLink(r.Destinations[0].URI)
	if err != nil {
		panic(err)
	}
	return relay.Redemption{
		Box: link.BoxID(), Token: link.Token, Address: address,
		Client: plugout.Client{App: "desktop-app", Version: "2.4.0", OS: "windows"},
	}
}

func (w *world) open(r *relay.Receipt) *agent {
	w.t.Helper()
	in := redemption(r)
	s, err := w.OpenSession(w.t.Context(), in)
	check(w.t, err)
	return &agent{Desktop: relay.Desktop{Box: in.Box, Session: s.Session}, w: w, key: w.key, response: s}
}

// started is a session whose start was answered.
func (w *world) started(lifespan int64) (*relay.Receipt, *agent) {
	w.t.Helper()
	r := w.startSession(lifespan, 10)
	a := w.open(r)
	check(w.t, a.answer(r.Destinations[0].Message, plugout.StatusOK, startResponse))
	return r, a
}

const (
	startResponse = `{"app":"desktop-app","version":"2.4.0","os":"windows","capabilities":["fido2"]}`
	credential    = `{"credential":{"id":"AAKNLD","type":"public-key"}}`
)

// list returns the ids of the messages that a sees.
func (a *agent) list() []string {
	a.w.t.Helper()
	items, err := a.w.Messages(a.w.t.Context(), a.Desktop, 0)
	check(a.w.t, err)
	var ids []string
	for _, m := range items {
		ids = append(ids, m.MessageID)
	}
	return ids
}

func (a *agent) fetch(message string) *plugout.CommandMessage {
	a.w.t.Helper()
	m, err := a.w.Fetch(a.w.t.Context(), a.Desktop, message)
	check(a.w.t, err)
	return m
}

// payload is a good answer to m.
func (a *agent) payload(m *plugout.CommandMessage, status plugout.Status, response string) plugout.Answer {
	p := plugout.Answer{
		Version: plugout.Version, MessageID: m.MessageID, Nonce: m.Nonce, IssuedAt: a.w.clock.now().Unix(), Status: status,
	}
	if status == plugout.StatusOK {
		p.Response = json.RawMessage(response)
	} else {
		p.Error = &plugout.AnswerError{Message: "the device says no", CTAP: "0x32"}
	}
	return p
}

// answer fetches a message and answers it as an agent does.
func (a *agent) answer(message string, status plugout.Status, response string) error {
	a.w.t.Helper()
	m, err := a.w.Fetch(a.w.t.Context(), a.Desktop, message)
	if err != nil {
		return err
	}
	return a.post(message, a.payload(m, status, response))
}

func (a *agent) post(message string, p plugout.Answer) error {
	a.w.t.Helper()
	return a.w.Answer(context.Background(), a.Desktop, message, relay.Answer{MediaType: plugout.MediaTypeJOSE, Body: a.sign(p)})
}

func (a *agent) sign(p plugout.Answer) []byte {
	a.w.t.Helper()
	text, err := json.Marshal(p)
	check(a.w.t, err)
	jws, err := a.key.Sign(text)
	check(a.w.t, err)
	return jws
}

func (w *world) expire() {
	w.t.Helper()
	_, err := w.ExpireDue(w.t.Context())
	check(w.t, err)
}

// callbacks delivers what is due and returns what the client got.
func (w *world) callbacks() []call {
	w.t.Helper()
	_, err := w.DeliverDue(w.t.Context())
	check(w.t, err)
	return w.calls.taken()
}

func (w *world) poll(id relay.CommandID) *relay.Report {
	w.t.Helper()
	r, err := w.Poll(w.t.Context(), w.by(), w.idm, id)
	check(w.t, err)
	return r
}

// wantOutcome checks state and status of a command as polled.
func (w *world) wantOutcome(id relay.CommandID, state relay.State, status plugout.Status) {
	w.t.Helper()
	r := w.poll(id)
	if r.Outcome == nil {
		w.t.Errorf("command is %s, want %s %s", r.State, state, status)
		return
	}
	if r.State != state || r.Outcome.State != state || r.Outcome.Status != status {
		w.t.Errorf("command is %s %s, want %s %s", r.State, r.Outcome.Status, state, status)
	}
}

// wantCallbacks checks that exactly these commands were reported, in this order.
func (w *world) wantCallbacks(got []call, want ...string) {
	w.t.Helper()
	var have []string
	for _, c := range got {
		have = append(have, c.name+" "+c.doc.State+" "+c.doc.Status)
	}
	if strings.Join(have, ", ") != strings.Join(want, ", ") {
		w.t.Errorf("callbacks: got %q, want %q", have, want)
	}
}

// events returns the audit trail, checked.
func (w *world) events() []audit.Event {
	w.t.Helper()
	var (
		all   []audit.Event
		chain audit.Chain
	)
	for {
		page, err := w.db.AuditEvents(w.t.Context(), audit.Query{Tenant: "acme", After: int64(len(all)), Limit: 1000})
		check(w.t, err)
		for i := range page {
			check(w.t, chain.Add(&page[i]))
		}
		if all = append(all, page...); len(page) < 1000 {
			return all
		}
	}
}

func (w *world) actions() []string {
	w.t.Helper()
	var list []string
	for _, e := range w.events() {
		list = append(list, strings.TrimPrefix(e.Action, "relay.")+" "+e.Outcome)
	}
	return list
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}
