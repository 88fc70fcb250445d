package digitalaccess_test

import (
	"testing"

	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/front/fronttest"
)

var b64, unb64 = fronttest.Base64URL, fronttest.FromBase64URL

type desk = fronttest.Desk

func newDesk(t testing.TB) *desk {
	t.Helper()
	return fronttest.NewDesk(t, softkey.Config{Attestation: softkey.AttestSelf})
}
