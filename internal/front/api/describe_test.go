package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The description is part of the promise to callers: a change of it shows here.
func TestDescription(t *testing.T) {
	w := newWorld(t)
	r := w.must(http.StatusOK, "", "GET", "/openapi.json", nil)
	if got := r.header.Get("Content-Type"); got != "application/openapi+json" {
		t.Errorf("Content-Type: %q", got)
	}
	golden := filepath.Join("testdata", "openapi.json")
	if *update {
		check(t, os.WriteFile(golden, r.body, 0o644))
	}
	want, err := os.ReadFile(golden)
	check(t, err)
	if !bytes.Equal(r.body, want) {
		t.Errorf("the description is not the one in %s: go test ./internal/front/api -run TestDescription -update", golden)
	}
}

// Whatever is described is there, and asks who calls.
func TestDescribedIsThere(t *testing.T) {
	w := newWorld(t)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct{ OperationID, Summary string }
	}
	check(t, json.Unmarshal(w.must(http.StatusOK, "", "GET", "/openapi.json", nil).body, &doc))
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("OpenAPI %s", doc.OpenAPI)
	}
	manual := string(w.must(http.StatusOK, "", "GET", "/docs", nil).body)
	n := 0
	for path, item := range doc.Paths {
		for method, op := range item {
			n++
			r := w.do("", strings.ToUpper(method), strings.ReplaceAll(path, "{id}", "x"), nil)
			switch {
			case op.OperationID == "access-token":
				if r.status != http.StatusBadRequest {
					t.Errorf("%s: %d", op.OperationID, r.status)
				}
			default:
				refused(t, r, http.StatusUnauthorized, "caller.anonymous")
			}
			if !strings.Contains(manual, strings.ToUpper(method)+" "+path) || op.Summary == "" {
				t.Errorf("%s is not in the manual", op.OperationID)
			}
		}
	}
	if n < 30 {
		t.Errorf("only %d operations are described", n)
	}
}

// The type of a problem leads somewhere.
func TestProblemType(t *testing.T) {
	w := newWorld(t)
	r := w.do("", "GET", "/problems/user.unknown", nil)
	if r.status != http.StatusOK || !strings.Contains(string(r.body), `id="refusals"`) {
		t.Errorf("got %d %.200s", r.status, r.body)
	}
}

// The manual is one page that needs nothing from elsewhere.
func TestManual(t *testing.T) {
	w := newWorld(t)
	r := w.must(http.StatusOK, "", "GET", "/docs", nil)
	policy := r.header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") || r.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("headers: %v", r.header)
	}
	for _, no := range []string{"<script", "http://", "https://", "style=", "ZgotmplZ"} {
		if strings.Contains(string(r.body), no) {
			t.Errorf("the page holds %q", no)
		}
	}
}
