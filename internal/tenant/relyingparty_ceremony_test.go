package tenant_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
)

// fullCeremony is a relying party that uses what there is.
func fullCeremony() tenant.RelyingParty {
	return tenant.RelyingParty{
		Tenant: "acme", ID: "login.example.com",
		CeremonySettings: tenant.CeremonySettings{
			Hints: []string{"security-key", "client-device"}, AttestationFormats: []string{"packed", "tpm"},
			AllowConditionalCreate: true, CredentialProtection: tenant.ProtectRequired, EnforceCredentialProtection: true,
			RegistrationExtensions: []string{"credProps", "minPinLength"},
			AppID:                  "https://u2f.example.com/app.json?v=1",
		},
	}
}

func TestCeremonySettings(t *testing.T) {
	related := func(origins ...string) func(*tenant.RelyingParty) {
		return func(rp *tenant.RelyingParty) { rp.AppID, rp.RelatedOrigins = "", origins }
	}
	appID := func(id string) func(*tenant.RelyingParty) {
		return func(rp *tenant.RelyingParty) { rp.AppID = id }
	}
	for _, tt := range []struct {
		name  string
		spoil func(rp *tenant.RelyingParty)
		field string // empty: accepted
	}{
		{"untouched", func(*tenant.RelyingParty) {}, ""},
		{"related: elsewhere", related("https://example.co.uk", "https://shop.example.net:8443"), ""},
		{"related: beside the id", related("https://www.example.com"), ""},
		{"related: one name in many countries", related(
			"https://example.de", "https://example.fr", "https://example.it", "https://example.es", "https://example.pt", "https://a.example.co.uk"), ""},
		{"related: five names", related("https://a.de", "https://b.de", "https://c.de", "https://d.de", "https://e.de"), ""},
		{"related: six names", related("https://a.de", "https://b.de", "https://c.de", "https://d.de", "https://e.de", "https://f.de"), "relatedOrigins"},
		{"related: under the id", related("https://a.login.example.com"), "relatedOrigins"},
		{"related: the id", related("https://login.example.com:444"), "relatedOrigins"},
		{"related: http", related("http://localhost"), "relatedOrigins"},
		{"related: localhost", related("https://localhost:8443"), "relatedOrigins"},
		{"related: a public suffix", related("https://co.uk"), "relatedOrigins"},
		{"related: path", related("https://example.de/"), "relatedOrigins"},
		{"related: standard port", related("https://example.de:443"), "relatedOrigins"},
		{"related: address", related("https://192.0.2.1"), "relatedOrigins"},
		{"related: too many", related(slices.Repeat([]string{"https://example.de"}, 101)...), "relatedOrigins"},
		{"hint", func(rp *tenant.RelyingParty) { rp.Hints = []string{"usb"} }, "hints"},
		{"hint twice", func(rp *tenant.RelyingParty) { rp.Hints = []string{"hybrid", "hybrid"} }, "hints"},
		{"format", func(rp *tenant.RelyingParty) { rp.AttestationFormats = []string{"android-safetynet"} }, "attestationFormats"},
		{"format twice", func(rp *tenant.RelyingParty) { rp.AttestationFormats = []string{"packed", "packed"} }, "attestationFormats"},
		{"protection", func(rp *tenant.RelyingParty) { rp.CredentialProtection = "required" }, "credentialProtection"},
		{"protection enforced, and none", func(rp *tenant.RelyingParty) { rp.CredentialProtection = "" }, "enforceCredentialProtection"},
		{"extension", func(rp *tenant.RelyingParty) { rp.RegistrationExtensions = []string{"appid"} }, "registrationExtensions"},
		{"extension twice", func(rp *tenant.RelyingParty) { rp.RegistrationExtensions = []string{"prf", "prf"} }, "registrationExtensions"},
		{"no extension", func(rp *tenant.RelyingParty) { rp.RegistrationExtensions = []string{} }, ""},
		{"AppID: on the id", appID("https://login.example.com"), ""},
		{"AppID: on localhost", func(rp *tenant.RelyingParty) { rp.ID, rp.AppID = "localhost", "https://localhost/app.json" }, ""},
		{"AppID: localhost for another", appID("https://localhost/app.json"), "appId"},
		{"AppID: elsewhere", appID("https://example.org/app.json"), "appId"},
		{"AppID: same end, other domain", appID("https://evilexample.com/app.json"), "appId"},
		{"AppID: above what can be registered", appID("https://com/app.json"), "appId"},
		{"AppID: http", appID("http://login.example.com/app.json"), "appId"},
		{"AppID: a facet of an app", appID("android:apk-key-hash:AAAA"), "appId"},
		{"AppID: user", appID("https://a@login.example.com"), "appId"},
		{"AppID: fragment", appID("https://login.example.com#a"), "appId"},
		{"AppID: long", appID("https://login.example.com/" + strings.Repeat("a", 512)), "appId"},
		{"AppID: control", appID("https://login.example.com/\n"), "appId"},
		{"AppID: with related origins", func(rp *tenant.RelyingParty) { rp.RelatedOrigins = []string{"https://example.de"} }, "appId"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rp := fullCeremony()
			tt.spoil(&rp)
			got, err := tenant.NewRelyingParty(rp)
			if tt.field == "" {
				if err != nil || got == nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			if got != nil || !errors.Is(err, tenant.ErrRelyingPartyInvalid) || fault.From(err).Field != tt.field {
				t.Errorf("got %v, want rp.invalid (%s)", err, tt.field)
			}
		})
	}
}

// TestRelatedOrigins: the document follows the settings, at once where they are changed
// and within a second elsewhere.
func TestRelatedOrigins(t *testing.T) {
	w := newWorld(t)
	other := w.open(t)
	put := func(related ...string) {
		t.Helper()
		rp := tenant.RelyingParty{ID: "login.example", CeremonySettings: tenant.CeremonySettings{RelatedOrigins: related}}
		if _, err := w.PutRelyingParty(t.Context(), w.admin, rp); err != nil {
			t.Fatal(err)
		}
	}
	want := func(d *tenant.Directory, want ...string) {
		t.Helper()
		if got, err := d.RelatedOrigins(t.Context(), "login.example"); err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	want(w.Directory)
	want(other)
	put("https://example.de")
	want(w.Directory, "https://example.de")
	w.now = w.now.Add(time.Second)
	want(other, "https://example.de")
	put("https://example.fr", "https://example.de")
	want(w.Directory, "https://example.fr", "https://example.de")
	if err := w.DeleteRelyingParty(t.Context(), w.admin, "login.example"); err != nil {
		t.Fatal(err)
	}
	want(w.Directory)

	got, err := w.RelatedOrigins(t.Context(), "file.example")
	if err != nil || got != nil {
		t.Errorf("without any: %q, %v", got, err)
	}
}
