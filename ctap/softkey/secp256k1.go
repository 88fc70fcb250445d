package softkey

import (
	"crypto"
	"errors"
	"io"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// secp256k1Key makes a [crypto.Signer] of a key for ES256K, which the standard library
// does not have.
type secp256k1Key struct{ private *secp256k1.PrivateKey }

func newSecp256k1Key() (*secp256k1Key, error) {
	private, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		return nil, err
	}
	return &secp256k1Key{private}, nil
}

// parseSecp256k1Key reads a scalar of full length.
func parseSecp256k1Key(scalar []byte) (*secp256k1Key, error) {
	if len(scalar) != secp256k1.PrivKeyBytesLen {
		return nil, errors.New("softkey: scalar of wrong length")
	}
	var n secp256k1.ModNScalar
	if beyond := n.SetByteSlice(scalar); beyond || n.IsZero() {
		return nil, errors.New("softkey: scalar out of range")
	}
	return &secp256k1Key{secp256k1.NewPrivateKey(&n)}, nil
}

// Public returns a *secp256k1.PublicKey.
func (k *secp256k1Key) Public() crypto.PublicKey { return k.private.PubKey() }

// Sign signs a digest, in DER. It needs no randomness (RFC 6979).
func (k *secp256k1Key) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	return ecdsa.Sign(k.private, digest).Serialize(), nil
}
