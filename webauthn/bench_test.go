package webauthn_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"slices"
	"testing"

	"bestow.dev/webauthn"
)

// BenchmarkAuthentication is to be read as a pair: what judging an assertion costs,
// from its JSON to the verdict, and what the signature alone costs of it.
func BenchmarkAuthentication(b *testing.B) {
	m := newAssertion(b)
	body := m.json(b)
	b.Run("judge", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			resp, err := webauthn.ParseAuthenticationResponse(body)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := webauthn.JudgeAuthentication(m.exp, resp); err != nil {
				b.Fatal(err)
			}
		}
	})

	client := sha256.Sum256(m.client.bytes())
	digest := sha256.Sum256(slices.Concat(m.auth.bytes(), client[:]))
	resp, err := webauthn.ParseAuthenticationResponse(body)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("ecdsa", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !ecdsa.VerifyASN1(&m.key.PublicKey, digest[:], resp.Signature) {
				b.Fatal("signature does not verify")
			}
		}
	})
}

// BenchmarkRegistration judges registrations from their JSON to the verdict, trust
// included. Those with a certificate have two signatures on P-256, the statement's and
// the certificate's: "ecdsa twice" is what these cost alone.
func BenchmarkRegistration(b *testing.B) {
	for _, test := range []struct {
		name string
		m    *madeRegistration
	}{
		{"none", newRegistration(b)},
		{"packed", newFull(b).madeRegistration},
		{"tpm", newTPM(b).madeRegistration},
	} {
		body := test.m.json(b)
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				resp, err := webauthn.ParseRegistrationResponse(body)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := webauthn.JudgeRegistration(test.m.exp, resp); err != nil {
					b.Fatal(err)
				}
			}
		})
	}

	digest := sha256.Sum256([]byte("message"))
	keys := []*ecdsa.PrivateKey{newKey(b), newKey(b)}
	signatures := [][]byte{sign(b, keys[0], []byte("message")), sign(b, keys[1], []byte("message"))}
	b.Run("ecdsa twice", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for i, key := range keys {
				if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signatures[i]) {
					b.Fatal("signature does not verify")
				}
			}
		}
	})
}
