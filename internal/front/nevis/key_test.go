package nevis_test

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
	check(t, err)
	return b
}

const pin = "2468"

// desk is a security key with its PIN set, and the browser that drives it.
type desk struct {
	key    *softkey.Key
	origin string // what the client data says; empty: that of the site
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	key, err := softkey.New(softkey.Config{UserPresence: softkey.AlwaysPresent, Now: time.Now, Attestation: softkey.AttestNone})
	check(t, err)
	d := &desk{key: key}
	check(t, d.client(t).SetPIN(t.Context(), []byte(pin)))
	return d
}

func (d *desk) client(t testing.TB) *ctap.Client {
	t.Helper()
	client, err := ctap.NewClient(t.Context(), d.key)
	check(t, err)
	return client
}

// sent is what a browser looks at of the options it is given.
type sent struct {
	RP        struct{ ID, Name string }
	RPID      string
	User      struct{ ID, Name, DisplayName string }
	Challenge string
	Allow     []struct{ ID string } `json:"allowCredentials"`
}

func (d *desk) clientData(t testing.TB, kind string, o *sent) (text, hash []byte) {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"type": kind, "challenge": o.Challenge, "origin": cmp.Or(d.origin, origin), "crossOrigin": false,
	})
	check(t, err)
	sum := sha256.Sum256(text)
	return text, sum[:]
}

// create answers creation options as a client of nevisFIDO does: without rawId.
func (d *desk) create(t testing.TB, options []byte) map[string]any {
	t.Helper()
	var o sent
	check(t, json.Unmarshal(options, &o))
	clientData, hash := d.clientData(t, "webauthn.create", &o)
	cred, err := d.client(t).MakeCredential(t.Context(), ctap.CredentialParams{
		ClientDataHash: hash, RP: ctap.RP{ID: o.RP.ID, Name: o.RP.Name},
		User:       ctap.User{ID: unb64(t, o.User.ID), Name: o.User.Name, DisplayName: o.User.DisplayName},
		Algorithms: []int64{-7}, ResidentKey: ctap.Required, UserVerification: ctap.Required, Attestation: ctap.Direct,
	}, ctap.Prompt{PIN: ctap.PINOnce([]byte(pin))})
	check(t, err)
	return map[string]any{
		"type": "public-key", "id": b64(cred.ID), "authenticatorAttachment": "cross-platform",
		"response": map[string]any{"clientDataJSON": b64(clientData), "attestationObject": b64(cred.AttestationObject)},
	}
}

// get answers request options.
func (d *desk) get(t testing.TB, options []byte) map[string]any {
	t.Helper()
	var o sent
	check(t, json.Unmarshal(options, &o))
	clientData, hash := d.clientData(t, "webauthn.get", &o)
	params := ctap.AssertionParams{RPID: o.RPID, ClientDataHash: hash, UserVerification: ctap.Required}
	for _, c := range o.Allow {
		params.Allow = append(params.Allow, ctap.CredentialDescriptor{ID: unb64(t, c.ID)})
	}
	assertions, err := d.client(t).GetAssertion(t.Context(), params, ctap.Prompt{PIN: ctap.PINOnce([]byte(pin))})
	check(t, err)
	a := assertions[0]
	response := map[string]any{"clientDataJSON": b64(clientData), "authenticatorData": b64(a.AuthData), "signature": b64(a.Signature)}
	if a.User != nil {
		response["userHandle"] = b64(a.User.ID)
	}
	return map[string]any{"type": "public-key", "id": b64(a.CredentialID), "response": response, "userAgent": "Mozilla/5.0"}
}
