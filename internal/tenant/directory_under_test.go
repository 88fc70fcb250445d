package tenant_test

import (
	"slices"
	"strings"
	"testing"

	"bestow.dev/internal/tenant"
)

func TestRelyingPartyUnder(t *testing.T) {
	w := newWorld(t)
	w.put(t, verified)
	w.put(t, attested)
	w.put(t, edDSA)
	w.putRP(t, tenant.RelyingParty{ID: "db.example", Policies: []string{"verified"}, Algorithms: []int32{es256}})
	under := func(names ...string) (*tenant.RelyingParty, error) {
		return w.RelyingPartyUnder(t.Context(), "acme", "db.example", names)
	}
	for _, names := range [][]string{nil, {"verified"}} {
		rp, err := under(names...)
		check(t, err)
		if plain, _ := w.RelyingParty(t.Context(), "acme", "db.example"); rp != plain {
			t.Errorf("%v: another one", names)
		}
	}
	rp, err := under("attested", "verified", "attested")
	check(t, err)
	if !slices.Equal(rp.Policies, []string{"verified", "attested"}) || len(rp.Documents()) != 2 || rp.Documents()[1].Name != "attested" {
		t.Errorf("under attested: %v", rp.Policies)
	}
	if plain, _ := w.RelyingParty(t.Context(), "acme", "db.example"); len(plain.Policies) != 1 || len(plain.Documents()) != 1 {
		t.Error("the relying party itself was changed")
	}
	_, err = under("eddsa") // of which nothing is offered
	wantError(t, err, tenant.ErrPolicyConflict)
	_, err = under("nobody")
	wantError(t, err, tenant.ErrPolicyUnknown)
	_, err = under(strings.Split(strings.Repeat("a", 20), "")...)
	wantError(t, err, tenant.ErrPolicyUnknown)
	_, err = w.RelyingPartyUnder(t.Context(), "acme", "nobody.example", []string{"attested"})
	wantError(t, err, tenant.ErrRelyingPartyUnknown)
}

func TestCreatePolicy(t *testing.T) {
	w := newWorld(t)
	p, _, err := w.CreatePolicy(t.Context(), w.admin, []byte(verified))
	check(t, err)
	if p.Version != 1 {
		t.Errorf("version %d", p.Version)
	}
	_, _, err = w.CreatePolicy(t.Context(), w.admin, []byte(strings.Replace(verified, "rules", `description": "x", "rules`, 1)))
	wantError(t, err, tenant.ErrPolicyExists)
	check(t, w.DeletePolicy(t.Context(), w.admin, "verified"))
	_, _, err = w.CreatePolicy(t.Context(), w.admin, []byte(verified))
	check(t, err)
	_, _, err = w.CreatePolicy(t.Context(), tenant.Authority{Tenant: "acme", Scopes: []tenant.Scope{tenant.ScopeRead}}, []byte(verified))
	wantError(t, err, tenant.ErrDenied)
}

func TestClientBySecret(t *testing.T) {
	w := newWorld(t)
	c, secret := w.create(t, "shop", tenant.ScopeRead)
	by := func(tenantName, secret string) (string, error) {
		c, err := w.ClientBySecret(t.Context(), tenantName, secret)
		if err != nil {
			return "", err
		}
		return c.ID, nil
	}
	for given, want := range map[string]string{secret: "shop", fileSecret: "from-file", otherSecret: "from-file"} {
		id, err := by("acme", given)
		if check(t, err); id != want {
			t.Errorf("got %s, want %s", id, want)
		}
	}
	for _, given := range []string{"", "x", secret + "x"} {
		_, err := by("acme", given)
		wantError(t, err, tenant.ErrUnauthenticated)
	}
	_, err := by("beta", secret)
	wantError(t, err, tenant.ErrUnauthenticated)

	newer, _, err := w.RotateClientKey(t.Context(), w.admin, c.ID, 0)
	check(t, err)
	_, err = by("acme", secret)
	wantError(t, err, tenant.ErrUnauthenticated)
	_, err = by("acme", newer)
	check(t, err)
	check(t, w.DisableClient(t.Context(), w.admin, c.ID))
	_, err = by("acme", newer)
	wantError(t, err, tenant.ErrUnauthenticated)

	// One secret of two clients is nobody's.
	w = with(t, func(acme *tenant.FileTenant) {
		twin := acme.Clients[0]
		twin.ID, twin.Secrets = "twin", []string{otherSecret}
		acme.Clients = append(acme.Clients, twin)
	})
	_, err = by("acme", otherSecret)
	wantError(t, err, tenant.ErrUnauthenticated)
	_, err = by("acme", fileSecret)
	check(t, err)
}

func TestOriginsOfApps(t *testing.T) {
	hash := strings.Repeat("A", 43)
	for origin, good := range map[string]bool{
		"android:apk-key-hash:" + hash: true, "android:apk-key-hash:" + hash[1:]: false, "android:apk-key-hash:" + hash + "=": false,
		"android:apk-key-hash:" + hash[1:] + "B": false, "android:apk-key-hash:": false, "ios:bundle-id:x": false, "ANDROID:apk-key-hash:" + hash: false,
	} {
		_, err := tenant.NewRelyingParty(tenant.RelyingParty{Tenant: "acme", ID: "a.example", Origins: []string{"https://a.example", origin}})
		if (err == nil) != good {
			t.Errorf("%s: %v", origin, err)
		}
	}
	_, err := tenant.NewRelyingParty(tenant.RelyingParty{
		Tenant: "acme", ID: "a.example", AllowCrossOrigin: true, TopOrigins: []string{"android:apk-key-hash:" + hash},
	})
	wantError(t, err, tenant.ErrRelyingPartyInvalid)
}
