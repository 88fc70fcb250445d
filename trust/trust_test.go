package trust_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/trust"
)

var update = flag.Bool("update", false, "write the comments of roots/*.pem and the sums of MANIFEST.json anew")

type manifestEntry struct {
	File    string   `json:"file"`
	Formats []string `json:"formats,omitempty"`
	Source  string   `json:"source"`
	Date    string   `json:"date"`
	Licence string   `json:"licence"`
	Checked string   `json:"checked,omitempty"`
	SHA256  string   `json:"sha256"`
}

func readManifest(t *testing.T) []manifestEntry {
	t.Helper()
	text, err := os.ReadFile("MANIFEST.json")
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var entries []manifestEntry
	if err := dec.Decode(&entries); err != nil {
		t.Fatal(err)
	}
	return entries
}

// Every file of data is in the manifest, as it is, with where it came from.
func TestManifest(t *testing.T) {
	entries := readManifest(t)
	listed := []string{"MANIFEST.json"}
	for i, e := range entries {
		listed = append(listed, e.File)
		data, err := os.ReadFile(e.File)
		if err != nil {
			t.Error(err)
			continue
		}
		sum := sha256.Sum256(data)
		switch {
		case hex.EncodeToString(sum[:]) == e.SHA256:
		case *update:
			entries[i].SHA256 = hex.EncodeToString(sum[:])
		default:
			t.Errorf("%s has SHA-256 %x, the manifest says %s", e.File, sum, e.SHA256)
		}
		if _, err := time.Parse(time.DateOnly, e.Date); err != nil {
			t.Errorf("%s: %v", e.File, err)
		}
		if e.Source == "" || e.Licence == "" {
			t.Errorf("%s has no source or no licence", e.File)
		}
		if roots := filepath.Dir(e.File) == "roots"; roots != (len(e.Formats) > 0) || roots != (e.Checked != "") {
			t.Errorf("%s: formats and checked are for certificates, and needed there", e.File)
		}
		if i > 0 && entries[i-1].File >= e.File {
			t.Errorf("%s is not after %s", e.File, entries[i-1].File)
		}
	}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(name) != ".go" && !slices.Contains(listed, filepath.ToSlash(name)) {
			t.Errorf("%s is not in the manifest", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if !*update {
		return
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(entries); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("MANIFEST.json", text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// belowARoot are the anchors that are no roots, by SHA-256. Yubico's keys leave out what
// is between them and Yubico Attestation Root 1, which vouches for more than FIDO.
var belowARoot = map[string]string{
	"4ebabc9cbc964f722c985f3784d057e9ef5dcf454dcb4f767fccca58cf16a4e8": "Yubico FIDO Attestation A 1",
	"4eadda86ff62cff987e111a07910d8554de42f71d5d6da7744610e09012dd319": "Yubico FIDO Attestation B 1",
	"3c6fe819adbd80afe75dc90af7bba34c95b2b7ac64384816e033f63b7c93848b": "Yubico FIDO Attestation B2 1",
}

// published are fingerprints as their owners or many others print them. What is
// shipped is exactly these: a certificate cannot come or go unnoticed.
var published = map[string][]string{
	"android-key": {
		"1ef1a04b8ba58ab94589ac498c8982a783f24ea7307e0159a0c3a73b377d87cc",
		"ab6641178a36e179aa0c1cdddf9a16eb45fa20943e2b8cd7c7c05c26cf8b487a",
		"cedb1cb6dc896ae5ec797348bce9286753c2b38ee71ce0fbe34a9a1248800dfc",
		"6d9db4ce6c5c0b293166d08986e05774a8776ceb525d9e4329520de12ba4bcc0",
	},
	"android-safetynet": {"ebd41040e4bb3ec742c9e381d31ef2a41a48b6685c96e7cef3c1df6cd4331c99"},
	"apple":             {"0915dd5c07a28db549d1f677bb5a75d4bfbe9561a773424327762e9e02f9bb29"},
	"fido-mds": {
		"4fa3126d8d3a11d1c4855a4f807cbad6cf919d3a5a88b03bea2c6372d93c40c9",
		"cbb522d7b7f127ad6a0113865bdf1cd4102e7d0759af635a7cf4720dc963c53b",
	},
	"microsoft-tpm": {"870c7a35ceab3d59979f2c6a524042d404cb71518004350925fb2ced79a999da"},
	"yubico": {
		"0fa1386f80eb8713263ae5c1d84deb455bdf08aea50ab05503cefee82b092d42",
		"35f1a54b353bfb711e6d42adbeb76c0e9dead095018e6a94783ba2192fd6faad",
		"4ebabc9cbc964f722c985f3784d057e9ef5dcf454dcb4f767fccca58cf16a4e8",
		"4eadda86ff62cff987e111a07910d8554de42f71d5d6da7744610e09012dd319",
		"3c6fe819adbd80afe75dc90af7bba34c95b2b7ac64384816e033f63b7c93848b",
	},
}

func fingerprint(c *x509.Certificate) string { return fmt.Sprintf("%x", sha256.Sum256(c.Raw)) }

func TestShippedCertificates(t *testing.T) {
	sets := trust.Default().RootSets()
	if len(sets) != len(published) {
		t.Errorf("there are %d sets, want %d", len(sets), len(published))
	}
	seen := map[string]string{}
	for _, s := range sets {
		taken, err := time.Parse(time.DateOnly, s.Date)
		if err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		var prints []string
		for _, c := range s.Certificates {
			print := fingerprint(c)
			prints = append(prints, print)
			if other := seen[print]; other != "" {
				t.Errorf("%s and %s have %s", other, s.Name, c.Subject)
			}
			seen[print] = s.Name
			if taken.Before(c.NotBefore) || taken.After(c.NotAfter) {
				t.Errorf("%s: %s is valid from %s to %s, not when it was taken, %s", s.Name, c.Subject, c.NotBefore, c.NotAfter, s.Date)
			}
			checkAuthority(t, c)
		}
		if !slices.Equal(prints, published[s.Name]) {
			t.Errorf("%s has the certificates %q, want %q", s.Name, prints, published[s.Name])
		}
	}
}

// checkAuthority checks that c may sign certificates, and signed its own unless it is
// known to stand below a root.
func checkAuthority(t *testing.T, c *x509.Certificate) {
	t.Helper()
	if c.Version != 3 || !c.BasicConstraintsValid || !c.IsCA || c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0 {
		t.Errorf("%s is no CA", c.Subject)
	}
	if name, ok := belowARoot[fingerprint(c)]; ok {
		if c.Subject.CommonName != name {
			t.Errorf("%s is not %s", c.Subject, name)
		}
		return
	}
	if !bytes.Equal(c.RawIssuer, c.RawSubject) {
		t.Errorf("%s is issued by %s", c.Subject, c.Issuer)
	}
	if c.SignatureAlgorithm == x509.SHA1WithRSA { // nobody looks at the signature of an anchor
		return
	}
	if err := c.CheckSignatureFrom(c); err != nil {
		t.Errorf("%s did not sign itself: %v", c.Subject, err)
	}
}

// The comments of the shipped files tell the truth about what follows them.
func TestComments(t *testing.T) {
	for _, e := range readManifest(t) {
		if filepath.Dir(e.File) != "roots" {
			continue
		}
		set, ok := trust.Default().RootSet(strings.TrimSuffix(filepath.Base(e.File), ".pem"))
		if !ok {
			t.Fatalf("%s is not a set", e.File)
		}
		have, err := os.ReadFile(e.File)
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(string(have), "\n\n")
		if want := "# formats: " + strings.Join(e.Formats, ", ") + "\n"; !strings.HasPrefix(head, want) {
			t.Errorf("%s does not begin with %q", e.File, want)
		}
		want := head + "\n"
		for _, c := range set.Certificates {
			want += commented(c)
		}
		switch {
		case want == string(have):
		case *update:
			if err := os.WriteFile(e.File, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		default:
			t.Errorf("%s is not as -update would write it", e.File)
		}
	}
}

func commented(c *x509.Certificate) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n# subject: %s\n", c.Subject)
	if !bytes.Equal(c.RawIssuer, c.RawSubject) {
		fmt.Fprintf(&b, "# issuer: %s\n", c.Issuer)
	}
	fmt.Fprintf(&b, "# valid: %s to %s\n", c.NotBefore.Format(time.DateOnly), c.NotAfter.Format(time.DateOnly))
	fmt.Fprintf(&b, "# SHA-256: %s\n", fingerprint(c))
	b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	return b.String()
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
