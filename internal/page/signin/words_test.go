package signin

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"bestow.dev/internal/page"
)

// TestWords: each text is there in every language and is shown; and there are words for
// all that the script for passkeys may have to say while one signs in.
func TestWords(t *testing.T) {
	script, err := os.ReadFile("../assets/passkey.js")
	if err != nil {
		t.Fatal(err)
	}
	table, _, _ := strings.Cut(string(script), "};")
	keys := []string{"follow"}
	for _, m := range regexp.MustCompile(`(?m)^  (\w+): "`).FindAllStringSubmatch(table, -1) {
		if m[1] != "InvalidStateError" { // of making a passkey alone
			keys = append(keys, m[1])
		}
	}
	if len(keys) < 8 {
		t.Fatalf("the script says %q", keys)
	}
	for _, lang := range []string{page.English, page.German} {
		words, err := Words(lang)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if !strings.Contains(string(words), `<p data-word="`+key+`">`) {
				t.Errorf("%s: no words for %s", lang, key)
			}
		}
		for key, text := range texts {
			if said := text.In(lang); said == "" || !strings.Contains(string(words), ">"+said+"<") {
				t.Errorf("%s: %s is not shown: %q", lang, key, said)
			}
		}
	}
}
