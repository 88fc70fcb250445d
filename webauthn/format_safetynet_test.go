package webauthn_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/ctap/softkey"
	"bestow.dev/webauthn"
)

// answer changes what the service says, before it is signed.
func answer(change func(r *softkey.SafetyNetResponse)) func(*softRegistration) {
	return func(s *softRegistration) { s.forge.SafetyNet = change }
}

// says sets a member of the payload; nil leaves it out.
func says(member string, value any) func(*softRegistration) {
	return answer(func(r *softkey.SafetyNetResponse) { setOrDrop(r.Payload, member, value) })
}

// heads sets a member of the header; nil leaves it out.
func heads(member string, value any) func(*softRegistration) {
	return answer(func(r *softkey.SafetyNetResponse) { setOrDrop(r.Header, member, value) })
}

func setOrDrop(object map[string]any, member string, value any) {
	if value == nil {
		delete(object, member)
		return
	}
	object[member] = value
}

// part changes the text of one of the response's three parts, after it was signed.
func part(n int, change func(string) string) func(*softRegistration) {
	return func(s *softRegistration) {
		s.spoil(func(m map[string]any) {
			parts := strings.Split(string(m["response"].([]byte)), ".")
			parts[n] = change(parts[n])
			m["response"] = []byte(strings.Join(parts, "."))
		})
	}
}

// text changes what one of the parts encodes.
func text(n int, change func(string) string) func(*softRegistration) {
	return part(n, func(encoded string) string {
		decoded, err := base64.RawURLEncoding.DecodeString(encoded)
		if err != nil {
			panic(err)
		}
		return b64([]byte(change(string(decoded))))
	})
}

func replace(old, with string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, with, 1) }
}

// hosts changes the names in the service's certificate.
func hosts(names ...string) func(*softRegistration) {
	return func(s *softRegistration) { s.forge.Certificate = func(c *x509.Certificate) { c.DNSNames = names } }
}

// at shifts the time at which the response is judged.
func at(shift time.Duration) func(*softRegistration) {
	return func(s *softRegistration) { s.exp.Trust.Time = validAt.Add(shift) }
}

// TestSafetyNetSteps walks §8.5.
func TestSafetyNetSteps(t *testing.T) {
	malformed, integrity := webauthn.ReasonAttestationStatementMalformed, webauthn.ReasonSafetyNetIntegrity
	certificate := func(change func(string) any) func(*softRegistration) {
		return answer(func(r *softkey.SafetyNetResponse) {
			r.Header["x5c"] = []any{change(r.Header["x5c"].([]string)[0])}
		})
	}
	steps := []softStep{
		{"untouched", func(*softRegistration) {}, "", ""},
		{"step 1: ver empty", func(s *softRegistration) { s.spoil(func(m map[string]any) { m["ver"] = "" }) }, malformed, "8.5/1"},
		{"step 1: any ver", func(s *softRegistration) { s.spoil(func(m map[string]any) { m["ver"] = "18" }) }, "", ""},
		{"step 1: response empty", func(s *softRegistration) { s.spoil(func(m map[string]any) { m["response"] = []byte{} }) }, malformed, "8.5/1"},
		{"step 1: response text", func(s *softRegistration) {
			s.spoil(func(m map[string]any) { m["response"] = string(m["response"].([]byte)) })
		}, malformed, "8.5/1"},

		{"step 2: two parts", func(s *softRegistration) {
			s.spoil(func(m map[string]any) { m["response"] = []byte("e30.e30") })
		}, malformed, "8.5/2"},
		{"step 2: five parts", part(2, func(s string) string { return s + ".e30.e30" }), malformed, "8.5/2"},
		{"step 2: padding", part(2, func(s string) string { return s + "=" }), malformed, "8.5/2"},
		{"step 2: white space", part(0, func(s string) string { return s + "\n" }), malformed, "8.5/2"},
		{"step 2: long", says("pad", strings.Repeat("A", 16<<10)), "", ""},
		{"step 2: too long", says("pad", strings.Repeat("A", 33<<10)), malformed, "8.5/2"},
		{"step 2: header no JSON", text(0, replace("{", "")), malformed, "8.5/2"},
		{"step 2: something after the header", text(0, func(s string) string { return s + "{}" }), malformed, "8.5/2"},
		{"step 2: alg twice", text(0, replace("{", `{"alg":"ES256",`)), malformed, "8.5/2"},
		{"step 2: no alg", heads("alg", nil), malformed, "8.5/2"},
		{"step 2: alg null", text(0, replace(`"ES256"`, "null")), malformed, "8.5/2"},
		{"step 2: alg none", heads("alg", "none"), malformed, "8.5/2"},
		{"step 2: alg HS256", heads("alg", "HS256"), malformed, "8.5/2"},
		{"step 2: alg ES384", heads("alg", "ES384"), malformed, "8.5/2"},
		{"step 2: alg in lower case", heads("alg", "es256"), malformed, "8.5/2"},
		{"step 2: member that nobody looks at", heads("typ", "JWT"), "", ""},
		{"step 2: critical extension", heads("crit", []string{"exp"}), malformed, "8.5/2"},
		{"step 2: no critical extensions, in so many words", heads("crit", []string{}), malformed, "8.5/2"},
		{"step 2: no x5c", heads("x5c", nil), malformed, "8.5/2"},
		{"step 2: x5c empty", heads("x5c", []string{}), malformed, "8.5/2"},
		{"step 2: x5c not a list", heads("x5c", "AAAA"), malformed, "8.5/2"},
		{"step 2: certificate null", heads("x5c", []any{nil}), malformed, "8.5/2"},
		{"step 2: certificate in base64url", certificate(func(s string) any {
			return strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(s) + "_"
		}), malformed, "8.5/2"},
		{"step 2: second certificate not in base64", answer(func(r *softkey.SafetyNetResponse) {
			r.Header["x5c"] = append(r.Header["x5c"].([]string), "*")
		}), malformed, "8.5/2"},
		{"step 2: certificate in lines", certificate(func(s string) any { return s[:64] + "\n" + s[64:] }), malformed, "8.5/2"},
		{"step 2: certificate cut short", certificate(func(s string) any { return s[:100] }), webauthn.ReasonAttestationCertificateMalformed, "8.5/2"},
		{"step 2: more certificates than anybody needs", heads("x5c", slices.Repeat([]string{"AAAA"}, 9)), malformed, "8.5/2"},
		{"step 2: payload no object", text(1, func(string) string { return "[]" }), malformed, "8.5/2"},
		{"step 2: nonce twice", text(1, replace("{", `{"nonce":"",`)), malformed, "8.5/2"},
		{"step 2: payload not UTF-8", text(1, replace("softkey", "\xff")), malformed, "8.5/2"},
		{"step 2: time a fraction", text(1, replace(`"timestampMs":`, `"timestampMs":0.5`)), malformed, "8.5/2"},
		{"step 2: signature not of 64 bytes", text(2, func(s string) string { return s + "x" }), malformed, "8.5/2"},

		{"step 3: no nonce", says("nonce", nil), webauthn.ReasonSafetyNetNonce, "8.5/3"},
		{"step 3: another nonce", says("nonce", base64.StdEncoding.EncodeToString(testChallenge)), webauthn.ReasonSafetyNetNonce, "8.5/3"},
		{"step 3: nonce empty", says("nonce", ""), webauthn.ReasonSafetyNetNonce, "8.5/3"},
		{"step 3: nonce in base64url", answer(func(r *softkey.SafetyNetResponse) {
			r.Payload["nonce"] = strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(r.Payload["nonce"].(string))
		}), webauthn.ReasonSafetyNetNonce, "8.5/3"},
		{"step 3: nonce in another spelling", answer(func(r *softkey.SafetyNetResponse) {
			r.Payload["nonce"] = r.Payload["nonce"].(string) + "\n"
		}), webauthn.ReasonSafetyNetNonce, "8.5/3"},

		{"step 4: another host", hosts("attest.example.com"), webauthn.ReasonSafetyNetHostname, "8.5/4"},
		{"step 4: no host", hosts(), webauthn.ReasonSafetyNetHostname, "8.5/4"},
		{"step 4: wildcard", hosts("*.android.com"), webauthn.ReasonSafetyNetHostname, "8.5/4"},
		{"step 4: host below it", hosts("x.attest.android.com"), webauthn.ReasonSafetyNetHostname, "8.5/4"},
		{"step 4: among others", hosts("example.com", "Attest.Android.com"), "", ""},
		{"step 4: algorithm of another kind of key", heads("alg", "RS256"), webauthn.ReasonAttestationAlgMismatch, "8.5/4"},
		{"step 4: flipped bit in the signature", func(s *softRegistration) {
			s.forge.Signature = func(sig []byte) []byte { return append(sig[:len(sig)-1:len(sig)-1], sig[len(sig)-1]^1) }
		}, webauthn.ReasonAttestationSignature, "8.5/4"},
		{"step 4: signature of zeros", text(2, func(string) string { return string(make([]byte, 64)) }), webauthn.ReasonAttestationSignature, "8.5/4"},
		{"step 4: payload changed afterwards", text(1, replace("dev.bestow", "com.google")), webauthn.ReasonAttestationSignature, "8.5/4"},
		{"step 4: header changed afterwards", text(0, replace("{", `{"kid":"1",`)), webauthn.ReasonAttestationSignature, "8.5/4"},
		{"step 4: compatibility tests failed", says("ctsProfileMatch", false), integrity, "8.5/4"},
		{"step 4: compatibility not known", says("ctsProfileMatch", nil), integrity, "8.5/4"},
		{"step 4: no basic integrity", says("basicIntegrity", false), integrity, "8.5/4"},
		{"step 4: nothing on basic integrity", says("basicIntegrity", nil), "", ""},
		{"step 4: no time", says("timestampMs", nil), integrity, "8.5/4"},
		{"step 4: just made", at(0), "", ""},
		{"step 4: a minute old", at(time.Minute), "", ""},
		{"step 4: more than a minute old", at(time.Minute + time.Millisecond), integrity, "8.5/4"},
		{"step 4: yet to come", at(-time.Millisecond), integrity, "8.5/4"},
		{"step 4: time at the end of numbers", says("timestampMs", int64(1<<63-1)), integrity, "8.5/4"},
		{"step 4: time at their beginning", says("timestampMs", int64(-1<<63)), integrity, "8.5/4"},
		{"step 4: stale where trust is not asked for", func(s *softRegistration) {
			at(time.Hour)(s)
			s.exp.Trust.Attestation = webauthn.TrustIgnore
		}, integrity, "8.5/4"},

		{"policy: not allowed", func(s *softRegistration) {
			s.exp.Trust.AllowDeprecatedAndroidSafetyNet = false
		}, webauthn.ReasonAttestationUntrusted, "7.1/24"},
		{"policy: not allowed, and no trust asked for", func(s *softRegistration) {
			s.exp.Trust.AllowDeprecatedAndroidSafetyNet = false
			s.exp.Trust.Attestation = webauthn.TrustIgnore
		}, webauthn.ReasonAttestationUntrusted, "7.1/24"},
		{"trust: no anchors", func(s *softRegistration) { s.exp.Trust.Anchors = nil }, webauthn.ReasonAttestationUntrusted, "7.1/24"},
		{"trust: an AAGUID, which any app may have named", func(s *softRegistration) {
			s.exp.Trust.AllowedAAGUIDs = []webauthn.AAGUID{softkey.AAGUID}
		}, webauthn.ReasonAttestationUntrusted, "7.1/24"},
	}
	testSoftSteps(t, softkey.AttestSafetyNet, append(wrongMembers("8.5/1", "ver", "response"), steps...))
}

// TestSafetyNetReport checks the type, and that without a time nothing is judged by it.
func TestSafetyNetReport(t *testing.T) {
	s := newSoft(t, softkey.AttestSafetyNet)
	says("timestampMs", int64(0))(s)
	s.exp.Trust.Time = time.Time{}
	reg, err := s.judge(t)
	if err != nil {
		t.Fatal(err)
	}
	if reg.AttestationType != webauthn.AttestationBasic || !slices.Equal(reg.Warnings, []webauthn.Warning{webauthn.WarningTimeAbsent}) {
		t.Errorf("type %s, warnings %q", reg.AttestationType, reg.Warnings)
	}
}

// TestSafetyNetRS256 checks a response signed with RSA, as Google's were.
func TestSafetyNetRS256(t *testing.T) {
	a := newFull(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	a.template.DNSNames = []string{"attest.android.com"}
	leaf, err := x509.CreateCertificate(rand.Reader, a.template, a.root.cert, key.Public(), a.root.key)
	if err != nil {
		t.Fatal(err)
	}
	a.exp.Trust.AllowDeprecatedAndroidSafetyNet = true
	spoil := func([]byte) {}
	a.format = "android-safetynet"
	a.statement = func(t testing.TB, m *madeRegistration) []byte {
		nonce := sha256.Sum256(m.toSign())
		signed := b64(document(`{"alg":"RS256","x5c":[%q]}`, base64.StdEncoding.EncodeToString(leaf))) + "." +
			b64(document(`{"nonce":%q,"timestampMs":%d,"ctsProfileMatch":true}`, base64.StdEncoding.EncodeToString(nonce[:]), validAt.UnixMilli()))
		digest := sha256.Sum256([]byte(signed))
		sig, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		spoil(sig)
		return cMap(pair{cText("ver"), cText("1")}, pair{cText("response"), cBytes(fmt.Appendf(nil, "%s.%s", signed, b64(sig)))})
	}
	reg, err := a.judge(t)
	if err != nil || !reg.Trusted {
		t.Fatalf("got %+v, %v", reg, err)
	}
	spoil = func(sig []byte) { sig[100] ^= 1 }
	_, err = a.judge(t)
	wantRefusal(t, err, webauthn.ReasonAttestationSignature, "8.5/4")
}

// softJWS returns a good response.
func softJWS(t testing.TB) []byte {
	t.Helper()
	s := newSoft(t, softkey.AttestSafetyNet)
	var response []byte
	s.spoil(func(m map[string]any) { response = bytes.Clone(m["response"].([]byte)) })
	s.make(t)
	return response
}

// TestSafetyNetTruncated checks that no beginning of a response passes for one.
func TestSafetyNetTruncated(t *testing.T) {
	good := softJWS(t)
	if _, err := webauthn.ParseSafetyNetJWS(good); err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if j, err := webauthn.ParseSafetyNetJWS(good[:n]); err == nil {
			t.Errorf("%d of %d bytes: got %+v", n, len(good), j)
		}
	}
}

func FuzzSafetyNetJWS(f *testing.F) {
	f.Add(softJWS(f))
	f.Add([]byte("e30.e30."))
	f.Add([]byte(b64([]byte(`{"alg":"RS256","x5c":["AAAA"]}`)) + "." + b64([]byte(`{"nonce":"","ctsProfileMatch":true}`)) + ".AAAA"))
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		j, err := webauthn.ParseSafetyNetJWS(data)
		if !bytes.Equal(data, before) {
			t.Error("the text was changed")
		}
		if err != nil {
			if j != nil {
				t.Errorf("error %v came with %+v", err, j)
			}
			return
		}
		// What is signed is all but the signature, and there is one text for it.
		rest, ok := bytes.CutPrefix(data, j.Signed)
		if !ok || len(rest) == 0 || rest[0] != '.' || bytes.Count(data, []byte{'.'}) != 2 {
			t.Errorf("signed %q of %q", j.Signed, data)
		}
		for _, more := range []string{".", "=", "\n", " "} {
			if _, err := webauthn.ParseSafetyNetJWS(append(bytes.Clone(data), more...)); err == nil {
				t.Errorf("%q after it was accepted", more)
			}
		}
	})
}
