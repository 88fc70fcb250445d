package webauthn

import "bestow.dev/internal/strictjson"

// Bytes is binary data whose JSON form is base64url without padding (§5.1). Padding,
// other alphabets, white space and unused bits that are not zero are refused.
type Bytes = strictjson.Bytes
