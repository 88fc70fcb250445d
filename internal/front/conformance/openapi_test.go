package conformance_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// schema is as much of JSON Schema as the document uses.
type schema struct {
	Ref        string `json:"$ref"`
	Type       string
	Const      any
	Enum       []any
	Required   []string
	Properties map[string]*schema
	Additional *bool `json:"additionalProperties"`
	Items      *schema
	MinLength  int
	Minimum    *float64

	Description string
}

type operation struct {
	OperationID string
	Responses   map[string]struct {
		Description string
		Content     map[string]struct{ Schema *schema }
	}
}

type document struct {
	OpenAPI    string
	Servers    []struct{ URL string }
	Paths      map[string]map[string]*operation
	Components struct{ Schemas map[string]*schema }
}

func parseDocument(t testing.TB, text []byte) *document {
	t.Helper()
	var d document
	check(t, json.Unmarshal(text, &d))
	return &d
}

// fits says how v does not have the form of s; nil if it does.
func (d *document) fits(s *schema, v any, at string) error {
	if s.Ref != "" {
		return d.fits(d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")], v, at)
	}
	if s.Const != nil && v != s.Const || len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		return fmt.Errorf("%s: %v is not one of those described", at, v)
	}
	switch s.Type {
	case "": // a value, judged above
		return nil
	case "object":
		return d.fitsObject(s, v, at)
	case "array":
		list, ok := v.([]any)
		if !ok {
			return fmt.Errorf("%s: no array", at)
		}
		for i, item := range list {
			if err := d.fits(s.Items, item, at+"["+strconv.Itoa(i)+"]"); err != nil {
				return err
			}
		}
		return nil
	case "boolean":
		if _, ok := v.(bool); !ok {
			return fmt.Errorf("%s: no boolean", at)
		}
		return nil
	case "integer":
		if n, ok := v.(float64); !ok || n != math.Trunc(n) || s.Minimum != nil && n < *s.Minimum {
			return fmt.Errorf("%s: %v is not the integer described", at, v)
		}
		return nil
	case "string":
		text, ok := v.(string)
		if !ok {
			return fmt.Errorf("%s: no string", at)
		}
		if len(text) < s.MinLength {
			return fmt.Errorf("%s: too short", at)
		}
		return nil
	}
	return fmt.Errorf("%s: the document has a type that nobody knows: %s", at, s.Type)
}

func (d *document) fitsObject(s *schema, v any, at string) error {
	object, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("%s: no object", at)
	}
	for _, name := range s.Required {
		if _, ok := object[name]; !ok {
			return fmt.Errorf("%s.%s is missing", at, name)
		}
	}
	for name, member := range object {
		p := s.Properties[name]
		if p == nil && s.Additional != nil && !*s.Additional {
			return fmt.Errorf("%s.%s is not described", at, name)
		}
		if p == nil {
			continue
		}
		if err := d.fits(p, member, at+"."+name); err != nil {
			return err
		}
	}
	return nil
}

// judge fails unless the answer is one that the document describes, its code among them.
// Every answer of these tests is judged.
func (d *document) judge(t testing.TB, path string, r reply) {
	t.Helper()
	op := d.Paths[path]["post"]
	if op == nil {
		t.Fatalf("%s is not described", path)
	}
	said, ok := op.Responses[strconv.Itoa(r.status)]
	if !ok {
		t.Errorf("%s: the answer %d is not described: %s", op.OperationID, r.status, r.body)
		return
	}
	if code := r.code(); code != "" && !strings.Contains(said.Description, "`"+code+"`") {
		t.Errorf("%s: the description of %d does not tell of %s", op.OperationID, r.status, code)
	}
	var v any
	check(t, json.Unmarshal(r.body, &v))
	if err := d.fits(said.Content["application/json"].Schema, v, op.OperationID); err != nil {
		t.Errorf("%d: %v: %s", r.status, err, r.body)
	}
}

// TestDocument: what is described is there, and nothing else.
func TestDocument(t *testing.T) {
	w := newWorld(t)
	if d := w.says; d.OpenAPI != "3.1.0" || len(d.Servers) != 1 || d.Servers[0].URL != prefix || len(d.Paths) != 5 {
		t.Errorf("document %s at %v with %d paths", d.OpenAPI, d.Servers, len(d.Paths))
	}
	for path, status := range map[string]int{"/assertion/options": http.StatusMethodNotAllowed, "/assertion": http.StatusNotFound} {
		if r := w.get(t, path); r.status != status || r.member("status") != "failed" {
			t.Errorf("GET %s: %d %s", path, r.status, r.body)
		}
	}
}
