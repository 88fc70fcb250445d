package nevis_test

import (
	"testing"

	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/front/fronttest"
)

var b64, unb64 = fronttest.Base64URL, fronttest.FromBase64URL

// desk is a security key, and a client of nevisFIDO that drives it.
type desk struct{ *fronttest.Desk }

func newDesk(t testing.TB) *desk {
	t.Helper()
	d := &desk{fronttest.NewDesk(t, softkey.Config{Attestation: softkey.AttestNone})}
	d.Origin = origin
	return d
}

// create answers creation options as a client of nevisFIDO does: without rawId.
func (d *desk) create(t testing.TB, options []byte) map[string]any {
	t.Helper()
	answer := d.Create(t, options)
	delete(answer, "rawId")
	delete(answer, "clientExtensionResults")
	delete(answer["response"].(map[string]any), "transports")
	return answer
}

// get answers request options.
func (d *desk) get(t testing.TB, options []byte) map[string]any {
	t.Helper()
	answer := d.Get(t, options)
	return map[string]any{"type": answer["type"], "id": answer["id"], "response": answer["response"], "userAgent": "Mozilla/5.0"}
}
