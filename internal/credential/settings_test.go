package credential

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/tenant"
)

var update = flag.Bool("update", false, "write "+keptSettings+" anew from the present code")

// keptSettings is how the settings of a relying party are kept with registrations.
const keptSettings = "testdata/settings.json"

// everySetting is a relying party that says something of everything.
func everySetting() *tenant.RelyingParty {
	return &tenant.RelyingParty{
		Tenant: "acme", ID: "login.example.com", Name: "Example <Login>",
		Origins: []string{"https://login.example.com"}, AllowCrossOrigin: true, TopOrigins: []string{"https://portal.example"},
		ResidentKey: tenant.Preferred, UserVerification: tenant.Discouraged, AuthenticatorAttachment: "platform",
		Attestation: tenant.AttestationEnterprise, AttestationTrust: tenant.TrustRequire,
		AllowedAAGUIDs: []string{"cb69481e-8ff7-4039-93ec-0a2729a154a8"},
		TrustAnchors:   "not kept", TenantAnchors: "not kept",
		Trust: tenant.Trust{
			Metadata: tenant.MetadataMonitor, VendorRoots: []string{"not kept"}, FormatAnchors: map[string]string{"tpm": "not kept"},
			RevocationLists: "not kept", RequireRevocationLists: true,
			Outdated:           []tenant.Outdated{tenant.OutdatedSHA1Chain, tenant.OutdatedTPMSHA1, tenant.OutdatedSafetyNet},
			AndroidKeyHardware: true,
		},
		Policies: []string{"bank"}, Algorithms: []int32{-7, -257}, MaxCredentialsPerUser: 3,
		ChallengeLife: 90 * time.Second, Timeout: time.Minute,
		CeremonySettings: tenant.CeremonySettings{
			RelatedOrigins: []string{"https://login.example.net"}, Hints: []string{"security-key"},
			AttestationFormats: []string{"packed"}, AllowConditionalCreate: true,
			CredentialProtection: "userVerificationRequired", EnforceCredentialProtection: true,
			RegistrationExtensions: []string{"credProps"}, AppID: "https://login.example.com/app-id.json",
		},
		Source: tenant.FromDatabase, Created: time.Unix(1, 0), Changed: time.Unix(2, 0),
	}
}

// What was kept of settings can be read for as long as there are registrations. The
// file may gain members, when there are new settings. One that changes or is missing
// breaks every registration that was judged before.
func TestKeptSettings(t *testing.T) {
	set := everySetting()
	p := &policySet{source: set}
	parts, err := p.settingsBasis(nil)
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	if err := json.Indent(&body, parts[0].Body, "", "\t"); err != nil {
		t.Fatal(err)
	}
	body.WriteByte('\n')
	if *update {
		if err := os.WriteFile(keptSettings, body.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(keptSettings)
	if err != nil {
		t.Fatal(err)
	}
	if body.String() != string(want) {
		t.Errorf("settings are kept as\n%s\nwant\n%s", body.String(), want)
	}

	var compact bytes.Buffer
	if err := json.Compact(&compact, want); err != nil {
		t.Fatal(err)
	}
	read, err := readJSON[*tenant.RelyingParty](compact.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	set.Source, set.Created, set.Changed, set.TrustAnchors, set.TenantAnchors = "", time.Time{}, time.Time{}, "", ""
	set.Trust.FormatAnchors, set.Trust.RevocationLists, set.Trust.VendorRoots = nil, "", []string{tenant.NoVendorRoots}
	if !reflect.DeepEqual(read, set) {
		t.Errorf("read back:\n%+v\nwant\n%+v", read, set)
	}
	if _, err := readJSON[*tenant.RelyingParty]([]byte(`{"ID": "login.example.com", "RequireBlood": true}`)); err == nil {
		t.Error("a setting of a later version was passed over")
	}
}

// A setting that nothing is said of above would not be noticed.
func TestEverySettingIsSaid(t *testing.T) {
	var look func(v reflect.Value, path string)
	look = func(v reflect.Value, path string) {
		for i := range v.NumField() {
			f, name := v.Field(i), path+v.Type().Field(i).Name
			switch {
			case !v.Type().Field(i).IsExported():
			case f.IsZero():
				t.Errorf("everySetting says nothing of %s", name)
			case f.Kind() == reflect.Struct && f.Type() != reflect.TypeFor[time.Time]():
				look(f, name+".")
			}
		}
	}
	look(reflect.ValueOf(everySetting()).Elem(), "")
}

// Settings that judge alike have one version; each that judges otherwise has another.
func TestVersion(t *testing.T) {
	of := func(change func(*tenant.RelyingParty)) string {
		t.Helper()
		rp := everySetting()
		change(rp)
		v, err := version(rp, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	before := of(func(*tenant.RelyingParty) {})
	if len(before) != 64 || before != strings.ToLower(before) {
		t.Errorf("a version is %q", before)
	}
	if v := of(func(rp *tenant.RelyingParty) {
		rp.Source, rp.Created, rp.Changed = tenant.FromFile, time.Time{}, time.Time{}
	}); v != before {
		t.Error("where and when it was written down makes another version")
	}
	seen := map[string]string{before: "nothing"}
	var change func(v func(*tenant.RelyingParty) reflect.Value, path string)
	change = func(v func(*tenant.RelyingParty) reflect.Value, path string) {
		kind := v(everySetting()).Type()
		for i := range kind.NumField() {
			f := kind.Field(i)
			name := path + f.Name
			field := func(rp *tenant.RelyingParty) reflect.Value { return v(rp).Field(i) }
			switch {
			case !f.IsExported() || name == "Source" || name == "Created" || name == "Changed":
			case f.Type.Kind() == reflect.Struct:
				change(field, name+".")
			default:
				got := of(func(rp *tenant.RelyingParty) { field(rp).SetZero() })
				if other, ok := seen[got]; ok {
					t.Errorf("%s without it has the version of %s", name, other)
				}
				seen[got] = name
			}
		}
	}
	change(func(rp *tenant.RelyingParty) reflect.Value { return reflect.ValueOf(rp).Elem() }, "")
}
