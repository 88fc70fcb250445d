// Package sectoken reads the tokens by which an identity system says who is at work:
// a JWT (RFC 7519) in compact JWS form (RFC 7515), signed with ES256 or RS256.
//
//	v, err := sectoken.New(sectoken.Config{KeySet: jwks, Audience: "nevisfido"})
//	claims, err := v.Verify(token, time.Now())
//
// What a token says counts for nothing until its signature was verified with a key of
// the set, which alone says which algorithm fits. A token has to name its user and when
// it ends. Keys and addresses of keys in a token's own header are not looked at.
//
// The package has no clock and does no input or output. It does not remember tokens:
// one is good until it ends, as often as it is shown.
package sectoken

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/strictjson"
)

// MaxBytes is how long a token may be.
const MaxBytes = 8 << 10

// DefaultLeeway is how far the clocks of issuer and verifier may be apart where nothing
// else is said.
const DefaultLeeway = 30 * time.Second

// Config says whose tokens are good. KeySet is required.
type Config struct {
	KeySet    []byte        // a JWKS of public keys, EC on P-256 or RSA of 2048 bits or more
	Issuer    string        // what iss has to be; empty: anything
	Audience  string        // what has to be in aud; empty: anything
	UserClaim string        // the claim that names the user; empty: sub
	Leeway    time.Duration // zero: [DefaultLeeway]
}

// Verifier verifies tokens. It is safe for concurrent use.
type Verifier struct {
	config Config
	keys   []*plugout.PublicKey
}

// Claims is what a good token says.
type Claims struct {
	User    string // what the user claim holds; never empty
	ID      string // jti; empty for none
	Issuer  string // iss; empty for none
	Expires time.Time
}

// ErrToken is what every refusal of a token wraps. Its text is for the log, and quotes
// nothing of the token.
var ErrToken = errors.New("token refused")

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrToken, fmt.Sprintf(format, args...))
}

// New returns a verifier. It returns an error if the key set cannot be used.
func New(c Config) (*Verifier, error) {
	set, err := plugout.ParseKeySet(c.KeySet)
	if err != nil {
		return nil, err
	}
	if c.UserClaim == "" {
		c.UserClaim = "sub"
	}
	if c.Leeway == 0 {
		c.Leeway = DefaultLeeway
	}
	v := &Verifier{config: c}
	for _, key := range set.Keys() {
		if !key.Inactive {
			v.keys = append(v.keys, key)
		}
	}
	if len(v.keys) == 0 {
		return nil, errors.New("the key set holds no key that is active")
	}
	return v, nil
}

// header is the JOSE header as far as it is looked at.
type header struct {
	Algorithm string          `json:"alg"`
	KeyID     string          `json:"kid"`
	Critical  json.RawMessage `json:"crit"`
}

// Verify returns what token says, if one of the keys signed it and it is good at now.
// Errors wrap [ErrToken].
func (v *Verifier) Verify(token string, now time.Time) (*Claims, error) {
	if len(token) > MaxBytes {
		return nil, refuse("longer than %d bytes", MaxBytes)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, refuse("a compact JWS has three parts")
	}
	var raw [3][]byte
	for i, part := range parts {
		var err error
		if raw[i], err = strictjson.DecodeBase64URL(part); err != nil || len(raw[i]) == 0 {
			return nil, refuse("part %d is empty or not base64url", i+1)
		}
	}
	var h header
	if err := strictjson.Decode(raw[0], &h); err != nil {
		return nil, refuse("header: %v", err)
	}
	if h.Critical != nil {
		return nil, refuse("the header has critical members")
	}
	if err := v.checkSignature(h, token[:len(parts[0])+1+len(parts[1])], raw[2]); err != nil {
		return nil, err
	}
	return v.readClaims(raw[1], now)
}

// checkSignature finds a key that signed. A token without kid is tried with each key that
// its algorithm fits.
func (v *Verifier) checkSignature(h header, signed string, signature []byte) error {
	digest := sha256.Sum256([]byte(signed))
	for _, key := range v.keys {
		if h.KeyID != "" && h.KeyID != key.KeyID || key.Algorithm != "" && string(key.Algorithm) != h.Algorithm {
			continue
		}
		if verifies(h.Algorithm, key.Key, digest[:], signature) {
			return nil
		}
	}
	return refuse("no key of the set has signed it")
}

// verifies reports whether signature is the key's, by an algorithm that fits the key.
func verifies(algorithm string, public crypto.PublicKey, digest, signature []byte) bool {
	switch key := public.(type) {
	case *ecdsa.PublicKey: // r and s of 32 bytes each (RFC 7518 §3.4)
		if algorithm != "ES256" || len(signature) != 64 {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(key, digest, r, s)
	case *rsa.PublicKey:
		return algorithm == "RS256" && rsa.VerifyPKCS1v15(key, crypto.SHA256, digest, signature) == nil
	}
	return false
}

// readClaims judges what a token says once it is known whose word it is.
func (v *Verifier) readClaims(payload []byte, now time.Time) (*Claims, error) {
	var claims map[string]json.RawMessage
	if err := strictjson.Decode(payload, &claims); err != nil {
		return nil, refuse("claims: %v", err)
	}
	c := new(Claims)
	for name, into := range map[string]*string{v.config.UserClaim: &c.User, "jti": &c.ID, "iss": &c.Issuer} {
		if err := text(claims, name, into); err != nil {
			return nil, err
		}
	}
	if c.User == "" {
		return nil, refuse("claim %s is missing", v.config.UserClaim)
	}
	if v.config.Issuer != "" && c.Issuer != v.config.Issuer {
		return nil, refuse("another issuer")
	}
	if v.config.Audience != "" && !names(claims["aud"], v.config.Audience) {
		return nil, refuse("another audience")
	}
	times := make(map[string]time.Time)
	for _, name := range []string{"exp", "nbf", "iat"} {
		at, err := instant(claims[name])
		if err != nil {
			return nil, refuse("claim %s is not a time", name)
		}
		times[name] = at
	}
	c.Expires = times["exp"]
	switch {
	case c.Expires.IsZero():
		return nil, refuse("claim exp is missing")
	case !now.Before(c.Expires.Add(v.config.Leeway)):
		return nil, refuse("it has expired")
	case now.Add(v.config.Leeway).Before(times["nbf"]), now.Add(v.config.Leeway).Before(times["iat"]):
		return nil, refuse("it is not good yet")
	}
	return c, nil
}

// text reads a claim that is a string; one that is not there leaves into as it is.
func text(claims map[string]json.RawMessage, name string, into *string) error {
	raw, ok := claims[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil || string(raw) == "null" {
		return refuse("claim %s is not text", name)
	}
	return nil
}

// names reports whether aud, one text or a list of them (RFC 7519 §4.1.3), has audience.
func names(aud json.RawMessage, audience string) bool {
	var one string
	if json.Unmarshal(aud, &one) == nil {
		return one == audience
	}
	var list []string
	if json.Unmarshal(aud, &list) != nil {
		return false
	}
	for _, a := range list {
		if a == audience {
			return true
		}
	}
	return false
}

// maxInstant bounds times: the end of the year 9999.
const maxInstant = 253402300799

// instant reads a NumericDate; nothing is the zero time.
func instant(raw json.RawMessage) (time.Time, error) {
	if len(raw) == 0 {
		return time.Time{}, nil
	}
	var seconds float64
	if err := json.Unmarshal(raw, &seconds); err != nil || string(raw) == "null" || seconds < 0 || seconds > maxInstant {
		return time.Time{}, ErrToken
	}
	return time.UnixMilli(int64(seconds * 1000)).UTC(), nil
}
