package policy_test

import (
	"encoding/json"
	"slices"
	"testing"

	"bestow.dev/cose"
	"bestow.dev/internal/policy"
	"bestow.dev/metadata"
	"bestow.dev/webauthn"
	"pgregory.net/rapid"
)

var (
	someModels     = []string{bankModel, otherModel, "11111111-1111-1111-1111-111111111111"}
	someKeys       = []string{bankKey, otherKey}
	someTypes      = []string{"none", "self", "basic", "attca", "anonca"}
	someFormats    = []string{"android-key", "apple", "fido-u2f", "none", "packed", "tpm"}
	someTransports = []string{"usb", "nfc", "internal", "hybrid"}
	someProtection = []string{"software", "hardware", "tee", "secure_element"}
	someAlgorithms = []int32{-7, -8, -257}
	someStatuses   = []string{"REVOKED", "USER_KEY_REMOTE_COMPROMISE", "RETIRED", "NOT_FIDO_CERTIFIED"}
)

// some draws a list that is not empty, or none.
func some[T comparable](t *rapid.T, from []T, label string) []T {
	if rapid.IntRange(0, 2).Draw(t, label+"?") > 0 {
		return nil
	}
	return rapid.SliceOfNDistinct(rapid.SampledFrom(from), 1, len(from), rapid.ID).Draw(t, label)
}

func maybe[T any](t *rapid.T, label string, v T) *T {
	if rapid.IntRange(0, 3).Draw(t, label+"?") > 0 {
		return nil
	}
	return &v
}

func oneOf[T any](t *rapid.T, label string, from ...T) T {
	return rapid.SampledFrom(from).Draw(t, label)
}

func drawSelection(t *rapid.T, from []string, label string) *policy.Selection {
	s := policy.Selection{Allow: some(t, from, label+" allow"), Deny: some(t, from, label+" deny")}
	if s.Allow == nil && s.Deny == nil {
		return nil
	}
	return &s
}

func drawWords(t *rapid.T, from []string, label string) *policy.Words {
	w := policy.Words{AnyOf: some(t, from, label+" any"), AllOf: some(t, from, label+" all"), NoneOf: some(t, from, label+" none")}
	if w.AnyOf == nil && w.AllOf == nil && w.NoneOf == nil {
		return nil
	}
	return &w
}

func drawRules(t *rapid.T) *policy.Rules {
	r := &policy.Rules{
		Models: drawSelection(t, someModels, "models"), KeyIdentifiers: drawSelection(t, someKeys, "keys"),
		UserVerification: oneOf(t, "uv", "", "", policy.Required),
		ResidentKey:      oneOf(t, "rk", "", "", "", policy.Required, policy.Forbidden),
		SyncedPasskeys:   oneOf(t, "be", "", "", "", policy.Required, policy.Forbidden),
		BackedUp:         oneOf(t, "bs", "", "", "", policy.Required, policy.Forbidden),
		Transports:       drawWords(t, someTransports, "transports"),
		Attachment:       oneOf(t, "attachment", "", "", "", "platform", "cross-platform"),
		Firmware:         maybe(t, "firmware", policy.Firmware{Minimum: ptr(uint64(5))}),
	}
	if a, d := some(t, someAlgorithms, "alg allow"), some(t, someAlgorithms, "alg deny"); a != nil || d != nil {
		r.Algorithms = &policy.Algorithms{Allow: a, Deny: d}
	}
	a := policy.Attestation{
		Types: drawSelection(t, someTypes, "types"), Formats: drawSelection(t, someFormats, "formats"),
		Trusted: maybe(t, "trusted", true), AsMetadata: maybe(t, "as metadata", true),
	}
	if a != (policy.Attestation{}) {
		r.Attestation = &a
	}
	if rapid.Bool().Draw(t, "metadata") {
		r.Metadata = drawMetadata(t)
	}
	if *r == (policy.Rules{}) {
		r.UserVerification = policy.Required
	}
	return r
}

func drawMetadata(t *rapid.T) *policy.Metadata {
	m := &policy.Metadata{MinimumLevel: oneOf(t, "level", "", "L1", "L3"), MinimumAuthenticatorVersion: maybe(t, "version", uint64(4))}
	if s := some(t, someStatuses, "statuses"); s != nil {
		m.Statuses = &policy.Statuses{Deny: s}
	}
	p := policy.Properties{
		KeyProtection:   drawWords(t, someProtection, "key protection"),
		ProtocolFamily:  drawWords(t, []string{"fido2", "u2f"}, "family"),
		IsKeyRestricted: maybe(t, "restricted", rapid.Bool().Draw(t, "is restricted")),
	}
	if p != (policy.Properties{}) {
		m.Properties = &p
	}
	if m.MinimumLevel == "" && m.MinimumAuthenticatorVersion == nil && m.Properties == nil {
		m.Required = maybe(t, "required", false)
	}
	return m
}

func drawDocument(t *rapid.T, name string) *policy.Document {
	d := &policy.Document{
		Name: name, Rules: drawRules(t),
		Mode: oneOf(t, "mode", policy.ModeEnforce, policy.ModeEnforce, policy.ModeMonitor, policy.ModeOff),
		At:   oneOf(t, "at", []policy.Ceremony{policy.Registration}, []policy.Ceremony{policy.Registration, policy.SignIn}),
	}
	for range rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "alternatives") {
		d.Alternatives = append(d.Alternatives, *drawRules(t))
	}
	return d
}

// drawEvidence draws evidence as package webauthn and honest clients make it: its
// members fit together, and nothing is left unsaid.
func drawEvidence(t *rapid.T) policy.Evidence {
	e := policy.Evidence{
		Ceremony: oneOf(t, "ceremony", policy.Registration, policy.SignIn), Time: now,
		Format:       oneOf(t, "format", someFormats...),
		AAGUID:       must(webauthn.ParseAAGUID(oneOf(t, "model", someModels...))),
		Firmware:     maybe(t, "firmware", uint64(rapid.IntRange(0, 9).Draw(t, "version"))),
		Algorithm:    cose.Algorithm(oneOf(t, "algorithm", someAlgorithms...)),
		UserVerified: rapid.Bool().Draw(t, "uv"), BackupEligible: rapid.Bool().Draw(t, "be"),
		Discoverable: ptr(rapid.Bool().Draw(t, "rk")),
	}
	types := map[string][]webauthn.AttestationType{
		"none": {webauthn.AttestationNone}, "packed": {webauthn.AttestationSelf, webauthn.AttestationBasic}, "tpm": {webauthn.AttestationAttCA},
		"android-key": {webauthn.AttestationBasic}, "apple": {webauthn.AttestationAnonCA}, "fido-u2f": {webauthn.AttestationBasic},
	}
	e.AttestationType = oneOf(t, "type", types[e.Format]...)
	certified := e.AttestationType != webauthn.AttestationNone && e.AttestationType != webauthn.AttestationSelf
	e.Trusted = certified && rapid.Bool().Draw(t, "trusted")
	e.ProvesModel = e.Trusted && slices.Contains([]string{"packed", "tpm", "apple"}, e.Format)
	e.BackedUp = e.BackupEligible && rapid.Bool().Draw(t, "bs")
	e.Transports = rapid.SliceOfNDistinct(rapid.SampledFrom(someTransports), 1, 4, rapid.ID).Draw(t, "transports")
	e.Attachment = oneOf(t, "attachment", webauthn.AttachmentPlatform, webauthn.AttachmentCrossPlatform)
	if e.Attachment == webauthn.AttachmentPlatform {
		e.Transports = []string{"internal"}
	}
	family := "fido2"
	if e.Format == "fido-u2f" {
		e.AAGUID, e.Algorithm, family = webauthn.AAGUID{}, cose.ES256, "u2f"
		e.UserVerified, e.BackupEligible, e.BackedUp, *e.Discoverable = false, false, false, false
	}
	if certified {
		e.ClaimedKeyIdentifiers = []metadata.KeyIdentifier{keyID(oneOf(t, "key", someKeys...))}
		if e.Trusted {
			e.KeyIdentifiers = e.ClaimedKeyIdentifiers
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "known") > 0 {
		e.Model = drawModel(t, &e, family)
	}
	return e
}

func drawModel(t *rapid.T, e *policy.Evidence, family string) *policy.Model {
	entry := &metadata.Entry{AAGUID: e.AAGUID, KeyIdentifiers: e.ClaimedKeyIdentifiers, Statement: &metadata.Statement{
		AAGUID: e.AAGUID, ProtocolFamily: family, AuthenticatorVersion: uint64(rapid.IntRange(0, 9).Draw(t, "statement version")),
		KeyProtection:            rapid.SliceOfDistinct(rapid.SampledFrom(someProtection), rapid.ID).Draw(t, "protection"),
		AttestationTypes:         []string{"basic_full", "attca", "anonca"},
		AuthenticationAlgorithms: []string{"secp256r1_ecdsa_sha256_raw", "ed25519_eddsa_sha512_raw"},
		KeyRestricted:            rapid.Bool().Draw(t, "key restricted"),
	}}
	for _, s := range rapid.SliceOfN(rapid.SampledFrom([]metadata.Status{
		metadata.StatusCertifiedL1, metadata.StatusCertifiedL3, metadata.StatusRetired, metadata.StatusRevoked, metadata.StatusRemoteCompromise,
	}), 0, 2).Draw(t, "reports") {
		entry.StatusReports = append(entry.StatusReports, metadata.StatusReport{Status: s})
	}
	return &policy.Model{Entry: entry, Anchored: e.Trusted}
}

func drawSet(t *rapid.T) []*policy.Document {
	var all []*policy.Document
	for i := range rapid.IntRange(1, 3).Draw(t, "documents") {
		all = append(all, drawDocument(t, string(rune('a'+i))))
	}
	return all
}

func compiled(t *rapid.T, documents ...*policy.Document) *policy.Set {
	set, err := policy.Compile(documents...)
	if err != nil {
		t.Fatalf("%s: %v", must(json.Marshal(documents)), err)
	}
	return set
}

// One more document never lets more pass, whatever the order.
func TestMoreDocumentsAllowNoMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		documents, e := drawSet(t), drawEvidence(t)
		all := compiled(t, documents...).Decide(e)
		fewer := compiled(t, documents[1:]...).Decide(e)
		if all.Allowed && !fewer.Allowed {
			t.Fatalf("one document more allows it\n%v\n%v", fewer, all)
		}
		slices.Reverse(documents)
		if other := compiled(t, documents...).Decide(e); other.Allowed != all.Allowed {
			t.Fatalf("in another order it is %v\n%v", other, all)
		}
	})
}

// What monitors or is off refuses nothing, and says what it would.
func TestOnlyEnforcedRefuses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, e := drawDocument(t, "a"), drawEvidence(t)
		d.Mode = policy.ModeEnforce
		enforced := compiled(t, d).Decide(e)
		d.Mode = policy.ModeMonitor
		monitored := compiled(t, d).Decide(e)
		d.Mode = policy.ModeOff
		off := compiled(t, d).Decide(e)
		if !monitored.Allowed || !off.Allowed {
			t.Fatalf("refused\n%v\n%v", monitored, off)
		}
		if (monitored.Policies[0].Outcome == policy.WouldRefuse) != !enforced.Allowed {
			t.Fatalf("monitored it is\n%v\nand enforced\n%v", monitored, enforced)
		}
		if enforced.Allowed != (enforced.RefusedBy == nil) {
			t.Fatalf("%v", enforced)
		}
	})
}

func TestDenyBeatsAllow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, rules := drawEvidence(t), drawRules(t)
		if e.AAGUID.IsZero() {
			return
		}
		rules.Models = &policy.Selection{Allow: someModels, Deny: []string{e.AAGUID.String()}}
		if d := compiled(t, &policy.Document{Name: "a", At: []policy.Ceremony{policy.Registration, policy.SignIn}, Rules: rules}).Decide(e); d.Allowed {
			t.Fatalf("%v", d)
		}
	})
}

// Without a trusted attestation no rule that allows by model is satisfied, whatever
// else the evidence says.
func TestUnprovenNeverSatisfies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvidence(t)
		switch rapid.IntRange(0, 2).Draw(t, "what is missing") {
		case 0:
			e.AttestationType = oneOf(t, "no proof", webauthn.AttestationNone, webauthn.AttestationSelf, "", "x")
		case 1:
			e.Trusted = false
		case 2:
			// Not for rules that a certificate's key will do for.
			e.ProvesModel, e.KeyIdentifiers = false, nil
		}
		rules := oneOf(t, "rules", takesProof[0], takesProof[1], takesProof[2], takesProof[5], takesProof[6])
		d, err := policy.Parse([]byte(`{"name": "a", "at": ["registration", "sign-in"], "rules": ` + rules + `}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := compiled(t, d).Decide(e); got.Allowed {
			t.Fatalf("%s\n%v", rules, got)
		}
	})
}

// Where a conflict is told, nothing passes.
func TestConflictMeansRefusal(t *testing.T) {
	conflicts := 0
	rapid.Check(t, func(t *rapid.T) {
		documents := drawSet(t)
		for _, d := range documents {
			d.At = []policy.Ceremony{policy.Registration}
		}
		set := compiled(t, documents...)
		e := drawEvidence(t)
		e.Ceremony = policy.Registration
		found := set.Conflicts(policy.Base{Attestation: webauthn.ConveyanceDirect})
		for _, c := range found {
			if c.Severity != policy.SeverityConflict {
				continue
			}
			conflicts++
			if d := set.Decide(e); d.Allowed {
				t.Fatalf("%v, and yet\n%v", c, d)
			}
		}
	})
	if conflicts == 0 {
		t.Error("no conflict was drawn: the test shows nothing")
	}
}

// Options that follow the demands leave what the policies accept.
func TestDemandsLeaveWhatPasses(t *testing.T) {
	base := policy.Base{Algorithms: []cose.Algorithm{cose.ES256, cose.EdDSA, cose.RS256}}
	rapid.Check(t, func(t *rapid.T) {
		set, e := compiled(t, drawSet(t)...), drawEvidence(t)
		e.Ceremony = policy.Registration
		if !set.Decide(e).Allowed {
			return
		}
		d := set.Demands(policy.Registration, base)
		switch {
		case !slices.Contains(d.Algorithms, e.Algorithm),
			d.UserVerification == webauthn.UserVerificationRequired && !e.UserVerified,
			d.ResidentKey == webauthn.ResidentKeyRequired && !*e.Discoverable,
			d.Attachment != "" && d.Attachment != e.Attachment:
			t.Fatalf("%+v rules out what is accepted: %+v", d, e)
		}
	})
}

// Parse takes what it gave, as it is.
func TestCanonicalForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDocument(t, "a")
		read, err := policy.Parse(must(json.Marshal(d)))
		if err != nil {
			t.Fatal(err)
		}
		text := must(json.Marshal(read))
		again, err := policy.Parse(text)
		if err != nil || string(must(json.Marshal(again))) != string(text) {
			t.Fatalf("%s becomes %s, %v", text, must(json.Marshal(again)), err)
		}
		if read.Digest() != d.Digest() || again.Digest() != d.Digest() {
			t.Fatal("the version changes on the way")
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(bank))
	f.Add([]byte(`{"name":"a","rules":{"metadata":{}}}`))
	f.Add([]byte(`{"name":"a","mode":"off","alternatives":[{"models":{"deny":["` + bankModel + `"]}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := policy.Parse(data)
		if (d == nil) != (err != nil) {
			t.Fatalf("Parse = %v, %v", d, err)
		}
		if err != nil {
			return
		}
		again, err := policy.Parse(must(json.Marshal(d)))
		if err != nil || again.Digest() != d.Digest() {
			t.Fatalf("written and read again: %v", err)
		}
		set, err := policy.Compile(d)
		if err != nil {
			t.Fatal(err)
		}
		set.Conflicts(policy.Base{})
		set.Demands(policy.Registration, policy.Base{})
		_ = set.Decide(goodKey()).String()
	})
}

// FuzzDecide gives documents evidence whose members need not fit together.
func FuzzDecide(f *testing.F) {
	f.Add([]byte(bank), []byte(`{}`))
	f.Add([]byte(bank), must(json.Marshal(goodKey())))
	f.Add([]byte(`{"name":"a","rules":{"metadata":{"minimumLevel":"L1"},"firmware":{"trustworthy":true}}}`), []byte(`{"Trusted":true,"AttestationType":"basic","Model":{"Entry":null}}`))
	f.Fuzz(func(t *testing.T, document, evidence []byte) {
		d, err := policy.Parse(document)
		if err != nil {
			return
		}
		var e policy.Evidence
		if json.Unmarshal(evidence, &e) != nil {
			return
		}
		set, err := policy.Compile(d)
		if err != nil {
			t.Fatal(err)
		}
		decision := set.Decide(e)
		_ = decision.String()
		if decision.Allowed != (decision.RefusedBy == nil) {
			t.Fatalf("%v", decision)
		}
		if allows := d.Rules != nil && d.Rules.Models != nil && d.Rules.Models.Allow != nil; allows && decision.Allowed &&
			decision.Policies[0].Outcome == policy.Passed && (!e.Trusted || !e.ProvesModel) {
			t.Fatalf("a claim is enough\n%v", decision)
		}
	})
}

func BenchmarkDecide(b *testing.B) {
	small := document(b, "small", `{"models": {"allow": ["`+bankModel+`"]}, "metadata": {"minimumLevel": "L2"}, "userVerification": "required", "syncedPasskeys": "forbidden"}`)
	for name, d := range map[string]*policy.Document{"every rule": must(policy.Parse([]byte(bank))), "seven rules": small} {
		b.Run(name, func(b *testing.B) {
			set, e := compile(b, d), goodKey()
			e.Model.Standing = e.Model.Entry.StatusAt(now)
			b.ReportAllocs()
			for b.Loop() {
				if !set.Decide(e).Allowed {
					b.Fatal("refused")
				}
			}
		})
	}
}
