package webhook_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/seal"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/webhook"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// keyring is a [webhook.Sealer] in memory.
type keyring struct{ *seal.Key }

func (k keyring) SealFirst(secret []byte, place string) ([]byte, error) { return k.Seal(secret, place) }

// world is a service on a database of its own, a clock, and a receiver that the test has
// answer as it wants.
type world struct {
	*webhook.Service
	t      testing.TB
	db     *store.DB
	config webhook.Config
	users  *credential.Service
	root   tenant.Authority

	mu     sync.Mutex
	now    time.Time
	posts  []webhook.Post
	answer func(webhook.Post) (int, error) // nil: 200
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, db: storetest.SQLite(t), now: noon, root: tenant.LocalOperator("acme", "root")}
	directory, err := tenant.New(t.Context(), w.db, []tenant.FileTenant{
		{Name: "acme", RelyingParties: []tenant.RelyingParty{{ID: "login.example.com"}}},
		{Name: "globex", RelyingParties: []tenant.RelyingParty{{ID: "login.example.com"}}},
	}, w.clock)
	check(t, err)
	w.users, err = credential.New(credential.Config{Store: w.db, Directory: directory, Trail: w.db, Now: w.clock})
	check(t, err)
	t.Cleanup(func() { check(t, w.users.Close(context.Background())) })
	w.config = webhook.Config{Store: w.db.Webhooks(), Sealer: keyring{seal.NewKey()}, Sender: w, Wakeups: w.db.Hub(), Now: w.clock}
	w.Service = w.node(nil)
	return w
}

// node is another service over the same database, as another server would be.
func (w *world) node(change func(*webhook.Config)) *webhook.Service {
	w.t.Helper()
	c := w.config
	if change != nil {
		change(&c)
	}
	s, err := webhook.New(c)
	check(w.t, err)
	return s
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

// Post implements [webhook.Sender].
func (w *world) Post(_ context.Context, p webhook.Post) (int, error) {
	w.mu.Lock()
	w.posts = append(w.posts, p)
	answer := w.answer
	w.mu.Unlock()
	if answer == nil {
		return http.StatusOK, nil
	}
	return answer(p)
}

// answers has the receiver answer with a status from now on; zero is no answer.
func (w *world) answers(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = func(webhook.Post) (int, error) {
		if status == 0 {
			return 0, errors.New("no answer in time")
		}
		return status, nil
	}
}

// taken returns what was posted since it was last asked.
func (w *world) taken() []webhook.Post {
	w.mu.Lock()
	defer w.mu.Unlock()
	posts := w.posts
	w.posts = nil
	return posts
}

// deliver delivers what is due and checks how many tries that took.
func (w *world) deliver(want int) []webhook.Post {
	w.t.Helper()
	n, err := w.DeliverDue(w.t.Context())
	check(w.t, err)
	if n != want {
		w.t.Errorf("%d tries, want %d", n, want)
	}
	return w.taken()
}

func (w *world) add(name string, events ...string) (*webhook.Endpoint, string) {
	w.t.Helper()
	e, secret, err := w.Add(w.t.Context(), w.root, webhook.Endpoint{Name: name, URL: "https://" + name + ".example.com/hook", Events: events})
	check(w.t, err)
	return e, secret
}

func (w *world) user(name string) *credential.User {
	w.t.Helper()
	u, err := w.users.CreateUser(w.t.Context(), w.root, credential.NewUser{Name: name})
	check(w.t, err)
	return u
}

// deliveries returns those of an endpoint, the oldest first.
func (w *world) deliveries(name string) []webhook.Delivery {
	w.t.Helper()
	all, _, err := w.Deliveries(w.t.Context(), w.root, name, webhook.List{})
	check(w.t, err)
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return all
}

// one returns the only delivery of an endpoint.
func (w *world) one(name string) webhook.Delivery {
	w.t.Helper()
	all := w.deliveries(name)
	if len(all) != 1 {
		w.t.Fatalf("%d deliveries, want one: %+v", len(all), all)
	}
	return all[0]
}

// trail returns the audit events of an action.
func (w *world) trail(action string) []audit.Event {
	w.t.Helper()
	all, err := w.db.AuditEvents(w.t.Context(), audit.Query{Tenant: "acme", Action: action})
	check(w.t, err)
	return all
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refused(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}
