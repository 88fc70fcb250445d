package strictjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/strictjson"
)

// refusal returns the refusal in err; nil for nil.
func refusal(t testing.TB, err error) *strictjson.Error {
	t.Helper()
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*strictjson.Error](err)
	if !ok {
		t.Fatalf("error %v (%T) is no *Error", err, err)
	}
	return e
}

func reasonOf(t testing.TB, err error) strictjson.Reason {
	t.Helper()
	if e := refusal(t, err); e != nil {
		return e.Reason
	}
	return ""
}

func TestText(t *testing.T) {
	arrays := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	tests := []struct {
		name, text string
		want       strictjson.Reason // empty: accepted
	}{
		{"null", `null`, ""},
		{"true", `true`, ""},
		{"false", ` false `, ""},
		{"zero", `0`, ""},
		{"numbers", `[-0,1,10,-12.50,1e5,1E+05,0.1e-7]`, ""},
		{"string", `"Käse \"\\\/\b\f\n\r\t\u00e4"`, ""},
		{"surrogate pair", `"\ud83d\uDE00"`, ""},
		{"highest character", `"` + "\U0010ffff" + `"`, ""},
		{"the replacement character itself", `"` + "\ufffd" + `\ufffd"`, ""},
		{"DEL is no control character here", "\"\x7f\"", ""},
		{"nested", `{"a":{"a":[{},[]]},"b":[{"a":1},{"a":1}]}`, ""},
		{"white space", " \t\r\n{ \"a\" : [ 1 , 2 ] } \n", ""},
		{"deep", arrays(32), ""},

		{"nothing", ``, strictjson.Syntax},
		{"white space alone", ` `, strictjson.Syntax},
		{"byte order mark", "\ufeff{}", strictjson.Syntax},
		{"other white space", "\u00a0{}", strictjson.Syntax},
		{"comment", `{} // no`, strictjson.Trailing},
		{"leading zero", `01`, strictjson.Trailing},
		{"plus", `+1`, strictjson.Syntax},
		{"no digits", `-`, strictjson.Syntax},
		{"no digits before the point", `.5`, strictjson.Syntax},
		{"no digits after the point", `1.`, strictjson.Syntax},
		{"no digits in the exponent", `1e+`, strictjson.Syntax},
		{"NaN", `NaN`, strictjson.Syntax},
		{"hexadecimal", `0x10`, strictjson.Trailing},
		{"word cut short", `tru`, strictjson.Syntax},
		{"word too long", `nulll`, strictjson.Trailing},
		{"word in capitals", `True`, strictjson.Syntax},
		{"single quotes", `'a'`, strictjson.Syntax},
		{"string without end", `"a`, strictjson.Syntax},
		{"string that ends in a backslash", `"a\`, strictjson.Syntax},
		{"control character", "\"\n\"", strictjson.Syntax},
		{"NUL", "\"\x00\"", strictjson.Syntax},
		{"unknown escape", `"\x41"`, strictjson.Syntax},
		{"short escape", `"\u12"`, strictjson.Syntax},
		{"escape of other digits", `"\u12g4"`, strictjson.Syntax},
		{"array without end", `[1`, strictjson.Syntax},
		{"array with a comma too many", `[1,]`, strictjson.Syntax},
		{"array with a comma too few", `[1 2]`, strictjson.Syntax},
		{"array closed as object", `[1}`, strictjson.Syntax},
		{"object without end", `{"a":1`, strictjson.Syntax},
		{"object with a comma too many", `{"a":1,}`, strictjson.Syntax},
		{"object without colon", `{"a" 1}`, strictjson.Syntax},
		{"object without value", `{"a":}`, strictjson.Syntax},
		{"name without quotes", `{a:1}`, strictjson.Syntax},
		{"number as name", `{1:1}`, strictjson.Syntax},

		{"bytes that are not UTF-8", "\"\xff\"", strictjson.Encoding},
		{"UTF-8 cut short", "\"\xc3\"", strictjson.Encoding},
		{"overlong", "\"\xc0\xaf\"", strictjson.Encoding},
		{"surrogate in UTF-8", "\"\xed\xa0\x80\"", strictjson.Encoding},
		{"beyond Unicode", "\"\xf4\x90\x80\x80\"", strictjson.Encoding},
		{"not UTF-8 in a name", "{\"\xff\":1}", strictjson.Encoding},
		{"high surrogate alone", `"\ud83d"`, strictjson.Encoding},
		{"low surrogate alone", `"\ude00"`, strictjson.Encoding},
		{"high surrogate twice", `"\ud83d\ud83d"`, strictjson.Encoding},
		{"surrogates the wrong way round", `"\ude00\ud83d"`, strictjson.Encoding},
		{"high surrogate and other escape", `"\ud83d\n"`, strictjson.Encoding},
		{"surrogate alone in a name", `{"\ud83d":1}`, strictjson.Encoding},

		{"second value", `{}{}`, strictjson.Trailing},
		{"brace too many", `{}}`, strictjson.Trailing},
		{"NUL after the value", "{}\x00", strictjson.Trailing},

		{"member twice", `{"a":1,"a":1}`, strictjson.Duplicate},
		{"member twice, apart", `{"a":1,"b":{"a":1},"a":2}`, strictjson.Duplicate},
		{"member twice, deep inside", `[{"b":[{"a":1,"a":1}]}]`, strictjson.Duplicate},
		{"member twice, escaped", `{"a":1,"\u0061":1}`, strictjson.Duplicate},
		{"empty name twice", `{"":1,"":1}`, strictjson.Duplicate},
		{"names that differ in case", `{"a":1,"A":1}`, ""},
		{"names that look alike", `{"é":1,"e\u0301":1}`, ""},

		{"as many values as there may be", "[" + strings.Repeat("0,", 1<<16-2) + "0]", ""},
		{"a value too many", "[" + strings.Repeat("0,", 1<<16-1) + "0]", strictjson.Size},

		{"too deep", arrays(33), strictjson.Depth},
		{"far too deep", strings.Repeat(`{"a":`, 100_000), strictjson.Depth},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var v any
			err := strictjson.Decode([]byte(tt.text), &v)
			if got := reasonOf(t, err); got != tt.want {
				t.Fatalf("Decode(%.80q) = %v, want reason %q", tt.text, err, tt.want)
			}
			if err != nil {
				if v != nil {
					t.Errorf("Decode(%.80q) refused, and left %v", tt.text, v)
				}
				return
			}
			var want any
			if err := json.Unmarshal([]byte(tt.text), &want); err != nil || !reflect.DeepEqual(v, want) {
				t.Errorf("Decode(%.80q) gave %v; encoding/json gives %v, %v", tt.text, v, want, err)
			}
		})
	}
}

func TestManyMembers(t *testing.T) {
	var text strings.Builder
	text.WriteString(`{"m":0`)
	for i := range 40_000 {
		fmt.Fprintf(&text, `,"m%d":{"m0":1}`, i)
	}
	good, many := text.String(), strictjson.MaxValues(1<<20)
	for _, last := range []string{"m", "m0", "m23", "m24", "m25", "m39999"} {
		if got := reasonOf(t, strictjson.Decode([]byte(good+`,"`+last+`":1}`), new(any), many)); got != strictjson.Duplicate {
			t.Errorf("%s twice among many: reason %q, want %q", last, got, strictjson.Duplicate)
		}
	}
	if err := strictjson.Decode([]byte(good+`,"m40000":1}`), new(any), many); err != nil {
		t.Errorf("many members: %v", err)
	}
}

// Sets of names are used again for the next object, and empty.
func TestManyObjectsOfManyMembers(t *testing.T) {
	object := func(last string) string {
		var text strings.Builder
		for i := range 30 {
			fmt.Fprintf(&text, `"m%d":0,`, i)
		}
		return "{" + text.String() + `"` + last + `":{}}`
	}
	good := object("m30") + "," + strings.Repeat(object("m31")+",", 10)
	if err := strictjson.Decode([]byte("["+good+object("m30")+"]"), new(any)); err != nil {
		t.Errorf("many objects: %v", err)
	}
	err := strictjson.Decode([]byte("["+good+object("m7")+"]"), new(any))
	if got := reasonOf(t, err); got != strictjson.Duplicate {
		t.Errorf("a member twice in the last of many objects: %v", err)
	}
}

type leaf struct {
	ID strictjson.Bytes `json:"id"`
	N  int8             `json:"n"`
}

type embedded struct {
	Inside string `json:"inside"`
	Hidden string `json:"name"`
}

type tree struct {
	embedded
	Name   string          `json:"name"`
	Plain  bool            // no tag: the member is Plain
	Leaf   leaf            `json:"leaf"`
	More   *leaf           `json:"more"`
	Leaves []leaf          `json:"leaves"`
	Named  map[string]leaf `json:"named"`
	Next   *tree           `json:"next"`
	Time   time.Time       `json:"time"`
	Raw    json.RawMessage `json:"raw"`
	Any    any             `json:"any"`
	Two    [2]int          `json:"two"`
	Not    string          `json:"-"`
}

func TestInto(t *testing.T) {
	unknown, null := strictjson.DisallowUnknown(), strictjson.DisallowNull()
	type options = []strictjson.Option
	tests := []struct {
		name, text string
		opts       options
		want       strictjson.Reason // empty: accepted
		path       string
	}{
		{"nothing", `{}`, options{unknown, null}, "", ""},
		{"all", `{"inside":"","name":"","Plain":true,"leaf":{"id":"AQ","n":1},"more":null,"leaves":[{"id":""}],"named":{"x":{"n":2}},` +
			`"next":{"next":{}},"time":"2026-01-02T03:04:05Z","raw":{"A":1,"a":null},"any":{"X":null},"two":[1,2]}`, options{unknown, null}, "", ""},

		{"unknown, tolerated", `{"other":1,"leaf":{"other":{}}}`, nil, "", ""},
		{"unknown", `{"other":1}`, options{unknown}, strictjson.Unknown, "other"},
		{"unknown inside", `{"leaf":{"other":1}}`, options{unknown}, strictjson.Unknown, "leaf.other"},
		{"unknown behind a pointer", `{"more":{"other":1}}`, options{unknown}, strictjson.Unknown, "more.other"},
		{"unknown in an array", `{"leaves":[{},{"other":1}]}`, options{unknown}, strictjson.Unknown, "leaves[1].other"},
		{"unknown in a map", `{"named":{"x":{"other":1}}}`, options{unknown}, strictjson.Unknown, "named.x.other"},
		{"unknown in itself", `{"next":{"next":{"other":1}}}`, options{unknown}, strictjson.Unknown, "next.next.other"},
		{"case", `{"Name":""}`, options{unknown}, strictjson.Unknown, "Name"},
		{"case, no tag", `{"plain":true}`, options{unknown}, strictjson.Unknown, "plain"},
		{"field without member", `{"Not":""}`, options{unknown}, strictjson.Unknown, "Not"},
		{"odd name", `{"a.b\n":1}`, options{unknown}, strictjson.Unknown, `"a.b\n"`},

		{"null, tolerated", `{"name":null,"leaf":null,"two":[null,1]}`, nil, "", ""},
		{"null alone", `null`, nil, strictjson.Null, ""},
		{"null alone, between spaces", ` null `, options{null}, strictjson.Null, ""},
		{"null string", `{"name":null}`, options{null}, strictjson.Null, "name"},
		{"null boolean", `{"Plain":null}`, options{null}, strictjson.Null, "Plain"},
		{"null struct", `{"leaf":null}`, options{null}, strictjson.Null, "leaf"},
		{"null number", `{"two":[1,null]}`, options{null}, strictjson.Null, "two[1]"},
		{"null where nil can be", `{"more":null,"leaves":null,"named":null,"any":null,"raw":null,"leaf":{"id":null}}`, options{null}, "", ""},

		{"other type", `{"name":1}`, nil, strictjson.Type, "name"},
		{"other type inside", `{"leaf":{"n":"1"}}`, nil, strictjson.Type, "leaf.n"},
		{"number out of range", `{"leaf":{"n":128}}`, nil, strictjson.Type, "leaf.n"},
		{"fraction for an integer", `{"leaf":{"n":1.5}}`, nil, strictjson.Type, "leaf.n"},
		{"array for a struct", `{"leaf":[]}`, nil, strictjson.Type, "leaf"},
		{"object for an array", `{"leaves":{}}`, nil, strictjson.Type, "leaves"},
		{"string for a boolean", `{"Plain":"true"}`, nil, strictjson.Type, "Plain"},
		{"string for the whole", `"x"`, nil, strictjson.Type, ""},
		{"no time", `{"time":"yesterday"}`, nil, strictjson.Type, ""},
		{"number for bytes", `{"leaf":{"id":1}}`, nil, strictjson.Type, ""},

		{"padding", `{"leaf":{"id":"AQ=="}}`, nil, strictjson.Base64URL, "leaf.id"},
		{"no base64url", `{"leaves":[{},{},{"id":"A+8"}]}`, nil, strictjson.Base64URL, "leaves[2].id"},
		{"line break", `{"leaf":{"id":"A\nQ"}}`, nil, strictjson.Base64URL, "leaf.id"},
		{"escaped", `{"leaf":{"id":"\u0041Q"}}`, nil, "", ""},

		{"duplicate", `{"leaf":{"n":1,"n":1}}`, nil, strictjson.Duplicate, "leaf.n"},
		{"syntax", `{"leaf":{"n":x}}`, nil, strictjson.Syntax, "leaf.n"},
		{"size", `{"name":"01234567890123456789"}`, options{strictjson.MaxBytes(30)}, strictjson.Size, ""},
		{"just the size", `{"name":"0123456789012345678"}`, options{strictjson.MaxBytes(30)}, "", ""},
		{"depth", `{"leaves":[{}]}`, options{strictjson.MaxDepth(2)}, strictjson.Depth, "leaves[0]"},
		{"just the depth", `{"leaves":[{}]}`, options{strictjson.MaxDepth(3)}, "", ""},
		{"values", `{"leaves":[{"n":1}]}`, options{strictjson.MaxValues(3)}, strictjson.Size, "leaves[0].n"},
		{"just the values", `{"leaves":[{"n":1}]}`, options{strictjson.MaxValues(4)}, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := strictjson.Decode([]byte(tt.text), new(tree), tt.opts...)
			e := refusal(t, err)
			if e == nil {
				if tt.want != "" {
					t.Fatalf("Decode(%s) accepted, want reason %q", tt.text, tt.want)
				}
				return
			}
			if e.Reason != tt.want || e.Path != tt.path {
				t.Errorf("Decode(%s) = %v (reason %q, path %q), want reason %q, path %q", tt.text, err, e.Reason, e.Path, tt.want, tt.path)
			}
		})
	}
}

// Of members that differ in case, only the one that is spelled right counts, in
// whatever order they come.
func TestNamesMatchExactly(t *testing.T) {
	tests := []struct {
		text string
		want tree
	}{
		{`{"name":"good","Name":"evil","NAME":"evil"}`, tree{Name: "good"}},
		{`{"NAME":"evil","name":"good"}`, tree{Name: "good"}},
		{`{"Name":"evil"}`, tree{}},
		{`{"\u004eame":"evil"}`, tree{}},
		{`{"leaveſ":[{"n":1}]}`, tree{}}, // ſ folds to s
		{`{"leaf":{"N":1,"n":2}}`, tree{Leaf: leaf{N: 2}}},
		{`{"leaves":[{"N":1}]}`, tree{Leaves: []leaf{{}}}},
		{`{"more":{"Id":"AQ","N":1}}`, tree{More: new(leaf)}},
		{`{"INSIDE":"evil","inside":"good"}`, tree{embedded: embedded{Inside: "good"}}},
		{`{"any":{"Name":"x"},"raw":{"Name":"x"}}`, tree{Any: map[string]any{"Name": "x"}, Raw: json.RawMessage(`{"Name":"x"}`)}},
	}
	for _, tt := range tests {
		text := []byte(tt.text)
		var got tree
		if err := strictjson.Decode(text, &got); err != nil {
			t.Errorf("Decode(%s): %v", tt.text, err)
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("Decode(%s) = %+v, want %+v", tt.text, got, tt.want)
		}
		if string(text) != tt.text {
			t.Errorf("Decode changed its input %s to %s", tt.text, text)
		}
	}
}

func TestNothingToDecodeInto(t *testing.T) {
	for _, v := range []any{nil, tree{}, (*tree)(nil)} {
		err := strictjson.Decode([]byte(`{}`), v)
		if _, ok := errors.AsType[*json.InvalidUnmarshalError](err); !ok {
			t.Errorf("Decode into %T = %v", v, err)
		}
	}
}

// A refusal is shown to callers and logged: it must not repeat values.
func TestErrorsDoNotQuoteValues(t *testing.T) {
	for _, text := range []string{`{"name":815}`, `{"leaf":{"n":815}}`, `{"leaf":{"id":"815="}}`, `{"name":"815`, `{"time":"815"}`, `{"Plain":"815"}`} {
		if err := strictjson.Decode([]byte(text), new(tree)); err == nil || strings.Contains(err.Error(), "815") {
			t.Errorf("Decode(%s) = %v", text, err)
		}
	}
	long := strings.Repeat("x", 10_000)
	err := strictjson.Decode([]byte(`{"`+long+`":1}`), new(tree), strictjson.DisallowUnknown())
	if err == nil || len(err.Error()) > 200 {
		t.Errorf("a long name makes a long error: %v", err)
	}
}

func TestOffset(t *testing.T) {
	tests := []struct {
		text string
		want int64
	}{
		{`{"name":x}`, 8},
		{`{"name":"","name":""}`, 11},
		{`{} 1`, 3},
		{`{"leaf":{"id":"="}}`, 14},
		{"\"a\xff\"", 2},
	}
	for _, tt := range tests {
		if e := refusal(t, strictjson.Decode([]byte(tt.text), new(tree))); e == nil || e.Offset != tt.want {
			t.Errorf("Decode(%q) = %v, want byte %d", tt.text, e, tt.want)
		}
	}
}
