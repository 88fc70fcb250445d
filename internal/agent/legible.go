package agent

import (
	"strings"
	"unicode"
)

// maxLegible bounds text of the requester's that is shown, in characters.
const maxLegible = 200

// legible returns text that came from outside in a form that may be shown: one line,
// without control and format characters, which could move the cursor of a terminal
// or turn the direction of what follows, without the runs of spaces that could make
// its end look like a line of ours, and not endless.
func legible(text string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.Join(strings.Fields(text), " ") {
		if n++; n > maxLegible {
			b.WriteRune('…')
			break
		}
		if !unicode.IsPrint(r) {
			r = '\uFFFD'
		}
		b.WriteRune(r)
	}
	return b.String()
}
