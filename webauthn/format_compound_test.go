package webauthn_test

import (
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"bestow.dev/ctap/softkey"
	"bestow.dev/webauthn"
)

// parts changes a compound statement's parts; untouched, they are packed and android-key.
func parts(change func(made *softkey.Statement)) func(*softRegistration) {
	return func(s *softRegistration) { s.forge.Statement = change }
}

// untrusted spoils the certificates of some parts, but not what those certify.
func untrusted(which ...int) func(*softRegistration) {
	return parts(func(made *softkey.Statement) {
		for _, i := range which {
			members := made.Parts[i].Members
			cert := slices.Clone(members["x5c"].([][]byte)[0])
			cert[len(cert)-1] ^= 1
			members["x5c"] = [][]byte{cert}
		}
	})
}

func nothing() softkey.Statement {
	return softkey.Statement{Format: "none", Members: map[string]any{}}
}

// TestCompoundSteps walks §8.9.
func TestCompoundSteps(t *testing.T) {
	malformed := webauthn.ReasonAttestationStatementMalformed
	with := func(more ...softkey.Statement) func(*softRegistration) {
		return parts(func(made *softkey.Statement) { made.Parts = append(made.Parts, more...) })
	}
	second := func(item []byte) func(*softRegistration) {
		return func(s *softRegistration) {
			s.forge.Statement = func(made *softkey.Statement) {
				packed := made.Parts[0].Members
				first := cMap(pair{cText("fmt"), cText("packed")}, pair{cText("attStmt"), cMap(
					pair{cText("alg"), cInt(packed["alg"].(int64))},
					pair{cText("sig"), cBytes(packed["sig"].([]byte))},
					pair{cText("x5c"), cArray(cBytes(packed["x5c"].([][]byte)[0]))},
				)})
				s.handmade = cArray(first, item)
			}
		}
	}
	element := func(item ...pair) func(*softRegistration) { return second(cMap(item...)) }
	none := pair{cText("attStmt"), cMap()}
	steps := []softStep{
		{"untouched", func(*softRegistration) {}, "", ""},
		{"step 1: a map", parts(func(made *softkey.Statement) {
			*made = softkey.Statement{Format: "compound", Members: made.Parts[0].Members}
		}), malformed, "8.9/1"},
		{"step 1: no parts", parts(func(made *softkey.Statement) { made.Parts = []softkey.Statement{} }), malformed, "8.9/1"},
		{"step 1: one part", parts(func(made *softkey.Statement) { made.Parts = made.Parts[:1] }), malformed, "8.9/1"},
		{"step 1: eight parts", with(slices.Repeat([]softkey.Statement{nothing()}, 6)...), "", ""},
		{"step 1: nine parts", with(slices.Repeat([]softkey.Statement{nothing()}, 7)...), malformed, "8.9/1"},
		{"step 1: compound within", parts(func(made *softkey.Statement) {
			made.Parts = append(made.Parts, softkey.Statement{Format: "compound", Parts: slices.Clone(made.Parts)})
		}), malformed, "8.9/1"},
		{"step 1: compound in name only", with(softkey.Statement{Format: "compound", Members: map[string]any{}}), malformed, "8.9/1"},
		{"step 1: statement a list", with(softkey.Statement{Format: "none", Parts: []softkey.Statement{}}), malformed, "8.9/1"},
		{"step 1: a part that is a list", second(cArray(cText("none"), cMap())), malformed, "8.9/1"},
		{"step 1: unknown format", with(softkey.Statement{Format: "unheard-of", Members: map[string]any{}}), webauthn.ReasonAttestationFormatUnknown, "7.1/21"},
		{"step 1: format without name", with(softkey.Statement{Members: map[string]any{}}), webauthn.ReasonAttestationFormatUnknown, "7.1/21"},
		{"step 1: the same twice", parts(func(made *softkey.Statement) { made.Parts[1] = made.Parts[0] }), "", ""},
		{"step 1: good by hand", element(pair{cText("fmt"), cText("none")}, none), "", ""},
		{"step 1: part without format", element(none), malformed, "8.9/1"},
		{"step 1: part without statement", element(pair{cText("fmt"), cText("none")}), malformed, "8.9/1"},
		{"step 1: part with something else", element(pair{cText("fmt"), cText("none")}, none, pair{cText("extra"), cInt(1)}), malformed, "8.9/1"},
		{"step 1: part with something else in place", element(pair{cText("fmt"), cText("none")}, pair{cText("extra"), cMap()}), malformed, "8.9/1"},
		{"step 1: format a number", element(pair{cText("fmt"), cInt(1)}, none), malformed, "8.9/1"},
		{"step 1: statement a number", element(pair{cText("fmt"), cText("none")}, pair{cText("attStmt"), cInt(1)}), malformed, "8.9/1"},
		{"step 1: first part not good", parts(func(made *softkey.Statement) { delete(made.Parts[0].Members, "sig") }), malformed, "8.2/1"},
		{"step 1: second part not good", parts(func(made *softkey.Statement) { delete(made.Parts[1].Members, "sig") }), malformed, "8.4/1"},
		{"step 1: part that says something with none", with(softkey.Statement{Format: "none", Members: map[string]any{"a": true}}), malformed, "8.7"},
		{"step 1: second part for another registration", func(s *softRegistration) {
			s.describe(func(d *softkey.KeyDescription) { d.Challenge = testChallenge })
		}, webauthn.ReasonAndroidKey, "8.4/4"},

		{"trust: no anchors", func(s *softRegistration) { s.exp.Trust.Anchors = nil }, webauthn.ReasonAttestationUntrusted, "7.1/24"},
		{"trust: no part", untrusted(0, 1), webauthn.ReasonAttestationUntrusted, "7.1/24"},
		{"trust: first part alone", untrusted(1), "", ""},
		{"trust: second part alone", untrusted(0), "", ""},
		{"trust: expired", func(s *softRegistration) {
			s.exp.Trust.Time = validAt.AddDate(30, 0, 0)
		}, webauthn.ReasonAttestationCertificateExpired, "7.1/24"},
		{"trust: none and self will do, but these are not", both(untrusted(0, 1), func(s *softRegistration) {
			s.exp.Trust.AcceptNone, s.exp.Trust.AcceptSelf = true, true
		}), webauthn.ReasonAttestationUntrusted, "7.1/24"},
		{"trust: a part that the policy refuses", both(trustedEnvironmentOnly, hardware()), webauthn.ReasonAndroidKey, "8.4/5"},
		{"trust: model that the trusted part answers for", both(untrusted(1), onlyThisModel), "", ""},
		{"trust: model that an untrusted part answers for", both(untrusted(0), onlyThisModel), webauthn.ReasonAttestationUntrusted, "7.1/24"},
		{"trust: another model", func(s *softRegistration) {
			s.exp.Trust.AllowedAAGUIDs = []webauthn.AAGUID{{1}}
		}, webauthn.ReasonAttestationUntrusted, "7.1/24"},
	}
	testSoftSteps(t, softkey.AttestCompound, steps)
}

func onlyThisModel(s *softRegistration) {
	s.exp.Trust.AllowedAAGUIDs = []webauthn.AAGUID{softkey.AAGUID}
}

// TestCompoundReport checks what is said of the whole and of its parts.
func TestCompoundReport(t *testing.T) {
	ignore := func(s *softRegistration) { s.exp.Trust.Attestation = webauthn.TrustIgnore }
	tests := []struct {
		name     string
		spoil    func(*softRegistration)
		kind     webauthn.AttestationType
		trusted  bool
		parts    []bool
		warnings []webauthn.Warning
	}{
		{"untouched", func(*softRegistration) {}, webauthn.AttestationBasic, true, []bool{true, true}, nil},
		{"one trusted", untrusted(0), webauthn.AttestationBasic, true, []bool{false, true}, []webauthn.Warning{webauthn.WarningPartUntrusted}},
		{"none trusted, and not asked for", both(untrusted(0, 1), ignore), webauthn.AttestationBasic, false, []bool{false, false}, []webauthn.Warning{webauthn.WarningTrustNotRequired}},
		{"warnings of several parts", both(hardware(), func(s *softRegistration) {
			s.exp.Trust.Time = time.Time{}
		}), webauthn.AttestationBasic, true, []bool{true, true}, []webauthn.Warning{webauthn.WarningTimeAbsent, webauthn.WarningAndroidKeyAuthorizations}},
		{"nothing attested", both(parts(func(made *softkey.Statement) {
			made.Parts = []softkey.Statement{nothing(), nothing()}
		}), func(s *softRegistration) { s.exp.Trust.AcceptNone = true }), webauthn.AttestationNone, false, []bool{false, false}, nil},
		{"something among nothing", parts(func(made *softkey.Statement) {
			made.Parts = []softkey.Statement{nothing(), made.Parts[0], nothing()}
		}), webauthn.AttestationBasic, true, []bool{false, true, false}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSoft(t, softkey.AttestCompound)
			test.spoil(s)
			reg, err := s.judge(t)
			if err != nil {
				t.Fatal(err)
			}
			if reg.Format != "compound" || reg.AttestationType != test.kind || reg.Trusted != test.trusted || !slices.Equal(reg.Warnings, test.warnings) {
				t.Errorf("format %s, type %s, trusted %t, warnings %q", reg.Format, reg.AttestationType, reg.Trusted, reg.Warnings)
			}
			trust, err := webauthn.JudgeTrust(reg.Attestation(), s.exp.Trust)
			if err != nil {
				t.Fatal(err)
			}
			var got []bool
			for _, part := range trust.Parts {
				got = append(got, part.Trusted)
			}
			if !slices.Equal(got, test.parts) || len(reg.Attestation().Parts) != len(got) {
				t.Errorf("parts trusted %v, want %v", got, test.parts)
			}
		})
	}
}

// TestCompoundStrongest checks that the strongest trusted part stands for the whole.
func TestCompoundStrongest(t *testing.T) {
	root := issue(t, caTemplate("Example Root"), newKey(t), nil)
	part := func(kind webauthn.AttestationType, issuer *authority) *webauthn.Attestation {
		return &webauthn.Attestation{Type: kind, Certificates: []*x509.Certificate{issue(t, leafTemplate(), newKey(t), issuer).cert}}
	}
	policy := webauthn.TrustPolicy{Anchors: []*x509.Certificate{root.cert}, Time: validAt}
	batch, anonymous, stray := part(webauthn.AttestationBasic, root), part(webauthn.AttestationAnonCA, root), part(webauthn.AttestationAnonCA, nil)
	for name, test := range map[string]struct {
		parts []*webauthn.Attestation
		want  *webauthn.Attestation
	}{
		"last":                  {[]*webauthn.Attestation{batch, anonymous}, anonymous},
		"first":                 {[]*webauthn.Attestation{anonymous, batch}, anonymous},
		"strongest not trusted": {[]*webauthn.Attestation{stray, batch}, batch},
	} {
		trust, err := webauthn.JudgeTrust(&webauthn.Attestation{
			Type: webauthn.AttestationAnonCA, Certificates: test.parts[0].Certificates, Parts: test.parts,
		}, policy)
		if err != nil || !trust.Trusted || !trust.Path[0].Equal(test.want.Certificates[0]) {
			t.Errorf("%s: got %+v, %v", name, trust, err)
		}
	}
}
