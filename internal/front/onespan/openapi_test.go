package onespan_test

import (
	"net/http"
	"strings"
	"testing"

	"bestow.dev/internal/front/fronttest"
)

// judge fails unless the answer is one that the document describes. Every request of
// these tests is judged.
func (w *world) judge(q request, r reply) {
	w.t.Helper()
	if _, err := w.says.Check(fronttest.Answer{Method: q.method, Path: q.path, Status: r.status, Header: r.header, Body: r.body}); err != nil {
		w.t.Error(err)
	}
}

// Whatever is described is there, and asks who calls unless it says otherwise.
func TestDocument(t *testing.T) {
	w := newWorld(t)
	r := w.do(request{method: "GET", path: "/openapi.json", as: "nobody"})
	d := fronttest.Parse(t, r.body)
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
