package metadata_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bestow.dev/cose"
	"bestow.dev/metadata"
	"bestow.dev/webauthn"
)

// TestEntries spoils something in an entry of a BLOB: the BLOB is accepted, the other
// entries are whole, and what is wrong is told.
func TestEntries(t *testing.T) {
	set := func(name string, v any) func(*draft) { return func(d *draft) { d.entry(0)[name] = v } }
	drop := func(name string) func(*draft) { return func(d *draft) { delete(d.entry(0), name) } }
	stated := func(name string, v any) func(*draft) { return func(d *draft) { d.statement(0)[name] = v } }
	replace := func(v any) func(*draft) { return func(d *draft) { d.payload["entries"].([]any)[0] = v } }
	report := func(m members) func(*draft) {
		return func(d *draft) { d.entry(0)["statusReports"] = []any{members{"status": "FIDO_CERTIFIED"}, m} }
	}
	const (
		missing, malformed = metadata.WarningMemberMissing, metadata.WarningMemberMalformed
		badCert, unknown   = metadata.WarningCertificateMalformed, metadata.WarningUnknownMember
		large              = metadata.WarningMemberTooLarge
	)
	type entry = metadata.Entry
	sound := func(e *entry) bool { return !e.Damaged && e.Statement != nil }
	damaged := func(e *entry) bool { return e.Damaged && e.Statement != nil }
	bare := func(e *entry) bool { return e.Statement == nil && e.TrustAnchors() == nil }
	tests := []struct {
		name   string
		spoil  func(*draft)
		code   metadata.Warning // empty: nothing is told
		member string
		want   func(*entry) bool // of the spoiled entry; nil: it is left out
	}{
		{"untouched", func(*draft) {}, "", "", sound},
		{"null", replace(nil), metadata.WarningEntryMalformed, "", nil},
		{"a number", replace(1), metadata.WarningEntryMalformed, "", nil},
		{"an array", replace([]int{}), metadata.WarningEntryMalformed, "", nil},
		{"no key", drop("aaguid"), metadata.WarningEntryMalformed, "", nil},
		{"key in another case", func(d *draft) { d.entry(0)["AAGUID"] = keyModel; delete(d.entry(0), "aaguid") }, metadata.WarningEntryMalformed, "", nil},
		{"AAGUID without dashes", set("aaguid", strings.ReplaceAll(keyModel, "-", "")), malformed, "aaguid", nil},
		{"AAGUID zero", set("aaguid", "00000000-0000-0000-0000-000000000000"), malformed, "aaguid", nil},
		{"AAGUID a number", set("aaguid", 1), malformed, "aaguid", nil},
		{"AAGUID in upper case", set("aaguid", strings.ToUpper(keyModel)), "", "", sound},
		{"key identifier too short", set("attestationCertificateKeyIdentifiers", []string{"00"}), malformed, "attestationCertificateKeyIdentifiers[0]", damaged},
		{"key identifier no hex", set("attestationCertificateKeyIdentifiers", []string{strings.Repeat("g", 40)}), malformed, "attestationCertificateKeyIdentifiers[0]", damaged},
		{"AAID malformed", set("aaid", "F1D0:0001"), malformed, "aaid", damaged},
		{"AAID no hex", set("aaid", "F1D0#000x"), malformed, "aaid", damaged},
		{"key of a later entry", set("aaid", strings.ToUpper(uafModel)), metadata.WarningEntryDuplicate, "", sound},
		{"key identifier of a later entry", set("attestationCertificateKeyIdentifiers", []string{u2fModel}), metadata.WarningEntryDuplicate, "", sound},

		{"no reports", drop("statusReports"), missing, "statusReports", damaged},
		{"reports empty", set("statusReports", []int{}), missing, "statusReports", damaged},
		{"reports an object", set("statusReports", members{}), malformed, "statusReports", damaged},
		{"a report null", set("statusReports", []any{nil, members{"status": "REVOKED"}}), malformed, "statusReports[0]", func(e *entry) bool { return e.StatusAt(now).Revoked }},
		{"a report without status", report(members{}), missing, "statusReports[1].status", damaged},
		{"a status that is not known", report(members{"status": "GLOWING"}), "", "", func(e *entry) bool {
			return !e.StatusReports[1].Status.Known() && e.StatusAt(now).Level == metadata.LevelL1
		}},
		{"a compromise with a bad date holds at once", report(members{"status": "REVOKED", "effectiveDate": "soon"}), malformed, "statusReports[1].effectiveDate", func(e *entry) bool {
			return e.StatusAt(now).Revoked && e.Damaged
		}},
		{"a certification with a bad end does not count", report(members{"status": "FIDO_CERTIFIED_L3", "sunsetDate": "soon"}), malformed, "statusReports[1].sunsetDate", func(e *entry) bool {
			return e.StatusAt(now).Level == metadata.LevelL1 && e.Damaged
		}},
		{"a report's certificate", report(members{"status": "ATTESTATION_KEY_COMPROMISE", "certificate": "AAAA"}), badCert, "statusReports[1].certificate", func(e *entry) bool {
			return e.StatusAt(now).Compromised
		}},
		{"a member of a report that is not known", report(members{"status": "REVOKED", "mood": 1}), unknown, "statusReports[1].mood", func(e *entry) bool {
			return string(e.StatusReports[1].Unknown["mood"]) == "1" && !e.Damaged
		}},
		{"no time of change", drop("timeOfLastStatusChange"), missing, "timeOfLastStatusChange", damaged},
		{"time of change malformed", set("timeOfLastStatusChange", "2026-13-01"), malformed, "timeOfLastStatusChange", damaged},
		{"biometric report", set("biometricStatusReports", []any{members{"certLevel": 1, "modality": "fingerprint_internal", "effectiveDate": "2026-01-01"}}), "", "", func(e *entry) bool {
			return len(e.BiometricReports) == 1 && e.BiometricReports[0].CertLevel == 1
		}},
		{"biometric report with a bad level", set("biometricStatusReports", []any{members{"certLevel": "high"}}), malformed, "biometricStatusReports[0].certLevel", damaged},
		{"unknown member", set("color", "red"), unknown, "color", func(e *entry) bool { return string(e.Unknown["color"]) == `"red"` && !e.Damaged }},

		{"no statement", drop("metadataStatement"), "", "", func(e *entry) bool { return bare(e) && !e.Damaged }},
		{"statement a string", set("metadataStatement", "x"), malformed, "metadataStatement", bare},
		{"statement too large", stated("x", strings.Repeat("x", metadata.MaxStatementBytes)), large, "metadataStatement", bare},
		{"statement of another model", stated("aaguid", "11111111-89ab-cdef-0123-456789abcdef"), metadata.WarningStatementMismatch, "metadataStatement", bare},
		{"statement with a further key", stated("attestationCertificateKeyIdentifiers", []string{u2fModel}), metadata.WarningStatementMismatch, "metadataStatement", bare},
		{"statement of another family's model", stated("aaid", "0000#0000"), metadata.WarningStatementMismatch, "metadataStatement", bare},
		{"statement of version 2", stated("schema", 2), metadata.WarningStatementSchema, "metadataStatement.schema", bare},
		{"icon too large", stated("icon", strings.Repeat("x", metadata.MaxIconBytes+1)), large, "metadataStatement.icon", func(e *entry) bool { return e.Statement.Icon == "" && !e.Damaged }},
		{"no roots", func(d *draft) { delete(d.statement(0), "attestationRootCertificates") }, missing, "metadataStatement.attestationRootCertificates", damaged},
		{"roots empty", stated("attestationRootCertificates", []string{}), "", "", func(e *entry) bool { return len(e.TrustAnchors()) == 0 && !e.Damaged }},
		{"one root malformed", stated("attestationRootCertificates", []string{"AAAA", text(newService().ca.cert)}), badCert, "metadataStatement.attestationRootCertificates[0]", func(e *entry) bool {
			return len(e.TrustAnchors()) == 1 && e.TrustAnchors()[0].Equal(newService().ca.cert)
		}},
		{"root in base64url", stated("attestationRootCertificates", []string{"-_-_"}), badCert, "metadataStatement.attestationRootCertificates[0]", damaged},
		{"root with white space around", stated("attestationRootCertificates", []string{" " + text(newService().ca.cert) + "\n"}), "", "", func(e *entry) bool { return len(e.TrustAnchors()) == 1 }},
		{"another model in getInfo", stated("authenticatorGetInfo", members{"aaguid": strings.Repeat("1", 32)}), metadata.WarningStatementMismatch, "metadataStatement.authenticatorGetInfo.aaguid", sound},
		{"getInfo malformed", stated("authenticatorGetInfo", members{"versions": 1}), malformed, "metadataStatement.authenticatorGetInfo", func(e *entry) bool { return sound(e) && e.Statement.GetInfo == nil }},
		{"algorithms malformed", stated("authenticationAlgorithms", "x"), malformed, "metadataStatement.authenticationAlgorithms", damaged},
		{"description empty", stated("description", ""), missing, "metadataStatement.description", damaged},
		{"version too large", stated("authenticatorVersion", 1e20), malformed, "metadataStatement.authenticatorVersion", damaged},
		{"no version", func(d *draft) { delete(d.statement(0), "authenticatorVersion") }, missing, "metadataStatement.authenticatorVersion", damaged},
		{"flags said to be false", func(d *draft) {
			d.statement(0)["isKeyRestricted"], d.statement(0)["isFreshUserVerificationRequired"] = false, false
		}, "", "", func(e *entry) bool { return !e.Statement.KeyRestricted && !e.Statement.FreshUserVerification }},
		{"unknown member of a statement", stated("color", 1), unknown, "metadataStatement.color", func(e *entry) bool { return string(e.Statement.Unknown["color"]) == "1" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDraft()
			tt.spoil(d)
			b, err := d.verify()
			if err != nil {
				t.Fatal(err)
			}
			told := slices.ContainsFunc(b.Findings, func(f metadata.Finding) bool {
				return f.Code == tt.code && f.Member == tt.member && f.Entry >= 0 && f.String() != ""
			})
			if told == (tt.code == "") || tt.code == "" && len(b.Findings) > 0 {
				t.Errorf("findings %v, want %s about %q", b.Findings, tt.code, tt.member)
			}
			model, _ := webauthn.ParseAAGUID(keyModel)
			switch e := b.ByAAGUID(model); {
			case tt.want == nil && (e != nil || len(b.Entries) != 2):
				t.Errorf("the entry is there: %+v", e)
			case tt.want != nil && (e == nil || !tt.want(e)):
				t.Errorf("entry %+v", e)
			}
			if tt.code != metadata.WarningEntryDuplicate && !b.ByAAID(uafModel).StatusAt(now).Revoked {
				t.Error("another entry suffered")
			}
		})
	}
}

func TestDuplicateEntries(t *testing.T) {
	d := newDraft()
	second := fido2Entry()
	second["timeOfLastStatusChange"] = "2026-05-05"
	d.payload["entries"] = append(d.payload["entries"].([]any), second)
	b, err := d.verify()
	if err != nil {
		t.Fatal(err)
	}
	model, _ := webauthn.ParseAAGUID(keyModel)
	if len(b.Entries) != 3 || b.ByAAGUID(model) != b.Entries[0] {
		t.Errorf("%d entries", len(b.Entries))
	}
	want := metadata.Finding{Code: metadata.WarningEntryDuplicate, Entry: 3, Model: keyModel, Detail: "an earlier entry has the same key"}
	if !slices.Equal(b.Findings, []metadata.Finding{want}) {
		t.Errorf("findings %v", b.Findings)
	}
}

func TestUnknownMembersOfTheBLOB(t *testing.T) {
	d := newDraft()
	d.payload["future"] = members{"a": 1}
	b, err := d.verify()
	if err != nil || string(b.Unknown["future"]) != `{"a":1}` || len(b.Findings) != 1 || b.Findings[0].Member != "future" {
		t.Errorf("%v, %v", b, err)
	}
}

func TestFindingsAreLimited(t *testing.T) {
	d := newDraft()
	d.payload["entries"] = slices.Repeat([]any{"no entry, but as long as one"}, 50_000)
	b, err := d.verify()
	if err != nil || len(b.Findings) != 10_000 || len(b.Entries) != 0 {
		t.Errorf("%v, %v", b, err)
	}
}

func TestParseStatement(t *testing.T) {
	s := newStatement("fido2")
	s["aaguid"] = keyModel
	got, findings, err := metadata.ParseStatement(asJSON(s))
	if err != nil || len(findings) > 0 || got.AAGUID.String() != keyModel || len(got.AttestationRoots) != 1 {
		t.Errorf("%+v, %v, %v", got, findings, err)
	}
	s["color"] = 1
	if _, findings, err = metadata.ParseStatement(asJSON(s)); err != nil || len(findings) != 1 || findings[0].Entry != -1 {
		t.Errorf("unknown member: %v, %v", findings, err)
	}
	delete(s, "schema")
	for _, bad := range [][]byte{nil, []byte("null"), []byte("[]"), []byte(`{"schema":3,"schema":3}`), asJSON(s), make([]byte, metadata.MaxStatementBytes+1)} {
		got, _, err := metadata.ParseStatement(bad)
		if got != nil || reasonOf(t, err) != metadata.ReasonStatementMalformed {
			t.Errorf("%.20q: %v, %v", bad, got, err)
		}
	}
}

func TestHasAlgorithm(t *testing.T) {
	s := &metadata.Statement{AuthenticationAlgorithms: []string{"secp512r1_ecdsa_sha512_raw", "ed25519_eddsa_sha512_raw", "rsassa_pkcsv15_sha256_raw", "new_one"}}
	for _, alg := range []cose.Algorithm{cose.ES512, cose.ESP512, cose.EdDSA, cose.Ed25519, cose.RS256} {
		if !s.HasAlgorithm(alg) {
			t.Errorf("%v is not there", alg)
		}
	}
	for _, alg := range []cose.Algorithm{cose.ES256, cose.ES384, cose.RS1, cose.PS256, 0} {
		if s.HasAlgorithm(alg) {
			t.Errorf("%v is there", alg)
		}
	}
}

func TestHasAttestation(t *testing.T) {
	tests := []struct {
		listed string
		want   []webauthn.AttestationType // beside none
	}{
		{"basic_full", []webauthn.AttestationType{"basic", "attca", "anonca"}},
		{"attca", []webauthn.AttestationType{"basic", "attca", "anonca"}},
		{"anonca", []webauthn.AttestationType{"basic", "attca", "anonca"}},
		{"basic_surrogate", []webauthn.AttestationType{"self"}},
		{"ecdaa", nil},
	}
	for _, tt := range tests {
		s := &metadata.Statement{AttestationTypes: []string{tt.listed}}
		for _, kind := range []webauthn.AttestationType{"none", "self", "basic", "attca", "anonca", "ecdaa"} {
			if want := kind == "none" || slices.Contains(tt.want, kind); s.HasAttestation(kind) != want {
				t.Errorf("%s listed: %s is %v", tt.listed, kind, !want)
			}
		}
	}
}

// The UAF vectors come with statements of version 3.
func TestVectorStatements(t *testing.T) {
	dir := os.Getenv("BESTOW_VECTORS")
	if dir == "" {
		dir = "../../shared/vectors"
	}
	data, err := os.ReadFile(filepath.Join(dir, "uaf", "metadata-v3.json"))
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("the vectors are not on this machine:", err)
	}
	var doc struct{ Statements []json.RawMessage }
	if err := json.Unmarshal(data, &doc); err != nil || len(doc.Statements) == 0 {
		t.Fatalf("%d statements, %v", len(doc.Statements), err)
	}
	for _, text := range doc.Statements {
		s, findings, err := metadata.ParseStatement(text)
		if err != nil || len(findings) > 0 || s.AAID == "" {
			t.Errorf("%s: %v, %v", text, findings, err)
		}
	}
}

func TestLongNamesAreCut(t *testing.T) {
	d := newDraft()
	d.payload[strings.Repeat("ä", 1000)] = 1
	d.entry(0)[strings.Repeat("n", 1000)] = 1
	b, err := d.verify()
	if err != nil || len(b.Findings) != 2 || len(b.Findings[0].Member) != 64 || len(b.Findings[1].Member) != 64 {
		t.Errorf("%v, %v", b, err)
	}
}
