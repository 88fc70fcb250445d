package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bestow.dev/trust"
)

// putFile writes a file, and the directories above it.
func putFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// An operator exports the lists, changes some, checks them and puts them in force.
func TestTrust(t *testing.T) {
	s := freshShell(t)
	base := t.TempDir()
	lists := filepath.Join(base, "lists")
	s.want(exitDone, "exported "+lists, "trust", "export", lists)
	s.want(exitRefused, "(trust.exists)", "trust", "export", lists)
	s.want(exitDone, "TPM manufacturers (shipped)", "trust", "check", lists)

	apple, err := os.ReadFile(filepath.Join(lists, "roots", "apple.pem"))
	if err != nil {
		t.Fatal(err)
	}
	putFile(t, filepath.Join(lists, "roots", "acme.pem"), "# formats: packed\n# source: Acme's\u202e vault\n# date: 2026-11-27\n"+strings.TrimPrefix(string(apple), "# formats: apple\n"))
	putFile(t, filepath.Join(lists, "roots", "yubico.pem"), "# none of these here\n")
	putFile(t, filepath.Join(lists, "tpm-vendors.json"), `[{"id":"494E5443","name":"Intel"}]`)
	config := filepath.Join(base, "bestow.yaml")
	putFile(t, config, "trust-dir: lists\n")

	var doc struct {
		Sets []struct {
			Name, State, Source, EarliestExpiry string
			Formats                             []string
			Count                               int
		}
		TPMVendors struct {
			State string
			Count int
		}
	}
	got := s.want(exitDone, "acme", "--json", "--config", config, "trust", "list")
	if err := json.Unmarshal([]byte(got.stdout), &doc); err != nil {
		t.Fatal(err)
	}
	states := map[string]string{}
	for _, set := range doc.Sets {
		states[set.Name] = set.State
	}
	if states["acme"] != "added" || states["yubico"] != "replaced" || states["apple"] != "shipped" || doc.TPMVendors.State != "replaced" || doc.TPMVendors.Count != 1 {
		t.Errorf("got %s", got.stdout)
	}
	if first := doc.Sets[0]; first.Source != "Acme's? vault" || first.Count != 1 || first.EarliestExpiry != "2045-03-15T00:00:00Z" {
		t.Errorf("acme: %+v", first)
	}
	s.want(exitDone, "replaced, off", "--config", config, "trust", "list")
	s.want(exitDone, "0915dd5c07a28db549d1f677bb5a75d4bfbe9561a773424327762e9e02f9bb29", "--config", config, "trust", "show", "acme")
	s.want(exitDone, "494E5443", "--config", config, "trust", "show", "tpm-vendors")
	s.want(exitRefused, "(trust.unknown)", "trust", "show", "acme")

	putFile(t, filepath.Join(lists, "roots", "acme.pem"), "# formats: packed\nno certificate\n")
	const where = "roots/acme.pem: line 2: neither"
	s.want(exitUsage, where, "trust", "check", lists)
	s.want(exitUsage, where, "--config", config, "trust", "list")
	s.want(exitUsage, where, "--config", config, "user", "list")
}

func TestTrustShow(t *testing.T) {
	s := freshShell(t)
	for _, want := range []string{
		"CN=Yubico FIDO Attestation B2 1", "CN=Yubico Attestation Intermediate B 1", "2025-08-01 to 9999-12-31",
		"3c6fe819adbd80afe75dc90af7bba34c95b2b7ac64384816e033f63b7c93848b", "RSA, 2048 bits", "packed, fido-u2f",
	} {
		s.want(exitDone, want, "trust", "show", "yubico")
	}
	s.want(exitDone, "ECDSA, P-384", "trust", "show", "apple")
}

// What is exported is what is inside, byte for byte.
func TestTrustExport(t *testing.T) {
	s := freshShell(t)
	dir := filepath.Join(t.TempDir(), "a", "b")
	s.want(exitDone, dir, "trust", "export", dir)
	err := fs.WalkDir(trust.Files(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		want, err := fs.ReadFile(trust.Files(), name)
		if err != nil {
			return err
		}
		got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A certificate that is not valid now is told, and stays in the list.
func TestTrustWarnings(t *testing.T) {
	at := func(year int) string {
		return strings.Join(fromLists(trust.Default(), time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)).Warnings, "\n")
	}
	if got := at(2027); got != "" {
		t.Errorf("2027: %s", got)
	}
	if got := at(2029); got != "android-safetynet: CN=GlobalSign Root CA,OU=Root CA,O=GlobalSign nv-sa,C=BE expired on 2028-01-28 and vouches for nothing any more" {
		t.Errorf("2029: %s", got)
	}
	if got := at(2025); !strings.Contains(got, "android-key: CN=Key Attestation CA1,OU=Android,O=Google LLC,C=US is not valid before 2025-07-17") {
		t.Errorf("2025: %s", got)
	}
}
