package hermod_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bestow.dev/internal/front/fronttest"
	"bestow.dev/internal/relay"
)

// where the packages are whose tests the manual names.
var where = map[string]string{
	"hermod": ".", "digitalaccess": "../digitalaccess", "relay": "../../relay", "outbound": "../../outbound",
	"config": "../../config", "plugout": "../../plugout", "e2e": "../../../test/e2e",
}

// The manual names every word that this front can say, and no test that is not there.
func TestManual(t *testing.T) {
	text, err := os.ReadFile("../../../docs/fronts/hermod.md")
	check(t, err)
	manual := string(text)

	w := newWorld(t, settings{})
	var words []string
	for _, s := range []*fronttest.Schema{
		w.says.Components.Schemas["Error"].Properties["error"], w.says.Components.Schemas["Receipt"].Properties["state"],
		w.says.Components.Schemas["Callback"].Properties["status"],
	} {
		for _, word := range s.Enum {
			words = append(words, word.(string))
		}
	}
	for _, kind := range relay.Kinds() {
		words = append(words, kind.Name, kind.Object, kind.Response, string(kind.Type))
	}
	for _, word := range words {
		if !strings.Contains(manual, "`"+word+"`") {
			t.Errorf("the manual does not have %s", word)
		}
	}

	named := regexp.MustCompile("`([a-z0-9]+)\\.(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(manual, -1)
	if len(named) < 25 {
		t.Errorf("the manual names %d tests", len(named))
	}
	tests := map[string][]string{}
	for _, n := range named {
		if tests[n[1]] == nil {
			tests[n[1]] = testsIn(t, where[n[1]])
		}
		if !slices.Contains(tests[n[1]], n[2]) {
			t.Errorf("there is no %s.%s", n[1], n[2])
		}
	}
}

func testsIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	check(t, err)
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		check(t, err)
		for _, m := range function.FindAllStringSubmatch(string(text), -1) {
			names = append(names, m[1])
		}
	}
	return names
}
