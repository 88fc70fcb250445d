package agent

import (
	"strings"
	"unicode"
)

// maxLegible bounds text of the requester's that is shown, in characters.
const maxLegible = 200

// legible returns text that came from outside in a form that may be shown: one line,
// without control and format characters, which could move the cursor of a terminal
// or turn the direction of what follows, and not endless.
func legible(text string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.TrimSpace(text) {
		if n++; n > maxLegible {
			b.WriteRune('…')
			break
		}
		switch {
		case unicode.IsSpace(r):
			b.WriteRune(' ')
		case !unicode.IsPrint(r):
			b.WriteRune('\uFFFD')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
