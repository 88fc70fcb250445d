package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"bestow.dev/internal/verify"
	"bestow.dev/webauthn"
)

// runVerify runs `bestow verify` in this process. The configuration is not there: it
// must not be looked for.
func runVerify(t testing.TB, stdin io.Reader, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv("BESTOW_CONFIG", filepath.Join(t.TempDir(), "not-there.yaml"))
	var out, complaints bytes.Buffer
	in := &invocation{ctx: context.Background(), stdin: stdin, stdout: &out, stderr: &complaints}
	code = run(in, append([]string{"verify"}, args...))
	return code, out.String(), complaints.String()
}

// verdict is what the tests read of a verdict.
type verdict struct {
	Schema, ID, Verdict string
	Reason              webauthn.Reason
	Step, Detail        string
	Registration        map[string]any
	Authentication      map[string]any
	Warnings            []string
	Micros              *int64
}

func parseVerdicts(t testing.TB, text string) []verdict {
	t.Helper()
	var all []verdict
	for line := range strings.Lines(text) {
		var v verdict
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		all = append(all, v)
	}
	return all
}

// vectorCase is one of the standard's examples (§16).
type vectorCase struct {
	text   []byte
	id     string
	format string
	expect map[string]any
}

// vectorCases reads the standard's examples, or skips the test.
func vectorCases(t testing.TB) []vectorCase {
	t.Helper()
	dir := os.Getenv("BESTOW_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "vectors")
	}
	files, err := filepath.Glob(filepath.Join(dir, "webauthn-l3", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatalf("no vectors in %s; set BESTOW_VECTORS", dir)
		}
		t.Skipf("no vectors in %s; set BESTOW_VECTORS", dir)
	}
	var all []vectorCase
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Fmt   string
			Cases []json.RawMessage
		}
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, raw := range file.Cases {
			var head struct {
				ID     string
				Expect map[string]any
			}
			var line bytes.Buffer
			if err := errors.Join(json.Unmarshal(raw, &head), json.Compact(&line, raw)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			all = append(all, vectorCase{line.Bytes(), head.ID, file.Fmt, head.Expect})
		}
	}
	return all
}

// unsupported reports whether v says that this version cannot judge such a case: an
// attestation format, or an algorithm that the standard leaves to choice.
func (c *vectorCase) unsupported(v *verdict) bool {
	return v.Reason == webauthn.ReasonAttestationFormatUnknown ||
		v.Reason == webauthn.ReasonPublicKeyInvalid && c.expect["level"] == "should"
}

// check compares a verdict with what the case expects.
func (c *vectorCase) check(t *testing.T, v *verdict) {
	t.Helper()
	if v.ID != c.id || v.Verdict != c.expect["verdict"] || v.Schema != "webauthn-verdict/1" {
		t.Errorf("%s: %+v", c.id, v)
		return
	}
	found := v.Registration
	if found == nil {
		found = v.Authentication
	}
	for name, want := range c.expect {
		if name == "verdict" || name == "level" {
			continue // level is of the standard's demand
		}
		if !reflect.DeepEqual(found[name], want) {
			t.Errorf("%s: %s is %v, want %v", c.id, name, found[name], want)
		}
	}
	if v.Micros == nil || *v.Micros < 0 || v.Warnings == nil {
		t.Errorf("%s: micros or warnings missing", c.id)
	}
}

// TestVerifyVectors gives the standard's examples to both forms of the verb.
func TestVerifyVectors(t *testing.T) {
	cases := vectorCases(t)
	var lines bytes.Buffer
	for _, c := range cases {
		fmt.Fprintf(&lines, "%s\n", c.text)
	}
	code, stdout, stderr := runVerify(t, &lines, "--batch")
	if code != 0 || stderr != "" {
		t.Errorf("batch: exit %d: %s", code, stderr)
	}
	batch := parseVerdicts(t, stdout)
	if len(batch) != len(cases) {
		t.Fatalf("%d verdicts on %d cases", len(batch), len(cases))
	}
	unsupported := 0
	for i, c := range cases {
		single, stdout, _ := runVerify(t, bytes.NewReader(c.text))
		v := parseVerdicts(t, stdout)
		if len(v) != 1 {
			t.Fatalf("%s: %d verdicts", c.id, len(v))
		}
		if c.unsupported(&batch[i]) {
			unsupported++
			t.Logf("%s: not yet supported (%s): %s", c.id, c.format, batch[i].Detail)
			if single != exitRefused {
				t.Errorf("%s: exit %d", c.id, single)
			}
			continue
		}
		if single != exitDone {
			t.Errorf("%s: exit %d", c.id, single)
		}
		c.check(t, &batch[i])
		c.check(t, &v[0])
	}
	t.Logf("%d cases judged as the standard expects, %d not yet supported", len(cases)-unsupported, unsupported)
}

// TestVerifySpoiledVectors changes one thing in each of the standard's examples.
func TestVerifySpoiledVectors(t *testing.T) {
	at := func(doc map[string]any, name string) map[string]any {
		inner, _ := doc[name].(map[string]any)
		return inner
	}
	changes := []struct {
		name  string
		spoil func(doc map[string]any) (applies bool)
		want  webauthn.Reason
	}{
		{"other challenge", func(doc map[string]any) bool {
			at(doc, "options")["challenge"] = "bm90IHRoZSBjaGFsbGVuZ2U"
			return true
		}, webauthn.ReasonChallenge},
		{"other origin", func(doc map[string]any) bool {
			at(doc, "rp")["origins"] = []string{"https://evil.example"}
			return true
		}, webauthn.ReasonOrigin},
		{"other RP ID", func(doc map[string]any) bool {
			at(doc, "rp")["id"] = "evil.example"
			return true
		}, webauthn.ReasonRPIDHash},
		{"no foreign frames", func(doc map[string]any) bool {
			applies := at(doc, "rp")["allowCrossOrigin"] == true
			at(doc, "rp")["allowCrossOrigin"] = false
			return applies
		}, webauthn.ReasonCrossOrigin},
		{"foreign frames, other pages", func(doc map[string]any) bool {
			pages, _ := at(doc, "rp")["topOrigins"].([]any)
			at(doc, "rp")["topOrigins"] = []string{"https://evil.example"}
			return len(pages) > 0
		}, webauthn.ReasonTopOrigin},
		{"other algorithms", func(doc map[string]any) bool {
			at(doc, "options")["pubKeyCredParams"] = []int{-39}
			return doc["kind"] == "registration"
		}, webauthn.ReasonAlgorithmNotOffered},
		{"flipped bit in the assertion's signature", func(doc map[string]any) bool {
			response := at(at(doc, "response"), "response")
			text, ok := response["signature"].(string)
			if !ok {
				return false
			}
			sig, err := base64.RawURLEncoding.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			sig[len(sig)-1] ^= 1
			response["signature"] = base64.RawURLEncoding.EncodeToString(sig)
			return true
		}, webauthn.ReasonAssertionSignature},
	}
	type judged struct {
		name string
		want webauthn.Reason
	}
	var lines bytes.Buffer
	var expected []judged
	for _, c := range vectorCases(t) {
		if c.expect["level"] != "must" {
			continue
		}
		for _, change := range changes {
			var doc map[string]any
			if err := json.Unmarshal(c.text, &doc); err != nil {
				t.Fatal(err)
			}
			if !change.spoil(doc) {
				continue
			}
			text, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&lines, "%s\n", text)
			expected = append(expected, judged{c.id + ", " + change.name, change.want})
		}
	}
	code, stdout, _ := runVerify(t, &lines, "--batch")
	verdicts := parseVerdicts(t, stdout)
	if code != 0 || len(verdicts) != len(expected) {
		t.Fatalf("exit %d, %d verdicts on %d cases", code, len(verdicts), len(expected))
	}
	for i, e := range expected {
		if v := verdicts[i]; v.Verdict != "reject" || v.Reason != e.want || v.Step == "" || v.Registration != nil || v.Authentication != nil {
			t.Errorf("%s: %+v, want %s", e.name, v, e.want)
		}
	}
	t.Logf("%d spoiled cases refused", len(expected))
}

// TestVerifyTime shows what a verdict says where the case gives no time.
func TestVerifyTime(t *testing.T) {
	tried := 0
	for _, c := range vectorCases(t) {
		var doc map[string]any
		if err := json.Unmarshal(c.text, &doc); err != nil {
			t.Fatal(err)
		}
		policy, _ := doc["policy"].(map[string]any)
		if c.format != "packed" || policy["attestationTrust"] != "require" || c.expect["level"] != "must" {
			continue
		}
		tried++
		for _, change := range []struct {
			name     string
			set      map[string]any
			want     string
			reason   webauthn.Reason
			warnings []string
		}{
			{"untouched", nil, "accept", "", []string{}},
			{"a time long gone", map[string]any{"time": "1999-01-01T00:00:00Z"}, "reject", webauthn.ReasonAttestationCertificateExpired, nil},
			{"no time", map[string]any{"time": nil}, "accept", "", []string{"time_absent"}},
			{
				"no time, trust ignored, no anchors",
				map[string]any{"time": nil, "attestationTrust": "ignore", "trustAnchors": []any{}},
				"accept", "",
				[]string{"attestation_trust_not_required", "time_absent"},
			},
			{"no anchors", map[string]any{"trustAnchors": []any{}}, "reject", webauthn.ReasonAttestationUntrusted, nil},
		} {
			spoiled := map[string]any{}
			for name, value := range policy {
				spoiled[name] = value
			}
			for name, value := range change.set {
				spoiled[name] = value
			}
			doc["policy"] = spoiled
			text, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			_, stdout, _ := runVerify(t, bytes.NewReader(text))
			v := parseVerdicts(t, stdout)[0]
			if v.Verdict != change.want || v.Reason != change.reason || !slices.Equal(v.Warnings, change.warnings) {
				t.Errorf("%s, %s: %+v", c.id, change.name, v)
			}
		}
	}
	if tried == 0 {
		t.Error("no case was tried")
	}
}

// TestVerifyTPMVendors shows that a manufacturer outside the registry passes only
// where the case names it.
func TestVerifyTPMVendors(t *testing.T) {
	tried := 0
	for _, c := range vectorCases(t) {
		without := bytes.Replace(c.text, []byte(`"extraTpmVendors"`), []byte(`"notes"`), 1)
		if bytes.Equal(without, c.text) {
			continue
		}
		tried++
		code, stdout, _ := runVerify(t, bytes.NewReader(without))
		if v := parseVerdicts(t, stdout)[0]; code != 1 || v.Reason != webauthn.ReasonAttestationCertificate {
			t.Errorf("%s: exit %d: %s", c.id, code, stdout)
		}
	}
	if tried == 0 {
		t.Error("no case was tried")
	}
}

// minimal is a case that can be judged, and is refused.
const minimal = `{"schema":"webauthn-case/1","id":"m","kind":"registration","rp":{"id":"a"},"options":{"challenge":"YWJj"},"response":{}}`

func TestVerifyExitCodes(t *testing.T) {
	long := `{"notes":"` + strings.Repeat("x", verify.MaxCaseBytes) + `"}`
	tests := []struct {
		name, stdin string
		args        []string
		code        int
		verdicts    string // the verdicts, one word each
	}{
		{"refused", minimal, nil, 1, "reject"},
		{"refused, over several lines", strings.ReplaceAll(minimal, ",", ",\n"), nil, 1, "reject"},
		{"two cases", minimal + "\n" + minimal, nil, 2, "error"},
		{"nothing", "", nil, 2, "error"},
		{"UAF", `{"schema":"uaf-case/1"}`, nil, 2, "error"},
		{"too long", long, nil, 2, "error"},
		{"batch of nothing", "", []string{"--batch"}, 0, ""},
		{"batch of empty lines", "\n\r\n \t\n", []string{"--batch"}, 0, ""},
		{"batch", minimal + "\n" + minimal + "\n", []string{"--batch"}, 0, "reject reject"},
		{"batch, last line without line feed", minimal + "\n" + minimal, []string{"--batch"}, 0, "reject reject"},
		{"batch with line ends of Windows", minimal + "\r\n" + minimal + "\r\n", []string{"--batch"}, 0, "reject reject"},
		{"batch with bad lines", "{\n" + minimal + "\n\nnull\n" + minimal, []string{"--batch"}, 2, "error reject error reject"},
		{"batch with a long line", minimal + "\n" + long + "\n" + minimal, []string{"--batch"}, 2, "reject error reject"},
		{"batch that ends in a long line", minimal + "\n" + long, []string{"--batch"}, 2, "reject error"},
		{"unknown flag", minimal, []string{"--bach"}, 2, ""},
		{"an argument", minimal, []string{"case.json"}, 2, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := runVerify(t, strings.NewReader(tt.stdin), tt.args...)
			var got []string
			for _, v := range parseVerdicts(t, stdout) {
				got = append(got, v.Verdict)
			}
			if code != tt.code || strings.Join(got, " ") != tt.verdicts {
				t.Errorf("exit %d, verdicts %q, want %d, %q\n%s", code, got, tt.code, tt.verdicts, stderr)
			}
		})
	}
}

// A line may have 4 MiB, its line feed not counted.
func TestVerifyLimit(t *testing.T) {
	pad := func(n int) string {
		return strings.TrimSuffix(minimal, "}") + `,"n":"` + strings.Repeat("x", n-len(minimal)-7) + `"}`
	}
	longest, longer := pad(verify.MaxCaseBytes), pad(verify.MaxCaseBytes+1)
	if len(longest) != verify.MaxCaseBytes || len(longer) != verify.MaxCaseBytes+1 {
		t.Fatalf("%d and %d bytes", len(longest), len(longer))
	}
	code, stdout, _ := runVerify(t, strings.NewReader(longest+"\n"+longer+"\n"+longest+"\n"), "--batch")
	v := parseVerdicts(t, stdout)
	if code != 2 || len(v) != 3 || v[0].Verdict != "reject" || v[1].Verdict != "error" || v[2].Verdict != "reject" {
		t.Errorf("exit %d: %s", code, stdout)
	}
	for _, end := range []string{"", "\n", "\r\n"} {
		if code, _, _ := runVerify(t, strings.NewReader(longest+end)); code != 1 {
			t.Errorf("the longest case and %q: exit %d", end, code)
		}
		if code, _, _ := runVerify(t, strings.NewReader(longest+end), "--batch"); code != 0 {
			t.Errorf("the longest case and %q in a batch: exit %d", end, code)
		}
	}
	// What is cut off a line that is too long does not make a case of it.
	for _, rest := range []string{"\r}", "\r\r}", "\r\r\r}"} {
		if code, _, _ := runVerify(t, strings.NewReader(longest+rest+"\n"), "--batch"); code != 2 {
			t.Errorf("the longest case and %q in a batch: exit %d", rest, code)
		}
	}
	if code, _, _ := runVerify(t, strings.NewReader(longer)); code != 2 {
		t.Errorf("a longer case: exit %d", code)
	}
}

// Each verdict is out before the next line is asked for.
func TestVerifyAnswersAtOnce(t *testing.T) {
	lines, writeLines := io.Pipe()
	readVerdicts, verdicts := io.Pipe()
	ended := make(chan int)
	go func() {
		in := &invocation{ctx: context.Background(), stdin: lines, stdout: verdicts, stderr: io.Discard}
		ended <- run(in, []string{"verify", "--batch"})
	}()
	dec := json.NewDecoder(readVerdicts)
	for range 3 {
		if _, err := io.WriteString(writeLines, minimal+"\n"); err != nil {
			t.Fatal(err)
		}
		var v verdict
		if err := dec.Decode(&v); err != nil || v.ID != "m" {
			t.Fatalf("%+v, %v", v, err)
		}
	}
	writeLines.Close()
	if code := <-ended; code != 0 {
		t.Errorf("exit %d", code)
	}
}

// broken is a file that cannot be read or written.
type broken struct{}

var errBroken = errors.New("broken")

func (broken) Read([]byte) (int, error)  { return 0, errBroken }
func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestVerifyCannotReadOrWrite(t *testing.T) {
	for _, args := range [][]string{{"verify"}, {"verify", "--batch"}} {
		for _, in := range []*invocation{
			{stdin: broken{}, stdout: io.Discard},
			{stdin: strings.NewReader(minimal), stdout: broken{}},
		} {
			var stderr bytes.Buffer
			in.ctx, in.stderr = context.Background(), &stderr
			if code := run(in, args); code != 3 || !strings.Contains(stderr.String(), "broken") {
				t.Errorf("%v: exit %d: %s", args, code, stderr.String())
			}
		}
	}
}

func TestVerifyHelp(t *testing.T) {
	code, stdout, _ := runVerify(t, strings.NewReader(""), "--help")
	if code != 0 || !strings.Contains(stdout, "bestow verify --batch < cases.jsonl") {
		t.Errorf("exit %d\n%s", code, stdout)
	}
}
