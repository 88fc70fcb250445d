package onewelcome_test

import (
	"encoding/json"
	"errors"
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
	Type       string
	Format     string
	Const      any
	Enum       []any
	OneOf      []*schema `json:"oneOf"`
	Required   []string
	Properties map[string]*schema
	Additional *bool `json:"additionalProperties"`
	Items      *schema
	MinLength  int
	MaxLength  *int
	Minimum    *float64

	Description string
}

type operation struct {
	OperationID string
	Security    []map[string][]string
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
	if len(s.OneOf) > 0 {
		var why []error
		for _, one := range s.OneOf {
			err := d.fits(one, v, at)
			if err == nil {
				return nil
			}
			why = append(why, err)
		}
		return errors.Join(why...)
	}
	if s.Const != nil && v != s.Const || len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		return fmt.Errorf("%s: %v is not one of those described", at, v)
	}
	switch s.Type {
	case "":
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
		if s.Format == "date-time" {
			if _, err := time.Parse(time.RFC3339, text); err != nil {
				return fmt.Errorf("%s: %v", at, err)
			}
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

// operation returns the operation that a request is for; nil if none is described. What
// stands in braces is anything but nothing.
func (d *document) operation(method, path string) *operation {
	path, _, _ = strings.Cut(path, "?")
	if method == "HEAD" {
		method = "GET"
	}
	parts := strings.Split(path, "/")
	for described, item := range d.Paths {
		pattern := strings.Split(described, "/")
		if slices.EqualFunc(pattern, parts, func(p, part string) bool { return p == part || strings.HasPrefix(p, "{") && part != "" }) {
			return item[strings.ToLower(method)]
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
		if r.status != http.StatusNotFound && r.status != http.StatusMethodNotAllowed && !strings.HasSuffix(q.path, "/openapi.json") {
			t.Errorf("%s %s answers %d and is not described", q.method, q.path, r.status)
		}
		return
	}
	said, ok := op.Responses[strconv.Itoa(r.status)]
	if !ok {
		t.Errorf("%s: the answer %d is not described: %s", op.OperationID, r.status, r.body)
		return
	}
	code, _ := r.member("error").(string)
	if code != "" && !strings.Contains(said.Description, "`"+code+"`") {
		t.Errorf("%s: the description of %d does not tell of %s", op.OperationID, r.status, code)
	}
	content, ok := said.Content["application/json"]
	if !ok || q.method == "HEAD" {
		if len(r.body) > 0 {
			t.Errorf("%s: a body with %d", op.OperationID, r.status)
		}
		return
	}
	var v any
	check(t, json.Unmarshal(r.body, &v))
	if err := d.fits(content.Schema, v, op.OperationID); err != nil {
		t.Errorf("%d: %v", r.status, err)
	}
}

func TestDocument(t *testing.T) {
	w := newWorld(t)
	r := w.send(request{method: "GET", path: "/openapi.json"})
	if r.status != http.StatusOK || r.header.Get("Content-Type") != "application/json" {
		t.Fatalf("got %d %v", r.status, r.header)
	}
	d := parseDocument(t, r)
	if d.OpenAPI != "3.1.0" || len(d.Servers) != 1 || d.Servers[0].URL != prefix {
		t.Errorf("document %s at %v", d.OpenAPI, d.Servers)
	}
	// Whatever is described is there, and asks who calls.
	for path, item := range d.Paths {
		for method, op := range item {
			q := request{method: strings.ToUpper(method), path: strings.NewReplacer("{userId}", "AAAA", "{credentialId}", "AAAA", "{name}", "a", "{rpId}", site).Replace(path)}
			want(t, w.do(q), http.StatusUnauthorized, "unauthorized")
			if _, ok := op.Security[0]["apiKey"]; !ok {
				t.Errorf("%s asks for no key", op.OperationID)
			}
		}
	}
}
