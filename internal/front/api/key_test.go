package api_test

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
	origin string // of the page; empty: https:// and the RP ID

	framed  string         // origin of the page around it; empty: none
	results map[string]any // client extension outputs
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	key, err := softkey.New(softkey.Config{UserPresence: softkey.AlwaysPresent, Now: time.Now})
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

func ask() ctap.Prompt { return ctap.Prompt{PIN: ctap.PINOnce([]byte(pin))} }

func (d *desk) clientData(t testing.TB, kind, challenge, rpID string) (clientData []byte, hash [32]byte) {
	t.Helper()
	said := map[string]any{
		"type": kind, "challenge": challenge, "origin": cmp.Or(d.origin, "https://"+rpID), "crossOrigin": d.framed != "",
	}
	if d.framed != "" {
		said["topOrigin"] = d.framed
	}
	clientData, err := json.Marshal(said)
	check(t, err)
	return clientData, sha256.Sum256(clientData)
}

func (d *desk) response(id []byte, members map[string]any) map[string]any {
	results := d.results
	if results == nil {
		results = map[string]any{}
	}
	return map[string]any{
		"id": b64(id), "rawId": b64(id), "type": "public-key", "authenticatorAttachment": "cross-platform",
		"clientExtensionResults": results, "response": members,
	}
}

// create answers creation options as a browser does.
func (d *desk) create(t testing.TB, options json.RawMessage) map[string]any {
	t.Helper()
	var o struct {
		RP        struct{ ID, Name string }
		User      struct{ ID, Name, DisplayName string }
		Challenge string
	}
	check(t, json.Unmarshal(options, &o))
	clientData, hash := d.clientData(t, "webauthn.create", o.Challenge, o.RP.ID)
	cred, err := d.client(t).MakeCredential(t.Context(), ctap.CredentialParams{
		ClientDataHash: hash[:],
		RP:             ctap.RP{ID: o.RP.ID, Name: o.RP.Name},
		User:           ctap.User{ID: unb64(t, o.User.ID), Name: o.User.Name, DisplayName: o.User.DisplayName},
		Algorithms:     []int64{-7}, ResidentKey: ctap.Required, UserVerification: ctap.Required, Attestation: ctap.Direct,
	}, ask())
	check(t, err)
	return d.response(cred.ID, map[string]any{
		"clientDataJSON": b64(clientData), "attestationObject": b64(cred.AttestationObject), "transports": []string{"usb"},
	})
}

// get answers request options as a browser does, with the key's first account.
func (d *desk) get(t testing.TB, options json.RawMessage) map[string]any {
	t.Helper()
	var o struct {
		RPID, Challenge  string
		AllowCredentials []struct{ ID string }
	}
	check(t, json.Unmarshal(options, &o))
	clientData, hash := d.clientData(t, "webauthn.get", o.Challenge, o.RPID)
	p := ctap.AssertionParams{RPID: o.RPID, ClientDataHash: hash[:], UserVerification: ctap.Required}
	for _, c := range o.AllowCredentials {
		p.Allow = append(p.Allow, ctap.CredentialDescriptor{ID: unb64(t, c.ID)})
	}
	all, err := d.client(t).GetAssertion(t.Context(), p, ask())
	check(t, err)
	members := map[string]any{
		"clientDataJSON": b64(clientData), "authenticatorData": b64(all[0].AuthData), "signature": b64(all[0].Signature),
	}
	if all[0].User != nil {
		members["userHandle"] = b64(all[0].User.ID)
	}
	return d.response(all[0].CredentialID, members)
}
