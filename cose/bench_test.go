package cose_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"testing"

	"bestow.dev/cose"
)

// BenchmarkES256 sets Verify beside what it cannot do without.
func BenchmarkES256(b *testing.B) {
	message := []byte(known(b).Message)
	a := knownKey(b, cose.ES256)
	key := parse(b, a.Key)
	b.Run("cose", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := key.Verify(message, a.Signature); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ecdsa.VerifyASN1", func(b *testing.B) {
		public := key.Public().(*ecdsa.PublicKey)
		b.ReportAllocs()
		for b.Loop() {
			digest := sha256.Sum256(message)
			if !ecdsa.VerifyASN1(public, digest[:], a.Signature) {
				b.Fatal("does not verify")
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	file := known(b)
	for _, a := range file.Answers {
		if a.Alg != a.Alg.Canonical() {
			continue
		}
		key := parse(b, a.Key)
		b.Run(a.Name, func(b *testing.B) {
			for b.Loop() {
				if err := key.Verify([]byte(file.Message), a.Signature); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseKey(b *testing.B) {
	for _, alg := range []cose.Algorithm{cose.ES256, cose.EdDSA, cose.RS256, cose.ES256K, cose.Ed448, cose.MLDSA87} {
		a := knownKey(b, alg)
		b.Run(a.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := cose.ParseKey(a.Key); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
