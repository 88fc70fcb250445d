package metadata_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/cose"
	"bestow.dev/metadata"
)

// resign gives the draft another signer: a leaf under the CA.
func (d *draft) resign(key crypto.Signer, change func(*x509.Certificate)) {
	t := template("Another signer", false)
	if change != nil {
		change(t)
	}
	leaf := issue(t, key, &d.service.ca)
	d.signer = key
	d.header["x5c"] = []string{text(leaf.cert), text(d.service.ca.cert)}
}

func p384() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)) }

func rsa2048() crypto.Signer { return must(rsa.GenerateKey(rand.Reader, 2048)) }

// part replaces one part of the JWS.
func part(i int, with func(string) string) func(string) string {
	return func(jws string) string {
		parts := strings.Split(jws, ".")
		parts[i] = with(parts[i])
		return strings.Join(parts, ".")
	}
}

func constant(s string) func(string) string { return func(string) string { return s } }

type verifyCase struct {
	name  string
	spoil func(*draft)
	want  metadata.Reason // empty: accepted
}

func runCases(t *testing.T, tests []verifyCase) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDraft()
			tt.spoil(d)
			b, err := d.verify()
			if got := reasonOf(t, err); got != tt.want || (b == nil) != (err != nil) {
				t.Errorf("BLOB %v, error %v, want %q", b != nil, err, tt.want)
			}
		})
	}
}

func TestFormSteps(t *testing.T) {
	const malformed = metadata.ReasonJWSMalformed
	runCases(t, []verifyCase{
		{"untouched", func(*draft) {}, ""},
		{"3.1.7: empty", func(d *draft) { d.finish = constant("") }, malformed},
		{"3.1.7: two parts", func(d *draft) { d.finish = func(s string) string { return s[:strings.LastIndex(s, ".")] } }, malformed},
		{"3.1.7: four parts", func(d *draft) { d.finish = func(s string) string { return s + ".AA" } }, malformed},
		{"3.1.7: line break at the end", func(d *draft) { d.finish = func(s string) string { return s + "\n" } }, malformed},
		{"3.1.7: header not base64url", func(d *draft) { d.finish = part(0, func(s string) string { return s + "=" }) }, malformed},
		{"3.1.7: header not JSON", func(d *draft) { d.rawHeader = []byte(`{"alg":"ES256"`) }, malformed},
		{"3.1.7: header names a member twice", func(d *draft) { d.rawHeader = []byte(`{"alg":"ES256","alg":"ES256"}`) }, malformed},
		{"3.1.7: header too long", func(d *draft) { d.header["x"] = strings.Repeat("x", 64<<10) }, metadata.ReasonSize},
		{"3.1.7: BLOB too long", func(d *draft) { d.finish = constant(strings.Repeat(".", metadata.MaxBLOBBytes+1)) }, metadata.ReasonSize},
		{"3.1.7: another type", func(d *draft) { d.header["typ"] = "JOSE" }, malformed},
		{"3.1.7: type in lower case", func(d *draft) { d.header["typ"] = "jwt" }, ""},
		{"3.1.7: no type", func(d *draft) { delete(d.header, "typ") }, ""},
		{"3.1.7: critical extensions", func(d *draft) { d.header["crit"] = []string{"exp"} }, malformed},
		{"3.1.7: no critical extensions", func(d *draft) { d.header["crit"] = []string{} }, malformed},
		{"3.1.7: a key in the header is not looked at", func(d *draft) { d.header["jwk"] = members{"kty": "EC"} }, ""},
		{"3.1.7: no algorithm", func(d *draft) { delete(d.header, "alg") }, metadata.ReasonAlgorithm},
		{"3.1.7: algorithm none", func(d *draft) { d.header["alg"] = "none"; d.finish = part(2, constant("")) }, metadata.ReasonAlgorithm},
		{"3.1.7: algorithm HS256", func(d *draft) { d.header["alg"] = "HS256" }, metadata.ReasonAlgorithm},
		{"3.1.7: algorithm in lower case", func(d *draft) { d.header["alg"] = "es256" }, metadata.ReasonAlgorithm},
	})
}

func TestProcessingSteps(t *testing.T) {
	allow := func(algs ...cose.Algorithm) func(*draft) { return func(d *draft) { d.options.Algorithms = algs } }
	both := func(f ...func(*draft)) func(*draft) {
		return func(d *draft) {
			for _, f := range f {
				f(d)
			}
		}
	}
	signWith := func(alg string, key func() crypto.Signer) func(*draft) {
		return func(d *draft) { d.resign(key(), nil); d.header["alg"] = alg }
	}
	runCases(t, []verifyCase{
		{"step 1: no root", func(d *draft) { d.options.Roots = nil }, metadata.ReasonInternal},
		{"step 1: a root that is nil", func(d *draft) { d.options.Roots = []*x509.Certificate{nil} }, metadata.ReasonInternal},
		{"step 1: a fetched chain with a nil", func(d *draft) {
			d.header["x5u"] = "https://mds.example/chain"
			d.options.Chain = []*x509.Certificate{d.service.leaf.cert, nil}
		}, metadata.ReasonInternal},
		{"step 1: no time", func(d *draft) { d.options.Time = time.Time{} }, metadata.ReasonInternal},
		{"step 1: another root", func(d *draft) {
			d.options.Roots = []*x509.Certificate{issue(template("Root", true), p256(), nil).cert}
		}, metadata.ReasonChainUntrusted},
		{"step 1: the root is one of two", func(d *draft) {
			d.options.Roots = append(d.options.Roots, issue(template("Another", true), p256(), nil).cert)
		}, ""},

		{"step 4: x5u without a chain", func(d *draft) { d.header["x5u"] = "https://mds.example/chain" }, metadata.ReasonX5U},
		{"step 4: x5u comes before x5c", func(d *draft) {
			d.header["x5u"] = "https://mds.example/chain"
			d.options.Chain = []*x509.Certificate{issue(template("Stranger", false), p256(), nil).cert}
		}, metadata.ReasonChainUntrusted},
		{"step 4: x5u with its chain", func(d *draft) {
			d.header["x5u"] = "https://mds.example/chain"
			delete(d.header, "x5c")
			d.options.Chain = []*x509.Certificate{d.service.leaf.cert, d.service.ca.cert}
		}, ""},
		{"step 4: x5u empty", func(d *draft) { d.header["x5u"] = "" }, metadata.ReasonJWSMalformed},
		{"step 4: a chain without x5u is not used", func(d *draft) {
			delete(d.header, "x5c")
			d.options.Chain = []*x509.Certificate{d.service.leaf.cert, d.service.ca.cert}
		}, metadata.ReasonSignature},

		{"step 5: x5c empty", func(d *draft) { d.header["x5c"] = []string{} }, metadata.ReasonCertificateMalformed},
		{"step 5: x5c too long", func(d *draft) {
			d.header["x5c"] = slices.Repeat([]string{text(d.service.leaf.cert)}, 9)
		}, metadata.ReasonCertificateMalformed},
		{"step 5: x5c in base64url", func(d *draft) { d.header["x5c"] = []string{encode(d.service.leaf.cert.Raw) + "-"} }, metadata.ReasonCertificateMalformed},
		{"step 5: x5c with a line break", func(d *draft) {
			d.header["x5c"] = []string{text(d.service.leaf.cert) + "\n", text(d.service.ca.cert)}
		}, metadata.ReasonCertificateMalformed},
		{"step 5: x5c no certificate", func(d *draft) { d.header["x5c"] = []string{"AAAA"} }, metadata.ReasonCertificateMalformed},
		{"step 5: no intermediate", func(d *draft) { d.header["x5c"] = []string{text(d.service.leaf.cert)} }, metadata.ReasonChainUntrusted},
		{"step 5: with the root", func(d *draft) {
			d.header["x5c"] = append(d.header["x5c"].([]string), text(d.service.root.cert))
		}, ""},
		{"step 5: issuer is no CA", func(d *draft) {
			leaf := issue(template("Below the signer", false), p256(), &d.service.leaf)
			d.signer = leaf.key
			d.header["x5c"] = []string{text(leaf.cert), text(d.service.leaf.cert), text(d.service.ca.cert)}
		}, metadata.ReasonChainUntrusted},
		{"step 5: path too long", func(d *draft) {
			limited := template("Limited", true)
			limited.MaxPathLenZero = true
			ca := issue(limited, p256(), &d.service.root)
			sub := issue(template("Sub", true), p256(), &ca)
			leaf := issue(template("Leaf", false), p256(), &sub)
			d.signer = leaf.key
			d.header["x5c"] = []string{text(leaf.cert), text(sub.cert), text(ca.cert)}
		}, metadata.ReasonChainUntrusted},
		{"step 5: signer expired", func(d *draft) {
			d.resign(p256(), func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) })
		}, metadata.ReasonChainExpired},
		{"step 5: signer not yet valid", func(d *draft) {
			d.resign(p256(), func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) })
		}, metadata.ReasonChainExpired},
		{"step 5: critical extension", func(d *draft) {
			d.resign(p256(), func(c *x509.Certificate) {
				c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
			})
		}, metadata.ReasonChainUntrusted},
		{"step 5: no chain, signed by the root", func(d *draft) { delete(d.header, "x5c"); d.signer = d.service.root.key }, ""},
		{"step 5: no chain, signed by the second root", func(d *draft) {
			root := issue(template("Another", true), p256(), nil)
			delete(d.header, "x5c")
			d.signer, d.options.Roots = root.key, append(d.options.Roots, root.cert)
		}, ""},
		{"step 5: no chain, the root has expired", func(d *draft) {
			delete(d.header, "x5c")
			d.signer, d.options.Time = d.service.root.key, now.AddDate(1, 0, 0)
		}, metadata.ReasonChainExpired},
		{"step 5: no chain, the root is not yet valid", func(d *draft) {
			delete(d.header, "x5c")
			d.signer, d.options.Time = d.service.root.key, now.AddDate(-1, 0, 0)
		}, metadata.ReasonChainExpired},
		{"step 5: the signer is a root", func(d *draft) {
			d.options.Roots, d.options.RevocationLists = []*x509.Certificate{d.service.leaf.cert}, nil
		}, ""},

		{"step 6: another key", func(d *draft) { d.signer = p256() }, metadata.ReasonSignature},
		{"step 6: payload changed", func(d *draft) { d.finish = part(1, func(s string) string { return s + "AAAA" }) }, metadata.ReasonSignature},
		{"step 6: header changed", func(d *draft) {
			d.finish = part(0, func(string) string { d.header["kid"] = "x"; return encode(asJSON(d.header)) })
		}, metadata.ReasonSignature},
		{"step 6: no signature", func(d *draft) { d.finish = part(2, constant("")) }, metadata.ReasonSignature},
		{"step 6: signature not base64url", func(d *draft) { d.finish = part(2, func(s string) string { return s + "=" }) }, metadata.ReasonJWSMalformed},
		{"step 6: signature in DER", func(d *draft) {
			d.finish = func(jws string) string {
				input := jws[:strings.LastIndex(jws, ".")]
				return input + "." + encode(must(ecdsa.SignASN1(rand.Reader, d.signer.(*ecdsa.PrivateKey), make([]byte, 32))))
			}
		}, metadata.ReasonSignature},
		{"step 6: signer not for signatures", func(d *draft) {
			d.resign(p256(), func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement })
		}, metadata.ReasonKeyUsage},
		{"step 6: signer without key usage", func(d *draft) {
			d.resign(p256(), func(c *x509.Certificate) { c.KeyUsage = 0 })
		}, ""},
		{"step 6: RS256", signWith("RS256", rsa2048), ""},
		{"step 6: RS256 with an EC key", signWith("RS256", p256), metadata.ReasonAlgorithm},
		{"step 6: ES256 with an RSA key", func(d *draft) {
			d.resign(rsa2048(), nil)
			d.finish = part(2, constant(encode(make([]byte, 64))))
		}, metadata.ReasonAlgorithm},
		{"step 6: ES256 on P-384", func(d *draft) { d.resign(p384(), nil); d.finish = part(2, constant(encode(make([]byte, 64)))) }, metadata.ReasonAlgorithm},
		{"step 6: PS256 not allowed", signWith("PS256", rsa2048), metadata.ReasonAlgorithm},
		{"step 6: ES384 not allowed", signWith("ES384", p384), metadata.ReasonAlgorithm},
		{"step 6: PS256 allowed", both(signWith("PS256", rsa2048), allow(cose.PS256)), ""},
		{"step 6: ES384 allowed", both(signWith("ES384", p384), allow(cose.ES384)), ""},
		{"step 6: ES256 no longer allowed", allow(cose.RS256), metadata.ReasonAlgorithm},
		{"step 6: PS256 is not RS256", func(d *draft) {
			d.resign(rsa2048(), nil)
			d.header["alg"] = "RS256"
			d.finish = func(jws string) string {
				input := jws[:strings.LastIndex(jws, ".")]
				return input + "." + encode(sign(d.signer, "PS256", []byte(input)))
			}
		}, metadata.ReasonSignature},
	})
}

func TestRevocationSteps(t *testing.T) {
	replace := func(i int, list func(*service) *x509.RevocationList) func(*draft) {
		return func(d *draft) {
			d.options.RevocationLists = slices.Clone(d.options.RevocationLists)
			d.options.RevocationLists[i] = list(d.service)
		}
	}
	change := func(f func(*x509.RevocationList)) func(*draft) {
		return replace(1, func(s *service) *x509.RevocationList { return revocationList(s.ca, f) })
	}
	const unknown = metadata.ReasonRevocationUnknown
	runCases(t, []verifyCase{
		{"step 2: no lists", func(d *draft) { d.options.RevocationLists = nil }, unknown},
		{"step 2: no lists, allowed", func(d *draft) { d.options.RevocationLists, d.options.AllowUnknownRevocation = nil, true }, ""},
		{"step 2: none for the CA", func(d *draft) { d.options.RevocationLists = d.options.RevocationLists[1:] }, unknown},
		{"step 2: none for the signer", func(d *draft) { d.options.RevocationLists = d.options.RevocationLists[:1] }, unknown},
		{"step 2: a list that is nil", func(d *draft) { d.options.RevocationLists = append([]*x509.RevocationList{nil}, d.service.lists...) }, ""},
		{"step 2: list of yesterday", change(func(l *x509.RevocationList) { l.NextUpdate = now }), unknown},
		{"step 2: list of tomorrow", change(func(l *x509.RevocationList) { l.ThisUpdate = now.Add(time.Second) }), unknown},
		{"step 2: list signed by a namesake", replace(1, func(*service) *x509.RevocationList {
			return revocationList(issue(template("CA", true), p256(), nil), nil)
		}), unknown},
		{"step 2: partial list", change(func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: []byte{0x30, 0}}}
		}), unknown},
		{"step 4: another certificate revoked", replace(1, func(s *service) *x509.RevocationList {
			return revocationList(s.ca, nil, s.ca.cert, s.root.cert)
		}), ""},
		{"step 4: signer revoked", replace(1, func(s *service) *x509.RevocationList {
			return revocationList(s.ca, nil, s.leaf.cert)
		}), metadata.ReasonRevoked},
		{"step 4: CA revoked", replace(0, func(s *service) *x509.RevocationList {
			return revocationList(s.root, nil, s.ca.cert)
		}), metadata.ReasonRevoked},
		{"step 4: CA revoked, the rest unknown and allowed", func(d *draft) {
			d.options.AllowUnknownRevocation = true
			d.options.RevocationLists = []*x509.RevocationList{revocationList(d.service.root, nil, d.service.ca.cert)}
		}, metadata.ReasonRevoked},
		{"step 4: revoked in one of two lists", func(d *draft) {
			d.options.RevocationLists = append(slices.Clone(d.service.lists), revocationList(d.service.ca, nil, d.service.leaf.cert))
		}, metadata.ReasonRevoked},
	})
}

func TestUnknownRevocationIsTold(t *testing.T) {
	d := newDraft()
	d.options.RevocationLists, d.options.AllowUnknownRevocation = nil, true
	b, err := d.verify()
	if err != nil || len(b.Findings) != 1 || b.Findings[0].Code != metadata.WarningRevocationUnknown {
		t.Errorf("%v, %v", b, err)
	}
}

// Who signed comes before what was signed: a payload that could be refused for itself
// is not looked at.
func TestSignerComesFirst(t *testing.T) {
	for _, payload := range []string{"", "{", `{"no":1,"no":2}`, strings.Repeat("[", 1000)} {
		d := newDraft()
		d.rawPayload = []byte(payload)
		if payload == "" {
			d.rawPayload = []byte{}
		}
		if _, err := d.verify(); reasonOf(t, err) != metadata.ReasonPayloadMalformed {
			t.Errorf("%.20q, signed: %v", payload, err)
		}
		d.signer = p256()
		if _, err := d.verify(); reasonOf(t, err) != metadata.ReasonSignature {
			t.Errorf("%.20q, signed by a stranger: %v", payload, err)
		}
		d.header["x5c"] = []string{text(issue(template("Stranger", false), p256(), nil).cert)}
		if _, err := d.verify(); reasonOf(t, err) != metadata.ReasonChainUntrusted {
			t.Errorf("%.20q, with a stranger's chain: %v", payload, err)
		}
	}
}

func TestPayloadSteps(t *testing.T) {
	const malformed = metadata.ReasonPayloadMalformed
	set := func(name string, v any) func(*draft) { return func(d *draft) { d.payload[name] = v } }
	drop := func(name string) func(*draft) { return func(d *draft) { delete(d.payload, name) } }
	raw := func(s string) func(*draft) { return func(d *draft) { d.rawPayload = []byte(s) } }
	tests := []verifyCase{
		{"3.1.6: null", raw("null"), malformed},
		{"3.1.6: an array", raw("[]"), malformed},
		{"3.1.6: something follows", raw(`{"legalHeader":"x","no":1,"entries":[]}{}`), malformed},
		{"3.1.6: least", raw(`{"legalHeader":"x","no":1,"entries":[]}`), ""},
		{"3.1.6: a member twice, deep inside", raw(`{"legalHeader":"x","no":1,"entries":[{"a":{"b":1,"b":1}}]}`), malformed},
		{"3.1.6: not UTF-8", raw("{\"legalHeader\":\"\xff\",\"no\":1,\"entries\":[]}"), malformed},
		{"3.1.6: nested too deeply", set("x", deep(40)), malformed},
		{"3.1.6: no legal header", drop("legalHeader"), malformed},
		{"3.1.6: legal header empty", set("legalHeader", ""), malformed},
		{"3.1.6: legal header in another case", func(d *draft) { delete(d.payload, "legalHeader"); d.payload["LegalHeader"] = legalText }, malformed},
		{"3.1.6: no number", drop("no"), malformed},
		{"3.1.6: number null", set("no", nil), malformed},
		{"3.1.6: number below zero", set("no", -1), malformed},
		{"3.1.6: number with a fraction", set("no", 1.5), malformed},
		{"3.1.6: number a string", set("no", "7"), malformed},
		{"3.1.6: no next update", drop("nextUpdate"), ""},
		{"3.1.6: next update no date", set("nextUpdate", "soon"), malformed},
		{"3.1.6: next update with time", set("nextUpdate", "2026-07-01T00:00:00Z"), malformed},
		{"3.1.6: next update on no day", set("nextUpdate", "2026-02-30"), malformed},
		{"3.1.6: no entries", drop("entries"), malformed},
		{"3.1.6: entries an object", set("entries", members{}), malformed},
		{"3.1.6: entries empty", set("entries", []any{}), ""},
		{"3.1.6: too many entries", set("entries", slices.Repeat([]string{"no entry, but as long as one"}, 100_001)), malformed},
		{"3.1.6: more values than text explains", set("entries", make([]int, 10_000)), malformed},
		{"3.1.6: legal header accepted", func(d *draft) { d.options.LegalHeader = legalText }, ""},
		{"3.1.6: another legal header accepted", func(d *draft) { d.options.LegalHeader = legalText + " " }, metadata.ReasonLegalHeader},
	}
	runCases(t, tests)
}

func deep(n int) any {
	var v any = 1
	for range n {
		v = []any{v}
	}
	return v
}

func ExampleVerifyBLOB() {
	d := newDraft() // a BLOB, and how to judge it
	blob, err := metadata.VerifyBLOB(d.text(), d.options)
	if err != nil {
		fmt.Println(err)
		return
	}
	standing := blob.ByAAID("F1D0#00AB").StatusAt(d.options.Time)
	fmt.Println(blob.Number, standing.Current.Status, standing.Sound())
	// Output: 7 REVOKED false
}
