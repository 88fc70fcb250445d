// Package forge answers WebAuthn ceremonies at once, without PIN, touch or storage:
// for load programs and for tests that are about something else. Its encoders are
// its own, so that it shares no bug with what judges it.
package forge

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// Key is one ES256 key pair with a credential id. It is for one goroutine.
type Key struct {
	private *ecdsa.PrivateKey
	id      []byte
	count   uint32
}

// New makes a key.
func New() (*Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	id := make([]byte, 32)
	rand.Read(id)
	return &Key{private: private, id: id}, nil
}

// ID is the credential id in base64url.
func (k *Key) ID() string { return b64(k.id) }

// Flags of authenticator data, §6.1.
const (
	userPresent  = 0x01
	userVerified = 0x04
	attested     = 0x40
)

// Register answers creation options, given as the browser gets them, for a page at
// origin: packed self attestation, user present and verified.
func (k *Key) Register(publicKey []byte, origin string) (json.RawMessage, error) {
	var options struct {
		Challenge string `json:"challenge"`
		RP        struct {
			ID string `json:"id"`
		} `json:"rp"`
	}
	if err := json.Unmarshal(publicKey, &options); err != nil {
		return nil, fmt.Errorf("creation options: %w", err)
	}
	client := clientData("webauthn.create", options.Challenge, origin)
	auth := k.authData(options.RP.ID, userPresent|userVerified|attested)
	auth = append(auth, make([]byte, 16)...) // AAGUID: none
	auth = binary.BigEndian.AppendUint16(auth, uint16(len(k.id)))
	auth = append(auth, k.id...)
	auth = append(auth, k.coseKey()...)
	signature, err := k.sign(auth, client)
	if err != nil {
		return nil, err
	}

	object := []byte{0xa3} // CBOR map of three, keys in canonical order
	object = append(text(object, "fmt"), 0x66)
	object = append(object, "packed"...)
	object = append(text(object, "attStmt"), 0xa2)
	object = append(text(object, "alg"), 0x26) // -7
	object = bytesItem(text(object, "sig"), signature)
	object = bytesItem(text(object, "authData"), auth)
	return k.credential(map[string]any{
		"clientDataJSON": b64(client), "attestationObject": b64(object), "transports": []string{"usb"},
	})
}

// Assert answers request options.
func (k *Key) Assert(publicKey []byte, origin string) (json.RawMessage, error) {
	var options struct {
		Challenge string `json:"challenge"`
		RPID      string `json:"rpId"`
	}
	if err := json.Unmarshal(publicKey, &options); err != nil {
		return nil, fmt.Errorf("request options: %w", err)
	}
	client := clientData("webauthn.get", options.Challenge, origin)
	auth := k.authData(options.RPID, userPresent|userVerified)
	signature, err := k.sign(auth, client)
	if err != nil {
		return nil, err
	}
	return k.credential(map[string]any{
		"clientDataJSON": b64(client), "authenticatorData": b64(auth), "signature": b64(signature),
	})
}

func (k *Key) credential(response map[string]any) (json.RawMessage, error) {
	return json.Marshal(map[string]any{
		"id": k.ID(), "rawId": k.ID(), "type": "public-key", "clientExtensionResults": map[string]any{}, "response": response,
	})
}

func (k *Key) authData(rpID string, flags byte) []byte {
	k.count++
	hash := sha256.Sum256([]byte(rpID))
	auth := append(hash[:], flags)
	return binary.BigEndian.AppendUint32(auth, k.count)
}

// coseKey is {1: 2, 3: -7, -1: 1, -2: x, -3: y}.
func (k *Key) coseKey() []byte {
	point, err := k.private.PublicKey.Bytes() // 04, x, y
	if err != nil {
		panic(err) // a key we made is on its curve
	}
	key := []byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21}
	key = bytesItem(key, point[1:33])
	return bytesItem(append(key, 0x22), point[33:])
}

func (k *Key) sign(auth, client []byte) ([]byte, error) {
	clientHash := sha256.Sum256(client)
	hash := sha256.Sum256(append(append([]byte{}, auth...), clientHash[:]...))
	return ecdsa.SignASN1(rand.Reader, k.private, hash[:])
}

func clientData(kind, challenge, origin string) []byte {
	return fmt.Appendf(nil, `{"type":%q,"challenge":%q,"origin":%q,"crossOrigin":false}`, kind, challenge, origin)
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// text appends a short text string in CBOR.
func text(b []byte, s string) []byte { return append(append(b, 0x60|byte(len(s))), s...) }

// bytesItem appends a byte string in CBOR, shorter than 64 KiB.
func bytesItem(b, item []byte) []byte {
	switch n := len(item); {
	case n < 24:
		b = append(b, 0x40|byte(n))
	case n < 256:
		b = append(b, 0x58, byte(n))
	default:
		b = append(b, 0x59, byte(n>>8), byte(n))
	}
	return append(b, item...)
}
