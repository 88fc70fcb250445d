package storetest

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/store"
)

func testPurge(t *testing.T, db *store.DB) {
	ctx := t.Context()
	alice := hasUser(t, db, "alice")
	for _, name := range []string{"c1", "c2", "c3"} { // they expire at 12:05
		hasCeremony(t, db, name, credential.Registration)
	}
	beta := ceremony("c4", credential.Authentication)
	beta.Tenant, beta.User = "beta", ""
	check(t, db.OpenCeremony(ctx, beta, credential.Caps{}, event("beta", "ceremony.begun")))
	hasSession(t, db, "s1", credential.Visit, "") // expires at 12:15
	hasInvitation(t, db, "i1", alice, false)      // expires at 13:00

	purge := func(p credential.Retention, want credential.Purged) {
		t.Helper()
		got, err := db.Purge(ctx, p, func(tenantName string, n credential.Purged) audit.Event {
			return event(tenantName, "retention.purged")
		})
		check(t, err)
		if got != want {
			t.Errorf("purged %+v, want %+v", got, want)
		}
	}
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	purge(credential.Retention{Limit: 10}, credential.Purged{})
	purge(credential.Retention{Ceremonies: at(5), Sessions: at(15), Invitations: at(60), Limit: 10}, credential.Purged{})
	all := credential.Retention{Ceremonies: at(6), Sessions: at(16), Invitations: at(61), Limit: 2}
	purge(all, credential.Purged{Ceremonies: 2, Sessions: 1, Invitations: 1})
	purge(all, credential.Purged{Ceremonies: 2})
	purge(all, credential.Purged{})
	for _, tenantName := range []string{"acme", "beta"} {
		n := 0
		for _, e := range wantWhole(t, db, tenantName) {
			if e.Action == "retention.purged" {
				n++
			}
		}
		if n < 1 || n > 2 {
			t.Errorf("%d events of purges in %s", n, tenantName)
		}
	}
	_, err := db.User(ctx, "acme", credential.ByID(alice.ID))
	check(t, err)
}

func testRecord(t *testing.T, db *store.DB) {
	check(t, db.Record(t.Context(), event("acme", "user.exported")))
	wantActions(t, db, "acme", "user.exported")
}

func testAfterCommit(t *testing.T, db *store.DB) {
	var order []string
	note := func(what string) func() { return func() { order = append(order, what) } }
	db.AfterCommit(t.Context(), note("at once"))
	check(t, db.InTx(t.Context(), func(ctx context.Context) error {
		db.AfterCommit(ctx, note("committed"))
		order = append(order, "inside")
		return nil
	}))
	wantError(t, db.InTx(t.Context(), func(ctx context.Context) error {
		db.AfterCommit(ctx, note("rolled back"))
		return errChange
	}), errChange)
	if got := strings.Join(order, ", "); got != "at once, inside, committed" {
		t.Errorf("order: %s", got)
	}
}

func testDecoyKey(t *testing.T, db *store.DB) {
	var wg sync.WaitGroup
	keys := make([][]byte, 8)
	for i := range keys {
		wg.Go(func() {
			key, err := db.DecoyKey(t.Context(), bytes.Repeat([]byte{byte(i + 1)}, 32))
			if err != nil {
				t.Error(err)
			}
			keys[i] = key
		})
	}
	wg.Wait()
	again, err := db.DecoyKey(t.Context(), make([]byte, 32))
	check(t, err)
	for _, k := range keys {
		if len(k) != 32 || !bytes.Equal(k, again) {
			t.Errorf("keys differ: %x, %x", k, again)
		}
	}
}
