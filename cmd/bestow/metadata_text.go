package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// maxLegible bounds a text of others in a table, in characters.
const maxLegible = 200

// legible returns text that somebody else wrote in a form that may be shown: one line,
// without control and format characters, which could move the cursor of a terminal or
// turn the direction of what follows, and not endless.
func legible(text string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.Join(strings.Fields(text), " ") {
		if n++; n > maxLegible {
			b.WriteRune('…')
			break
		}
		if !unicode.IsPrint(r) {
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
	}
	return b.String()
}

// printForeign is print for documents that hold texts of others: the JSON says the
// same, with every character that is not for a terminal escaped.
func (in *invocation) printForeign(v any, table func(w io.Writer)) error {
	if !in.program.JSON {
		return in.print(v, table)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := in.stdout.Write(escapeJSON(b.Bytes()))
	return err
}

// escapeJSON escapes characters outside of ASCII that are not printable. In a JSON
// document they can stand in strings alone. (Those of ASCII are escaped already.)
func escapeJSON(doc []byte) []byte {
	out := make([]byte, 0, len(doc))
	for len(doc) > 0 {
		r, size := utf8.DecodeRune(doc)
		if r < 0x7f || unicode.IsPrint(r) {
			out = append(out, doc[:size]...)
		} else {
			for _, unit := range utf16.Encode([]rune{r}) {
				out = fmt.Appendf(out, `\u%04x`, unit)
			}
		}
		doc = doc[size:]
	}
	return out
}
