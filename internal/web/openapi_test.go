package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"bestow.dev/internal/web"
)

func TestOpenAPI(t *testing.T) {
	const document = `{"servers": [{"url": "/"}], "paths": {"/x": {"url": "/"}}}`
	for prefix, want := range map[string]string{
		"":       document,
		"/fido":  `{"servers": [{"url": "/fido"}], "paths": {"/x": {"url": "/"}}}`,
		`/a"b`:   `{"servers": [{"url": "/a\"b"}], "paths": {"/x": {"url": "/"}}}`,
		"/x/fd2": `{"servers": [{"url": "/x/fd2"}], "paths": {"/x": {"url": "/"}}}`,
	} {
		w := httptest.NewRecorder()
		web.OpenAPI([]byte(document), prefix)(w, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
		if w.Code != http.StatusOK || w.Body.String() != want || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%q: got %d %s", prefix, w.Code, w.Body)
		}
	}
}
