package plugout

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"math/big"
	"strings"
)

// JWK is a public key as JSON (RFC 7517, RFC 7518 section 6), with the optional
// member keystate of key set files.
type JWK struct {
	Type      string    `json:"kty"`
	KeyID     string    `json:"kid,omitempty"`
	Use       string    `json:"use,omitempty"`
	Algorithm Algorithm `json:"alg,omitempty"`
	KeyState  string    `json:"keystate,omitempty"` // "active"; absent counts as active
	Curve     string    `json:"crv,omitempty"`
	X         string    `json:"x,omitempty"`
	Y         string    `json:"y,omitempty"`
	N         string    `json:"n,omitempty"`
	E         string    `json:"e,omitempty"`
}

// JWK returns the key as an entry of a key set file.
func (p *PublicKey) JWK() JWK {
	jwk := JWK{KeyID: p.KeyID, Use: "sig", Algorithm: p.Algorithm, KeyState: "active"}
	if p.Inactive {
		jwk.KeyState = "inactive"
	}
	switch key := p.Key.(type) {
	case *ecdsa.PublicKey:
		point, err := key.Bytes() // 04, then x and y of 32 bytes each
		if err != nil {
			panic("plugout: public key was not checked: " + err.Error())
		}
		jwk.Type, jwk.Curve = "EC", "P-256"
		jwk.X, jwk.Y = b64.EncodeToString(point[1:33]), b64.EncodeToString(point[33:])
	case *rsa.PublicKey:
		jwk.Type = "RSA"
		jwk.N = b64.EncodeToString(key.N.Bytes())
		jwk.E = b64.EncodeToString(big.NewInt(int64(key.E)).Bytes())
	}
	return jwk
}

// maxKeys bounds a key set.
const maxKeys = 4096

// KeySet is the set of installation keys that a client trusts. It is safe for
// concurrent use.
type KeySet struct {
	keys []*PublicKey
	byID map[string]*PublicKey
}

// ParseKeySet reads a key set file: a JWKS whose keys may have a keystate. A key
// without kid is known by its thumbprint. A file that holds a private or symmetric
// key, a key of another kind, or two keys of the same name is refused as a whole.
//
// Errors: [ReasonTooLarge], [ReasonMalformed], [ReasonUnusableKey].
func ParseKeySet(data []byte) (*KeySet, error) {
	var file struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := decode(data, MaxKeySetBytes, &file); err != nil {
		return nil, err
	}
	if len(file.Keys) == 0 || len(file.Keys) > maxKeys {
		return nil, refuse(ReasonMalformed, "a key set holds 1 to %d keys, this holds %d", maxKeys, len(file.Keys))
	}
	keys := make([]*PublicKey, 0, len(file.Keys))
	for i, raw := range file.Keys {
		key, err := parseJWK(raw)
		if err != nil {
			return nil, refuse(ReasonOf(err), "key %d: %s", i+1, detail(err))
		}
		keys = append(keys, key)
	}
	return NewKeySet(keys...)
}

// NewKeySet returns a set of the given keys.
//
// Errors: [ReasonMalformed] if two have the same name.
func NewKeySet(keys ...*PublicKey) (*KeySet, error) {
	s := &KeySet{keys: keys, byID: make(map[string]*PublicKey, len(keys))}
	for _, key := range keys {
		if _, twice := s.byID[key.KeyID]; twice {
			return nil, refuse(ReasonMalformed, "two keys are named %q", key.KeyID)
		}
		s.byID[key.KeyID] = key
	}
	return s, nil
}

// Verify checks the signature of j with the active key that its header names, and
// returns that key.
//
// Errors: [ReasonUnknownKey], [ReasonAlgorithm], [ReasonSignature].
func (s *KeySet) Verify(j *JWS) (*PublicKey, error) {
	key, ok := s.byID[j.Header.KeyID]
	if !ok || key.Inactive {
		return nil, refuse(ReasonUnknownKey, "key %q is not an active key of the set", j.Header.KeyID)
	}
	if !key.accepts(j.Header.Algorithm) {
		return nil, refuse(ReasonAlgorithm, "key %q does not sign with %s", key.KeyID, j.Header.Algorithm)
	}
	if err := j.verify(key.Key); err != nil {
		return nil, err
	}
	return key, nil
}

// Keys returns the keys of the set in their order. The slice is the caller's.
func (s *KeySet) Keys() []*PublicKey { return append([]*PublicKey(nil), s.keys...) }

// MarshalJSON returns the set as a key set file.
func (s *KeySet) MarshalJSON() ([]byte, error) {
	file := struct {
		Keys []JWK `json:"keys"`
	}{Keys: make([]JWK, 0, len(s.keys))}
	for _, key := range s.keys {
		file.Keys = append(file.Keys, key.JWK())
	}
	return json.Marshal(file)
}

func parseJWK(raw []byte) (*PublicKey, error) {
	// Members of private and symmetric keys (RFC 7518, sections 6.2.2, 6.3.2, 6.4.1).
	var file struct {
		JWK
		D json.RawMessage `json:"d"`
		P json.RawMessage `json:"p"`
		Q json.RawMessage `json:"q"`
		K json.RawMessage `json:"k"`
	}
	if err := decode(raw, MaxKeySetBytes, &file); err != nil {
		return nil, err
	}
	if file.D != nil || file.P != nil || file.Q != nil || file.K != nil {
		return nil, refuse(ReasonUnusableKey, "it is private; a key set holds public keys only")
	}
	if file.Use != "" && file.Use != "sig" {
		return nil, refuse(ReasonUnusableKey, "its use is not sig")
	}
	public, err := file.publicKey()
	if err != nil {
		return nil, err
	}
	key, err := NewPublicKey(public, file.KeyID)
	if err != nil {
		return nil, err
	}
	key.Inactive = file.KeyState != "" && !strings.EqualFold(file.KeyState, "active")
	if file.Algorithm != "" && !key.accepts(file.Algorithm) {
		return nil, refuse(ReasonUnusableKey, "its alg is not one that it can sign with here")
	}
	key.Algorithm = file.Algorithm
	return key, nil
}

func (k *JWK) publicKey() (any, error) {
	switch k.Type {
	case "EC":
		return k.ecdsa()
	case "RSA":
		return k.rsa()
	}
	return nil, refuse(ReasonUnusableKey, "its kty is not EC or RSA")
}

func (k *JWK) ecdsa() (*ecdsa.PublicKey, error) {
	if k.Curve != "P-256" {
		return nil, refuse(ReasonUnusableKey, "its curve is not P-256")
	}
	x, errX := decodeBase64([]byte(k.X))
	y, errY := decodeBase64([]byte(k.Y))
	// RFC 7518, section 6.2.1.2: full length, leading zeros kept.
	if errX != nil || errY != nil || len(x) != 32 || len(y) != 32 {
		return nil, refuse(ReasonUnusableKey, "its coordinates are not 32 bytes each")
	}
	point := append(append([]byte{4}, x...), y...)
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, refuse(ReasonUnusableKey, "its point is not on the curve")
	}
	return key, nil
}

func (k *JWK) rsa() (*rsa.PublicKey, error) {
	n, errN := decodeBase64([]byte(k.N))
	e, errE := decodeBase64([]byte(k.E))
	if errN != nil || errE != nil || len(n) > maxRSABits/8+1 || len(e) > 4 {
		return nil, refuse(ReasonUnusableKey, "its modulus or exponent is missing or too long")
	}
	exponent := new(big.Int).SetBytes(e).Int64()
	if exponent > 1<<31-1 {
		return nil, refuse(ReasonUnusableKey, "its exponent is too large")
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent)}, nil
}
