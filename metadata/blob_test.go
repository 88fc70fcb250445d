package metadata_test

import (
	"crypto/ecdsa"
	"crypto/sha1"
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"bestow.dev/metadata"
	"bestow.dev/webauthn"
)

func TestGoodBLOB(t *testing.T) {
	b, err := newDraft().verify()
	if err != nil {
		t.Fatal(err)
	}
	if b.Number != 7 || b.LegalHeader != legalText || len(b.Entries) != 3 || len(b.Signer) != 3 || len(b.Findings) > 0 {
		t.Errorf("number %d, %d entries, chain of %d, findings %v", b.Number, len(b.Entries), len(b.Signer), b.Findings)
	}
	model, _ := webauthn.ParseAAGUID(keyModel)
	e := b.ByAAGUID(model)
	if e != b.Entries[0] || e.Statement.Description != "A security key" || e.Damaged {
		t.Fatalf("ByAAGUID = %+v", e)
	}
	if roots := e.TrustAnchors(); len(roots) != 1 || !roots[0].Equal(newService().root.cert) {
		t.Errorf("anchors %v", roots)
	}
	if code := e.Statement.UserVerificationDetails[0][0].Code; code == nil || code.MinLength != 4 {
		t.Errorf("user verification %+v", e.Statement.UserVerificationDetails)
	}
	if !e.Statement.KeyRestricted || !e.Statement.FreshUserVerification || !e.Statement.GetInfo.Options["rk"] {
		t.Errorf("statement %+v", e.Statement)
	}
	if b.ByAAID("f1d0#00AB") != b.Entries[2] || b.ByAAID("F1D0#00AC") != nil || b.ByAAID("F1D0-00AB") != nil {
		t.Error("ByAAID")
	}
	var key metadata.KeyIdentifier
	if b.ByKeyIdentifier(key) != nil || b.ByKeyIdentifier(b.Entries[1].KeyIdentifiers[0]) != b.Entries[1] {
		t.Error("ByKeyIdentifier")
	}
	if b.ByAAGUID(webauthn.AAGUID{}) != nil {
		t.Error("zero leads to an entry")
	}
	if !b.Entries[2].StatusAt(now).Revoked || !e.StatusAt(now).Sound() {
		t.Error("standing")
	}
}

func TestForAttestation(t *testing.T) {
	d := newDraft()
	cert := newService().leaf.cert
	key, ok := metadata.KeyIdentifierOf(cert)
	if !ok {
		t.Fatal("no key identifier")
	}
	d.entry(1)["attestationCertificateKeyIdentifiers"] = []string{key.String()}
	d.statement(1)["attestationCertificateKeyIdentifiers"] = []string{key.String()}
	b, err := d.verify()
	if err != nil {
		t.Fatal(err)
	}
	chain := []*x509.Certificate{newService().ca.cert, cert}
	model, _ := webauthn.ParseAAGUID(keyModel)
	if got := b.ForAttestation(&webauthn.Attestation{AAGUID: model, Certificates: chain}); got != b.Entries[0] {
		t.Errorf("by AAGUID: %v", got)
	}
	if got := b.ForAttestation(&webauthn.Attestation{Certificates: chain}); got != b.Entries[1] {
		t.Errorf("by certificate: %v", got)
	}
	if got := b.ForAttestation(&webauthn.Attestation{AAGUID: webauthn.AAGUID{1}, Certificates: chain}); got != nil {
		t.Errorf("another AAGUID with known certificates: %v", got)
	}
	if got := b.ForAttestation(&webauthn.Attestation{}); got != nil || got.TrustAnchors() != nil || !got.StatusAt(now).Sound() {
		t.Errorf("nothing: %v", got)
	}
}

func TestKeyIdentifierOf(t *testing.T) {
	cert := newService().leaf.cert
	point := must(cert.PublicKey.(*ecdsa.PublicKey).ECDH()).Bytes()
	if got, ok := metadata.KeyIdentifierOf(cert); !ok || got != sha1.Sum(point) {
		t.Errorf("%v, %v", got, ok)
	}
	if _, ok := metadata.KeyIdentifierOf(&x509.Certificate{}); ok {
		t.Error("a certificate without a key has an identifier")
	}
}

func TestErrorText(t *testing.T) {
	d := newDraft()
	d.payload["no"] = "7"
	_, err := d.verify()
	if got := err.Error(); !strings.HasPrefix(got, "metadata: payload_malformed at 3.1.6: ") || errors.Unwrap(err) == nil {
		t.Errorf("%s, beneath %v", got, errors.Unwrap(err))
	}
}
