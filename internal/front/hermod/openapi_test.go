package hermod_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"bestow.dev/internal/front/fronttest"
	"bestow.dev/internal/front/hermod"
)

// judge fails unless the answer is one that the description has.
func (w *world) judge(t testing.TB, c call, r reply) {
	t.Helper()
	if c.method == "" {
		c.method = http.MethodGet
		if c.body != nil {
			c.method = http.MethodPost
		}
	}
	if _, err := w.says.Check(fronttest.Answer{Method: c.method, Path: c.path, Status: r.status, Header: r.header, Body: r.body}); err != nil {
		t.Error(err)
	}
}

// judgeCallback does the same for what we call ourselves.
func (w *world) judgeCallback(c callback) {
	w.t.Helper()
	as := w.says.Webhooks["callback"]["post"].RequestBody.Content["application/json"]
	if err := w.says.Fits(as.Schema, c.body); err != nil {
		w.t.Errorf("%s: %v", c.path, err)
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
			paths++
			r := w.do(call{method: strings.ToUpper(method), path: path})
			if r.status == http.StatusMethodNotAllowed || r.member("error") == "NOT_FOUND" {
				t.Errorf("%s %s is described and answers %d", method, template, r.status)
			}
			if op := w.says.Operation(method, path); len(op.Security) > 0 && r.status != http.StatusUnauthorized {
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
