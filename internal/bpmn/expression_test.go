package bpmn_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"bestow.dev/internal/bpmn"
)

var vars = map[string]json.RawMessage{
	"yes": json.RawMessage(`true`), "no": json.RawMessage(`false`), "nil": json.RawMessage(`null`),
	"n": json.RawMessage(`3`), "big": json.RawMessage(`9007199254740993`), "x": json.RawMessage(`2.5`),
	"name": json.RawMessage(`"alice"`), "blank": json.RawMessage(`""`), "none": json.RawMessage(` [ ] `),
	"user": json.RawMessage(`{"name":"Alice \"A\"","keys":[{"id":"k1"},{"id":"k2"}],"empty":1}`),
	"key":  json.RawMessage(`"name"`), "broken": json.RawMessage(`{`), "secret": json.RawMessage(`"hunter2"`),
}

func TestConditions(t *testing.T) {
	tests := []struct {
		text string
		want bool
	}{
		{`${true}`, true},
		{`${yes}`, true},
		{` ${ !yes } `, false},
		{`${not no}`, true},
		{`${yes && no || yes}`, true},
		{`${yes and (no or yes)}`, true},
		{`${no && missing}`, false}, // the right side is not looked at
		{`${yes || missing}`, true},
		{`${n == 3}`, true},
		{`${n == 3.0}`, true},
		{`${n != 3}`, false},
		{`${n lt 4 and n ge 3}`, true},
		{`${-1 < n}`, true},
		{`${x > 2}`, true},
		{`${big == 9007199254740992}`, false}, // exact
		{`${name == 'alice'}`, true},
		{`${name eq "alice"}`, true},
		{`${name < 'bob'}`, true},
		{`${'it\'s' == "it's"}`, true},
		{`${missing == null}`, true},
		{`${missing != 3}`, true},
		{`${nil == missing.a[0].b}`, true},
		{`${empty missing}`, true},
		{`${empty blank && empty none}`, true},
		{`${empty name}`, false},
		{`${empty n}`, false},
		{`${user.keys[1].id == 'k2'}`, true},
		{`${user['name'] == user[key]}`, true},
		{`${user.empty == 1}`, true}, // a member may be called as an operator
		{`${user.keys[7] == null}`, true},
		{`${yes == !no}`, true},
	}
	for _, tt := range tests {
		c, err := bpmn.ParseCondition(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if got, err := c.Holds(vars); got != tt.want || err != nil {
			t.Errorf("%s = %v, %v", tt.text, got, err)
		}
	}
}

func TestConditionsThatMakeNoSense(t *testing.T) {
	for text, want := range map[string]string{
		`${missing}`:           "nothing, where true or false belongs",
		`${name}`:              "text, where",
		`${n && yes}`:          "a number, where",
		`${n == 'three'}`:      "n is a number",
		`${yes == 'true'}`:     "true or false",
		`${missing < 3}`:       "missing is nothing",
		`${yes < no}`:          "true or false",
		`${user == user}`:      "an object",
		`${name.first == 1}`:   "there is no",
		`${user[0] == 1}`:      "there is no",
		`${user[yes] == 1}`:    "no name or place",
		`${broken == 1}`:       "not JSON",
		`${secret == 3}`:       "secret is text",
		`${!(secret == true)}`: "secret is text",
	} {
		c, err := bpmn.ParseCondition(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := c.Holds(vars)
		if got || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s = %v, %v; want %q", text, got, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error tells what a variable holds: %v", text, err)
		}
	}
}

func TestTemplates(t *testing.T) {
	for text, want := range map[string]string{
		``:                               `""`,
		`plain`:                          `"plain"`,
		`${n}`:                           `3`,
		`${user.keys}`:                   `[{"id":"k1"},{"id":"k2"}]`,
		`${missing}`:                     `null`,
		`${yes}`:                         `true`,
		`Key of ${name}, ${n}${missing}`: `"Key of alice, 3"`,
		`${name}${n}`:                    `"alice3"`,
		`\${name}`:                       `"${name}"`,
		`$5 {x} }`:                       `"$5 {x} }"`,
		`${'}'}`:                         `"}"`,
		`${n == 3} `:                     `"true "`,
		`ä${user.name}`:                  `"äAlice \"A\""`,
	} {
		tp, err := bpmn.ParseTemplate(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := tp.Value(vars); string(got) != want || err != nil {
			t.Errorf("%s = %s, %v; want %s", text, got, err, want)
		}
		if tp.String() != text {
			t.Errorf("%s is written %s", text, tp)
		}
	}
	if got, ok := bpmn.Text("${n}").Literal(); got != "${n}" || !ok {
		t.Errorf("Text is no literal: %q, %v", got, ok)
	}
	if got, err := bpmn.Text("${n}").Value(vars); string(got) != `"${n}"` || err != nil {
		t.Errorf("Text has the value %s, %v", got, err)
	}
	tp, _ := bpmn.ParseTemplate("${user}")
	if got, err := tp.TextValue(vars); err == nil {
		t.Errorf("an object as text: %q", got)
	}
}

func TestExpressionRefusals(t *testing.T) {
	for text, want := range map[string]string{
		`${`:                      "not closed",
		`${a`:                     "not closed",
		`${}`:                     "too early",
		`${a == }`:                "too early",
		`${a = 1}`:                "no assignment",
		`${a + 1}`:                "no arithmetic",
		`${a - 1}`:                "no arithmetic",
		`${-a}`:                   "no arithmetic",
		`${a div 2}`:              "no arithmetic",
		`${a ? b : c}`:            "there is no ?",
		`${a.b()}`:                "cannot be called",
		`${f(a)}`:                 "cannot be called",
		`${a b}`:                  `"b" is not expected`,
		`${a.}`:                   "member's name",
		`${a[1}`:                  "too early",
		`${(a}`:                   "too early",
		`${'a}`:                   "closing quote",
		`${007}`:                  "not a number",
		`${1.}`:                   "member's name",
		`${3x}`:                   "not a number",
		`${ä}`:                    "is not expected",
		`#{a}`:                    "not read",
		"a\x00":                   "not UTF-8",
		strings.Repeat("a", 5000): "longer than",
		"${" + strings.Repeat("(", 50) + "a" + strings.Repeat(")", 50) + "}": "too deep",
		"${" + strings.Repeat("!", 50) + "a}":                                "too deep",
		"${" + strings.Repeat("empty ", 50) + "a}":                           "too deep",
	} {
		_, err := bpmn.ParseTemplate(text)
		var e *bpmn.ExpressionError
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %q", text, err, want)
		}
	}
}

func FuzzExpression(f *testing.F) {
	for _, s := range []string{`${yes && n == 3}`, `Key of ${user.name}`, `${empty user.keys[0]['id'] or not (n lt 4)}`, `\${a} ${'}'}`, `${-1.5 <= x}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tp, err := bpmn.ParseTemplate(text)
		if err == nil {
			first, errFirst := tp.Value(vars)
			second, errSecond := tp.Value(vars)
			if string(first) != string(second) || (errFirst == nil) != (errSecond == nil) {
				t.Fatalf("%q is %s and %s", text, first, second)
			}
			if errFirst == nil && !json.Valid(first) {
				t.Fatalf("%q is %s, which is not JSON", text, first)
			}
		}
		if c, err := bpmn.ParseCondition(text); (c == nil) == (err == nil) {
			t.Fatalf("ParseCondition(%q) = %v, %v", text, c, err)
		} else if c != nil {
			_, _ = c.Holds(vars) // must not panic
		}
	})
}
