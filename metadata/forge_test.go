package metadata_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"sync"
	"testing"
	"time"

	"bestow.dev/metadata"
)

// now is when the tests judge.
var now = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

// signer is a certificate and its key.
type signer struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// service is a metadata service: a root, a certificate authority under it, and the
// signer of BLOBs.
type service struct {
	root, ca, leaf signer
	lists          []*x509.RevocationList
}

func p256() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// template is a certificate that is good for the whole of 2026.
func template(name string, ca bool) *x509.Certificate {
	t := &x509.Certificate{
		SerialNumber:          must(rand.Int(rand.Reader, big.NewInt(1<<62))),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC),
		BasicConstraintsValid: true,
		IsCA:                  ca,
		KeyUsage:              x509.KeyUsageDigitalSignature,
	}
	if ca {
		t.KeyUsage |= x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	}
	return t
}

// issue makes a certificate; one with a nil issuer is signed by its own key.
func issue(t *x509.Certificate, key crypto.Signer, by *signer) signer {
	issuer, with := t, key
	if by != nil {
		issuer, with = by.cert, by.key
	}
	der := must(x509.CreateCertificate(rand.Reader, t, issuer, key.Public(), with))
	return signer{must(x509.ParseCertificate(der)), key}
}

// revocationList makes a list that is good for June 2026.
func revocationList(by signer, change func(*x509.RevocationList), revoked ...*x509.Certificate) *x509.RevocationList {
	t := &x509.RevocationList{
		Number:     big.NewInt(1),
		ThisUpdate: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
		NextUpdate: time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC),
	}
	for _, c := range revoked {
		t.RevokedCertificateEntries = append(t.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: t.ThisUpdate})
	}
	if change != nil {
		change(t)
	}
	return must(x509.ParseRevocationList(must(x509.CreateRevocationList(rand.Reader, t, by.cert, by.key))))
}

var newService = sync.OnceValue(func() *service {
	s := new(service)
	s.root = issue(template("Root", true), p256(), nil)
	s.ca = issue(template("CA", true), p256(), &s.root)
	s.leaf = issue(template("Signer", false), p256(), &s.ca)
	s.lists = []*x509.RevocationList{revocationList(s.root, nil), revocationList(s.ca, nil)}
	return s
})

func text(c *x509.Certificate) string { return base64.StdEncoding.EncodeToString(c.Raw) }

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

type members = map[string]any

func asJSON(v any) []byte { return must(json.Marshal(v)) }

// draft is a BLOB about to be signed, and how it will be judged.
type draft struct {
	service *service
	header  members
	payload members
	signer  crypto.Signer
	options metadata.Options

	rawHeader, rawPayload []byte                  // in place of header and payload
	finish                func(jws string) string // spoils the finished text
}

const (
	keyModel  = "01234567-89ab-cdef-0123-456789abcdef"
	u2fModel  = "00112233445566778899aabbccddeeff00112233"
	uafModel  = "F1D0#00aB"
	legalText = "By using this you accept the terms."
)

// newDraft makes a BLOB without a fault, with one entry for each family.
func newDraft() *draft {
	s := newService()
	return &draft{
		service: s,
		header:  members{"alg": "ES256", "typ": "JWT", "x5c": []string{text(s.leaf.cert), text(s.ca.cert)}},
		payload: members{
			"legalHeader": legalText, "no": 7, "nextUpdate": "2026-07-01",
			"entries": []any{fido2Entry(), u2fEntry(), uafEntry()},
		},
		signer: s.leaf.key,
		options: metadata.Options{
			Roots: []*x509.Certificate{s.root.cert}, RevocationLists: s.lists, Time: now,
		},
	}
}

func fido2Entry() members {
	s := newStatement("fido2")
	s["aaguid"] = keyModel
	s["authenticatorGetInfo"] = members{"versions": []string{"FIDO_2_0"}, "aaguid": "0123456789abcdef0123456789abcdef", "options": members{"rk": true}}
	return members{
		"aaguid":                 keyModel,
		"metadataStatement":      s,
		"statusReports":          []any{members{"status": "FIDO_CERTIFIED_L1", "effectiveDate": "2026-02-01"}},
		"timeOfLastStatusChange": "2026-02-01",
	}
}

func u2fEntry() members {
	s := newStatement("u2f")
	s["attestationCertificateKeyIdentifiers"] = []string{u2fModel}
	return members{
		"attestationCertificateKeyIdentifiers": []string{u2fModel},
		"metadataStatement":                    s,
		"statusReports":                        []any{members{"status": "NOT_FIDO_CERTIFIED"}},
		"timeOfLastStatusChange":               "2026-02-01",
	}
}

func uafEntry() members {
	s := newStatement("uaf")
	s["aaid"] = uafModel
	return members{
		"aaid":                   uafModel,
		"metadataStatement":      s,
		"statusReports":          []any{members{"status": "REVOKED", "effectiveDate": "2026-03-01"}},
		"timeOfLastStatusChange": "2026-03-01",
	}
}

// newStatement makes a statement without a key.
func newStatement(family string) members {
	return members{
		"legalHeader": legalText, "description": "A security key", "authenticatorVersion": 2,
		"protocolFamily": family, "schema": 3, "upv": []any{members{"major": 1, "minor": 0}},
		"authenticationAlgorithms": []string{"secp256r1_ecdsa_sha256_raw"}, "publicKeyAlgAndEncodings": []string{"cose"},
		"attestationTypes": []string{"basic_full"},
		"userVerificationDetails": []any{[]any{members{
			"userVerificationMethod": "passcode_external", "caDesc": members{"base": 64, "minLength": 4, "maxRetries": 8, "blockSlowdown": 0},
		}}},
		"keyProtection": []string{"hardware"}, "matcherProtection": []string{"on_chip"}, "cryptoStrength": 128,
		"attachmentHint": []string{"external"}, "tcDisplay": []string{},
		"attestationRootCertificates": []string{text(newService().root.cert)},
		"icon":                        "data:image/png;base64,AAAA",
	}
}

// entry returns the draft's entry i, to be spoiled.
func (d *draft) entry(i int) members { return d.payload["entries"].([]any)[i].(members) }

func (d *draft) statement(i int) members { return d.entry(i)["metadataStatement"].(members) }

// text signs the draft.
func (d *draft) text() []byte {
	header, payload := d.rawHeader, d.rawPayload
	if header == nil {
		header = asJSON(d.header)
	}
	if payload == nil {
		payload = asJSON(d.payload)
	}
	alg, _ := d.header["alg"].(string)
	input := encode(header) + "." + encode(payload)
	jws := input + "." + encode(sign(d.signer, alg, []byte(input)))
	if d.finish != nil {
		jws = d.finish(jws)
	}
	return []byte(jws)
}

func (d *draft) verify() (*metadata.BLOB, error) { return metadata.VerifyBLOB(d.text(), d.options) }

// sign signs as RFC 7518 says; an algorithm that is not known signs as the key can.
func sign(key crypto.Signer, alg string, input []byte) []byte {
	short, long := sha256.Sum256(input), sha512.Sum384(input)
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		digest, half := short[:], (k.Curve.Params().BitSize+7)/8
		if alg == "ES384" {
			digest = long[:]
		}
		r, s, err := ecdsa.Sign(rand.Reader, k, digest)
		if err != nil {
			panic(err)
		}
		return append(r.FillBytes(make([]byte, half)), s.FillBytes(make([]byte, half))...)
	case *rsa.PrivateKey:
		if alg == "PS256" {
			return must(k.Sign(rand.Reader, short[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}))
		}
		return must(k.Sign(rand.Reader, short[:], crypto.SHA256))
	}
	panic("no such key")
}

func reasonOf(t *testing.T, err error) metadata.Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	refused, ok := err.(*metadata.VerificationError)
	if !ok {
		t.Fatalf("error of type %T: %v", err, err)
	}
	if refused.Step == "" || refused.Detail == "" {
		t.Errorf("refusal without step or detail: %#v", refused)
	}
	return refused.Reason
}
