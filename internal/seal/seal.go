// Package seal keeps small secrets at rest: what a server has to be able to read again,
// such as the client secret of a connection, and so cannot be stored as a hash.
//
//	key := seal.NewKey()
//	sealed := key.Seal(secret, "acme/connection/da")
//	secret, err := key.Open(sealed, "acme/connection/da")
//
// The context says what the secret belongs to. What was sealed for one place does not
// open at another, so that rows cannot be exchanged by whoever can write to the database.
//
// The package does no input or output. XChaCha20-Poly1305 is used as its draft defines
// it; nonces are random, of 192 bits, so that no counter has to be kept.
package seal

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"

	"golang.org/x/crypto/chacha20poly1305"
)

// MaxBytes bounds what is sealed.
const MaxBytes = 64 << 10

// Why something does not open.
var (
	// ErrOtherKey says that it was sealed with another key.
	ErrOtherKey = errors.New("seal: sealed with another key")
	// ErrAltered says that it was changed, cut, or sealed for another place.
	ErrAltered = errors.New("seal: altered, or sealed for another place")
	// ErrKey says that a text is not a key.
	ErrKey = errors.New("seal: not a key")
	// ErrTooLarge says that a secret is longer than [MaxBytes].
	ErrTooLarge = errors.New("seal: too large")
)

// Sealed bytes are a version, the name of the key, the nonce, and the sealed text with
// its tag.
const (
	version   = 1
	nameBytes = 4
	headBytes = 1 + nameBytes + chacha20poly1305.NonceSizeX
)

// Key seals and opens. Its zero value is no key.
type Key struct {
	secret [chacha20poly1305.KeySize]byte
	name   [nameBytes]byte // tells keys apart; the start of a hash of the key
}

// NewKey returns a random key.
func NewKey() *Key {
	var secret [chacha20poly1305.KeySize]byte
	rand.Read(secret[:])
	return fromSecret(secret)
}

func fromSecret(secret [chacha20poly1305.KeySize]byte) *Key {
	sum := sha256.Sum256(append([]byte("bestow seal key name\x00"), secret[:]...))
	return &Key{secret: secret, name: [nameBytes]byte(sum[:nameBytes])}
}

var base64url = base64.RawURLEncoding.Strict()

// ParseKey reads a key as [Key.Text] writes it. White space around it means nothing.
// Errors: [ErrKey].
func ParseKey(text []byte) (*Key, error) {
	secret, err := base64url.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(secret) != chacha20poly1305.KeySize {
		return nil, ErrKey
	}
	return fromSecret([chacha20poly1305.KeySize]byte(secret)), nil
}

// Text returns the key as a line of a file: a secret.
func (k *Key) Text() []byte { return []byte(base64url.EncodeToString(k.secret[:]) + "\n") }

// String keeps the key out of logs.
func (k *Key) String() string { return "seal key" }

// GoString keeps the key out of logs.
func (k *Key) GoString() string { return k.String() }

// Seal returns secret, sealed for the place that context names. Errors: [ErrTooLarge].
func (k *Key) Seal(secret []byte, context string) ([]byte, error) {
	if len(secret) > MaxBytes {
		return nil, ErrTooLarge
	}
	aead, err := chacha20poly1305.NewX(k.secret[:])
	if err != nil {
		return nil, err
	}
	out := make([]byte, headBytes, headBytes+len(secret)+aead.Overhead())
	out[0] = version
	copy(out[1:], k.name[:])
	rand.Read(out[1+nameBytes:])
	return aead.Seal(out, out[1+nameBytes:headBytes], secret, bound(out, context)), nil
}

// Open returns what was sealed for the place that context names. Errors: [ErrOtherKey],
// [ErrAltered].
func (k *Key) Open(sealed []byte, context string) ([]byte, error) {
	if len(sealed) < headBytes+chacha20poly1305.Overhead || len(sealed) > headBytes+MaxBytes+chacha20poly1305.Overhead || sealed[0] != version {
		return nil, ErrAltered
	}
	if !bytes.Equal(sealed[1:1+nameBytes], k.name[:]) {
		return nil, ErrOtherKey
	}
	aead, err := chacha20poly1305.NewX(k.secret[:])
	if err != nil {
		return nil, err
	}
	secret, err := aead.Open(nil, sealed[1+nameBytes:headBytes], sealed[headBytes:], bound(sealed, context))
	if err != nil {
		return nil, ErrAltered
	}
	return secret, nil
}

// bound is what is authenticated beside the secret: version, key and place.
func bound(head []byte, context string) []byte {
	return append(bytes.Clone(head[:1+nameBytes]), context...)
}
