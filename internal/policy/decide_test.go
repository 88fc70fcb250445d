package policy_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/cose"
	"bestow.dev/internal/policy"
	"bestow.dev/metadata"
	"bestow.dev/webauthn"
)

// Each rule has evidence that it refuses, made from a key that is good: one thing is
// spoilt at a time.
func TestDecideRefusals(t *testing.T) {
	other := must(webauthn.ParseAAGUID(otherModel))
	denied := must(webauthn.ParseAAGUID("11111111-1111-1111-1111-111111111111"))
	tests := []struct {
		name  string
		spoil func(*policy.Evidence)
		rules []string // all that refuse; none: allowed
	}{
		{"untouched", func(*policy.Evidence) {}, nil},
		{"another time", func(e *policy.Evidence) { e.Time = e.Time.Add(time.Hour) }, nil},
		{"model not listed", func(e *policy.Evidence) { e.AAGUID = webauthn.AAGUID{1}; e.Model.Entry.AAGUID = e.AAGUID }, []string{"models.allow"}},
		{"model denied", func(e *policy.Evidence) { e.AAGUID = denied; e.Model.Entry.AAGUID = denied }, []string{"models.allow", "models.deny"}},
		{"another model's entry", func(e *policy.Evidence) { e.AAGUID = other }, needsEntry},
		{"certificate key not listed", func(e *policy.Evidence) { e.KeyIdentifiers = nil }, []string{"keyIdentifiers.allow"}},
		{"certificate key claimed only", func(e *policy.Evidence) {
			e.ClaimedKeyIdentifiers, e.KeyIdentifiers = e.KeyIdentifiers, []metadata.KeyIdentifier{{1}}
		}, []string{"keyIdentifiers.allow"}},
		{"certificate key denied", func(e *policy.Evidence) { e.KeyIdentifiers = append(e.KeyIdentifiers, keyID(otherKey)) }, []string{"keyIdentifiers.deny"}},
		{"certificate key denied, claimed only", func(e *policy.Evidence) {
			e.ClaimedKeyIdentifiers = append(e.ClaimedKeyIdentifiers, keyID(otherKey))
		}, []string{"keyIdentifiers.deny"}},
		{"not in the metadata", func(e *policy.Evidence) { e.Model = nil }, needsEntry},
		{"no anchor of the entry's", func(e *policy.Evidence) { e.Model.Anchored = false }, needsEntry},
		{"entry without statement", func(e *policy.Evidence) { e.Model.Entry.Statement = nil }, needsStatement},
		{"revoked", status(metadata.StatusRevoked), []string{"metadata.statuses.deny"}},
		{"retired", status(metadata.StatusRetired), []string{"metadata.statuses.deny"}},
		{"a defect the policy lets pass", status(metadata.StatusPhysicalCompromise), nil},
		{"revoked from tomorrow on", func(e *policy.Evidence) {
			status(metadata.StatusRevoked)(e)
			e.Model.Entry.StatusReports[1].EffectiveDate = now.AddDate(0, 0, 1)
		}, nil},
		{"level too low", func(e *policy.Evidence) { e.Model.Entry.StatusReports[0].Status = metadata.StatusCertifiedL1Plus }, []string{"metadata.minimumLevel"}},
		{"level higher", func(e *policy.Evidence) { e.Model.Entry.StatusReports[0].Status = metadata.StatusCertifiedL3Plus }, nil},
		{"certification ended", func(e *policy.Evidence) { e.Model.Entry.StatusReports[0].SunsetDate = now.AddDate(0, 0, -1) }, []string{"metadata.minimumLevel"}},
		{"authenticatorVersion too low", func(e *policy.Evidence) { e.Model.Entry.Statement.AuthenticatorVersion = 4 }, []string{"metadata.minimumAuthenticatorVersion"}},
		{"not external", statement(func(s *metadata.Statement) { s.AttachmentHint = []string{"internal"} }), []string{"metadata.properties.attachmentHint.anyOf"}},
		{"attests otherwise", statement(func(s *metadata.Statement) { s.AttestationTypes = []string{"basic_surrogate"} }), []string{"metadata.properties.attestationTypes.allOf", "attestation.asMetadata"}},
		{"other algorithms", statement(func(s *metadata.Statement) { s.AuthenticationAlgorithms = []string{"ed25519_eddsa_sha512_raw"} }), []string{"metadata.properties.authenticationAlgorithms.anyOf", "attestation.asMetadata"}},
		{"key protection, one missing", statement(func(s *metadata.Statement) { s.KeyProtection = []string{"tee"} }), []string{"metadata.properties.keyProtection.allOf"}},
		{"key protection, one denied", statement(func(s *metadata.Statement) { s.KeyProtection = append(s.KeyProtection, "software") }), []string{"metadata.properties.keyProtection.noneOf"}},
		{"matcher", statement(func(s *metadata.Statement) { s.MatcherProtection = nil }), []string{"metadata.properties.matcherProtection.anyOf"}},
		{"multi device", statement(func(s *metadata.Statement) { s.MultiDeviceCredentialSupport = "implicit" }), []string{"metadata.properties.multiDeviceCredentialSupport.noneOf"}},
		{"family", statement(func(s *metadata.Statement) { s.ProtocolFamily = "u2f" }), []string{"metadata.properties.protocolFamily.anyOf"}},
		{"display", statement(func(s *metadata.Statement) { s.TCDisplay = []string{"remote"} }), []string{"metadata.properties.tcDisplay.noneOf"}},
		{"user verification method", statement(func(s *metadata.Statement) { s.UserVerificationDetails = s.UserVerificationDetails[1:] }), []string{"metadata.properties.userVerificationMethods.anyOf"}},
		{"key not restricted", statement(func(s *metadata.Statement) { s.KeyRestricted = false }), []string{"metadata.properties.isKeyRestricted"}},
		{"stale user verification", statement(func(s *metadata.Statement) { s.FreshUserVerification = false }), []string{"metadata.properties.isFreshUserVerificationRequired"}},
		{"weak", statement(func(s *metadata.Statement) { s.CryptoStrength = 112 }), []string{"metadata.properties.minimumCryptoStrength"}},
		{"strength unsaid", statement(func(s *metadata.Statement) { s.CryptoStrength = 0 }), []string{"metadata.properties.minimumCryptoStrength"}},
		{"firmware unsaid", func(e *policy.Evidence) { e.Firmware = nil }, []string{"firmware.minimum", "firmware.trustworthy"}},
		{"firmware too old", func(e *policy.Evidence) { e.Firmware = ptr(uint64(328705)) }, []string{"firmware.minimum"}},
		{"firmware older than is trustworthy", func(e *policy.Evidence) { e.Model.Entry.Statement.AuthenticatorVersion = 328708 }, []string{"firmware.trustworthy"}},
		{"attestation type", func(e *policy.Evidence) { e.AttestationType = webauthn.AttestationAnonCA }, []string{"attestation.types.allow"}},
		{"format", func(e *policy.Evidence) { e.Format = "apple" }, []string{"attestation.formats.allow"}},
		{"algorithm", func(e *policy.Evidence) { e.Algorithm = cose.ES384 }, []string{"attestation.asMetadata", "algorithms.allow", "alternatives[0].algorithms.allow"}},
		{"algorithm denied", func(e *policy.Evidence) { e.Algorithm = cose.RS256 }, []string{"attestation.asMetadata", "algorithms.allow", "algorithms.deny", "alternatives[0].algorithms.allow"}},
		{"twin", func(e *policy.Evidence) { e.Algorithm = cose.ESP256 }, nil},
		{"no user verification", func(e *policy.Evidence) { e.UserVerified = false }, []string{"userVerification", "alternatives[1].userVerification"}},
		{"not discoverable", func(e *policy.Evidence) { e.Discoverable = ptr(false) }, []string{"residentKey"}},
		{"discoverable unsaid", func(e *policy.Evidence) { e.Discoverable = nil }, nil},
		{"synced", func(e *policy.Evidence) { e.BackupEligible = true }, []string{"syncedPasskeys"}},
		{"backed up", func(e *policy.Evidence) { e.BackedUp = true }, []string{"backedUp"}},
		{"transport", func(e *policy.Evidence) { e.Transports = []string{"ble"} }, []string{"transports.anyOf", "transports.allOf"}},
		{"transport missing", func(e *policy.Evidence) { e.Transports = []string{"nfc"} }, []string{"transports.allOf"}},
		{"transport denied", func(e *policy.Evidence) { e.Transports = append(e.Transports, "internal") }, []string{"transports.noneOf"}},
		{"transports unsaid", func(e *policy.Evidence) { e.Transports = nil }, nil},
		{"attachment", func(e *policy.Evidence) { e.Attachment = webauthn.AttachmentPlatform }, []string{"attachment"}},
		{"attachment unsaid", func(e *policy.Evidence) { e.Attachment = "" }, nil},
		{"sign-in", func(e *policy.Evidence) { e.Ceremony, e.UserVerified = policy.SignIn, false }, []string{"userVerification", "alternatives[1].userVerification"}},
		{"a ceremony nobody knows", func(e *policy.Evidence) { e.Ceremony, e.UserVerified = "transfer", false }, []string{"userVerification", "alternatives[1].userVerification"}},
	}
	set := compile(t, must(policy.Parse([]byte(bank))))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := goodKey()
			tt.spoil(&e)
			d := set.Decide(e)
			var refused []string
			for _, r := range d.Policies[0].Rules {
				if r.Outcome == policy.Refused {
					refused = append(refused, strings.TrimPrefix(r.Rule, "rules."))
				}
			}
			if !slices.Equal(refused, tt.rules) {
				t.Errorf("refused by %v, want %v\n%v", refused, tt.rules, d)
			}
			if d.Allowed != (len(tt.rules) == 0) {
				t.Errorf("allowed %v", d.Allowed)
			}
			if !d.Allowed && (d.RefusedBy.Rule != "rules."+tt.rules[0] || d.RefusedBy.Policy != "branch-office" || d.RefusedBy.Words == "") {
				t.Errorf("refused by %+v", d.RefusedBy)
			}
		})
	}
}

// needsStatement are bank's rules that take the metadata statement of this very model,
// and needsEntry those that take its entry.
var (
	needsEntry     = append([]string{"metadata.required", "metadata.minimumLevel"}, needsStatement...)
	needsStatement = []string{
		"metadata.minimumAuthenticatorVersion",
		"metadata.properties.attachmentHint.anyOf", "metadata.properties.attestationTypes.allOf",
		"metadata.properties.authenticationAlgorithms.anyOf", "metadata.properties.keyProtection.anyOf",
		"metadata.properties.keyProtection.allOf", "metadata.properties.matcherProtection.anyOf",
		"metadata.properties.protocolFamily.anyOf", "metadata.properties.userVerificationMethods.anyOf",
		"metadata.properties.isKeyRestricted", "metadata.properties.isFreshUserVerificationRequired",
		"metadata.properties.minimumCryptoStrength", "firmware.trustworthy", "attestation.asMetadata",
	}
)

func status(s metadata.Status) func(*policy.Evidence) {
	return func(e *policy.Evidence) {
		e.Model.Entry.StatusReports = append(e.Model.Entry.StatusReports, metadata.StatusReport{Status: s})
	}
}

func statement(spoil func(*metadata.Statement)) func(*policy.Evidence) {
	return func(e *policy.Evidence) { spoil(e.Model.Entry.Statement) }
}

// takesProof are rules that only a trusted attestation satisfies.
var takesProof = []string{
	`{"models": {"allow": ["` + bankModel + `"]}}`,
	`{"keyIdentifiers": {"allow": ["` + bankKey + `"]}}`,
	`{"metadata": {}}`,
	`{"metadata": {"required": false}, "firmware": {"minimum": 1}}`,
	`{"firmware": {"trustworthy": true}}`,
	`{"metadata": {"minimumLevel": "L1"}}`,
	`{"metadata": {"properties": {"keyProtection": {"anyOf": ["hardware"]}}}}`,
	`{"attestation": {"trusted": true}}`,
	`{"attestation": {"asMetadata": true}}`,
}

// The hard rule: what a trusted attestation does not prove never satisfies a rule that
// allows.
func TestHardRule(t *testing.T) {
	forgeries := map[string]func(*policy.Evidence){
		"no attestation": func(e *policy.Evidence) {
			e.Format, e.AttestationType, e.Trusted = "none", webauthn.AttestationNone, false
		},
		"none, said to be trusted": func(e *policy.Evidence) { e.AttestationType = webauthn.AttestationNone },
		"self":                     func(e *policy.Evidence) { e.AttestationType, e.Trusted = webauthn.AttestationSelf, false },
		"self, said to be trusted": func(e *policy.Evidence) { e.AttestationType = webauthn.AttestationSelf },
		"untrusted":                func(e *policy.Evidence) { e.Trusted = false },
		"type unknown":             func(e *policy.Evidence) { e.AttestationType = "" },
	}
	for _, rules := range takesProof {
		set := compile(t, document(t, "proof", rules))
		if d := set.Decide(goodKey()); !d.Allowed {
			t.Errorf("%s refuses a good key: %v", rules, d.RefusedBy)
		}
		for name, forge := range forgeries {
			e := goodKey()
			e.Model.Entry.Statement.AttestationTypes = []string{"basic_full", "basic_surrogate", "none"}
			forge(&e)
			if d := set.Decide(e); d.Allowed {
				t.Errorf("%s: satisfied by %s\n%v", rules, name, d)
			}
		}
	}
}

// A key of U2F names no model that anybody answers for, and is known by its
// certificate's key.
func TestU2FKey(t *testing.T) {
	e := goodKey()
	e.Format, e.AAGUID, e.ProvesModel, e.UserVerified = "fido-u2f", webauthn.AAGUID{}, false, false
	e.Model.Entry = &metadata.Entry{
		KeyIdentifiers: []metadata.KeyIdentifier{keyID(bankKey)},
		StatusReports:  []metadata.StatusReport{{Status: metadata.StatusCertifiedL1}},
		Statement:      &metadata.Statement{ProtocolFamily: "u2f", Description: "Old Key"},
	}
	for rules, want := range map[string]bool{
		`{"keyIdentifiers": {"allow": ["` + bankKey + `"]}}`:                                             true,
		`{"keyIdentifiers": {"allow": ["` + otherKey + `"]}}`:                                            false,
		`{"metadata": {"minimumLevel": "L1", "properties": {"protocolFamily": {"allOf": ["u2f"]}}}}`:     true,
		`{"models": {"allow": ["` + bankModel + `"]}}`:                                                   false,
		`{"models": {"allow": ["` + bankModel + `"]}, "keyIdentifiers": {"allow": ["` + bankKey + `"]}}`: false,
		`{"userVerification": "required"}`:                                                               false,
		`{"attestation": {"formats": {"allow": ["fido-u2f"]}}}`:                                          true,
	} {
		if d := compile(t, document(t, "u2f", rules)).Decide(e); d.Allowed != want {
			t.Errorf("%s\n%v", rules, d)
		}
	}
	// The AAGUID of the good model, claimed in a format that does not cover it.
	e.AAGUID = must(webauthn.ParseAAGUID(bankModel))
	if d := compile(t, document(t, "u2f", `{"models": {"allow": ["`+bankModel+`"]}}`)).Decide(e); d.Allowed {
		t.Errorf("a model was believed\n%v", d)
	}
	// The entry of another U2F model.
	e.AAGUID = webauthn.AAGUID{}
	e.Model.Entry.KeyIdentifiers = []metadata.KeyIdentifier{keyID(otherKey)}
	if d := compile(t, document(t, "u2f", `{"metadata": {}}`)).Decide(e); d.Allowed {
		t.Errorf("another model's entry was believed\n%v", d)
	}
}

// What denies takes a claim, and says so where it knows nothing.
func TestDenyTakesAClaim(t *testing.T) {
	e := goodKey()
	e.Format, e.AttestationType, e.Trusted, e.ProvesModel = "packed", webauthn.AttestationSelf, false, false
	e.Model.Entry.StatusReports = append(e.Model.Entry.StatusReports, metadata.StatusReport{Status: metadata.StatusRemoteCompromise})
	for _, rules := range []string{
		`{"models": {"deny": ["` + bankModel + `"]}}`,
		`{"metadata": {"required": false}}`,
		`{"metadata": {"required": false, "properties": {"keyProtection": {"noneOf": ["hardware"]}}}}`,
	} {
		set := compile(t, document(t, "deny", rules))
		if d := set.Decide(e); d.Allowed {
			t.Errorf("%s lets a claim pass\n%v", rules, d)
		}
		stranger := e
		stranger.Model, stranger.AAGUID = nil, webauthn.AAGUID{}
		d := set.Decide(stranger)
		if !d.Allowed {
			t.Errorf("%s refuses what it knows nothing of\n%v", rules, d)
		}
	}
}

func TestModes(t *testing.T) {
	const rules = `"rules": {"userVerification": "required"}`
	parse := func(text string) *policy.Document { return must(policy.Parse([]byte(text))) }
	enforced := parse(`{"name": "enforced", ` + rules + `}`)
	monitored := parse(`{"name": "monitored", "mode": "monitor", ` + rules + `}`)
	off := parse(`{"name": "off", "mode": "off", ` + rules + `}`)
	atSignIn := parse(`{"name": "sign-in", "at": ["sign-in"], ` + rules + `}`)
	bad := goodKey()
	bad.UserVerified = false

	d := compile(t, monitored, off, atSignIn).Decide(bad)
	if !d.Allowed || d.RefusedBy != nil {
		t.Errorf("refused by %v", d.RefusedBy)
	}
	var outcomes []policy.Outcome
	for _, p := range d.Policies {
		outcomes = append(outcomes, p.Outcome)
	}
	if !slices.Equal(outcomes, []policy.Outcome{policy.WouldRefuse, policy.NotJudged, policy.NotJudged}) {
		t.Errorf("outcomes %v", outcomes)
	}
	if d.Policies[1].Why == "" || d.Policies[1].Rules != nil || d.Policies[2].Why == "" || d.Policies[0].Rules[0].Outcome != policy.Refused {
		t.Errorf("%v", d)
	}
	d = compile(t, monitored, enforced).Decide(bad)
	if d.Allowed || d.RefusedBy.Policy != "enforced" {
		t.Errorf("%v", d)
	}
	bad.Ceremony = policy.SignIn
	if d := compile(t, enforced).Decide(bad); !d.Allowed {
		t.Errorf("a policy for registrations refuses a sign-in: %v", d)
	}
	if d := compile(t, atSignIn).Decide(bad); d.Allowed {
		t.Error("a policy for sign-ins lets one pass")
	}
	if d := new(policy.Set).Decide(bad); !d.Allowed {
		t.Error("no policy refuses")
	}
}

func TestAlternatives(t *testing.T) {
	text := `{"name": "either", "rules": {"userVerification": "required"}, "alternatives": [
		{"models": {"allow": ["` + bankModel + `"]}},
		{"keyIdentifiers": {"allow": ["` + otherKey + `"]}, "attestation": {"formats": {"allow": ["fido-u2f"]}}}]}`
	set := compile(t, must(policy.Parse([]byte(text))))
	d := set.Decide(goodKey())
	if !d.Allowed {
		t.Errorf("the first alternative is not enough\n%v", d)
	}
	e := goodKey()
	e.Format, e.ProvesModel, e.KeyIdentifiers = "fido-u2f", false, []metadata.KeyIdentifier{keyID(otherKey)}
	if d := set.Decide(e); !d.Allowed || d.Policies[0].Rules[1].Found != "alternatives[1]" {
		t.Errorf("the second alternative is not enough\n%v", d)
	}
	e.Format = "packed" // half of the second one
	if d := set.Decide(e); d.Allowed || d.RefusedBy.Rule != "alternatives" {
		t.Errorf("halves of alternatives are enough\n%v", d)
	}
	e = goodKey()
	e.UserVerified = false
	if d := set.Decide(e); d.Allowed || d.RefusedBy.Rule != "rules.userVerification" {
		t.Errorf("an alternative takes the place of the rules\n%v", d)
	}
}

func TestDecisionJSON(t *testing.T) {
	e := goodKey()
	e.ProvesModel, e.Format = false, "android-key"
	got := must(json.MarshalIndent(compile(t, document(t, "models", `{"models": {"allow": ["`+bankModel+`"]}}`)).Decide(e), "", "  "))
	version := document(t, "x", `{"models": {"allow": ["`+bankModel+`"]}}`).Digest().String()
	want := `{
  "allowed": false,
  "refusedBy": {
    "policy": "models",
    "rule": "rules.models.allow",
    "words": "wanted ` + bankModel + `; found ` + bankModel + ` (Branch Key 5); attestation of format android-key does not answer for the model"
  },
  "ceremony": "registration",
  "time": "2026-06-15T12:00:00Z",
  "metadata": {
    "source": "mds",
    "number": 42
  },
  "policies": [
    {
      "policy": "models",
      "version": "` + version + `",
      "mode": "enforce",
      "outcome": "refused",
      "rules": [
        {
          "rule": "rules.models.allow",
          "outcome": "refused",
          "wanted": "` + bankModel + `",
          "found": "` + bankModel + ` (Branch Key 5)",
          "why": "attestation of format android-key does not answer for the model"
        }
      ]
    }
  ]
}`
	if string(got) != want {
		t.Errorf("got %s", got)
	}
}

func TestDecisionString(t *testing.T) {
	e := goodKey()
	e.UserVerified = false
	e.Transports = []string{"usb", "\x1b[31mred\n"}
	got := compile(t, document(t, "till", `{"userVerification": "required", "transports": {"anyOf": ["usb"]}}`)).Decide(e).String()
	want := `refused by till: rules.userVerification: wanted user verified; found user not verified

POLICY          RULE                    OUTCOME  WANTED         FOUND
till (enforce)                          refused                 
                rules.userVerification  refused  user verified  user not verified
                rules.transports.anyOf  passed   usb            usb, "\x1b[31mred\n"
`
	if got != want {
		t.Errorf("got\n%s", got)
	}
	if got := new(policy.Set).Decide(e).String(); got != "allowed\n" {
		t.Errorf("got %q", got)
	}
}
