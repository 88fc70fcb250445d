package softkey

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"sync"
)

// tpm attests as a platform's TPM does (WebAuthn §8.3): it makes a key that certifies
// the credential's, and has the root certify that one.
type tpm struct{ aik int64 } // algorithm of the attestation key: ES256 or RS256

func (tpm) algorithms() []int64 { return []int64{ES256, ES384, RS256} }
func (tpm) aaguid() [16]byte    { return AAGUID }

// TPMForge is where what a TPM attests can be spoilt before it is written and signed.
// Each stage is made to fit what the earlier ones became.
type TPMForge struct {
	Public   func(*TPMPublic)   // first: the public area
	CertInfo func(*TPMCertInfo) // then what is certified of it
	Identity func(*TPMIdentity) // and who certifies
}

// tpmAIK is an attestation key that takes long to make. It lasts as long as the key
// is open; a TPM may have any number of them.
type tpmAIK struct{ pair func() (keyPair, error) }

func newTPMAIK(alg int64) *tpmAIK {
	return &tpmAIK{sync.OnceValues(func() (keyPair, error) { return newKeyPair(alg) })}
}

func (t tpm) attestationKey(i *issuer) (keyPair, error) {
	if t.aik == RS256 {
		return i.rsaAIK.pair()
	}
	return newKeyPair(t.aik)
}

func (t tpm) attest(s subjectOfAttestation) (Statement, error) {
	public, err := tpmPublicOf(s.pair)
	if err != nil {
		return Statement{}, err
	}
	spoil(s.forge.TPM.Public, public)
	pubArea := public.Bytes()

	digest := sha256.Sum256(s.message()) // the hash of ES256 and of RS256
	certInfo := &TPMCertInfo{
		Magic: tpmMagic, Type: tpmCertify, QualifiedSigner: tpmName(nil), ExtraData: digest[:],
		Clock: 1, Safe: 1, FirmwareVersion: 1, Name: tpmName(pubArea), QualifiedName: tpmName(nil),
	}
	spoil(s.forge.TPM.CertInfo, certInfo)

	identity := newTPMIdentity()
	spoil(s.forge.TPM.Identity, identity)
	aik, err := t.attestationKey(s.issuer)
	if err != nil {
		return Statement{}, err
	}
	certificate, err := s.issuer.certifyTPM(identity, aik.signer.Public())
	if err != nil {
		return Statement{}, err
	}
	sig, err := s.forge.sign(aik, certInfo.Bytes())
	if err != nil {
		return Statement{}, err
	}
	return Statement{Format: "tpm", Members: map[string]any{
		"ver": "2.0", "alg": aik.alg, "x5c": [][]byte{certificate},
		"sig": sig, "certInfo": certInfo.Bytes(), "pubArea": pubArea,
	}}, nil
}

func spoil[T any](with func(*T), what *T) {
	if with != nil {
		with(what)
	}
}

// tpmPublicOf returns the public area of a credential's key.
func tpmPublicOf(pair keyPair) (*TPMPublic, error) {
	p := &TPMPublic{NameAlg: tpmAlgSHA256, Attributes: tpmKeyAttributes, Symmetric: []uint16{tpmAlgNull}, Scheme: []uint16{tpmAlgNull}}
	switch public := pair.signer.Public().(type) {
	case *ecdsa.PublicKey:
		p.Type, p.KDF = tpmTypeECC, []uint16{tpmAlgNull}
		p.Curve = map[int64]uint16{ES256: tpmCurveP256, ES384: tpmCurveP384}[pair.alg]
		p.X, p.Y = coordinates(public)
	case *rsa.PublicKey:
		p.Type, p.Scheme = tpmTypeRSA, []uint16{tpmAlgRSASSA, tpmAlgSHA256}
		p.KeyBits, p.N = rsaBits, public.N.Bytes() // and exponent 0, as that is 65537
	default:
		return nil, fmt.Errorf("softkey: a TPM has no keys of algorithm %d", pair.alg)
	}
	return p, nil
}
