package process

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// A text is cut at its limit, and never within a character.
func TestClip(t *testing.T) {
	for _, unit := range []string{"a", "é", "€", "😀"} {
		for length := maxTextBytes - 8; length < maxTextBytes+8; length++ {
			text := strings.Repeat("x", length%7) + strings.Repeat(unit, length/len(unit))
			got := clip(text)
			switch {
			case len(text) <= maxTextBytes && got != text:
				t.Errorf("%d bytes were cut", len(text))
			case !utf8.ValidString(got), len(got) > maxTextBytes+len("…"), strings.Contains(got, "\uFFFD"):
				t.Errorf("%d bytes of %s were cut to %d: %q", len(text), unit, len(got), got[len(got)-12:])
			case len(text) > maxTextBytes && !strings.HasPrefix(text, strings.TrimSuffix(got, "…")):
				t.Errorf("%q is not the beginning", got[:20])
			}
		}
	}
}
