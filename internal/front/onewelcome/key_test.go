package onewelcome_test

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
	origin string           // what the client data says; empty: https:// and the RP ID
	keep   ctap.Requirement // what the key is told about discoverable credentials; zero: required
	rpID   string           // what the key is told in place of the RP ID; empty: the truth
}

func newDesk(t testing.TB, attestation softkey.Attestation) *desk {
	t.Helper()
	key, err := softkey.New(softkey.Config{UserPresence: softkey.AlwaysPresent, Now: func() time.Time { return start }, Attestation: attestation})
	check(t, err)
	d := &desk{key: key}
	check(t, d.client(t).SetPIN(t.Context(), []byte(pin)))
	return d
}

func (d *desk) client(t testing.TB) *ctap.Client {
	t.Helper()
	c, err := ctap.NewClient(t.Context(), d.key)
	check(t, err)
	return c
}

func (d *desk) clientData(t testing.TB, kind, challenge, rpID string) ([]byte, [32]byte) {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"type": kind, "challenge": challenge, "origin": cmp.Or(d.origin, "https://"+rpID), "crossOrigin": false,
	})
	check(t, err)
	return text, sha256.Sum256(text)
}

// creationOptions is what a browser looks at of creation options.
type creationOptions struct {
	RP                     struct{ ID, Name string }
	User                   struct{ ID, Name, DisplayName string }
	Challenge              string
	PubKeyCredParams       []struct{ Alg int64 }
	Timeout                int
	Attestation            string
	ExcludeCredentials     []struct{ ID string }
	AuthenticatorSelection struct{ AuthenticatorAttachment, ResidentKey, UserVerification string }
	Extensions             map[string]any
	TransactionID          string
}

// create answers creation options as a browser does, in its toJSON form.
func (d *desk) create(t testing.TB, options json.RawMessage) map[string]any {
	t.Helper()
	var o creationOptions
	check(t, json.Unmarshal(options, &o))
	clientData, hash := d.clientData(t, "webauthn.create", o.Challenge, o.RP.ID)
	cred, err := d.client(t).MakeCredential(t.Context(), ctap.CredentialParams{
		ClientDataHash: hash[:],
		RP:             ctap.RP{ID: cmp.Or(d.rpID, o.RP.ID), Name: o.RP.Name},
		User:           ctap.User{ID: unb64(t, o.User.ID), Name: o.User.Name, DisplayName: o.User.DisplayName},
		Algorithms:     []int64{-7}, ResidentKey: cmp.Or(d.keep, ctap.Required), UserVerification: ctap.Required, Attestation: ctap.Direct,
	}, ctap.Prompt{PIN: ctap.PINOnce([]byte(pin))})
	check(t, err)
	return response(cred.ID, map[string]any{
		"clientDataJSON": b64(clientData), "attestationObject": b64(cred.AttestationObject), "transports": []string{"usb"},
		// What browsers tell beside it, and nobody reads.
		"publicKeyAlgorithm": -7, "authenticatorData": "AA", "publicKey": "AA",
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
	all, err := d.client(t).GetAssertion(t.Context(), p, ctap.Prompt{PIN: ctap.PINOnce([]byte(pin))})
	check(t, err)
	members := map[string]any{
		"clientDataJSON": b64(clientData), "authenticatorData": b64(all[0].AuthData), "signature": b64(all[0].Signature),
	}
	if all[0].User != nil {
		members["userHandle"] = b64(all[0].User.ID)
	}
	return response(all[0].CredentialID, members)
}

func response(id []byte, members map[string]any) map[string]any {
	return map[string]any{
		"id": b64(id), "rawId": b64(id), "type": "public-key", "authenticatorAttachment": "cross-platform",
		"clientExtensionResults": map[string]any{"credProps": map[string]any{"rk": true}}, "response": members,
	}
}
