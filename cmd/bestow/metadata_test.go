package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/mds/mdstest"
)

const (
	goodModel = "01234567-89ab-cdef-0123-456789abcdef"
	badModel  = "76543210-89ab-cdef-0123-456789abcdef"
	// nasty is what somebody may write into a list to move a cursor.
	nasty = "Key \x1b[2J\u009b31m\u202e of ours"
)

// metadataShell is a shell whose configuration names a service, and statements.
func metadataShell(t *testing.T) (*shell, *mdstest.Service) {
	t.Helper()
	now := time.Now()
	service := mdstest.New(t, now)
	service.Publish(mdstest.List{Number: 7, NextUpdate: now.AddDate(0, 0, 5).Format(time.DateOnly), Entries: []map[string]any{
		mdstest.Entry(goodModel, nasty, "FIDO_CERTIFIED_L2"),
		mdstest.Entry(badModel, "Another key", "FIDO_CERTIFIED_L1", "REVOKED"),
	}})
	dir := t.TempDir()
	put := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	put("roots.pem", mdstest.PEM(service.Root.Cert))
	statement, err := json.Marshal(mdstest.Statement(badModel, "Our word"))
	if err != nil {
		t.Fatal(err)
	}
	put("ours.json", statement)
	file := put("bestow.yaml", []byte(`
tls: { ca-file: `+service.CAFile+` }
metadata:
  - { name: fido, url: "`+service.URL+`", roots-file: roots.pem }
  - { name: lab, statements: ours.json }
`))
	t.Setenv("BESTOW_CONFIG", file)
	return newShell(t), service
}

func TestMetadataVerbs(t *testing.T) {
	s, service := metadataShell(t)
	s.want(exitDone, "no list yet", "metadata", "status")
	s.want(exitRefused, "metadata.source_unknown", "metadata", "fetch", "nothing")
	s.want(exitRefused, "metadata.own", "metadata", "fetch", "lab")
	s.want(exitDone, "updated: 2 models added", "metadata", "fetch")
	s.want(exitDone, "current", "metadata", "fetch", "fido")
	s.want(exitDone, "good", "metadata", "status")

	list := s.want(exitDone, goodModel, "metadata", "list")
	if strings.Count(list.stdout, badModel) != 1 || !strings.Contains(list.stdout, "Our word") {
		t.Errorf("the operator's own word is not the one that counts:\n%s", list.stdout)
	}
	if got := s.want(exitDone, goodModel, "metadata", "list", "--level", "L1plus"); strings.Contains(got.stdout, badModel) {
		t.Errorf("a level that the model does not have:\n%s", got.stdout)
	}
	s.want(exitUsage, "--level", "metadata", "list", "--level", "L9")
	if got := s.want(exitDone, "", "metadata", "list", "--revoked"); strings.Contains(got.stdout, goodModel) {
		t.Errorf("a model that is not revoked:\n%s", got.stdout)
	}

	show := s.want(exitDone, "Our word", "metadata", "show", badModel)
	if !strings.Contains(show.stdout, "fido, list 7") || !strings.Contains(show.stdout, "REVOKED") {
		t.Errorf("what the service says is not told:\n%s", show.stdout)
	}
	s.want(exitDone, "passcode_external", "metadata", "show", goodModel)
	s.want(exitRefused, "metadata.model_unknown", "metadata", "show", "0000#0001")
	s.want(exitRefused, "metadata.model_unknown", "metadata", "show", strings.Repeat("0", 40))
	s.want(exitUsage, "neither", "metadata", "show", "key")

	service.Publish(mdstest.List{Number: 6, NextUpdate: "2036-01-01"})
	failed := s.run("metadata", "fetch", "fido", "--json")
	var docs []fetchedDocument
	if err := json.Unmarshal([]byte(failed.stdout), &docs); err != nil || failed.code != exitRefused ||
		docs[0].Failure.Code != "metadata.serial_number" || docs[0].Number != 7 {
		t.Errorf("an older list: %+v, %v", failed, err)
	}
	s.want(exitDone, "the last check failed (metadata.serial_number, 1 in a row)", "metadata", "status")
}

// Nothing that a list says reaches a terminal as it is.
func TestMetadataIsLegible(t *testing.T) {
	s, _ := metadataShell(t)
	s.want(exitDone, "updated", "metadata", "fetch")
	for _, args := range [][]string{
		{"metadata", "list"}, {"metadata", "show", goodModel}, {"metadata", "list", "--json"}, {"metadata", "show", goodModel, "--json"},
	} {
		got := s.want(exitDone, "of ours", args...)
		if strings.ContainsAny(got.stdout, "\x1b\u009b\u202e") {
			t.Errorf("%s: %q", args, got.stdout)
		}
	}
	var docs []modelDocument
	if err := json.Unmarshal([]byte(s.run("metadata", "list", "--json").stdout), &docs); err != nil {
		t.Fatal(err)
	}
	if docs[len(docs)-1].Description != nasty {
		t.Errorf("the JSON says %q, want %q", docs[len(docs)-1].Description, nasty)
	}
}

func TestEscapeJSON(t *testing.T) {
	for _, text := range []string{"plain", nasty, "ü 漢 🔑", "\U000e0001", "\x7f"} {
		doc, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := json.Unmarshal(escapeJSON(doc), &got); err != nil || got != text {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}

func TestMetadataWithoutSources(t *testing.T) {
	s := newShell(t)
	for _, verb := range [][]string{{"status"}, {"fetch"}, {"list"}, {"show", goodModel}} {
		s.want(exitUsage, "names no source", append([]string{"metadata"}, verb...)...)
	}
}

func TestMetadataCheck(t *testing.T) {
	now := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	service := mdstest.New(t, now)
	list := mdstest.List{Number: 7, NextUpdate: "2026-07-01", Entries: []map[string]any{
		mdstest.Entry(goodModel, "A key", "FIDO_CERTIFIED_L2"), {"aaguid": badModel},
	}}
	text := service.Sign(list)
	list.X5U = "https://mds.example/chain"
	file := mdstest.File(t, "blob.jwt", text)
	elsewhere := mdstest.File(t, "x5u.jwt", service.Sign(list))
	spoilt := mdstest.File(t, "spoilt.jwt", append(text[:len(text)-4:len(text)-4], "AAAA"...))
	roots := mdstest.File(t, "roots.pem", mdstest.PEM(service.Root.Cert))
	chain := mdstest.File(t, "chain.pem", mdstest.PEM(service.Leaf.Cert, service.CA.Cert))
	crl := mdstest.File(t, "root.crl", service.RevocationList(service.Root))
	crl2 := mdstest.File(t, "ca.crl", service.RevocationList(service.CA))
	service.RevokeSigner()
	revoked := mdstest.File(t, "revoked.crl", service.RevocationList(service.CA))
	tests := []struct {
		name string
		code int
		says string
		args []string
	}{
		{"good", exitDone, "accepted", []string{file, "--roots", roots, "--crl", crl, "--crl", crl2, "--at", "2026-06-15"}},
		{"what was passed over", exitDone, "member_missing", []string{file, "--roots", roots, "--crl", crl, "--crl", crl2, "--at", "2026-06-15"}},
		{"outdated", exitDone, "outdated", []string{file, "--roots", roots, "--crl", crl, "--crl", crl2, "--at", "2026-07-02T00:00:00Z"}},
		{"no lists", exitRefused, "/ca.crl", []string{file, "--roots", roots, "--at", "2026-06-15"}},
		{"no lists, allowed", exitDone, "revocation_unknown", []string{file, "--roots", roots, "--allow-unknown-revocation", "--at", "2026-06-15"}},
		{"revoked", exitRefused, "certificate_revoked", []string{file, "--roots", roots, "--crl", crl, "--crl", revoked, "--at", "2026-06-15"}},
		{"spoilt", exitRefused, "3.2/6", []string{spoilt, "--roots", roots, "--crl", crl, "--crl", crl2, "--at", "2026-06-15"}},
		{"too late", exitRefused, "chain_expired", []string{file, "--roots", roots, "--crl", crl, "--crl", crl2, "--at", "2030-01-01"}},
		{"x5u", exitRefused, "x5u_unsupported", []string{elsewhere, "--roots", roots, "--crl", crl, "--crl", crl2, "--at", "2026-06-15"}},
		{"x5u with its chain", exitDone, "accepted", []string{elsewhere, "--chain", chain, "--roots", roots, "--crl", crl, "--crl", crl2, "--at", "2026-06-15"}},
		{"no list", exitRefused, "no such file", []string{file + "x", "--roots", roots}},
		{"no roots", exitUsage, "--roots", []string{file}},
		{"roots that are none", exitUsage, "--roots", []string{file, "--roots", file}},
		{"a list that is none", exitUsage, "--crl", []string{file, "--roots", roots, "--crl", roots}},
		{"no time", exitUsage, "--at", []string{file, "--roots", roots, "--at", "yesterday"}},
	}
	s := newShell(t)
	for _, tt := range tests {
		got := s.run(append([]string{"metadata", "check"}, tt.args...)...)
		if got.code != tt.code || !strings.Contains(got.stdout+got.stderr, tt.says) {
			t.Errorf("%s: %+v, want %d and %q", tt.name, got, tt.code, tt.says)
		}
	}
	got := s.runWith(string(text), "metadata", "check", "-", "--roots", roots, "--crl", crl, "--crl", crl2, "--at", "2026-06-15", "--json")
	var doc checkedDocument
	if err := json.Unmarshal([]byte(got.stdout), &doc); err != nil || got.code != exitDone || !doc.Accepted || doc.Number != 7 || doc.Models != 2 || len(doc.Signer) != 3 || len(doc.Findings) == 0 {
		t.Errorf("as JSON: %+v, %v", got, err)
	}
}
