package webauthn_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"testing"

	"bestow.dev/ctap/softkey"
	"bestow.dev/webauthn"
)

// Each target starts from the standard's examples, read when it runs, and from the
// forger's. A refusal has to be one, and has to come without a result; what is parsed
// has to survive the judgement.

// seeds calls add with a binary member of the response of every example.
func seeds(f *testing.F, member string, add func([]byte)) {
	f.Helper()
	for _, v := range vectors(f) {
		var doc struct{ Response map[string]any }
		if err := json.Unmarshal(v.Response, &doc); err != nil {
			f.Fatal(err)
		}
		text, ok := doc.Response[member].(string)
		if !ok {
			continue
		}
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			f.Fatal(err)
		}
		add(raw)
	}
}

// checkParse checks the promise that every parser here gives.
func checkParse(t *testing.T, result any, err error) bool {
	t.Helper()
	if err == nil {
		return true
	}
	if !isRefusal(err) {
		t.Errorf("error %v is no refusal", err)
	}
	if v := reflect.ValueOf(result); !v.IsZero() {
		t.Errorf("error %v came with %+v", err, result)
	}
	return false
}

func FuzzClientData(f *testing.F) {
	seeds(f, "clientDataJSON", func(b []byte) { f.Add(b) })
	f.Add([]byte("\xef\xbb\xbf{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := webauthn.ParseClientData(data)
		if err != nil {
			if !isRefusal(err) || c.Type != "" || c.Challenge != nil || c.Origin != "" {
				t.Errorf("got %+v with error %v", c, err)
			}
			return
		}
		if c.Type == "" || len(c.Challenge) == 0 || c.Origin == "" {
			t.Errorf("accepted %+v", c)
		}
	})
}

func FuzzAuthenticatorData(f *testing.F) {
	seeds(f, "authenticatorData", func(b []byte) { f.Add(b) })
	a := newRegistration(f).auth
	a.flags, a.extensions = 0xc5, cMap(pair{cText("credProtect"), cInt(2)})
	f.Add(a.bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := webauthn.ParseAuthenticatorData(data)
		if !checkParse(t, a, err) {
			return
		}
		if a.Flags.AttestedData() != (a.Attested != nil) {
			t.Errorf("flags %#x, attested data %v", a.Flags, a.Attested)
		}
		if a.Attested != nil && (len(a.Attested.CredentialID) == 0 || len(a.Attested.PublicKey) == 0) {
			t.Errorf("accepted %+v", a.Attested)
		}
		if _, err := json.Marshal(a.Extensions); err != nil {
			t.Errorf("extensions are not readable: %v", err)
		}
		// Authenticator data ends where its structure says, so nothing can follow.
		if _, err := webauthn.ParseAuthenticatorData(append(bytes.Clone(data), 0)); err == nil {
			t.Error("a byte after it was accepted")
		}
	})
}

func FuzzAttestationObject(f *testing.F) {
	seeds(f, "attestationObject", func(b []byte) { f.Add(b) })
	for _, m := range []*madeRegistration{newRegistration(f), newSelf(f), newFull(f).madeRegistration, newU2F(f).madeRegistration} {
		f.Add(m.attestationObject(f))
	}
	for _, attestation := range []softkey.Attestation{
		softkey.AttestAndroidKey, softkey.AttestApple, softkey.AttestSafetyNet, softkey.AttestCompound,
	} {
		made := newSoft(f, attestation)
		made.make(f)
		f.Add(made.attestationObject(f))
	}
	m := newRegistration(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		resp, err := webauthn.ParseAttestationObject(data)
		if !checkParse(t, resp, err) {
			return
		}
		// Go on to the statement, past what the fuzzer could hardly get right.
		exp := m.exp
		exp.Trust = webauthn.TrustPolicy{Attestation: webauthn.TrustIgnore, AllowDeprecatedAndroidSafetyNet: true}
		resp.CredentialID = resp.AuthenticatorData.Attested.CredentialID
		resp.ClientData = webauthn.ClientData{Type: "webauthn.create", Challenge: testChallenge, Origin: testOrigin}
		reg, err := webauthn.JudgeRegistration(exp, resp)
		checkParse(t, reg, err)
	})
}

func FuzzRegistrationResponse(f *testing.F) {
	for _, v := range vectors(f) {
		if v.Kind == "registration" {
			f.Add([]byte(v.Response))
		}
	}
	m := newFull(f)
	f.Add(m.json(f))
	f.Add([]byte(workedResponse))
	f.Fuzz(func(t *testing.T, data []byte) {
		resp, err := webauthn.ParseRegistrationResponse(data)
		if !checkParse(t, resp, err) {
			return
		}
		reg, err := webauthn.JudgeRegistration(m.exp, resp)
		checkParse(t, reg, err)
	})
}

func FuzzAuthenticationResponse(f *testing.F) {
	for _, v := range vectors(f) {
		if v.Kind == "authentication" {
			f.Add([]byte(v.Response))
		}
	}
	m := newAssertion(f)
	f.Add(m.json(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		resp, err := webauthn.ParseAuthenticationResponse(data)
		if !checkParse(t, resp, err) {
			return
		}
		auth, err := webauthn.JudgeAuthentication(m.exp, resp)
		checkParse(t, auth, err)
	})
}

func FuzzCreationOptions(f *testing.F) {
	f.Add([]byte(goodCreation))
	f.Add([]byte(workedOptions))
	f.Fuzz(func(t *testing.T, data []byte) {
		opts, err := webauthn.ParseCreationOptions(data)
		if err != nil {
			if opts != nil {
				t.Errorf("error %v came with %+v", err, opts)
			}
			return
		}
		if err := opts.Check(); err != nil {
			t.Errorf("accepted options do not pass their check: %v", err)
		}
	})
}
