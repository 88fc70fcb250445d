package provision

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/process"
)

// shape is which parameters a task has.
type shape struct {
	required []string
	optional []string

	// fields are the parameters that name a variable, and the variable that is meant where
	// they are left out; empty: they have to be there.
	fields map[string]string
}

// check judges a task's parameters when its definition is deployed.
func (s shape) check(params map[string]string) error {
	for _, name := range s.required {
		if v, ok := params[name]; !ok || v == "" {
			return fmt.Errorf("the parameter %s is missing", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.fields)) {
		if v := params[name]; v == "" && s.fields[name] == "" {
			return fmt.Errorf("the parameter %s is missing", name)
		} else if v != "" && !isLiteral(v) {
			return fmt.Errorf("the parameter %s names a variable: it has no expression in it", name)
		} else if v != "" && bpmn.CheckName(v) != nil {
			return fmt.Errorf("the parameter %s is not the name of a variable", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		_, field := s.fields[name]
		if !field && !slices.Contains(s.required, name) && !slices.Contains(s.optional, name) && !bpmn.IsErrorField(name) {
			return fmt.Errorf("there is no parameter %s", name)
		}
	}
	return nil
}

// isLiteral reports whether a parameter is the same in every run.
func isLiteral(param string) bool { return !strings.Contains(param, "${") }

// given reads the parameters of one work.
type given struct {
	process.Work
	shape shape
}

// text returns a parameter that has to be a text, and not an empty one. Errors: PARAMETER.
func (g given) text(name string) (string, error) {
	v, err := g.optionalText(name)
	if err == nil && v == "" {
		err = badParameter(name, "has no value")
	}
	return v, err
}

// optionalText returns a parameter that may be absent, null or empty. Errors: PARAMETER.
func (g given) optionalText(name string) (string, error) {
	raw := g.Params[name]
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	var v string
	if json.Unmarshal(raw, &v) != nil {
		return "", badParameter(name, "is not a text")
	}
	return v, nil
}

// flag returns a parameter that is true or false, also as text; absent is false. Errors:
// PARAMETER.
func (g given) flag(name string) (bool, error) {
	switch strings.Trim(string(g.Params[name]), `"`) {
	case "true":
		return true, nil
	case "", "false", "null":
		return false, nil
	}
	return false, badParameter(name, "is neither true nor false")
}

// list returns a parameter that is a text or a list of texts. Errors: PARAMETER.
func (g given) list(name string) ([]string, error) {
	var list []string
	if json.Unmarshal(g.Params[name], &list) == nil && list != nil {
		return list, nil
	}
	one, err := g.text(name)
	if err != nil {
		return nil, badParameter(name, "is neither a text nor a list of texts")
	}
	return []string{one}, nil
}

// field returns the variable that a parameter names.
func (g given) field(name string) string {
	var v string
	if json.Unmarshal(g.Params[name], &v) == nil && v != "" {
		return v
	}
	return g.shape.fields[name]
}

// variable returns the value of the variable that a parameter names. Errors: PARAMETER.
func (g given) variable(name string) (json.RawMessage, error) {
	field := g.field(name)
	v := g.Variables[field]
	if len(v) == 0 || string(v) == "null" {
		return nil, badParameter(name, "names the variable %s, which has no value", field)
	}
	return v, nil
}

// quoted is text as the value of a variable.
func quoted(text string) json.RawMessage {
	raw, _ := json.Marshal(text) // a string cannot fail
	return raw
}
