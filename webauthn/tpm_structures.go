package webauthn

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"

	"bestow.dev/cose"
)

// Structures of the TPM 2.0 Library, Part 2, read by hand to the last byte. Numbers
// are big-endian; what has a length is a slice of the input, so that a declared
// length never costs memory.

// TPM_ALG_ID values that have a meaning here (Part 2 §6.3).
const (
	tpmRSA    = 0x0001
	tpmSHA1   = 0x0004
	tpmSHA256 = 0x000B
	tpmSHA384 = 0x000C
	tpmSHA512 = 0x000D
	tpmNull   = 0x0010
	tpmECC    = 0x0023
)

// TPM_ECC_CURVE values (Part 2 §6.4).
const (
	tpmP256 = 0x0003
	tpmP384 = 0x0004
	tpmP521 = 0x0005
)

// What begins an attestation made inside a TPM, and says that it is about a key.
const (
	tpmGenerated     = 0xFF544347 // TPM_GENERATED_VALUE, Part 2 §6.2
	tpmAttestCertify = 0x8017     // TPM_ST_ATTEST_CERTIFY, Part 2 §6.9
)

// defaultTPMExponent is what the exponent 0 stands for (Part 2 §12.2.3.5).
const defaultTPMExponent = 65537

// What is wrong with a structure.
var (
	errTPMLength  = errors.New("the structure is shorter or longer than what it holds")
	errTPMKind    = errors.New("the key is neither RSA nor ECC")
	errTPMNameAlg = errors.New("the name algorithm is not one of SHA-1 and SHA-2")
	errTPMVariant = errors.New("an algorithm of the key's parameters is not known")
	errTPMMagic   = errors.New("the magic is not TPM_GENERATED_VALUE: it was not made inside a TPM")
	errTPMType    = errors.New("the type is not TPM_ST_ATTEST_CERTIFY")
)

// tpmReader reads from the front of a structure. Once it is out of bytes it returns
// zeros, and end says so.
type tpmReader struct {
	rest  []byte
	short bool
}

// take returns the next n bytes; nil if there are fewer.
func (r *tpmReader) take(n int) []byte {
	if n > len(r.rest) {
		r.short, r.rest = true, nil
		return nil
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *tpmReader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *tpmReader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// sized reads a TPM2B: a length of two bytes, and so many bytes.
func (r *tpmReader) sized() []byte { return r.take(int(r.uint16())) }

// end returns nil if the structure ended where its bytes do.
func (r *tpmReader) end() error {
	if r.short || len(r.rest) > 0 {
		return errTPMLength
	}
	return nil
}

// tpmPublic is a TPMT_PUBLIC (Part 2 §12.2.4), as far as it matters: attributes,
// authorisation policy and schemes say what the TPM lets the key be used for, which
// §8.3 asks nothing of.
type tpmPublic struct {
	kind uint16 // tpmRSA or tpmECC
	name []byte // of the object, by its own name algorithm

	keyBits  uint16 // of RSA
	exponent uint32
	n        []byte

	curve uint16 // of ECC
	x, y  []byte
}

// parseTPMPublic reads a pubArea.
func parseTPMPublic(data []byte) (*tpmPublic, error) {
	r := &tpmReader{rest: data}
	p := &tpmPublic{kind: r.uint16(), name: tpmObjectName(r.uint16(), data)}
	r.uint32() // objectAttributes
	r.sized()  // authPolicy
	switch {
	case r.short:
		return nil, errTPMLength
	case p.name == nil:
		return nil, errTPMNameAlg
	case p.kind == tpmRSA:
		if !r.scheme(tpmCiphers) || !r.scheme(rsaSchemes) {
			return nil, errTPMVariant
		}
		p.keyBits, p.exponent = r.uint16(), r.uint32()
		p.n = r.sized()
	case p.kind == tpmECC:
		if !r.scheme(tpmCiphers) || !r.scheme(eccSchemes) {
			return nil, errTPMVariant
		}
		p.curve = r.uint16()
		if !r.scheme(tpmKDFs) {
			return nil, errTPMVariant
		}
		p.x, p.y = r.sized(), r.sized()
	default:
		return nil, errTPMKind
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return p, nil
}

// Algorithms that the parameters of a key may name beside TPM_ALG_NULL, and how many
// bytes of details follow each.
var (
	// TPMT_SYM_DEF_OBJECT, Part 2 §11.1.7: key bits and mode.
	tpmCiphers = map[uint16]int{0x0003: 4, 0x0006: 4, 0x0013: 4, 0x0026: 4} // TDES, AES, SM4, Camellia
	// TPMT_RSA_SCHEME, Part 2 §12.2.3.5: a hash, but for RSAES.
	rsaSchemes = map[uint16]int{0x0014: 2, 0x0015: 0, 0x0016: 2, 0x0017: 2} // RSASSA, RSAES, RSAPSS, OAEP
	// TPMT_ECC_SCHEME, Part 2 §12.2.3.6: a hash, and with ECDAA a count.
	eccSchemes = map[uint16]int{0x0018: 2, 0x0019: 2, 0x001A: 4, 0x001B: 2, 0x001C: 2, 0x001D: 2} // ECDSA, ECDH, ECDAA, SM2, ECSCHNORR, ECMQV
	// TPMT_KDF_SCHEME, Part 2 §11.2.3: a hash.
	tpmKDFs = map[uint16]int{0x0007: 2, 0x0020: 2, 0x0021: 2, 0x0022: 2} // MGF1, KDF1_SP800_56A, KDF2, KDF1_SP800_108
)

// scheme reads an algorithm and its details. It reports whether it knows the algorithm.
func (r *tpmReader) scheme(details map[uint16]int) bool {
	alg := r.uint16()
	if r.short || alg == tpmNull {
		return true // end tells of what is short
	}
	n, ok := details[alg]
	if ok {
		r.take(n)
	}
	return ok
}

// holds reports whether the public area is that of key. Coordinates and moduli are
// compared as numbers, since some TPMs leave leading zeros out.
func (p *tpmPublic) holds(key *cose.Key) bool {
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		exponent := p.exponent
		if exponent == 0 {
			exponent = defaultTPMExponent
		}
		return p.kind == tpmRSA && int(p.keyBits) == public.N.BitLen() && int64(exponent) == int64(public.E) &&
			sameNumber(p.n, public.N.Bytes())
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 04, x, y
		if err != nil || p.kind != tpmECC || p.curve != tpmCurve(public.Curve) {
			return false
		}
		half := len(point) / 2
		return sameNumber(p.x, point[1:1+half]) && sameNumber(p.y, point[1+half:])
	}
	return false // TPMs have no other keys that sign
}

// tpmCurve returns the TPM_ECC_CURVE of a curve; 0, which names none, for others.
func tpmCurve(curve elliptic.Curve) uint16 {
	switch curve {
	case elliptic.P256():
		return tpmP256
	case elliptic.P384():
		return tpmP384
	case elliptic.P521():
		return tpmP521
	}
	return 0
}

func sameNumber(a, b []byte) bool {
	return bytes.Equal(bytes.TrimLeft(a, "\x00"), bytes.TrimLeft(b, "\x00"))
}

// tpmObjectName returns the Name of the object with a public area (Part 1 §16): the
// hash algorithm, and the hash; nil if alg is not one of SHA-1 and SHA-2.
func tpmObjectName(alg uint16, public []byte) []byte {
	name := binary.BigEndian.AppendUint16(nil, alg)
	switch alg {
	case tpmSHA1:
		sum := sha1.Sum(public)
		return append(name, sum[:]...)
	case tpmSHA256:
		sum := sha256.Sum256(public)
		return append(name, sum[:]...)
	case tpmSHA384:
		sum := sha512.Sum384(public)
		return append(name, sum[:]...)
	case tpmSHA512:
		sum := sha512.Sum512(public)
		return append(name, sum[:]...)
	}
	return nil
}

// tpmAttest is a TPMS_ATTEST (Part 2 §10.12.8) about a key, as far as it matters.
type tpmAttest struct {
	extraData []byte
	name      []byte // of what was certified
}

// parseTPMAttest reads a certInfo.
func parseTPMAttest(data []byte) (*tpmAttest, error) {
	r := &tpmReader{rest: data}
	magic, kind := r.uint32(), r.uint16()
	switch {
	case r.short:
		return nil, errTPMLength
	case magic != tpmGenerated:
		return nil, errTPMMagic
	case kind != tpmAttestCertify:
		return nil, errTPMType // what attests something else goes on in another way
	}
	r.sized() // qualifiedSigner
	a := &tpmAttest{extraData: r.sized()}
	r.take(8 + 4 + 4 + 1) // clockInfo: clock, resetCount, restartCount, safe
	r.take(8)             // firmwareVersion
	a.name = r.sized()
	r.sized() // qualifiedName
	if err := r.end(); err != nil {
		return nil, err
	}
	return a, nil
}
