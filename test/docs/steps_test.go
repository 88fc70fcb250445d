package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A procedure is a list of numbered steps, and the tests whose cases are named by them.
type procedure struct {
	name  string // as docs/specs.md heads its rows
	dir   string
	steps int
	tests []string
}

// Where the steps of a standard are cases of tests.
var (
	registration   = procedure{"§7.1", "webauthn", 29, []string{"TestRegistrationSteps"}}
	authentication = procedure{"§7.2", "webauthn", 25, []string{"TestAuthenticationSteps"}}
	metadataSteps  = procedure{"§3.2", "metadata", 8, []string{
		"TestProcessingSteps", "TestRevocationSteps", "TestFreshSteps", "TestSerialNumberSteps",
	}}
	formats = []procedure{
		{"§8.2", "webauthn", 3, []string{"TestPackedSelfSteps", "TestPackedFullSteps"}},
		{"§8.3", "webauthn", 6, []string{"TestTPMSteps"}},
		{"§8.4", "webauthn", 6, []string{"TestAndroidKeySteps"}},
		{"§8.5", "webauthn", 5, []string{"TestSafetyNetSteps"}},
		{"§8.6", "webauthn", 8, []string{"TestFIDOU2FSteps"}},
		{"§8.8", "webauthn", 6, []string{"TestAppleSteps"}},
		{"§8.9", "webauthn", 2, []string{"TestCompoundSteps"}},
	}
)

// Every step of the procedures is the name of a case, or its row in docs/specs.md says
// what shows it elsewhere, or why nothing does.
func TestEveryStep(t *testing.T) {
	for _, p := range []procedure{registration, authentication} {
		checkSteps(t, p, rowsOf(t, "### "+p.name))
	}
	checkSteps(t, metadataSteps, rowsOf(t, "## FIDO Metadata Service 3"))
	exceptions := rowsOf(t, "Steps of the formats that have no case")
	for _, p := range formats {
		own := map[int]string{}
		for key, why := range exceptions[p.name] {
			own[key] = why
		}
		checkSteps(t, p, map[string]map[int]string{"": own})
	}
}

// checkSteps fails for each step of p that is neither a case nor explained.
func checkSteps(t *testing.T, p procedure, explained map[string]map[int]string) {
	t.Helper()
	cases := casesOf(t, p)
	for step := 1; step <= p.steps; step++ {
		why, listed := explained[""][step]
		if cases[step] && p.name[:len("§8")] == "§8" && listed {
			t.Errorf("%s step %d has a case, and docs/specs.md says that it has none", p.name, step)
		}
		if !cases[step] && strings.TrimSpace(why) == "" {
			t.Errorf("%s step %d: no case is named by it in %s, and docs/specs.md does not say why", p.name, step, p.tests)
		}
	}
}

var caseStep = regexp.MustCompile(`\{(?:name: )?"step (\d+)`)

// casesOf returns the steps that cases of p's tests are named by.
func casesOf(t *testing.T, p procedure) map[int]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, p.dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(source)
	}
	found := map[int]bool{}
	for _, test := range p.tests {
		_, body, ok := strings.Cut(text.String(), "\nfunc "+test+"(")
		if !ok {
			t.Errorf("there is no %s in %s", test, p.dir)
			continue
		}
		body, _, _ = strings.Cut(body, "\n}\n")
		for _, m := range caseStep.FindAllStringSubmatch(body, -1) {
			found[number(t, m[1])] = true
		}
	}
	return found
}

// stepCell is the first cell of a row about steps: "7", "5, 6", "10 to 14", "step 2",
// "§3.2 step 1" or "§8.3, step 3".
var (
	stepCell = regexp.MustCompile(`^(?:(§[\d.]+),? )?(?:steps? )?(\d+(?:(?:, | to | and )\d+)*)$`)
	numbers  = regexp.MustCompile(`\d+`)
)

// rowsOf returns the last cell of each row about steps in the section of docs/specs.md
// that begins with heading, by section named in the row and step. Metadata's rows name
// §3.2 once.
func rowsOf(t *testing.T, heading string) map[string]map[int]string {
	t.Helper()
	_, section, ok := strings.Cut(read(t, "docs/specs.md"), "\n"+heading)
	if !ok {
		t.Fatalf("docs/specs.md has no section %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n##")
	rows := map[string]map[int]string{"": {}}
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		m := stepCell.FindStringSubmatch(strings.TrimSpace(cells[0]))
		if m == nil || len(cells) < 2 {
			continue
		}
		of := m[1]
		if of == "§3.2" {
			of = ""
		}
		if rows[of] == nil {
			rows[of] = map[int]string{}
		}
		for _, step := range span(t, m[2]) {
			rows[of][step] = cells[len(cells)-1]
		}
	}
	return rows
}

// span returns the numbers that text names.
func span(t *testing.T, text string) []int {
	t.Helper()
	var all []int
	for _, n := range numbers.FindAllString(text, -1) {
		all = append(all, number(t, n))
	}
	if strings.Contains(text, " to ") {
		first, last := all[0], all[len(all)-1]
		all = nil
		for n := first; n <= last; n++ {
			all = append(all, n)
		}
	}
	return all
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(fmt.Errorf("a step that is no number: %w", err))
	}
	return n
}
