package onespan_test

import (
	"encoding/json"
	"testing"

	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/front/fronttest"
)

// desk is a security key, and the page that drives it.
type desk struct{ *fronttest.Desk }

// newDesk has a key that attests by itself.
func newDesk(t testing.TB) *desk {
	t.Helper()
	return &desk{fronttest.NewDesk(t, softkey.Config{Attestation: softkey.AttestSelf})}
}

// unattested is a key on the page of an origin that says nothing of itself.
func unattested(t testing.TB, origin string) *desk {
	t.Helper()
	d := &desk{fronttest.NewDesk(t, softkey.Config{Attestation: softkey.AttestNone})}
	d.Origin = origin
	return d
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

// create answers creation options as a browser does. The key keeps the account only where
// that is required.
func (d *desk) create(t testing.TB, options json.RawMessage) map[string]any {
	t.Helper()
	d.Keep = ctap.Discouraged
	if creationOf(t, options).AuthenticatorSelection.RequireResidentKey {
		d.Keep = ctap.Required
	}
	return d.Create(t, options)
}

// get answers request options as a browser does that does not tell the account.
func (d *desk) get(t testing.TB, options json.RawMessage) map[string]any {
	t.Helper()
	answer := d.Get(t, options)
	delete(answer, "authenticatorAttachment")
	answer["response"].(map[string]any)["userHandle"] = nil
	return answer
}
