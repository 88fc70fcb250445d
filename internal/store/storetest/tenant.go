package storetest

import (
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

// tenantTests are the promises of tenant.Store.
var tenantTests = []test{
	{"tenants", testTenants},
	{"relying parties", testRelyingParties},
	{"deleting a relying party", testDeleteRelyingParty},
	{"policies", testPolicies},
	{"the same policy", testSamePolicy},
	{"concurrent policies", testConcurrentPolicies},
	{"clients", testClients},
	{"clients by their key", testClientsWithKey},
	{"disabling a client", testDisableClient},
	{"deleting a client", testDeleteClient},
	{"rotating a key", testRotate},
	{"concurrent rotations", testConcurrentRotations},
	{"access tokens", testAccessTokens},
}

// noon is when things happen here.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 123e6, time.UTC)

func event(tenantName, action string) audit.Event {
	return audit.Event{
		Tenant: tenantName, Time: noon, Action: action, Outcome: audit.OK, Via: "test",
		Actor: audit.Actor{Kind: audit.Operator, ID: "local:test"},
	}
}

func testTenants(t *testing.T, db *store.DB) {
	want := tenant.Tenant{Name: "acme", Created: noon, Source: tenant.FromDatabase}
	check(t, db.CreateTenant(t.Context(), want, event("acme", "tenant.created")))
	wantError(t, db.CreateTenant(t.Context(), want, event("acme", "tenant.created")), tenant.ErrTenantExists)
	all, err := db.Tenants(t.Context())
	check(t, err)
	if !reflect.DeepEqual(all, []tenant.Tenant{want}) {
		t.Errorf("tenants: got %+v, want %+v", all, want)
	}
	wantActions(t, db, "acme", "tenant.created")
}

func relyingParty(t *testing.T, tenantName, id string) *tenant.RelyingParty {
	t.Helper()
	rp, err := tenant.NewRelyingParty(tenant.RelyingParty{
		Tenant: tenantName, ID: id, Name: "Äcme", Origins: []string{"https://" + id, "https://www." + id + ":8443"},
		AllowCrossOrigin: true, TopOrigins: []string{"https://portal.example"}, AuthenticatorAttachment: "cross-platform",
		ResidentKey: tenant.Preferred, AttestationTrust: tenant.TrustRequire, ChallengeLife: 90 * time.Second,
		AllowedAAGUIDs: []string{"cb69481e-8ff7-4039-93ec-0a2729a154a8"}, Source: tenant.FromDatabase, Created: noon, Changed: noon,
		CeremonySettings: tenant.CeremonySettings{
			Hints: []string{"security-key"}, AttestationFormats: []string{"packed"}, AllowConditionalCreate: true,
			CredentialProtection: tenant.ProtectRequired, EnforceCredentialProtection: true, RegistrationExtensions: []string{},
			AppID: "https://" + id + "/app.json",
		},
	})
	check(t, err)
	return rp
}

func testRelyingParties(t *testing.T, db *store.DB) {
	ctx := t.Context()
	_, err := db.RelyingParty(ctx, "acme", "login.example.com")
	wantError(t, err, tenant.ErrRelyingPartyUnknown)

	first := relyingParty(t, "acme", "login.example.com")
	other := relyingParty(t, "beta", "login.example.com")
	check(t, db.PutRelyingParty(ctx, first, event("acme", "rp.changed")))
	check(t, db.PutRelyingParty(ctx, other, event("beta", "rp.changed")))
	got, err := db.RelyingParty(ctx, "acme", "login.example.com")
	check(t, err)
	if !reflect.DeepEqual(got, first) {
		t.Errorf("got %+v\nwant %+v", got, first)
	}

	// Related origins do not go with an AppID.
	related := relyingParty(t, "gamma", "login.example.com")
	related.AppID, related.RelatedOrigins = "", []string{"https://example.co.uk"}
	check(t, db.PutRelyingParty(ctx, related, event("gamma", "rp.changed")))
	got, err = db.RelyingParty(ctx, "gamma", "login.example.com")
	check(t, err)
	if !reflect.DeepEqual(got, related) {
		t.Errorf("got %+v\nwant %+v", got, related)
	}

	// A change keeps the time of creation.
	second := relyingParty(t, "acme", "login.example.com")
	second.Name, second.Created, second.Changed = "Acme", noon.Add(time.Hour), noon.Add(time.Hour)
	check(t, db.PutRelyingParty(ctx, second, event("acme", "rp.changed")))
	got, err = db.RelyingParty(ctx, "acme", "login.example.com")
	check(t, err)
	if got.Name != "Acme" || !got.Created.Equal(noon) || !got.Changed.Equal(noon.Add(time.Hour)) {
		t.Errorf("after a change: got %q created %v changed %v", got.Name, got.Created, got.Changed)
	}

	of, err := db.RelyingParties(ctx, "beta")
	check(t, err)
	if len(of) != 1 || !reflect.DeepEqual(of[0], other) {
		t.Errorf("those of beta: got %+v", of)
	}
	all, err := db.RelyingParties(ctx, "")
	check(t, err)
	if len(all) != 3 {
		t.Errorf("all: got %d, want 3", len(all))
	}
	wantActions(t, db, "acme", "rp.changed", "rp.changed")
}

func testDeleteRelyingParty(t *testing.T, db *store.DB) {
	ctx := t.Context()
	gone := event("acme", "rp.deleted")
	wantError(t, db.DeleteRelyingParty(ctx, "acme", site, gone), tenant.ErrRelyingPartyUnknown)
	for _, name := range []string{"acme", "beta"} {
		check(t, db.PutRelyingParty(ctx, relyingParty(t, name, site), event(name, "rp.changed")))
	}
	c := hasCredential(t, db, "k1", hasUser(t, db, "alice"))
	wantError(t, db.DeleteRelyingParty(ctx, "acme", site, gone), tenant.ErrRelyingPartyInUse)
	check(t, db.DeleteCredential(ctx, "acme", c.ID, event("acme", "credential.deleted")))

	check(t, db.DeleteRelyingParty(ctx, "acme", site, gone))
	_, err := db.RelyingParty(ctx, "acme", site)
	wantError(t, err, tenant.ErrRelyingPartyUnknown)
	if _, err := db.RelyingParty(ctx, "beta", site); err != nil {
		t.Errorf("another tenant's: %v", err)
	}
	all := wantWhole(t, db, "acme")
	if last := all[len(all)-1]; last.Action != "rp.deleted" || all[len(all)-2].Action == "rp.deleted" {
		t.Errorf("the trail ends with %s, %s", all[len(all)-2].Action, last.Action)
	}
}

func client(tenantName, id string, keys ...tenant.ClientKey) *tenant.Client {
	return &tenant.Client{
		Tenant: tenantName, ID: id, Name: "Identity manager", Scopes: []tenant.Scope{tenant.ScopeProvision, tenant.ScopeRead},
		RelyingParties: []string{"login.example.com"}, Keys: keys, Source: tenant.FromDatabase, Created: noon,
	}
}

func key(n int) tenant.ClientKey {
	k := tenant.ClientKey{ID: fmt.Sprintf("key%02d", n), Created: noon.Add(time.Duration(n) * time.Second)}
	k.Hash[0] = byte(n)
	return k
}

func testClients(t *testing.T, db *store.DB) {
	ctx := t.Context()
	_, err := db.Client(ctx, "idm")
	wantError(t, err, tenant.ErrClientUnknown)

	first := client("acme", "idm", key(1), key(2))
	check(t, db.CreateClient(ctx, first, event("acme", "client.created")))
	wantError(t, db.CreateClient(ctx, client("beta", "idm", key(3)), event("beta", "client.created")), tenant.ErrClientExists)
	check(t, db.CreateClient(ctx, client("beta", "portal"), event("beta", "client.created")))

	got, err := db.Client(ctx, "idm")
	check(t, err)
	if !reflect.DeepEqual(got, first) {
		t.Errorf("got %+v\nwant %+v", got, first)
	}
	of, err := db.Clients(ctx, "beta")
	check(t, err)
	if len(of) != 1 || of[0].ID != "portal" || len(of[0].Keys) != 0 {
		t.Errorf("those of beta: got %+v", of)
	}
	all, err := db.Clients(ctx, "")
	check(t, err)
	if len(all) != 2 || all[0].ID != "idm" || len(all[0].Keys) != 2 {
		t.Errorf("all: got %+v", all)
	}
	wantActions(t, db, "beta", "client.created") // the refused one left none
}

func testClientsWithKey(t *testing.T, db *store.DB) {
	ctx := t.Context()
	check(t, db.CreateClient(ctx, client("acme", "idm", key(1), key(2)), event("acme", "client.created")))
	check(t, db.CreateClient(ctx, client("beta", "portal", key(2)), event("beta", "client.created")))
	for n, want := range map[int][]string{1: {"idm"}, 2: {"idm", "portal"}, 3: nil} {
		found, err := db.ClientsWithKey(ctx, key(n).Hash)
		check(t, err)
		var ids []string
		for _, c := range found {
			if ids = append(ids, c.ID); c.ID == "idm" && len(c.Keys) != 2 {
				t.Errorf("key %d: idm has %d keys", n, len(c.Keys))
			}
		}
		if !reflect.DeepEqual(ids, want) {
			t.Errorf("key %d: got %v, want %v", n, ids, want)
		}
	}
}

func testDisableClient(t *testing.T, db *store.DB) {
	ctx := t.Context()
	check(t, db.CreateClient(ctx, client("acme", "idm", key(1)), event("acme", "client.created")))
	check(t, db.SetClientDisabled(ctx, "acme", "idm", true, event("acme", "client.disabled")))
	got, err := db.Client(ctx, "idm")
	check(t, err)
	if !got.Disabled {
		t.Error("the client is not disabled")
	}
	check(t, db.SetClientDisabled(ctx, "acme", "idm", false, event("acme", "client.enabled")))
	got, err = db.Client(ctx, "idm")
	check(t, err)
	if got.Disabled {
		t.Error("the client is still disabled")
	}
	// Another tenant's client is unknown, and no event says otherwise.
	wantError(t, db.SetClientDisabled(ctx, "beta", "idm", true, event("beta", "client.disabled")), tenant.ErrClientUnknown)
	wantActions(t, db, "beta")
}

func testDeleteClient(t *testing.T, db *store.DB) {
	ctx := t.Context()
	check(t, db.CreateClient(ctx, client("acme", "idm", key(1)), event("acme", "client.created")))
	token := accessToken("idm", 1, noon.Add(time.Minute))
	check(t, db.CreateAccessToken(ctx, token, event("acme", "client.access_token_issued")))
	wantError(t, db.DeleteClient(ctx, "beta", "idm", event("beta", "client.deleted")), tenant.ErrClientUnknown)
	check(t, db.DeleteClient(ctx, "acme", "idm", event("acme", "client.deleted")))
	wantError(t, db.DeleteClient(ctx, "acme", "idm", event("acme", "client.deleted")), tenant.ErrClientUnknown)
	_, err := db.Client(ctx, "idm")
	wantError(t, err, tenant.ErrClientUnknown)
	_, err = db.AccessToken(ctx, token.Hash)
	wantError(t, err, tenant.ErrAccessToken)

	// One of the same name starts anew.
	check(t, db.CreateClient(ctx, client("acme", "idm"), event("acme", "client.created")))
	got, err := db.Client(ctx, "idm")
	check(t, err)
	if len(got.Keys) != 0 {
		t.Errorf("keys of the deleted client came back: %+v", got.Keys)
	}
}

func rotation(n int, overlap time.Duration) tenant.Rotation {
	k := key(n)
	return tenant.Rotation{Tenant: "acme", Client: "idm", Key: k, Now: k.Created, OthersExpire: k.Created.Add(overlap), Max: 3}
}

func testRotate(t *testing.T, db *store.DB) {
	ctx := t.Context()
	wantError(t, db.RotateClientKey(ctx, rotation(1, 0), event("acme", "client.key_rotated")), tenant.ErrClientUnknown)
	check(t, db.CreateClient(ctx, client("acme", "idm", key(1)), event("acme", "client.created")))

	check(t, db.RotateClientKey(ctx, rotation(2, time.Hour), event("acme", "client.key_rotated")))
	check(t, db.RotateClientKey(ctx, rotation(3, 2*time.Hour), event("acme", "client.key_rotated")))
	got, err := db.Client(ctx, "idm")
	check(t, err)
	first, second := key(1), key(2)
	first.Expires = second.Created.Add(time.Hour) // not prolonged by the second rotation
	second.Expires = key(3).Created.Add(2 * time.Hour)
	if want := []tenant.ClientKey{first, second, key(3)}; !reflect.DeepEqual(got.Keys, want) {
		t.Errorf("got %+v\nwant %+v", got.Keys, want)
	}

	wantError(t, db.RotateClientKey(ctx, rotation(4, time.Hour), event("acme", "client.key_rotated")), tenant.ErrClientKeys)
	again, err := db.Client(ctx, "idm")
	check(t, err)
	if !reflect.DeepEqual(again, got) {
		t.Errorf("a refused rotation changed the keys: %+v", again.Keys)
	}

	// No overlap: the others are gone at once.
	check(t, db.RotateClientKey(ctx, rotation(5, 0), event("acme", "client.key_rotated")))
	got, err = db.Client(ctx, "idm")
	check(t, err)
	if want := []tenant.ClientKey{key(5)}; !reflect.DeepEqual(got.Keys, want) {
		t.Errorf("got %+v\nwant %+v", got.Keys, want)
	}
}

func testConcurrentRotations(t *testing.T, db *store.DB) {
	ctx := t.Context()
	check(t, db.CreateClient(ctx, client("acme", "idm"), event("acme", "client.created")))
	const n = 8
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		full int
	)
	for i := range n {
		wg.Go(func() {
			r := rotation(i, time.Hour)
			r.Now, r.OthersExpire = noon, noon.Add(time.Hour)
			err := db.RotateClientKey(ctx, r, event("acme", "client.key_rotated"))
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, tenant.ErrClientKeys) {
				full++
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := db.Client(ctx, "idm")
	check(t, err)
	if len(got.Keys) != 3 || full != n-3 {
		t.Errorf("%d keys and %d refusals, want 3 and %d", len(got.Keys), full, n-3)
	}
}

func accessToken(client string, n int, expires time.Time) *tenant.AccessToken {
	a := &tenant.AccessToken{
		Tenant: "acme", Client: client, RelyingParty: "login.example.com", Scopes: []tenant.Scope{tenant.ScopeProvision},
		Created: noon, Expires: expires,
	}
	a.Hash[0] = byte(n)
	return a
}

func testAccessTokens(t *testing.T, db *store.DB) {
	ctx := t.Context()
	early, late := accessToken("idm", 1, noon.Add(time.Minute)), accessToken("idm", 2, noon.Add(2*time.Minute))
	_, err := db.AccessToken(ctx, early.Hash)
	wantError(t, err, tenant.ErrAccessToken)
	check(t, db.CreateAccessToken(ctx, early, event("acme", "client.access_token_issued")))
	check(t, db.CreateAccessToken(ctx, late, event("acme", "client.access_token_issued")))
	got, err := db.AccessToken(ctx, late.Hash)
	check(t, err)
	if !reflect.DeepEqual(got, late) {
		t.Errorf("got %+v\nwant %+v", got, late)
	}

	for _, step := range []struct{ limit, want int }{{0, 0}, {10, 1}, {10, 0}} {
		n, err := db.PurgeAccessTokens(ctx, early.Expires, step.limit)
		check(t, err)
		if n != step.want {
			t.Errorf("purge of %d removed %d, want %d", step.limit, n, step.want)
		}
	}
	_, err = db.AccessToken(ctx, early.Hash)
	wantError(t, err, tenant.ErrAccessToken)
	_, err = db.AccessToken(ctx, late.Hash)
	check(t, err)
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
		t.Fatalf("got %v, want %v", err, want)
	}
}
