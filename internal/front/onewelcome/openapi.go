package onewelcome

import (
	"bytes"
	_ "embed"
	"net/http"
	"strconv"
)

// openapi describes the door for programs. A test holds it against the routes and every
// answer that the tests get.
//
//go:embed openapi.json
var openapi []byte

// rootServer is the member of openapi that says where the paths begin.
var rootServer = []byte(`"url": "/"`)

// describe serves openapi with the prefix the door has. It says nothing that is not in
// the manual, so it asks nobody who they are.
func (f *front) describe(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-cache")
	// The peer may be gone; there is nobody to tell.
	_, _ = w.Write(bytes.Replace(openapi, rootServer, []byte(`"url": `+strconv.Quote(f.Prefix)), 1))
}
