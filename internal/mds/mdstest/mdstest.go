// Package mdstest is a FIDO metadata service for tests. It signs lists with a chain of
// its own, publishes them over TLS, and its revocation lists over plain http, and can be
// made to misbehave.
//
//	service := mdstest.New(t, now)
//	service.Publish(mdstest.List{Number: 7, NextUpdate: "2026-07-01", Entries: …})
package mdstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Signer is a certificate and its key.
type Signer struct {
	Cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Service is a metadata service. Its URL has the path /blob.
type Service struct {
	URL    string
	CAFile string // PEM: who vouches for its TLS certificate
	Root   *Signer
	CA     *Signer
	Leaf   *Signer

	at time.Time

	mu      sync.Mutex
	text    []byte
	etag    string
	answer  http.HandlerFunc // in place of the list; nil: none
	asked   int              // how often the list was asked for
	same    int              // how often the answer was 304
	revoked map[string][]*x509.Certificate
	silent  bool // no revocation lists
	chain   []byte
}

// New starts a service whose certificates and revocation lists are good for some months
// around at. It ends with the test.
func New(t testing.TB, at time.Time) *Service {
	t.Helper()
	s := &Service{at: at, revoked: make(map[string][]*x509.Certificate)}
	lists := httptest.NewServer(http.HandlerFunc(s.serveList))
	t.Cleanup(lists.Close)
	s.Root = s.Issue("Root", true, nil, "")
	s.CA = s.Issue("CA", true, s.Root, lists.URL+"/root.crl")
	s.Leaf = s.Issue("Signer", false, s.CA, lists.URL+"/ca.crl")
	server := httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	s.URL = server.URL + "/blob"
	s.CAFile = File(t, "ca.pem", PEM(server.Certificate()))
	return s
}

// File writes a file in a directory of its own and returns its path.
func File(t testing.TB, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// PEM encodes certificates.
func PEM(certs ...*x509.Certificate) []byte {
	var all []byte
	for _, c := range certs {
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return all
}

// Issue makes a certificate; one with a nil issuer is signed by its own key.
func (s *Service) Issue(name string, ca bool, by *Signer, listAt string) *Signer {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	t := &x509.Certificate{
		SerialNumber:          must(rand.Int(rand.Reader, big.NewInt(1<<62))),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             s.at.AddDate(0, -6, 0),
		NotAfter:              s.at.AddDate(0, 6, 0),
		BasicConstraintsValid: true,
		IsCA:                  ca,
		KeyUsage:              x509.KeyUsageDigitalSignature,
	}
	if ca {
		t.KeyUsage |= x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	}
	if listAt != "" {
		t.CRLDistributionPoints = []string{listAt}
	}
	issuer, with := t, key
	if by != nil {
		issuer, with = by.Cert, by.key
	}
	der := must(x509.CreateCertificate(rand.Reader, t, issuer, key.Public(), with))
	return &Signer{must(x509.ParseCertificate(der)), key}
}

// RevocationList returns the present list of an issuer, in DER.
func (s *Service) RevocationList(by *Signer) []byte {
	t := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: s.at.AddDate(0, -1, 0), NextUpdate: s.at.AddDate(0, 3, 0)}
	s.mu.Lock()
	for _, c := range s.revoked[by.Cert.Subject.CommonName] {
		t.RevokedCertificateEntries = append(t.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: t.ThisUpdate})
	}
	s.mu.Unlock()
	return must(x509.CreateRevocationList(rand.Reader, t, by.Cert, by.key))
}

// RevokeSigner has the CA's revocation list name who signs the lists.
func (s *Service) RevokeSigner() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked["CA"] = append(s.revoked["CA"], s.Leaf.Cert)
}

// RevokeCA has the root's revocation list name the CA above who signs the lists.
func (s *Service) RevokeCA() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked["Root"] = append(s.revoked["Root"], s.CA.Cert)
}

// Silence has the places of the revocation lists answer with 503, or not any more.
func (s *Service) Silence(silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = silent
}

// List is a list about to be signed.
type List struct {
	Number     uint64
	NextUpdate string           // YYYY-MM-DD
	Entries    []map[string]any // as from [Entry]
	X5U        string           // in place of the chain in the header
}

// Sign returns the text of a list.
func (s *Service) Sign(l List) []byte {
	header := map[string]any{"alg": "ES256", "typ": "JWT"}
	if l.X5U != "" {
		header["x5u"] = l.X5U
	} else {
		header["x5c"] = [][]byte{s.Leaf.Cert.Raw, s.CA.Cert.Raw}
	}
	payload := map[string]any{"legalHeader": "Accept the terms.", "no": l.Number, "nextUpdate": l.NextUpdate, "entries": l.Entries}
	if l.Entries == nil {
		payload["entries"] = []any{}
	}
	encode := base64.RawURLEncoding.EncodeToString
	input := encode(must(json.Marshal(header))) + "." + encode(must(json.Marshal(payload)))
	digest := sha256.Sum256([]byte(input))
	r, v, err := ecdsa.Sign(rand.Reader, s.Leaf.key, digest[:])
	if err != nil {
		panic(err)
	}
	return []byte(input + "." + encode(append(r.FillBytes(make([]byte, 32)), v.FillBytes(make([]byte, 32))...)))
}

// Publish signs a list and answers with it from now on.
func (s *Service) Publish(l List) { s.PublishText(s.Sign(l)) }

// PublishText answers with a text from now on.
func (s *Service) PublishText(text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := sha256.Sum256(text)
	s.text, s.etag, s.answer = text, `"`+base64.RawURLEncoding.EncodeToString(sum[:6])+`"`, nil
}

// Text returns what was published last.
func (s *Service) Text() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text
}

// Sibling returns the URL of another path of the service.
func (s *Service) Sibling(path string) string { return strings.TrimSuffix(s.URL, "/blob") + path }

// PublishChain answers at /chain, where x5u may lead.
func (s *Service) PublishChain(text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chain = text
}

// Answer has the service answer so, until the next Publish.
func (s *Service) Answer(with http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = with
}

// Asked returns how often the list was asked for, and how often it was not modified.
func (s *Service) Asked() (asked, notModified int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked, s.same
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/chain" {
		s.serveChain(w)
		return
	}
	s.mu.Lock()
	s.asked++
	answer, etag, text := s.answer, s.etag, s.text
	same := answer == nil && r.Header.Get("If-None-Match") == etag
	if same {
		s.same++
	}
	s.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	w.Header().Set("ETag", etag)
	if same {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(text)
}

func (s *Service) serveChain(w http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = w.Write(s.chain)
}

func (s *Service) serveList(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	silent := s.silent
	s.mu.Unlock()
	switch {
	case silent:
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.URL.Path == "/root.crl":
		_, _ = w.Write(s.RevocationList(s.Root))
	default:
		_, _ = w.Write(s.RevocationList(s.CA))
	}
}

// Entry is a FIDO2 model with these statuses, the current one last.
func Entry(aaguid, description string, statuses ...string) map[string]any {
	reports := []any{}
	for _, status := range statuses {
		reports = append(reports, map[string]any{"status": status, "effectiveDate": "2020-02-01"})
	}
	return map[string]any{
		"aaguid": aaguid, "metadataStatement": Statement(aaguid, description),
		"statusReports": reports, "timeOfLastStatusChange": "2020-02-01",
	}
}

// Statement is the metadata statement of a FIDO2 model without trust anchors.
func Statement(aaguid, description string) map[string]any {
	return map[string]any{
		"legalHeader": "Accept the terms.", "aaguid": aaguid, "description": description, "authenticatorVersion": 2,
		"protocolFamily": "fido2", "schema": 3, "upv": []any{map[string]any{"major": 1, "minor": 0}},
		"authenticationAlgorithms": []string{"secp256r1_ecdsa_sha256_raw"}, "publicKeyAlgAndEncodings": []string{"cose"},
		"attestationTypes": []string{"basic_full"},
		"userVerificationDetails": []any{[]any{map[string]any{
			"userVerificationMethod": "passcode_external", "caDesc": map[string]any{"base": 64, "minLength": 4, "maxRetries": 8, "blockSlowdown": 0},
		}}},
		"keyProtection": []string{"hardware"}, "matcherProtection": []string{"on_chip"},
		"tcDisplay": []string{}, "attestationRootCertificates": []string{},
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
