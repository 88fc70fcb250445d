package onespan

import (
	"bytes"
	_ "embed"
	"net/http"
	"strconv"
)

// openapi describes the door for programs. A test holds it against the routes and the
// documents of wire.go.
//
//go:embed openapi.json
var openapi []byte

// rootServer is the member of openapi that says where the paths begin.
var rootServer = []byte(`"url": "/"`)

// describe serves openapi with the prefix the door has. It says nothing that is not in
// the manual, so it asks nobody who they are.
func (f *front) describe(w http.ResponseWriter, _ *http.Request) {
	doc := openapi
	if f.Prefix != "" {
		doc = bytes.Replace(openapi, rootServer, []byte(`"url": `+strconv.Quote(f.Prefix)), 1)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(doc) // the peer may be gone; there is nobody to tell
}
