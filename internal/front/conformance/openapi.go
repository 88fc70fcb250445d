package conformance

import (
	"bytes"
	_ "embed"
	"net/http"
	"strconv"
)

// openapi describes the door for programs. A test holds it against what is answered.
//
//go:embed openapi.json
var openapi []byte

// rootServer is the member of openapi that says where the paths begin.
var rootServer = []byte(`"url": "/"`)

// describe serves openapi with the prefix the door has.
func (f *front) describe(w http.ResponseWriter, _ *http.Request) {
	doc := openapi
	if f.Prefix != "" {
		doc = bytes.Replace(openapi, rootServer, []byte(`"url": `+strconv.Quote(f.Prefix)), 1)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-cache")
	_, _ = w.Write(doc) // the peer may be gone; there is nobody to tell
}
