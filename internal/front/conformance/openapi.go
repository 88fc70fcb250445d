package conformance

import _ "embed"

// openapi describes the door for programs. A test holds it against what is answered.
//
//go:embed openapi.json
var openapi []byte
