package tenant_test

import (
	"fmt"
	"testing"
	"time"

	"bestow.dev/internal/tenant"
)

func (w *world) issue(t *testing.T, c *tenant.Client, rp string, scopes ...tenant.Scope) string {
	t.Helper()
	token, _, err := w.IssueAccessToken(t.Context(), c.Authority("digitalaccess", "req", ""), c, scopes, rp)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestAccessToken(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	c, _ := w.create(t, "idm", tenant.ScopeProvision, tenant.ScopeRead)

	all := w.issue(t, c, "")
	one := w.issue(t, c, "login.example", tenant.ScopeProvision)
	if all == one {
		t.Error("two access tokens are the same")
	}
	for _, tt := range []struct{ token, want string }{
		{all, "acme idm [fido.provision fido.read] []"},
		{one, "acme idm [fido.provision] [login.example]"},
	} {
		got, err := w.RedeemAccessToken(ctx, tt.token)
		if err != nil {
			t.Fatal(err)
		}
		if text := fmt.Sprint(got.Tenant, " ", got.ID, " ", got.Scopes, " ", got.RelyingParties); text != tt.want {
			t.Errorf("got %s, want %s", text, tt.want)
		}
	}
	for _, bad := range []string{"", "x", all + "x", "\x00"} {
		_, err := w.RedeemAccessToken(ctx, bad)
		wantError(t, err, tenant.ErrAccessToken)
	}

	// It is no client's secret, and the reverse.
	_, err := w.AuthenticateClient(ctx, "idm", all)
	wantError(t, err, tenant.ErrUnauthenticated)

	w.now = w.now.Add(tenant.AccessTokenLife - time.Millisecond)
	if _, err := w.RedeemAccessToken(ctx, all); err != nil {
		t.Error(err)
	}
	w.now = w.now.Add(time.Millisecond)
	_, err = w.RedeemAccessToken(ctx, all)
	wantError(t, err, tenant.ErrAccessToken)
	if n, err := w.PurgeAccessTokens(ctx); n != 2 || err != nil {
		t.Errorf("purged %d, %v; want 2", n, err)
	}
	w.wantTrail(t, "client.created", "client.access_token_issued", "client.access_token_issued")
}

func TestAccessTokenScope(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	c, _ := w.create(t, "idm", tenant.ScopeProvision)
	boss, _ := w.create(t, "boss", tenant.ScopeAdmin)
	narrow, _, err := w.CreateClient(ctx, w.admin, tenant.NewClient{
		ID: "narrow", Scopes: []tenant.Scope{tenant.ScopeRead}, RelyingParties: []string{"login.example"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		c      *tenant.Client
		rp     string
		scopes []tenant.Scope
		want   error
	}{
		{c, "", []tenant.Scope{tenant.ScopeProvision}, nil},
		{c, "", []tenant.Scope{tenant.ScopeAdmin}, tenant.ErrScope},
		{c, "", []tenant.Scope{tenant.ScopeProvision, tenant.ScopeRead}, tenant.ErrScope},
		{c, "", []tenant.Scope{tenant.ScopeProvision, tenant.ScopeProvision}, tenant.ErrScope},
		{boss, "", []tenant.Scope{tenant.ScopeProvision}, nil},
		{boss, "", []tenant.Scope{"root"}, tenant.ErrScope},
		{narrow, "login.example", nil, nil},
		{narrow, "other.example", nil, tenant.ErrScope},
	} {
		_, _, err := w.IssueAccessToken(ctx, tt.c.Authority("api", "", ""), tt.c, tt.scopes, tt.rp)
		wantError(t, err, tt.want)
	}
	// One that is not bound to a relying party is still bound to the client's.
	got, err := w.RedeemAccessToken(ctx, w.issue(t, narrow, ""))
	if err != nil || fmt.Sprint(got.RelyingParties) != "[login.example]" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestAccessTokenRecheck: what a client loses, its access tokens lose with it.
func TestAccessTokenRecheck(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	c, _ := w.create(t, "idm", tenant.ScopeProvision)
	token := w.issue(t, c, "")
	if err := w.DisableClient(ctx, w.admin, "idm"); err != nil {
		t.Fatal(err)
	}
	_, err := w.RedeemAccessToken(ctx, token)
	wantError(t, err, tenant.ErrAccessToken)
	if err := w.EnableClient(ctx, w.admin, "idm"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.RedeemAccessToken(ctx, token); err != nil {
		t.Error(err)
	}
	if err := w.DeleteClient(ctx, w.admin, "idm"); err != nil {
		t.Fatal(err)
	}
	w.create(t, "idm", tenant.ScopeProvision)
	_, err = w.RedeemAccessToken(ctx, token)
	wantError(t, err, tenant.ErrAccessToken)

	// A client of the file that is not in the file any more, or with fewer scopes.
	fileClient, err := w.AuthenticateClient(ctx, "from-file", fileSecret)
	if err != nil {
		t.Fatal(err)
	}
	read := w.issue(t, fileClient, "", tenant.ScopeRead)
	both := w.issue(t, fileClient, "")
	file := fromFile()
	file[0].Clients[0].Scopes = []tenant.Scope{tenant.ScopeProvision}
	later, err := tenant.New(ctx, w.db, file, func() time.Time { return w.now })
	if err != nil {
		t.Fatal(err)
	}
	_, err = later.RedeemAccessToken(ctx, read)
	wantError(t, err, tenant.ErrAccessToken)
	if got, err := later.RedeemAccessToken(ctx, both); err != nil || fmt.Sprint(got.Scopes) != "[fido.provision]" {
		t.Errorf("got %+v, %v", got, err)
	}
	file[0].Clients = nil
	if later, err = tenant.New(ctx, w.db, file, func() time.Time { return w.now }); err != nil {
		t.Fatal(err)
	}
	_, err = later.RedeemAccessToken(ctx, both)
	wantError(t, err, tenant.ErrAccessToken)
}
