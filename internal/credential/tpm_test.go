package credential_test

import (
	"encoding/pem"
	"testing"
	"time"

	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// TPMs of the manufacturers in the registry that is shipped may register, others not.
func TestTPMManufacturers(t *testing.T) {
	w := newWorldOn(t, storetest.SQLite, credential.Config{})
	key, err := softkey.New(softkey.Config{UserPresence: softkey.AlwaysPresent, Now: w.clock, Attestation: softkey.AttestTPM})
	check(t, err)
	t.Cleanup(func() { key.Close() })
	d := &workplace{t, key}
	w.has(tenant.RelyingParty{
		Tenant: "acme", ID: site, AttestationTrust: tenant.TrustRequire,
		TrustAnchors: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: key.AttestationRoot().Raw})),
	})
	w.later(time.Hour)
	w.user("alice")
	register := func() error {
		answer, err := d.create(w.begin("alice").Options)
		check(t, err)
		resp, err := webauthn.ParseRegistrationResponse(answer)
		check(t, err)
		_, err = w.svc.FinishRegistration(t.Context(), w.idm, credential.FinishRegistration{RelyingParty: site, Response: resp})
		return err
	}

	wantCode(t, register(), "webauthn.attestation_certificate")
	key.Forge(softkey.Forge{TPM: softkey.TPMForge{Identity: func(i *softkey.TPMIdentity) { i.Manufacturer = "id:494E5443" }}})
	check(t, register())
}
