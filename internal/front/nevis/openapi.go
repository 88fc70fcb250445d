package nevis

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"strings"
)

// openapi describes the door for programs. A test holds it against what the handlers
// answer.
//
//go:embed openapi.json
var openapi []byte

// described returns openapi with the paths of the door, without those that are closed.
func (d *Door) described() ([]byte, error) {
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(openapi, &doc); err != nil {
		return nil, err
	}
	var paths map[string]json.RawMessage
	if err := json.Unmarshal(doc["paths"], &paths); err != nil {
		return nil, err
	}
	open := make(map[string]json.RawMessage)
	for path, item := range paths {
		if rest, ok := strings.CutPrefix(path, "FIDO/"); ok {
			open[d.Prefix+"/fido2/"+rest] = item
		}
		if rest, ok := strings.CutPrefix(path, "IDM/"); ok && d.IDM != nil {
			open[d.IDM.Prefix+"/"+rest] = item
		}
	}
	var err error
	if doc["paths"], err = json.Marshal(open); err != nil {
		return nil, err
	}
	return json.MarshalIndent(doc, "", "  ")
}

// describe serves openapi with the prefixes the door has. It says nothing that is not
// in the manual, so it asks nobody who they are.
func (d *Door) describe(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-cache")
	_, _ = w.Write(d.document) // the peer may be gone; there is nobody to tell
}
