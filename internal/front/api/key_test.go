package api_test

import (
	"testing"

	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/front/fronttest"
)

var unb64 = fronttest.FromBase64URL

type desk = fronttest.Desk

func newDesk(t testing.TB) *desk {
	t.Helper()
	return fronttest.NewDesk(t, softkey.Config{})
}
