package web

import (
	"bytes"
	"net/http"
	"strconv"
)

// rootServer is the member of an OpenAPI document that says where its paths begin.
var rootServer = []byte(`"url": "/"`)

// OpenAPI serves the OpenAPI document of a door whose paths begin at prefix; empty: at the
// root, as the document itself says. It says nothing that is not in the manual, so it asks
// nobody who they are.
func OpenAPI(document []byte, prefix string) http.HandlerFunc {
	if prefix != "" {
		document = bytes.Replace(document, rootServer, []byte(`"url": `+strconv.Quote(prefix)), 1)
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-cache")
		_, _ = w.Write(document) // the peer may be gone; there is nobody to tell
	}
}
