package webauthn_test

import (
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"bestow.dev/webauthn"
)

// revoking returns a list of issuer's that is in force around validAt, and names certs.
func revoking(t *testing.T, issuer *authority, since time.Time, certs ...*x509.Certificate) *x509.RevocationList {
	t.Helper()
	template := &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: validAt.Add(-time.Hour), NextUpdate: validAt.Add(time.Hour),
	}
	for _, c := range certs {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: since})
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, issuer.cert, issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// revocable makes a's issuers such that sign revocation lists, with an intermediate.
func revocable(t *testing.T, a *attested) (root, ca *authority, leaf *x509.Certificate) {
	t.Helper()
	signsLists := func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCRLSign }
	a.reroot(t, signsLists)
	ca = a.intermediate(t, signsLists)
	a.leaf = issue(t, a.template, a.leafKey, ca)
	return a.root, ca, a.leaf.cert
}

// TestRevocationLists judges paths by revocation lists that are given (7.1/24).
func TestRevocationLists(t *testing.T) {
	earlier, later := validAt.Add(-time.Minute), validAt.Add(time.Minute)
	tests := []struct {
		name  string
		spoil func(t *testing.T, a *attested)
		want  webauthn.Reason // empty: accepted and trusted
	}{
		{"lists that name others", func(t *testing.T, a *attested) {
			root, ca, _ := revocable(t, a)
			a.exp.Trust.RevocationLists = []*x509.RevocationList{nil, revoking(t, root, earlier), revoking(t, ca, earlier, root.cert)}
			a.exp.Trust.RequireRevocationLists = true
		}, ""},
		{"attestation certificate revoked", func(t *testing.T, a *attested) {
			_, ca, leaf := revocable(t, a)
			a.exp.Trust.RevocationLists = []*x509.RevocationList{revoking(t, ca, earlier, leaf)}
		}, webauthn.ReasonAttestationCertificate},
		{"attestation certificate revoked at that very moment", func(t *testing.T, a *attested) {
			_, ca, leaf := revocable(t, a)
			a.exp.Trust.RevocationLists = []*x509.RevocationList{revoking(t, ca, validAt, leaf)}
		}, webauthn.ReasonAttestationCertificate},
		{"attestation certificate revoked later", func(t *testing.T, a *attested) {
			_, ca, leaf := revocable(t, a)
			a.exp.Trust.RevocationLists = []*x509.RevocationList{revoking(t, ca, later, leaf)}
		}, ""},
		{"attestation certificate revoked later, asked later still", func(t *testing.T, a *attested) {
			_, ca, leaf := revocable(t, a)
			a.exp.Trust.RevocationLists = []*x509.RevocationList{revoking(t, ca, later, leaf)}
			a.exp.Trust.RevocationTime = later
		}, webauthn.ReasonAttestationCertificate},
		{"lists asked when they are not in force", func(t *testing.T, a *attested) {
			root, ca, _ := revocable(t, a)
			a.exp.Trust.RevocationLists = []*x509.RevocationList{revoking(t, root, earlier), revoking(t, ca, earlier)}
			a.exp.Trust.RequireRevocationLists = true
			a.exp.Trust.RevocationTime = validAt.AddDate(1, 0, 0)
		}, webauthn.ReasonAttestationCertificate},
		{"attestation certificate revoked, no time", func(t *testing.T, a *attested) {
			_, ca, leaf := revocable(t, a)
			a.exp.Trust.RevocationLists = []*x509.RevocationList{revoking(t, ca, later, leaf)}
			a.exp.Trust.Time = time.Time{}
		}, webauthn.ReasonAttestationCertificate},
		{"intermediate revoked", func(t *testing.T, a *attested) {
			root, ca, _ := revocable(t, a)
			a.exp.Trust.RevocationLists = []*x509.RevocationList{revoking(t, root, earlier, ca.cert)}
		}, webauthn.ReasonAttestationCertificate},
		{"revoked by another CA's list", func(t *testing.T, a *attested) {
			_, _, leaf := revocable(t, a)
			namesake := caTemplate("Example Intermediate")
			namesake.KeyUsage |= x509.KeyUsageCRLSign
			other := issue(t, namesake, newKey(t), nil)
			a.exp.Trust.RevocationLists = []*x509.RevocationList{revoking(t, other, earlier, leaf)}
		}, ""},
		{"the anchor answers for itself", func(t *testing.T, a *attested) {
			root, ca, _ := revocable(t, a)
			a.exp.Trust.Anchors = []*x509.Certificate{ca.cert}
			a.exp.Trust.RevocationLists = []*x509.RevocationList{revoking(t, root, earlier, ca.cert), revoking(t, ca, earlier)}
			a.exp.Trust.RequireRevocationLists = true
		}, ""},
		{"required, and none is there", func(t *testing.T, a *attested) {
			revocable(t, a)
			a.exp.Trust.RequireRevocationLists = true
		}, webauthn.ReasonAttestationCertificate},
		{"required, and one is missing", func(t *testing.T, a *attested) {
			_, ca, _ := revocable(t, a)
			a.exp.Trust.RevocationLists = []*x509.RevocationList{revoking(t, ca, earlier)}
			a.exp.Trust.RequireRevocationLists = true
		}, webauthn.ReasonAttestationCertificate},
		{"required, and out of date", func(t *testing.T, a *attested) {
			root, ca, _ := revocable(t, a)
			a.exp.Trust.RevocationLists = []*x509.RevocationList{revoking(t, root, earlier), revoking(t, ca, earlier)}
			a.exp.Trust.Time = validAt.Add(2 * time.Hour)
			a.exp.Trust.RequireRevocationLists = true
		}, webauthn.ReasonAttestationCertificate},
		{"revoked by a list that is out of date", func(t *testing.T, a *attested) {
			_, ca, leaf := revocable(t, a)
			a.exp.Trust.RevocationLists = []*x509.RevocationList{revoking(t, ca, earlier, leaf)}
			a.exp.Trust.Time = validAt.Add(2 * time.Hour)
		}, webauthn.ReasonAttestationCertificate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newFull(t)
			tt.spoil(t, a)
			reg, err := a.judge(t)
			if tt.want != "" {
				wantRefusal(t, err, tt.want, "7.1/24")
				return
			}
			if err != nil || !reg.Trusted {
				t.Errorf("got %v, %v; want a trusted registration", reg, err)
			}
		})
	}
}

// TestAnchorsFor checks that anchors of a model or a format count for what they are
// for alone, beside those that count for all.
func TestAnchorsFor(t *testing.T) {
	a := newFull(t)
	root := a.root.cert
	a.exp.Trust.Anchors = nil
	forModel := func(model webauthn.AAGUID) func(*webauthn.Attestation) []*x509.Certificate {
		return func(att *webauthn.Attestation) []*x509.Certificate {
			if att.AAGUID != model || att.Format != "packed" {
				return nil
			}
			return []*x509.Certificate{root}
		}
	}
	a.exp.Trust.AnchorsFor = forModel(testAAGUID)
	reg, err := a.judge(t)
	if err != nil || !reg.Trusted {
		t.Fatalf("anchor of the model: got %v, %v", reg, err)
	}
	if trust := reg.Trust(); !trust.Path[len(trust.Path)-1].Equal(root) {
		t.Error("the path does not end in the model's anchor")
	}

	a.exp.Trust.AnchorsFor = forModel(webauthn.AAGUID{1})
	_, err = a.judge(t)
	wantRefusal(t, err, webauthn.ReasonAttestationUntrusted, "7.1/24")

	a.exp.Trust.Anchors = []*x509.Certificate{root}
	if _, err = a.judge(t); err != nil {
		t.Errorf("anchor for all: %v", err)
	}
	if len(a.exp.Trust.Anchors) != 1 {
		t.Error("the policy was changed")
	}
}
