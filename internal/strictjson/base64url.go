package strictjson

import (
	"encoding/base64"
	"encoding/json"
)

// Bytes are bytes that JSON carries as base64url without padding (RFC 4648 §5), as
// WebAuthn and JOSE do.
type Bytes []byte

// MarshalJSON implements [json.Marshaler]. Nil becomes null.
func (b Bytes) MarshalJSON() ([]byte, error) {
	if b == nil {
		return []byte("null"), nil
	}
	quoted := make([]byte, 1, 2+base64.RawURLEncoding.EncodedLen(len(b)))
	quoted[0] = '"'
	return append(base64.RawURLEncoding.AppendEncode(quoted, b), '"'), nil
}

// UnmarshalJSON implements [json.Unmarshaler]. Null leaves b as it is; the empty
// string makes it empty, but not nil. A string that is not strict base64url is an
// [*Error] with reason Base64URL, anything else one with reason Type.
func (b *Bytes) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	if n := len(data); n >= 2 && data[0] == '"' && data[n-1] == '"' && isBase64URL(data[1:n-1]) {
		decoded, err := base64.RawURLEncoding.AppendDecode([]byte{}, data[1:n-1])
		*b = decoded
		return err
	}
	// What is no base64url as it stands may be spelled with escapes.
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return &Error{Reason: Type, Detail: "a string belongs here", Err: err}
	}
	decoded, err := DecodeBase64URL(s)
	if err != nil {
		return err
	}
	*b = decoded
	return nil
}

const notBase64URL = "not base64url without padding"

// DecodeBase64URL decodes base64url without padding. There is one text for any bytes:
// padding, white space, characters of the other alphabet and bits that decode to
// nothing are refused, by an [*Error] with reason Base64URL. The result is never nil
// without an error.
func DecodeBase64URL(s string) ([]byte, error) {
	if !isBase64URL(s) {
		return nil, &Error{Reason: Base64URL, Detail: notBase64URL}
	}
	return base64.RawURLEncoding.DecodeString(s)
}

// EncodeBase64URL encodes b as base64url without padding.
func EncodeBase64URL(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// sextets has the value of each character of the alphabet, and 64 for all others.
// encoding/base64 would skip line breaks even where it is strict.
var sextets = func() (t [256]byte) {
	for i := range t {
		t[i] = 64
	}
	for value, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		t[c] = byte(value)
	}
	return t
}()

func isBase64URL[T string | []byte](s T) bool {
	var all, last byte
	for i := range len(s) {
		last = sextets[s[i]]
		all |= last
	}
	if all >= 64 {
		return false
	}
	switch len(s) % 4 {
	case 1: // six bits are no byte
		return false
	case 2: // 12 bits for one byte
		return last&0x0f == 0
	case 3: // 18 bits for two bytes
		return last&0x03 == 0
	default:
		return true
	}
}
