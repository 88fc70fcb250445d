package sectoken_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/sectoken"
)

var now = time.Date(2026, 3, 2, 10, 15, 0, 0, time.UTC)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// issuer signs tokens with a key of each kind.
type issuer struct {
	ec  *ecdsa.PrivateKey
	rsa *rsa.PrivateKey
	set []byte
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	var i issuer
	var err error
	i.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	i.rsa, err = rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	ec, err := plugout.NewPublicKey(i.ec.Public(), "ec-1")
	check(t, err)
	r, err := plugout.NewPublicKey(i.rsa.Public(), "rsa-1")
	check(t, err)
	set, err := plugout.NewKeySet(ec, r)
	check(t, err)
	i.set, err = json.Marshal(set)
	check(t, err)
	return &i
}

func b64(v any) string {
	text, ok := v.([]byte)
	if !ok {
		text, _ = json.Marshal(v)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// sign makes a token with the header and claims, by the key that alg is for.
func (i *issuer) sign(t testing.TB, header, claims map[string]any) string {
	t.Helper()
	signed := b64(header) + "." + b64(claims)
	digest := sha256.Sum256([]byte(signed))
	switch header["alg"] {
	case "RS256":
		signature, err := rsa.SignPKCS1v15(rand.Reader, i.rsa, crypto.SHA256, digest[:])
		check(t, err)
		return signed + "." + b64(signature)
	case "HS256":
		mac := hmac.New(sha256.New, i.set)
		mac.Write([]byte(signed))
		return signed + "." + b64(mac.Sum(nil))
	}
	r, s, err := ecdsa.Sign(rand.Reader, i.ec, digest[:])
	check(t, err)
	return signed + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func good() (header, claims map[string]any) {
	return map[string]any{"alg": "ES256", "kid": "ec-1", "typ": "JWT"}, map[string]any{
		"sub": "alice", "iss": "https://auth.example.com", "aud": []string{"other", "nevisfido"},
		"exp": now.Add(time.Minute).Unix(), "iat": now.Unix(), "loginId": "alice@example.com", "jti": "t-1",
	}
}

func TestVerify(t *testing.T) {
	i, stranger := newIssuer(t), newIssuer(t)
	tests := []struct {
		name  string
		spoil func(h, c map[string]any)
		ok    bool
	}{
		{"untouched", func(_, _ map[string]any) {}, true},
		{"RS256", func(h, _ map[string]any) { h["alg"], h["kid"] = "RS256", "rsa-1" }, true},
		{"no kid", func(h, _ map[string]any) { delete(h, "kid") }, true},
		{"one audience", func(_, c map[string]any) { c["aud"] = "nevisfido" }, true},
		{"clock a little behind", func(_, c map[string]any) { c["iat"] = now.Add(29 * time.Second).Unix() }, true},
		{"just expired, within leeway", func(_, c map[string]any) { c["exp"] = now.Add(-29 * time.Second).Unix() }, true},
		{"a fraction of a second", func(_, c map[string]any) { c["exp"] = float64(now.Unix()) + 0.5 }, true},
		{"a key in the header", func(h, _ map[string]any) { h["jwk"] = map[string]string{"kty": "EC"} }, true},

		{"expired", func(_, c map[string]any) { c["exp"] = now.Add(-30 * time.Second).Unix() }, false},
		{"no end", func(_, c map[string]any) { delete(c, "exp") }, false},
		{"end is text", func(_, c map[string]any) { c["exp"] = "tomorrow" }, false},
		{"end is null", func(_, c map[string]any) { c["exp"] = nil }, false},
		{"end is beyond time", func(_, c map[string]any) { c["exp"] = 1e300 }, false},
		{"not yet", func(_, c map[string]any) { c["nbf"] = now.Add(time.Minute).Unix() }, false},
		{"issued tomorrow", func(_, c map[string]any) { c["iat"] = now.Add(24 * time.Hour).Unix() }, false},
		{"another issuer", func(_, c map[string]any) { c["iss"] = "https://evil.example" }, false},
		{"no issuer", func(_, c map[string]any) { delete(c, "iss") }, false},
		{"another audience", func(_, c map[string]any) { c["aud"] = "nevisfid" }, false},
		{"no audience", func(_, c map[string]any) { delete(c, "aud") }, false},
		{"nobody", func(_, c map[string]any) { delete(c, "sub") }, false},
		{"empty user", func(_, c map[string]any) { c["sub"] = "" }, false},
		{"user is a number", func(_, c map[string]any) { c["sub"] = 7 }, false},
		{"unsigned", func(h, _ map[string]any) { h["alg"] = "none" }, false},
		{"public key as a secret", func(h, _ map[string]any) { h["alg"] = "HS256" }, false},
		{"key of another kind", func(h, _ map[string]any) { h["alg"] = "RS256" }, false},
		{"kid of another key", func(h, _ map[string]any) { h["kid"] = "rsa-1" }, false},
		{"unknown kid", func(h, _ map[string]any) { h["kid"] = "ec-2" }, false},
		{"critical", func(h, _ map[string]any) { h["crit"] = []string{"exp"} }, false},
	}
	v, err := sectoken.New(sectoken.Config{KeySet: i.set, Issuer: "https://auth.example.com", Audience: "nevisfido"})
	check(t, err)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, c := good()
			tt.spoil(h, c)
			claims, err := v.Verify(i.sign(t, h, c), now)
			if tt.ok {
				check(t, err)
				if claims.User != "alice" || claims.ID != "t-1" || claims.Issuer == "" {
					t.Errorf("claims: %+v", claims)
				}
				return
			}
			if !errors.Is(err, sectoken.ErrToken) || claims != nil {
				t.Fatalf("got %+v, %v", claims, err)
			}
			if strings.Contains(err.Error(), "alice") {
				t.Errorf("the error quotes the token: %v", err)
			}
		})
	}
	h, c := good()
	for name, token := range map[string]string{
		"another's":     stranger.sign(t, h, c),
		"empty":         "",
		"two parts":     "e30.e30",
		"four parts":    i.sign(t, h, c) + ".AA",
		"padded":        i.sign(t, h, c) + "=",
		"no signature":  strings.TrimRight(i.sign(t, h, c)[:strings.LastIndexByte(i.sign(t, h, c), '.')+1], "x"),
		"too long":      strings.Repeat("A", sectoken.MaxBytes+1),
		"not JSON":      "AAAA.AAAA.AAAA",
		"claims a list": strings.Replace(i.sign(t, h, c), ".", ".W10", 1),
	} {
		if claims, err := v.Verify(token, now); !errors.Is(err, sectoken.ErrToken) || claims != nil {
			t.Errorf("%s: got %+v, %v", name, claims, err)
		}
	}
}

func TestUserClaim(t *testing.T) {
	i := newIssuer(t)
	v, err := sectoken.New(sectoken.Config{KeySet: i.set, UserClaim: "loginId"})
	check(t, err)
	h, c := good()
	claims, err := v.Verify(i.sign(t, h, c), now)
	check(t, err)
	if claims.User != "alice@example.com" {
		t.Errorf("user %q", claims.User)
	}
}

func TestNew(t *testing.T) {
	for _, set := range []string{"", "{}", `{"keys":[]}`, `{"keys":[{"kty":"oct","k":"AAAA"}]}`} {
		if _, err := sectoken.New(sectoken.Config{KeySet: []byte(set)}); err == nil {
			t.Errorf("%q is taken for a key set", set)
		}
	}
}

func FuzzVerify(f *testing.F) {
	i := newIssuer(f)
	v, err := sectoken.New(sectoken.Config{KeySet: i.set})
	check(f, err)
	h, c := good()
	f.Add(i.sign(f, h, c))
	f.Add("e30.e30.AA")
	f.Fuzz(func(t *testing.T, token string) {
		if claims, err := v.Verify(token, now); (claims == nil) == (err == nil) || err == nil && claims.User == "" {
			t.Fatalf("got %+v, %v", claims, err)
		}
	})
}
