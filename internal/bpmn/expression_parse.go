package bpmn

import (
	"encoding/json"
	"fmt"
	"strings"
)

// maxNesting bounds how deep parentheses, indices and operators before a value may nest.
const maxNesting = 32

// ExpressionError says what is wrong with a template or condition, and where.
type ExpressionError struct {
	Text    string
	Offset  int // in bytes
	Problem string
	Instead string // may be empty
}

// Error returns the text with its position, from 1.
func (e *ExpressionError) Error() string {
	text := fmt.Sprintf("%q, character %d: %s", e.Text, e.Offset+1, e.Problem)
	if e.Instead != "" {
		text += "; " + e.Instead
	}
	return text
}

type lexeme struct {
	kind byte // n a name, # a number, ' text, o an operator, 0 the end
	text string
	at   int
}

// words are names that are operators or literals, and what they stand for.
var words = map[string]string{
	"and": "&&", "or": "||", "not": "!", "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
	"empty": "empty", "true": "true", "false": "false", "null": "null",
	"div": "/", "mod": "%", "instanceof": "instanceof", // of other engines: refused
}

// exprParser reads one expression: text from offset on, to the brace that closes it.
type exprParser struct {
	text  string
	at    int
	next  lexeme
	depth int
}

func (p *exprParser) fail(at int, problem, instead string) *ExpressionError {
	return &ExpressionError{Text: p.text, Offset: at, Problem: problem, Instead: instead}
}

// parseExpression reads the expression that begins at offset and returns the offset
// after its closing brace.
func parseExpression(text string, offset int) (expression, int, error) {
	p := &exprParser{text: text, at: offset}
	if err := p.advance(); err != nil {
		return nil, 0, err
	}
	e, err := p.binary(0)
	if err != nil {
		return nil, 0, err
	}
	if p.next.text != "}" || p.next.kind != 'o' {
		return nil, 0, p.unexpected()
	}
	return e, p.at, nil
}

func isLetter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// advance reads the next lexeme.
func (p *exprParser) advance() error {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
	rest := p.text[p.at:]
	if rest == "" {
		p.next = lexeme{0, "", p.at}
		return nil
	}
	switch c := rest[0]; {
	case isLetter(c):
		n := 1
		for n < len(rest) && (isLetter(rest[n]) || isDigit(rest[n])) {
			n++
		}
		p.take('n', n)
		if op, ok := words[p.next.text]; ok {
			p.next.kind, p.next.text = 'o', op
		}
	case isDigit(c):
		return p.number(rest)
	case c == '\'' || c == '"':
		return p.quoted(rest)
	default:
		n := 1
		if len(rest) > 1 && strings.Contains("== != <= >= && ||", rest[:2]) && rest[1] != ' ' {
			n = 2
		}
		p.take('o', n)
	}
	return nil
}

func (p *exprParser) take(kind byte, n int) {
	p.next = lexeme{kind, p.text[p.at : p.at+n], p.at}
	p.at += n
}

func (p *exprParser) number(rest string) error {
	n := 1
	for n < len(rest) && (isDigit(rest[n]) || rest[n] == '.' && n+1 < len(rest) && isDigit(rest[n+1])) {
		n++
	}
	if n > 30 || !json.Valid([]byte(rest[:n])) || n < len(rest) && isLetter(rest[n]) {
		return p.fail(p.at, "is not a number", "write it like 3 or 0.5")
	}
	p.take('#', n)
	return nil
}

// quoted reads text in quotes of either kind; a backslash takes the next character as it is.
func (p *exprParser) quoted(rest string) error {
	var b strings.Builder
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == rest[0]:
			p.next = lexeme{'\'', b.String(), p.at}
			p.at += i + 1
			return nil
		case rest[i] == '\\' && i+1 < len(rest):
			i++
		}
		b.WriteByte(rest[i])
	}
	return p.fail(p.at, "text without its closing quote", "")
}

// levels are the operators between two values, those that bind least first.
var levels = [][]string{{"||"}, {"&&"}, {"==", "!="}, {"<", "<=", ">", ">="}}

func (p *exprParser) operator(level int) (string, bool) {
	if p.next.kind == 'o' {
		for _, op := range levels[level] {
			if p.next.text == op {
				return op, true
			}
		}
	}
	return "", false
}

func (p *exprParser) binary(level int) (expression, error) {
	if level == len(levels) {
		return p.unary()
	}
	left, err := p.binary(level + 1)
	if err != nil {
		return nil, err
	}
	for {
		op, ok := p.operator(level)
		if !ok {
			return left, nil
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		right, err := p.binary(level + 1)
		if err != nil {
			return nil, err
		}
		switch op {
		case "||":
			left = either{left, right}
		case "&&":
			left = both{left, right}
		default:
			left = comparison{op, left, right}
		}
	}
}

// nested reads what is one level deeper.
func (p *exprParser) nested(read func() (expression, error)) (expression, error) {
	if p.depth++; p.depth > maxNesting {
		return nil, p.fail(p.next.at, "is nested too deep", "")
	}
	defer func() { p.depth-- }()
	if err := p.advance(); err != nil {
		return nil, err
	}
	return read()
}

func (p *exprParser) unary() (expression, error) {
	if p.next.kind != 'o' {
		return p.postfix()
	}
	switch p.next.text {
	case "!":
		e, err := p.nested(p.unary)
		return not{e}, err
	case "empty":
		e, err := p.nested(p.unary)
		return empty{e}, err
	case "-":
		return p.negative()
	}
	return p.postfix()
}

func (p *exprParser) negative() (expression, error) {
	at := p.next.at
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.next.kind != '#' {
		return nil, p.fail(at, "there is no arithmetic", noArithmetic)
	}
	e := literal{value{kind: number, text: "-" + p.next.text}}
	return e, p.advance()
}

const noArithmetic = "have a service task set a variable"

func (p *exprParser) postfix() (expression, error) {
	e, err := p.primary()
	if err != nil {
		return nil, err
	}
	for p.next.kind == 'o' && (p.next.text == "." || p.next.text == "[") {
		var name expression
		if p.next.text == "." {
			name, err = p.nested(p.memberName)
		} else {
			name, err = p.nested(p.index)
		}
		if err != nil {
			return nil, err
		}
		e = part{e, name}
	}
	if p.next.kind == 'o' && p.next.text == "(" {
		return nil, p.fail(p.next.at, "methods and functions cannot be called", "compare variables, or have a service task set one")
	}
	return e, nil
}

func (p *exprParser) memberName() (expression, error) {
	at := p.next.at
	if p.next.kind != 'n' && !(p.next.kind == 'o' && isLetter(p.text[at])) {
		return nil, p.fail(at, "a member's name belongs here", "")
	}
	// The text as written: a member may be called as an operator is.
	e := literal{value{kind: text, text: p.text[at:p.at]}}
	return e, p.advance()
}

func (p *exprParser) index() (expression, error) {
	e, err := p.binary(0)
	if err != nil {
		return nil, err
	}
	if p.next.kind != 'o' || p.next.text != "]" {
		return nil, p.unexpected()
	}
	return e, p.advance()
}

func (p *exprParser) primary() (expression, error) {
	var e expression
	switch at := p.next; {
	case at.kind == 'n':
		e = variable(at.text)
	case at.kind == '#':
		e = literal{value{kind: number, text: at.text}}
	case at.kind == '\'':
		e = literal{value{kind: text, text: at.text}}
	case at.text == "true" || at.text == "false":
		e = literal{value{kind: truth, yes: at.text == "true"}}
	case at.text == "null":
		e = literal{value{kind: nothing}}
	case at.text == "(":
		inner, err := p.nested(func() (expression, error) { return p.binary(0) })
		if err != nil {
			return nil, err
		}
		if p.next.text != ")" || p.next.kind != 'o' {
			return nil, p.unexpected()
		}
		e = inner
	default:
		return nil, p.unexpected()
	}
	return e, p.advance()
}

// unexpected says what is wrong with the next lexeme.
func (p *exprParser) unexpected() error {
	at := p.next
	if at.kind == 0 {
		return p.fail(at.at, "the expression is not closed", "end it with }")
	}
	if at.kind == 'o' {
		switch at.text {
		case "=":
			return p.fail(at.at, "there is no assignment", "compare with ==")
		case "+", "-", "*", "/", "%":
			return p.fail(at.at, "there is no arithmetic", noArithmetic)
		case "?", ":", "instanceof":
			return p.fail(at.at, "there is no "+at.text, "choose by an exclusive gateway")
		case "}":
			return p.fail(at.at, "the expression ends too early", "")
		}
	}
	return p.fail(at.at, fmt.Sprintf("%q is not expected here", at.text), "")
}
