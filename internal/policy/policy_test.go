package policy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/cose"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/policy"
	"bestow.dev/metadata"
	"bestow.dev/webauthn"
)

const (
	bankModel  = "2fc0579f-8113-47ea-b116-bb5a8db9202a"
	otherModel = "cb69481e-8ff7-4039-93ec-0a2729a154a8"
	bankKey    = "00112233445566778899aabbccddeeff00112233"
	otherKey   = "ffeeddccbbaa99887766554433221100ffeeddcc"
)

// bank uses every member there is.
const bank = `{
	"name": "branch-office", "description": "Hardware keys of two models", "mode": "enforce", "at": ["registration", "sign-in"],
	"rules": {
		"models": {"allow": ["` + bankModel + `", "` + otherModel + `"], "deny": ["11111111-1111-1111-1111-111111111111"]},
		"keyIdentifiers": {"allow": ["` + bankKey + `"], "deny": ["` + otherKey + `"]},
		"metadata": {
			"required": true, "statuses": {"deny": ["REVOKED", "RETIRED"]}, "minimumLevel": "L2", "minimumAuthenticatorVersion": 5,
			"properties": {
				"attachmentHint": {"anyOf": ["external"]}, "attestationTypes": {"allOf": ["basic_full"]},
				"authenticationAlgorithms": {"anyOf": ["secp256r1_ecdsa_sha256_raw"]},
				"keyProtection": {"anyOf": ["secure_element", "tee"], "allOf": ["hardware"], "noneOf": ["software"]},
				"matcherProtection": {"anyOf": ["on_chip"]}, "multiDeviceCredentialSupport": {"noneOf": ["implicit"]},
				"protocolFamily": {"anyOf": ["fido2"]}, "tcDisplay": {"noneOf": ["remote"]},
				"userVerificationMethods": {"anyOf": ["passcode_external", "fingerprint_internal"]},
				"isKeyRestricted": true, "isFreshUserVerificationRequired": true, "minimumCryptoStrength": 128
			}
		},
		"firmware": {"minimum": 328706, "trustworthy": true},
		"attestation": {"types": {"allow": ["basic", "attca"], "deny": ["self"]}, "formats": {"allow": ["packed", "tpm"], "deny": ["none"]}, "trusted": true, "asMetadata": true},
		"algorithms": {"allow": [-7, -8], "deny": [-257]},
		"userVerification": "required", "residentKey": "required", "syncedPasskeys": "forbidden", "backedUp": "forbidden",
		"transports": {"anyOf": ["usb", "nfc"], "allOf": ["usb"], "noneOf": ["internal"]},
		"attachment": "cross-platform"
	},
	"alternatives": [{"algorithms": {"allow": [-7]}}, {"userVerification": "required"}]
}`

var now = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func ptr[T any](v T) *T { return &v }

func keyID(text string) (id metadata.KeyIdentifier) {
	for i := range id {
		id[i] = must(hexByte(text[2*i : 2*i+2]))
	}
	return id
}

func hexByte(two string) (byte, error) {
	const digits = "0123456789abcdef"
	high, low := strings.IndexByte(digits, two[0]), strings.IndexByte(digits, two[1])
	if high < 0 || low < 0 {
		return 0, errors.New("no digits")
	}
	return byte(high<<4 | low), nil
}

// goodKey is evidence of a key that satisfies bank in every rule.
func goodKey() policy.Evidence {
	id := must(webauthn.ParseAAGUID(bankModel))
	return policy.Evidence{
		Ceremony: policy.Registration, Time: now,
		Format: "packed", AttestationType: webauthn.AttestationBasic, Trusted: true, AAGUID: id, ProvesModel: true,
		KeyIdentifiers: []metadata.KeyIdentifier{keyID(bankKey)}, ClaimedKeyIdentifiers: []metadata.KeyIdentifier{keyID(bankKey)},
		Firmware: ptr(uint64(328707)), Algorithm: cose.ES256, UserVerified: true,
		Discoverable: ptr(true), Transports: []string{"nfc", "usb"}, Attachment: webauthn.AttachmentCrossPlatform,
		Model: &policy.Model{
			Entry: &metadata.Entry{
				AAGUID:        id,
				StatusReports: []metadata.StatusReport{{Status: metadata.StatusCertifiedL2}},
				Statement: &metadata.Statement{
					AAGUID: id, Description: "Branch Key 5", AuthenticatorVersion: 5, ProtocolFamily: "fido2",
					AuthenticationAlgorithms: []string{"secp256r1_ecdsa_sha256_raw"}, AttestationTypes: []string{"basic_full"},
					KeyProtection: []string{"hardware", "secure_element"}, MatcherProtection: []string{"on_chip"},
					AttachmentHint: []string{"external", "wired", "nfc"}, CryptoStrength: 128, KeyRestricted: true, FreshUserVerification: true,
					UserVerificationDetails: [][]metadata.VerificationMethod{{{Method: "passcode_external"}}, {{Method: "none"}}},
				},
			},
			Anchored: true, Source: "mds", Number: 42,
		},
	}
}

// document returns a document that enforces one group of rules.
func document(t testing.TB, name, rules string) *policy.Document {
	t.Helper()
	d, err := policy.Parse([]byte(`{"name": "` + name + `", "rules": ` + rules + `}`))
	if err != nil {
		t.Fatalf("%s: %v", rules, err)
	}
	return d
}

func compile(t testing.TB, documents ...*policy.Document) *policy.Set {
	t.Helper()
	set, err := policy.Compile(documents...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestGoodKeyPassesEveryRule(t *testing.T) {
	set := compile(t, must(policy.Parse([]byte(bank))))
	d := set.Decide(goodKey())
	if !d.Allowed || d.RefusedBy != nil {
		t.Fatalf("refused: %v\n%v", d.RefusedBy, d)
	}
	seen := map[string]bool{}
	for _, r := range d.Policies[0].Rules {
		if r.Outcome != policy.Passed || r.Wanted == "" || r.Found == "" || r.Why != "" {
			t.Errorf("%+v", r)
		}
		if seen[r.Rule] {
			t.Errorf("rule %s is tried twice", r.Rule)
		}
		seen[r.Rule] = true
	}
	if len(seen) < 43 {
		t.Errorf("only %d rules were tried: does the document still use every member?", len(seen))
	}
	if c := set.Conflicts(policy.Base{Attestation: webauthn.ConveyanceDirect}); len(c) > 0 {
		t.Errorf("conflicts: %v", c)
	}
}

// Every member of the document makes a rule: whatever is left out of it, one rule less
// is tried.
func TestEveryMemberIsARule(t *testing.T) {
	var whole map[string]any
	if err := json.Unmarshal([]byte(bank), &whole); err != nil {
		t.Fatal(err)
	}
	rules := whole["rules"].(map[string]any)
	d := compile(t, must(policy.Parse([]byte(bank)))).Decide(goodKey())
	var walk func(path string, members map[string]any)
	walk = func(path string, members map[string]any) {
		for name, v := range members {
			below := path + "." + name
			if inner, ok := v.(map[string]any); ok {
				walk(below, inner)
				continue
			}
			if !slices.ContainsFunc(d.Policies[0].Rules, func(r policy.RuleDecision) bool { return r.Rule == below }) {
				t.Errorf("no rule comes from %s", below)
			}
		}
	}
	walk("rules", rules)
}

func TestParseRefusals(t *testing.T) {
	tests := []struct {
		name, spoil, with, path string
	}{
		{"untouched", "", "", ""},
		{"unknown member", `"residentKey"`, `"residentkey"`, "rules.residentkey"},
		{"unknown member, outermost", `"mode"`, `"state"`, "state"},
		{"duplicate", `"residentKey": "required",`, `"residentKey": "required", "residentKey": "required",`, "rules.residentKey"},
		{"null list", `"allow": [-7, -8]`, `"allow": null`, "rules.algorithms.allow"},
		{"null word", `"userVerification": "required", "residentKey"`, `"userVerification": null, "residentKey"`, "rules.userVerification"},
		{"null element", `"anyOf": ["usb", "nfc"]`, `"anyOf": ["usb", null]`, "rules.transports.anyOf[1]"},
		{"wrong type", `"` + otherModel + `"]`, `7]`, "rules.models.allow[1]"},
		{"wrong type in alternatives", `{"algorithms": {"allow": [-7]}}`, `{"algorithms": {"allow": [-7, "ES256"]}}`, "alternatives[0].algorithms.allow[1]"},
		{"fraction", `"minimumLevel": "L2", "minimumAuthenticatorVersion": 5`, `"minimumLevel": "L2", "minimumAuthenticatorVersion": 5.5`, "rules.metadata.minimumAuthenticatorVersion"},
		{"negative", `"minimum": 328706`, `"minimum": -1`, "rules.firmware.minimum"},
		{"list for an object", `"firmware": {"minimum": 328706, "trustworthy": true}`, `"firmware": []`, "rules.firmware"},
		{"something after it", `"userVerification": "required"}]` + "\n}", `"userVerification": "required"}]} {}`, ""},

		{"name, capitals", `"branch-office"`, `"Branch"`, "name"},
		{"name, empty", `"branch-office"`, `""`, "name"},
		{"name, hyphen first", `"branch-office"`, `"-branch"`, "name"},
		{"name, too long", `"branch-office"`, `"` + strings.Repeat("a", 65) + `"`, "name"},
		{"description, control", `Hardware keys`, `Hardware\u0007keys`, "description"},
		{"mode", `"enforce"`, `"warn"`, "mode"},
		{"ceremony", `"sign-in"`, `"login"`, "at[1]"},
		{"ceremony twice", `"sign-in"`, `"registration"`, "at[1]"},
		{"no ceremony", `["registration", "sign-in"]`, `[]`, "at"},

		{"AAGUID", otherModel, "cb69481e-8ff7-4039-93ec", "rules.models.allow[1]"},
		{"AAGUID zero", otherModel, "00000000-0000-0000-0000-000000000000", "rules.models.allow[1]"},
		{"AAGUID twice", otherModel, strings.ToUpper(bankModel), "rules.models.allow[1]"},
		{"key identifier", bankKey, bankKey[2:], "rules.keyIdentifiers.allow[0]"},
		{"status", `"RETIRED"`, `"FIDO_CERTIFIED_L2"`, "rules.metadata.statuses.deny[1]"},
		{"no status", `["REVOKED", "RETIRED"]`, `[]`, "rules.metadata.statuses.deny"},
		{"level", `"L2"`, `"L4"`, "rules.metadata.minimumLevel"},
		{"not required beside a level", `"required": true`, `"required": false`, "rules.metadata.required"},
		{"property word", `"tee"]`, `"TEE"]`, "rules.metadata.properties.keyProtection.anyOf[1]"},
		{"property, nothing", `{"noneOf": ["remote"]}`, `{}`, "rules.metadata.properties.tcDisplay"},
		{"trustworthy false", `"trustworthy": true`, `"trustworthy": false`, "rules.firmware.trustworthy"},
		{"trusted false", `"trusted": true`, `"trusted": false`, "rules.attestation.trusted"},
		{"attestation type", `"attca"`, `"ecdaa"`, "rules.attestation.types.allow[1]"},
		{"format", `"packed"`, `"fido"`, "rules.attestation.formats.allow[0]"},
		{"algorithm", `[-7, -8]`, `[-7, 8]`, "rules.algorithms.allow[1]"},
		{"algorithm for old TPMs alone", `[-7, -8]`, `[-7, -65535]`, "rules.algorithms.allow[1]"},
		{"algorithm and its twin", `[-7, -8]`, `[-7, -9]`, "rules.algorithms.allow[1]"},
		{"empty list", `"deny": [-257]`, `"deny": []`, "rules.algorithms.deny"},
		{"user verification forbidden", `"userVerification": "required", "residentKey"`, `"userVerification": "forbidden", "residentKey"`, "rules.userVerification"},
		{"resident key", `"residentKey": "required"`, `"residentKey": "preferred"`, "rules.residentKey"},
		{"transport", `"nfc"]`, `"cable"]`, "rules.transports.anyOf[1]"},
		{"attachment", `"cross-platform"`, `"roaming"`, "rules.attachment"},
		{"no alternative", `[{"algorithms": {"allow": [-7]}}, {"userVerification": "required"}]`, `[]`, "alternatives"},
		{"empty alternative", `[{"algorithms": {"allow": [-7]}}, {"userVerification": "required"}]`, `[{}]`, "alternatives[0]"},
		{"many alternatives", `[{"algorithms": {"allow": [-7]}}, {"userVerification": "required"}]`, `[` + strings.Repeat(`{"userVerification": "required"},`, 16) + `{"userVerification": "required"}]`, "alternatives"},
		{"too long", `"name"`, strings.Repeat(" ", policy.MaxDocumentBytes) + `"name"`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.spoil != "" && strings.Count(bank, tt.spoil) == 0 {
				t.Fatalf("there is no %s to spoil", tt.spoil)
			}
			text := strings.Replace(bank, tt.spoil, tt.with, 1)
			if tt.spoil == "" {
				text = bank
			}
			d, err := policy.Parse([]byte(text))
			if tt.name == "untouched" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if d != nil || !errors.Is(err, policy.ErrDocument) {
				t.Fatalf("Parse = %v, %v", d, err)
			}
			if f := fault.From(err); f.Field != tt.path || f.Kind != fault.Invalid || f.Public == "" {
				t.Errorf("refused at %q: %v, want %q", f.Field, err, tt.path)
			}
		})
	}
}

func TestNoRules(t *testing.T) {
	for text, path := range map[string]string{
		`{"name": "a"}`:                                 "rules",
		`{"name": "a", "rules": {}}`:                    "rules",
		`{"name": "a", "rules": {"models": {}}}`:        "rules.models",
		`{"name": "a", "rules": {"firmware": {}}}`:      "rules.firmware",
		`{"name": "a", "rules": {"attestation": {}}}`:   "rules.attestation",
		`{"name": "a", "rules": {"algorithms": {}}}`:    "rules.algorithms",
		`{"name": "a", "rules": {"transports": {}}}`:    "rules.transports",
		`{"name": "a", "rules": {"keyIdentifiers":{}}}`: "rules.keyIdentifiers",
	} {
		if d, err := policy.Parse([]byte(text)); d != nil || fault.From(err).Field != path {
			t.Errorf("Parse(%s) = %v, %v", text, d, err)
		}
	}
}

func TestDefaults(t *testing.T) {
	d := document(t, "a", `{"metadata": {}}`)
	if d.Mode != policy.ModeEnforce || !slices.Equal(d.At, []policy.Ceremony{policy.Registration}) {
		t.Errorf("mode %s at %v", d.Mode, d.At)
	}
	if m := d.Rules.Metadata; !*m.Required || len(m.Statuses.Deny) != 5 {
		t.Errorf("metadata %+v, %v", m, m.Statuses)
	}
	d = document(t, "a", `{"metadata": {"statuses": {"deny": ["USER_KEY_REMOTE_COMPROMISE"]}}}`)
	if !slices.Contains(d.Rules.Metadata.Statuses.Deny, "REVOKED") {
		t.Error("a list of statuses lets revoked models pass")
	}
}

func TestDigest(t *testing.T) {
	base := must(policy.Parse([]byte(bank))).Digest()
	same := map[string][2]string{
		"name and description": {`"name": "branch-office", "description": "Hardware keys of two models"`, `"name": "other"`},
		"default mode":         {`"mode": "enforce", `, ``},
		"order of ceremonies":  {`["registration", "sign-in"]`, `["sign-in", "registration"]`},
		"order of a list":      {`[-7, -8]`, `[-8, -7]`},
		"twin":                 {`[-7, -8]`, `[-9, -19]`},
		"case":                 {bankModel, strings.ToUpper(bankModel)},
		"default of metadata":  {`"required": true, `, ``},
		"order, alternatives":  {`[{"algorithms": {"allow": [-7]}}, {"userVerification": "required"}]`, `[{"userVerification": "required"}, {"algorithms": {"allow": [-7]}}]`},
		"space":                {"\n", " "},
	}
	for name, edit := range same {
		if text := strings.Replace(bank, edit[0], edit[1], 1); text == bank || must(policy.Parse([]byte(text))).Digest() != base {
			t.Errorf("%s: another version", name)
		}
	}
	other := map[string][2]string{
		"mode":        {`"enforce"`, `"monitor"`},
		"ceremony":    {`["registration", "sign-in"]`, `["registration"]`},
		"level":       {`"L2"`, `"L3"`},
		"item":        {`[-7, -8]`, `[-7]`},
		"alternative": {`{"userVerification": "required"}]`, `{"residentKey": "required"}]`},
	}
	for name, edit := range other {
		if text := strings.Replace(bank, edit[0], edit[1], 1); text == bank || must(policy.Parse([]byte(text))).Digest() == base {
			t.Errorf("%s: the same version", name)
		}
	}
	if (&policy.Document{}).Digest() != (policy.Digest{}) {
		t.Error("a document that is not valid has a version")
	}
	// What was read and is written again is the same.
	again := must(policy.Parse(must(json.Marshal(must(policy.Parse([]byte(bank)))))))
	if again.Digest() != base {
		t.Error("written and read again, it is another version")
	}
}

func TestCompileRefusals(t *testing.T) {
	a := document(t, "a", `{"userVerification": "required"}`)
	if _, err := policy.Compile(a, document(t, "a", `{"residentKey": "required"}`)); !errors.Is(err, policy.ErrSet) {
		t.Errorf("two of a name: %v", err)
	}
	if _, err := policy.Compile(a, nil); !errors.Is(err, policy.ErrSet) {
		t.Errorf("none: %v", err)
	}
	if _, err := policy.Compile(&policy.Document{Name: "b", Rules: &policy.Rules{Attachment: "x"}}); !errors.Is(err, policy.ErrDocument) {
		t.Errorf("not valid: %v", err)
	}
	if _, err := policy.Compile(slices.Repeat([]*policy.Document{a}, 17)...); !errors.Is(err, policy.ErrSet) {
		t.Errorf("too many: %v", err)
	}
}

// A document that is short enough and would be too long with its defaults is refused:
// otherwise it could be stored, and not be read back.
func TestParseLongest(t *testing.T) {
	document := func(length int) []byte {
		const head, tail = `{"name":"x","description":"`, `]}}]}`
		body := `","alternatives":[`
		for n := 0; len(head)+len(body)+60+len(tail) < length; n++ {
			switch {
			case n%1000 == 0 && n > 0:
				body += `]}},{"models":{"allow":[`
			case n == 0:
				body += `{"models":{"allow":[`
			default:
				body += `,`
			}
			body += fmt.Sprintf(`"%08x-0000-0000-0000-000000000000"`, n+1)
		}
		return []byte(head + strings.Repeat("d", length-len(head)-len(body)-len(tail)) + body + tail)
	}
	defaults := len(`"mode":"enforce","at":["registration"],`)
	if d, err := policy.Parse(document(policy.MaxDocumentBytes - defaults + 1)); d != nil || !errors.Is(err, policy.ErrDocument) {
		t.Errorf("a byte too long: %v", err)
	}
	d, err := policy.Parse(document(policy.MaxDocumentBytes - defaults))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(d)
	if err != nil || len(text) != policy.MaxDocumentBytes {
		t.Fatalf("the longest has %d bytes: %v", len(text), err)
	}
	if _, err := policy.Parse(text); err != nil {
		t.Errorf("what was read cannot be read again: %v", err)
	}
}
