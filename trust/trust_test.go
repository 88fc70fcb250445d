package trust_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/trust"
)

// Every file of data is in the manifest, as it is, with where it came from.
func TestManifest(t *testing.T) {
	text, err := os.ReadFile("MANIFEST.json")
	if err != nil {
		t.Fatal(err)
	}
	var entries []struct{ File, Source, Date, Licence, SHA256 string }
	if err := json.Unmarshal(text, &entries); err != nil {
		t.Fatal(err)
	}
	listed := []string{"MANIFEST.json"}
	for _, e := range entries {
		listed = append(listed, e.File)
		data, err := os.ReadFile(e.File)
		if err != nil {
			t.Error(err)
			continue
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != e.SHA256 {
			t.Errorf("%s has SHA-256 %x, the manifest says %s", e.File, sum, e.SHA256)
		}
		if _, err := time.Parse(time.DateOnly, e.Date); err != nil {
			t.Errorf("%s: %v", e.File, err)
		}
		if e.Source == "" || e.Licence == "" {
			t.Errorf("%s has no source or no licence", e.File)
		}
	}
	files, err := filepath.Glob("*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if filepath.Ext(name) != ".go" && !slices.Contains(listed, name) {
			t.Errorf("%s is not in the manifest", name)
		}
	}
}

func TestTPMVendors(t *testing.T) {
	vendors := trust.TPMVendors()
	if len(vendors) == 0 {
		t.Fatal("no vendors")
	}
	for i, v := range vendors {
		raw, err := hex.DecodeString(v.ID)
		if err != nil || len(raw) != 4 || v.ID != strings.ToUpper(v.ID) {
			t.Errorf("%s: id %q is not 8 upper-case hexadecimal digits", v.Name, v.ID)
		}
		if v.Name == "" {
			t.Errorf("%s has no name", v.ID)
		}
		if i > 0 && vendors[i-1].ID >= v.ID {
			t.Errorf("%s is not after %s", v.ID, vendors[i-1].ID)
		}
	}
	// What makes test statements is for an operator to add, never shipped.
	ids := trust.TPMVendorIDs()
	if slices.Contains(ids, "FFFFF1D0") || slices.Contains(ids, "00000000") {
		t.Error("the identifier of a test tool is in the list")
	}

	// Who changes what was returned changes nothing for others.
	ids[0], vendors[0].ID = "", ""
	if trust.TPMVendorIDs()[0] == "" || trust.TPMVendors()[0].ID == "" {
		t.Error("the list is shared with its callers")
	}
}
