package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/store"
	"bestow.dev/internal/tenant"
)

// auditTests are the promises of audit.Store, and of the trail that every other
// store writes.
var auditTests = []test{
	{"an event comes back as it was", testEventRoundTrip},
	{"texts no engine stores", testEventOddTexts},
	{"selecting", testEventQuery},
	{"an empty trail", testEmptyTrail},
	{"concurrent changes keep the chain whole", testConcurrentChain},
	{"a transaction over two tenants", testTwoChains},
}

// record writes an event the only way there is: with a change.
func record(ctx context.Context, db *store.DB, e audit.Event) error {
	rp, err := tenant.NewRelyingParty(tenant.RelyingParty{Tenant: e.Tenant, ID: "login.example.com", Created: noon, Changed: noon})
	if err != nil {
		return err
	}
	return db.PutRelyingParty(ctx, rp, e)
}

func trail(t testing.TB, db *store.DB, tenantName string) []audit.Event {
	t.Helper()
	var all []audit.Event
	for {
		page, err := db.AuditEvents(t.Context(), audit.Query{Tenant: tenantName, After: int64(len(all)), Limit: 1000})
		check(t, err)
		all = append(all, page...)
		if len(page) < 1000 {
			return all
		}
	}
}

// wantActions checks that the tenant's trail holds exactly these actions, and that
// the chain is whole up to its stored head.
func wantActions(t testing.TB, db *store.DB, tenantName string, actions ...string) {
	t.Helper()
	var got []string
	for _, e := range wantWhole(t, db, tenantName) {
		got = append(got, e.Action)
	}
	if !reflect.DeepEqual(got, actions) {
		t.Errorf("trail of %s: got %q, want %q", tenantName, got, actions)
	}
}

// wantWhole checks the tenant's chain and returns its events.
func wantWhole(t testing.TB, db *store.DB, tenantName string) []audit.Event {
	t.Helper()
	var chain audit.Chain
	events := trail(t, db, tenantName)
	for i := range events {
		check(t, chain.Add(&events[i]))
	}
	seq, hash, err := db.AuditHead(t.Context(), tenantName)
	check(t, err)
	if last, head := chain.Head(); last != seq || head != hash {
		t.Errorf("trail of %s ends at %d, its head is at %d", tenantName, last, seq)
	}
	return events
}

func testEventRoundTrip(t *testing.T, db *store.DB) {
	want := audit.Event{
		Tenant: "acme", Time: noon, Action: "credential.registered", Actor: audit.Actor{Kind: audit.Client, ID: "idm"},
		OnBehalfOf: "u1", Claimed: "operator Ünal", Via: "api", Ref: "process 7", RelyingParty: "login.example.com",
		User: "u1", Credential: "c1", Outcome: audit.OK, Detail: map[string]string{"aaguid": "…", "a": ""},
	}
	check(t, record(t.Context(), db, want))
	events := wantWhole(t, db, "acme")
	want.Seal(1, [32]byte{})
	if len(events) != 1 || !reflect.DeepEqual(events[0], want) {
		t.Errorf("got %+v\nwant %+v", events, want)
	}
}

func testEventOddTexts(t *testing.T, db *store.DB) {
	e := event("acme", "user.created")
	e.Claimed = "zero \x00 and broken \xff"
	e.Detail = map[string]string{"note": "\xc3("}
	check(t, record(t.Context(), db, e))
	events := wantWhole(t, db, "acme")
	if got, want := events[0].Claimed, "zero \uFFFD and broken \uFFFD"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := events[0].Detail["note"], "\uFFFD("; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func testEventQuery(t *testing.T, db *store.DB) {
	for i := range 6 {
		e := event("acme", []string{"credential.registered", "credential.deleted", "credentials.read"}[i%3])
		e.Time = noon.Add(time.Duration(i) * time.Minute)
		e.User = fmt.Sprintf("u%d", i%2)
		e.Credential = fmt.Sprintf("c%d", i)
		e.RelyingParty = []string{"login.example.com", "shop.example"}[i/3]
		e.Outcome = []string{audit.OK, "user.locked"}[i/4]
		check(t, record(t.Context(), db, e))
	}
	check(t, record(t.Context(), db, event("beta", "credential.registered")))

	tests := []struct {
		name  string
		query audit.Query
		want  []int64
	}{
		{"all", audit.Query{}, []int64{1, 2, 3, 4, 5, 6}},
		{"after", audit.Query{After: 4}, []int64{5, 6}},
		{"limit", audit.Query{Limit: 2}, []int64{1, 2}},
		{"newest", audit.Query{Newest: true, Limit: 2}, []int64{6, 5}},
		{"newest before", audit.Query{Newest: true, After: 3}, []int64{2, 1}},
		{"action", audit.Query{Action: "credential.deleted"}, []int64{2, 5}},
		{"actions of a kind", audit.Query{Action: "credential."}, []int64{1, 2, 4, 5}},
		{"user", audit.Query{User: "u1"}, []int64{2, 4, 6}},
		{"credential", audit.Query{Credential: "c3"}, []int64{4}},
		{"relying party", audit.Query{RelyingParty: "shop.example"}, []int64{4, 5, 6}},
		{"since", audit.Query{Since: noon.Add(4 * time.Minute)}, []int64{5, 6}},
		{"until", audit.Query{Until: noon.Add(time.Minute)}, []int64{1}},
		{"refused", audit.Query{Refused: true}, []int64{5, 6}},
		{"refused, newest", audit.Query{Refused: true, Newest: true, Limit: 1}, []int64{6}},
		{"several", audit.Query{Action: "credential.", User: "u0", RelyingParty: "shop.example", After: 1}, []int64{5}},
		{"what no engine stores", audit.Query{User: "u1\x00", Action: "\xff", Credential: "c\x00", RelyingParty: "\xc0\x80"}, nil},
		{"a kind that no engine stores", audit.Query{Action: "credential\x00."}, nil},
		{"nothing", audit.Query{User: "u1' OR '1'='1"}, nil},
	}
	for _, c := range tests {
		c.query.Tenant = "acme"
		events, err := db.AuditEvents(t.Context(), c.query)
		check(t, err)
		var got []int64
		for _, e := range events {
			if e.Tenant != "acme" {
				t.Errorf("%s: got an event of %s", c.name, e.Tenant)
			}
			got = append(got, e.Seq)
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func testEmptyTrail(t *testing.T, db *store.DB) {
	seq, hash, err := db.AuditHead(t.Context(), "nobody")
	check(t, err)
	if seq != 0 || hash != [32]byte{} {
		t.Errorf("head of an empty trail: %d %x", seq, hash)
	}
	wantActions(t, db, "nobody")
}

func testConcurrentChain(t *testing.T, db *store.DB) {
	const callers, each = 16, 8
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for j := range each {
				e := event([]string{"acme", "beta"}[i%2], "rp.changed")
				e.Ref = fmt.Sprintf("%d/%d", i, j)
				if err := record(context.Background(), db, e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, name := range []string{"acme", "beta"} {
		if n := len(wantWhole(t, db, name)); n != callers*each/2 {
			t.Errorf("trail of %s has %d events, want %d", name, n, callers*each/2)
		}
	}
}

func testTwoChains(t *testing.T, db *store.DB) {
	// Transactions that touch both tenants, in either order, do not lock each other
	// out.
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			names := []string{"acme", "beta"}
			first, second := names[i%2], names[1-i%2]
			err := db.InTx(context.Background(), func(ctx context.Context) error {
				a := tenant.Tenant{Name: fmt.Sprintf("%s-%d", first, i), Created: noon}
				b := tenant.Tenant{Name: fmt.Sprintf("%s-%d", second, i), Created: noon}
				return errors.Join(
					db.CreateTenant(ctx, a, event(first, "tenant.created")),
					db.CreateTenant(ctx, b, event(second, "tenant.created")),
				)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, name := range []string{"acme", "beta"} {
		if n := len(wantWhole(t, db, name)); n != 16 {
			t.Errorf("trail of %s has %d events, want 16", name, n)
		}
	}
}
