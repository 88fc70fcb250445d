package digitalaccess_test

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func unb64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const pin = "2468"

// desk is a security key with its PIN set, and the client that drives it.
type desk struct {
	key    *softkey.Key
	rpID   string // what the key is told in place of the RP ID; empty: the truth
	origin string // what the client data says; empty: https:// and the RP ID
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	key, err := softkey.New(softkey.Config{UserPresence: softkey.AlwaysPresent, Now: time.Now, Attestation: softkey.AttestSelf})
	if err != nil {
		t.Fatal(err)
	}
	client, err := ctap.NewClient(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.SetPIN(t.Context(), []byte(pin)); err != nil {
		t.Fatal(err)
	}
	return &desk{key: key}
}

// creationOptions is what the desk looks at of the options it is given.
type creationOptions struct {
	RP        struct{ ID, Name string }
	User      struct{ ID, Name, DisplayName string }
	Challenge string
	Params    []struct{ Alg int64 } `json:"pubKeyCredParams"`
}

// create answers creation options as a browser does.
func (d *desk) create(t testing.TB, options json.RawMessage) map[string]any {
	t.Helper()
	var o creationOptions
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatal(err)
	}
	clientData, err := json.Marshal(map[string]any{
		"type": "webauthn.create", "challenge": o.Challenge, "origin": cmp.Or(d.origin, "https://"+o.RP.ID), "crossOrigin": false,
	})
	if err != nil {
		t.Fatal(err)
	}
	client, err := ctap.NewClient(t.Context(), d.key)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(clientData)
	cred, err := client.MakeCredential(t.Context(), ctap.CredentialParams{
		ClientDataHash: hash[:],
		RP:             ctap.RP{ID: cmp.Or(d.rpID, o.RP.ID), Name: o.RP.Name},
		User:           ctap.User{ID: unb64(t, o.User.ID), Name: o.User.Name, DisplayName: o.User.DisplayName},
		Algorithms:     []int64{-7}, ResidentKey: ctap.Required, UserVerification: ctap.Required, Attestation: ctap.Direct,
	}, ctap.Prompt{PIN: ctap.PINOnce([]byte(pin))})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"id": b64(cred.ID), "rawId": b64(cred.ID), "type": "public-key", "authenticatorAttachment": "cross-platform",
		"clientExtensionResults": map[string]any{},
		"response": map[string]any{
			"clientDataJSON": b64(clientData), "attestationObject": b64(cred.AttestationObject), "transports": []string{"usb"},
		},
	}
}
