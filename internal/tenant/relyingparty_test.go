package tenant_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/cose"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
)

func anchor(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestRelyingPartyDefaults(t *testing.T) {
	rp, err := tenant.NewRelyingParty(tenant.RelyingParty{Tenant: "acme", ID: "login.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	want := &tenant.RelyingParty{
		Tenant: "acme", ID: "login.example.com", Name: "login.example.com", Origins: []string{"https://login.example.com"},
		ResidentKey: "required", UserVerification: "required", Attestation: "direct", AttestationTrust: "record",
		Algorithms: []int32{-7, -8, -35, -36, -257, -258, -259}, MaxCredentialsPerUser: 10,
		ChallengeLife: 300 * time.Second, Timeout: 240 * time.Second,
		Trust:            tenant.Trust{Metadata: tenant.MetadataEnforce},
		CeremonySettings: tenant.CeremonySettings{RegistrationExtensions: []string{"credProps"}},
	}
	if !reflect.DeepEqual(rp, want) {
		t.Errorf("got  %+v\nwant %+v", rp, want)
	}
	if anchors, err := rp.Anchors(); err != nil || len(anchors) != 0 {
		t.Errorf("anchors: %v, %v", anchors, err)
	}
}

// A relying party may offer each algorithm that is verified, by the older of its numbers,
// and no other.
func TestRelyingPartyAlgorithms(t *testing.T) {
	for number := int32(-300); number <= 0; number++ {
		alg := cose.Algorithm(number)
		want := alg.Supported() && alg == alg.Canonical()
		_, err := tenant.NewRelyingParty(tenant.RelyingParty{Tenant: "acme", ID: "login.example.com", Algorithms: []int32{number}})
		if (err == nil) != want {
			t.Errorf("%v (%d): %v", alg, number, err)
		}
	}
}

func TestRelyingPartyCheck(t *testing.T) {
	pemText := anchor(t)
	tests := []struct {
		name  string
		spoil func(rp *tenant.RelyingParty)
		field string // empty: accepted
	}{
		{"untouched", func(*tenant.RelyingParty) {}, ""},
		{"localhost over http", func(rp *tenant.RelyingParty) {
			rp.ID, rp.Origins = "localhost", []string{"http://localhost:8080", "https://localhost:8443", "http://app.localhost"}
		}, ""},
		{"international name in ASCII", func(rp *tenant.RelyingParty) {
			rp.ID, rp.Origins = "xn--bcher-kva.example", nil
		}, ""},
		{"subdomain with a port", func(rp *tenant.RelyingParty) { rp.Origins = []string{"https://a.b.example.com:444"} }, ""},
		{"anchors with a comment", func(rp *tenant.RelyingParty) { rp.TrustAnchors = "our root\n" + pemText + pemText }, ""},
		{"AAGUID in upper case", func(rp *tenant.RelyingParty) {
			rp.AllowedAAGUIDs = []string{"CB69481E-8FF7-4039-93EC-0A2729A154A8"}
		}, ""},
		{"frames of any origin", func(rp *tenant.RelyingParty) { rp.AllowCrossOrigin = true }, ""},

		{"tenant", func(rp *tenant.RelyingParty) { rp.Tenant = "Acme" }, "tenant"},
		{"id: empty", func(rp *tenant.RelyingParty) { rp.ID = "" }, "id"},
		{"id: URL", func(rp *tenant.RelyingParty) { rp.ID = "https://example.com" }, "id"},
		{"id: port", func(rp *tenant.RelyingParty) { rp.ID = "example.com:443" }, "id"},
		{"id: upper case", func(rp *tenant.RelyingParty) { rp.ID = "Example.com" }, "id"},
		{"id: dot at the end", func(rp *tenant.RelyingParty) { rp.ID = "example.com." }, "id"},
		{"id: empty label", func(rp *tenant.RelyingParty) { rp.ID = "example..com" }, "id"},
		{"id: address", func(rp *tenant.RelyingParty) { rp.ID = "192.0.2.1" }, "id"},
		{"id: short address", func(rp *tenant.RelyingParty) { rp.ID = "192.0x2.1" }, "id"},
		{"id: hexadecimal address", func(rp *tenant.RelyingParty) { rp.ID = "a.0x7f" }, "id"},
		{"id: IPv6", func(rp *tenant.RelyingParty) { rp.ID = "::1" }, "id"},
		{"id: dash", func(rp *tenant.RelyingParty) { rp.ID = "a-.example.com" }, "id"},
		{"id: long label", func(rp *tenant.RelyingParty) { rp.ID = strings.Repeat("a", 64) + ".com" }, "id"},
		{"id: long", func(rp *tenant.RelyingParty) { rp.ID = strings.Repeat("a.", 127) + "a" }, "id"},
		{"id: not ASCII", func(rp *tenant.RelyingParty) { rp.ID = "bücher.example" }, "id"},
		{"name: long", func(rp *tenant.RelyingParty) { rp.Name = strings.Repeat("x", 201) }, "name"},
		{"name: control", func(rp *tenant.RelyingParty) { rp.Name = "a\nb" }, "name"},
		{"name: not UTF-8", func(rp *tenant.RelyingParty) { rp.Name = "a\xff" }, "name"},
		{"origin: http", func(rp *tenant.RelyingParty) { rp.Origins = []string{"http://example.com"} }, "origins"},
		{"origin: elsewhere", func(rp *tenant.RelyingParty) { rp.Origins = []string{"https://example.org"} }, "origins"},
		{"origin: same end, other domain", func(rp *tenant.RelyingParty) { rp.Origins = []string{"https://evilexample.com"} }, "origins"},
		{"origin: above the id", func(rp *tenant.RelyingParty) { rp.Origins = []string{"https://com"} }, "origins"},
		{"origin: path", func(rp *tenant.RelyingParty) { rp.Origins = []string{"https://example.com/"} }, "origins"},
		{"origin: user", func(rp *tenant.RelyingParty) { rp.Origins = []string{"https://a@example.com"} }, "origins"},
		{"origin: query", func(rp *tenant.RelyingParty) { rp.Origins = []string{"https://example.com?a"} }, "origins"},
		{"origin: standard port", func(rp *tenant.RelyingParty) { rp.Origins = []string{"https://example.com:443"} }, "origins"},
		{"origin: empty port", func(rp *tenant.RelyingParty) { rp.Origins = []string{"https://example.com:"} }, "origins"},
		{"origin: port with zero", func(rp *tenant.RelyingParty) { rp.Origins = []string{"https://example.com:0444"} }, "origins"},
		{"origin: port too high", func(rp *tenant.RelyingParty) { rp.Origins = []string{"https://example.com:65536"} }, "origins"},
		{"origin: upper case", func(rp *tenant.RelyingParty) { rp.Origins = []string{"https://Example.com"} }, "origins"},
		{"origin: wildcard", func(rp *tenant.RelyingParty) { rp.Origins = []string{"https://*.example.com"} }, "origins"},
		{"origin: null", func(rp *tenant.RelyingParty) { rp.Origins = []string{"null"} }, "origins"},
		{"origins: too many", func(rp *tenant.RelyingParty) {
			rp.Origins = slices.Repeat([]string{"https://example.com"}, 101)
		}, "origins"},
		{"top origins that do not count", func(rp *tenant.RelyingParty) { rp.TopOrigins = []string{"https://portal.example"} }, "topOrigins"},
		{"top origin: http", func(rp *tenant.RelyingParty) {
			rp.AllowCrossOrigin, rp.TopOrigins = true, []string{"http://portal.example"}
		}, "topOrigins"},
		{"resident key", func(rp *tenant.RelyingParty) { rp.ResidentKey = "yes" }, "residentKey"},
		{"user verification", func(rp *tenant.RelyingParty) { rp.UserVerification = "yes" }, "userVerification"},
		{"attachment", func(rp *tenant.RelyingParty) { rp.AuthenticatorAttachment = "usb" }, "authenticatorAttachment"},
		{"attestation", func(rp *tenant.RelyingParty) { rp.Attestation = "full" }, "attestation"},
		{"trust", func(rp *tenant.RelyingParty) { rp.AttestationTrust = "maybe" }, "attestationTrust"},
		{"trust in nothing", func(rp *tenant.RelyingParty) {
			rp.Attestation, rp.AttestationTrust = "none", tenant.TrustRequire
		}, "attestationTrust"},
		{"AAGUID", func(rp *tenant.RelyingParty) { rp.AllowedAAGUIDs = []string{"cb69481e8ff7403993ec0a2729a154a8"} }, "allowedAaguids"},
		{"AAGUID: digits", func(rp *tenant.RelyingParty) {
			rp.AllowedAAGUIDs = []string{"gb69481e-8ff7-4039-93ec-0a2729a154a8"}
		}, "allowedAaguids"},
		{"AAGUIDs: too many", func(rp *tenant.RelyingParty) { rp.AllowedAAGUIDs = make([]string, 1001) }, "allowedAaguids"},
		{"anchors: text", func(rp *tenant.RelyingParty) { rp.TrustAnchors = "trust me" }, "trustAnchors"},
		{"anchors: text after", func(rp *tenant.RelyingParty) { rp.TrustAnchors = pemText + "and me" }, "trustAnchors"},
		{"anchors: a key", func(rp *tenant.RelyingParty) {
			rp.TrustAnchors = strings.ReplaceAll(pemText, "CERTIFICATE", "PRIVATE KEY")
		}, "trustAnchors"},
		{"anchors: broken", func(rp *tenant.RelyingParty) {
			rp.TrustAnchors = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
		}, "trustAnchors"},
		{"anchors: too many", func(rp *tenant.RelyingParty) { rp.TrustAnchors = strings.Repeat(pemText, 201) }, "trustAnchors"},
		{"anchors: too large", func(rp *tenant.RelyingParty) { rp.TrustAnchors = strings.Repeat(" ", 1<<20+1) }, "trustAnchors"},
		{"metadata", func(rp *tenant.RelyingParty) { rp.Trust.Metadata = "maybe" }, "trust.metadata"},
		{"vendor roots: name", func(rp *tenant.RelyingParty) { rp.Trust.VendorRoots = []string{"../apple"} }, "trust.vendorRoots"},
		{"vendor roots: none and more", func(rp *tenant.RelyingParty) { rp.Trust.VendorRoots = []string{"none", "apple"} }, "trust.vendorRoots"},
		{"vendor roots: none", func(rp *tenant.RelyingParty) { rp.Trust.VendorRoots = []string{"none"} }, ""},
		{"format anchors", func(rp *tenant.RelyingParty) { rp.Trust.FormatAnchors = map[string]string{"packed": pemText} }, ""},
		{"format anchors: format", func(rp *tenant.RelyingParty) { rp.Trust.FormatAnchors = map[string]string{"none": pemText} }, "trust.formatAnchors"},
		{"format anchors: text", func(rp *tenant.RelyingParty) { rp.Trust.FormatAnchors = map[string]string{"tpm": "x"} }, "trust.formatAnchors.tpm"},
		{"revocation lists: certificates", func(rp *tenant.RelyingParty) { rp.Trust.RevocationLists = pemText }, "trust.revocationLists"},
		{"revocation lists: broken", func(rp *tenant.RelyingParty) {
			rp.Trust.RevocationLists = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"
		}, "trust.revocationLists"},
		{"revocation lists: too large", func(rp *tenant.RelyingParty) { rp.Trust.RevocationLists = strings.Repeat(" ", 16<<20+1) }, "trust.revocationLists"},
		{"outdated", func(rp *tenant.RelyingParty) { rp.Trust.Outdated = []tenant.Outdated{"md5"} }, "trust.outdated"},
		{"outdated: twice", func(rp *tenant.RelyingParty) { rp.Trust.Outdated = []tenant.Outdated{"tpm-sha1", "tpm-sha1"} }, "trust.outdated"},
		{"policies", func(rp *tenant.RelyingParty) { rp.Policies = []string{"bank", "bank-2"} }, ""},
		{"policies: twice", func(rp *tenant.RelyingParty) { rp.Policies = []string{"bank", "bank"} }, "policies"},
		{"policies: too many", func(rp *tenant.RelyingParty) { rp.Policies = make([]string, 33) }, "policies"},
		{"algorithm", func(rp *tenant.RelyingParty) { rp.Algorithms = []int32{-65535} }, "algorithms"},
		{"algorithm twice", func(rp *tenant.RelyingParty) { rp.Algorithms = []int32{-7, -7} }, "algorithms"},
		{"credentials: negative", func(rp *tenant.RelyingParty) { rp.MaxCredentialsPerUser = -1 }, "maxCredentialsPerUser"},
		{"credentials: many", func(rp *tenant.RelyingParty) { rp.MaxCredentialsPerUser = 1001 }, "maxCredentialsPerUser"},
		{"challenge: short", func(rp *tenant.RelyingParty) { rp.ChallengeLife = time.Second }, "challengeLife"},
		{"challenge: long", func(rp *tenant.RelyingParty) { rp.ChallengeLife = 25 * time.Hour }, "challengeLife"},
		{"timeout: negative", func(rp *tenant.RelyingParty) { rp.Timeout = -time.Second }, "timeout"},
		{"timeout: longer than the challenge", func(rp *tenant.RelyingParty) { rp.Timeout = 301 * time.Second }, "timeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rp := tenant.RelyingParty{Tenant: "acme", ID: "example.com", Name: "Äcme"}
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

// TestRelyingPartyCopy: what was checked is not changed through what was given.
func TestRelyingPartyCopy(t *testing.T) {
	given := tenant.RelyingParty{Tenant: "acme", ID: "example.com", Origins: []string{"https://example.com"}, AllowedAAGUIDs: []string{"CB69481E-8FF7-4039-93EC-0A2729A154A8"}}
	rp, err := tenant.NewRelyingParty(given)
	if err != nil {
		t.Fatal(err)
	}
	if given.AllowedAAGUIDs[0] != "CB69481E-8FF7-4039-93EC-0A2729A154A8" {
		t.Error("the caller's list was changed")
	}
	given.Origins[0] = "https://evil.example"
	if rp.Origins[0] != "https://example.com" {
		t.Error("the checked list was changed")
	}
}

// FuzzRelyingParty: whatever passes is such that browsers and the rest of the
// program can rely on it.
func FuzzRelyingParty(f *testing.F) {
	f.Add("example.com", "https://www.example.com:8443")
	f.Add("localhost", "http://localhost:8080")
	f.Add("192.0.2.1", "https://192.0.2.1")
	f.Add("example.com", "https://example.com:443/")
	f.Fuzz(func(t *testing.T, id, origin string) {
		rp, err := tenant.NewRelyingParty(tenant.RelyingParty{Tenant: "acme", ID: id, Origins: []string{origin}})
		if (rp == nil) == (err == nil) {
			t.Fatal("neither a relying party nor an error, or both")
		}
		if err != nil {
			return
		}
		if strings.ContainsAny(id, "/:@?#% ") || strings.ToLower(id) != id {
			t.Errorf("id %q was accepted", id)
		}
		rest, https := strings.CutPrefix(origin, "https://")
		if !https {
			rest = strings.TrimPrefix(origin, "http://")
		}
		host, _, _ := strings.Cut(rest, ":")
		if host != id && !strings.HasSuffix(host, "."+id) {
			t.Errorf("origin %q was accepted for %q", origin, id)
		}
		if !https && host != "localhost" && !strings.HasSuffix(host, ".localhost") {
			t.Errorf("origin %q was accepted", origin)
		}
	})
}
