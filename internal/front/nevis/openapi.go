package nevis

import (
	_ "embed"
	"encoding/json"
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
