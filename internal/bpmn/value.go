package bpmn

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

type valueKind string

const (
	nothing   valueKind = "nothing"
	truth     valueKind = "true or false"
	number    valueKind = "a number"
	text      valueKind = "text"
	list      valueKind = "a list"
	structure valueKind = "an object"
)

// value is what an expression has come to. A list or object stays JSON until something
// in it is asked for.
type value struct {
	kind valueKind
	yes  bool            // of truth
	text string          // of text, and of a number as it is written
	raw  json.RawMessage // of a list or object
}

var errNotJSON = errors.New("a variable is not JSON")

// readValue reads one variable. Nothing at all is null.
func readValue(raw json.RawMessage) (value, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return value{kind: nothing}, nil
	}
	if !json.Valid(raw) {
		return value{}, errNotJSON
	}
	return valueOf(raw), nil
}

// valueOf reads JSON that is known to be valid.
func valueOf(raw json.RawMessage) value {
	switch raw[0] {
	case 'n':
		return value{kind: nothing}
	case 't', 'f':
		return value{kind: truth, yes: raw[0] == 't'}
	case '"':
		var s string
		_ = json.Unmarshal(raw, &s) // valid
		return value{kind: text, text: s}
	case '[':
		return value{kind: list, raw: raw}
	case '{':
		return value{kind: structure, raw: raw}
	default:
		return value{kind: number, text: string(raw)}
	}
}

// json returns v as JSON that shares nothing with a variable.
func (v value) json() json.RawMessage {
	switch v.kind {
	case truth:
		return strconv.AppendBool(nil, v.yes)
	case number:
		return json.RawMessage(v.text)
	case text:
		quoted, _ := json.Marshal(v.text) // a string has JSON
		return quoted
	case list, structure:
		return bytes.Clone(v.raw)
	default:
		return json.RawMessage("null")
	}
}

// inText returns v as it reads between other text.
func (v value) inText() string {
	switch v.kind {
	case nothing:
		return ""
	case text, number:
		return v.text
	default:
		return string(v.json())
	}
}

// empty reports whether v is nothing, "", [] or {}.
func (v value) empty() bool {
	switch v.kind {
	case nothing:
		return true
	case text:
		return v.text == ""
	case list, structure:
		return len(bytes.TrimSpace(v.raw[1:len(v.raw)-1])) == 0
	default:
		return false
	}
}

// member returns what v has under a name. Nothing has nothing, and what is not there is
// nothing; false says that v is of a kind that has no members.
func (v value) member(name string) (value, bool) {
	if v.kind == nothing {
		return v, true
	}
	if v.kind != structure {
		return value{}, false
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(v.raw, &members) // valid
	if raw, ok := members[name]; ok {
		return valueOf(raw), true
	}
	return value{kind: nothing}, true
}

// item is member for the place in a list, from 0.
func (v value) item(place string) (value, bool) {
	if v.kind == nothing {
		return v, true
	}
	if v.kind != list {
		return value{}, false
	}
	var items []json.RawMessage
	_ = json.Unmarshal(v.raw, &items) // valid
	if i, err := strconv.Atoi(place); err == nil && i >= 0 && i < len(items) {
		return valueOf(items[i]), true
	}
	return value{kind: nothing}, true
}

// order compares two numbers, or two texts byte by byte. False says that they are not
// two of a kind that can be put in order.
func order(a, b value) (int, bool) {
	switch {
	case a.kind == text && b.kind == text:
		return strings.Compare(a.text, b.text), true
	case a.kind == number && b.kind == number:
		return orderNumbers(a.text, b.text)
	default:
		return 0, false
	}
}

// orderNumbers compares whole numbers exactly, and others as far as a float64 goes.
func orderNumbers(a, b string) (int, bool) {
	i, errA := strconv.ParseInt(a, 10, 64)
	j, errB := strconv.ParseInt(b, 10, 64)
	if errA == nil && errB == nil {
		return cmp.Compare(i, j), true
	}
	x, errA := strconv.ParseFloat(a, 64)
	y, errB := strconv.ParseFloat(b, 64)
	return cmp.Compare(x, y), errA == nil && errB == nil
}
