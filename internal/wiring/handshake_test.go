package wiring

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// issued is a client certificate of an authority that nobody here knows.
func issued(t *testing.T, authority string, from, to time.Time) tls.Certificate {
	t.Helper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: authority}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "idm"}, NotBefore: from, NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, crypto.PublicKey(key.Public()), caKey)
	check(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A client may show its certificate instead of a secret. Nobody else's will do, not of
// the same name and issuer either, and none outside its time.
func TestClientCertificates(t *testing.T) {
	now := time.Now()
	good := issued(t, "House CA", now.Add(-time.Hour), now.Add(time.Hour))
	past := issued(t, "House CA", now.Add(-2*time.Hour), now.Add(-time.Hour))
	dir := t.TempDir()
	var text []byte
	for _, c := range []tls.Certificate{good, past} {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})...)
	}
	check(t, os.WriteFile(filepath.Join(dir, "idm.pem"), text, 0o600))
	cfg := configuredIn(t, dir, `
listen: 127.0.0.1:0
metrics-listen: 127.0.0.1:0
data: data
tenants:
  - name: acme
    relying-parties: [ { id: localhost } ]
    clients:
      - { id: admin, key: `+adminKey+`, scopes: [ admin ] }
      - { id: idm, certificate-file: idm.pem, scopes: [ fido.read ] }
`)
	s := started(t, cfg)
	as := func(certificate *tls.Certificate) int {
		c := trusting(t, cfg)
		transport := c.Transport.(*http.Transport)
		if certificate != nil {
			transport.TLSClientConfig.Certificates = []tls.Certificate{*certificate}
		}
		return status(t, c, s.URL+"/api/v1/users")
	}
	stranger := issued(t, "House CA", now.Add(-time.Hour), now.Add(time.Hour))
	for _, tt := range []struct {
		name        string
		certificate *tls.Certificate
		want        int
	}{
		{"the client's", &good, http.StatusOK},
		{"one of the same name and issuer", &stranger, http.StatusUnauthorized},
		{"one that is over", &past, http.StatusUnauthorized},
		{"none", nil, http.StatusUnauthorized},
	} {
		if got := as(tt.certificate); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	// A page asks for no certificate, and a secret counts before one.
	if got := status(t, trusting(t, cfg), s.URL+"/enrol"); got != http.StatusOK {
		t.Errorf("a page: %d", got)
	}
}
