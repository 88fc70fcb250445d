package processes

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/process"
)

// fieldPrefix begins the names of a process's own fields in our forms.
const fieldPrefix = "field-"

// field is a form field as a page shows it.
type field struct {
	bpmn.Field
	Input   string // its name in the form
	Value   string
	Checked bool // of a boolean
	Wrong   bool // what is in it was refused
}

// Caption is what people read beside the field.
func (f field) Caption() string { return called(f.Label, f.Name) }

// fieldsOf returns the fields of a form with values in them; wrong is the name of the one
// that was refused. A field without a value has its default, as far as that is known.
func fieldsOf(form *bpmn.Form, values map[string]json.RawMessage, wrong string) (fields []field) {
	if form == nil {
		return nil
	}
	for _, f := range form.Fields {
		shown := field{Field: f, Input: fieldPrefix + f.Name, Wrong: f.Name == wrong}
		if v, ok := values[f.Name]; ok {
			shown.Value = plain(v)
		} else if text, ok := f.Default.Literal(); ok && values == nil {
			shown.Value = text
		}
		shown.Checked = shown.Value == "true"
		fields = append(fields, shown)
	}
	return fields
}

// refilled returns fields with what was typed into them.
func refilled(fields []field, typed url.Values) []field {
	for i := range fields {
		if f := &fields[i]; !f.ReadOnly {
			f.Value, f.Checked = typed.Get(f.Input), typed.Has(f.Input)
		}
	}
	return fields
}

// readFields returns what was filled in, for the process to judge. A box that is not
// ticked says no; what was left empty is left out.
func readFields(form *bpmn.Form, typed url.Values) map[string]json.RawMessage {
	values := make(map[string]json.RawMessage)
	if form == nil {
		return values
	}
	for _, f := range form.Fields {
		text := strings.ReplaceAll(typed.Get(fieldPrefix+f.Name), "\r\n", "\n")
		switch {
		case f.ReadOnly:
		case f.Type == bpmn.BooleanField:
			values[f.Name] = json.RawMessage(strconv.FormatBool(text != ""))
		case strings.TrimSpace(text) == "":
		case f.Type == bpmn.NumberField && isWhole(strings.TrimSpace(text)):
			values[f.Name] = json.RawMessage(strings.TrimSpace(text))
		default:
			values[f.Name] = quote(text)
		}
	}
	return values
}

// isWhole reports whether text is a whole number as JSON has it.
func isWhole(text string) bool {
	n, err := strconv.ParseInt(text, 10, 64)
	return err == nil && strconv.FormatInt(n, 10) == text
}

func quote(text string) json.RawMessage {
	quoted, _ := json.Marshal(text) // a string always has a JSON form
	return quoted
}

// plain is a value as people read it: a text without its quotes, all else as JSON.
func plain(v json.RawMessage) string {
	var text *string
	if json.Unmarshal(v, &text) == nil {
		if text == nil {
			return ""
		}
		return *text
	}
	return string(v)
}

// readVariables reads variables from lines like name = value. A value that is JSON is
// taken as such, and any other as a text. Errors: process.variables, with the line.
func readVariables(text string) (map[string]json.RawMessage, error) {
	vars := make(map[string]json.RawMessage)
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" {
			return nil, process.ErrVariables.At("variables").Saying("Line %d is not name = value.", n)
		}
		if vars[name] != nil {
			return nil, process.ErrVariables.At("variables").Saying("The variable of line %d stands twice.", n)
		}
		if vars[name] = quote(value); json.Valid([]byte(value)) {
			vars[name] = json.RawMessage(value)
		}
	}
	return vars, nil
}
