package process

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"
	"unicode/utf8"

	"bestow.dev/internal/bpmn"
)

// maxFieldChars bounds what stands in one field.
const maxFieldChars = 4000

// readForm judges what was filled in, and returns the variables to set. A field that was
// left out, or is null, or an empty text, is not set. What is read-only stays as it is:
// it may come back with the form and counts for nothing.
func readForm(f *bpmn.Form, values map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	set := make(map[string]json.RawMessage, len(values))
	known := make(map[string]bool, len(f.Fields))
	for i := range f.Fields {
		field := &f.Fields[i]
		known[field.Name] = true
		v, given := values[field.Name]
		if field.ReadOnly {
			continue
		}
		if !given || blank(v) {
			if field.Required {
				return nil, ErrForm.At(field.Name).Saying("%s is required.", label(field))
			}
			continue
		}
		if err := checkField(field, v); err != nil {
			return nil, err
		}
		set[field.Name] = v
	}
	for name := range values {
		if !known[name] {
			return nil, ErrForm.At(name).Saying("The form has no field %q.", name)
		}
	}
	return set, nil
}

func blank(v json.RawMessage) bool {
	v = bytes.TrimSpace(v)
	return len(v) == 0 || string(v) == "null" || string(v) == `""`
}

func label(f *bpmn.Field) string {
	if f.Label != "" {
		return f.Label
	}
	return f.Name
}

// checkField judges one value by its field's type.
func checkField(f *bpmn.Field, v json.RawMessage) error {
	var (
		text string
		ok   bool
		want string
	)
	isText := json.Unmarshal(v, &text) == nil
	switch f.Type {
	case bpmn.NumberField:
		var n int64
		ok, want = json.Unmarshal(v, &n) == nil, "a whole number"
	case bpmn.BooleanField:
		var b bool
		ok, want = json.Unmarshal(v, &b) == nil, "true or false"
	case bpmn.DateField:
		_, err := time.Parse(time.DateOnly, text)
		ok, want = isText && err == nil, "a date such as 2026-03-02"
	case bpmn.EnumField:
		isOption := slices.ContainsFunc(f.Options, func(o bpmn.Option) bool { return o.Value == text })
		ok, want = isText && isOption, "one of its options"
	default:
		fits := utf8.ValidString(text) && utf8.RuneCountInString(text) <= maxFieldChars
		ok, want = isText && fits, "a text of at most 4000 characters"
	}
	if !ok {
		return ErrForm.At(f.Name).Saying("%s is not %s.", label(f), want)
	}
	return nil
}
