package credential_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// maker makes authenticators with one attestation certificate, and revokes it.
type maker struct {
	root    *x509.Certificate
	leaf    *x509.Certificate
	rootKey *ecdsa.PrivateKey
	leafKey *ecdsa.PrivateKey
}

// newMaker is a maker whose certificates are good for a year around at.
func newMaker(t testing.TB, at time.Time) *maker {
	t.Helper()
	m := &maker{rootKey: newForger(t).private, leafKey: newForger(t).private}
	template := func(serial int64, subject pkix.Name) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: subject, BasicConstraintsValid: true,
			NotBefore: at.AddDate(0, -6, 0), NotAfter: at.AddDate(0, 6, 0),
		}
	}
	root := template(1, pkix.Name{CommonName: "Maker Root"})
	root.IsCA, root.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	m.root = m.issue(t, root, root, m.rootKey)
	m.leaf = m.issue(t, template(2, pkix.Name{
		Country: []string{"SE"}, Organization: []string{"Maker"}, OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: "Maker Key",
	}), m.root, m.leafKey)
	return m
}

func (m *maker) issue(t testing.TB, template, by *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, by, key.Public(), m.rootKey)
	check(t, err)
	c, err := x509.ParseCertificate(der)
	check(t, err)
	return c
}

// revokes is a list in PEM, in force for a day from at, that names certificates as
// revoked since then.
func (m *maker) revokes(t testing.TB, at time.Time, certs ...*x509.Certificate) string {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(at.Unix()), ThisUpdate: at, NextUpdate: at.AddDate(0, 0, 1)}
	for _, c := range certs {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: at})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, m.root, m.rootKey)
	check(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
}

// makes is a new authenticator of the maker's.
func (m *maker) makes(t testing.TB) *forger {
	f := newForger(t)
	f.by = m
	return f
}
