package softkey

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// tpm holds a statement of format tpm against what an honest key writes, byte for byte.
func (c attestedCase) tpm() error {
	p, err := c.members("alg", "sig", "ver", "x5c", "pubArea", "certInfo")
	if err != nil {
		return err
	}
	leaf, err := c.onlyLeaf(p)
	if err != nil {
		return err
	}
	if err := checkAIK(leaf); err != nil {
		return err
	}
	if aaguid := c.message[37:53]; !bytes.Equal(aaguid, AAGUID[:]) {
		return fmt.Errorf("AAGUID %x", aaguid)
	}
	if ver, _ := p.typed(name("ver"), majorText); string(ver.data) != "2.0" {
		return fmt.Errorf("version %q", ver.data)
	}
	pubArea, _ := p.bytes(name("pubArea"))
	if want := wantPubArea(c.t, c); !bytes.Equal(pubArea, want) {
		return fmt.Errorf("pubArea %x, want %x", pubArea, want)
	}
	certInfo, _ := p.bytes(name("certInfo"))
	if want := wantCertInfo(pubArea, c.message); !bytes.Equal(certInfo, want) {
		return fmt.Errorf("certInfo %x, want %x", certInfo, want)
	}
	alg, _ := p.int(name("alg"))
	if _, ok := leaf.PublicKey.(*rsa.PublicKey); ok != (alg == RS256) {
		return fmt.Errorf("algorithm %d with a key of type %T", alg, leaf.PublicKey)
	}
	sig, _ := p.bytes(name("sig"))
	if !verifySignature(c.t, alg, leaf.PublicKey, certInfo, sig) {
		return errors.New("signature over certInfo")
	}
	return nil
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wantPubArea is the public area of the credential's key.
func wantPubArea(t testing.TB, c attestedCase) []byte {
	t.Helper()
	const head = "000b000404720000" // SHA-256, attributes, no policy
	switch public := c.public.(type) {
	case *ecdsa.PublicKey:
		x, y := coordinates(public)
		size := []byte{0, byte(len(x))}
		curve := map[int64]string{ES256: "0003", ES384: "0004"}[c.alg]
		return slices.Concat(unhex(t, "0023"+head+"00100010"+curve+"0010"), size, x, size, y)
	case *rsa.PublicKey:
		return slices.Concat(unhex(t, "0001"+head+"00100014000b0800000000000100"), public.N.Bytes())
	}
	t.Fatalf("a TPM with a key of type %T", c.public)
	return nil
}

func wantCertInfo(pubArea, message []byte) []byte {
	named := func(b []byte) []byte {
		sum := sha256.Sum256(b)
		return slices.Concat([]byte{0, 34, 0, 0x0b}, sum[:])
	}
	digest := sha256.Sum256(message)
	clock := []byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1}
	firmware := []byte{0, 0, 0, 0, 0, 0, 0, 1}
	return slices.Concat([]byte{0xff, 'T', 'C', 'G', 0x80, 0x17}, named(nil), []byte{0, 32}, digest[:], clock, firmware, named(pubArea), named(nil))
}

// checkAIK holds a certificate against WebAuthn §8.3.1.
func checkAIK(leaf *x509.Certificate) error {
	if leaf.Version != 3 || !bytes.Equal(leaf.RawSubject, []byte{0x30, 0}) || !leaf.BasicConstraintsValid || leaf.IsCA {
		return fmt.Errorf("version %d, subject %s, CA %v", leaf.Version, leaf.Subject, leaf.IsCA)
	}
	if len(leaf.UnknownExtKeyUsage) != 1 || leaf.UnknownExtKeyUsage[0].String() != "2.23.133.8.3" {
		return fmt.Errorf("purposes %v", leaf.UnknownExtKeyUsage)
	}
	i := slices.IndexFunc(leaf.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) })
	if i < 0 || !leaf.Extensions[i].Critical {
		return errors.New("no critical subject alternative name")
	}
	for n, text := range []string{"id:42535457", "Bestow Software TPM", "id:00010000"} {
		attribute := append([]byte{6, 5, 0x67, 0x81, 5, 2, byte(n + 1), 12, byte(len(text))}, text...)
		if bytes.Count(leaf.Extensions[i].Value, attribute) != 1 {
			return fmt.Errorf("subject alternative name without %q", text)
		}
	}
	i = slices.IndexFunc(leaf.Extensions, func(e pkix.Extension) bool { return e.Id.String() == "1.3.6.1.4.1.45724.1.1.4" })
	if i < 0 || !bytes.Equal(leaf.Extensions[i].Value, append([]byte{4, 16}, AAGUID[:]...)) {
		return errors.New("no AAGUID extension, or another model's")
	}
	return nil
}

// The three attributes of a TPM's name share a relative name, or have one each.
func TestTPMAltName(t *testing.T) {
	for _, test := range []struct {
		separate bool
		sets     int
	}{{false, 1}, {true, 3}} {
		identity := newTPMIdentity()
		identity.SeparateRDNs = test.separate
		name, err := identity.AltName()
		if err != nil {
			t.Fatal(err)
		}
		var general []asn1.RawValue
		if _, err := asn1.Unmarshal(name, &general); err != nil || len(general) != 1 || general[0].Tag != 4 {
			t.Fatalf("%x: %v", name, err)
		}
		var rdns pkix.RDNSequence
		if _, err := asn1.Unmarshal(general[0].Bytes, &rdns); err != nil || len(rdns) != test.sets {
			t.Errorf("%d relative names, want %d: %v", len(rdns), test.sets, err)
		}
	}
}
