package settings

import (
	"io/fs"
	"regexp"
	"slices"
	"testing"

	"bestow.dev/internal/page"
)

// TestTexts: every text is there in every language, with the same verbs; what is asked
// for is there, and what is there is asked for.
func TestTexts(t *testing.T) {
	verbs := regexp.MustCompile(`%[a-z]`)
	for _, all := range []page.Texts{texts, faultTexts} {
		for key, text := range all {
			if en, de := verbs.FindAllString(text.EN, -1), verbs.FindAllString(text.DE, -1); text.EN == "" || text.DE == "" || !slices.Equal(en, de) {
				t.Errorf("%s: %q and %q", key, text.EN, text.DE)
			}
		}
	}
	used := map[string]bool{"settings.menu": true}
	names, err := fs.Glob(assets, "assets/*.html")
	if err != nil || len(names) == 0 {
		t.Fatalf("templates %v, %v", names, err)
	}
	asked := []string{"settings.title", "connection.title", "server.title"}
	for _, kind := range []string{"client", "operator", "user", "visitor", "device", "system"} {
		asked = append(asked, "actor."+kind)
	}
	for _, name := range names {
		text, err := fs.ReadFile(assets, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\bt "([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
			asked = append(asked, m[1])
		}
	}
	for _, key := range asked {
		used[key] = true
		if _, ok := texts[key]; !ok {
			t.Errorf("there is no text %s", key)
		}
	}
	for key := range texts {
		if !used[key] {
			t.Errorf("nobody asks for %s", key)
		}
	}
}
