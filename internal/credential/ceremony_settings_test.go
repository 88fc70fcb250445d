package credential_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"math/big"
	"slices"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// settings gives the site of the test other ceremony settings.
func (w *world) settings(change func(rp *tenant.RelyingParty)) {
	w.t.Helper()
	rp := tenant.RelyingParty{Tenant: "acme", ID: site, Name: "Example Login"}
	change(&rp)
	w.has(rp)
}

func (w *world) beginWith(in credential.BeginRegistration) (*credential.BegunRegistration, error) {
	in.RelyingParty, in.User = site, credential.ByName("alice")
	return w.svc.BeginRegistration(w.t.Context(), w.idm, in)
}

func (w *world) finish(f *forger, begun *credential.BegunRegistration) (*credential.Credential, error) {
	w.t.Helper()
	return w.svc.FinishRegistration(w.t.Context(), w.idm, credential.FinishRegistration{RelyingParty: site, Response: f.create(w.t, begun.Options)})
}

func inputs(pairs ...string) map[string]json.RawMessage {
	m := make(map[string]json.RawMessage)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = json.RawMessage(pairs[i+1])
	}
	return m
}

// A related origin may run both ceremonies, and nobody else may (§5.11, 7.1/9, 7.2/12).
func TestRelatedOriginCeremonies(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	w.settings(func(rp *tenant.RelyingParty) { rp.RelatedOrigins = []string{"https://shop.example.net:8443"} })
	f := newForger(t)
	f.origin = "https://shop.example.net:8443"
	_, err := w.finish(f, w.begin("alice"))
	check(t, err)
	_, err = w.finishSignIn(f, w.beginSignIn("alice"))
	check(t, err)

	f.origin = "https://shop.example.net"
	_, err = w.finishSignIn(f, w.beginSignIn("alice"))
	wantCode(t, err, "webauthn.origin")

	// Its own origins are the site's still.
	f.origin = ""
	_, err = w.finishSignIn(f, w.beginSignIn("alice"))
	check(t, err)
	w.settings(func(*tenant.RelyingParty) {})
	f.origin = "https://shop.example.net:8443"
	_, err = w.finishSignIn(f, w.beginSignIn("alice"))
	wantCode(t, err, "webauthn.origin")
}

// Hints and formats of the settings go out, and a caller's hints in their place.
func TestHintsAndFormats(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	w.settings(func(rp *tenant.RelyingParty) {
		rp.Hints, rp.AttestationFormats = []string{"client-device", "hybrid"}, []string{"tpm", "packed"}
	})
	begun := w.begin("alice")
	if o := begun.Options; !slices.Equal(o.Hints, []string{"client-device", "hybrid"}) || !slices.Equal(o.AttestationFormats, []string{"tpm", "packed"}) ||
		o.AuthenticatorSelection.AuthenticatorAttachment != "" {
		t.Errorf("options: %s", begun.JSON)
	}
	begun, err := w.beginWith(credential.BeginRegistration{Narrow: credential.Narrowing{Hints: []string{"security-key"}}})
	check(t, err)
	if o := begun.Options; !slices.Equal(o.Hints, []string{"security-key"}) || o.AuthenticatorSelection.AuthenticatorAttachment != webauthn.AttachmentCrossPlatform {
		t.Errorf("options: %s", begun.JSON)
	}
	if o := w.beginSignIn("").Options; !slices.Equal(o.Hints, []string{"client-device", "hybrid"}) {
		t.Errorf("hints of a sign-in: %q", o.Hints)
	}
}

// A conditional create takes no touch and no verification where the settings let it, and
// a credential that was made so signs in like any other (7.1/15, 7.1/16).
func TestConditionalCreate(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	conditional := credential.BeginRegistration{Conditional: true}
	_, err := w.beginWith(conditional)
	wantFault(t, err, credential.ErrConditional)

	allow := func(on bool) {
		w.settings(func(rp *tenant.RelyingParty) { rp.AllowConditionalCreate = on })
	}
	allow(true)
	insists := conditional
	insists.Narrow.UserVerification = webauthn.UserVerificationRequired
	_, err = w.beginWith(insists)
	wantFault(t, err, credential.ErrConditional)

	begun, err := w.beginWith(conditional)
	check(t, err)
	if got := begun.Options.AuthenticatorSelection.UserVerification; got != webauthn.UserVerificationPreferred {
		t.Errorf("user verification %q", got)
	}
	f := newForger(t)
	f.flags = 0
	c, err := w.finish(f, begun)
	check(t, err)
	if c.UVInitialized {
		t.Error("nobody was verified")
	}
	_, err = w.finishSignIn(f, w.beginSignIn("alice"))
	wantCode(t, err, "webauthn.user_presence")
	f.flags = up | uv
	_, err = w.finishSignIn(f, w.beginSignIn("alice"))
	check(t, err)

	// An ordinary ceremony keeps to the policy.
	f = newForger(t)
	f.flags = uv
	_, err = w.finish(f, w.begin("alice"))
	wantCode(t, err, "webauthn.user_presence")
	f = newForger(t)
	f.flags = up
	_, err = w.finish(f, w.begin("alice"))
	wantCode(t, err, "webauthn.user_verification")

	// What the settings no longer allow is not finished either.
	begun, err = w.beginWith(conditional)
	check(t, err)
	allow(false)
	f = newForger(t)
	f.flags = 0
	_, err = w.finish(f, begun)
	wantCode(t, err, "webauthn.user_presence")
}

// What the settings ask for goes out with every registration; a caller may add to it,
// and ask for more protection, not for less.
func TestRegistrationExtensionSettings(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	sent := func(in credential.BeginRegistration) map[string]json.RawMessage {
		t.Helper()
		begun, err := w.beginWith(in)
		check(t, err)
		return begun.Options.Extensions
	}
	want := func(got map[string]json.RawMessage, want string) {
		t.Helper()
		text, err := json.Marshal(got)
		check(t, err)
		if !sameJSON(t, text, []byte(want)) {
			t.Errorf("got %s\nwant %s", text, want)
		}
	}
	want(sent(credential.BeginRegistration{}), `{"credProps":true}`)
	w.settings(func(rp *tenant.RelyingParty) { rp.RegistrationExtensions = []string{} })
	want(sent(credential.BeginRegistration{}), `null`)
	w.settings(func(rp *tenant.RelyingParty) {
		rp.RegistrationExtensions = tenant.RegistrationExtensions()
		rp.CredentialProtection, rp.EnforceCredentialProtection = tenant.ProtectOptionalWithIDList, true
		rp.AppID = "https://login.example.com/app.json"
	})
	const all = `"minPinLength":true,"prf":{},"hmacCreateSecret":true,"uvm":true,
		"enforceCredentialProtectionPolicy":true,"appidExclude":"https://login.example.com/app.json"`
	want(sent(credential.BeginRegistration{}),
		`{"credProps":true,"largeBlob":{"support":"preferred"},"credentialProtectionPolicy":"userVerificationOptionalWithCredentialIDList",`+all+`}`)
	want(sent(credential.BeginRegistration{Extensions: inputs(
		"largeBlob", `{"support":"required"}`, "later", `[1]`, "credProps", "false",
		"credentialProtectionPolicy", `"userVerificationRequired"`, "appidExclude", `"https://login.example.com/app.json"`,
	)}), `{"credProps":false,"later":[1],"largeBlob":{"support":"required"},"credentialProtectionPolicy":"userVerificationRequired",`+all+`}`)

	for _, tt := range []struct{ id, input, code string }{
		{"credentialProtectionPolicy", `"userVerificationOptional"`, "policy.wider"},
		{"enforceCredentialProtectionPolicy", `false`, "policy.wider"},
		{"appidExclude", `"https://other.example.com"`, "policy.wider"},
		{"credentialProtectionPolicy", `"none"`, "options.invalid"},
		{"enforceCredentialProtectionPolicy", `"no"`, "options.invalid"},
		{"appid", `"https://login.example.com/app.json"`, "options.invalid"},
		{"largeBlob", `{"write":"AQ"}`, "options.invalid"},
	} {
		w.quiet(func() {
			_, err := w.beginWith(credential.BeginRegistration{Extensions: inputs(tt.id, tt.input)})
			wantCode(t, err, tt.code)
		})
	}
}

// A level that is enforced has to be in what the authenticator signed.
func TestCredentialProtection(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	level := func(n byte) *forger {
		f := newForger(t)
		if n > 0 {
			f.extensions = append([]byte("\xa1\x6bcredProtect"), n)
		}
		return f
	}
	w.settings(func(rp *tenant.RelyingParty) { rp.CredentialProtection = tenant.ProtectRequired })
	c, err := w.finish(level(0), w.begin("alice"))
	check(t, err)
	if c.Extensions.CredProtect != 0 {
		t.Errorf("level %d", c.Extensions.CredProtect)
	}
	w.settings(func(rp *tenant.RelyingParty) {
		rp.CredentialProtection, rp.EnforceCredentialProtection = tenant.ProtectRequired, true
	})
	for _, n := range []byte{0, 1, 2} {
		_, err = w.finish(level(n), w.begin("alice"))
		wantCode(t, err, "webauthn.cred_protect")
	}
	c, err = w.finish(level(3), w.begin("alice"))
	check(t, err)
	if c.Extensions.CredProtect != webauthn.CredProtectRequired {
		t.Errorf("level %d", c.Extensions.CredProtect)
	}
	e, err := w.svc.Evidence(t.Context(), w.idm, credential.Ref{ID: c.ID})
	check(t, err)
	if got, _ := e.Extensions.CredProtect(); got != webauthn.CredProtectRequired {
		t.Errorf("evidence: level %d", got)
	}
}

// What client and authenticator answered is told with the new credential; results of
// prf are nowhere.
func TestExtensionOutputs(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	f := newForger(t)
	f.extensions = []byte("\xa1\x6cminPinLength\x06")
	f.results = map[string]any{
		"credProps": map[string]any{"rk": true}, "prf": map[string]any{"enabled": true, "results": map[string]any{"first": "c2VjcmV0"}},
		"largeBlob": map[string]any{"supported": false}, "later": 1,
	}
	c, err := w.finish(f, w.begin("alice"))
	check(t, err)
	x := c.Extensions
	if x.MinPINLength == nil || *x.MinPINLength != 6 || x.PRF != credential.Yes || x.LargeBlob != credential.No || c.Discoverable != credential.Yes {
		t.Errorf("outputs: %+v", x)
	}
}

// fidoU2F attests as a U2F security key does.
func (f *forger) fidoU2F(t testing.TB) {
	t.Helper()
	key, der := attestationCertificate(t)
	f.flags = up
	f.attest = func(authData, clientData []byte) []byte {
		point, err := f.private.PublicKey.Bytes()
		check(t, err)
		hash := sha256.Sum256(clientData)
		message := slices.Concat([]byte{0}, authData[:32], hash[:], f.id, point)
		sum := sha256.Sum256(message)
		sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		check(t, err)
		out := appendBytes([]byte("\x68fido-u2f\x67attStmt\xa2\x63sig"), sig)
		return appendBytes(append(out, "\x63x5c\x81"...), der)
	}
}

// enterprise attests with a certificate for this one authenticator: serial number 7,9
// and firmware 5.
func (f *forger) enterprise(t testing.TB) {
	t.Helper()
	fido := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1}
	key, der := attestationCertificate(t,
		pkix.Extension{Id: append(slices.Clone(fido), 2), Value: []byte{4, 2, 7, 9}},
		pkix.Extension{Id: append(slices.Clone(fido), 5), Value: []byte{2, 1, 5}})
	f.attest = func(authData, clientData []byte) []byte {
		hash := sha256.Sum256(clientData)
		sum := sha256.Sum256(slices.Concat(authData, hash[:]))
		sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		check(t, err)
		out := appendBytes([]byte("\x66packed\x67attStmt\xa3\x63alg\x26\x63sig"), sig)
		return appendBytes(append(out, "\x63x5c\x81"...), der)
	}
}

func attestationCertificate(t testing.TB, extensions ...pkix.Extension) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0), BasicConstraintsValid: true,
		Subject: pkix.Name{
			Country: []string{"SE"}, Organization: []string{"Example Keys"},
			OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: "Example Key",
		},
		ExtraExtensions: extensions,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	return key, der
}

// A serial number is shown where enterprise attestation was asked for; where it was not,
// it is a warning.
func TestEnterpriseAttestation(t *testing.T) {
	for _, tt := range []struct {
		asked  tenant.Attestation
		serial string
		warned bool
	}{
		{tenant.AttestationEnterprise, "\x07\x09", false},
		{tenant.AttestationDirect, "", true},
	} {
		w := newWorld(t)
		w.user("alice")
		w.settings(func(rp *tenant.RelyingParty) { rp.Attestation = tt.asked })
		f := newForger(t)
		f.enterprise(t)
		c, err := w.finish(f, w.begin("alice"))
		check(t, err)
		e, err := w.svc.Evidence(t.Context(), w.idm, credential.Ref{ID: c.ID})
		check(t, err)
		if string(e.SerialNumber) != tt.serial || e.Firmware == nil || *e.Firmware != 5 {
			t.Errorf("%s: serial number %x, firmware %v", tt.asked, e.SerialNumber, e.Firmware)
		}
		if got := slices.Contains(c.Warnings, string(webauthn.WarningSerialNumber)); got != tt.warned {
			t.Errorf("%s: warnings %q", tt.asked, c.Warnings)
		}
		record, err := w.svc.ExportUser(t.Context(), w.idm, credential.ByName("alice"))
		check(t, err)
		if got := record.Evidence[0].SerialNumber; string(got) != tt.serial {
			t.Errorf("%s: exported serial number %x", tt.asked, got)
		}
	}
}

// With an AppID, a key of U2F days may answer for it in place of the RP ID, if its
// client says so; no other credential may (§10.1.1).
func TestAppID(t *testing.T) {
	const appID = "https://login.example.com/app.json"
	w := newWorld(t)
	w.user("alice")
	w.user("bob")
	set := func(id string) {
		w.settings(func(rp *tenant.RelyingParty) {
			rp.AppID, rp.UserVerification, rp.ResidentKey = id, tenant.Preferred, tenant.Discouraged
		})
	}
	set(appID)
	old := newForger(t)
	old.fidoU2F(t)
	begun := w.begin("alice")
	if got := string(begun.Options.Extensions["appidExclude"]); got != `"`+appID+`"` {
		t.Errorf("appidExclude: %s", got)
	}
	c, err := w.finish(old, begun)
	check(t, err)
	if c.Format != "fido-u2f" {
		t.Fatalf("format %s", c.Format)
	}
	young := newForger(t)
	_, err = w.finish(young, w.begin("bob"))
	check(t, err)

	appIDOf := func(who string) string { return string(w.beginSignIn(who).Options.Extensions["appid"]) }
	if got := appIDOf("alice"); got != `"`+appID+`"` {
		t.Errorf("appid for who has a U2F key: %s", got)
	}
	for _, who := range []string{"bob", ""} {
		if got := appIDOf(who); got != "" {
			t.Errorf("appid for %q: %s", who, got)
		}
	}

	old.signedID, old.results = appID, map[string]any{"appid": true}
	_, err = w.finishSignIn(old, w.beginSignIn("alice"))
	check(t, err)
	old.results = map[string]any{"appid": false}
	_, err = w.finishSignIn(old, w.beginSignIn("alice"))
	wantCode(t, err, "webauthn.rp_id_hash")
	old.signedID = ""
	_, err = w.finishSignIn(old, w.beginSignIn("alice"))
	check(t, err)

	// A younger credential of the same user does not get through by it.
	begun, err = w.beginWith(credential.BeginRegistration{})
	check(t, err)
	second := newForger(t)
	_, err = w.finish(second, begun)
	check(t, err)
	second.signedID, second.results = appID, map[string]any{"appid": true}
	_, err = w.finishSignIn(second, w.beginSignIn("alice"))
	wantCode(t, err, "webauthn.rp_id_hash")

	// Nor does anybody without the setting.
	set("")
	old.signedID, old.results = appID, map[string]any{"appid": true}
	_, err = w.finishSignIn(old, w.beginSignIn("alice"))
	wantCode(t, err, "webauthn.rp_id_hash")
}
