package conformance_test

import (
	"net/http"
	"testing"

	"bestow.dev/internal/front/fronttest"
)

// judge fails unless the answer is one that the document describes, its code among them.
// Every answer of these tests is judged.
func (w *world) judge(t testing.TB, path string, r reply) {
	t.Helper()
	said, err := w.says.Check(fronttest.Answer{Method: http.MethodPost, Path: path, Status: r.status, Header: r.header, Body: r.body})
	if err != nil {
		t.Error(err)
	}
	if code := r.code(); said != nil && code != "" && !said.Names(code) {
		t.Errorf("%s: the description of %d does not tell of %s", path, r.status, code)
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
