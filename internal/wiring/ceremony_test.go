package wiring

import (
	"reflect"
	"testing"

	"bestow.dev/internal/config"
	"bestow.dev/internal/tenant"
)

// No setting of the file is lost on its way.
func TestCeremonySettingsOfTheFile(t *testing.T) {
	got, err := fileRelyingParty(config.RelyingParty{
		ID: "login.example.com", RelatedOrigins: []string{"https://example.de"}, Hints: []string{"hybrid"}, AttestationFormats: []string{"tpm"},
		AllowConditionalCreate: true, CredentialProtection: "userVerificationRequired", EnforceCredentialProtection: true,
		RegistrationExtensions: []string{"prf"}, AppID: "https://login.example.com",
	}, "https://localhost")
	if err != nil {
		t.Fatal(err)
	}
	want := tenant.CeremonySettings{
		RelatedOrigins: []string{"https://example.de"}, Hints: []string{"hybrid"}, AttestationFormats: []string{"tpm"},
		AllowConditionalCreate: true, CredentialProtection: tenant.ProtectRequired, EnforceCredentialProtection: true,
		RegistrationExtensions: []string{"prf"}, AppID: "https://login.example.com",
	}
	if !reflect.DeepEqual(got.CeremonySettings, want) {
		t.Errorf("got %+v\nwant %+v", got.CeremonySettings, want)
	}
	all := reflect.ValueOf(got.CeremonySettings)
	for i := range all.NumField() {
		if all.Field(i).IsZero() {
			t.Errorf("%s is not in the test", all.Type().Field(i).Name)
		}
	}
}
