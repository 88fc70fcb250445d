package bpmn

import (
	"fmt"
	"slices"
	"strings"
)

// DefinitionError is one thing in a file that is refused, or, among the warnings of a
// [Definition], one that is probably not meant.
type DefinitionError struct {
	Element string // id of the element, or its name in the standard where it has none; may be empty
	Line    int    // in the file, from 1; 0 for the file as a whole
	Problem string // for people
	Instead string // what to do, for people; may be empty
}

// Error returns everything in one line.
func (e *DefinitionError) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", e.Line)
	}
	if e.Element != "" {
		b.WriteString(e.Element + ": ")
	}
	b.WriteString(e.Problem)
	if e.Instead != "" {
		b.WriteString("; " + e.Instead)
	}
	return b.String()
}

// DefinitionErrors is the error of [Parse]: what is wrong with a file, by line. There is
// at least one, and there are no more than maxProblems.
type DefinitionErrors []*DefinitionError

// Error returns one line for each problem.
func (e DefinitionErrors) Error() string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the problems, each a [*DefinitionError].
func (e DefinitionErrors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, p := range e {
		errs[i] = p
	}
	return errs
}

// maxProblems bounds what is told of one file. Whoever has fifty to mend can ask again.
const maxProblems = 50

// inOrder returns problems by line, the first maxProblems of them.
func inOrder(problems []*DefinitionError) []*DefinitionError {
	slices.SortStableFunc(problems, func(a, b *DefinitionError) int { return a.Line - b.Line })
	return problems[:min(len(problems), maxProblems)]
}

// EventError says that an event makes no sense for a run: a mistake of the caller, not an
// outcome of the process. The state stays as it was.
type EventError struct {
	Event   Event
	Token   int64  // 0 for none
	Element string // where the token is; empty for none
	Problem string
}

// Error returns the text for the log.
func (e *EventError) Error() string {
	text := strings.TrimPrefix(fmt.Sprintf("%T", e.Event), "bpmn.")
	if e.Token != 0 {
		text += fmt.Sprintf(" for token %d", e.Token)
	}
	if e.Element != "" {
		text += " at " + e.Element
	}
	return text + ": " + e.Problem
}
