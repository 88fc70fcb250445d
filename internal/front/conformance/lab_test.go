package conformance_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"bestow.dev/internal/mds/mdstest"
	"bestow.dev/metadata"
	"bestow.dev/webauthn"
)

// The models of the lab.
var (
	modelFull     = model(1) // packed with a batch certificate under the root
	modelSelf     = model(2) // packed self attestation, with every algorithm
	modelLeaf     = model(3) // its batch certificate is the anchor
	modelCritical = model(4) // its root has critical basic constraints
	modelLarge    = model(5) // its statement has numbers of 64 bits
	modelTPM      = model(6)
	modelAndroid  = model(7)
	modelListed   = model(8)  // in the metadata service's list
	modelBehind   = model(10) // each in a list that must not be taken
)

func model(n byte) webauthn.AAGUID {
	return webauthn.AAGUID{0xc0, 0x4f, 0x0a, 0x11, 0x5e, 0x27, 0x4d, 0x3c, 0x9b, 0x88, 0x21, 0x7e, 0x60, 0xd4, 0, n}
}

// signer is a certificate and its key.
type signer struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// lab is who makes the authenticators of the tests, and who attests for them.
type lab struct {
	root, critical, intermediate, expired signer
	batch, own, u2f                       signer // own is the anchor of its model
}

var newLab = sync.OnceValue(func() *lab {
	l := new(lab)
	l.root = issue(caTemplate("Lab Root"), p256(), nil)
	l.critical = issue(caTemplate("Lab Critical Root"), p256(), nil)
	l.intermediate = issue(caTemplate("Lab Intermediate"), p256(), &l.root)
	over := caTemplate("Lab Expired Intermediate")
	over.NotAfter = now.AddDate(-1, 0, 0)
	l.expired = issue(over, p256(), &l.root)
	l.batch = issue(batchTemplate(), p256(), &l.root)
	l.own = issue(batchTemplate(), p256(), nil)
	l.u2f = issue(batchTemplate(), p256(), &l.root)
	return l
})

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func p256() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

// rsaKey takes long to make, so that all who need one share it.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })

func template(subject pkix.Name) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: must(rand.Int(rand.Reader, big.NewInt(1<<62))), Subject: subject,
		NotBefore: now.AddDate(-2, 0, 0), NotAfter: now.AddDate(2, 0, 0), BasicConstraintsValid: true,
	}
}

// caTemplate has basic constraints that are critical, as package x509 writes them.
func caTemplate(name string) *x509.Certificate {
	c := template(pkix.Name{CommonName: name})
	c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	return c
}

func batchTemplate() *x509.Certificate {
	return template(pkix.Name{
		Country: []string{"SE"}, Organization: []string{"Lab"}, OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: "Lab Key",
	})
}

// issue makes a certificate; one with a nil issuer is signed by its own key.
func issue(c *x509.Certificate, key crypto.Signer, by *signer) signer {
	issuer, with := c, key
	if by != nil {
		issuer, with = by.cert, by.key
	}
	der := must(x509.CreateCertificate(rand.Reader, c, issuer, key.Public(), with))
	return signer{must(x509.ParseCertificate(der)), key}
}

// every names all algorithms of the tests, as metadata statements do.
var every = []string{
	"secp256r1_ecdsa_sha256_raw", "secp384r1_ecdsa_sha384_raw", "secp521r1_ecdsa_sha512_raw", "ed25519_eddsa_sha512_raw",
	"rsassa_pss_sha256_raw", "rsassa_pss_sha384_raw", "rsassa_pss_sha512_raw",
	"rsassa_pkcsv15_sha256_raw", "rsassa_pkcsv15_sha384_raw", "rsassa_pkcsv15_sha512_raw", "rsassa_pkcsv15_sha1_raw",
}

// statement is the statement of a model that attests in one way.
func statement(id webauthn.AAGUID, kind string, algorithms []string, anchors ...*x509.Certificate) map[string]any {
	s := mdstest.Statement(id.String(), "Lab key "+id.String())
	s["attestationTypes"] = []string{kind}
	if algorithms != nil {
		s["authenticationAlgorithms"] = algorithms
	}
	roots := []string{}
	for _, c := range anchors {
		roots = append(roots, base64.StdEncoding.EncodeToString(c.Raw))
	}
	s["attestationRootCertificates"] = roots
	return s
}

// statements writes the lab's metadata and returns its directory.
func (l *lab) statements(t testing.TB) string {
	t.Helper()
	large := statement(modelLarge, "basic_full", nil, l.root.cert)
	large["authenticatorGetInfo"] = map[string]any{
		"versions": []string{"FIDO_2_1"}, "aaguid": "c04f0a115e274d3c9b88217e60d40005",
		"vendorPrototypeConfigCommands": []uint64{1<<64 - 1, 1<<63 + 1},
	}
	u2f := statement(webauthn.AAGUID{}, "basic_full", nil, l.root.cert)
	delete(u2f, "aaguid")
	u2f["protocolFamily"] = "u2f"
	id, _ := metadata.KeyIdentifierOf(l.u2f.cert)
	u2f["attestationCertificateKeyIdentifiers"] = []string{id.String()}

	dir := t.TempDir()
	for name, s := range map[string]map[string]any{
		"full":     statement(modelFull, "basic_full", nil, l.root.cert),
		"self":     statement(modelSelf, "basic_surrogate", every),
		"leaf":     statement(modelLeaf, "basic_full", nil, l.own.cert),
		"critical": statement(modelCritical, "basic_full", nil, l.critical.cert),
		"large":    large,
		"tpm":      statement(modelTPM, "attca", every, l.root.cert),
		"android":  statement(modelAndroid, "basic_full", nil, l.root.cert),
		"u2f":      u2f,
	} {
		check(t, os.WriteFile(filepath.Join(dir, name+".json"), must(json.Marshal(s)), 0o600))
	}
	return dir
}

// tpmIdentityPurpose is the extended key usage of a TPM's attestation key.
var tpmIdentityPurpose = asn1.ObjectIdentifier{2, 23, 133, 8, 3}
