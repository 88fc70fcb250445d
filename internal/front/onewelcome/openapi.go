package onewelcome

import _ "embed"

// openapi describes the door for programs. A test holds it against the routes and every
// answer that the tests get.
//
//go:embed openapi.json
var openapi []byte
