package webauthn_test

import (
	"bytes"
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"bestow.dev/ctap/softkey"
	"bestow.dev/webauthn"
)

// Entries of an authorization list, as an Android keystore writes them.
var (
	forSigning    = softkey.Authorization{Tag: 1, Value: []byte{0x31, 3, 2, 1, 2}}
	forVerifying  = softkey.Authorization{Tag: 1, Value: []byte{0x31, 3, 2, 1, 3}}
	everyApp      = softkey.Authorization{Tag: 600, Value: []byte{5, 0}}
	generatedHere = softkey.Authorization{Tag: 702, Value: []byte{2, 1, 0}}
	imported      = softkey.Authorization{Tag: 702, Value: []byte{2, 1, 2}}
)

// describe changes what the keystore says of the key.
func (s *softRegistration) describe(change func(d *softkey.KeyDescription)) {
	s.forge.KeyDescription = change
}

// hardware has the trusted environment say this and nothing else.
func hardware(list ...softkey.Authorization) func(*softRegistration) {
	return func(s *softRegistration) {
		s.describe(func(d *softkey.KeyDescription) { d.Hardware = list })
	}
}

// software has the system say this, and the trusted environment nothing.
func software(list ...softkey.Authorization) func(*softRegistration) {
	return func(s *softRegistration) {
		s.describe(func(d *softkey.KeyDescription) { d.Software, d.Hardware = list, nil })
	}
}

// both changes two things.
func both(first, second func(*softRegistration)) func(*softRegistration) {
	return func(s *softRegistration) {
		first(s)
		second(s)
	}
}

func trustedEnvironmentOnly(s *softRegistration) {
	s.exp.Trust.RequireAndroidKeyTrustedEnvironment = true
}

// TestAndroidKeySteps walks §8.4.
func TestAndroidKeySteps(t *testing.T) {
	untouched := func(*softRegistration) {}
	key, malformed := webauthn.ReasonAndroidKey, webauthn.ReasonAttestationStatementMalformed
	raw := func(tag uint32, value ...byte) func(*softRegistration) {
		return hardware(generatedHere, softkey.Authorization{Tag: tag, Value: value})
	}
	level := func(attestation, keystore uint32) func(*softRegistration) {
		return func(s *softRegistration) {
			s.describe(func(d *softkey.KeyDescription) { d.AttestationLevel, d.KeystoreLevel = attestation, keystore })
		}
	}
	value := func(change func([]byte) []byte) func(*softRegistration) {
		return func(s *softRegistration) {
			s.forge.Certificate = func(c *x509.Certificate) {
				c.ExtraExtensions[0].Value = change(slices.Clone(c.ExtraExtensions[0].Value))
			}
		}
	}
	steps := []softStep{
		{"untouched", untouched, "", ""},
		{"step 1: x5c empty", func(s *softRegistration) {
			s.spoil(func(m map[string]any) { m["x5c"] = [][]byte{} })
		}, malformed, "8.4/1"},
		{"step 1: certificate cut short", func(s *softRegistration) {
			s.spoil(func(m map[string]any) { m["x5c"] = [][]byte{m["x5c"].([][]byte)[0][:100]} })
		}, webauthn.ReasonAttestationCertificateMalformed, "8.4/1"},

		{"step 2: flipped bit in the signature", func(s *softRegistration) {
			s.forge.Signature = func(sig []byte) []byte { return append(sig[:len(sig)-1:len(sig)-1], sig[len(sig)-1]^1) }
		}, webauthn.ReasonAttestationSignature, "8.4/2"},
		{"step 2: other bytes signed", func(s *softRegistration) {
			s.forge.Signed = func(b []byte) []byte { return b[1:] }
		}, webauthn.ReasonAttestationSignature, "8.4/2"},
		{"step 2: algorithm of another kind of key", func(s *softRegistration) {
			s.spoil(func(m map[string]any) { m["alg"] = softkey.RS256 })
		}, webauthn.ReasonAttestationAlgMismatch, "8.4/2"},
		{"step 2: unknown algorithm", func(s *softRegistration) {
			s.spoil(func(m map[string]any) { m["alg"] = int64(-7777) })
		}, webauthn.ReasonAttestationAlgMismatch, "8.4/2"},

		{"step 3: certificate for another key, which signed", func(s *softRegistration) { s.forge.OtherKey = true }, key, "8.4/3"},

		{"step 4: no key description", func(s *softRegistration) {
			s.forge.Certificate = func(c *x509.Certificate) { c.ExtraExtensions = nil }
		}, key, "8.4/4"},
		{"step 4: made for another challenge", func(s *softRegistration) {
			s.describe(func(d *softkey.KeyDescription) { d.Challenge = testChallenge })
		}, key, "8.4/4"},
		{"step 4: no challenge", func(s *softRegistration) {
			s.describe(func(d *softkey.KeyDescription) { d.Challenge = nil })
		}, key, "8.4/4"},
		{"step 4: bytes after the description", value(func(b []byte) []byte { return append(b, 0) }), key, "8.4/4"},
		{"step 4: bytes after it, of DER", value(func(b []byte) []byte { return append(b, 5, 0) }), key, "8.4/4"},
		{"step 4: an element too many in it", value(func(b []byte) []byte { b[1] += 2; return append(b, 5, 0) }), key, "8.4/4"},
		{"step 4: empty", value(func([]byte) []byte { return nil }), key, "8.4/4"},
		{"step 4: a SET", value(func(b []byte) []byte { b[0] = 0x31; return b }), key, "8.4/4"},
		{"step 4: length of more bytes than it needs", value(func(b []byte) []byte {
			return append([]byte{0x30, 0x82, 0, b[1]}, b[2:]...)
		}), key, "8.4/4"},
		{"step 4: indefinite length", value(func(b []byte) []byte {
			return append(append([]byte{0x30, 0x80}, b[2:]...), 0, 0)
		}), key, "8.4/4"},
		{"step 4: security level an INTEGER", value(func(b []byte) []byte { b[6] = 2; return b }), key, "8.4/4"},
		{"step 4: long", raw(999, octets(8<<10)...), "", ""},
		{"step 4: too long", raw(999, octets(17<<10)...), key, "8.4/4"},
		{"step 4: authorization under a primitive tag", value(func(b []byte) []byte {
			return bytes.Replace(b, []byte{0xa1, 5, 0x31}, []byte{0x81, 5, 0x31}, 1)
		}), key, "8.4/4"},
		{"step 4: authorization under a tag of another class", value(func(b []byte) []byte {
			return bytes.Replace(b, []byte{0xa1, 5, 0x31}, []byte{0x61, 5, 0x31}, 1)
		}), key, "8.4/4"},

		{"step 4: unknown authorization", raw(999, 2, 1, 7), "", ""},
		{"step 4: unknown authorization of a large tag", raw(1<<28, 0x30, 0), "", ""},
		{"step 4: authorization without value", raw(999), key, "8.4/4"},
		{"step 4: authorization of two values", raw(999, 5, 0, 5, 0), key, "8.4/4"},
		{"step 4: unknown authorization of indefinite length", raw(999, 0x30, 0x80, 0, 0), key, "8.4/4"},
		{"step 4: authorization twice", hardware(generatedHere, generatedHere), key, "8.4/4"},
		{"step 4: unknown authorization twice", both(raw(999, 5, 0), func(s *softRegistration) {
			first := s.forge.KeyDescription
			s.describe(func(d *softkey.KeyDescription) {
				first(d)
				d.Hardware = append(d.Hardware, d.Hardware[1])
			})
		}), key, "8.4/4"},
		{"step 4: more authorizations than anybody needs", func(s *softRegistration) {
			s.describe(func(d *softkey.KeyDescription) {
				for tag := range uint32(150) {
					d.Software = append(d.Software, softkey.Authorization{Tag: 2000 + tag, Value: []byte{5, 0}})
				}
			})
		}, key, "8.4/4"},
		{"step 4: origin an OCTET STRING", hardware(softkey.Authorization{Tag: 702, Value: []byte{4, 1, 0}}), key, "8.4/4"},
		{"step 4: origin of more bytes than it needs", hardware(softkey.Authorization{Tag: 702, Value: []byte{2, 2, 0, 0}}), key, "8.4/4"},
		{"step 4: origin without bytes", hardware(softkey.Authorization{Tag: 702, Value: []byte{2, 0}}), key, "8.4/4"},
		{"step 4: negative origin", hardware(softkey.Authorization{Tag: 702, Value: []byte{2, 1, 0xff}}), key, "8.4/4"},
		{"step 4: origin out of range", hardware(softkey.Authorization{Tag: 702, Value: []byte{2, 5, 1, 0, 0, 0, 0}}), key, "8.4/4"},
		{"step 4: purpose not a SET", raw(1, 2, 1, 2), key, "8.4/4"},
		{"step 4: purpose a SET of something else", raw(1, 0x31, 3, 4, 1, 2), key, "8.4/4"},
		{"step 4: more purposes than there are", raw(1, append([]byte{0x31, 0x7b}, slices.Repeat([]byte{2, 1, 2}, 41)...)...), key, "8.4/4"},
		{"step 4: all applications not a NULL", raw(600, 1, 1, 0xff), key, "8.4/4"},
		{"step 4: all applications a NULL with content", raw(600, 5, 1, 0), key, "8.4/4"},

		{"step 5: every app, by the trusted environment", hardware(forSigning, everyApp, generatedHere), key, "8.4/5"},
		{"step 5: every app, by the system", software(forSigning, everyApp, generatedHere), key, "8.4/5"},
		{"step 5: imported, by the trusted environment", hardware(forSigning, imported), key, "8.4/5"},
		{"step 5: imported, by the system", software(forSigning, imported), key, "8.4/5"},
		{"step 5: imported, by the system alone", func(s *softRegistration) {
			s.describe(func(d *softkey.KeyDescription) { d.Software = append(d.Software, imported) })
		}, key, "8.4/5"},
		{"step 5: for verifying, by the trusted environment", hardware(forVerifying, generatedHere), key, "8.4/5"},
		{"step 5: for verifying, by the system", software(forVerifying, generatedHere), key, "8.4/5"},
		{"step 5: for nothing", raw(1, 0x31, 0), key, "8.4/5"},
		{"step 5: for signing and verifying", hardware(softkey.Authorization{Tag: 1, Value: []byte{0x31, 6, 2, 1, 2, 2, 1, 3}}, generatedHere), "", ""},
		{"step 5: said by the system", software(forSigning, generatedHere), "", ""},
		{"step 5: nothing said", software(), "", ""},

		{"trusted environment", trustedEnvironmentOnly, "", ""},
		{"trusted environment: secure element", both(trustedEnvironmentOnly, level(2, 2)), "", ""},
		{"trusted environment: key in software", both(trustedEnvironmentOnly, level(1, 0)), key, "8.4/5"},
		{"trusted environment: described by software", both(trustedEnvironmentOnly, level(0, 1)), key, "8.4/5"},
		{"trusted environment: level that nobody knows", both(trustedEnvironmentOnly, level(3, 3)), key, "8.4/5"},
		{"trusted environment: said by the system", both(trustedEnvironmentOnly, software(forSigning, generatedHere)), key, "8.4/5"},
		{"trusted environment: no origin", both(trustedEnvironmentOnly, hardware(forSigning)), key, "8.4/5"},
		{"trusted environment: no purpose", both(trustedEnvironmentOnly, hardware(generatedHere)), key, "8.4/5"},
		{"trusted environment: not asked for", level(0, 0), "", ""},
		{"trusted environment: even where trust is not", both(trustedEnvironmentOnly, func(s *softRegistration) {
			level(0, 0)(s)
			s.exp.Trust.Attestation = webauthn.TrustIgnore
		}), key, "8.4/5"},

		{"trust: no anchors", func(s *softRegistration) { s.exp.Trust.Anchors = nil }, webauthn.ReasonAttestationUntrusted, "7.1/24"},
		{"trust: another key's root", func(s *softRegistration) {
			s.exp.Trust.Anchors = []*x509.Certificate{newSoftRoot()}
		}, webauthn.ReasonAttestationUntrusted, "7.1/24"},
		{"trust: certificate of a CA", func(s *softRegistration) {
			s.forge.Certificate = func(c *x509.Certificate) { c.IsCA = true }
		}, webauthn.ReasonAttestationCertificate, "7.1/24"},
		{"trust: an AAGUID, which any app may have named", func(s *softRegistration) {
			s.exp.Trust.AllowedAAGUIDs = []webauthn.AAGUID{softkey.AAGUID}
		}, webauthn.ReasonAttestationUntrusted, "7.1/24"},
	}
	testSoftSteps(t, softkey.AttestAndroidKey, append(wrongMembers("8.4/1", "alg", "sig", "x5c"), steps...))
}

// octets returns an OCTET STRING of n zeros, of which there are more than 255.
func octets(n int) []byte {
	return append([]byte{4, 0x82, byte(n >> 8), byte(n)}, make([]byte, n)...)
}

// newSoftRoot returns the root of a software key that has nothing to do with it.
func newSoftRoot() *x509.Certificate {
	key, err := softkey.New(softkey.Config{UserPresence: softkey.AlwaysPresent, Now: func() time.Time { return validAt }})
	if err != nil {
		panic(err)
	}
	return key.AttestationRoot()
}

// TestAndroidKeyReport checks the type, and the warning for what is not said.
func TestAndroidKeyReport(t *testing.T) {
	silent := []webauthn.Warning{webauthn.WarningAndroidKeyAuthorizations}
	tests := []struct {
		name  string
		spoil func(*softRegistration)
		want  []webauthn.Warning
	}{
		{"untouched", func(*softRegistration) {}, nil},
		{"said by the system", software(forSigning, generatedHere), nil},
		{"no origin", hardware(forSigning), silent},
		{"no purpose", hardware(generatedHere), silent},
		{"nothing", software(), silent},
	}
	for _, test := range tests {
		s := newSoft(t, softkey.AttestAndroidKey)
		test.spoil(s)
		reg, err := s.judge(t)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if reg.Format != "android-key" || reg.AttestationType != webauthn.AttestationBasic || !slices.Equal(reg.Warnings, test.want) {
			t.Errorf("%s: format %s, type %s, warnings %q, want %q", test.name, reg.Format, reg.AttestationType, reg.Warnings, test.want)
		}
	}
}
