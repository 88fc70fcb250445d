package webauthn_test

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"testing"

	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/strictcbor"
	"bestow.dev/webauthn"
)

// softDescription returns a good key description.
func softDescription(t testing.TB) []byte {
	t.Helper()
	s := newSoft(t, softkey.AttestAndroidKey)
	var value []byte
	s.forge.Certificate = func(c *x509.Certificate) { value = bytes.Clone(c.ExtraExtensions[0].Value) }
	s.make(t)
	return value
}

// vectorDescription returns the key description of the standard's example.
func vectorDescription(t testing.TB) []byte {
	t.Helper()
	for _, v := range vectors(t) {
		if v.format != "android-key" || v.Kind != "registration" {
			continue
		}
		var doc struct {
			Response struct{ AttestationObject string }
		}
		if err := json.Unmarshal(v.Response, &doc); err != nil {
			t.Fatal(err)
		}
		raw, err := base64.RawURLEncoding.DecodeString(doc.Response.AttestationObject)
		if err != nil {
			t.Fatal(err)
		}
		var object struct {
			AttStmt struct {
				X5C [][]byte `cbor:"x5c"`
			} `cbor:"attStmt"`
		}
		if err := strictcbor.Unmarshal(raw, &object); err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(object.AttStmt.X5C[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range cert.Extensions {
			if e.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 17}) {
				return e.Value
			}
		}
	}
	t.Fatal("no example of format android-key")
	return nil
}

// TestKeyDescriptionTruncated checks that no beginning of a description passes for
// one, and nothing that has more.
func TestKeyDescriptionTruncated(t *testing.T) {
	for name, good := range map[string][]byte{"the key's": softDescription(t), "the standard's": vectorDescription(t)} {
		if _, err := webauthn.ParseKeyDescription(good); err != nil {
			t.Fatal(err)
		}
		for n := range good {
			if d, err := webauthn.ParseKeyDescription(good[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes: got %+v", name, n, len(good), d)
			}
		}
		for b := range 256 {
			if d, err := webauthn.ParseKeyDescription(append(bytes.Clone(good), byte(b))); err == nil {
				t.Errorf("%s: with %#x: got %+v", name, b, d)
			}
		}
	}
}

// A number whose first bit is set has a zero before it, and no other number has: devices
// of version 200 write it so.
func TestKeyDescriptionNumbers(t *testing.T) {
	good := softDescription(t)
	version := []byte{asn1.TagInteger, 2, 0x01, 0x2c} // 300
	if !bytes.Contains(good, version) {
		t.Fatalf("no version 300 in %x", good)
	}
	for name, test := range map[string]struct {
		number []byte
		ok     bool
	}{
		"200":                   {[]byte{asn1.TagInteger, 2, 0x00, 0xc8}, true},
		"100, with a zero more": {[]byte{asn1.TagInteger, 2, 0x00, 0x64}, false},
		"negative":              {[]byte{asn1.TagInteger, 2, 0xc8, 0x00}, false},
	} {
		d, err := webauthn.ParseKeyDescription(bytes.Replace(good, version, test.number, 1))
		if (err == nil) != test.ok {
			t.Errorf("version %s: %+v, %v", name, d, err)
		}
	}
}

// What has the number of the right type, but is of another class or form, is not of it.
func TestKeyDescriptionClasses(t *testing.T) {
	good := softDescription(t)
	challenge := []byte{asn1.TagOctetString, 32}
	if !bytes.Contains(good, challenge) {
		t.Fatalf("no challenge in %x", good)
	}
	for _, tag := range []byte{0x44, 0x84, 0xc4, 0x24} { // the other classes, and one made of parts
		spoilt := bytes.Replace(good, challenge, []byte{tag, 32}, 1)
		if d, err := webauthn.ParseKeyDescription(spoilt); err == nil {
			t.Errorf("tag %#x: accepted %+v", tag, d)
		}
	}
}

func FuzzKeyDescription(f *testing.F) {
	f.Add(softDescription(f))
	f.Add(vectorDescription(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		d, err := webauthn.ParseKeyDescription(data)
		if !bytes.Equal(data, before) {
			t.Error("the input was changed")
		}
		if err != nil {
			if d != nil {
				t.Errorf("error %v came with %+v", err, d)
			}
			return
		}
		if !bytes.Contains(data, d.Challenge) || len(d.Purposes) > 2*32 {
			t.Errorf("accepted %+v", d)
		}
		// DER says where it ends, so that nothing can follow or be missing.
		if _, err := webauthn.ParseKeyDescription(append(bytes.Clone(data), 0)); err == nil {
			t.Error("a byte after it was accepted")
		}
		if _, err := webauthn.ParseKeyDescription(data[:len(data)-1]); err == nil {
			t.Error("accepted without its last byte")
		}
	})
}
