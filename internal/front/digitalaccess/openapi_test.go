package digitalaccess_test

import (
	"net/http"
	"strings"
	"testing"

	"bestow.dev/internal/front/fronttest"
)

// judge fails unless the answer is one that the document describes, its code among them.
// Every request of these tests is judged.
func (w *world) judge(q request, r reply) {
	w.t.Helper()
	said, err := w.says.Check(fronttest.Answer{Method: q.method, Path: q.path, Status: r.status, Header: r.header, Body: r.body})
	if err != nil {
		w.t.Error(err)
	}
	code, _ := r.member("error").(string)
	if said != nil && code != "" && !said.Names(code) && !strings.Contains(said.Description, "failed attempts") {
		w.t.Errorf("%s %s: the description of %d does not tell of %s", q.method, q.path, r.status, code)
	}
}

func TestDocument(t *testing.T) {
	w := newWorld(t)
	r := w.send(request{method: "GET", path: "/fido/openapi.json"})
	if r.status != http.StatusOK || r.header.Get("Content-Type") != "application/json" {
		t.Fatalf("got %d %v", r.status, r.header)
	}
	d := fronttest.Parse(t, r.body)
	if d.OpenAPI != "3.1.0" || len(d.Servers) != 1 || d.Servers[0].URL != prefix {
		t.Errorf("document %s at %v", d.OpenAPI, d.Servers)
	}
	// Whatever is described is there, and asks who calls unless it says otherwise.
	for path, item := range d.Paths {
		for method, op := range item {
			q := request{method: strings.ToUpper(method), path: strings.ReplaceAll(path, "{id}", "AAAA")}
			r := w.do(q)
			if r.status == http.StatusNotFound || r.status == http.StatusMethodNotAllowed {
				t.Errorf("%s is described and answers %d", op.OperationID, r.status)
			}
			if _, ok := op.Security[0]["oauth2"]; ok && r.status != http.StatusUnauthorized {
				t.Errorf("%s answers %d to nobody", op.OperationID, r.status)
			}
		}
	}
}
