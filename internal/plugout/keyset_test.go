package plugout

import (
	"encoding/json"
	"strings"
	"testing"
)

func keyFile(members ...string) []byte {
	return []byte(`{"keys":[` + strings.Join(members, ",") + `]}`)
}

func TestParseKeySet(t *testing.T) {
	ec := must(NewPublicKey(ecKey().Public(), "a")).JWK()
	rsa := must(NewPublicKey(rsaKey().Public(), "b")).JWK()
	entry := func(k JWK, spoil func(*JWK)) string {
		spoil(&k)
		return string(must(json.Marshal(k)))
	}
	with := func(k JWK, member string) string {
		text := entry(k, func(*JWK) {})
		return text[:len(text)-1] + "," + member + "}"
	}
	untouched := func(*JWK) {}
	tests := []struct {
		name string
		file []byte
		want Reason
	}{
		{"untouched", keyFile(entry(ec, untouched), entry(rsa, untouched)), ""},
		{"no kid, use, alg, keystate", keyFile(entry(ec, func(k *JWK) { k.KeyID, k.Use, k.Algorithm, k.KeyState = "", "", "", "" })), ""},
		{"members that are ignored", keyFile(with(ec, `"x5t":"AA","key_ops":["verify"]`)), ""},
		{"PS256 only", keyFile(entry(rsa, func(k *JWK) { k.Algorithm = PS256 })), ""},
		{"no keys", keyFile(), ReasonMalformed},
		{"null", []byte(`null`), ReasonMalformed},
		{"not JSON", []byte(`{`), ReasonMalformed},
		{"file twice", append(keyFile(entry(ec, untouched)), keyFile(entry(ec, untouched))...), ReasonMalformed},
		{"same kid twice", keyFile(entry(ec, untouched), entry(rsa, func(k *JWK) { k.KeyID = "a" })), ReasonMalformed},
		{"private key", keyFile(with(ec, `"d":"AA"`)), ReasonUnusableKey},
		{"symmetric key", keyFile(`{"kty":"oct","k":"AA","kid":"x"}`), ReasonUnusableKey},
		{"OKP", keyFile(`{"kty":"OKP","crv":"Ed25519","x":"AA","kid":"x"}`), ReasonUnusableKey},
		{"for encryption", keyFile(entry(ec, func(k *JWK) { k.Use = "enc" })), ReasonUnusableKey},
		{"alg of another kind", keyFile(entry(ec, func(k *JWK) { k.Algorithm = RS256 })), ReasonUnusableKey},
		{"alg HS256", keyFile(entry(rsa, func(k *JWK) { k.Algorithm = "HS256" })), ReasonUnusableKey},
		{"curve", keyFile(entry(ec, func(k *JWK) { k.Curve = "P-384" })), ReasonUnusableKey},
		{"point off the curve", keyFile(entry(ec, func(k *JWK) { k.X, k.Y = k.Y, k.X })), ReasonUnusableKey},
		{"short coordinate", keyFile(entry(ec, func(k *JWK) { k.X = k.X[:40] })), ReasonUnusableKey},
		{"padded coordinate", keyFile(entry(ec, func(k *JWK) { k.X += "=" })), ReasonUnusableKey},
		{"short modulus", keyFile(entry(rsa, func(k *JWK) { k.N = k.N[:170] })), ReasonUnusableKey},
		{"no modulus", keyFile(entry(rsa, func(k *JWK) { k.N = "" })), ReasonUnusableKey},
		{"even modulus", keyFile(entry(rsa, func(k *JWK) { k.N = k.N[:len(k.N)-4] + "AAAA" })), ReasonUnusableKey},
		{"exponent one", keyFile(entry(rsa, func(k *JWK) { k.E = "AQ" })), ReasonUnusableKey},
		{"exponent even", keyFile(entry(rsa, func(k *JWK) { k.E = "AQAA" })), ReasonUnusableKey},
		{"exponent too large", keyFile(entry(rsa, func(k *JWK) { k.E = "_____w" })), ReasonUnusableKey},
		{"long kid", keyFile(entry(ec, func(k *JWK) { k.KeyID = strings.Repeat("k", 300) })), ReasonUnusableKey},
		{"too large", append(keyFile(entry(ec, untouched)), make([]byte, MaxKeySetBytes)...), ReasonTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			set, err := ParseKeySet(tt.file)
			if got := ReasonOf(err); got != tt.want || (set == nil) != (err != nil) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestKeyStates(t *testing.T) {
	key := must(NewPublicKey(ecKey().Public(), "k")).JWK()
	jws := must(ParseJWS(must(signer(t, ecKey(), "", "k").Sign([]byte(`{}`)))))
	for state, want := range map[string]Reason{"": "", "active": "", "ACTIVE": "", "inactive": ReasonUnknownKey, "revoked": ReasonUnknownKey} {
		key.KeyState = state
		set, err := ParseKeySet(keyFile(string(must(json.Marshal(key)))))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := set.Verify(jws); ReasonOf(err) != want {
			t.Errorf("keystate %q: %v, want %q", state, err, want)
		}
	}
}

func TestKeySetRoundTrip(t *testing.T) {
	retired := must(NewPublicKey(rsaKey().Public(), "old"))
	retired.Inactive, retired.Algorithm = true, PS256
	set := must(NewKeySet(must(NewPublicKey(ecKey().Public(), "")), retired))
	again, err := ParseKeySet(must(json.Marshal(set)))
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range again.Keys() {
		want := set.Keys()[i]
		if !key.Equal(want) || key.KeyID != want.KeyID || key.Inactive != want.Inactive || key.Algorithm != want.Algorithm {
			t.Errorf("key %d came back as %+v", i, key.JWK())
		}
	}
}

// The key and its thumbprint are those of RFC 7638, section 3.1.
func TestThumbprintOfTheStandard(t *testing.T) {
	const n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	set, err := ParseKeySet(keyFile(`{"kty":"RSA","e":"AQAB","n":"` + n + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := set.Keys()[0].KeyID, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"; got != want {
		t.Errorf("thumbprint %s, want %s", got, want)
	}
}

func FuzzParseKeySet(f *testing.F) {
	for _, key := range []*PublicKey{must(NewPublicKey(ecKey().Public(), "a")), must(NewPublicKey(rsaKey().Public(), "b"))} {
		f.Add(must(json.Marshal(must(NewKeySet(key)))))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		set, err := ParseKeySet(file)
		if (set == nil) == (err == nil) {
			t.Fatalf("ParseKeySet = %v, %v", set, err)
		}
		if err != nil {
			return
		}
		if _, err := ParseKeySet(must(json.Marshal(set))); err != nil {
			t.Fatalf("a set that was read does not read back: %v", err)
		}
	})
}
