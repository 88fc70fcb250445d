package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/process"
	"bestow.dev/internal/store"
	"bestow.dev/internal/webhook"
)

// webhookTests are the promises of webhook.Store.
var webhookTests = []test{
	{"endpoints come back as they were", testEndpoints},
	{"endpoints at another version", testEndpointVersions},
	{"secrets of endpoints", testEndpointSecrets},
	{"what the trail tells of", testToldOfAudit},
	{"what is told goes with its transaction", testToldInTransaction},
	{"claiming endpoints", testClaimEndpoints},
	{"endpoints claimed by several at once", testClaimEndpointsRace},
	{"results of tries", testSettle},
	{"lists of deliveries", testListDeliveries},
	{"purging deliveries", testPurgeDeliveries},
}

func endpoint(tenant, name string, events ...string) *webhook.Endpoint {
	return &webhook.Endpoint{
		ID: "id of " + tenant + " " + name, Tenant: tenant, Name: name, Description: "ours", URL: "https://" + name + ".example.com/hook", Events: events,
		Version: 1, Created: noon, Changed: noon, ChangedBy: "operator:alice",
	}
}

func hasEndpoint(t testing.TB, db *store.DB, tenant, name string, events ...string) *webhook.Endpoint {
	t.Helper()
	e := endpoint(tenant, name, events...)
	check(t, db.Webhooks().AddEndpoint(t.Context(), e, []byte("sealed "+name), event(tenant, "webhook.added")))
	return e
}

// told has endpoints told of a run for each name.
func told(t testing.TB, db *store.DB, at time.Time, runs ...string) {
	t.Helper()
	var events []webhook.Event
	for _, run := range runs {
		events = append(events, webhook.FromProcess(&process.Event{Kind: process.RunStarted, Time: at, Tenant: "acme", Run: run}))
	}
	check(t, db.Webhooks().Tell(t.Context(), events))
}

// wantTold checks the types that an endpoint was told of, in order.
func wantTold(t testing.TB, db *store.DB, e *webhook.Endpoint, types ...string) {
	t.Helper()
	all, err := db.Webhooks().Deliveries(t.Context(), webhook.DeliveryQuery{Endpoint: e.ID, Limit: 100})
	check(t, err)
	var got []string
	for i := range all {
		got = append(got, all[len(all)-1-i].Type)
	}
	if !reflect.DeepEqual(got, types) {
		t.Errorf("%s was told of %q, want %q", e.Name, got, types)
	}
}

func testEndpoints(t *testing.T, db *store.DB) {
	w := db.Webhooks()
	b, a := hasEndpoint(t, db, "acme", "b", "*"), hasEndpoint(t, db, "acme", "a", "run.*", "credential.registered")
	theirs := hasEndpoint(t, db, "globex", "a", "*")
	got, err := w.Endpoint(t.Context(), "acme", "a")
	check(t, err)
	wantEqual(t, got, a)
	all, err := w.Endpoints(t.Context(), "acme")
	check(t, err)
	wantEqual(t, all, []*webhook.Endpoint{a, b})
	wantError(t, w.AddEndpoint(t.Context(), a, []byte("x"), event("acme", "never")), webhook.ErrExists)
	told(t, db, noon, "r1")
	check(t, w.DeleteEndpoint(t.Context(), "acme", "a", event("acme", "webhook.deleted")))
	wantError(t, w.DeleteEndpoint(t.Context(), "acme", "a", event("acme", "never")), webhook.ErrUnknown)
	_, err = w.Endpoint(t.Context(), "acme", "a")
	wantError(t, err, webhook.ErrUnknown)
	wantTold(t, db, a) // nothing is left of it
	wantTold(t, db, b, "run.started")
	_, err = w.Endpoint(t.Context(), "globex", theirs.Name)
	check(t, err)
	for i := range webhook.MaxEndpoints - 1 {
		hasEndpoint(t, db, "globex", fmt.Sprint("n", i), "*")
	}
	wantError(t, w.AddEndpoint(t.Context(), endpoint("globex", "last", "*"), []byte("x"), event("globex", "never")), webhook.ErrTooMany)
	wantActions(t, db, "acme", "webhook.added", "webhook.added", "webhook.deleted")
}

func testEndpointVersions(t *testing.T, db *store.DB) {
	w := db.Webhooks()
	e := hasEndpoint(t, db, "acme", "a", "*")
	e.URL, e.Events, e.Disabled, e.Version, e.Changed, e.ChangedBy = "https://x.example.com", []string{"run.*"}, true, 2, noon.Add(time.Hour), "client:idm"
	check(t, w.ChangeEndpoint(t.Context(), e, event("acme", "webhook.changed")))
	wantError(t, w.ChangeEndpoint(t.Context(), e, event("acme", "never")), webhook.ErrChanged)
	e.Version = 4
	wantError(t, w.ChangeEndpoint(t.Context(), e, event("acme", "never")), webhook.ErrChanged)
	wantError(t, w.RotateEndpoint(t.Context(), webhook.Rotation{Endpoint: e, Sealed: []byte("x")}, event("acme", "never")), webhook.ErrChanged)
	got, err := w.Endpoint(t.Context(), "acme", "a")
	check(t, err)
	e.Version = 2
	wantEqual(t, got, e)
	wantActions(t, db, "acme", "webhook.added", "webhook.changed")
}

func testEndpointSecrets(t *testing.T, db *store.DB) {
	w := db.Webhooks()
	for _, any := range []func(context.Context) (bool, error){w.AnySealed, db.Provision().AnySealed} {
		if got, err := any(t.Context()); got || err != nil {
			t.Errorf("a secret from nowhere: %v", err)
		}
	}
	e := hasEndpoint(t, db, "acme", "a", "*")
	for _, any := range []func(context.Context) (bool, error){w.AnySealed, db.Provision().AnySealed} {
		if got, err := any(t.Context()); !got || err != nil {
			t.Errorf("the secret is not seen: %v", err)
		}
	}
	told(t, db, noon, "r1")
	c := claimEndpoints(t, db, noon)[0]
	work, err := w.Next(t.Context(), c, noon, noon.Add(time.Minute))
	check(t, err)
	if string(work.Sealed) != "sealed a" || work.Before != nil || !work.Until.IsZero() {
		t.Errorf("got %+v", work)
	}
	e.Version = 2
	check(t, w.RotateEndpoint(t.Context(), webhook.Rotation{Endpoint: e, Sealed: []byte{0, 1, 255}, Until: noon.Add(time.Hour)}, event("acme", "webhook.rotated")))
	work, err = w.Next(t.Context(), c, noon, noon.Add(time.Minute))
	check(t, err)
	if string(work.Sealed) != "\x00\x01\xff" || string(work.Before) != "sealed a" || !work.Until.Equal(noon.Add(time.Hour)) {
		t.Errorf("got %+v", work)
	}
}

// testToldOfAudit: every change of a credential that the trail tells of is told, what was
// refused and what is none is not.
func testToldOfAudit(t *testing.T, db *store.DB) {
	all, keys := hasEndpoint(t, db, "acme", "all", "*"), hasEndpoint(t, db, "acme", "keys", "credential.*")
	one, theirs := hasEndpoint(t, db, "acme", "one", "credential.suspended"), hasEndpoint(t, db, "globex", "theirs", "*")
	off := endpoint("acme", "off", "*")
	off.Disabled = true
	check(t, db.Webhooks().AddEndpoint(t.Context(), off, []byte("x"), event("acme", "webhook.added")))

	hasCredential(t, db, "k1", hasUser(t, db, "alice"))
	_, err := db.ChangeCredential(t.Context(), credential.CredentialChange{Tenant: "acme", ID: "k1", State: new(credential.Suspended), At: noon},
		[]audit.Event{event("acme", "credential.renamed"), event("acme", "credential.suspended")})
	check(t, err)
	wantError(t, db.DeleteCredential(t.Context(), "acme", "k2", event("acme", "credential.deleted")), credential.ErrCredentialUnknown)
	check(t, db.DeleteCredential(t.Context(), "acme", "k1", event("acme", "credential.deleted")))
	refused := event("acme", "credential.registered")
	refused.Outcome = "policy.refused"
	check(t, db.Record(t.Context(), refused))

	wantTold(t, db, all, "user.created", "credential.registered", "credential.renamed", "credential.suspended", "credential.deleted")
	wantTold(t, db, keys, "credential.registered", "credential.renamed", "credential.suspended", "credential.deleted")
	wantTold(t, db, one, "credential.suspended")
	wantTold(t, db, theirs)
	wantTold(t, db, off)
}

func testToldInTransaction(t *testing.T, db *store.DB) {
	e := hasEndpoint(t, db, "acme", "a", "*")
	undo := errors.New("undo")
	change := func(ctx context.Context, name string) error {
		run := webhook.FromProcess(&process.Event{Kind: process.RunStarted, Time: noon, Tenant: "acme", Run: name})
		return errors.Join(db.Record(ctx, event("acme", "user."+name)), db.Webhooks().Tell(ctx, []webhook.Event{run}))
	}
	wantError(t, db.InTx(t.Context(), func(ctx context.Context) error { return errors.Join(change(ctx, "a"), undo) }), undo)
	wantTold(t, db, e)
	woken, cancel := db.Hub().Wait(webhook.WakeDeliveries)
	defer cancel()
	check(t, db.InTx(t.Context(), func(ctx context.Context) error {
		wantError(t, db.InTx(ctx, func(ctx context.Context) error { return errors.Join(change(ctx, "b"), undo) }), undo)
		return change(ctx, "c")
	}))
	wantTold(t, db, e, "run.started", "user.c") // what the trail tells comes last
	select {
	case <-woken:
	default:
		t.Error("nobody was woken")
	}
}

func claimEndpoints(t testing.TB, db *store.DB, at time.Time) []webhook.Claim {
	t.Helper()
	claims, err := db.Webhooks().ClaimEndpoints(t.Context(), webhook.ClaimQuery{At: at, Until: at.Add(time.Minute), Limit: 10})
	check(t, err)
	return claims
}

func testClaimEndpoints(t *testing.T, db *store.DB) {
	w := db.Webhooks()
	next := func(want time.Time) {
		t.Helper()
		if got, err := w.NextDue(t.Context()); err != nil || !got.Equal(want) {
			t.Errorf("the next is due at %v (%v), want %v", got, err, want)
		}
	}
	e := hasEndpoint(t, db, "acme", "a", "run.*")
	hasEndpoint(t, db, "acme", "b", "credential.*")
	next(time.Time{})
	told(t, db, noon.Add(time.Minute), "r2")
	told(t, db, noon, "r1")
	next(noon)
	wantEqual(t, len(claimEndpoints(t, db, noon.Add(-time.Second))), 0)
	claims := claimEndpoints(t, db, noon)
	wantEqual(t, claims, []webhook.Claim{{Endpoint: e.ID, Number: 1}})
	wantEqual(t, len(claimEndpoints(t, db, noon.Add(time.Minute-time.Millisecond))), 0)
	next(noon.Add(time.Minute)) // when the claim runs out

	work, err := w.Next(t.Context(), claims[0], noon, noon.Add(2*time.Minute))
	check(t, err)
	wantEqual(t, work.Endpoint, e)
	if d := work.Delivery; d.State != webhook.Pending || d.Endpoint != e.ID || !d.Due.Equal(noon) || !d.Created.Equal(noon) ||
		!strings.Contains(string(d.Body), `"run":"r1"`) || !strings.Contains(string(d.Body), d.ID) || !strings.HasPrefix(d.ID, "evt_") {
		t.Errorf("work: %+v %s", d, d.Body)
	}
	next(noon.Add(2 * time.Minute)) // it was renewed
	again := claimEndpoints(t, db, noon.Add(2*time.Minute))
	wantEqual(t, again, []webhook.Claim{{Endpoint: e.ID, Number: 2}})
	_, err = w.Next(t.Context(), claims[0], noon, noon.Add(time.Hour))
	wantError(t, err, webhook.ErrClaimLost)
	wantError(t, w.Settle(t.Context(), webhook.Result{Claim: claims[0], Delivery: work.Delivery}), webhook.ErrClaimLost)
	check(t, w.GiveBack(t.Context(), claims[0], noon))
	wantEqual(t, len(claimEndpoints(t, db, noon.Add(2*time.Minute))), 0)
	check(t, w.GiveBack(t.Context(), again[0], noon.Add(2*time.Minute)))
	_, err = w.Next(t.Context(), again[0], noon, noon.Add(time.Hour)) // who gave back has no more
	wantError(t, err, webhook.ErrClaimLost)
	again = claimEndpoints(t, db, noon.Add(2*time.Minute))

	// Nobody serves one that is disabled, nor one that has nothing due.
	off := *e
	off.Disabled, off.Version = true, 2
	check(t, w.ChangeEndpoint(t.Context(), &off, event("acme", "webhook.changed")))
	_, err = w.Next(t.Context(), again[0], noon, noon.Add(time.Hour))
	wantError(t, err, webhook.ErrClaimLost)
	next(time.Time{})
	wantEqual(t, len(claimEndpoints(t, db, noon.Add(time.Hour))), 0)
}

func testClaimEndpointsRace(t *testing.T, db *store.DB) {
	const endpoints, nodes = 10, 5
	for i := range endpoints {
		hasEndpoint(t, db, "acme", fmt.Sprint("n", i), "*")
	}
	told(t, db, noon, "r1")
	var (
		mu      sync.Mutex
		claimed = make(map[string]int)
		all     sync.WaitGroup
	)
	for range nodes {
		all.Go(func() {
			for range endpoints {
				got, err := db.Webhooks().ClaimEndpoints(t.Context(), webhook.ClaimQuery{At: noon, Until: noon.Add(time.Minute), Limit: 3})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, c := range got {
					claimed[c.Endpoint]++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(claimed) != endpoints {
		t.Errorf("%d endpoints were claimed, want %d", len(claimed), endpoints)
	}
	for id, n := range claimed {
		if n != 1 {
			t.Errorf("%s was claimed %d times", id, n)
		}
	}
}

func testSettle(t *testing.T, db *store.DB) {
	w := db.Webhooks()
	e := hasEndpoint(t, db, "acme", "a", "*")
	told(t, db, noon, "r1", "r2")
	c := claimEndpoints(t, db, noon)[0]
	take := func() *webhook.Work {
		t.Helper()
		work, err := w.Next(t.Context(), c, noon, noon.Add(time.Minute))
		check(t, err)
		return work
	}
	// One that failed is overtaken by the other.
	first := take().Delivery
	first.Attempts, first.Status, first.Problem, first.Due = 1, 500, "words\x00 of \xff nobody", noon.Add(5*time.Second)
	check(t, w.Settle(t.Context(), webhook.Result{Claim: c, Delivery: first}))
	second := take().Delivery
	second.Attempts, second.Status, second.State, second.Due, second.Ended = 1, 204, webhook.Delivered, time.Time{}, noon
	check(t, w.Settle(t.Context(), webhook.Result{Claim: c, Delivery: second}))
	if work := take(); work != nil {
		t.Fatalf("there is more: %+v", work)
	}
	all, err := w.Deliveries(t.Context(), webhook.DeliveryQuery{Endpoint: e.ID, Limit: 10})
	check(t, err)
	first.Problem, first.Body, second.Body = "words\uFFFD of \uFFFD nobody", nil, nil
	wantEqual(t, all, []webhook.Delivery{second, first})

	// The receiver wants nothing any more.
	c = claimEndpoints(t, db, noon.Add(5*time.Second))[0]
	gone := *e
	gone.Disabled, gone.Version = true, 2
	first.State, first.Due, first.Ended = webhook.Failed, time.Time{}, noon
	check(t, w.Settle(t.Context(), webhook.Result{Claim: c, Delivery: first, Disabled: &gone, Event: event("acme", "webhook.disabled")}))
	got, err := w.Endpoint(t.Context(), "acme", "a")
	check(t, err)
	wantEqual(t, got, &gone)
	wantActions(t, db, "acme", "webhook.added", "webhook.disabled")

	check(t, w.Redeliver(t.Context(), e.ID, first.ID, noon.Add(time.Hour), event("acme", "webhook.redelivered")))
	wantError(t, w.Redeliver(t.Context(), e.ID, "x", noon, event("acme", "never")), webhook.ErrDeliveryUnknown)
	all, err = w.Deliveries(t.Context(), webhook.DeliveryQuery{Endpoint: e.ID, State: webhook.Pending, Limit: 10})
	check(t, err)
	want := webhook.Delivery{Endpoint: e.ID, ID: first.ID, Type: "run.started", State: webhook.Pending, Due: noon.Add(time.Hour), Created: noon}
	wantEqual(t, all, []webhook.Delivery{want})
}

func testListDeliveries(t *testing.T, db *store.DB) {
	w := db.Webhooks()
	e := hasEndpoint(t, db, "acme", "a", "credential.*")
	told(t, db, noon, "r1") // it does not want to know
	ping := webhook.FromProcess(&process.Event{Kind: webhook.PingType, Time: noon, Tenant: "acme"})
	check(t, w.Ping(t.Context(), e.ID, &ping, event("acme", "webhook.tested")))
	for range 4 {
		check(t, db.Record(t.Context(), event("acme", "credential.x")))
	}
	newest, err := w.Deliveries(t.Context(), webhook.DeliveryQuery{Endpoint: e.ID, Limit: 3})
	check(t, err)
	rest, err := w.Deliveries(t.Context(), webhook.DeliveryQuery{Endpoint: e.ID, Before: newest[2].ID, Limit: 3})
	check(t, err)
	if len(newest) != 3 || len(rest) != 2 || rest[1].ID != ping.ID || rest[1].Type != webhook.PingType || newest[2].ID <= rest[0].ID {
		t.Errorf("got %+v and %+v", newest, rest)
	}
	for _, q := range []webhook.DeliveryQuery{{Endpoint: "x", Limit: 3}, {Endpoint: e.ID, State: webhook.Failed, Limit: 3}} {
		if got, err := w.Deliveries(t.Context(), q); err != nil || len(got) != 0 {
			t.Errorf("%+v: got %+v, %v", q, got, err)
		}
	}
}

func testPurgeDeliveries(t *testing.T, db *store.DB) {
	e := hasEndpoint(t, db, "acme", "a", "*")
	told(t, db, noon, "r1", "r2", "r3")
	told(t, db, noon.Add(time.Hour), "r4")
	for _, want := range []int{2, 1, 0} {
		if got, err := db.Webhooks().PurgeDeliveries(t.Context(), noon.Add(time.Second), 2); err != nil || got != want {
			t.Errorf("%d removed (%v), want %d", got, err, want)
		}
	}
	wantTold(t, db, e, "run.started")
}
