package webauthn_test

import (
	"bytes"
	"reflect"
	"testing"

	"bestow.dev/webauthn"
)

// What was kept of a registration is judged as it was when it came, but for what the
// client alone had said.
func TestRecordedRegistration(t *testing.T) {
	m := newFull(t)
	parsed, err := webauthn.ParseRegistrationResponse(m.json(t))
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := webauthn.RecordedRegistration(parsed.AttestationObject, parsed.ClientDataJSON)
	if err != nil {
		t.Fatal(err)
	}
	if recorded.Transports != nil || recorded.Attachment != "" || recorded.ClientExtensionResults != nil {
		t.Errorf("the client's word is in it: %+v", recorded)
	}
	want, err := webauthn.JudgeRegistration(m.exp, parsed)
	if err != nil {
		t.Fatal(err)
	}
	recorded.Transports, recorded.ClientExtensionResults = parsed.Transports, parsed.ClientExtensionResults
	got, err := webauthn.JudgeRegistration(m.exp, recorded)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}

	for name, spoilt := range map[string][2][]byte{
		"no attestation object":    {nil, parsed.ClientDataJSON},
		"attestation object cut":   {parsed.AttestationObject[:40], parsed.ClientDataJSON},
		"more after it":            {append(bytes.Clone(parsed.AttestationObject), 0), parsed.ClientDataJSON},
		"no client data":           {parsed.AttestationObject, nil},
		"client data cut":          {parsed.AttestationObject, parsed.ClientDataJSON[:20]},
		"one in the other's place": {parsed.ClientDataJSON, parsed.AttestationObject},
		"an empty map":             {[]byte{0xa0}, parsed.ClientDataJSON},
	} {
		if resp, err := webauthn.RecordedRegistration(spoilt[0], spoilt[1]); resp != nil || !isRefusal(err) {
			t.Errorf("%s: %+v, %v", name, resp, err)
		}
	}
}

func FuzzRecordedRegistration(f *testing.F) {
	m := newFull(f)
	parsed, err := webauthn.ParseRegistrationResponse(m.json(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(parsed.AttestationObject, parsed.ClientDataJSON)
	f.Fuzz(func(t *testing.T, object, clientData []byte) {
		resp, err := webauthn.RecordedRegistration(object, clientData)
		if !checkParse(t, resp, err) {
			return
		}
		reg, err := webauthn.JudgeRegistration(m.exp, resp)
		checkParse(t, reg, err)
	})
}
