package ctap

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// PINProtocol is a PIN/UV auth protocol (CTAP 2.1 §6.5.6, §6.5.7): how a PIN and a
// token travel between platform and key.
type PINProtocol uint

// The protocols.
const (
	PINProtocolOne PINProtocol = 1
	PINProtocolTwo PINProtocol = 2
)

func (p PINProtocol) known() bool { return p == PINProtocolOne || p == PINProtocolTwo }

// Authenticate returns authenticate(token, message): what a request carries to show
// that its sender holds the token. It panics for an unknown protocol.
func (p PINProtocol) Authenticate(token, message []byte) []byte {
	mac := hmac.New(sha256.New, token)
	mac.Write(message)
	sum := mac.Sum(nil)
	switch p {
	case PINProtocolOne:
		return sum[:16]
	case PINProtocolTwo:
		return sum
	}
	panic(fmt.Sprintf("ctap: PIN protocol %d", p))
}

// A secret is what platform and key share for one clientPIN exchange. Protocol one
// has one key of 32 bytes for both purposes, protocol two one for each.
type secret struct {
	protocol PINProtocol
	macKey   []byte
	aesKey   []byte
}

// encapsulate makes a key pair of the platform's and the secret shared with peer. It
// returns the public key as a COSE key, to be sent to the authenticator.
func (p PINProtocol) encapsulate(peer *ecdh.PublicKey) (coseKey, *secret, error) {
	own, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return coseKey{}, nil, fmt.Errorf("ctap: make key agreement key: %w", err)
	}
	shared, err := p.agree(own, peer)
	if err != nil {
		return coseKey{}, nil, err
	}
	return newCOSEKey(own.PublicKey()), shared, nil
}

// agree derives the shared secret. ECDH gives the x coordinate in 32 bytes, leading
// zeros kept, as the protocols want it.
func (p PINProtocol) agree(own *ecdh.PrivateKey, peer *ecdh.PublicKey) (*secret, error) {
	z, err := own.ECDH(peer)
	if err != nil {
		return nil, fmt.Errorf("ctap: key agreement: %w", err)
	}
	defer clear(z)
	if p == PINProtocolOne {
		sum := sha256.Sum256(z)
		return &secret{protocol: p, macKey: sum[:], aesKey: sum[:]}, nil
	}
	salt := make([]byte, 32)
	macKey, err := hkdf.Key(sha256.New, z, salt, "CTAP2 HMAC key", 32)
	if err != nil {
		return nil, fmt.Errorf("ctap: key derivation: %w", err)
	}
	aesKey, err := hkdf.Key(sha256.New, z, salt, "CTAP2 AES key", 32)
	if err != nil {
		return nil, fmt.Errorf("ctap: key derivation: %w", err)
	}
	return &secret{protocol: p, macKey: macKey, aesKey: aesKey}, nil
}

// clear forgets the keys.
func (s *secret) clear() {
	clear(s.macKey)
	clear(s.aesKey)
}

func (s *secret) authenticate(message []byte) []byte {
	return s.protocol.Authenticate(s.macKey, message)
}

// encrypt encrypts plain, whose length is a multiple of 16.
func (s *secret) encrypt(plain []byte) ([]byte, error) {
	iv := make([]byte, aes.BlockSize)
	if s.protocol == PINProtocolTwo {
		rand.Read(iv)
	}
	return s.encryptIV(iv, plain)
}

func (s *secret) encryptIV(iv, plain []byte) ([]byte, error) {
	block, err := aes.NewCipher(s.aesKey)
	if err != nil {
		return nil, fmt.Errorf("ctap: %w", err)
	}
	if len(plain)%aes.BlockSize != 0 {
		return nil, errors.New("ctap: plaintext is not a whole number of blocks")
	}
	out := make([]byte, len(plain))
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, plain)
	if s.protocol == PINProtocolTwo {
		return append(iv, out...), nil
	}
	return out, nil
}

// decrypt undoes encrypt.
func (s *secret) decrypt(data []byte) ([]byte, error) {
	block, err := aes.NewCipher(s.aesKey)
	if err != nil {
		return nil, fmt.Errorf("ctap: %w", err)
	}
	iv := make([]byte, aes.BlockSize)
	if s.protocol == PINProtocolTwo {
		if len(data) < aes.BlockSize {
			return nil, errors.New("ctap: ciphertext is shorter than its initialisation vector")
		}
		iv, data = data[:aes.BlockSize], data[aes.BlockSize:]
	}
	if len(data) == 0 || len(data)%aes.BlockSize != 0 {
		return nil, errors.New("ctap: ciphertext is not a whole number of blocks")
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, data)
	return plain, nil
}

// coseKey is a key agreement key on the wire. Its algorithm says ECDH-ES+HKDF-256,
// which is not what is done with it (§6.5.5.4 says so itself).
type coseKey struct {
	Kty int    `cbor:"1,keyasint"`
	Alg int    `cbor:"3,keyasint"`
	Crv int    `cbor:"-1,keyasint"`
	X   []byte `cbor:"-2,keyasint"`
	Y   []byte `cbor:"-3,keyasint"`
}

func newCOSEKey(key *ecdh.PublicKey) coseKey {
	point := key.Bytes() // 04, x, y
	return coseKey{Kty: 2, Alg: -25, Crv: 1, X: point[1:33], Y: point[33:]}
}

// readCOSEKey reads the key's half of the agreement. [ecdh.Curve.NewPublicKey]
// refuses what is not a point of the curve.
func readCOSEKey(f *fields, key int64) *ecdh.PublicKey {
	f.need(key)
	in := f.inner(key)
	in.need(1, 3, -1, -2, -3)
	kty, alg, crv := member[int64](in, int64(1)), member[int64](in, int64(3)), member[int64](in, int64(-1))
	x, y := member[[]byte](in, int64(-2)), member[[]byte](in, int64(-3))
	if in.err == nil && (kty != 2 || alg != -25 || crv != 1 || len(x) != 32 || len(y) != 32) {
		in.fail("key agreement key is not on P-256")
	}
	f.take(in)
	if f.err != nil {
		return nil
	}
	public, err := ecdh.P256().NewPublicKey(append(append([]byte{4}, x...), y...))
	if err != nil {
		f.fail("key agreement key: %v", err)
	}
	return public
}
