package tenant_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/store"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
)

const (
	fileSecret  = "a secret of thirty-two characters"
	otherSecret = "another secret of the same length"
)

// world is a directory on a real database with a clock of its own.
type world struct {
	*tenant.Directory
	db    *store.DB
	now   time.Time
	admin tenant.Authority
}

// fromFile is what most tests have in their configuration file.
func fromFile() []tenant.FileTenant {
	return []tenant.FileTenant{{
		Name:           "acme",
		RelyingParties: []tenant.RelyingParty{{ID: "file.example"}},
		Clients: []tenant.FileClient{{
			ID: "from-file", Secrets: []string{fileSecret, otherSecret}, Scopes: []tenant.Scope{tenant.ScopeProvision, tenant.ScopeRead},
		}},
	}}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		db: storetest.SQLite(t), now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC),
		admin: tenant.LocalOperator("acme", "root"),
	}
	w.Directory = w.open(t)
	return w
}

// open returns another directory on the same database, as another process has it.
func (w *world) open(t *testing.T) *tenant.Directory {
	t.Helper()
	d, err := tenant.New(t.Context(), w.db, fromFile(), func() time.Time { return w.now })
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (w *world) create(t *testing.T, id string, scopes ...tenant.Scope) (*tenant.Client, string) {
	t.Helper()
	c, secret, err := w.CreateClient(t.Context(), w.admin, tenant.NewClient{ID: id, Scopes: scopes})
	if err != nil {
		t.Fatal(err)
	}
	return c, secret
}

// wantTrail checks the actions of the tenant's whole and unbroken trail.
func (w *world) wantTrail(t *testing.T, actions ...string) {
	t.Helper()
	if _, _, err := audit.Verify(t.Context(), w.db, "acme"); err != nil {
		t.Error(err)
	}
	var got []string
	for e, err := range audit.All(t.Context(), w.db, "acme") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Action)
		if e.Actor.Kind == "" || e.Via == "" || !e.Time.Equal(w.now) && e.Time.After(w.now) {
			t.Errorf("event %+v", e)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(actions) {
		t.Errorf("trail: got %q, want %q", got, actions)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(all []tenant.FileTenant) []tenant.FileTenant
		want  error // nil: accepted
	}{
		{"untouched", func(all []tenant.FileTenant) []tenant.FileTenant { return all }, nil},
		{"tenant's name", func(all []tenant.FileTenant) []tenant.FileTenant { all[0].Name = "Acme Inc."; return all }, tenant.ErrTenantName},
		{"tenant twice", func(all []tenant.FileTenant) []tenant.FileTenant { return append(all, tenant.FileTenant{Name: "acme"}) }, tenant.ErrTenantExists},
		{"client twice", func(all []tenant.FileTenant) []tenant.FileTenant {
			return append(all, tenant.FileTenant{Name: "beta", Clients: all[0].Clients})
		}, tenant.ErrClientExists},
		{"relying party twice", func(all []tenant.FileTenant) []tenant.FileTenant {
			all[0].RelyingParties = append(all[0].RelyingParties, all[0].RelyingParties[0])
			return all
		}, tenant.ErrTwice},
		{"relying party's id", func(all []tenant.FileTenant) []tenant.FileTenant {
			all[0].RelyingParties[0].ID = "https://file.example"
			return all
		}, tenant.ErrRelyingPartyInvalid},
		{"weak secret", func(all []tenant.FileTenant) []tenant.FileTenant {
			all[0].Clients[0].Secrets[1] = "thirty-one characters are weak."
			return all
		}, tenant.ErrSecretWeak},
		{"no secret", func(all []tenant.FileTenant) []tenant.FileTenant { all[0].Clients[0].Secrets = nil; return all }, tenant.ErrClientInvalid},
		{"scope", func(all []tenant.FileTenant) []tenant.FileTenant {
			all[0].Clients[0].Scopes = []tenant.Scope{"fido.all"}
			return all
		}, tenant.ErrClientInvalid},
		{"no scope", func(all []tenant.FileTenant) []tenant.FileTenant { all[0].Clients[0].Scopes = nil; return all }, tenant.ErrClientInvalid},
		{"client's id", func(all []tenant.FileTenant) []tenant.FileTenant { all[0].Clients[0].ID = "a:b"; return all }, tenant.ErrClientInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := tenant.New(t.Context(), storetest.SQLite(t), tt.spoil(fromFile()), time.Now)
			if !errors.Is(err, tt.want) || (d == nil) != (tt.want != nil) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), fileSecret) || strings.Contains(err.Error(), "weak.")) {
				t.Errorf("the error holds a secret: %v", err)
			}
		})
	}
}

// TestNewRefusesOverlap: what both the file and the database define stops the start.
func TestNewRefusesOverlap(t *testing.T) {
	w := newWorld(t)
	w.create(t, "idm", tenant.ScopeRead)
	if _, err := w.PutRelyingParty(t.Context(), w.admin, tenant.RelyingParty{ID: "login.example"}); err != nil {
		t.Fatal(err)
	}
	for _, spoil := range []func(*tenant.FileTenant){
		func(f *tenant.FileTenant) { f.Clients[0].ID = "idm" },
		func(f *tenant.FileTenant) { f.RelyingParties[0].ID = "login.example" },
	} {
		file := fromFile()
		spoil(&file[0])
		_, err := tenant.New(t.Context(), w.db, file, time.Now)
		wantError(t, err, tenant.ErrTwice)
	}
}

func TestTenants(t *testing.T) {
	w := newWorld(t)
	beta := tenant.LocalOperator("beta", "root")
	if err := w.CreateTenant(t.Context(), beta); err != nil {
		t.Fatal(err)
	}
	wantError(t, w.CreateTenant(t.Context(), beta), tenant.ErrTenantExists)
	wantError(t, w.CreateTenant(t.Context(), w.admin), tenant.ErrTenantExists) // the file's
	wantError(t, w.CreateTenant(t.Context(), tenant.LocalOperator("Beta", "root")), tenant.ErrTenantName)
	wantError(t, w.CreateTenant(t.Context(), tenant.Authority{Tenant: "gamma"}), tenant.ErrDenied)
	byClient := tenant.LocalOperator("gamma", "root")
	byClient.Actor.Kind = audit.Client
	wantError(t, w.CreateTenant(t.Context(), byClient), tenant.ErrDenied)

	all, err := w.Tenants(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("tenants: %+v, %v", all, err)
	}
	if all[0].Name != "acme" || all[0].Source != tenant.FromFile || all[1].Name != "beta" || all[1].Source != tenant.FromDatabase {
		t.Errorf("tenants: %+v", all)
	}
}

func TestRelyingParties(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	other := w.open(t)

	_, err := w.RelyingParty(ctx, "acme", "login.example")
	wantError(t, err, tenant.ErrRelyingPartyUnknown)
	for _, odd := range []string{"", "\x00", "\xff", "LOGIN.example", "login.example'"} {
		_, err := w.RelyingParty(ctx, "acme", odd)
		wantError(t, err, tenant.ErrRelyingPartyUnknown)
	}

	put, err := w.PutRelyingParty(ctx, w.admin, tenant.RelyingParty{ID: "login.example", Tenant: "beta", Source: tenant.FromFile})
	if err != nil {
		t.Fatal(err)
	}
	if put.Tenant != "acme" || put.Source != tenant.FromDatabase || !put.Created.Equal(w.now) {
		t.Errorf("stored %+v", put)
	}
	got, err := other.RelyingParty(ctx, "acme", "login.example")
	if err != nil || got.Name != "login.example" {
		t.Fatalf("another process: %+v, %v", got, err)
	}
	_, err = w.RelyingParty(ctx, "beta", "login.example")
	wantError(t, err, tenant.ErrRelyingPartyUnknown)

	// A change is seen at once where it was made, and elsewhere within a second.
	if _, err := w.PutRelyingParty(ctx, w.admin, tenant.RelyingParty{ID: "login.example", Name: "Login"}); err != nil {
		t.Fatal(err)
	}
	if got, _ := w.RelyingParty(ctx, "acme", "login.example"); got.Name != "Login" {
		t.Error("a change is not seen where it was made")
	}
	w.now = w.now.Add(time.Second)
	if got, _ := other.RelyingParty(ctx, "acme", "login.example"); got.Name != "Login" {
		t.Error("a change is not seen elsewhere after a second")
	}

	_, err = w.PutRelyingParty(ctx, w.admin, tenant.RelyingParty{ID: "file.example"})
	wantError(t, err, tenant.ErrRelyingPartyReadOnly)
	_, err = w.PutRelyingParty(ctx, w.admin, tenant.RelyingParty{ID: "login.example", Timeout: -1})
	wantError(t, err, tenant.ErrRelyingPartyInvalid)
	all, err := w.RelyingParties(ctx, "acme")
	if err != nil || len(all) != 2 || all[0].ID != "file.example" || all[1].ID != "login.example" {
		t.Errorf("relying parties: %+v, %v", all, err)
	}
	w.wantTrail(t, "rp.changed", "rp.changed")
}

// TestRights: every change asks for admin, and for all of the tenant where it
// concerns all of it.
func TestRights(t *testing.T) {
	w := newWorld(t)
	w.create(t, "idm", tenant.ScopeRead)
	narrow := w.admin
	narrow.RelyingParties = []string{"login.example"}
	weak := w.admin
	weak.Scopes = []tenant.Scope{tenant.ScopeProvision, tenant.ScopeRead, tenant.ScopeManage, tenant.ScopeUsersWrite, tenant.ScopeAuditRead}
	calls := map[string]func(ctx context.Context, by tenant.Authority) error{
		"Client":        func(ctx context.Context, by tenant.Authority) error { _, err := w.Client(ctx, by, "idm"); return err },
		"Clients":       func(ctx context.Context, by tenant.Authority) error { _, err := w.Clients(ctx, by); return err },
		"DisableClient": func(ctx context.Context, by tenant.Authority) error { return w.DisableClient(ctx, by, "idm") },
		"EnableClient":  func(ctx context.Context, by tenant.Authority) error { return w.EnableClient(ctx, by, "idm") },
		"DeleteClient":  func(ctx context.Context, by tenant.Authority) error { return w.DeleteClient(ctx, by, "idm") },
		"RotateClientKey": func(ctx context.Context, by tenant.Authority) error {
			_, _, err := w.RotateClientKey(ctx, by, "idm", 0)
			return err
		},
		"CreateClient": func(ctx context.Context, by tenant.Authority) error {
			_, _, err := w.CreateClient(ctx, by, tenant.NewClient{ID: "new", Scopes: []tenant.Scope{tenant.ScopeRead}})
			return err
		},
		"PutRelyingParty": func(ctx context.Context, by tenant.Authority) error {
			_, err := w.PutRelyingParty(ctx, by, tenant.RelyingParty{ID: "other.example"})
			return err
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			for _, by := range []tenant.Authority{{}, {Tenant: "acme"}, weak, narrow} {
				wantError(t, call(t.Context(), by), tenant.ErrDenied)
			}
		})
	}
	if _, err := w.PutRelyingParty(t.Context(), narrow, tenant.RelyingParty{ID: "login.example"}); err != nil {
		t.Errorf("an admin of that relying party: %v", err)
	}
	// What belongs to another tenant is not there.
	beta := tenant.LocalOperator("beta", "root")
	for _, id := range []string{"idm", "from-file"} {
		_, err := w.Client(t.Context(), beta, id)
		wantError(t, err, tenant.ErrClientUnknown)
		wantError(t, w.DisableClient(t.Context(), beta, id), tenant.ErrClientUnknown)
		wantError(t, w.DeleteClient(t.Context(), beta, id), tenant.ErrClientUnknown)
		_, _, err = w.RotateClientKey(t.Context(), beta, id, 0)
		wantError(t, err, tenant.ErrClientUnknown)
	}
	w.wantTrail(t, "client.created", "rp.changed")
}

func TestClients(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	c, secret := w.create(t, "idm", tenant.ScopeProvision)
	if len(secret) != len("bst_")+43 || c.Name != "idm" || c.Source != tenant.FromDatabase {
		t.Errorf("created %+v with a secret of %d characters", c, len(secret))
	}
	if _, again := w.create(t, "idm2", tenant.ScopeProvision); again == secret {
		t.Error("two clients have the same secret")
	}
	for _, tt := range []struct {
		in   tenant.NewClient
		want error
	}{
		{tenant.NewClient{ID: "idm", Scopes: tenant.Scopes()}, tenant.ErrClientExists},
		{tenant.NewClient{ID: "from-file", Scopes: tenant.Scopes()}, tenant.ErrClientExists},
		{tenant.NewClient{ID: "", Scopes: tenant.Scopes()}, tenant.ErrClientInvalid},
		{tenant.NewClient{ID: "a b", Scopes: tenant.Scopes()}, tenant.ErrClientInvalid},
		{tenant.NewClient{ID: strings.Repeat("a", 65), Scopes: tenant.Scopes()}, tenant.ErrClientInvalid},
		{tenant.NewClient{ID: "new", Name: "a\x00", Scopes: tenant.Scopes()}, tenant.ErrClientInvalid},
		{tenant.NewClient{ID: "new"}, tenant.ErrClientInvalid},
		{tenant.NewClient{ID: "new", Scopes: []tenant.Scope{"root"}}, tenant.ErrClientInvalid},
		{tenant.NewClient{ID: "new", Scopes: []tenant.Scope{tenant.ScopeRead, tenant.ScopeRead}}, tenant.ErrClientInvalid},
		{tenant.NewClient{ID: "new", Scopes: tenant.Scopes(), RelyingParties: []string{"https://a"}}, tenant.ErrClientInvalid},
	} {
		_, _, err := w.CreateClient(ctx, w.admin, tt.in)
		wantError(t, err, tt.want)
	}

	all, err := w.Clients(ctx, w.admin)
	if err != nil || len(all) != 3 || all[0].ID != "from-file" || all[1].ID != "idm" {
		t.Errorf("clients: %+v, %v", all, err)
	}
	for _, change := range []func() error{
		func() error { return w.DisableClient(ctx, w.admin, "from-file") },
		func() error { return w.EnableClient(ctx, w.admin, "from-file") },
		func() error { return w.DeleteClient(ctx, w.admin, "from-file") },
		func() error { _, _, err := w.RotateClientKey(ctx, w.admin, "from-file", 0); return err },
	} {
		wantError(t, change(), tenant.ErrClientReadOnly)
	}
	for _, id := range []string{"a\x00", "\xff", "", strings.Repeat("a", 65)} { // no database is asked for these
		_, err := w.Client(ctx, w.admin, id)
		wantError(t, err, tenant.ErrClientUnknown)
		wantError(t, w.EnableClient(ctx, w.admin, id), tenant.ErrClientUnknown)
		wantError(t, w.DeleteRelyingParty(ctx, w.admin, id+".\x00"), tenant.ErrRelyingPartyUnknown)
	}
	for _, change := range []func() error{
		func() error { return w.DisableClient(ctx, w.admin, "nobody") },
		func() error { return w.DeleteClient(ctx, w.admin, "nobody") },
		func() error { _, _, err := w.RotateClientKey(ctx, w.admin, "nobody", 0); return err },
	} {
		wantError(t, change(), tenant.ErrClientUnknown)
	}
	if err := w.DeleteClient(ctx, w.admin, "idm"); err != nil {
		t.Fatal(err)
	}
	_, err = w.Client(ctx, w.admin, "idm")
	wantError(t, err, tenant.ErrClientUnknown)
	w.wantTrail(t, "client.created", "client.created", "client.deleted")
}

func TestAuthenticateClient(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	_, secret := w.create(t, "idm", tenant.ScopeProvision)
	other := w.open(t)

	for _, good := range [][2]string{{"idm", secret}, {"from-file", fileSecret}, {"from-file", otherSecret}} {
		c, err := other.AuthenticateClient(ctx, good[0], good[1])
		if err != nil || c.ID != good[0] || c.Tenant != "acme" {
			t.Errorf("%s: got %+v, %v", good[0], c, err)
		}
	}
	for _, bad := range [][2]string{
		{"idm", ""},
		{"idm", fileSecret},
		{"idm", secret + " "},
		{"idm", strings.ToUpper(secret)},
		{"from-file", secret},
		{"IDM", secret},
		{"nobody", secret},
		{"", ""},
		{"\x00", secret},
		{"\xff", secret},
		{strings.Repeat("a", 1<<20), strings.Repeat("a", 1<<20)},
	} {
		c, err := w.AuthenticateClient(ctx, bad[0], bad[1])
		wantError(t, err, tenant.ErrUnauthenticated)
		if c != nil {
			t.Error("a client was returned")
		}
	}

	// Disabling holds at once, for every process.
	if err := w.DisableClient(ctx, w.admin, "idm"); err != nil {
		t.Fatal(err)
	}
	_, err := other.AuthenticateClient(ctx, "idm", secret)
	wantError(t, err, tenant.ErrUnauthenticated)
	if err := w.EnableClient(ctx, w.admin, "idm"); err != nil {
		t.Fatal(err)
	}
	if _, err := other.AuthenticateClient(ctx, "idm", secret); err != nil {
		t.Error(err)
	}
}

// TestAuthenticateOneAnswer: the answers to all that is wrong cannot be told apart.
func TestAuthenticateOneAnswer(t *testing.T) {
	w := newWorld(t)
	_, secret := w.create(t, "off", tenant.ScopeProvision)
	if err := w.DisableClient(t.Context(), w.admin, "off"); err != nil {
		t.Fatal(err)
	}
	want := fault.From(tenant.ErrUnauthenticated)
	for _, bad := range [][2]string{{"off", secret}, {"nobody", secret}, {"from-file", secret}} {
		_, err := w.AuthenticateClient(t.Context(), bad[0], bad[1])
		if got := fault.From(err); *got != *want {
			t.Errorf("%s: got %+v", bad[0], got)
		}
	}
}

func TestRotateClientKey(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	_, first := w.create(t, "idm", tenant.ScopeProvision)
	second, _, err := w.RotateClientKey(ctx, w.admin, "idm", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	good := func(secrets ...string) {
		t.Helper()
		for i, secret := range []string{first, second} {
			_, err := w.AuthenticateClient(ctx, "idm", secret)
			want := len(secrets) > 0 && (secrets[0] == secret || len(secrets) > 1 && secrets[1] == secret)
			if (err == nil) != want {
				t.Errorf("secret %d: %v", i+1, err)
			}
		}
	}
	good(first, second)
	w.now = w.now.Add(time.Hour - time.Millisecond)
	good(first, second)
	w.now = w.now.Add(time.Millisecond)
	good(second)

	third, _, err := w.RotateClientKey(ctx, w.admin, "idm", 0)
	if err != nil {
		t.Fatal(err)
	}
	good()
	if _, err := w.AuthenticateClient(ctx, "idm", third); err != nil {
		t.Error(err)
	}

	for _, overlap := range []time.Duration{-1, 91 * 24 * time.Hour} {
		_, _, err := w.RotateClientKey(ctx, w.admin, "idm", overlap)
		wantError(t, err, tenant.ErrClientInvalid)
	}
	for range 7 {
		if _, _, err := w.RotateClientKey(ctx, w.admin, "idm", time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = w.RotateClientKey(ctx, w.admin, "idm", time.Hour)
	wantError(t, err, tenant.ErrClientKeys)
	// A key that leaked can be ended even then.
	if _, _, err := w.RotateClientKey(ctx, w.admin, "idm", 0); err != nil {
		t.Error(err)
	}
}
