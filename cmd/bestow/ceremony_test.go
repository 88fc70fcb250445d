package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// registrationCase is a registration whose answer is not looked at.
const registrationCase = `{"schema":"webauthn-case/1","id":"r","kind":"registration",
	"rp":{"id":"example.org","origins":["https://example.org"]},
	"options":{"challenge":"YSBjaGFsbGVuZ2Ugb2YgdGhlIHRlc3Rz","pubKeyCredParams":[-7]},
	"policy":{"attestationTrust":"ignore","time":"2026-01-01T00:00:00Z"},"response":{}}`

// testDataShell is a shell on test data with one API client.
func testDataShell(t *testing.T) *shell {
	t.Helper()
	s := freshShell(t)
	s.want(exitDone, "secret", "client", "create", "ci", "--scope", "admin", "--test-data")
	return s
}

// imports imports a case and returns the document that is printed.
func (s *shell) imports(text string, args ...string) importedDocument {
	s.t.Helper()
	got := s.runWith(text, append([]string{"--json", "ceremony", "import"}, args...)...)
	var doc importedDocument
	if err := json.Unmarshal([]byte(got.stdout), &doc); err != nil || got.code != exitDone {
		s.t.Fatalf("%+v: %v", got, err)
	}
	return doc
}

func TestCeremonyImport(t *testing.T) {
	s := testDataShell(t)
	if _, err := os.Stat(filepath.Join(s.data, "TEST-DATA")); err != nil {
		t.Error(err)
	}
	doc := s.imports(registrationCase, "--user", "alice")
	if doc.ID == "" || doc.Kind != "registration" || doc.RelyingParty != "example.org" || doc.Challenge != "YSBjaGFsbGVuZ2Ugb2YgdGhlIHRlc3Rz" ||
		doc.User != "alice" || doc.Client != "ci" || doc.Expires.IsZero() || !slices.Equal(doc.NotTaken, []string{"policy.time"}) {
		t.Errorf("%+v", doc)
	}
	other := strings.Replace(registrationCase, "YSBj", "YSBk", 1)
	got := s.runWith(other, "ceremony", "import")
	if got.code != exitDone || len(strings.TrimSpace(got.stdout)) != 36 || !strings.Contains(got.stderr, "policy.time") {
		t.Errorf("%+v", got)
	}
	s.want(exitDone, "ceremony.imported", "audit", "list")
	s.want(exitDone, "unbroken", "audit", "verify")
}

func TestCeremonyImportRefused(t *testing.T) {
	s := testDataShell(t)
	spoil := func(old, new string) string {
		t.Helper()
		if !strings.Contains(registrationCase, old) {
			t.Fatalf("the case does not hold %q", old)
		}
		return strings.Replace(registrationCase, old, new, 1)
	}
	tests := []struct {
		name, text string
		args       []string
		code       int
		says       string
	}{
		{"nothing", "", nil, exitUsage, "no case"},
		{"no case", spoil(`"kind"`, `"kin"`), nil, exitUsage, "kind is neither"},
		{"two cases", registrationCase + registrationCase, nil, exitUsage, "no case"},
		{"UAF", `{"schema":"uaf-case/1"}`, nil, exitUsage, "UAF"},
		{"TPM vendors", spoil(`"time"`, `"extraTpmVendors":["id:00000000"],"time"`), nil, exitRefused, "policy.extraTpmVendors cannot be imported"},
		{"conditional create", spoil(`"pubKey`, `"userPresence":"optional","pubKey`), nil, exitRefused, "options.userPresence cannot be imported"},
		{"no origins", spoil(`["https://example.org"]`, `[]`), nil, exitRefused, "rp.origins cannot be imported"},
		{"foreign origin", spoil(`https://example.org`, `https://evil.example`), nil, exitUsage, "An origin's host"},
		{"short challenge", spoil(`YSBjaGFsbGVuZ2Ugb2YgdGhlIHRlc3Rz`, `YSBj`), nil, exitUsage, "No client would take"},
		{"unknown client", registrationCase, []string{"--client", "x"}, exitUsage, `no API client "x"`},
		{"unknown tenant", registrationCase, []string{"--tenant", "x"}, exitUsage, `no tenant "x"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := s.runWith(tt.text, append([]string{"ceremony", "import"}, tt.args...)...)
			if got.code != tt.code || !strings.Contains(got.stderr, tt.says) || got.stdout != "" {
				t.Errorf("%+v, want %d and %q", got, tt.code, tt.says)
			}
		})
	}
	s.want(exitDone, "secret", "client", "create", "second", "--scope", "admin")
	if got := s.runWith(registrationCase, "ceremony", "import"); got.code != exitUsage || !strings.Contains(got.stderr, "--client: ci, second") {
		t.Errorf("two clients: %+v", got)
	}
}

// Without the mark nothing is imported, and there is no way to get the mark later.
func TestCeremonyImportElsewhere(t *testing.T) {
	s := freshShell(t)
	if got := s.runWith(registrationCase, "ceremony", "import"); got.code != exitRefused || !strings.Contains(got.stderr, "(test_data.required)") {
		t.Errorf("no database: %+v", got)
	}
	if files, err := os.ReadDir(s.data); err != nil || len(files) > 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
	s.want(exitDone, "secret", "client", "create", "ci", "--scope", "admin")
	for _, args := range [][]string{{"ceremony", "import"}, {"ceremony", "import", "--test-data"}, {"client", "list", "--test-data"}, {"serve", "--test-data"}} {
		if got := s.runWith(registrationCase, args...); got.code != exitRefused || !strings.Contains(got.stderr, "(test_data.") {
			t.Errorf("%v: %+v", args, got)
		}
	}
	// The file is for people and decides nothing.
	if err := os.WriteFile(filepath.Join(s.data, "TEST-DATA"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := s.runWith(registrationCase, "ceremony", "import"); got.code != exitRefused || !strings.Contains(got.stderr, "(test_data.required)") {
		t.Errorf("with the file: %+v", got)
	}
	got := s.want(exitDone, "client.created", "audit", "list")
	if strings.Contains(got.stdout, "rp.changed") || strings.Contains(got.stdout, "imported") {
		t.Errorf("something was changed:\n%s", got.stdout)
	}
}

// A relying party of the database is changed to what the case says; one of the file
// stays, and what differs is told.
func TestCeremonyImportRelyingParty(t *testing.T) {
	s := testDataShell(t)
	s.imports(registrationCase)
	s.imports(strings.Replace(registrationCase, "YSBj", "YSBk", 1))
	changes := func() int { return strings.Count(s.run("audit", "list").stdout, "rp.changed") }
	if n := changes(); n != 1 {
		t.Errorf("the relying party was written %d times, want once", n)
	}
	framed := strings.NewReplacer("YSBj", "YSBl", `"origins"`, `"allowCrossOrigin":true,"topOrigins":["https://example.com"],"origins"`)
	s.imports(framed.Replace(registrationCase))
	if n := changes(); n != 2 {
		t.Errorf("the relying party was written %d times, want twice", n)
	}

	file := filepath.Join(t.TempDir(), "bestow.yaml")
	text := "tenants:\n  - name: acme\n    relying-parties: [ { id: example.org, attestation-trust: require } ]\n" +
		"    clients: [ { id: idm, key: a-secret-of-32-characters-or-more, scopes: [ admin ] } ]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	doc := s.imports(framed.Replace(registrationCase), "--config", file, "--tenant", "acme")
	want := []string{"policy.time", "rp.allowCrossOrigin", "rp.topOrigins", "policy.attestationTrust"}
	if !slices.Equal(doc.NotTaken, want) || doc.Client != "idm" {
		t.Errorf("%+v, want not taken: %q", doc, want)
	}
}
