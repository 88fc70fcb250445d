package webauthn_test

import (
	"crypto/x509"
	"slices"
	"testing"

	"bestow.dev/ctap/softkey"
	"bestow.dev/webauthn"
)

// TestAppleSteps walks §8.8.
func TestAppleSteps(t *testing.T) {
	nonce := func(change func([]byte) []byte) func(*softRegistration) {
		return func(s *softRegistration) {
			s.forge.Certificate = func(c *x509.Certificate) {
				c.ExtraExtensions[0].Value = change(slices.Clone(c.ExtraExtensions[0].Value))
			}
		}
	}
	steps := []softStep{
		{"untouched", func(*softRegistration) {}, "", ""},
		{"step 1: alg as well", func(s *softRegistration) {
			s.spoil(func(m map[string]any) { m["alg"] = softkey.ES256 })
		}, "", ""},
		{"step 1: sig as well", func(s *softRegistration) {
			s.spoil(func(m map[string]any) { m["sig"] = []byte{1} })
		}, webauthn.ReasonAttestationStatementMalformed, "8.8/1"},
		{"step 1: x5c empty", func(s *softRegistration) {
			s.spoil(func(m map[string]any) { m["x5c"] = [][]byte{} })
		}, webauthn.ReasonAttestationStatementMalformed, "8.8/1"},
		{"step 1: certificate cut short", func(s *softRegistration) {
			s.spoil(func(m map[string]any) { m["x5c"] = [][]byte{m["x5c"].([][]byte)[0][:100]} })
		}, webauthn.ReasonAttestationCertificateMalformed, "8.8/1"},

		{"step 4: no nonce", func(s *softRegistration) {
			s.forge.Certificate = func(c *x509.Certificate) { c.ExtraExtensions = nil }
		}, webauthn.ReasonAppleNonce, "8.8/4"},
		{"step 4: another nonce", nonce(func(b []byte) []byte { b[6] ^= 1; return b }), webauthn.ReasonAppleNonce, "8.8/4"},
		{"step 4: bytes after the nonce", nonce(func(b []byte) []byte { return append(b, 0) }), webauthn.ReasonAppleNonce, "8.8/4"},
		{"step 4: nonce cut short", nonce(func(b []byte) []byte { return b[:len(b)-1] }), webauthn.ReasonAppleNonce, "8.8/4"},
		{"step 4: empty", nonce(func([]byte) []byte { return nil }), webauthn.ReasonAppleNonce, "8.8/4"},
		{"step 4: under another tag", nonce(func(b []byte) []byte { b[2] = 0xa2; return b }), webauthn.ReasonAppleNonce, "8.8/4"},
		{"step 4: not wrapped", nonce(func(b []byte) []byte { return b[4:] }), webauthn.ReasonAppleNonce, "8.8/4"},
		{"step 4: nonce alone", nonce(func(b []byte) []byte { return b[6:] }), webauthn.ReasonAppleNonce, "8.8/4"},
		{"step 4: lengths of more bytes than they need", nonce(func(b []byte) []byte {
			return append([]byte{0x30, 0x81, 0x24}, b[2:]...)
		}), webauthn.ReasonAppleNonce, "8.8/4"},

		{"step 5: certificate for another key", func(s *softRegistration) { s.forge.OtherKey = true }, webauthn.ReasonAttestationCertificate, "8.8/5"},

		{"model allowed", func(s *softRegistration) {
			s.exp.Trust.AllowedAAGUIDs = []webauthn.AAGUID{softkey.AAGUID}
		}, "", ""},
		{"trust: no anchors", func(s *softRegistration) { s.exp.Trust.Anchors = nil }, webauthn.ReasonAttestationUntrusted, "7.1/24"},
		{"trust: another root", func(s *softRegistration) {
			s.exp.Trust.Anchors = []*x509.Certificate{newSoftRoot()}
		}, webauthn.ReasonAttestationUntrusted, "7.1/24"},
		{"trust: certificate of a CA", func(s *softRegistration) {
			s.forge.Certificate = func(c *x509.Certificate) { c.IsCA = true }
		}, webauthn.ReasonAttestationCertificate, "7.1/24"},
	}
	testSoftSteps(t, softkey.AttestApple, append(wrongMembers("8.8/1", "x5c"), steps...))

	reg, err := newSoft(t, softkey.AttestApple).judge(t)
	if err != nil || reg.AttestationType != webauthn.AttestationAnonCA || len(reg.Warnings) > 0 {
		t.Errorf("got %+v, %v", reg, err)
	}
}

// TestAppleNonceBinds checks that a statement is good for one registration alone:
// nothing but the nonce ties it to authenticator data and client data.
func TestAppleNonceBinds(t *testing.T) {
	for name, change := range map[string]func(*softRegistration){
		"client data":        func(s *softRegistration) { s.client["extra"] = true },
		"authenticator data": func(s *softRegistration) { s.authBytes[36]++ },
	} {
		s := newSoft(t, softkey.AttestApple)
		s.make(t)
		change(s)
		_, err := s.madeRegistration.judge(t)
		t.Log(name)
		wantRefusal(t, err, webauthn.ReasonAppleNonce, "8.8/4")
	}
}
