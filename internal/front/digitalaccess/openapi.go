package digitalaccess

import _ "embed"

// openapi describes the door for programs. A test holds it against the routes and
// the documents of wire.go.
//
//go:embed openapi.json
var openapi []byte
