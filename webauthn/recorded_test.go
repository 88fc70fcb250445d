package webauthn_test

import (
	"testing"

	"bestow.dev/webauthn"
)

// What was kept of a registration is read as strictly as what a client sends.
func TestRecordedRegistration(t *testing.T) {
	m := newFull(t)
	resp, err := webauthn.RecordedRegistration(m.attestationObject(t), m.clientJSON())
	if err != nil {
		t.Fatal(err)
	}
	if reg, err := webauthn.JudgeRegistration(m.exp, resp); err != nil || !reg.Trusted {
		t.Errorf("judged again: %+v, %v", reg, err)
	}
	for _, test := range []struct {
		name           string
		object, client []byte
		reason         webauthn.Reason
		step           string
	}{
		{"7.1/6: no client data", m.attestationObject(t), nil, webauthn.ReasonClientDataMalformed, "7.1/6"},
		{"7.1/13: no attestation object", nil, m.clientJSON(), webauthn.ReasonCBORMalformed, "7.1/13"},
		{"7.1/13: cut short", m.attestationObject(t)[:100], m.clientJSON(), webauthn.ReasonCBORMalformed, "7.1/13"},
	} {
		t.Run(test.name, func(t *testing.T) {
			resp, err := webauthn.RecordedRegistration(test.object, test.client)
			wantRefusal(t, err, test.reason, test.step)
			if resp != nil {
				t.Errorf("refused, and returned %+v", resp)
			}
		})
	}
}
