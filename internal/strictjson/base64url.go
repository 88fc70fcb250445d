package strictjson

import (
	"encoding/base64"
	"encoding/json"
)

var base64url = base64.RawURLEncoding.Strict()

// Bytes are bytes that JSON carries as base64url without padding.
type Bytes []byte

// DecodeBase64URL decodes base64url without padding. Its errors are [*Error] with reason [Base64URL].
func DecodeBase64URL(s string) ([]byte, error) {
	b, err := base64url.DecodeString(s)
	if err != nil {
		return nil, &Error{Reason: Base64URL, Detail: "not base64url without padding"}
	}
	return b, nil
}

// EncodeBase64URL encodes b as base64url without padding.
func EncodeBase64URL(b []byte) string { return base64url.EncodeToString(b) }

// MarshalJSON implements [json.Marshaler]. Nil becomes null.
func (b Bytes) MarshalJSON() ([]byte, error) {
	if b == nil {
		return []byte("null"), nil
	}
	return []byte(`"` + EncodeBase64URL(b) + `"`), nil
}

// UnmarshalJSON implements [json.Unmarshaler]. Null leaves b as it is.
func (b *Bytes) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	d, err := DecodeBase64URL(s)
	if err != nil {
		return err
	}
	*b = d
	return nil
}
