package onewelcome_test

import (
	"encoding/json"
	"testing"
	"time"

	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/front/fronttest"
)

var b64, unb64 = fronttest.Base64URL, fronttest.FromBase64URL

// desk is a security key, and the browser that drives it.
type desk struct{ *fronttest.Desk }

func newDesk(t testing.TB, attestation softkey.Attestation) *desk {
	t.Helper()
	d := &desk{fronttest.NewDesk(t, softkey.Config{Attestation: attestation, Now: func() time.Time { return start }})}
	d.Results = map[string]any{"credProps": map[string]any{"rk": true}}
	return d
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

// create answers creation options, with what browsers tell beside it and nobody reads.
func (d *desk) create(t testing.TB, options json.RawMessage) map[string]any {
	t.Helper()
	answer := d.Create(t, options)
	response := answer["response"].(map[string]any)
	response["publicKeyAlgorithm"], response["authenticatorData"], response["publicKey"] = -7, "AA", "AA"
	return answer
}
