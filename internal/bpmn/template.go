package bpmn

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxTemplateBytes bounds a template as written, and maxTextBytes what it comes to.
const (
	maxTemplateBytes = 4096
	maxTextBytes     = 1 << 20
)

// Template is text that may have expressions in it, as in "Key of ${user.name}". The
// zero value is the empty text.
//
// An expression is between ${ and }; \${ is the characters themselves. It is made of
// variables (user, user.name, list[0]), literals ('text', "text", 3, 0.5, true, false,
// null), == != < <= > >= && || !, their names in letters (eq ne lt le gt ge and or not),
// empty, and parentheses. A variable that is missing is null.
type Template struct {
	written string
	parts   []expression // text between expressions as literals
	literal bool         // written is the text itself
}

// Text returns the template that is the given text, whatever stands in it.
func Text(s string) Template { return Template{written: s, literal: true} }

// ParseTemplate parses a template. Its error is an [*ExpressionError].
func ParseTemplate(s string) (Template, error) {
	if err := checkText(s, maxTemplateBytes); err != nil {
		return Template{}, err
	}
	t := Template{written: s}
	var plain strings.Builder
	flush := func() {
		if plain.Len() > 0 {
			t.parts = append(t.parts, literal{value{kind: text, text: plain.String()}})
			plain.Reset()
		}
	}
	for at := 0; at < len(s); {
		switch rest := s[at:]; {
		case strings.HasPrefix(rest, `\${`):
			plain.WriteString("${")
			at += 3
		case strings.HasPrefix(rest, "#{"):
			return Template{}, &ExpressionError{s, at, "expressions in #{} are not read", "write ${…}"}
		case strings.HasPrefix(rest, "${"):
			flush()
			e, after, err := parseExpression(s, at+2)
			if err != nil {
				return Template{}, err
			}
			t.parts = append(t.parts, e)
			at = after
		default:
			plain.WriteByte(s[at])
			at++
		}
	}
	flush()
	return t, nil
}

func checkText(s string, limit int) error {
	if len(s) > limit {
		return &ExpressionError{s[:20] + "…", limit, fmt.Sprintf("is longer than %d bytes", limit), ""}
	}
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return &ExpressionError{strings.ToValidUTF8(s, "?"), 0, "is not UTF-8", ""}
	}
	return nil
}

// String returns the template as it was written.
func (t Template) String() string { return t.written }

// IsZero reports whether t is the empty text.
func (t Template) IsZero() bool { return t.written == "" }

// Literal returns the text of a template that has no expression in it.
func (t Template) Literal() (string, bool) {
	switch {
	case t.literal || t.written == "":
		return t.written, true
	case len(t.parts) == 1:
		// One expression alone is none, even if it is a literal: it may be a number.
		if l, ok := t.parts[0].(literal); ok && !strings.HasPrefix(t.written, "${") {
			return l.value.text, true
		}
	}
	return "", false
}

// Value returns what the template comes to, as JSON: the value of the expression, if it
// is a single one and nothing else, and text in every other case. It shares nothing with
// vars. Its errors name variables, never what they hold.
func (t Template) Value(vars map[string]json.RawMessage) (json.RawMessage, error) {
	v, err := t.eval(vars)
	if err != nil {
		return nil, err
	}
	return v.json(), nil
}

// TextValue returns what the template comes to as text. Nothing is the empty text; a
// list or an object is an error.
func (t Template) TextValue(vars map[string]json.RawMessage) (string, error) {
	v, err := t.eval(vars)
	if err != nil {
		return "", err
	}
	if v.kind == list || v.kind == structure {
		return "", fmt.Errorf("%s is %s, where text belongs", t.written, v.kind)
	}
	return v.inText(), nil
}

func (t Template) eval(vars map[string]json.RawMessage) (value, error) {
	if s, ok := t.Literal(); ok {
		return value{kind: text, text: s}, nil
	}
	if len(t.parts) == 1 {
		return t.parts[0].eval(vars)
	}
	var b strings.Builder
	for _, p := range t.parts {
		v, err := p.eval(vars)
		if err != nil {
			return value{}, err
		}
		if b.WriteString(v.inText()); b.Len() > maxTextBytes {
			return value{}, fmt.Errorf("%s comes to more than %d bytes", t.written, maxTextBytes)
		}
	}
	return value{kind: text, text: b.String()}, nil
}

// Condition decides about a flow.
type Condition struct {
	written string
	root    expression
}

// ParseCondition parses a condition: one expression in ${}, and nothing around it but
// space. Its error is an [*ExpressionError].
func ParseCondition(s string) (*Condition, error) {
	s = strings.TrimSpace(s)
	if err := checkText(s, maxTemplateBytes); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(s, "${") {
		return nil, &ExpressionError{s, 0, "a condition is one expression in ${}", "write it like ${answer == 'yes'}"}
	}
	root, after, err := parseExpression(s, 2)
	if err != nil {
		return nil, err
	}
	if after != len(s) {
		return nil, &ExpressionError{s, after, "a condition is one expression in ${}, with nothing after it", "use && and || inside"}
	}
	if l, ok := root.(literal); ok && l.value.kind != truth {
		return nil, &ExpressionError{s, 2, "is " + string(l.value.kind) + ", where true or false belongs", "compare it with something"}
	}
	return &Condition{s, root}, nil
}

// String returns the condition as it was written.
func (c *Condition) String() string { return c.written }

// Holds evaluates the condition. What is neither true nor false is an error, as null is.
func (c *Condition) Holds(vars map[string]json.RawMessage) (bool, error) {
	return holds(c.root, vars)
}

// maxNameBytes bounds the name of a variable.
const maxNameBytes = 64

var errName = errors.New("a variable's name is made of letters, digits and _, begins with no digit, is no word of expressions, and has at most 64 characters")

// CheckName returns an error if expressions could not speak of a variable by this name.
func CheckName(name string) error {
	if name == "" || len(name) > maxNameBytes || isDigit(name[0]) || words[name] != "" {
		return errName
	}
	for i := range len(name) {
		if !isLetter(name[i]) && !isDigit(name[i]) {
			return errName
		}
	}
	return nil
}
