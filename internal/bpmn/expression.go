package bpmn

import (
	"encoding/json"
	"fmt"
)

// expression is one node of what stands between ${ and }. It reads variables and changes
// nothing. Its errors name variables and kinds, never values: what a variable holds may
// be nobody's business.
type expression interface {
	eval(vars map[string]json.RawMessage) (value, error)
	String() string // for error messages
}

type literal struct{ value value }

func (l literal) eval(map[string]json.RawMessage) (value, error) { return l.value, nil }
func (l literal) String() string                                 { return string(l.value.json()) }

type variable string

func (v variable) eval(vars map[string]json.RawMessage) (value, error) {
	got, err := readValue(vars[string(v)])
	if err != nil {
		return value{}, fmt.Errorf("%s: %w", v, err)
	}
	return got, nil
}
func (v variable) String() string { return string(v) }

// part is of.name, of['name'] or of[0].
type part struct{ of, name expression }

func (p part) eval(vars map[string]json.RawMessage) (value, error) {
	of, err := p.of.eval(vars)
	if err != nil {
		return value{}, err
	}
	name, err := p.name.eval(vars)
	if err != nil {
		return value{}, err
	}
	var got value
	var ok bool
	switch name.kind {
	case text:
		got, ok = of.member(name.text)
	case number:
		got, ok = of.item(name.text)
	default:
		return value{}, fmt.Errorf("%s is %s, and no name or place in %s", p.name, name.kind, p.of)
	}
	if !ok {
		return value{}, fmt.Errorf("%s is %s: there is no %s in it", p.of, of.kind, p.name)
	}
	return got, nil
}
func (p part) String() string { return p.of.String() + "[" + p.name.String() + "]" }

type not struct{ of expression }

func (n not) eval(vars map[string]json.RawMessage) (value, error) {
	yes, err := holds(n.of, vars)
	return value{kind: truth, yes: !yes}, err
}
func (n not) String() string { return "!" + n.of.String() }

type empty struct{ of expression }

func (e empty) eval(vars map[string]json.RawMessage) (value, error) {
	got, err := e.of.eval(vars)
	return value{kind: truth, yes: got.empty()}, err
}
func (e empty) String() string { return "empty " + e.of.String() }

// either is || and both is &&: the right side is looked at only where it matters.
type either struct{ left, right expression }

func (e either) eval(vars map[string]json.RawMessage) (value, error) {
	yes, err := holds(e.left, vars)
	if err == nil && !yes {
		yes, err = holds(e.right, vars)
	}
	return value{kind: truth, yes: yes}, err
}
func (e either) String() string { return e.left.String() + " || " + e.right.String() }

type both struct{ left, right expression }

func (b both) eval(vars map[string]json.RawMessage) (value, error) {
	yes, err := holds(b.left, vars)
	if err == nil && yes {
		yes, err = holds(b.right, vars)
	}
	return value{kind: truth, yes: yes}, err
}
func (b both) String() string { return b.left.String() + " && " + b.right.String() }

// comparison is one of == != < <= > >=.
type comparison struct {
	op          string
	left, right expression
}

func (c comparison) eval(vars map[string]json.RawMessage) (value, error) {
	left, err := c.left.eval(vars)
	if err != nil {
		return value{}, err
	}
	right, err := c.right.eval(vars)
	if err != nil {
		return value{}, err
	}
	yes, ok := compare(c.op, left, right)
	if !ok {
		return value{}, fmt.Errorf("%s: %s is %s, %s is %s", c, c.left, left.kind, c.right, right.kind)
	}
	return value{kind: truth, yes: yes}, nil
}
func (c comparison) String() string { return c.left.String() + " " + c.op + " " + c.right.String() }

// compare judges a comparison. False says that it makes no sense: a number is neither
// equal to text nor different from it, because whoever asks has mistaken one for the
// other. Nothing may be compared with everything, by == and != alone.
func compare(op string, a, b value) (yes, ok bool) {
	var sign int
	switch {
	case op == "==" || op == "!=":
		switch {
		case a.kind == nothing || b.kind == nothing:
			sign, ok = 1, true
			if a.kind == b.kind {
				sign = 0
			}
		case a.kind == truth && b.kind == truth:
			sign, ok = 1, true
			if a.yes == b.yes {
				sign = 0
			}
		default:
			sign, ok = order(a, b)
		}
	default:
		sign, ok = order(a, b)
	}
	switch op {
	case "==":
		return sign == 0, ok
	case "!=":
		return sign != 0, ok
	case "<":
		return sign < 0, ok
	case "<=":
		return sign <= 0, ok
	case ">":
		return sign > 0, ok
	default:
		return sign >= 0, ok
	}
}

// holds evaluates what has to be true or false.
func holds(e expression, vars map[string]json.RawMessage) (bool, error) {
	got, err := e.eval(vars)
	if err != nil {
		return false, err
	}
	if got.kind != truth {
		return false, fmt.Errorf("%s is %s, where true or false belongs", e, got.kind)
	}
	return got.yes, nil
}
