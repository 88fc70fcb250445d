package credential_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// The sample of the Smart ID provisioning flow: options for alice, the answer of a
// key with packed self attestation, and the credential as stored.
const (
	sampleChallenge = "3WllFCx2gfql08rHrOe56vNfWRtsj6I_HJWK-jYTzNo"
	sampleHandle    = "5dnd1-932tLQczAk4qHuhw"
	sampleAnswer    = `{
		"id": "AAKNLD-w71fSc8BUB0t7Hw", "rawId": "AAKNLD-w71fSc8BUB0t7Hw", "type": "public-key",
		"authenticatorAttachment": "cross-platform", "clientExtensionResults": { "credProps": { "rk": true } },
		"response": {
			"clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwiY2hhbGxlbmdlIjoiM1dsbEZDeDJnZnFsMDhySHJPZTU2dk5mV1J0c2o2SV9ISldLLWpZVHpObyIsIm9yaWdpbiI6Imh0dHBzOi8vbG9naW4uZXhhbXBsZS5jb20iLCJjcm9zc09yaWdpbiI6ZmFsc2V9",
			"attestationObject": "o2NmbXRmcGFja2VkZ2F0dFN0bXSiY2FsZyZjc2lnWEcwRQIhAPI0Zrgc3_mfhf5Galc_eXqQk9C5uxMETWUvmYDaRszPAiBWogR4Pj9nfmCNcFJnSU3LqCNzquKUjCcU9FO0L7N8B2hhdXRoRGF0YViUDGygg5w6VoNVeDP2GKJVZmXfKgiJZHh9U4ULStTTvtxFAAAAAZ08Xwp7HkwtimDx4tPEtaYAEAACjSw_sO9X0nPAVAdLex-lAQIDJiABIVggaek_b7e5PMJZecdBM7jAK7gm1OboI8rME7uBG1GQcrsiWCB68khbh0cmHcOoGqb9n_9BX5vkqNByv1XK1YxGCGWs4g",
			"transports": ["usb"], "publicKeyAlgorithm": -7,
			"publicKey": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaek_b7e5PMJZecdBM7jAK7gm1OboI8rME7uBG1GQcrt68khbh0cmHcOoGqb9n_9BX5vkqNByv1XK1YxGCGWs4g" } }`
	sampleOptions = `{
		"rp": { "id": "login.example.com", "name": "Example Login" },
		"user": { "id": "5dnd1-932tLQczAk4qHuhw", "name": "alice@example.com", "displayName": "Alice Example" },
		"challenge": "3WllFCx2gfql08rHrOe56vNfWRtsj6I_HJWK-jYTzNo",
		"pubKeyCredParams": [ {"type":"public-key","alg":-7}, {"type":"public-key","alg":-8}, {"type":"public-key","alg":-257} ],
		"timeout": 240000, "excludeCredentials": [],
		"authenticatorSelection": { "authenticatorAttachment": "cross-platform", "residentKey": "required", "requireResidentKey": true, "userVerification": "required" },
		"attestation": "direct" }`
)

func decoded(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	check(t, err)
	return b
}

// challenges is a source of randomness that is not.
type challenges struct{ next []byte }

func (c *challenges) Read(b []byte) (int, error) { return copy(b, c.next), nil }

func TestSmartIDExample(t *testing.T) {
	fixed := &challenges{decoded(t, sampleChallenge)}
	w := newWorldOn(t, storetest.SQLite, credential.Config{Rand: fixed})
	w.has(tenant.RelyingParty{
		Tenant: "acme", ID: site, Name: "Example Login", Algorithms: []int32{-7, -8, -257}, AuthenticatorAttachment: "cross-platform",
		CeremonySettings: tenant.CeremonySettings{RegistrationExtensions: []string{}},
	})
	alice, err := w.svc.CreateUser(t.Context(), w.idm, credential.NewUser{
		Name: "alice@example.com", DisplayName: "Alice Example", Handle: decoded(t, sampleHandle),
	})
	check(t, err)

	begun := w.begin("alice@example.com")
	if !sameJSON(t, begun.JSON, []byte(sampleOptions)) {
		t.Errorf("options: %s", begun.JSON)
	}
	if got := begun.Expires.Format(time.RFC3339); got != "2026-03-02T10:20:00Z" {
		t.Errorf("expires: %s", got)
	}

	w.later(35 * time.Second)
	finish := func() (*credential.Credential, error) {
		resp, err := webauthn.ParseRegistrationResponse([]byte(sampleAnswer))
		check(t, err)
		return w.svc.FinishRegistration(t.Context(), w.idm, credential.FinishRegistration{
			RelyingParty: site, User: credential.ByName("alice@example.com"), Response: resp, Name: "Sample Key 5",
		})
	}
	c, err := finish()
	check(t, err)
	if b64(c.CredentialID) != "AAKNLD-w71fSc8BUB0t7Hw" || c.User != alice.ID || c.Name != "Sample Key 5" ||
		c.AAGUID.String() != "9d3c5f0a-7b1e-4c2d-8a60-f1e2d3c4b5a6" || c.Algorithm != -7 || c.Format != "packed" ||
		c.AttestationType != "self" || c.SignCount != 1 || len(c.Transports) != 1 || c.Transports[0] != "usb" ||
		c.State != credential.Active || c.Created.Format(time.RFC3339) != "2026-03-02T10:15:35Z" || c.ProvisionedBy != "client:idm" ||
		c.Discoverable != credential.Yes || !c.UVInitialized {
		t.Errorf("credential: %+v", c)
	}

	_, err = finish()
	wantFault(t, err, credential.ErrCeremonyUsed)

	// The same key pair once more, to a fresh challenge: the answer is what the sample's
	// key would sign, so another key takes its place and claims the same id.
	fixed.next = bytes.Repeat([]byte{1}, 64)
	again := newForger(t)
	again.id = c.CredentialID
	_, err = w.svc.FinishRegistration(t.Context(), w.idm, credential.FinishRegistration{
		RelyingParty: site, Response: again.create(t, w.begin("alice@example.com").Options),
	})
	wantFault(t, err, credential.ErrCredentialExists)
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	norm := func(b []byte) string {
		var v any
		check(t, json.Unmarshal(b, &v))
		out, err := json.Marshal(v)
		check(t, err)
		return string(out)
	}
	return norm(a) == norm(b)
}
