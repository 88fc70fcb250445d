package verify

import (
	"bytes"
	"testing"

	"bestow.dev/webauthn"
)

// A fault of our own is a verdict too, and does not show what was thrown.
func TestGuard(t *testing.T) {
	text := []byte(`{"schema":"webauthn-case/1","id":"x","kind":"registration","rp":{"id":"a"},"options":{"challenge":"YWJj"},"response":{}}`)
	v := guard(text, func(*webauthnCase) Verdict { panic("a secret of the case") })
	if !v.Internal() || v.ID != "x" || len(v.Trace) == 0 {
		t.Errorf("%s with a trace of %d bytes", v.Line(), len(v.Trace))
	}
	for _, out := range [][]byte{v.Line(), v.Trace} {
		if bytes.Contains(out, []byte("secret")) {
			t.Errorf("shows what was thrown: %s", out)
		}
	}
}

// An expectation that the verification cannot use is our fault: the case was checked.
func TestInternalReason(t *testing.T) {
	v := refused("x", &webauthn.VerificationError{Reason: webauthn.ReasonInternal}, nil)
	if !v.Internal() || v.ID != "x" {
		t.Errorf("%s", v.Line())
	}
}
