package nevis_test

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

	"bestow.dev/internal/front/nevis"
)

// schema is as much of JSON Schema as the document uses.
type schema struct {
	Ref        string `json:"$ref"`
	AnyOf      []*schema
	Type       string
	Format     string
	Enum       []any
	Required   []string
	Properties map[string]*schema
	Additional *bool `json:"additionalProperties"`
	Items      *schema
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
	Paths      map[string]map[string]json.RawMessage
	Components struct{ Schemas map[string]*schema }
}

// fits says how v does not have the form of s; nil if it does.
func (d *document) fits(s *schema, v any, at string) error {
	if s.Ref != "" {
		return d.fits(d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")], v, at)
	}
	if len(s.AnyOf) > 0 {
		var err error
		for _, one := range s.AnyOf {
			if err = d.fits(one, v, at); err == nil {
				return nil
			}
		}
		return err
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		return fmt.Errorf("%s: %v is not one of those described", at, v)
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
		return is(s.Type == "array", at)
	case bool:
		return is(s.Type == "boolean", at)
	case float64:
		return is(s.Type == "integer" && v == math.Trunc(v), at)
	case string:
		if _, err := time.Parse(time.RFC3339, v); s.Format == "date-time" && err != nil {
			return fmt.Errorf("%s: %v", at, err)
		}
		return is(s.Type == "string", at)
	}
	return fmt.Errorf("%s: null", at)
}

func is(ok bool, at string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%s is not of the type described", at)
}

func (d *document) fitsObject(s *schema, object map[string]any, at string) error {
	if s.Type != "object" {
		return fmt.Errorf("%s is an object", at)
	}
	for _, name := range s.Required {
		if _, ok := object[name]; !ok {
			return fmt.Errorf("%s.%s is missing", at, name)
		}
	}
	for name, member := range object {
		p := s.Properties[name]
		if p == nil && s.Additional != nil {
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
func (d *document) operation(t testing.TB, method, path string) *operation {
	path, _, _ = strings.Cut(path, "?")
	for described, item := range d.Paths {
		want, got := strings.Split(described, "/"), strings.Split(path, "/")
		same := slices.EqualFunc(want, got, func(a, b string) bool { return a == b || strings.HasPrefix(a, "{") && b != "" })
		if raw := item[strings.ToLower(method)]; same && raw != nil {
			var op operation
			check(t, json.Unmarshal(raw, &op))
			return &op
		}
	}
	return nil
}

// judge fails unless the answer is one that the document describes. Every request of
// these tests is judged.
func (w *world) judge(q request, r reply) {
	w.t.Helper()
	op := w.says.operation(w.t, q.method, q.path)
	if op == nil {
		if !slices.Contains([]int{404, 405, 204}, r.status) {
			w.t.Errorf("%s %s answers %d and is not described", q.method, q.path, r.status)
		}
		return
	}
	said, ok := op.Responses[strconv.Itoa(r.status)]
	if !ok {
		w.t.Errorf("%s: the answer %d is not described: %s", op.OperationID, r.status, r.body)
		return
	}
	content, ok := said.Content["application/json"]
	if !ok {
		if len(r.body) > 0 {
			w.t.Errorf("%s: a body with %d", op.OperationID, r.status)
		}
		return
	}
	var v any
	check(w.t, json.Unmarshal(r.body, &v))
	if err := w.says.fits(content.Schema, v, op.OperationID); err != nil {
		w.t.Errorf("%d: %v: %s", r.status, err, r.body)
	}
}

func TestDocument(t *testing.T) {
	w := newWorld(t)
	if w.says.OpenAPI != "3.1.0" || len(w.says.Paths) != 8 {
		t.Errorf("document %s of %d paths", w.says.OpenAPI, len(w.says.Paths))
	}
	// Whatever is described is there, and asks who calls.
	for path, item := range w.says.Paths {
		for method := range item {
			if method == "parameters" {
				continue
			}
			q := request{method: strings.ToUpper(method), client: "-", path: strings.NewReplacer("{client}", "100", "{user}", "x", "{id}", "x").Replace(path)}
			if method == "post" {
				q.body = "{}"
			}
			if r := w.do(q); r.status != http.StatusUnauthorized {
				t.Errorf("%s %s answers %d to nobody", method, path, r.status)
			}
		}
	}
	closed := newWorld(t, func(_ *world, c *nevis.Config) { c.IDM, c.Prefix = nil, "" })
	if len(closed.says.Paths) != 5 || closed.says.Paths["/fido2/status"] == nil {
		t.Errorf("%d paths without nevisIDM's", len(closed.says.Paths))
	}
}
