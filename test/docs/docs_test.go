// Package docs holds the tests that keep the documentation true: what it cites is
// there, its configuration files load, and nothing that can be configured is missing.
package docs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"math/big"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/knadh/koanf/parsers/yaml"

	"bestow.dev/internal/config"
)

const root = "../.."

// tree is the project as the documentation may cite it.
type tree struct {
	files map[string]bool // by path below the root, and by name
	tests map[string]bool // names of test functions
	text  []byte          // of all test files
}

func readTree(t *testing.T) *tree {
	t.Helper()
	tr := &tree{files: map[string]bool{}, tests: map[string]bool{}}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark|Example)\w+)\(`)
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{".git", ".cache", "bin", "node_modules"}, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		below, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		tr.files[filepath.ToSlash(below)], tr.files[d.Name()] = true, true
		if !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(name)
		for _, m := range declared.FindAllSubmatch(text, -1) {
			tr.tests[string(m[1])] = true
		}
		tr.text = append(tr.text, text...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	codeSpan  = regexp.MustCompile("`([^`\n]+)`")
	fileName  = regexp.MustCompile(`^[\w./-]+\.(go|mjs|js|json|sql|md|sh|service)$`)
	testName  = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w*`)
	testCases = regexp.MustCompile("\\bcases? ((?:`[^`]+`(?:, )?)+)")
)

// What docs/specs.md cites is there: files, tests and cases of tests.
func TestCitations(t *testing.T) {
	tr := readTree(t)
	text := read(t, "docs/specs.md")
	cited := 0
	for _, m := range codeSpan.FindAllStringSubmatch(text, -1) {
		if !fileName.MatchString(m[1]) {
			continue
		}
		cited++
		if !tr.files[m[1]] {
			t.Errorf("there is no file %s", m[1])
		}
	}
	for _, name := range testName.FindAllString(text, -1) {
		cited++
		if !tr.tests[name] {
			t.Errorf("there is no test %s", name)
		}
	}
	// A case is cited by its name or the beginning of it.
	for _, list := range testCases.FindAllStringSubmatch(text, -1) {
		for _, m := range codeSpan.FindAllStringSubmatch(list[1], -1) {
			if testName.MatchString(m[1]) {
				continue // the next test of the row
			}
			cited++
			if !bytes.Contains(tr.text, []byte(`"`+m[1])) {
				t.Errorf("there is no test case %q", m[1])
			}
		}
	}
	if cited < 200 {
		t.Errorf("only %d citations were found; is the page still written the same way?", cited)
	}
}

// Links between the pages lead somewhere.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, page), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			to := path.Join(path.Dir(page), m[1])
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s links to %s, which is not there", page, to)
			}
		}
	}
}

func pages(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range found {
			below, err := filepath.Rel(root, name)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, filepath.ToSlash(below))
		}
	}
	return all
}

var (
	yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	isConfig  = regexp.MustCompile(`(?m)^(tenants|fronts):`)
	fileKey   = regexp.MustCompile(`\b(?:key-file|keys-file|keyFile|callback-basic-auth-file|callback-password-file|password-file|attestation-keys): *([\w./-]+)`)

	certificateFile = regexp.MustCompile(`\bcertificate-file: *([\w./-]+)`)
)

// certificate is one of somebody's, in PEM.
func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// examples returns the configuration files, or parts of one, that a page shows.
func examples(t *testing.T, page string) []string {
	t.Helper()
	var all []string
	for _, m := range yamlBlock.FindAllStringSubmatch(read(t, page), -1) {
		if isConfig.MatchString(m[1]) {
			all = append(all, m[1])
		}
	}
	return all
}

// load reads an example with files beside it where it names some.
func load(t *testing.T, text string) error {
	t.Helper()
	if !strings.Contains(text, "tenants:") {
		text = "tenants: [ { name: acme, relying-parties: [ { id: login.example.com } ] } ]\n" + text
	}
	dir := t.TempDir()
	put := func(name, text string) {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range fileKey.FindAllStringSubmatch(text, -1) {
		put(m[1], strings.Repeat("0", 32)+":secret\n")
	}
	for _, m := range certificateFile.FindAllStringSubmatch(text, -1) {
		put(m[1], certificate(t))
	}
	put("nevisfido.yml", "fido2: { enabled: true }\n")
	put("bestow.yaml", text)
	_, err := config.Load(config.Sources{File: filepath.Join(dir, "bestow.yaml")})
	return err
}

func TestConfigurationExamplesLoad(t *testing.T) {
	found := 0
	for _, page := range pages(t) {
		for _, text := range examples(t, page) {
			found++
			if err := load(t, text); err != nil {
				t.Errorf("%s: %v\n%s", page, err, text)
			}
		}
	}
	if found < 3 {
		t.Errorf("only %d examples were found", found)
	}
}

// The example of docs/operate.md has every key there is, and each is explained.
func TestEveryKeyIsDocumented(t *testing.T) {
	whole := examples(t, "docs/operate.md")
	if len(whole) != 1 {
		t.Fatalf("%d examples, want the one that has everything", len(whole))
	}
	keys, err := yaml.Parser().Unmarshal([]byte(whole[0]))
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, "docs/operate.md")
	var walk func(at string, typ reflect.Type, have any)
	walk = func(at string, typ reflect.Type, have any) {
		switch typ.Kind() {
		case reflect.Pointer:
			walk(at, typ.Elem(), have)
		case reflect.Slice:
			if typ.Elem().Kind() != reflect.Struct {
				return
			}
			merged := map[string]any{} // all entries of a list together have every key
			list, _ := have.([]any)
			for _, entry := range list {
				members, _ := entry.(map[string]any)
				for k, v := range members {
					merged[k] = v
				}
			}
			walk(at+"[]", typ.Elem(), merged)
		case reflect.Struct:
			members, _ := have.(map[string]any)
			for i := range typ.NumField() {
				f := typ.Field(i)
				key := f.Tag.Get("koanf")
				if key == "" || key == "-" {
					continue
				}
				inner, ok := members[key]
				if !ok {
					t.Errorf("%s.%s is not in the example", at, key)
				}
				if !hasKeys(f.Type) && !strings.Contains(page, key+"`") {
					t.Errorf("%s.%s is not explained", at, key)
				}
				walk(at+"."+key, f.Type, inner)
			}
		}
	}
	walk("", reflect.TypeFor[config.Config](), keys)
}

// hasKeys reports whether a value of typ is made of further keys, which are explained
// in its place.
func hasKeys(typ reflect.Type) bool {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	return typ.Kind() == reflect.Struct && typ != reflect.TypeFor[netip.Prefix]()
}

// The metrics, log messages and audit actions that docs/operate.md names exist.
func TestNamesInOperate(t *testing.T) {
	var code strings.Builder
	for _, dir := range []string{"internal", "cmd"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") {
				return err
			}
			text, err := os.ReadFile(name)
			code.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	text := read(t, "docs/operate.md")
	suffix := regexp.MustCompile(`_(count|sum|bucket)$`)
	for _, name := range regexp.MustCompile(`\bbestow_[a-z_]+`).FindAllString(text, -1) {
		if name = suffix.ReplaceAllString(name, ""); !strings.Contains(code.String(), `"`+name+`"`) {
			t.Errorf("there is no metric %s", name)
		}
	}
	message := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (?:info|warn|error) \\|")
	action := regexp.MustCompile("`((?:user|client|rp|invitation|registration|authentication|relay)\\.[a-z_]+)`")
	for _, re := range []*regexp.Regexp{message, action} {
		found := re.FindAllStringSubmatch(text, -1)
		if len(found) < 5 {
			t.Errorf("only %d names match %s", len(found), re)
		}
		for _, m := range found {
			// A cause that is made of two parts is looked for by its second.
			_, tail, _ := strings.Cut(m[1], ".")
			if !strings.Contains(code.String(), `"`+m[1]) && (tail == "" || !strings.Contains(code.String(), `".`+tail+`"`)) {
				t.Errorf("the code does not say %q", m[1])
			}
		}
	}
}
