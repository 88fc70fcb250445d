package console

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/page"
	"bestow.dev/internal/policy"
	"bestow.dev/internal/tenant"
)

var verbs = regexp.MustCompile(`%[a-z]`)

// TestTexts: every text is there in every language, with the same verbs; what is
// asked for is there, and what is there is asked for.
func TestTexts(t *testing.T) {
	for key, text := range texts {
		if text.EN == "" || text.DE == "" {
			t.Errorf("%s is not in every language", key)
		}
		if en, de := verbs.FindAllString(text.EN, -1), verbs.FindAllString(text.DE, -1); strings.Join(en, "") != strings.Join(de, "") {
			t.Errorf("%s: verbs %q and %q", key, en, de)
		}
	}

	used := map[string]bool{}
	asked := func(key string) {
		used[key] = true
		if _, ok := texts[key]; !ok {
			t.Errorf("there is no text %s", key)
		}
	}
	inTemplate := regexp.MustCompile(`\bt "([^"]+)"`)
	inCode := regexp.MustCompile(`(?m)^\t.*(?:texts\[|Title: )"([a-z._]+)"`)
	for _, in := range []struct {
		files   fs.FS
		pattern string
		keys    *regexp.Regexp
	}{{assets, "assets/*.html", inTemplate}, {os.DirFS("."), "*.go", inCode}} {
		names, err := fs.Glob(in.files, in.pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v, %v", in.pattern, names, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := fs.ReadFile(in.files, name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range in.keys.FindAllStringSubmatch(string(text), -1) {
				asked(m[1])
			}
		}
	}
	for _, role := range tenant.Roles() {
		asked("role." + string(role))
		asked("may." + string(role))
	}
	for _, outcome := range []policy.Outcome{policy.Passed, policy.Refused, policy.WouldRefuse, policy.NotJudged} {
		asked("outcome." + string(outcome))
	}
	for _, kind := range []string{"client", "operator", "user", "visitor", "device", "system"} {
		asked("actor." + kind)
	}
	for _, state := range []string{"active", "suspended"} {
		asked("credential." + state)
	}
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		asked("kind." + k.String())
	}
	for key := range texts {
		if !used[key] && !strings.HasPrefix(key, "fault.") {
			t.Errorf("nobody asks for %s", key)
		}
	}
}

func TestWords(t *testing.T) {
	for _, tt := range []struct {
		f          *fault.Error
		lang, want string
	}{
		{fault.New(fault.Denied, "operator.none", "x"), page.German, "Sie sind hier kein Operator."},
		{fault.New(fault.Rejected, "webauthn.origin", "x"), page.English, "The answer of the passkey was refused."},
		{fault.New(fault.Kind(200), "x", "x"), page.English, "Something went wrong on our side."},
	} {
		if got := (&Operator{Language: tt.lang, console: &Console{texts: texts}}).Words(tt.f); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.f.Code, got, tt.want)
		}
	}
}
