package verify_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"bestow.dev/cose"
	"bestow.dev/internal/verify"
	"bestow.dev/webauthn"
)

func TestReadRegistration(t *testing.T) {
	c := registrationCase(t)
	set("rp.allowCrossOrigin", true)(c)
	set("rp.topOrigins", []any{"https://example.com"})(c)
	set("options.userVerification", nil)(c)
	set("policy.extraTpmVendors", []any{"id:00000000"})(c)
	set("policy.trustAnchors", []any{"AAAA"})(c)
	set("policy.attestationTrust", "require")(c)
	got, err := verify.ReadCase(encode(t, c))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(got.Response, []byte(`{"clientExtensionResults":`)) {
		t.Errorf("response %s", got.Response)
	}
	got.Response = nil
	want := &verify.Case{
		ID: "a registration", Registration: true,
		RelyingParty: webauthn.RelyingParty{
			ID: testRP, Origins: []string{testOrigin}, AllowCrossOrigin: true, TopOrigins: []string{"https://example.com"},
		},
		Challenge: testChallenge, UserVerification: webauthn.UserVerificationPreferred, UserPresence: webauthn.UserPresenceRequired,
		Algorithms: []cose.Algorithm{cose.ES256},
		Policy: verify.Policy{
			RequireTrust: true, Unreadable: true,
			Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), ExtraTPMVendors: []string{"id:00000000"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestReadAuthentication(t *testing.T) {
	c := authenticationCase(t)
	set("options.extensions", object{"appid": testAppID})(c)
	set("credential.backupEligible", true)(c)
	got, err := verify.ReadCase(encode(t, c))
	if err != nil {
		t.Fatal(err)
	}
	got.Response = nil
	want := &verify.Case{
		ID: "an authentication", RelyingParty: webauthn.RelyingParty{ID: testRP, Origins: []string{testOrigin}},
		Challenge: testChallenge, UserVerification: webauthn.UserVerificationRequired,
		AllowCredentials: [][]byte{testCredential}, AppID: testAppID,
		Credential: &webauthn.CredentialRecord{
			ID: testCredential, PublicKey: coseKey(t), SignCount: 4, BackupEligible: true, UserHandle: testHandle,
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestReadNoCase(t *testing.T) {
	good := string(encode(t, authenticationCase(t)))
	for name, text := range map[string]string{
		"nothing":        "",
		"UAF":            `{"schema":"uaf-case/1"}`,
		"cut off":        good[:len(good)-1],
		"no credential":  strings.Replace(good, `"credential"`, `"notes"`, 1),
		"padding":        strings.Replace(good, b64(testHandle), b64(testHandle)+"=", 1),
		"longer than it": good + strings.Repeat(" ", verify.MaxCaseBytes),
	} {
		got, err := verify.ReadCase([]byte(text))
		no, ok := errors.AsType[*verify.NoCaseError](err)
		if got != nil || !ok || no.Reason == "" || no.Detail == "" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if v := (verify.Judge{}).Case([]byte(text)); ok && (v.Outcome != verify.Error || v.Reason != no.Reason || v.Detail != no.Detail) {
			t.Errorf("%s: %v, but the verdict is %s", name, err, v.Line())
		}
	}
}

// Members that are null are absent.
func TestNull(t *testing.T) {
	null := object(nil)
	for _, path := range []string{
		"id", "rp.allowCrossOrigin", "rp.topOrigins", "options.userPresence", "options.attestation", "options.allowCredentials",
		"options.extensions", "options.extensions.appid", "policy.time", "policy.trustAnchors", "policy.extraTpmVendors", "credential",
	} {
		c := registrationCase(t)
		set(path, null)(c)
		if !bytes.Contains(encode(t, c), []byte("null")) {
			t.Fatalf("%s is not null", path)
		}
		accept().check(t, verify.Judge{}.Case(encode(t, c)))
	}
	for path, want := range map[string]outcome{
		"schema": noCase, "kind": noCase, "rp": noCase, "rp.id": noCase, "options.challenge": noCase, "response": malformed,
		"rp.origins": reject(webauthn.ReasonOrigin), "policy.attestationTrust": reject(webauthn.ReasonAttestationUntrusted),
	} {
		c := registrationCase(t)
		set(path, null)(c)
		t.Run(path, func(t *testing.T) { want.check(t, verify.Judge{}.Case(encode(t, c))) })
	}
}
