package differential

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	_ "unsafe" // for go:linkname

	"bestow.dev/ctap/softkey"
)

// For some formats go-webauthn trusts the roots and the makers of TPMs that it brings
// along, and no others. Its own tests change these variables; ours do, by their linker
// names, so that what it makes of a statement can be seen at all. Trust is not compared.
var (
	//go:linkname androidKeyRoots github.com/go-webauthn/webauthn/protocol.attAndroidKeyHardwareRootsCertPool
	androidKeyRoots *x509.CertPool
	//go:linkname appleRoots github.com/go-webauthn/webauthn/protocol.attAppleHardwareRootsCertPool
	appleRoots *x509.CertPool
	//go:linkname safetyNetRoots github.com/go-webauthn/webauthn/protocol.attStatementAndroidSafetyNetRootsCertPool
	safetyNetRoots *x509.CertPool
	//go:linkname tpmMakers github.com/go-webauthn/webauthn/protocol.tpmManufacturers
	tpmMakers []tpmMaker
)

// tpmMaker is laid out as go-webauthn's.
type tpmMaker struct{ id, name, code string }

// trustRoot has go-webauthn take root for one of those that it brings along.
func trustRoot(root *x509.Certificate) {
	if safetyNetRoots == nil {
		safetyNetRoots = x509.NewCertPool()
	}
	for _, pool := range []*x509.CertPool{androidKeyRoots, appleRoots, safetyNetRoots} {
		pool.AddCert(root)
	}
}

// attesters are software keys in the formats in which go-webauthn looks for an anchor, or
// for the maker of a TPM.
func attesters(t testing.TB) []*authenticator {
	t.Helper()
	tpmMakers = append(tpmMakers, tpmMaker{strings.TrimPrefix(softkey.TPMManufacturer, "id:"), "nobody", "BSTW"})
	all := []*authenticator{
		newAuthenticator(t, softkey.AttestTPM, softkey.ES256),
		newAuthenticator(t, softkey.AttestAndroidKey, softkey.ES256),
		newAuthenticator(t, softkey.AttestApple, softkey.ES256),
		newAuthenticator(t, softkey.AttestCompound, softkey.ES256),
		newAuthenticator(t, softkey.AttestSafetyNet, softkey.ES256),
	}
	for _, a := range all {
		trustRoot(a.key.AttestationRoot())
	}
	all[4].rewrite = safetyNetRS256(t)
	return all
}

// safetyNetRS256 signs SafetyNet responses anew, as Google's service did: with RSA, under
// the version of a device, and now. The time is the one thing here that differs from run
// to run: go-webauthn takes it from the machine's clock.
func safetyNetRS256(t testing.TB) func(*softkey.Statement, *softkey.Forge) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: made, NotAfter: made.AddDate(20, 0, 0),
		Subject: pkix.Name{CommonName: "Test of SafetyNet"}, IsCA: true, BasicConstraintsValid: true,
	}
	trustRoot(certify(t, ca, ca, key))
	return func(s *softkey.Statement, forge *softkey.Forge) {
		response, ok := s.Members["response"].([]byte)
		parts := strings.Split(string(response), ".")
		if !ok || len(parts) != 3 {
			t.Fatalf("no response in %v", s.Members)
		}
		payload := members(t, parts[1])
		if at, ok := payload["timestampMs"].(float64); ok {
			payload["timestampMs"] = time.Now().UnixMilli() + int64(at) - made.UnixMilli()
		}
		header := members(t, parts[0])
		if other, ok := map[any]string{"ES256": "RS256", "RS256": "ES256"}[header["alg"]]; ok {
			header["alg"] = other
		}
		if x5c, ok := header["x5c"].([]any); ok && len(x5c) == 1 {
			leaf := &x509.Certificate{
				SerialNumber: big.NewInt(2), NotBefore: made, NotAfter: made.AddDate(10, 0, 0), DNSNames: hosts(t, x5c[0]),
				ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageDigitalSignature,
			}
			header["x5c"] = []string{base64.StdEncoding.EncodeToString(certify(t, leaf, ca, key).Raw)}
		}
		signed := b64(encodeJSON(t, header)) + "." + b64(encodeJSON(t, payload))
		message := []byte(signed)
		if forge.Signed != nil {
			message = forge.Signed(message)
		}
		digest := sha256.Sum256(message)
		sig, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		if forge.Signature != nil {
			sig = forge.Signature(sig)
		}
		s.Members["ver"], s.Members["response"] = "14799021", []byte(signed+"."+b64(sig))
	}
}

// certify has the key certify itself.
func certify(t testing.TB, template, issuer *x509.Certificate, key *rsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// hosts are those that a certificate of a header is for; a forgery may have changed them.
func hosts(t testing.TB, text any) []string {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(text.(string))
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c.DNSNames
}

func members(t testing.TB, part string) map[string]any {
	t.Helper()
	text, err := decode(part)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	return object
}

func encodeJSON(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
