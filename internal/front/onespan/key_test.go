package onespan_test

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

// desk is a security key with its PIN set, and the page that drives it.
type desk struct {
	key    *softkey.Key
	origin string // what the client data says; empty: https:// and the RP ID
}

// newDesk has a key that attests by itself.
func newDesk(t testing.TB) *desk {
	t.Helper()
	return deskThatAttests(t, softkey.AttestSelf)
}

// unattested is a key on the page of an origin that says nothing of itself.
func unattested(t testing.TB, origin string) *desk {
	t.Helper()
	d := deskThatAttests(t, softkey.AttestNone)
	d.origin = origin
	return d
}

func deskThatAttests(t testing.TB, a softkey.Attestation) *desk {
	t.Helper()
	key, err := softkey.New(softkey.Config{UserPresence: softkey.AlwaysPresent, Now: time.Now, Attestation: a})
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

func (d *desk) client(t testing.TB) *ctap.Client {
	t.Helper()
	client, err := ctap.NewClient(t.Context(), d.key)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (d *desk) clientData(t testing.TB, kind, challenge, rp string) (text, hash []byte) {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"type": kind, "challenge": challenge, "origin": cmp.Or(d.origin, "https://"+rp), "crossOrigin": false,
	})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	return text, sum[:]
}

// creation is what a page looks at of the options it is given.
type creation struct {
	RP                     struct{ ID, Name string }
	User                   struct{ ID, Name, DisplayName string }
	Challenge              string
	ExcludeCredentials     []struct{ ID string }
	AuthenticatorSelection struct {
		UserVerification, ResidentKey, AuthenticatorAttachment string
		RequireResidentKey                                     bool
	}
	Attestation string
	Timeout     int64
	Params      []struct{ Alg int32 } `json:"pubKeyCredParams"`
}

func creationOf(t testing.TB, options json.RawMessage) creation {
	t.Helper()
	var o creation
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// create answers creation options as a browser does.
func (d *desk) create(t testing.TB, options json.RawMessage) map[string]any {
	t.Helper()
	o := creationOf(t, options)
	clientData, hash := d.clientData(t, "webauthn.create", o.Challenge, o.RP.ID)
	verification, residence := ctap.Required, ctap.Discouraged
	if o.AuthenticatorSelection.RequireResidentKey {
		residence = ctap.Required
	}
	cred, err := d.client(t).MakeCredential(t.Context(), ctap.CredentialParams{
		ClientDataHash: hash, RP: ctap.RP{ID: o.RP.ID, Name: o.RP.Name},
		User:       ctap.User{ID: unb64(t, o.User.ID), Name: o.User.Name, DisplayName: o.User.DisplayName},
		Algorithms: []int64{-7}, ResidentKey: residence, UserVerification: verification, Attestation: ctap.Direct,
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

// get answers request options as a browser does.
func (d *desk) get(t testing.TB, options json.RawMessage) map[string]any {
	t.Helper()
	var o struct {
		RPID             string `json:"rpId"`
		Challenge        string
		AllowCredentials []struct{ ID string }
	}
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatal(err)
	}
	clientData, hash := d.clientData(t, "webauthn.get", o.Challenge, o.RPID)
	params := ctap.AssertionParams{RPID: o.RPID, ClientDataHash: hash, UserVerification: ctap.Required}
	for _, c := range o.AllowCredentials {
		params.Allow = append(params.Allow, ctap.CredentialDescriptor{ID: unb64(t, c.ID)})
	}
	all, err := d.client(t).GetAssertion(t.Context(), params, ctap.Prompt{PIN: ctap.PINOnce([]byte(pin))})
	if err != nil {
		t.Fatal(err)
	}
	a := all[0]
	return map[string]any{
		"id": b64(a.CredentialID), "rawId": b64(a.CredentialID), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{
			"clientDataJSON": b64(clientData), "authenticatorData": b64(a.AuthData), "signature": b64(a.Signature), "userHandle": nil,
		},
	}
}
