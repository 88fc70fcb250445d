package cose_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/big"
	"reflect"
	"testing"

	"bestow.dev/cose"
	"github.com/cloudflare/circl/sign/ed448"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"pgregory.net/rapid"
)

// anyKey draws a public key that fits alg.
func anyKey(t *rapid.T, alg cose.Algorithm) crypto.PublicKey {
	curves := map[cose.Algorithm]elliptic.Curve{cose.ES256: elliptic.P256(), cose.ES384: elliptic.P384(), cose.ES512: elliptic.P521()}
	if curve, ok := curves[alg.Canonical()]; ok {
		size := (curve.Params().BitSize + 7) / 8
		scalar := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "scalar"))
		scalar.Mod(scalar, new(big.Int).Sub(curve.Params().N, big.NewInt(1)))
		private, err := ecdsa.ParseRawPrivateKey(curve, scalar.Add(scalar, big.NewInt(1)).FillBytes(make([]byte, size)))
		if err != nil {
			t.Fatalf("scalar %v: %v", scalar, err)
		}
		return private.Public()
	}
	seed := func(size int) []byte { return rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "seed") }
	switch alg.Canonical() {
	case cose.EdDSA:
		return ed25519.NewKeyFromSeed(seed(ed25519.SeedSize)).Public()
	case cose.Ed448:
		return cose.Ed448PublicKey(ed448.NewKeyFromSeed(seed(ed448.SeedSize)).Public().(ed448.PublicKey))
	case cose.ES256K: // a scalar of zero has no key; all others will do
		scalar := append(seed(31), byte(rapid.IntRange(1, 255).Draw(t, "last")))
		return cose.Secp256k1PublicKey(secp256k1.PrivKeyFromBytes(scalar).PubKey().SerializeUncompressed())
	case cose.MLDSA44: // whatever has the length is a key
		return cose.MLDSAPublicKey(seed(1312))
	case cose.MLDSA65:
		return cose.MLDSAPublicKey(seed(1952))
	case cose.MLDSA87:
		return cose.MLDSAPublicKey(seed(2592))
	}
	n := rapid.SliceOfN(rapid.Byte(), 256, 512).Draw(t, "n")
	n[0] |= 0x80
	n[len(n)-1] |= 1
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 2*rapid.IntRange(1, 1<<30-1).Draw(t, "e") + 1}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alg := rapid.SampledFrom(everySupported).Draw(t, "alg")
		public := anyKey(t, alg)
		key, err := cose.NewKey(alg, public)
		if err != nil {
			t.Fatalf("NewKey(%v, %v): %v", alg, public, err)
		}
		again, err := cose.ParseKey(key.Bytes())
		if err != nil || again.Algorithm() != alg || !again.Equal(public) || !bytes.Equal(again.Bytes(), key.Bytes()) {
			t.Fatalf("ParseKey(%x) = %v, %v", key.Bytes(), again, err)
		}
		der, err := again.SPKI()
		if err != nil {
			t.Fatalf("SPKI of %x: %v", key.Bytes(), err)
		}
		switch public.(type) {
		case *ecdsa.PublicKey, ed25519.PublicKey, *rsa.PublicKey:
			if spki, err := x509.ParsePKIXPublicKey(der); err != nil || !again.Equal(spki) {
				t.Fatalf("SPKI of %x is %v, %v", key.Bytes(), spki, err)
			}
		default: // which the library cannot read; the known answers show the rest
			if bits := reflect.ValueOf(public).Bytes(); !bytes.HasSuffix(der, bits) {
				t.Fatalf("SPKI of %x is %x", key.Bytes(), der)
			}
		}
	})
}

func TestSpoiltKeysAreRefusedOrUsable(t *testing.T) {
	answers := known(t).Answers
	rapid.Check(t, func(t *rapid.T) {
		data := bytes.Clone(rapid.SampledFrom(answers).Draw(t, "key").Key)
		for range rapid.IntRange(1, 3).Draw(t, "times") {
			i := rapid.IntRange(0, len(data)-1).Draw(t, "at")
			switch rapid.IntRange(0, 2).Draw(t, "how") {
			case 0:
				data[i] = rapid.Byte().Draw(t, "byte")
			case 1:
				data = append(append(data[:i:i], rapid.Byte().Draw(t, "byte")), data[i:]...)
			case 2:
				if len(data) > 1 {
					data = append(data[:i:i], data[i+1:]...)
				}
			}
		}
		judge(t, data)
	})
}

// judge holds ParseKey to its promises for any input.
func judge(t interface{ Fatalf(string, ...any) }, data []byte) {
	key, err := cose.ParseKey(data)
	if err != nil {
		if e, ok := errors.AsType[*cose.KeyError](err); key != nil || !ok || e.Reason == "" || e.Detail == "" {
			t.Fatalf("ParseKey(%x) = %v, %#v", data, key, err)
		}
		return
	}
	if !key.Algorithm().Supported() || !bytes.Equal(key.Bytes(), data) {
		t.Fatalf("ParseKey(%x) = %v key %x", data, key.Algorithm(), key.Bytes())
	}
	// There is one encoding of a key: the one it was parsed from.
	again, err := cose.NewKey(key.Algorithm(), key.Public())
	if err != nil || !bytes.Equal(again.Bytes(), data) {
		t.Fatalf("ParseKey took %x; NewKey says %v, %v", data, again, err)
	}
	if _, err := key.SPKI(); err != nil {
		t.Fatalf("SPKI of %x: %v", data, err)
	}
	if err := key.Verify([]byte("message"), make([]byte, 64)); !errors.Is(err, cose.ErrSignature) {
		t.Fatalf("%x verifies zeros: %v", data, err)
	}
}

func FuzzParseKey(f *testing.F) {
	for _, a := range known(f).Answers {
		f.Add([]byte(a.Key))
	}
	for _, c := range vectors(f) {
		f.Add(c.key)
	}
	f.Fuzz(func(t *testing.T, data []byte) { judge(t, data) })
}

func FuzzVerify(f *testing.F) {
	file := known(f)
	keys := make([]*cose.Key, len(file.Answers))
	for i, a := range file.Answers {
		keys[i] = parse(f, a.Key)
		f.Add(uint8(i), []byte(file.Message), []byte(a.Signature))
	}
	f.Fuzz(func(t *testing.T, which uint8, message, signature []byte) {
		a, key := file.Answers[int(which)%len(keys)], keys[int(which)%len(keys)]
		err := key.Verify(message, signature)
		if good := string(message) == file.Message && bytes.Equal(signature, a.Signature); good != (err == nil) {
			t.Fatalf("%s: Verify(%x, %x) = %v", a.Name, message, signature, err)
		}
	})
}
