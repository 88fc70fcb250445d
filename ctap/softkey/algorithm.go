package softkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"math/big"

	"github.com/cloudflare/circl/sign"
	"github.com/cloudflare/circl/sign/ed448"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// COSE algorithm numbers the key supports.
const (
	ES256   int64 = -7
	EdDSA   int64 = -8 // with Ed25519
	ES384   int64 = -35
	ES256K  int64 = -47
	MLDSA44 int64 = -48
	MLDSA65 int64 = -49
	MLDSA87 int64 = -50
	Ed448   int64 = -53
	RS256   int64 = -257
)

// algorithms are those on offer, the preferred one first. Few security keys have the
// later ones, but a relying party gets one only if it asks for it, and then this key is
// often the only one at hand to try it with. Places in the list are part of wrapped
// credential ids: a new algorithm goes to the end, and none ever leaves.
var algorithms = []int64{ES256, EdDSA, ES384, RS256, ES256K, Ed448, MLDSA44, MLDSA65, MLDSA87}

// parameterSets are those of ML-DSA (FIPS 204 §4).
var parameterSets = map[int64]sign.Scheme{MLDSA44: mldsa44.Scheme(), MLDSA65: mldsa65.Scheme(), MLDSA87: mldsa87.Scheme()}

const (
	rsaBits     = 2048
	rsaExponent = 65537
)

// keyPair is a credential's key.
type keyPair struct {
	alg    int64
	signer crypto.Signer
}

// newKeyPair makes a key. RSA takes a good part of a second.
func newKeyPair(alg int64) (keyPair, error) {
	var signer crypto.Signer
	var err error
	switch alg {
	case ES256:
		signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case ES384:
		signer, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case EdDSA:
		_, signer, err = ed25519.GenerateKey(rand.Reader)
	case RS256:
		signer, err = rsa.GenerateKey(rand.Reader, rsaBits)
	case ES256K:
		signer, err = newSecp256k1Key()
	case Ed448:
		_, signer, err = ed448.GenerateKey(rand.Reader)
	case MLDSA44, MLDSA65, MLDSA87:
		return parseKeyPair(alg, random(parameterSets[alg].SeedSize()))
	default:
		err = errors.New("softkey: unknown algorithm")
	}
	return keyPair{alg, signer}, err
}

// sign signs message as the algorithm wants it: ECDSA in DER, RSA in PKCS #1 v1.5,
// EdDSA and ML-DSA over the message itself, with an empty context (WebAuthn §6.5.5).
func (k keyPair) sign(message []byte) ([]byte, error) {
	switch k.alg {
	case EdDSA, Ed448, MLDSA44, MLDSA65, MLDSA87:
		return k.signer.Sign(nil, message, crypto.Hash(0))
	case ES384:
		sum := sha512.Sum384(message)
		return k.signer.Sign(rand.Reader, sum[:], crypto.SHA384)
	}
	sum := sha256.Sum256(message)
	return k.signer.Sign(rand.Reader, sum[:], crypto.SHA256)
}

// cose returns the public key as a COSE key with its required members only
// (WebAuthn §6.5.1).
func (k keyPair) cose() []byte {
	switch public := k.signer.Public().(type) {
	case *ecdsa.PublicKey:
		x, y := coordinates(public)
		curve := map[int64]int64{ES256: 1, ES384: 2}[k.alg]
		return cborMap(at(1, cborInt(2)), at(3, cborInt(k.alg)), at(-1, cborInt(curve)),
			at(-2, cborBytes(x)), at(-3, cborBytes(y)))
	case ed25519.PublicKey:
		return cborMap(at(1, cborInt(1)), at(3, cborInt(k.alg)), at(-1, cborInt(6)), at(-2, cborBytes(public)))
	case *rsa.PublicKey:
		return cborMap(at(1, cborInt(3)), at(3, cborInt(k.alg)),
			at(-1, cborBytes(public.N.Bytes())), at(-2, cborBytes(big.NewInt(int64(public.E)).Bytes())))
	case *secp256k1.PublicKey:
		point := public.SerializeUncompressed() // 04, x, y
		return cborMap(at(1, cborInt(2)), at(3, cborInt(k.alg)), at(-1, cborInt(8)),
			at(-2, cborBytes(point[1:33])), at(-3, cborBytes(point[33:])))
	case ed448.PublicKey:
		return cborMap(at(1, cborInt(1)), at(3, cborInt(k.alg)), at(-1, cborInt(7)), at(-2, cborBytes(public)))
	case interface{ Bytes() []byte }: // of ML-DSA
		return cborMap(at(1, cborInt(7)), at(3, cborInt(k.alg)), at(-1, cborBytes(public.Bytes())))
	}
	panic("softkey: key of no known type")
}

// coordinates returns x and y in the curve's full length.
func coordinates(public *ecdsa.PublicKey) (x, y []byte) {
	point, err := public.Bytes() // 04, x, y
	if err != nil {
		panic("softkey: public key: " + err.Error()) // the key was made or checked here
	}
	half := (len(point) - 1) / 2
	return point[1 : 1+half], point[1+half:]
}

// private returns the private key in the shortest form that gives it back: a scalar,
// a seed, or two primes.
func (k keyPair) private() ([]byte, error) {
	switch key := k.signer.(type) {
	case *ecdsa.PrivateKey:
		return key.Bytes()
	case *secp256k1Key:
		return key.private.Serialize(), nil
	case interface{ Seed() []byte }: // of Ed25519, Ed448 and ML-DSA
		return key.Seed(), nil
	case *rsa.PrivateKey:
		half := rsaBits / 16
		primes := make([]byte, 2*half)
		key.Primes[0].FillBytes(primes[:half])
		key.Primes[1].FillBytes(primes[half:])
		return primes, nil
	}
	return nil, errors.New("softkey: key of no known type")
}

// parseKeyPair undoes private.
func parseKeyPair(alg int64, private []byte) (keyPair, error) {
	var signer crypto.Signer
	var err error
	switch alg {
	case ES256:
		signer, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), private)
	case ES384:
		signer, err = ecdsa.ParseRawPrivateKey(elliptic.P384(), private)
	case EdDSA:
		if len(private) != ed25519.SeedSize {
			return keyPair{}, errors.New("softkey: seed of wrong length")
		}
		signer = ed25519.NewKeyFromSeed(private)
	case RS256:
		signer, err = rsaFromPrimes(private)
	case ES256K:
		signer, err = parseSecp256k1Key(private)
	case Ed448:
		if len(private) != ed448.SeedSize {
			return keyPair{}, errors.New("softkey: seed of wrong length")
		}
		signer = ed448.NewKeyFromSeed(private)
	case MLDSA44, MLDSA65, MLDSA87:
		set := parameterSets[alg]
		if len(private) != set.SeedSize() {
			return keyPair{}, errors.New("softkey: seed of wrong length")
		}
		_, key := set.DeriveKey(private)
		signer = key.(crypto.Signer)
	default:
		err = errors.New("softkey: unknown algorithm")
	}
	if err != nil {
		return keyPair{}, err
	}
	return keyPair{alg, signer}, nil
}

func rsaFromPrimes(primes []byte) (*rsa.PrivateKey, error) {
	if len(primes) != rsaBits/8 {
		return nil, errors.New("softkey: primes of wrong length")
	}
	one := big.NewInt(1)
	p := new(big.Int).SetBytes(primes[:len(primes)/2])
	q := new(big.Int).SetBytes(primes[len(primes)/2:])
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: rsaExponent},
		D:         new(big.Int).ModInverse(big.NewInt(rsaExponent), phi),
		Primes:    []*big.Int{p, q},
	}
	if key.D == nil {
		return nil, errors.New("softkey: primes do not fit the exponent")
	}
	key.Precompute()
	return key, key.Validate()
}
