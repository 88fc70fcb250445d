package plugout

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"sync"
	"testing"
)

var (
	ecKey  = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func signer(t *testing.T, key crypto.Signer, alg Algorithm, kid string) *Signer {
	t.Helper()
	s, err := NewSigner(key, alg, kid)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSignAndVerify(t *testing.T) {
	payload := []byte(`{"v":1}`)
	tests := []struct {
		name string
		s    *Signer
		want Algorithm
	}{
		{"ECDSA", signer(t, ecKey(), "", ""), ES256},
		{"RSA, its default", signer(t, rsaKey(), "", "attestation_2026-01-15T09:00:00GMT"), RS256},
		{"RSA with PSS", signer(t, rsaKey(), PS256, "pss"), PS256},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			compact, err := tt.s.Sign(payload)
			if err != nil {
				t.Fatal(err)
			}
			jws, err := ParseJWS(compact)
			if err != nil {
				t.Fatal(err)
			}
			if jws.Header != (Header{tt.want, tt.s.Public().KeyID, "JWT"}) || !bytes.Equal(jws.Payload, payload) {
				t.Errorf("header %+v, payload %q", jws.Header, jws.Payload)
			}
			keys := must(NewKeySet(tt.s.Public()))
			key, err := keys.Verify(jws)
			if err != nil || !key.Equal(tt.s.Public()) {
				t.Fatalf("Verify = %v, %v", key, err)
			}
			// Every part is covered: the header by the signature, and so on.
			for i := range compact {
				spoilt := bytes.Clone(compact)
				spoilt[i] ^= 1
				if jws, err := ParseJWS(spoilt); err == nil {
					if _, err := keys.Verify(jws); err == nil {
						t.Fatalf("byte %d may be changed", i)
					}
				}
			}
		})
	}
}

// forge builds a compact JWS from its parts, signed by sign.
func forge(header, payload string, sign func(input []byte) []byte) []byte {
	input := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(payload))
	return []byte(input + "." + b64.EncodeToString(sign([]byte(input))))
}

func signES256(input []byte) []byte {
	digest := sha256.Sum256(input)
	return must(joinDER(must(ecdsa.SignASN1(rand.Reader, ecKey(), digest[:])), elliptic.P256()))
}

func TestJWSRefusals(t *testing.T) {
	public := must(NewPublicKey(ecKey().Public(), "k"))
	retired := must(NewPublicKey(rsaKey().Public(), "old"))
	retired.Inactive = true
	keys := must(NewKeySet(public, retired))
	jwk := string(must(json.Marshal(public.JWK())))
	hmacWithPublicKey := func(input []byte) []byte {
		mac := hmac.New(sha256.New, must(ecKey().PublicKey.Bytes()))
		mac.Write(input)
		return mac.Sum(nil)
	}
	tests := []struct {
		name    string
		compact []byte
		want    Reason
	}{
		{"untouched", forge(`{"alg":"ES256","kid":"k","typ":"JWT"}`, `{}`, signES256), ""},
		{"no typ", forge(`{"alg":"ES256","kid":"k"}`, `{}`, signES256), ""},
		{"none", forge(`{"alg":"none","kid":"k"}`, `{}`, func([]byte) []byte { return []byte{0} }), ReasonAlgorithm},
		{"None", forge(`{"alg":"None","kid":"k"}`, `{}`, signES256), ReasonAlgorithm},
		{"keyed hash with the public key", forge(`{"alg":"HS256","kid":"k"}`, `{}`, hmacWithPublicKey), ReasonAlgorithm},
		{"alg missing", forge(`{"kid":"k"}`, `{}`, signES256), ReasonAlgorithm},
		{"alg of another key type", forge(`{"alg":"RS256","kid":"k"}`, `{}`, signES256), ReasonAlgorithm},
		{"crit", forge(`{"alg":"ES256","kid":"k","crit":["b64"],"b64":false}`, `{}`, signES256), ReasonMalformed},
		{"jwk", forge(`{"alg":"ES256","kid":"k","jwk":`+jwk+`}`, `{}`, signES256), ReasonMalformed},
		{"jku", forge(`{"alg":"ES256","kid":"k","jku":"https://evil.example/keys"}`, `{}`, signES256), ReasonMalformed},
		{"x5u", forge(`{"alg":"ES256","kid":"k","x5u":"https://evil.example/c"}`, `{}`, signES256), ReasonMalformed},
		{"x5c", forge(`{"alg":"ES256","kid":"k","x5c":["AA=="]}`, `{}`, signES256), ReasonMalformed},
		{"member twice", forge(`{"alg":"ES256","alg":"none","kid":"k"}`, `{}`, signES256), ReasonMalformed},
		{"member in other case", forge(`{"ALG":"ES256","kid":"k"}`, `{}`, signES256), ReasonMalformed},
		{"typ other", forge(`{"alg":"ES256","kid":"k","typ":"JOSE"}`, `{}`, signES256), ReasonMalformed},
		{"kid missing", forge(`{"alg":"ES256"}`, `{}`, signES256), ReasonMalformed},
		{"kid unknown", forge(`{"alg":"ES256","kid":"other"}`, `{}`, signES256), ReasonUnknownKey},
		{"kid of a key not active", forge(`{"alg":"RS256","kid":"old"}`, `{}`, signES256), ReasonUnknownKey},
		{"header is an array", forge(`[]`, `{}`, signES256), ReasonMalformed},
		{"something behind the header", forge(`{"alg":"ES256","kid":"k"} {}`, `{}`, signES256), ReasonMalformed},
		{"signature as DER", forge(`{"alg":"ES256","kid":"k"}`, `{}`, func(in []byte) []byte {
			digest := sha256.Sum256(in)
			return must(ecdsa.SignASN1(rand.Reader, ecKey(), digest[:]))
		}), ReasonSignature},
		{"signature all zero", forge(`{"alg":"ES256","kid":"k"}`, `{}`, func([]byte) []byte { return make([]byte, 64) }), ReasonSignature},
		{"two parts", []byte("e30.e30"), ReasonMalformed},
		{"four parts", append(forge(`{"alg":"ES256","kid":"k"}`, `{}`, signES256), ".AA"...), ReasonMalformed},
		{"empty signature", []byte(b64.EncodeToString([]byte(`{"alg":"ES256","kid":"k"}`)) + ".e30."), ReasonMalformed},
		{"padding", append(forge(`{"alg":"ES256","kid":"k"}`, `{}`, signES256), '='), ReasonMalformed},
		{"line break at the end", append(forge(`{"alg":"ES256","kid":"k"}`, `{}`, signES256), '\n'), ReasonMalformed},
		{"too large", bytes.Repeat([]byte("A"), MaxAnswerBytes+1), ReasonTooLarge},
		{"nothing", nil, ReasonMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			jws, err := ParseJWS(tt.compact)
			if err == nil {
				_, err = keys.Verify(jws)
			}
			if got := ReasonOf(err); got != tt.want || (err == nil) != (tt.want == "") {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestSignerRefusesUnfitKeys(t *testing.T) {
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	if _, err := NewSigner(p384, "", ""); ReasonOf(err) != ReasonUnusableKey {
		t.Errorf("P-384: %v", err)
	}
	if _, err := NewSigner(ecKey(), RS256, ""); ReasonOf(err) != ReasonAlgorithm {
		t.Errorf("ECDSA with RS256: %v", err)
	}
	if _, err := NewSigner(ecKey(), "none", ""); ReasonOf(err) != ReasonAlgorithm {
		t.Errorf("none: %v", err)
	}
	if _, err := signer(t, ecKey(), "", "").Sign(make([]byte, MaxAnswerBytes)); ReasonOf(err) != ReasonTooLarge {
		t.Errorf("large payload: %v", err)
	}
}

func FuzzParseJWS(f *testing.F) {
	f.Add(forge(`{"alg":"ES256","kid":"k","typ":"JWT"}`, `{"v":1}`, signES256))
	f.Add([]byte("e30.e30.AA"))
	f.Add([]byte(strings.Repeat(".", 3)))
	keys := must(NewKeySet(must(NewPublicKey(ecKey().Public(), "k"))))
	f.Fuzz(func(t *testing.T, compact []byte) {
		jws, err := ParseJWS(compact)
		if (jws == nil) == (err == nil) {
			t.Fatalf("ParseJWS = %v, %v", jws, err)
		}
		if err != nil {
			return
		}
		if _, err := keys.Verify(jws); err == nil && !bytes.Equal(jws.Payload, []byte(`{"v":1}`)) {
			t.Fatalf("a payload that was never signed verifies: %q", jws.Payload)
		}
		if answer, err := ParseAnswer(jws.Payload); (answer == nil) == (err == nil) {
			t.Fatalf("ParseAnswer = %v, %v", answer, err)
		}
	})
}
