package tenant_test

import (
	"encoding/pem"
	"testing"
	"time"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
)

// The anchors of the tenant hold at each of its relying parties, and at no other's.
func TestTenantAnchors(t *testing.T) {
	text := anchor(t)
	w := &world{db: storetest.SQLite(t), now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), admin: tenant.LocalOperator("acme", "root")}
	d, err := w.opens(t, w.db, func(acme *tenant.FileTenant) { acme.TrustAnchors = text })
	check(t, err)
	w.Directory = d
	own := anchor(t)
	if put := w.putRP(t, tenant.RelyingParty{ID: "login.example", TrustAnchors: own, TenantAnchors: "whatever"}); put.TenantAnchors != text {
		t.Error("what is put does not come back with the tenant's anchors")
	}
	for id, want := range map[string]int{"file.example": 1, "login.example": 2} {
		rp, err := w.RelyingParty(t.Context(), "acme", id)
		check(t, err)
		anchors, err := rp.Anchors()
		check(t, err)
		if len(anchors) != want {
			t.Errorf("%s has %d anchors, want %d", id, len(anchors), want)
		}
	}
	all, err := w.RelyingParties(t.Context(), "acme")
	check(t, err)
	for _, rp := range all {
		if rp.TenantAnchors != text {
			t.Errorf("in the list %s is without the tenant's anchors", rp.ID)
		}
	}
	_, err = d.PutRelyingParty(t.Context(), tenant.LocalOperator("beta", "root"), tenant.RelyingParty{ID: "login.example"})
	check(t, err)
	rp, err := d.RelyingParty(t.Context(), "beta", "login.example")
	check(t, err)
	if rp.TenantAnchors != "" {
		t.Error("another tenant has them")
	}
}

func TestTrustCheck(t *testing.T) {
	good := func() tenant.Trust {
		return tenant.Trust{
			VendorRoots: []string{"yubico", "apple"}, FormatAnchors: map[string]string{"packed": anchor(t)},
			Outdated: []tenant.Outdated{tenant.OutdatedSHA1Chain, tenant.OutdatedTPMSHA1, tenant.OutdatedSafetyNet},
		}
	}
	for _, test := range []struct {
		name  string
		spoil func(*tenant.Trust)
		field string // empty: accepted
	}{
		{"untouched", func(*tenant.Trust) {}, ""},
		{"no vendors", func(x *tenant.Trust) { x.VendorRoots = []string{tenant.NoVendorRoots} }, ""},
		{"no vendors and some", func(x *tenant.Trust) { x.VendorRoots = []string{"apple", tenant.NoVendorRoots} }, "trust.vendorRoots"},
		{"no name of a set", func(x *tenant.Trust) { x.VendorRoots[0] = "Yubico Roots" }, "trust.vendorRoots"},
		{"use of metadata", func(x *tenant.Trust) { x.Metadata = "sometimes" }, "trust.metadata"},
		{"format without certificates", func(x *tenant.Trust) { x.FormatAnchors["none"] = x.FormatAnchors["packed"] }, "trust.formatAnchors"},
		{"a compound has parts", func(x *tenant.Trust) { x.FormatAnchors["compound"] = x.FormatAnchors["packed"] }, "trust.formatAnchors"},
		{"anchors that are none", func(x *tenant.Trust) { x.FormatAnchors["packed"] = "text" }, "trust.formatAnchors.packed"},
		{"lists that are none", func(x *tenant.Trust) { x.RevocationLists = x.FormatAnchors["packed"] }, "trust.revocationLists"},
		{"a list that does not parse", func(x *tenant.Trust) {
			x.RevocationLists = string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: []byte("0")}))
		}, "trust.revocationLists"},
		{"outdated thing", func(x *tenant.Trust) { x.Outdated[0] = "md5" }, "trust.outdated"},
		{"outdated thing twice", func(x *tenant.Trust) { x.Outdated[1] = x.Outdated[0] }, "trust.outdated"},
	} {
		t.Run(test.name, func(t *testing.T) {
			trust := good()
			test.spoil(&trust)
			rp, err := tenant.NewRelyingParty(tenant.RelyingParty{Tenant: "acme", ID: "login.example", Trust: trust})
			switch {
			case test.field == "":
				check(t, err)
				if rp.Trust.Metadata != tenant.MetadataEnforce {
					t.Errorf("metadata: %q", rp.Trust.Metadata)
				}
			case fault.From(err) == nil || fault.From(err).Field != test.field || rp != nil:
				t.Errorf("got %v, want one at %s", err, test.field)
			}
		})
	}
	// No set at all is said by a word, not by saying nothing.
	rp, err := tenant.NewRelyingParty(tenant.RelyingParty{Tenant: "acme", ID: "login.example", Trust: tenant.Trust{VendorRoots: []string{}}})
	if check(t, err); rp.Trust.VendorRoots != nil {
		t.Error("an empty list is not all sets")
	}
}
