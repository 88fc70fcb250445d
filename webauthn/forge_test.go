package webauthn_test

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"
)

// The forger makes responses as an authenticator and a client would, from values
// that a test may change before they are put together. Its encoders are its own, so
// that it shares no mistake with what it tests.

// pair is a member of a CBOR map, each already encoded.
type pair struct{ key, value []byte }

func cborHeadOf(major byte, n uint64) []byte {
	switch {
	case n < 24:
		return []byte{major<<5 | byte(n)}
	case n < 1<<8:
		return []byte{major<<5 | 24, byte(n)}
	case n < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{major<<5 | 25}, uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32([]byte{major<<5 | 26}, uint32(n))
	default:
		return binary.BigEndian.AppendUint64([]byte{major<<5 | 27}, n)
	}
}

func cInt(n int64) []byte {
	if n < 0 {
		return cborHeadOf(1, uint64(-1-n))
	}
	return cborHeadOf(0, uint64(n))
}

func cBytes(b []byte) []byte { return append(cborHeadOf(2, uint64(len(b))), b...) }
func cText(s string) []byte  { return append(cborHeadOf(3, uint64(len(s))), s...) }

func cArray(items ...[]byte) []byte {
	return append(cborHeadOf(4, uint64(len(items))), bytes.Join(items, nil)...)
}

// cMap encodes pairs in the order of CTAP2: shorter keys first, then bytewise.
func cMap(pairs ...pair) []byte {
	sorted := slices.Clone(pairs)
	slices.SortStableFunc(sorted, func(a, b pair) int {
		return cmp.Or(cmp.Compare(len(a.key), len(b.key)), bytes.Compare(a.key, b.key))
	})
	return cRawMap(sorted...)
}

// cRawMap encodes pairs in the order given.
func cRawMap(pairs ...pair) []byte {
	out := cborHeadOf(5, uint64(len(pairs)))
	for _, p := range pairs {
		out = append(append(out, p.key...), p.value...)
	}
	return out
}

// authData is authenticator data that is yet to be put together.
type authData struct {
	rpID         string
	flags        byte
	signCount    uint32
	aaguid       [16]byte
	credentialID []byte
	key          []byte // COSE; nil leaves attested credential data out
	extensions   []byte // CBOR; nil leaves them out
	tail         []byte
}

func (a *authData) bytes() []byte {
	hash := sha256.Sum256([]byte(a.rpID))
	out := append(hash[:], a.flags)
	out = binary.BigEndian.AppendUint32(out, a.signCount)
	if a.key != nil {
		out = append(out, a.aaguid[:]...)
		out = binary.BigEndian.AppendUint16(out, uint16(len(a.credentialID)))
		out = append(append(out, a.credentialID...), a.key...)
	}
	return append(append(out, a.extensions...), a.tail...)
}

// clientData is client data that is yet to be put together.
type clientData map[string]any

func (c clientData) bytes() []byte {
	out, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return out
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// newKey returns a fresh P-256 key.
func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// coseKey returns the COSE form of a public key of ES256, EdDSA or RS256.
func coseKey(t testing.TB, public crypto.PublicKey) []byte {
	t.Helper()
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		return coseEC2(-7, 1, point[1:33], point[33:])
	case ed25519.PublicKey:
		return cMap(pair{cInt(1), cInt(1)}, pair{cInt(3), cInt(-8)}, pair{cInt(-1), cInt(6)}, pair{cInt(-2), cBytes(k)})
	case *rsa.PublicKey:
		e := big.NewInt(int64(k.E)).Bytes()
		return cMap(pair{cInt(1), cInt(3)}, pair{cInt(3), cInt(-257)}, pair{cInt(-1), cBytes(k.N.Bytes())}, pair{cInt(-2), cBytes(e)})
	}
	t.Fatalf("no COSE form of %T", public)
	return nil
}

func coseEC2(alg, curve int64, x, y []byte) []byte {
	return cMap(pair{cInt(1), cInt(2)}, pair{cInt(3), cInt(alg)}, pair{cInt(-1), cInt(curve)}, pair{cInt(-2), cBytes(x)}, pair{cInt(-3), cBytes(y)})
}

// sign signs message with SHA-256, or as Ed25519 does.
func sign(t testing.TB, key crypto.Signer, message []byte) []byte {
	t.Helper()
	options := crypto.SignerOpts(crypto.SHA256)
	digest := sha256.Sum256(message)
	input := digest[:]
	if _, ok := key.(ed25519.PrivateKey); ok {
		input, options = message, crypto.Hash(0)
	}
	sig, err := key.Sign(rand.Reader, input, options)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// authority is a certificate with its key.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Times at which the forger's certificates are and are not valid.
var (
	notBefore = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	validAt   = time.Date(2026, 3, 2, 10, 15, 0, 0, time.UTC)
	notAfter  = time.Date(2035, 1, 1, 0, 0, 0, 0, time.UTC)
)

// caTemplate is a certificate authority.
func caTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{Country: []string{"SE"}, Organization: []string{"Example Keys"}, CommonName: name},
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		BasicConstraintsValid: true,
		IsCA:                  true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
}

// leafTemplate is a packed attestation certificate (§8.2.1).
func leafTemplate() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: serial(),
		Subject: pkix.Name{
			Country:            []string{"SE"},
			Organization:       []string{"Example Keys"},
			OrganizationalUnit: []string{"Authenticator Attestation"},
			CommonName:         "Example Key Batch 7",
		},
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		BasicConstraintsValid: true,
	}
}

// modelExtension is id-fido-gen-ce-aaguid.
func modelExtension(aaguid [16]byte) pkix.Extension {
	return pkix.Extension{
		Id:    asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4},
		Value: append([]byte{0x04, 0x10}, aaguid[:]...),
	}
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		panic(err)
	}
	return n.Add(n, big.NewInt(1))
}

// issue signs template for subject; a nil issuer makes it self-signed.
func issue(t testing.TB, template *x509.Certificate, subject *ecdsa.PrivateKey, issuer *authority) *authority {
	t.Helper()
	parent, signer := template, subject
	if issuer != nil {
		parent, signer = issuer.cert, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &subject.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, subject}
}

// ders returns the certificates as a CBOR x5c.
func x5c(certs ...*x509.Certificate) []byte {
	items := make([][]byte, len(certs))
	for i, c := range certs {
		items[i] = cBytes(c.Raw)
	}
	return cArray(items...)
}

// document writes JSON, for tests that need members in an order or twice.
func document(format string, args ...any) []byte { return fmt.Appendf(nil, format, args...) }
