package revocation_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"bestow.dev/internal/revocation"
)

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func issue(t *testing.T, name string, serial int64, issuer *authority) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return certify(t, name, serial, key, issuer)
}

// reissue gives the key of an authority another name.
func reissue(t *testing.T, name string, of *authority) *authority {
	t.Helper()
	return certify(t, name, 1, of.key, nil)
}

func certify(t *testing.T, name string, serial int64, key *ecdsa.PrivateKey, issuer *authority) *authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCRLSign | x509.KeyUsageCertSign,
	}
	parent := &authority{template, key}
	if issuer != nil {
		parent = issuer
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.cert, &key.PublicKey, parent.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

// list makes a list in force for an hour around now that names c since yesterday.
func list(t *testing.T, by *authority, change func(*x509.RevocationList), c *x509.Certificate) *x509.RevocationList {
	t.Helper()
	template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour)}
	if c != nil {
		template.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: c.SerialNumber, RevocationTime: now.AddDate(0, 0, -1)}}
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, by.cert, by.key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestAsk(t *testing.T) {
	ca := issue(t, "CA", 1, nil)
	c := issue(t, "Leaf", 2, ca).cert
	other := issue(t, "Leaf", 3, ca).cert
	namesake := issue(t, "CA", 1, nil)
	renamed := reissue(t, "Another CA", ca)
	yesterday := now.AddDate(0, 0, -1)
	since := func(days int) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) { l.RevokedCertificateEntries[0].RevocationTime = now.AddDate(0, 0, -days) }
	}
	old := func(l *x509.RevocationList) { l.ThisUpdate, l.NextUpdate = now.Add(-time.Hour), now }
	early := func(l *x509.RevocationList) {
		l.ThisUpdate, l.NextUpdate = now.Add(time.Second), now.Add(time.Hour)
	}
	partial := func(l *x509.RevocationList) {
		l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: []byte{0x30, 0}}}
	}
	tests := []struct {
		name  string
		lists []*x509.RevocationList
		at    time.Time
		want  revocation.Answer
	}{
		{"no lists", nil, now, revocation.Answer{}},
		{"nil", []*x509.RevocationList{nil}, now, revocation.Answer{}},
		{"good", []*x509.RevocationList{list(t, ca, nil, other)}, now, revocation.Answer{Known: true}},
		{"revoked", []*x509.RevocationList{list(t, ca, nil, c)}, now, revocation.Answer{Revoked: true, Since: yesterday, Known: true}},
		{"revoked twice", []*x509.RevocationList{list(t, ca, nil, c), list(t, ca, since(9), c), list(t, ca, since(3), c)}, now, revocation.Answer{Revoked: true, Since: now.AddDate(0, 0, -9), Known: true}},
		{"out of date", []*x509.RevocationList{list(t, ca, old, other)}, now, revocation.Answer{}},
		{"not yet in force", []*x509.RevocationList{list(t, ca, early, other)}, now, revocation.Answer{}},
		{"no time", []*x509.RevocationList{list(t, ca, early, other)}, time.Time{}, revocation.Answer{Known: true}},
		{"revoked by one out of date", []*x509.RevocationList{list(t, ca, old, c)}, now, revocation.Answer{Revoked: true, Since: yesterday}},
		{"of a namesake", []*x509.RevocationList{list(t, namesake, nil, c)}, now, revocation.Answer{}},
		{"of another name with the same key", []*x509.RevocationList{list(t, renamed, nil, c)}, now, revocation.Answer{}},
		{"partial", []*x509.RevocationList{list(t, ca, partial, c)}, now, revocation.Answer{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := revocation.Ask(tt.lists, c, ca.cert, tt.at)
			if got.Revoked != tt.want.Revoked || got.Known != tt.want.Known || !got.Since.Equal(tt.want.Since) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}
