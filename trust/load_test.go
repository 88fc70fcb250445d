package trust_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"bestow.dev/trust"
)

func shippedFile(t testing.TB, name string) string {
	t.Helper()
	text, err := fs.ReadFile(trust.Files(), name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// dir is a directory of files by name.
func dir(files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

// rootSet returns a set that has to be there.
func rootSet(t *testing.T, l *trust.Lists, name string) trust.RootSet {
	t.Helper()
	s, ok := l.RootSet(name)
	if !ok {
		t.Fatalf("there is no set %s", name)
	}
	return s
}

// What is exported and left as it is counts as shipped.
func TestLoadWhatIsShipped(t *testing.T) {
	for name, files := range map[string]fs.FS{"all files": trust.Files(), "empty": dir(nil)} {
		l, err := trust.Load(files)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if l.TPMVendorsOrigin() != trust.Shipped || !slices.Equal(l.TPMVendors(), trust.TPMVendors()) {
			t.Errorf("%s: the manufacturers are %s", name, l.TPMVendorsOrigin())
		}
		for i, s := range l.RootSets() {
			if want := trust.Default().RootSets()[i]; s.Origin != trust.Shipped || s.Source == "" || s.Date == "" || s.Digest() != want.Digest() {
				t.Errorf("%s: set %s is %s, from %q", name, s.Name, s.Origin, s.Source)
			}
		}
	}
}

func TestReplaceAddAndSwitchOff(t *testing.T) {
	apple := shippedFile(t, "roots/apple.pem")
	_, bare, _ := strings.Cut(apple, "\n\n") // without the head
	l, err := trust.Load(dir(map[string]string{
		"MANIFEST.json":       "not ours to read",
		".gitkeep":            "",
		"tpm-vendors.json":    `[{"id":"FFFFF1D0","name":"test tool"},{"id":"494E5443","name":"Intel"}]`,
		"roots/apple.pem":     "# source: our own word\r\n# date: 2026-11-27\r\n\r\n" + strings.ReplaceAll(bare, "\n", "\r\n"),
		"roots/yubico.pem":    "# switched off: we have none\n",
		"roots/acme-keys.pem": "# Acme's keys\n# formats: packed, apple\n" + bare,
		"roots/.apple.pem.sw": "an editor's",
	}))
	if err != nil {
		t.Fatal(err)
	}
	shipped := rootSet(t, trust.Default(), "apple")
	replaced, off, added := rootSet(t, l, "apple"), rootSet(t, l, "yubico"), rootSet(t, l, "acme-keys")
	if replaced.Origin != trust.Replaced || !slices.Equal(replaced.Formats, []string{"apple"}) || replaced.Licence != "" ||
		replaced.Source != "our own word" || replaced.Date != "2026-11-27" || replaced.SHA256 == shipped.SHA256 {
		t.Errorf("replaced: %+v", replaced)
	}
	if replaced.Digest() != shipped.Digest() {
		t.Error("the same certificates for the same formats have another digest")
	}
	if off.Origin != trust.Replaced || len(off.Certificates) != 0 || !off.EarliestExpiry().IsZero() || off.Digest() == rootSet(t, trust.Default(), "yubico").Digest() {
		t.Errorf("switched off: %+v", off)
	}
	if added.Origin != trust.Added || added.Source != "" || len(added.Certificates) != 1 || added.Digest() == replaced.Digest() {
		t.Errorf("added: %+v", added)
	}
	if !slices.Equal(l.TPMVendorIDs(), []string{"494E5443", "FFFFF1D0"}) || l.TPMVendorsOrigin() != trust.Replaced {
		t.Errorf("manufacturers: %q, %s", l.TPMVendorIDs(), l.TPMVendorsOrigin())
	}
	if got := l.AnchorsFor("fido-u2f", nil); len(got) != 0 {
		t.Errorf("what is switched off still vouches: %d", len(got))
	}
	if got := l.AnchorsFor("apple", nil); len(got) != 1 {
		t.Errorf("a certificate of two sets is there %d times", len(got))
	}
	if rootSet(t, trust.Default(), "yubico").Origin != trust.Shipped || len(trust.Default().TPMVendors()) < 3 {
		t.Error("loading changed what is shipped")
	}
}

func TestAnchorsFor(t *testing.T) {
	l := trust.Default()
	tests := []struct {
		format string
		names  []string
		want   int
	}{
		{"apple", nil, 1},
		{"android-key", nil, 4},
		{"tpm", nil, 1},
		{"packed", nil, 5},
		{"fido-u2f", nil, 5},
		{"android-safetynet", nil, 1},
		{trust.Metadata, nil, 2},
		{"none", nil, 0},
		{"compound", nil, 0},
		{"", nil, 0},
		{"packed", []string{"yubico", "apple"}, 5},
		{"packed", []string{"apple"}, 0},
		{"packed", []string{}, 0},
		{"packed", []string{"nobody"}, 0},
		{"packed", []string{"fido-mds"}, 0}, // who signs web servers vouches for no key
	}
	for _, tt := range tests {
		if got := l.AnchorsFor(tt.format, tt.names); len(got) != tt.want {
			t.Errorf("%q of %q: got %d certificates, want %d", tt.format, tt.names, len(got), tt.want)
		}
	}

	// Who changes what was returned changes nothing for others.
	set := rootSet(t, l, "yubico")
	set.Certificates[0], set.Formats[0] = nil, ""
	l.RootSets()[0].Formats[0] = ""
	if got := l.AnchorsFor("packed", nil); len(got) != 5 || got[0] == nil || len(l.AnchorsFor("android-key", nil)) != 4 {
		t.Error("the sets are shared with their callers")
	}
}

func TestDigest(t *testing.T) {
	set := rootSet(t, trust.Default(), "yubico")
	want := set.Digest()
	slices.Reverse(set.Certificates)
	slices.Reverse(set.Formats)
	set.SHA256, set.Origin, set.Source = "", trust.Added, ""
	if set.Digest() != want {
		t.Error("the order or the file has a say")
	}
	for name, change := range map[string]func(s *trust.RootSet){
		"name":        func(s *trust.RootSet) { s.Name = "x" },
		"format":      func(s *trust.RootSet) { s.Formats = s.Formats[1:] },
		"certificate": func(s *trust.RootSet) { s.Certificates = s.Certificates[1:] },
	} {
		other := set
		if change(&other); other.Digest() == want {
			t.Errorf("%s: the digest stays the same", name)
		}
	}
}

func TestLoadRefusals(t *testing.T) {
	apple := shippedFile(t, "roots/apple.pem")
	begin := strings.Index(apple, "-----BEGIN")
	block := apple[begin:]
	many := func(n int) string { return strings.Repeat("x", n) }
	tests := []struct {
		name, file, text, want string // want is part of the error; empty: it loads
	}{
		{"untouched", "roots/apple.pem", apple, ""},
		{"own set", "roots/own.pem", "# formats: tpm\n" + block, ""},
		{"own metadata service", "roots/own.pem", "# formats: metadata\n" + block, ""},
		{"own set, off", "roots/own.pem", "# formats: tpm\n", ""},
		{"tabulator in a comment", "roots/apple.pem", "#\tApple\n" + block, ""},
		{"known set widened", "roots/apple.pem", "# formats: apple, packed\n" + block, ""},
		{"formats after a certificate is a comment", "roots/apple.pem", block + "# formats: nonsense\n", ""},

		{"no formats", "roots/own.pem", block, "roots/own.pem: a comment before the first"},
		{"formats too late", "roots/own.pem", block + "# formats: tpm\n", "roots/own.pem: a comment before the first"},
		{"unknown format", "roots/own.pem", "# formats: packed, u2f\n" + block, `roots/own.pem: line 1: formats: "u2f"`},
		{"empty formats", "roots/own.pem", "# formats:\n" + block, `line 1: formats: ""`},
		{"format twice", "roots/own.pem", "# formats: tpm, tpm\n" + block, "tpm is said twice"},
		{"formats twice", "roots/own.pem", "# formats: tpm\n# formats: tpm\n" + block, "line 2: formats is said twice"},
		{"metadata and keys", "roots/own.pem", "# formats: metadata, packed\n" + block, "metadata stands alone"},
		{"date", "roots/apple.pem", "# date: yesterday\n" + block, `line 1: date: "yesterday"`},
		{"control character", "roots/apple.pem", "# source: \x1b[2J\n" + block, "line 1: a comment with control"},
		{"not UTF-8", "roots/apple.pem", "# \xff\n" + block, "roots/apple.pem: is not text"},
		{"stray text", "roots/apple.pem", "subject=CN = x\n" + block, "line 1: neither"},
		{"private key", "roots/apple.pem", block + "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n", "a PEM block that is no certificate"},
		{"end without begin", "roots/apple.pem", "-----END CERTIFICATE-----\n", "line 1: neither"},
		{"no end", "roots/apple.pem", strings.TrimSuffix(block, "-----END CERTIFICATE-----\n"), "line 1: the certificate that begins here"},
		{"begin within", "roots/apple.pem", strings.TrimSuffix(block, "-----END CERTIFICATE-----\n") + block, "is not base64"},
		{"header in the block", "roots/apple.pem", strings.Replace(block, "\n", "\nProc-Type: x\n", 1), "is not base64"},
		{"letter lost", "roots/apple.pem", strings.Replace(block, "MII", "MI", 1), "is not base64"},
		{"bytes lost", "roots/apple.pem", strings.Replace(block, "MIIC", "", 1), "does not parse"},
		{"empty block", "roots/apple.pem", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "does not parse"},
		{"twice", "roots/apple.pem", block + block, "in the file twice"},
		{"large", "roots/apple.pem", block + "#" + many(1<<20), "roots/apple.pem: is larger"},
		{"name", "roots/Apple.pem", apple, "roots/Apple.pem: a file here is called"},
		{"name of dashes and dots", "roots/a.b.pem", apple, "roots/a.b.pem: a file here is called"},
		{"long name", "roots/" + many(65) + ".pem", apple, "a file here is called"},
		{"backup", "roots/apple.pem~", apple, "roots/apple.pem~: a file here is called"},
		{"extension", "roots/apple.crt", apple, "roots/apple.crt: a file here is called"},
		{"directory", "roots/apple.pem/x", apple, "roots/apple.pem: is not a file"},
		{"beside roots", "apple.pem", apple, "apple.pem: certificates stand in roots/"},
		{"unknown file", "vendors.json", "[]", "vendors.json: there is no list of that name"},
		{"roots is a file", "roots", apple, "roots"},

		{"no manufacturers", "tpm-vendors.json", "[]", ""},
		{"manufacturers: null", "tpm-vendors.json", "null", "tpm-vendors.json: is not a list"},
		{"manufacturers: nothing", "tpm-vendors.json", "", "tpm-vendors.json: "},
		{"manufacturers: object", "tpm-vendors.json", "{}", "tpm-vendors.json: "},
		{"manufacturers: more", "tpm-vendors.json", "[] []", "something follows"},
		{"manufacturers: unknown member", "tpm-vendors.json", `[{"id":"494E5443","name":"x","x":1}]`, `unknown field "x"`},
		{"manufacturers: id", "tpm-vendors.json", `[{"id":"id:494E5443","name":"x"}]`, "entry 0: the id"},
		{"manufacturers: lower case", "tpm-vendors.json", `[{"id":"494e5443","name":"x"}]`, "entry 0: the id"},
		{"manufacturers: name", "tpm-vendors.json", `[{"id":"494E5443"}]`, "entry 0: there is no name"},
		{"manufacturers: control character", "tpm-vendors.json", `[{"id":"494E5443","name":"\u001b"}]`, "control characters"},
		{"manufacturers: twice", "tpm-vendors.json", `[{"id":"494E5443","name":"x"},{"id":"494E5443","name":"y"}]`, "494E5443 is there twice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := trust.Load(dir(map[string]string{tt.file: tt.text}))
			switch {
			case tt.want == "" && err != nil:
				t.Fatalf("refused: %v", err)
			case tt.want != "" && (err == nil || l != nil):
				t.Fatalf("got %v and error %v", l, err)
			case tt.want != "" && !strings.Contains(err.Error(), tt.want):
				t.Errorf("error %q does not say %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "c2VjcmV0") {
				t.Errorf("the error quotes a key: %v", err)
			}
		})
	}
}

func TestLoadLimits(t *testing.T) {
	block := func(i int) string { return commented(selfSigned(t, i)) }
	text := "# formats: packed\n"
	for i := range 200 {
		text += block(i)
	}
	if _, err := trust.Load(dir(map[string]string{"roots/own.pem": text})); err != nil {
		t.Errorf("200 certificates: %v", err)
	}
	if _, err := trust.Load(dir(map[string]string{"roots/own.pem": text + block(200)})); err == nil || !strings.Contains(err.Error(), "more than 200 certificates") {
		t.Errorf("201 certificates: %v", err)
	}
	sets := map[string]string{}
	for i := range 101 {
		sets[fmt.Sprintf("roots/own-%d.pem", i)] = "# formats: packed\n"
	}
	if _, err := trust.Load(dir(sets)); err == nil || !strings.Contains(err.Error(), "roots: more than") {
		t.Errorf("too many sets: %v", err)
	}
	var vendors []trust.Vendor
	for i := range 1001 {
		vendors = append(vendors, trust.Vendor{ID: fmt.Sprintf("%08X", i), Name: "x"})
	}
	list, err := json.Marshal(vendors)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := trust.Load(dir(map[string]string{"tpm-vendors.json": string(list)})); err == nil || !strings.Contains(err.Error(), "more than 1000") {
		t.Errorf("too many manufacturers: %v", err)
	}
}

// On a disk there are links, and directories that are not there.
func TestLoadFromDisk(t *testing.T) {
	base := t.TempDir()
	if _, err := trust.Load(os.DirFS(filepath.Join(base, "none"))); err == nil {
		t.Error("a directory that is not there is no error")
	}
	if err := os.MkdirAll(filepath.Join(base, "roots"), 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(base, "roots", "own.pem")
	if err := os.Symlink(filepath.Join("..", ".version1"), link); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	if _, err := trust.Load(os.DirFS(base)); err == nil || !strings.Contains(err.Error(), "roots/own.pem") {
		t.Errorf("a link that leads nowhere: %v", err)
	}
	if err := os.WriteFile(filepath.Join(base, ".version1"), []byte("# formats: tpm\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := trust.Load(os.DirFS(base))
	if err != nil {
		t.Fatal(err)
	}
	rootSet(t, l, "own")
}

// Whatever a file holds, it is read whole or not at all.
func FuzzRoots(f *testing.F) {
	for _, s := range trust.Default().RootSets() {
		f.Add([]byte(shippedFile(f, "roots/"+s.Name+".pem")))
	}
	f.Add([]byte("# formats: packed, fido-u2f\n# source: x\n# date: 2026-11-27\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := trust.Load(dir(map[string]string{"roots/own.pem": string(text)}))
		if err != nil {
			if l != nil {
				t.Fatal("lists and an error")
			}
			return
		}
		s := rootSet(t, l, "own")
		var again strings.Builder
		again.WriteString("# formats: " + strings.Join(s.Formats, ",") + "\n")
		for _, c := range s.Certificates {
			again.WriteString(commented(c))
		}
		if strings.ContainsFunc(again.String(), func(r rune) bool { return r < ' ' && r != '\n' }) {
			return // a subject that cannot stand in a comment
		}
		same, err := trust.Load(dir(map[string]string{"roots/own.pem": again.String()}))
		if err != nil {
			t.Fatalf("written again it does not load: %v", err)
		}
		if other := rootSet(t, same, "own"); other.Digest() != s.Digest() {
			t.Error("written again it is another set")
		}
	})
}

func FuzzTPMVendors(f *testing.F) {
	f.Add([]byte(shippedFile(f, "tpm-vendors.json")))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := trust.Load(dir(map[string]string{"tpm-vendors.json": string(text)}))
		if err != nil {
			if l != nil {
				t.Fatal("lists and an error")
			}
			return
		}
		for _, id := range l.TPMVendorIDs() {
			if len(id) != 8 {
				t.Errorf("id %q", id)
			}
		}
	})
}

// selfSigned makes a certificate with the serial number i+1.
func selfSigned(t *testing.T, i int) *x509.Certificate {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(int64(i + 1)), NotAfter: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
