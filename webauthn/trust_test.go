package webauthn_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"testing"
	"time"

	"bestow.dev/webauthn"
)

// intermediate issues a CA between the root and the attestation certificate, which
// it returns as a template to be changed.
func (a *attested) intermediate(t *testing.T, change func(*x509.Certificate)) *authority {
	t.Helper()
	template := caTemplate("Example Intermediate")
	if change != nil {
		change(template)
	}
	issuer := issue(t, template, newKey(t), a.issuer)
	a.issuer = issuer
	a.extra = append([]*x509.Certificate{issuer.cert}, a.extra...)
	return issuer
}

// reroot makes another root from a changed template, for what is yet to be issued.
func (a *attested) reroot(t *testing.T, change func(*x509.Certificate)) {
	t.Helper()
	template := caTemplate("Example Root")
	change(template)
	a.root = issue(t, template, a.rootKey, nil)
	a.issuer = a.root
	a.exp.Trust.Anchors = []*x509.Certificate{a.root.cert}
}

// maze offers certificates of two CAs that issued each other, three of each, and only
// behind them the one that leads from the leaf to the root, and from nowhere else. To
// find it takes more signature checks than anybody may have us do.
func maze(t *testing.T, a *attested) {
	t.Helper()
	issuing := func(name string, key *ecdsa.PrivateKey, issuer *authority) *authority {
		return issue(t, caTemplate(name), key, issuer)
	}
	left, right := newKey(t), newKey(t)
	leftCA, rightCA := issuing("Left", left, nil), issuing("Right", right, nil)
	for range 3 {
		a.extra = append(a.extra, issuing("Left", left, rightCA).cert, issuing("Right", right, leftCA).cert)
	}
	wayOut := caTemplate("Left")
	wayOut.MaxPathLenZero = true
	a.issuer = issue(t, wayOut, left, a.root)
	a.extra = append(a.extra, a.issuer.cert)
}

// TestTrust walks the paths and policies of 7.1/23 and 7.1/24.
func TestTrust(t *testing.T) {
	critical := pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}
	dnsOnly := func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{"example.com"}
	}
	tests := []struct {
		name   string
		spoil  func(t *testing.T, a *attested)
		reason webauthn.Reason // empty: accepted and trusted
		length int             // of the path, if accepted
	}{
		{"root", func(*testing.T, *attested) {}, "", 2},
		{"root, in x5c as well", func(_ *testing.T, a *attested) { a.extra = []*x509.Certificate{a.root.cert} }, "", 2},
		{"root among others", func(t *testing.T, a *attested) {
			other := issue(t, caTemplate("Other Root"), newKey(t), nil)
			a.exp.Trust.Anchors = []*x509.Certificate{other.cert, a.root.cert}
		}, "", 2},
		{"intermediate", func(t *testing.T, a *attested) { a.intermediate(t, nil) }, "", 3},
		{"intermediate as the anchor", func(t *testing.T, a *attested) {
			a.exp.Trust.Anchors = []*x509.Certificate{a.intermediate(t, nil).cert}
		}, "", 2},
		{"two intermediates, in any order", func(t *testing.T, a *attested) {
			a.intermediate(t, nil)
			a.intermediate(t, func(c *x509.Certificate) { c.Subject.CommonName = "Example Issuing CA" })
			slices.Reverse(a.extra)
		}, "", 4},
		{"certificates that do not help", func(t *testing.T, a *attested) {
			a.intermediate(t, nil)
			stranger := issue(t, caTemplate("Stranger"), newKey(t), nil)
			namesake := issue(t, caTemplate("Example Intermediate"), newKey(t), nil)
			a.extra = append([]*x509.Certificate{stranger.cert, namesake.cert}, a.extra...)
		}, "", 3},
		{"anchor is the attestation certificate", func(t *testing.T, a *attested) {
			a.exp.Trust.Anchors = []*x509.Certificate{a.attestation(t).cert}
		}, "", 1},
		{"self-signed attestation certificate as the anchor", func(t *testing.T, a *attested) {
			a.issuer = nil
			a.exp.Trust.Anchors = []*x509.Certificate{a.attestation(t).cert}
		}, "", 1},

		{"no anchors", func(_ *testing.T, a *attested) { a.exp.Trust.Anchors = nil }, webauthn.ReasonAttestationUntrusted, 0},
		{"other root", func(t *testing.T, a *attested) {
			a.exp.Trust.Anchors = []*x509.Certificate{issue(t, caTemplate("Other Root"), newKey(t), nil).cert}
		}, webauthn.ReasonAttestationUntrusted, 0},
		{"other root of the same name", func(t *testing.T, a *attested) {
			a.exp.Trust.Anchors = []*x509.Certificate{issue(t, caTemplate("Example Root"), newKey(t), nil).cert}
		}, webauthn.ReasonAttestationUntrusted, 0},
		{"anchor of the issuer's key and another name", func(t *testing.T, a *attested) {
			a.exp.Trust.Anchors = []*x509.Certificate{issue(t, caTemplate("Other Root"), a.rootKey, nil).cert}
		}, webauthn.ReasonAttestationUntrusted, 0},
		{"intermediate missing from x5c", func(t *testing.T, a *attested) {
			a.intermediate(t, nil)
			a.extra = nil
		}, webauthn.ReasonAttestationUntrusted, 0},
		{"self-signed attestation certificate", func(_ *testing.T, a *attested) { a.issuer = nil }, webauthn.ReasonAttestationUntrusted, 0},
		{"root only in x5c", func(t *testing.T, a *attested) {
			a.extra = []*x509.Certificate{a.root.cert}
			a.exp.Trust.Anchors = nil
		}, webauthn.ReasonAttestationUntrusted, 0},
		{"two intermediates that issued each other", func(t *testing.T, a *attested) {
			one, two := newKey(t), newKey(t)
			first := issue(t, caTemplate("One"), one, nil)
			second := issue(t, caTemplate("Two"), two, nil)
			a.extra = []*x509.Certificate{issue(t, caTemplate("One"), one, second).cert, issue(t, caTemplate("Two"), two, first).cert}
			a.issuer = first
		}, webauthn.ReasonAttestationUntrusted, 0},

		{"path behind a maze", maze, webauthn.ReasonAttestationCertificate, 0},

		{"issuer is no CA", func(t *testing.T, a *attested) {
			a.intermediate(t, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, 0 })
		}, webauthn.ReasonAttestationCertificate, 0},
		{"issuer without basic constraints", func(t *testing.T, a *attested) {
			a.intermediate(t, func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid, c.KeyUsage = false, false, 0 })
		}, webauthn.ReasonAttestationCertificate, 0},
		{"anchor that is no CA issued it", func(t *testing.T, a *attested) {
			a.reroot(t, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, 0 })
		}, webauthn.ReasonAttestationCertificate, 0},
		{"issuer may not sign certificates", func(t *testing.T, a *attested) {
			a.intermediate(t, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature })
		}, webauthn.ReasonAttestationCertificate, 0},
		{"issuer without key usage", func(t *testing.T, a *attested) {
			a.intermediate(t, func(c *x509.Certificate) { c.KeyUsage = 0 })
		}, "", 3},
		{"path as long as allowed", func(t *testing.T, a *attested) {
			a.reroot(t, func(c *x509.Certificate) { c.MaxPathLen = 1 })
			a.intermediate(t, nil)
		}, "", 3},
		{"self-issued intermediate, which does not count", func(t *testing.T, a *attested) {
			a.reroot(t, func(c *x509.Certificate) { c.MaxPathLenZero = true })
			a.intermediate(t, func(c *x509.Certificate) { c.Subject.CommonName = "Example Root" })
		}, "", 3},
		{"path longer than the root allows", func(t *testing.T, a *attested) {
			a.reroot(t, func(c *x509.Certificate) { c.MaxPathLenZero = true })
			a.intermediate(t, nil)
		}, webauthn.ReasonAttestationCertificate, 0},
		{"path longer than an intermediate allows", func(t *testing.T, a *attested) {
			a.intermediate(t, func(c *x509.Certificate) { c.MaxPathLenZero = true })
			a.intermediate(t, func(c *x509.Certificate) { c.Subject.CommonName = "Example Issuing CA" })
		}, webauthn.ReasonAttestationCertificate, 0},
		{"attestation certificate with an unknown critical extension", func(_ *testing.T, a *attested) {
			a.template.ExtraExtensions = append(a.template.ExtraExtensions, critical)
		}, webauthn.ReasonAttestationCertificate, 0},
		{"root with an unknown critical extension", func(t *testing.T, a *attested) {
			a.reroot(t, func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, critical) })
		}, webauthn.ReasonAttestationCertificate, 0},
		{"intermediate with critical name constraints", func(t *testing.T, a *attested) { a.intermediate(t, dnsOnly) }, webauthn.ReasonAttestationCertificate, 0},

		{"first moment", func(_ *testing.T, a *attested) { a.exp.Trust.Time = notBefore }, "", 2},
		{"last moment", func(_ *testing.T, a *attested) { a.exp.Trust.Time = notAfter }, "", 2},
		{"before", func(_ *testing.T, a *attested) { a.exp.Trust.Time = notBefore.Add(-time.Second) }, webauthn.ReasonAttestationCertificateExpired, 0},
		{"after", func(_ *testing.T, a *attested) { a.exp.Trust.Time = notAfter.Add(time.Second) }, webauthn.ReasonAttestationCertificateExpired, 0},
		{"after, without time", func(_ *testing.T, a *attested) {
			a.template.NotAfter = notBefore
			a.exp.Trust.Time = time.Time{}
		}, "", 2},
		{"root expired", func(t *testing.T, a *attested) {
			a.reroot(t, func(c *x509.Certificate) { c.NotAfter = validAt.Add(-time.Hour) })
		}, webauthn.ReasonAttestationCertificateExpired, 0},
		{"intermediate expired", func(t *testing.T, a *attested) {
			a.intermediate(t, func(c *x509.Certificate) { c.NotAfter = validAt.Add(-time.Hour) })
		}, webauthn.ReasonAttestationCertificateExpired, 0},
		{"attestation certificate as the anchor, expired", func(t *testing.T, a *attested) {
			a.template.NotAfter = validAt.Add(-time.Hour)
			a.exp.Trust.Anchors = []*x509.Certificate{a.attestation(t).cert}
		}, webauthn.ReasonAttestationCertificateExpired, 0},
		{"one intermediate expired, another of the same key not", func(t *testing.T, a *attested) {
			old := a.intermediate(t, func(c *x509.Certificate) { c.NotAfter = validAt.Add(-time.Hour) })
			renewed := issue(t, caTemplate("Example Intermediate"), old.key, a.root)
			a.extra = append(a.extra, renewed.cert)
		}, "", 3},

		{"model allowed", func(_ *testing.T, a *attested) { a.exp.Trust.AllowedAAGUIDs = []webauthn.AAGUID{{1}, testAAGUID} }, "", 2},
		{"model not allowed", func(_ *testing.T, a *attested) { a.exp.Trust.AllowedAAGUIDs = []webauthn.AAGUID{{1}} }, webauthn.ReasonAttestationUntrusted, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := newFull(t)
			test.spoil(t, a)
			reg, err := a.judge(t)
			if test.reason != "" {
				wantRefusal(t, err, test.reason, "7.1/24")
				return
			}
			wantRefusal(t, err, "", "")
			if !reg.Trusted || len(reg.Chain) != test.length || reg.Anchor != reg.Chain[test.length-1] {
				t.Errorf("trusted %t, path of %d, want %d", reg.Trusted, len(reg.Chain), test.length)
			}
		})
	}
}

// TestStrictChain checks the order of certificates, where it matters.
func TestStrictChain(t *testing.T) {
	second := func(c *x509.Certificate) { c.Subject.CommonName = "Example Issuing CA" }
	for _, test := range []struct {
		name   string
		spoil  func(t *testing.T, a *attested)
		reason webauthn.Reason // empty: accepted
	}{
		{"root", func(*testing.T, *attested) {}, ""},
		{"two intermediates", func(t *testing.T, a *attested) { a.intermediate(t, nil); a.intermediate(t, second) }, ""},
		{"anchor is the attestation certificate", func(t *testing.T, a *attested) {
			a.exp.Trust.Anchors = []*x509.Certificate{a.attestation(t).cert}
		}, ""},
		{"other order", func(t *testing.T, a *attested) {
			a.intermediate(t, nil)
			a.intermediate(t, second)
			slices.Reverse(a.extra)
		}, webauthn.ReasonAttestationUntrusted},
		{"root in x5c", func(_ *testing.T, a *attested) { a.extra = []*x509.Certificate{a.root.cert} }, webauthn.ReasonAttestationUntrusted},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newFull(t)
			a.exp.Trust.StrictChain = true
			test.spoil(t, a)
			_, err := a.judge(t)
			step := ""
			if test.reason != "" {
				step = "7.1/24"
			}
			wantRefusal(t, err, test.reason, step)
		})
	}
}

// TestTrustIgnored checks that a policy which asks for no trust still tells of it.
func TestTrustIgnored(t *testing.T) {
	a := newFull(t)
	a.exp.Trust.Attestation = webauthn.TrustIgnore
	reg, err := a.judge(t)
	if err != nil || !reg.Trusted || len(reg.Warnings) != 0 {
		t.Errorf("with its anchor: %+v, %v", reg, err)
	}

	a.exp.Trust.Anchors = nil
	reg, err = a.judge(t)
	if err != nil {
		t.Fatal(err)
	}
	if reg.Trusted || reg.Anchor != [32]byte{} || !slices.Equal(reg.Warnings, []webauthn.Warning{webauthn.WarningTrustNotRequired}) {
		t.Errorf("without: trusted %t, anchor %x, warnings %q", reg.Trusted, reg.Anchor, reg.Warnings)
	}
	if want := sha256.Sum256(a.leaf.cert.Raw); len(reg.Chain) != 1 || reg.Chain[0] != want {
		t.Errorf("chain %x, want that of the statement", reg.Chain)
	}

	// A model that must be one of a list is not taken from an attestation nobody trusts.
	a.exp.Trust.AllowedAAGUIDs = []webauthn.AAGUID{testAAGUID}
	_, err = a.judge(t)
	wantRefusal(t, err, webauthn.ReasonAttestationUntrusted, "7.1/24")
	a.exp.Trust.AllowUntrustedAAGUIDClaims = true
	_, err = a.judge(t)
	wantRefusal(t, err, "", "")
}

// TestAllowedModelNeedsAttestation checks that none and self attestation never
// satisfy a list of models, unless the policy says so.
func TestAllowedModelNeedsAttestation(t *testing.T) {
	for _, m := range []*madeRegistration{newRegistration(t), newSelf(t)} {
		m.exp.Trust.AllowedAAGUIDs = []webauthn.AAGUID{testAAGUID}
		_, err := m.judge(t)
		wantRefusal(t, err, webauthn.ReasonAttestationUntrusted, "7.1/24")

		m.exp.Trust.AllowUntrustedAAGUIDClaims = true
		_, err = m.judge(t)
		wantRefusal(t, err, "", "")

		m.exp.Trust.AllowedAAGUIDs = []webauthn.AAGUID{{1}}
		_, err = m.judge(t)
		wantRefusal(t, err, webauthn.ReasonAttestationUntrusted, "7.1/24")
	}
}

// TestTimeAbsent checks the warning for a judgement without time.
func TestTimeAbsent(t *testing.T) {
	a := newFull(t)
	a.exp.Trust.Time = time.Time{}
	reg, err := a.judge(t)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(reg.Warnings, []webauthn.Warning{webauthn.WarningTimeAbsent}) {
		t.Errorf("warnings %q", reg.Warnings)
	}
}

// TestTrustIsAStepOfItsOwn checks that a verified statement can be judged again, by
// other anchors and at another time, without the response.
func TestTrustIsAStepOfItsOwn(t *testing.T) {
	a := newFull(t)
	resp, err := webauthn.ParseRegistrationResponse(a.json(t))
	if err != nil {
		t.Fatal(err)
	}
	policy := a.exp.Trust
	a.exp.Trust = webauthn.TrustPolicy{}
	reg, err := webauthn.VerifyRegistration(a.exp, resp)
	if err != nil {
		t.Fatal(err)
	}
	if reg.Trusted {
		t.Error("trusted without anchors")
	}
	trust, err := webauthn.JudgeTrust(reg.Attestation(), policy)
	if err != nil || !trust.Trusted || len(trust.Path) != 2 || !trust.Path[1].Equal(a.root.cert) {
		t.Errorf("got %+v, %v", trust, err)
	}
	policy.Time = notAfter.Add(time.Hour)
	_, err = webauthn.JudgeTrust(reg.Attestation(), policy)
	wantRefusal(t, err, webauthn.ReasonAttestationCertificateExpired, "7.1/24")
}

// TestManyNamesakes checks that a statement cannot make the search for a path long:
// every certificate has the same name and key, so that each seems to have issued each.
func TestManyNamesakes(t *testing.T) {
	a := newFull(t)
	key := newKey(t)
	ca := issue(t, caTemplate("Namesake"), key, nil)
	for range 7 {
		a.extra = append(a.extra, issue(t, caTemplate("Namesake"), key, ca).cert)
	}
	a.issuer = ca
	_, err := a.judge(t)
	wantRefusal(t, err, webauthn.ReasonAttestationUntrusted, "7.1/24")
}

// TestSHA1Chain checks that SHA-1 on a path has to be allowed, and is told.
func TestSHA1Chain(t *testing.T) {
	a := newFull(t)
	a.leaf = withSHA1(t, a, ecdsaSHA1)
	_, err := a.judge(t)
	wantRefusal(t, err, webauthn.ReasonAttestationCertificate, "7.1/24")

	a.exp.Trust.AllowSHA1Chain = true
	reg, err := a.judge(t)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(reg.Warnings, []webauthn.Warning{webauthn.WarningSHA1Chain}) {
		t.Errorf("warnings %q", reg.Warnings)
	}
}

// TestSHA1ChainRSA checks that RSA with SHA-1 is refused before its signature is looked at.
func TestSHA1ChainRSA(t *testing.T) {
	a := newFull(t)
	a.leaf = withSHA1(t, a, rsaSHA1)
	_, err := a.judge(t)
	wantRefusal(t, err, webauthn.ReasonAttestationCertificate, "7.1/24")
}

var (
	ecdsaSHA1 = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}}
	rsaSHA1   = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}, Parameters: asn1.NullRawValue}
)

// withSHA1 issues the attestation certificate with a SHA-1 signature, which the
// standard library reads but does not make.
func withSHA1(t *testing.T, a *attested, algorithm pkix.AlgorithmIdentifier) *authority {
	t.Helper()
	good := issue(t, a.template, a.leafKey, a.issuer).cert
	var cert struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(good.Raw, &cert); err != nil {
		t.Fatal(err)
	}
	// ecdsa-with-SHA256 ends in 4.3.2, ecdsa-with-SHA1 in 4.1 and is a byte shorter;
	// so the certificate is put together anew.
	var tbs struct {
		Version    int `asn1:"explicit,tag:0"`
		Serial     asn1.RawValue
		Algorithm  pkix.AlgorithmIdentifier
		Issuer     asn1.RawValue
		Validity   asn1.RawValue
		Subject    asn1.RawValue
		PublicKey  asn1.RawValue
		Extensions asn1.RawValue `asn1:"optional,explicit,tag:3"`
	}
	if _, err := asn1.Unmarshal(cert.TBS.FullBytes, &tbs); err != nil {
		t.Fatal(err)
	}
	tbs.Algorithm, cert.Algorithm = algorithm, algorithm
	raw, err := asn1.Marshal(tbs)
	if err != nil {
		t.Fatal(err)
	}
	sig := signSHA1(t, a, raw)
	cert.TBS = asn1.RawValue{FullBytes: raw}
	cert.Signature = asn1.BitString{Bytes: sig, BitLength: 8 * len(sig)}
	der, err := asn1.Marshal(cert)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{parsed, a.leafKey}
}

func signSHA1(t *testing.T, a *attested, message []byte) []byte {
	t.Helper()
	digest := sha1.Sum(message)
	sig, err := a.issuer.key.Sign(rand.Reader, digest[:], crypto.SHA1)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}
