package credential_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
)

const site = "login.example.com"

// world is a service on a database of its own, with a clock that the test turns.
type world struct {
	t    testing.TB
	db   *store.DB
	svc  *credential.Service
	idm  tenant.Authority // an API client that may do everything here
	told chan credential.Notice

	directory *tenant.Directory // in place of rps; nil: rps

	mu  sync.Mutex
	now time.Time
	rps map[string]*tenant.RelyingParty
}

// RelyingParty implements [credential.Directory].
func (w *world) RelyingParty(ctx context.Context, tenantName, id string) (*tenant.RelyingParty, error) {
	if w.directory != nil {
		return w.directory.RelyingParty(ctx, tenantName, id)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if rp := w.rps[tenantName+"/"+id]; rp != nil {
		return rp, nil
	}
	return nil, tenant.ErrRelyingPartyUnknown
}

// RelyingPartyUnder implements [credential.Directory].
func (w *world) RelyingPartyUnder(ctx context.Context, tenantName, id string, policies []string) (*tenant.RelyingParty, error) {
	if w.directory == nil {
		return nil, tenant.ErrPolicyUnknown
	}
	return w.directory.RelyingPartyUnder(ctx, tenantName, id, policies)
}

// has describes a relying party anew.
func (w *world) has(rp tenant.RelyingParty) {
	w.t.Helper()
	if w.directory != nil {
		_, err := w.directory.PutRelyingParty(w.t.Context(), w.admin(), rp)
		check(w.t, err)
		return
	}
	full, err := tenant.NewRelyingParty(rp)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rps[rp.Tenant+"/"+rp.ID] = full
}

// admin is the operator of the tenant.
func (w *world) admin() tenant.Authority { return tenant.LocalOperator("acme", "root") }

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// later turns the clock on.
func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func newWorld(t testing.TB) *world { return newWorldOn(t, storetest.SQLite, credential.Config{}) }

func newWorldOn(t testing.TB, open storetest.Open, c credential.Config) *world {
	t.Helper()
	w := &world{
		t: t, db: open(t), told: make(chan credential.Notice, 100),
		now: time.Date(2026, 3, 2, 10, 15, 0, 0, time.UTC),
		rps: make(map[string]*tenant.RelyingParty),
		idm: tenant.Authority{
			Tenant: "acme", Actor: audit.Actor{Kind: audit.Client, ID: "idm"}, Via: "api", Ref: "req-1",
			Scopes: []tenant.Scope{
				tenant.ScopeProvision, tenant.ScopeRead, tenant.ScopeManage, tenant.ScopeAuthenticate, tenant.ScopeUsersWrite,
			},
		},
	}
	w.has(tenant.RelyingParty{Tenant: "acme", ID: site, Name: "Example Login"})
	c.Store, c.Directory, c.Trail, c.Now, c.Log = w.db, w, w.db, w.clock, slog.New(slog.DiscardHandler)
	if c.Notify == nil {
		c.Notify = func(_ context.Context, n credential.Notice) error {
			w.told <- n
			return nil
		}
	}
	svc, err := credential.New(c)
	if err != nil {
		t.Fatal(err)
	}
	w.svc = svc
	t.Cleanup(func() {
		if err := svc.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return w
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantFault fails unless err has the code of want.
func wantFault(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if err == nil || fault.From(err).Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
}

// user makes a user.
func (w *world) user(name string) *credential.User {
	w.t.Helper()
	u, err := w.svc.CreateUser(w.t.Context(), w.idm, credential.NewUser{Name: name, DisplayName: name + " display"})
	check(w.t, err)
	return u
}

// begin begins a registration at the site.
func (w *world) begin(name string) *credential.BegunRegistration {
	w.t.Helper()
	begun, err := w.svc.BeginRegistration(w.t.Context(), w.idm, credential.BeginRegistration{RelyingParty: site, User: credential.ByName(name)})
	check(w.t, err)
	return begun
}

// enrolled registers a new key for a user.
func (w *world) enrolled(name string) (*credential.Credential, *forger) {
	w.t.Helper()
	f := newForger(w.t)
	c, err := w.svc.FinishRegistration(w.t.Context(), w.idm, credential.FinishRegistration{
		RelyingParty: site, Response: f.create(w.t, w.begin(name).Options), Name: "Sample Key",
	})
	check(w.t, err)
	return c, f
}

func (w *world) beginSignIn(name string) *credential.BegunAuthentication {
	w.t.Helper()
	in := credential.BeginAuthentication{RelyingParty: site}
	if name != "" {
		in.User = credential.ByName(name)
	}
	begun, err := w.svc.BeginAuthentication(w.t.Context(), w.idm, in)
	check(w.t, err)
	return begun
}

func (w *world) finishSignIn(f *forger, begun *credential.BegunAuthentication) (*credential.SignIn, error) {
	w.t.Helper()
	return w.svc.FinishAuthentication(w.t.Context(), w.idm, credential.FinishAuthentication{RelyingParty: site, Response: f.get(w.t, begun.Options)})
}

// events returns the tenant's audit trail, after checking that its chain is whole.
func (w *world) events() []audit.Event {
	w.t.Helper()
	events, err := w.db.AuditEvents(w.t.Context(), audit.Query{Tenant: "acme", Limit: 1000})
	check(w.t, err)
	var chain audit.Chain
	for i := range events {
		check(w.t, chain.Add(&events[i]))
	}
	return events
}

// lastEvent returns the newest event.
func (w *world) lastEvent() audit.Event {
	w.t.Helper()
	events := w.events()
	return events[len(events)-1]
}

// quiet fails if f leaves an event, other than that a right was missing.
func (w *world) quiet(f func()) {
	w.t.Helper()
	before := len(w.events())
	f()
	for _, e := range w.events()[before:] {
		if !denial(e) {
			w.t.Errorf("it left the event %s", e.Action)
		}
	}
}

// denial reports whether e says that a right was missing.
func denial(e audit.Event) bool {
	return strings.HasSuffix(e.Action, ".denied") && e.Outcome != audit.OK
}

// wantTrail fails unless the new events are what a refusal for err leaves: one that says
// so where a right was missing, and none otherwise.
func wantTrail(t *testing.T, err error, events []audit.Event) {
	t.Helper()
	want := 0
	if fault.KindOf(err) == fault.Denied {
		want = 1
	}
	if len(events) != want || want == 1 && (!denial(events[0]) || events[0].Outcome != fault.From(err).Code) {
		t.Errorf("%v left the events %+v", err, events)
	}
}
