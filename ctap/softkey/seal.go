package softkey

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

// ErrPassphrase is returned by [Open] for a wrong passphrase.
var ErrPassphrase = errors.New("softkey: wrong passphrase")

// ErrSealed is returned by [Open] for bytes that are no sealed state, or were changed.
var ErrSealed = errors.New("softkey: not a sealed key, or damaged")

// Cost is what it costs to derive the sealing key from the passphrase, with argon2id
// (RFC 9106). The zero value is the RFC's recommendation for less memory: 3 passes
// over 64 MiB in 4 lanes.
type Cost struct {
	Passes    uint32
	MemoryKiB uint32
	Lanes     uint8
}

// Costs that Open accepts, so that a changed header cannot occupy the machine.
const (
	maxPasses    = 16
	maxMemoryKiB = 1 << 20
	maxLanes     = 16
)

func (c Cost) orDefault() Cost {
	if c == (Cost{}) {
		return Cost{Passes: 3, MemoryKiB: 64 << 10, Lanes: 4}
	}
	return c
}

func (c Cost) check() error {
	bad := c.Passes == 0 || c.Passes > maxPasses ||
		c.Lanes == 0 || c.Lanes > maxLanes ||
		c.MemoryKiB < 8*uint32(c.Lanes) || c.MemoryKiB > maxMemoryKiB
	if bad {
		return errors.New("softkey: cost out of range")
	}
	return nil
}

// A sealed state is a header, a nonce and the state under XChaCha20-Poly1305, whose
// additional data is the header. Numbers are big-endian.
//
//	offset  bytes
//	0       8     magic, ends in the version
//	8       4     passes
//	12      4     memory in KiB
//	16      1     lanes
//	17      16    salt
//	33      16    check: tells a wrong passphrase from a damaged state
//	49      24    nonce, new each time
//	73      …     ciphertext and tag
const (
	magic       = "bestowK\x01"
	saltOffset  = 17
	saltBytes   = 16
	checkOffset = saltOffset + saltBytes
	checkBytes  = 16
	headerBytes = checkOffset + checkBytes
	// maxSealedBytes bounds what Open looks at.
	maxSealedBytes = 16 << 20
)

// sealer seals states under one passphrase. The key is derived once; salt and key
// then stay, and each sealing has a nonce of its own.
type sealer struct {
	header []byte
	key    []byte
}

// newSealer derives a key for a new passphrase.
func newSealer(passphrase []byte, cost Cost) (*sealer, error) {
	if err := cost.check(); err != nil {
		return nil, err
	}
	header := []byte(magic)
	header = binary.BigEndian.AppendUint32(header, cost.Passes)
	header = binary.BigEndian.AppendUint32(header, cost.MemoryKiB)
	header = append(header, cost.Lanes)
	header = append(header, random(saltBytes)...)
	key, check := derive(passphrase, header[saltOffset:], cost)
	return &sealer{header: append(header, check...), key: key}, nil
}

// openSealer derives the key for the header that sealed begins with.
func openSealer(sealed, passphrase []byte) (*sealer, error) {
	cost, err := readHeader(sealed)
	if err != nil {
		return nil, err
	}
	key, check := derive(passphrase, sealed[saltOffset:checkOffset], cost)
	if !hmac.Equal(check, sealed[checkOffset:headerBytes]) {
		return nil, ErrPassphrase
	}
	return &sealer{header: append([]byte{}, sealed[:headerBytes]...), key: key}, nil
}

// readHeader checks all of sealed that can be checked without the passphrase.
func readHeader(sealed []byte) (Cost, error) {
	least := headerBytes + chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead
	if len(sealed) < least || len(sealed) > maxSealedBytes || string(sealed[:len(magic)]) != magic {
		return Cost{}, ErrSealed
	}
	cost := Cost{
		Passes:    binary.BigEndian.Uint32(sealed[8:]),
		MemoryKiB: binary.BigEndian.Uint32(sealed[12:]),
		Lanes:     sealed[16],
	}
	if cost.check() != nil {
		return Cost{}, ErrSealed
	}
	return cost, nil
}

// derive returns the sealing key and the check value. The latter comes from a key of
// its own, so that it says nothing about the former.
func derive(passphrase, salt []byte, cost Cost) (key, check []byte) {
	material := argon2.IDKey(passphrase, salt, cost.Passes, cost.MemoryKiB, cost.Lanes, 64)
	mac := hmac.New(sha256.New, material[32:])
	mac.Write([]byte("bestow.dev/ctap/softkey passphrase check"))
	return material[:32:32], mac.Sum(nil)[:checkBytes]
}

// seal returns header, nonce and ciphertext.
func (s *sealer) seal(plain []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(s.key)
	if err != nil {
		return nil, err
	}
	nonce := random(aead.NonceSize())
	out := append(append([]byte{}, s.header...), nonce...)
	return aead.Seal(out, nonce, plain, s.header), nil
}

// open undoes seal.
func (s *sealer) open(sealed []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(s.key)
	if err != nil {
		return nil, err
	}
	body := sealed[headerBytes:]
	plain, err := aead.Open(nil, body[:aead.NonceSize()], body[aead.NonceSize():], s.header)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSealed, err)
	}
	return plain, nil
}
