package nevis_test

import (
	"net/http"
	"strings"
	"testing"

	"bestow.dev/internal/front/fronttest"
	"bestow.dev/internal/front/nevis"
)

// judge fails unless the answer is one that the document describes. Every request of
// these tests is judged.
func (w *world) judge(q request, r reply) {
	w.t.Helper()
	if _, err := w.says.Check(fronttest.Answer{Method: q.method, Path: q.path, Status: r.status, Header: r.header, Body: r.body}); err != nil {
		w.t.Error(err)
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
