package main

import (
	"fmt"
	"strings"
)

// edit breaks one check.
type edit struct {
	name          string // file: step or function: what is no longer checked
	file          string // below the package
	before, after string // whole lines
}

// parse reads a list of edits. Lines that begin with "//" are for people.
func parse(text string) ([]edit, error) {
	var edits []edit
	for n, line := range strings.Split(text, "\n") {
		if line == "" || strings.HasPrefix(line, "//") {
			continue
		}
		if name, ok := strings.CutPrefix(line, "# "); ok {
			file, _, ok := strings.Cut(name, ": ")
			if !ok {
				return nil, fmt.Errorf("line %d: an edit is named \"file: what it breaks\"", n+1)
			}
			edits = append(edits, edit{name: name, file: file})
			continue
		}
		if len(edits) == 0 {
			return nil, fmt.Errorf("line %d: no edit has begun", n+1)
		}
		e := &edits[len(edits)-1]
		kept := line[1:] + "\n"
		switch line[0] {
		case ' ':
			e.before += kept
			e.after += kept
		case '-':
			e.before += kept
		case '+':
			e.after += kept
		default:
			return nil, fmt.Errorf("line %d begins with none of # - + and space", n+1)
		}
	}
	return edits, check(edits)
}

// check refuses edits that change nothing, and names that are not unique.
func check(edits []edit) error {
	seen := map[string]bool{}
	for _, e := range edits {
		if e.before == e.after || e.before == "" {
			return fmt.Errorf("edit %q changes nothing", e.name)
		}
		if seen[e.name] {
			return fmt.Errorf("two edits are named %q", e.name)
		}
		seen[e.name] = true
	}
	return nil
}

// apply returns text with the edit made. The lines it is about have to be there once.
func (e *edit) apply(text string) (string, error) {
	at, count := -1, 0
	for from := 0; ; {
		i := strings.Index(text[from:], e.before)
		if i < 0 {
			break
		}
		if from+i == 0 || text[from+i-1] == '\n' {
			at = from + i
			count++
		}
		from += i + 1
	}
	if count != 1 {
		return "", fmt.Errorf("the lines to replace are in %s %d times", e.file, count)
	}
	return text[:at] + e.after + text[at+len(e.before):], nil
}
