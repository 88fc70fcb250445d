package webauthn_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"bestow.dev/cose"
	"bestow.dev/webauthn"
)

// A ceremony from end to end, as it is on the wire: what an identity manager was
// given, and what the key at the desk answered with packed self attestation.
const (
	workedOptions = `{ "challengeExpires": "2026-03-02T10:20:00Z",
  "publicKey": {
    "rp": { "id": "login.example.com", "name": "Example Login" },
    "user": { "id": "5dnd1-932tLQczAk4qHuhw", "name": "alice@example.com", "displayName": "Alice Example" },
    "challenge": "3WllFCx2gfql08rHrOe56vNfWRtsj6I_HJWK-jYTzNo",
    "pubKeyCredParams": [ {"type":"public-key","alg":-7}, {"type":"public-key","alg":-8}, {"type":"public-key","alg":-257} ],
    "timeout": 240000, "excludeCredentials": [],
    "authenticatorSelection": { "authenticatorAttachment": "cross-platform", "residentKey": "required", "requireResidentKey": true, "userVerification": "required" },
    "attestation": "direct" } }`

	workedResponse = `{ "id": "AAKNLD-w71fSc8BUB0t7Hw", "rawId": "AAKNLD-w71fSc8BUB0t7Hw", "type": "public-key",
  "authenticatorAttachment": "cross-platform", "clientExtensionResults": { "credProps": { "rk": true } },
  "response": {
    "clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwiY2hhbGxlbmdlIjoiM1dsbEZDeDJnZnFsMDhySHJPZTU2dk5mV1J0c2o2SV9ISldLLWpZVHpObyIsIm9yaWdpbiI6Imh0dHBzOi8vbG9naW4uZXhhbXBsZS5jb20iLCJjcm9zc09yaWdpbiI6ZmFsc2V9",
    "attestationObject": "o2NmbXRmcGFja2VkZ2F0dFN0bXSiY2FsZyZjc2lnWEcwRQIhAPI0Zrgc3_mfhf5Galc_eXqQk9C5uxMETWUvmYDaRszPAiBWogR4Pj9nfmCNcFJnSU3LqCNzquKUjCcU9FO0L7N8B2hhdXRoRGF0YViUDGygg5w6VoNVeDP2GKJVZmXfKgiJZHh9U4ULStTTvtxFAAAAAZ08Xwp7HkwtimDx4tPEtaYAEAACjSw_sO9X0nPAVAdLex-lAQIDJiABIVggaek_b7e5PMJZecdBM7jAK7gm1OboI8rME7uBG1GQcrsiWCB68khbh0cmHcOoGqb9n_9BX5vkqNByv1XK1YxGCGWs4g",
    "transports": ["usb"], "publicKeyAlgorithm": -7,
    "publicKey": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaek_b7e5PMJZecdBM7jAK7gm1OboI8rME7uBG1GQcrt68khbh0cmHcOoGqb9n_9BX5vkqNByv1XK1YxGCGWs4g" } }`
)

// TestWorkedExample judges it by its own options.
func TestWorkedExample(t *testing.T) {
	opts, err := webauthn.ParseCreationOptions([]byte(workedOptions))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := webauthn.ParseRegistrationResponse([]byte(workedResponse))
	if err != nil {
		t.Fatal(err)
	}
	rp := webauthn.RelyingParty{ID: opts.RP.ID, Origins: []string{"https://" + opts.RP.ID}}
	reg, err := webauthn.JudgeRegistration(opts.Expectation(rp, webauthn.TrustPolicy{AcceptSelf: true}), resp)
	if err != nil {
		t.Fatal(err)
	}
	if b64(reg.CredentialID) != "AAKNLD-w71fSc8BUB0t7Hw" || reg.AAGUID.String() != "9d3c5f0a-7b1e-4c2d-8a60-f1e2d3c4b5a6" {
		t.Errorf("credential %s, AAGUID %s", b64(reg.CredentialID), reg.AAGUID)
	}
	if reg.Algorithm != cose.ES256 || reg.Format != "packed" || reg.AttestationType != webauthn.AttestationSelf || reg.SignCount != 1 || reg.Flags != 0x45 {
		t.Errorf("got %+v", reg)
	}
	if !slices.Equal(reg.Transports, []string{"usb"}) || reg.Discoverable == nil || !*reg.Discoverable {
		t.Errorf("transports %q, discoverable %v", reg.Transports, reg.Discoverable)
	}

	// The standard asks for user verification here, and the policy for trust by default.
	_, err = webauthn.JudgeRegistration(opts.Expectation(rp, webauthn.TrustPolicy{}), resp)
	wantRefusal(t, err, webauthn.ReasonAttestationUntrusted, "7.1/24")
}

// TestWorkedExampleByteByByte spoils each byte of what was signed in turn. No change
// to the attestation object or the client data may go unnoticed.
func TestWorkedExampleByteByByte(t *testing.T) {
	opts, err := webauthn.ParseCreationOptions([]byte(workedOptions))
	if err != nil {
		t.Fatal(err)
	}
	good, err := webauthn.ParseRegistrationResponse([]byte(workedResponse))
	if err != nil {
		t.Fatal(err)
	}
	exp := opts.Expectation(webauthn.RelyingParty{ID: opts.RP.ID, Origins: []string{"https://" + opts.RP.ID}}, webauthn.TrustPolicy{AcceptSelf: true})

	judge := func(object, client []byte) error {
		body := document(`{"id":%q,"rawId":%[1]q,"type":"public-key","response":{"clientDataJSON":%q,"attestationObject":%q},"clientExtensionResults":{}}`,
			b64(good.CredentialID), b64(client), b64(object))
		resp, err := webauthn.ParseRegistrationResponse(body)
		if err == nil {
			_, err = webauthn.JudgeRegistration(exp, resp)
		}
		return err
	}
	if err := judge(good.AttestationObject, good.ClientDataJSON); err != nil {
		t.Fatal(err)
	}
	for i := range good.AttestationObject {
		spoiled := bytes.Clone(good.AttestationObject)
		spoiled[i] ^= 1
		if err := judge(spoiled, good.ClientDataJSON); !isRefusal(err) {
			t.Errorf("byte %d of the attestation object: got %v, want a refusal", i, err)
		}
	}
	for i := range good.ClientDataJSON {
		spoiled := bytes.Clone(good.ClientDataJSON)
		spoiled[i] ^= 1
		if err := judge(good.AttestationObject, spoiled); !isRefusal(err) {
			t.Errorf("byte %d of the client data: got %v, want a refusal", i, err)
		}
	}
}

func isRefusal(err error) bool {
	_, ok := errors.AsType[*webauthn.VerificationError](err)
	return ok
}

// TestCeremonyIsFoundByChallenge checks that the options and the response name the
// same ceremony, which servers find by the hash of the challenge.
func TestCeremonyIsFoundByChallenge(t *testing.T) {
	opts, err := webauthn.ParseCreationOptions([]byte(workedOptions))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := webauthn.ParseRegistrationResponse([]byte(workedResponse))
	if err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(opts.Challenge) != sha256.Sum256(resp.ClientData.Challenge) {
		t.Error("the challenges differ")
	}
}
