package softkey

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
)

// The authenticator's half of the PIN/UV auth protocols (CTAP 2.1 §6.5.6, §6.5.7).

// protocol is a PIN/UV auth protocol, one or two.
type protocol int

const (
	protocolOne protocol = 1
	protocolTwo protocol = 2
)

// protocols are those the key offers, the preferred one first.
var protocols = [...]protocol{protocolTwo, protocolOne}

func (p protocol) supported() bool { return p == protocolOne || p == protocolTwo }

// mac is authenticate: HMAC-SHA-256, of which protocol one keeps the first half.
func (p protocol) mac(key, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	sum := h.Sum(nil)
	if p == protocolOne {
		return sum[:len(sum)/2]
	}
	return sum
}

// verify compares in constant time; a tag of another length is never good.
func (p protocol) verify(key, message, tag []byte) bool {
	return subtle.ConstantTimeCompare(p.mac(key, message), tag) == 1
}

// sharedKeys are what one request shares with the platform.
type sharedKeys struct {
	protocol       protocol
	macKey, aesKey []byte
}

// decapsulate derives the shared keys from the platform's public key. It reports
// false if that is no key on P-256.
func (p protocol) decapsulate(own *ecdh.PrivateKey, platform *params) (sharedKeys, bool) {
	kty, _ := platform.int(num(1))
	alg, _ := platform.int(num(3))
	crv, _ := platform.int(num(-1))
	x, _ := platform.bytes(num(-2))
	y, _ := platform.bytes(num(-3))
	if platform.err != nil || kty != 2 || alg != -25 || crv != 1 || len(x) != 32 || len(y) != 32 {
		return sharedKeys{}, false
	}
	peer, err := ecdh.P256().NewPublicKey(append(append([]byte{4}, x...), y...)) // refuses points off the curve
	if err != nil {
		return sharedKeys{}, false
	}
	z, err := own.ECDH(peer)
	if err != nil {
		return sharedKeys{}, false
	}
	return p.derive(z), true
}

// derive turns the x coordinate of the shared point into keys.
func (p protocol) derive(z []byte) sharedKeys {
	if p == protocolOne {
		sum := sha256.Sum256(z)
		return sharedKeys{protocol: p, macKey: sum[:], aesKey: sum[:]}
	}
	return sharedKeys{protocol: p, macKey: expand(z, "CTAP2 HMAC key"), aesKey: expand(z, "CTAP2 AES key")}
}

func expand(z []byte, info string) []byte {
	key, err := hkdf.Key(sha256.New, z, make([]byte, 32), info, 32)
	if err != nil {
		panic("softkey: hkdf: " + err.Error()) // only for lengths beyond those of a constant
	}
	return key
}

func (s sharedKeys) verify(message, tag []byte) bool {
	return s.protocol.verify(s.macKey, message, tag)
}

func (s sharedKeys) block() cipher.Block {
	block, err := aes.NewCipher(s.aesKey)
	if err != nil {
		panic("softkey: aes: " + err.Error()) // the key has 32 bytes
	}
	return block
}

// encrypt encrypts whole blocks: AES-256-CBC, with a zero IV in protocol one, and a
// random one in front in protocol two.
func (s sharedKeys) encrypt(plain []byte) []byte {
	iv := make([]byte, aes.BlockSize)
	if s.protocol == protocolTwo {
		rand.Read(iv)
	}
	out := make([]byte, len(plain))
	cipher.NewCBCEncrypter(s.block(), iv).CryptBlocks(out, plain)
	if s.protocol == protocolTwo {
		return append(iv, out...)
	}
	return out
}

// decrypt reports false for what is not whole blocks.
func (s sharedKeys) decrypt(data []byte) ([]byte, bool) {
	iv := make([]byte, aes.BlockSize)
	if s.protocol == protocolTwo {
		if len(data) < aes.BlockSize {
			return nil, false
		}
		iv, data = data[:aes.BlockSize], data[aes.BlockSize:]
	}
	if len(data)%aes.BlockSize != 0 {
		return nil, false
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(s.block(), iv).CryptBlocks(plain, data)
	return plain, true
}

// coseKeyAgreement is the key's public half, with the algorithm number that the
// protocols prescribe.
func coseKeyAgreement(key *ecdh.PublicKey) []byte {
	point := key.Bytes()
	return cborMap(
		at(1, cborInt(2)), at(3, cborInt(-25)), at(-1, cborInt(1)),
		at(-2, cborBytes(point[1:33])), at(-3, cborBytes(point[33:])),
	)
}
