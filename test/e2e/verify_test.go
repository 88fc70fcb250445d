package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVerify judges an example of the standard's with the built program, in a place
// where there is neither configuration nor data, and spoiled in between.
func TestVerify(t *testing.T) {
	cases := vectorCases(t, "packed-es256.json")
	var lines strings.Builder
	for _, c := range cases {
		lines.Write(encodeLine(t, c))
		options, _ := c["options"].(map[string]any)
		options["challenge"] = "bm90IHRoZSBjaGFsbGVuZ2U"
		lines.Write(encodeLine(t, c))
	}
	lines.WriteString("{\n")

	res := run(t, bestow(), nil, lines.String(), "verify", "--batch")
	if res.code != 2 || res.stderr != "" {
		t.Errorf("exit %d: %s", res.code, res.stderr)
	}
	var got []string
	for line := range strings.Lines(res.stdout) {
		var v struct{ Verdict, Reason string }
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		got = append(got, strings.TrimSpace(v.Verdict+" "+v.Reason))
	}
	want := strings.Repeat("accept, reject challenge, ", len(cases)) + "error json_malformed"
	if strings.Join(got, ", ") != want {
		t.Errorf("verdicts %q, want %q", got, want)
	}

	single, _, _ := strings.Cut(lines.String(), "\n")
	if res := run(t, bestow(), nil, single, "verify"); res.code != 0 || !strings.Contains(res.stdout, `"verdict":"accept"`) {
		t.Errorf("one case: exit %d: %s%s", res.code, res.stdout, res.stderr)
	}
}

// vectorsDir is where the standard's examples are.
func vectorsDir() string {
	dir := os.Getenv("BESTOW_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "vectors")
	}
	return filepath.Join(dir, "webauthn-l3")
}

// vectorCases reads the cases of one of the standard's examples, or skips the test.
func vectorCases(t *testing.T, file string) []map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(vectorsDir(), file))
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%v; set BESTOW_VECTORS", err)
		}
		t.Skipf("%v; set BESTOW_VECTORS", err)
	}
	var doc struct{ Cases []map[string]any }
	if err := json.Unmarshal(text, &doc); err != nil || len(doc.Cases) == 0 {
		t.Fatalf("%s: %d cases, %v", file, len(doc.Cases), err)
	}
	return doc.Cases
}

// encodeLine returns v as one line of JSON.
func encodeLine(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}
