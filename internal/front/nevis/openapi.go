package nevis

import (
	_ "embed"
	"net/http"
)

// openapi describes the door for programs. A test holds it against what the handlers
// answer.
//
//go:embed openapi.json
var openapi []byte

// describe serves openapi with the prefixes the door has. It says nothing that is not
// in the manual, so it asks nobody who they are.
func (d *Door) describe(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-cache")
	_, _ = w.Write(d.described) // the peer may be gone; there is nobody to tell
}
