package onespan_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// schema is as much of JSON Schema as the document uses.
type schema struct {
	Ref        string `json:"$ref"`
	Type       types
	Format     string
	Enum       []any
	Required   []string
	Properties map[string]*schema
	Additional *bool `json:"additionalProperties"`
	Items      *schema
	Minimum    *float64
	Pattern    string
}

// types is the type of a schema, or several.
type types []string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *types) UnmarshalJSON(text []byte) error {
	if text[0] == '[' {
		return json.Unmarshal(text, (*[]string)(t))
	}
	*t = types{""}
	return json.Unmarshal(text, &(*t)[0])
}

type operation struct {
	OperationID string
	Security    []map[string][]string
	Responses   map[string]struct {
		Ref     string `json:"$ref"`
		Content map[string]struct{ Schema *schema }
	}
}

type document struct {
	OpenAPI    string
	Servers    []struct{ URL string }
	Paths      map[string]map[string]*operation
	Components struct {
		Schemas   map[string]*schema
		Responses map[string]struct {
			Headers map[string]any
			Content map[string]struct{ Schema *schema }
		}
	}
}

func parseDocument(t testing.TB, r reply) *document {
	t.Helper()
	var d document
	check(t, json.Unmarshal(r.body, &d))
	return &d
}

// fits says how v does not have the form of s; nil if it does.
func (d *document) fits(s *schema, v any, at string) error {
	if s.Ref != "" {
		return d.fits(d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")], v, at)
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		return fmt.Errorf("%s: %v is not one of those described", at, v)
	}
	is := typeOf(v)
	if is == "number" && slices.Contains(s.Type, "integer") {
		is = "integer"
	}
	if s.Type != nil && !slices.Contains(s.Type, is) {
		return fmt.Errorf("%s: %v is no %v", at, v, s.Type)
	}
	switch v := v.(type) {
	case map[string]any:
		return d.fitsObject(s, v, at)
	case []any:
		for i, item := range v {
			if err := d.fits(s.Items, item, at+"["+strconv.Itoa(i)+"]"); err != nil {
				return err
			}
		}
	case float64:
		if v != math.Trunc(v) || s.Minimum != nil && v < *s.Minimum {
			return fmt.Errorf("%s: %v is not the integer described", at, v)
		}
	case string:
		if s.Format == "date-time" {
			if _, err := time.Parse(time.RFC3339, v); err != nil {
				return fmt.Errorf("%s: %v", at, err)
			}
		}
	}
	return nil
}

func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}

func (d *document) fitsObject(s *schema, object map[string]any, at string) error {
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

// operation returns the operation that a request is for; nil if none is described.
func (d *document) operation(method, path string) *operation {
	path, _, _ = strings.Cut(path, "?")
	if method == "HEAD" {
		method = "GET"
	}
	steps := strings.Split(path, "/")
	for described, item := range d.Paths {
		pattern := strings.Split(described, "/")
		if len(pattern) != len(steps) {
			continue
		}
		fits := true
		for i, p := range pattern {
			fits = fits && (p == steps[i] || strings.HasPrefix(p, "{") && steps[i] != "")
		}
		if op := item[strings.ToLower(method)]; fits && op != nil {
			return op
		}
	}
	return nil
}

// judge fails unless the answer is one that the document describes. Every request of
// these tests is judged.
func (d *document) judge(t testing.TB, q request, r reply) {
	t.Helper()
	op := d.operation(q.method, q.path)
	if op == nil {
		if r.status != http.StatusNotFound && r.status != http.StatusMethodNotAllowed {
			t.Errorf("%s %s answers %d and is not described", q.method, q.path, r.status)
		}
		return
	}
	said, ok := op.Responses[strconv.Itoa(r.status)]
	if !ok {
		t.Errorf("%s: the answer %d is not described: %s", op.OperationID, r.status, r.body)
		return
	}
	content := said.Content["application/json"]
	if said.Ref != "" {
		content = d.Components.Responses[strings.TrimPrefix(said.Ref, "#/components/responses/")].Content["application/json"]
	}
	if content.Schema == nil || q.method == "HEAD" {
		if len(r.body) > 0 {
			t.Errorf("%s: a body with %d", op.OperationID, r.status)
		}
		return
	}
	if got := r.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("%s: Content-Type %q with %d", op.OperationID, got, r.status)
	}
	var v any
	check(t, json.Unmarshal(r.body, &v))
	if err := d.fits(content.Schema, v, op.OperationID); err != nil {
		t.Errorf("%d: %v", r.status, err)
	}
}

// Whatever is described is there, and asks who calls unless it says otherwise.
func TestDocument(t *testing.T) {
	w := newWorld(t)
	r := w.do(request{method: "GET", path: "/openapi.json", as: "nobody"})
	d := parseDocument(t, r)
	if d.OpenAPI != "3.1.0" || len(d.Servers) != 1 || d.Servers[0].URL != prefix {
		t.Errorf("document %s at %v", d.OpenAPI, d.Servers)
	}
	fill := strings.NewReplacer("{userID@domain}", "mira@northbank", "{registrationID}", "x", "{id}", "x", "{name}", "x", "{requestID}", "x")
	for path, item := range d.Paths {
		for method, op := range item {
			r := w.do(request{method: strings.ToUpper(method), path: fill.Replace(path), as: "nobody"})
			if open := op.Security != nil && len(op.Security) == 0; open != (r.status == http.StatusOK) || !open && r.status != http.StatusUnauthorized {
				t.Errorf("%s answers %d to nobody", op.OperationID, r.status)
			}
		}
	}
}
