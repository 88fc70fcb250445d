package policy_test

import (
	"slices"
	"strings"
	"testing"

	"bestow.dev/cose"
	"bestow.dev/internal/policy"
	"bestow.dev/webauthn"
)

// usual is what relying parties ask for by default.
var usual = policy.Base{
	Algorithms:  []cose.Algorithm{cose.ES256, cose.EdDSA, cose.RS256},
	Attestation: webauthn.ConveyanceDirect, ResidentKey: webauthn.ResidentKeyRequired, UserVerification: webauthn.UserVerificationRequired,
}

// lenient asks for nothing.
var lenient = policy.Base{Attestation: webauthn.ConveyanceDirect}

func TestConflicts(t *testing.T) {
	const group = `a rules.algorithms.allow, b rules.algorithms.allow and c rules.algorithms.allow`
	tests := []struct {
		name      string
		base      policy.Base
		documents []string // rules, or whole documents
		want      []string // severity and rules, as shorten writes them
	}{
		{"none", usual, []string{`{"userVerification": "required"}`, `{"models": {"allow": ["` + bankModel + `"]}}`}, nil},
		{"algorithms of the relying party", usual, []string{`{"algorithms": {"allow": [-35]}}`}, []string{"conflict: the relying party's algorithms, a rules.algorithms.allow"}},
		{"algorithms of the relying party denied", usual, []string{`{"algorithms": {"deny": [-7, -8, -257]}}`}, []string{"conflict: the relying party's algorithms, a rules.algorithms.deny"}},
		{"algorithms, two policies", lenient, []string{`{"algorithms": {"allow": [-7]}}`, `{"algorithms": {"allow": [-8]}}`}, []string{"conflict: a rules.algorithms.allow, b rules.algorithms.allow"}},
		{"algorithms, three policies", lenient, []string{`{"algorithms": {"allow": [-7, -8]}}`, `{"algorithms": {"allow": [-8, -257]}}`, `{"algorithms": {"allow": [-257, -7]}}`}, []string{"conflict: " + strings.ReplaceAll(group, " and", ",")}},
		{"allow covered by deny", lenient, []string{`{"models": {"allow": ["` + bankModel + `"], "deny": ["` + bankModel + `", "` + otherModel + `"]}}`}, []string{"conflict: a rules.models.allow, a rules.models.deny"}},
		{"allow covered by two denies", lenient, []string{`{"models": {"allow": ["` + bankModel + `", "` + otherModel + `"]}}`, `{"models": {"deny": ["` + bankModel + `"]}}`, `{"models": {"deny": ["` + otherModel + `"]}}`}, []string{"conflict: a rules.models.allow, b rules.models.deny, c rules.models.deny"}},
		{"models", lenient, []string{`{"models": {"allow": ["` + bankModel + `"]}}`, `{"models": {"allow": ["` + otherModel + `"]}}`}, []string{"conflict: a rules.models.allow, b rules.models.allow"}},
		{"key identifiers", lenient, []string{`{"keyIdentifiers": {"allow": ["` + bankKey + `"]}}`, `{"keyIdentifiers": {"allow": ["` + otherKey + `"]}}`}, []string{"warning: a rules.keyIdentifiers.allow, b rules.keyIdentifiers.allow"}},
		{"key identifiers denied", lenient, []string{`{"keyIdentifiers": {"allow": ["` + bankKey + `"]}}`, `{"keyIdentifiers": {"deny": ["` + bankKey + `"]}}`}, []string{"conflict: a rules.keyIdentifiers.allow, b rules.keyIdentifiers.deny"}},
		{"formats", lenient, []string{`{"attestation": {"formats": {"allow": ["packed"]}}}`, `{"attestation": {"formats": {"allow": ["tpm"]}}}`}, []string{"conflict: a rules.attestation.formats.allow, b rules.attestation.formats.allow"}},
		{"all formats denied", lenient, []string{`{"attestation": {"formats": {"deny": ["android-key", "android-safetynet", "apple", "compound", "fido-u2f", "none", "packed", "tpm"]}}}`}, []string{"conflict: a rules.attestation.formats.deny"}},
		{"types", lenient, []string{`{"attestation": {"types": {"allow": ["none"]}}}`, `{"attestation": {"types": {"deny": ["none"]}}}`}, []string{"conflict: a rules.attestation.types.allow, b rules.attestation.types.deny"}},
		{"format without the type", lenient, []string{`{"attestation": {"types": {"allow": ["anonca"]}, "formats": {"allow": ["packed"]}}}`}, []string{"conflict: a rules.attestation.types.allow, a rules.attestation.formats.allow"}},
		{"trusted without certificates", lenient, []string{`{"attestation": {"types": {"allow": ["none", "self"]}, "trusted": true}}`}, []string{"conflict: a rules.attestation.types.allow, a rules.attestation.trusted"}},
		{"no attestation asked for, models", policy.Base{}, []string{`{"models": {"allow": ["` + bankModel + `"]}}`}, []string{"conflict: the relying party's attestation, a rules.models.allow"}},
		{"no attestation asked for, key identifiers", policy.Base{}, []string{`{"keyIdentifiers": {"allow": ["` + bankKey + `"]}}`}, []string{"conflict: the relying party's attestation, a rules.keyIdentifiers.allow"}},
		{"no attestation asked for, level", policy.Base{}, []string{`{"metadata": {"minimumLevel": "L1"}}`}, []string{"conflict: the relying party's attestation, a rules.metadata.required", "conflict: the relying party's attestation, a rules.metadata.minimumLevel"}},
		{"no attestation asked for, models denied", policy.Base{}, []string{`{"models": {"deny": ["` + bankModel + `"]}}`}, nil},
		{"model in a format that answers for none", lenient, []string{`{"models": {"allow": ["` + bankModel + `"]}, "attestation": {"formats": {"allow": ["android-key"]}}}`}, []string{"conflict: a rules.models.allow, a rules.attestation.formats.allow"}},
		{"model of U2F", lenient, []string{`{"models": {"allow": ["` + bankModel + `"]}, "metadata": {"properties": {"protocolFamily": {"anyOf": ["u2f"]}}}}`}, []string{"conflict: a rules.models.allow, a rules.metadata.properties.protocolFamily.anyOf"}},
		{"U2F with user verification", lenient, []string{`{"attestation": {"formats": {"allow": ["fido-u2f"]}}, "userVerification": "required"}`}, []string{"conflict: a rules.attestation.formats.allow, a rules.userVerification"}},
		{"U2F with a discoverable credential", lenient, []string{`{"metadata": {"properties": {"protocolFamily": {"allOf": ["u2f"]}}}, "residentKey": "required"}`}, []string{"conflict: a rules.metadata.properties.protocolFamily.allOf, a rules.residentKey"}},
		{"UAF", lenient, []string{`{"metadata": {"properties": {"protocolFamily": {"allOf": ["uaf"]}}}}`}, []string{"conflict: a rules.metadata.properties.protocolFamily.allOf"}},
		{"two families at once", lenient, []string{`{"metadata": {"properties": {"protocolFamily": {"allOf": ["fido2", "u2f"]}}}}`}, []string{"conflict: a rules.metadata.properties.protocolFamily.allOf"}},
		{"families", lenient, []string{`{"metadata": {"properties": {"protocolFamily": {"allOf": ["fido2"]}}}}`, `{"metadata": {"properties": {"protocolFamily": {"noneOf": ["fido2"]}}}}`}, []string{"conflict: a rules.metadata.properties.protocolFamily.allOf, b rules.metadata.properties.protocolFamily.noneOf"}},
		{"discoverable", lenient, []string{`{"residentKey": "required"}`, `{"residentKey": "forbidden"}`}, []string{"conflict: a rules.residentKey, b rules.residentKey"}},
		{"discoverable for the relying party", usual, []string{`{"residentKey": "forbidden"}`}, []string{"conflict: the relying party's residentKey, a rules.residentKey"}},
		{"synced", lenient, []string{`{"syncedPasskeys": "required"}`, `{"syncedPasskeys": "forbidden"}`}, []string{"conflict: a rules.syncedPasskeys, b rules.syncedPasskeys"}},
		{"backed up, not synced", lenient, []string{`{"syncedPasskeys": "forbidden", "backedUp": "required"}`}, []string{"conflict: a rules.syncedPasskeys, a rules.backedUp"}},
		{"attachment", lenient, []string{`{"attachment": "platform"}`, `{"attachment": "cross-platform"}`}, []string{"conflict: a rules.attachment, b rules.attachment"}},
		{"attachment of the relying party", policy.Base{Attestation: "direct", Attachment: webauthn.AttachmentPlatform}, []string{`{"attachment": "cross-platform"}`}, []string{"conflict: the relying party's attachment, a rules.attachment"}},
		{"cable to the platform", lenient, []string{`{"attachment": "platform", "transports": {"anyOf": ["usb", "nfc"]}}`}, []string{"conflict: a rules.transports.anyOf, a rules.attachment"}},
		{"transports", lenient, []string{`{"transports": {"anyOf": ["usb", "nfc"], "noneOf": ["usb", "nfc", "ble"]}}`}, []string{"conflict: a rules.transports.anyOf, a rules.transports.noneOf"}},
		{"transports, all", lenient, []string{`{"transports": {"allOf": ["usb", "nfc"], "noneOf": ["usb"]}}`}, []string{"conflict: a rules.transports.allOf, a rules.transports.noneOf"}},
		{"transports that go together", lenient, []string{`{"transports": {"anyOf": ["usb"]}}`, `{"transports": {"anyOf": ["nfc"]}}`}, nil},
		{"key protection", lenient, []string{`{"metadata": {"properties": {"keyProtection": {"anyOf": ["tee"]}}}}`, `{"metadata": {"properties": {"keyProtection": {"noneOf": ["tee"]}}}}`}, []string{"conflict: a rules.metadata.properties.keyProtection.anyOf, b rules.metadata.properties.keyProtection.noneOf"}},
		{"restricted", lenient, []string{`{"metadata": {"properties": {"isKeyRestricted": true}}}`, `{"metadata": {"properties": {"isKeyRestricted": false}}}`}, []string{"conflict: a rules.metadata.properties.isKeyRestricted, b rules.metadata.properties.isKeyRestricted"}},

		{"a policy that monitors", lenient, []string{`{"residentKey": "required"}`, `{"name": "b", "mode": "monitor", "rules": {"residentKey": "forbidden"}}`}, []string{"warning: a rules.residentKey, b rules.residentKey"}},
		{"a policy that is off", lenient, []string{`{"residentKey": "required"}`, `{"name": "b", "mode": "off", "rules": {"residentKey": "forbidden"}}`}, nil},
		{"two of three enforced", lenient, []string{`{"algorithms": {"allow": [-7, -8]}}`, `{"algorithms": {"allow": [-8, -257]}}`, `{"name": "c", "mode": "monitor", "rules": {"algorithms": {"allow": [-257, -7]}}}`}, []string{"warning: " + strings.ReplaceAll(group, " and", ",")}},
		{"policies that never meet", lenient, []string{`{"residentKey": "required"}`, `{"name": "b", "at": ["sign-in"], "rules": {"residentKey": "forbidden"}}`}, nil},
		{"policies that meet at sign-in", lenient, []string{`{"name": "a", "at": ["registration", "sign-in"], "rules": {"residentKey": "required"}}`, `{"name": "b", "at": ["sign-in"], "rules": {"residentKey": "forbidden"}}`}, []string{"conflict: a rules.residentKey, b rules.residentKey"}},

		{
			"one alternative is dead", lenient,
			[]string{`{"name": "a", "rules": {"userVerification": "required"}, "alternatives": [{"attestation": {"formats": {"allow": ["fido-u2f"]}}}, {"attestation": {"formats": {"allow": ["packed"]}}}]}`},
			[]string{"warning: a rules.userVerification, a alternatives[0].attestation.formats.allow"},
		},
		{
			"all alternatives are dead", lenient,
			[]string{`{"name": "a", "rules": {"algorithms": {"allow": [-7]}}, "alternatives": [{"algorithms": {"allow": [-8]}}, {"algorithms": {"deny": [-7]}}]}`},
			[]string{"conflict: a rules.algorithms.allow, a alternatives[0].algorithms.allow", "conflict: a rules.algorithms.allow, a alternatives[1].algorithms.deny"},
		},
		{
			"alternatives of two policies", lenient,
			[]string{
				`{"name": "a", "alternatives": [{"algorithms": {"allow": [-7]}}, {"algorithms": {"allow": [-8]}}]}`,
				`{"name": "b", "alternatives": [{"algorithms": {"allow": [-257]}}, {"algorithms": {"allow": [-37]}}]}`,
			},
			[]string{"conflict: a alternatives, b alternatives"},
		},
		{
			"alternatives of which two go together", lenient,
			[]string{
				`{"name": "a", "alternatives": [{"algorithms": {"allow": [-7]}}, {"algorithms": {"allow": [-8]}}]}`,
				`{"name": "b", "alternatives": [{"algorithms": {"allow": [-257]}}, {"algorithms": {"allow": [-8]}}]}`,
			},
			nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range compile(t, documents(t, tt.documents...)...).Conflicts(tt.base) {
				got = append(got, shorten(c))
				for _, r := range c.Rules {
					if !strings.Contains(c.Words, r.String()) {
						t.Errorf("the words do not name %s: %s", r, c.Words)
					}
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func shorten(c policy.Conflict) string {
	var refs []string
	for _, r := range c.Rules {
		refs = append(refs, r.String())
	}
	return string(c.Severity) + ": " + strings.Join(refs, ", ")
}

// documents reads documents, or rules of documents that are called a, b and so on.
func documents(t testing.TB, texts ...string) []*policy.Document {
	t.Helper()
	var all []*policy.Document
	for i, text := range texts {
		if !strings.Contains(text, `"name"`) {
			text = `{"name": "` + string(rune('a'+i)) + `", "rules": ` + text + `}`
		}
		d, err := policy.Parse([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		all = append(all, d)
	}
	return all
}

func TestConflictWords(t *testing.T) {
	set := compile(t, documents(t, `{"models": {"allow": ["`+bankModel+`"]}, "attestation": {"types": {"allow": ["none", "self"]}}}`)...)
	c := set.Conflicts(lenient)
	const want = "conflict: a rules.models.allow leaves attestation type basic, attca or anonca (it takes a trusted attestation, so one with certificates); " +
		"a rules.attestation.types.allow leaves attestation type none or self: nothing can be both"
	if len(c) != 1 || c[0].String() != want {
		t.Errorf("got %v", c)
	}
}

func TestDemands(t *testing.T) {
	base := policy.Base{
		Algorithms:  []cose.Algorithm{cose.RS256, cose.ESP256, cose.EdDSA},
		Attestation: webauthn.ConveyanceNone, ResidentKey: webauthn.ResidentKeyPreferred, UserVerification: webauthn.UserVerificationPreferred,
	}
	tests := []struct {
		name      string
		documents []string
		change    func(*policy.Demands)
	}{
		{"no policy", nil, func(*policy.Demands) {}},
		{"algorithms", []string{`{"algorithms": {"allow": [-7, -8]}}`, `{"algorithms": {"allow": [-7, -257]}}`}, func(d *policy.Demands) { d.Algorithms = []cose.Algorithm{cose.ESP256} }},
		{"algorithms denied", []string{`{"algorithms": {"deny": [-257]}}`}, func(d *policy.Demands) { d.Algorithms = []cose.Algorithm{cose.ESP256, cose.EdDSA} }},
		{"no algorithm left", []string{`{"algorithms": {"allow": [-35]}}`}, func(d *policy.Demands) { d.Algorithms = nil }},
		{"user verification", []string{`{"userVerification": "required"}`}, func(d *policy.Demands) { d.UserVerification = webauthn.UserVerificationRequired }},
		{"resident key", []string{`{"residentKey": "required"}`}, func(d *policy.Demands) { d.ResidentKey = webauthn.ResidentKeyRequired }},
		{"no resident key", []string{`{"residentKey": "forbidden"}`}, func(d *policy.Demands) { d.ResidentKey = webauthn.ResidentKeyDiscouraged }},
		{"resident key, both", []string{`{"residentKey": "forbidden"}`, `{"residentKey": "required"}`}, func(*policy.Demands) {}},
		{"attachment", []string{`{"attachment": "platform"}`}, func(d *policy.Demands) { d.Attachment = webauthn.AttachmentPlatform }},
		{"transports", []string{`{"transports": {"anyOf": ["usb", "nfc"]}}`}, func(d *policy.Demands) { d.Attachment = webauthn.AttachmentCrossPlatform }},
		{"models", []string{`{"models": {"allow": ["` + bankModel + `"]}}`}, direct},
		{"models denied", []string{`{"models": {"deny": ["` + bankModel + `"]}}`}, direct},
		{"metadata", []string{`{"metadata": {"required": false}}`}, direct},
		{"certificate keys", []string{`{"keyIdentifiers": {"deny": ["` + bankKey + `"]}}`}, direct},
		{"attestation", []string{`{"attestation": {"trusted": true}}`}, direct},
		{"attestation of one alternative", []string{`{"name": "a", "alternatives": [{"userVerification": "required"}, {"attestation": {"trusted": true}}]}`}, direct},
		{"U2F", []string{`{"attestation": {"formats": {"allow": ["fido-u2f"]}}}`}, func(d *policy.Demands) {
			d.Algorithms, d.Attestation, d.ResidentKey = []cose.Algorithm{cose.ESP256}, webauthn.ConveyanceDirect, webauthn.ResidentKeyDiscouraged
		}},
		{"alternatives differ", []string{`{"name": "a", "alternatives": [{"userVerification": "required", "algorithms": {"allow": [-7]}}, {"residentKey": "required", "algorithms": {"allow": [-8]}}]}`}, func(d *policy.Demands) {
			d.Algorithms = []cose.Algorithm{cose.ESP256, cose.EdDSA}
		}},
		{"alternatives agree", []string{`{"name": "a", "alternatives": [{"userVerification": "required"}, {"userVerification": "required", "attachment": "platform"}]}`}, func(d *policy.Demands) {
			d.UserVerification = webauthn.UserVerificationRequired
		}},
		{"monitors", []string{`{"name": "a", "mode": "monitor", "rules": {"userVerification": "required", "attestation": {"trusted": true}}}`}, func(*policy.Demands) {}},
		{"off", []string{`{"name": "a", "mode": "off", "rules": {"userVerification": "required"}}`}, func(*policy.Demands) {}},
		{"sign-in alone", []string{`{"name": "a", "at": ["sign-in"], "rules": {"userVerification": "required"}}`}, func(*policy.Demands) {}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := policy.Demands(base)
			want.Algorithms = slices.Clone(base.Algorithms)
			tt.change(&want)
			got := compile(t, documents(t, tt.documents...)...).Demands(policy.Registration, base)
			if !slices.Equal(got.Algorithms, want.Algorithms) {
				t.Errorf("algorithms %v, want %v", got.Algorithms, want.Algorithms)
			}
			got.Algorithms, want.Algorithms = nil, nil
			if got.Attestation != want.Attestation || got.ResidentKey != want.ResidentKey ||
				got.UserVerification != want.UserVerification || got.Attachment != want.Attachment {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}

	enterprise := base
	enterprise.Attestation = webauthn.ConveyanceEnterprise
	set := compile(t, documents(t, `{"attestation": {"trusted": true}}`)...)
	if got := set.Demands(policy.Registration, enterprise); got.Attestation != webauthn.ConveyanceEnterprise {
		t.Errorf("attestation %s in the place of enterprise", got.Attestation)
	}
}

func direct(d *policy.Demands) { d.Attestation = webauthn.ConveyanceDirect }
