package fronttest

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

// Base64URL is base64url without padding.
func Base64URL(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// FromBase64URL reads what [Base64URL] writes, and fails the test on anything else.
func FromBase64URL(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	check(t, err)
	return b
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const pin = "2468"

// Desk is a security key with its PIN set, and the browser that drives it.
type Desk struct {
	Key     *softkey.Key
	RPID    string           // what the key is told in place of the RP ID; empty: the truth
	Keep    ctap.Requirement // what the key is told about discoverable credentials; empty: required
	Origin  string           // of the page; empty: https:// and the RP ID
	Framed  string           // origin of the page around it; empty: none
	Results map[string]any   // client extension outputs; nil: none
}

// NewDesk makes a key at which somebody always touches it, unless c says otherwise. Without
// a clock it has the true time.
func NewDesk(t testing.TB, c softkey.Config) *Desk {
	t.Helper()
	if c.UserPresence == nil {
		c.UserPresence = softkey.AlwaysPresent
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	key, err := softkey.New(c)
	check(t, err)
	d := &Desk{Key: key}
	check(t, d.client(t).SetPIN(t.Context(), []byte(pin)))
	return d
}

func (d *Desk) client(t testing.TB) *ctap.Client {
	t.Helper()
	client, err := ctap.NewClient(t.Context(), d.Key)
	check(t, err)
	return client
}

// Create answers creation options as a browser does, in its toJSON form, after a PIN and a
// touch.
func (d *Desk) Create(t testing.TB, options []byte) map[string]any {
	t.Helper()
	var o struct {
		RP        struct{ ID, Name string }
		User      struct{ ID, Name, DisplayName string }
		Challenge string
	}
	check(t, json.Unmarshal(options, &o))
	clientData, hash := d.clientData(t, "webauthn.create", o.Challenge, o.RP.ID)
	cred, err := d.client(t).MakeCredential(t.Context(), ctap.CredentialParams{
		ClientDataHash: hash,
		RP:             ctap.RP{ID: cmp.Or(d.RPID, o.RP.ID), Name: o.RP.Name},
		User:           ctap.User{ID: FromBase64URL(t, o.User.ID), Name: o.User.Name, DisplayName: o.User.DisplayName},
		Algorithms:     []int64{-7}, ResidentKey: cmp.Or(d.Keep, ctap.Required), UserVerification: ctap.Required, Attestation: ctap.Direct,
	}, prompt())
	check(t, err)
	return d.response(cred.ID, map[string]any{
		"clientDataJSON": Base64URL(clientData), "attestationObject": Base64URL(cred.AttestationObject), "transports": []string{"usb"},
	})
}

// Get answers request options as a browser does, with the key's first account.
func (d *Desk) Get(t testing.TB, options []byte) map[string]any {
	t.Helper()
	var o struct {
		RPID, Challenge  string
		AllowCredentials []struct{ ID string }
	}
	check(t, json.Unmarshal(options, &o))
	clientData, hash := d.clientData(t, "webauthn.get", o.Challenge, o.RPID)
	p := ctap.AssertionParams{RPID: o.RPID, ClientDataHash: hash, UserVerification: ctap.Required}
	for _, c := range o.AllowCredentials {
		p.Allow = append(p.Allow, ctap.CredentialDescriptor{ID: FromBase64URL(t, c.ID)})
	}
	all, err := d.client(t).GetAssertion(t.Context(), p, prompt())
	check(t, err)
	members := map[string]any{
		"clientDataJSON": Base64URL(clientData), "authenticatorData": Base64URL(all[0].AuthData), "signature": Base64URL(all[0].Signature),
	}
	if all[0].User != nil {
		members["userHandle"] = Base64URL(all[0].User.ID)
	}
	return d.response(all[0].CredentialID, members)
}

func prompt() ctap.Prompt { return ctap.Prompt{PIN: ctap.PINOnce([]byte(pin))} }

func (d *Desk) clientData(t testing.TB, kind, challenge, rpID string) (text, hash []byte) {
	t.Helper()
	said := map[string]any{
		"type": kind, "challenge": challenge, "origin": cmp.Or(d.Origin, "https://"+rpID), "crossOrigin": d.Framed != "",
	}
	if d.Framed != "" {
		said["topOrigin"] = d.Framed
	}
	text, err := json.Marshal(said)
	check(t, err)
	sum := sha256.Sum256(text)
	return text, sum[:]
}

func (d *Desk) response(id []byte, members map[string]any) map[string]any {
	results := d.Results
	if results == nil {
		results = map[string]any{}
	}
	return map[string]any{
		"id": Base64URL(id), "rawId": Base64URL(id), "type": "public-key", "authenticatorAttachment": "cross-platform",
		"clientExtensionResults": results, "response": members,
	}
}
