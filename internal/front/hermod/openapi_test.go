package hermod_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/front/hermod"
)

// schema is as much of JSON Schema as the description uses for what it answers.
type schema struct {
	Ref        string `json:"$ref"`
	Type       string
	Format     string
	Pattern    string
	Const      any
	Enum       []any
	Required   []string
	Properties map[string]*schema
	Additional *bool `json:"additionalProperties"`
	Items      *schema
}

type content map[string]struct{ Schema *schema }

type operation struct {
	Summary     string
	Security    []map[string][]string
	RequestBody struct{ Content content }
	Responses   map[string]struct {
		Description string
		Content     content
	}
}

type document struct {
	OpenAPI    string
	Servers    []struct{ URL string }
	Paths      map[string]map[string]json.RawMessage
	Webhooks   map[string]map[string]*operation
	Components struct{ Schemas map[string]*schema }
}

func parseDocument(t testing.TB, r reply) *document {
	t.Helper()
	var d document
	r.into(t, &d)
	return &d
}

// fits says how v does not have the form of s; nil if it does.
func (d *document) fits(s *schema, v any, at string) error {
	if s.Ref != "" {
		named := d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
		if named == nil {
			return fmt.Errorf("%s: there is no %s", at, s.Ref)
		}
		return d.fits(named, v, at)
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
	case "integer":
		if n, ok := v.(float64); !ok || n != math.Trunc(n) {
			return fmt.Errorf("%s: %v is not an integer", at, v)
		}
		return nil
	case "string":
		return fitsString(s, v, at)
	}
	return fmt.Errorf("%s: the description has a type that nobody knows: %s", at, s.Type)
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func fitsString(s *schema, v any, at string) error {
	text, ok := v.(string)
	if !ok {
		return fmt.Errorf("%s: no string", at)
	}
	if s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(text) {
		return fmt.Errorf("%s: %q does not match %s", at, text, s.Pattern)
	}
	switch s.Format {
	case "date-time":
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			return fmt.Errorf("%s: %v", at, err)
		}
	case "uuid":
		if !uuidForm.MatchString(text) {
			return fmt.Errorf("%s: %q is no UUID", at, text)
		}
	}
	return nil
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

// operation returns what is described of a request; nil if nothing is.
func (d *document) operation(t testing.TB, method, path string) *operation {
	t.Helper()
	path, _, _ = strings.Cut(path, "?")
	item := d.Paths[path]
	if item == nil {
		item = d.templated(path)
	}
	if method == http.MethodHead {
		method = http.MethodGet
	}
	raw := item[strings.ToLower(method)]
	if raw == nil {
		return nil
	}
	var op operation
	check(t, json.Unmarshal(raw, &op))
	return &op
}

// templated finds the path whose segments in braces stand for anything. Where two
// fit, it is the one that leaves less open.
func (d *document) templated(path string) map[string]json.RawMessage {
	given, best := strings.Split(path, "/"), ""
	for candidate := range d.Paths {
		segments := strings.Split(candidate, "/")
		if len(segments) == len(given) && !slices.ContainsFunc(indices(segments), func(i int) bool {
			return segments[i] != given[i] && (given[i] == "" || !strings.HasPrefix(segments[i], "{"))
		}) && (best == "" || strings.Count(candidate, "{") < strings.Count(best, "{")) {
			best = candidate
		}
	}
	return d.Paths[best]
}

func indices(s []string) []int {
	all := make([]int, len(s))
	for i := range all {
		all[i] = i
	}
	return all
}

// judge fails unless the answer is one that the description has.
func (d *document) judge(t testing.TB, c call, r reply) {
	t.Helper()
	if c.method == "" {
		c.method = http.MethodGet
		if c.body != nil {
			c.method = http.MethodPost
		}
	}
	op := d.operation(t, c.method, c.path)
	if op == nil {
		if r.status != http.StatusNotFound && r.status != http.StatusMethodNotAllowed && r.status != http.StatusUnauthorized {
			t.Errorf("%s %s answers %d and is not described", c.method, c.path, r.status)
		}
		return
	}
	said, ok := op.Responses[strconv.Itoa(r.status)]
	if !ok {
		t.Errorf("%s: the answer %d is not described: %s", op.Summary, r.status, r.body)
		return
	}
	if len(said.Content) == 0 || c.method == http.MethodHead {
		if len(r.body) > 0 {
			t.Errorf("%s: a body with %d", op.Summary, r.status)
		}
		return
	}
	media, _, _ := strings.Cut(r.header.Get("Content-Type"), ";")
	as, ok := said.Content[media]
	if !ok {
		t.Errorf("%s: %d as %s", op.Summary, r.status, media)
		return
	}
	if media != "application/json" {
		return
	}
	var v any
	check(t, json.Unmarshal(r.body, &v))
	if err := d.fits(as.Schema, v, op.Summary); err != nil {
		t.Errorf("%d: %v", r.status, err)
	}
}

// judgeCallback does the same for what we call ourselves.
func (d *document) judgeCallback(t testing.TB, c callback) {
	t.Helper()
	var v any
	check(t, json.Unmarshal(c.body, &v))
	as := d.Webhooks["callback"]["post"].RequestBody.Content["application/json"]
	if err := d.fits(as.Schema, v, c.path); err != nil {
		t.Error(err)
	}
}

// Whatever is described is there, in the methods that are described, and asks who
// calls unless it says otherwise. What handlers answer is held against the
// description by every test of this package.
func TestOpenAPI(t *testing.T) {
	w := newWorld(t, settings{})
	if w.says.OpenAPI != "3.1.0" || len(w.says.Servers) != 1 || w.says.Servers[0].URL != base {
		t.Errorf("document %s at %v", w.says.OpenAPI, w.says.Servers)
	}
	paths := 0
	for template, item := range w.says.Paths {
		path := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(template, "1042")
		for method := range item {
			if method == "parameters" {
				continue
			}
			paths++
			r := w.do(call{method: strings.ToUpper(method), path: path})
			if r.status == http.StatusMethodNotAllowed || r.member("error") == "NOT_FOUND" {
				t.Errorf("%s %s is described and answers %d", method, template, r.status)
			}
			if op := w.says.operation(t, method, path); len(op.Security) > 0 && r.status != http.StatusUnauthorized {
				t.Errorf("%s %s answers %d to nobody", method, template, r.status)
			}
		}
	}
	if paths < 20 {
		t.Errorf("%d operations", paths)
	}
}

func TestOpenAPIOff(t *testing.T) {
	w := newWorld(t, settings{front: func(c *hermod.Config) { c.OpenAPI = false }})
	if r := w.send(call{path: "/openapi.json"}); r.status != http.StatusNotFound {
		t.Errorf("got %d", r.status)
	}
}
