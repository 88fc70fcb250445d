package softkey

import (
	"crypto/sha256"
	"slices"
)

// Writing of the structures of a TPM (TPM 2.0 Library, Part 2), by hand: big-endian
// numbers, and byte strings after their length.

// TPMPublic is the public area of a key (TPMT_PUBLIC) before it is written.
type TPMPublic struct {
	Type, NameAlg uint16
	Attributes    uint32
	AuthPolicy    []byte
	// Symmetric, Scheme and KDF are an algorithm each, followed by its details.
	Symmetric, Scheme []uint16

	// Of an RSA key; Exponent 0 is 65537.
	KeyBits  uint16
	Exponent uint32
	N        []byte

	// Of an ECC key.
	Curve uint16
	KDF   []uint16
	X, Y  []byte

	// Trailing is what follows, where nothing should.
	Trailing []byte
}

// Bytes writes p. A type that is not RSA's is written as an ECC key.
func (p *TPMPublic) Bytes() []byte {
	out := slices.Concat(be(2, uint64(p.Type)), be(2, uint64(p.NameAlg)), be(4, uint64(p.Attributes)), tpm2b(p.AuthPolicy),
		words(p.Symmetric), words(p.Scheme))
	if p.Type == tpmTypeRSA {
		return slices.Concat(out, be(2, uint64(p.KeyBits)), be(4, uint64(p.Exponent)), tpm2b(p.N), p.Trailing)
	}
	return slices.Concat(out, be(2, uint64(p.Curve)), words(p.KDF), tpm2b(p.X), tpm2b(p.Y), p.Trailing)
}

// TPMCertInfo is a TPM's word about a key (TPMS_ATTEST with TPMS_CERTIFY_INFO) before
// it is written.
type TPMCertInfo struct {
	Magic                    uint32
	Type                     uint16
	QualifiedSigner          []byte
	ExtraData                []byte
	Clock                    uint64
	ResetCount, RestartCount uint32
	Safe                     byte
	FirmwareVersion          uint64
	Name, QualifiedName      []byte

	// Trailing is what follows, where nothing should.
	Trailing []byte
}

// Bytes writes c.
func (c *TPMCertInfo) Bytes() []byte {
	return slices.Concat(be(4, uint64(c.Magic)), be(2, uint64(c.Type)), tpm2b(c.QualifiedSigner), tpm2b(c.ExtraData),
		be(8, c.Clock), be(4, uint64(c.ResetCount)), be(4, uint64(c.RestartCount)), []byte{c.Safe},
		be(8, c.FirmwareVersion), tpm2b(c.Name), tpm2b(c.QualifiedName), c.Trailing)
}

// Constants of the TPM that the key pretends to be.
const (
	tpmTypeRSA       = 0x0001
	tpmTypeECC       = 0x0023
	tpmAlgSHA256     = 0x000B
	tpmAlgNull       = 0x0010
	tpmAlgRSASSA     = 0x0014
	tpmAlgECDSA      = 0x0018
	tpmCurveP256     = 0x0003
	tpmCurveP384     = 0x0004
	tpmMagic         = 0xFF544347
	tpmCertify       = 0x8017
	tpmKeyAttributes = 0x00040472 // made in this TPM, to stay there, for signing after authorisation
)

// tpmName is the name of an object: SHA-256's number and the hash of its public area.
func tpmName(public []byte) []byte {
	sum := sha256.Sum256(public)
	return append(be(2, tpmAlgSHA256), sum[:]...)
}

// be writes n in as many bytes as size says.
func be(size int, n uint64) []byte {
	out := make([]byte, size)
	for i := range out {
		out[i] = byte(n >> (8 * (size - 1 - i)))
	}
	return out
}

func words(list []uint16) []byte {
	var out []byte
	for _, w := range list {
		out = append(out, be(2, uint64(w))...)
	}
	return out
}

func tpm2b(b []byte) []byte { return append(be(2, uint64(len(b))), b...) }
