package webauthn

import (
	"bytes"
	"encoding/json"

	"bestow.dev/internal/strictcbor"
)

// Extensions are an authenticator's extension outputs (§9): extension identifier to
// value, each value one canonical CBOR item. They need not be those asked for.
//
// Its JSON form shows the values to people: byte strings as base64url, and maps with
// their keys as text.
type Extensions map[string][]byte

// CredProtect is the protection level of a credential, an extension of CTAP2. A
// credential without one can be used as if it had CredProtectOptional.
type CredProtect uint8

// The protection levels.
const (
	CredProtectOptional           CredProtect = 1 // user verification is optional
	CredProtectOptionalWithIDList CredProtect = 2 // optional only if the credential is named
	CredProtectRequired           CredProtect = 3 // user verification is required
)

// CredProtect returns the level the authenticator set, and whether it set one. It may
// be stricter than what was asked for.
func (e Extensions) CredProtect() (CredProtect, bool) {
	level, ok := e.uint("credProtect")
	if !ok || level < uint64(CredProtectOptional) || level > uint64(CredProtectRequired) {
		return 0, false
	}
	return CredProtect(level), true
}

// MinPINLength returns the least length of the authenticator's PIN in code points,
// and whether it told.
func (e Extensions) MinPINLength() (uint64, bool) { return e.uint("minPinLength") }

// HMACSecret reports whether a new credential can compute hmac-secret, on which prf rests.
func (e Extensions) HMACSecret() bool {
	return bytes.Equal(e["hmac-secret"], []byte{simpleTrue})
}

func (e Extensions) uint(id string) (uint64, bool) {
	item, ok := e[id]
	if !ok || major(item[0]) != majorUint {
		return 0, false
	}
	argument, _ := cborHead(item)
	return argument, true
}

// maxExtensions is how many extension outputs are read.
const maxExtensions = 64

// parseExtensions reads the extension outputs at the front of data and returns what
// follows them.
func parseExtensions(data []byte, step string) (Extensions, []byte, error) {
	if len(data) == 0 {
		return nil, nil, refuse(ReasonAuthDataMalformed, step, "flag ED promises extension outputs, and nothing follows")
	}
	n, err := strictcbor.Check(data)
	if err != nil {
		return nil, nil, refuseCBOR(err, step, "the extension outputs")
	}
	members, ok := cborMap(data[:n])
	if !ok {
		return nil, nil, refuse(ReasonAuthDataMalformed, step, "the extension outputs are not a map with text keys")
	}
	if len(members) > maxExtensions {
		return nil, nil, refuse(ReasonAuthDataMalformed, step, "%d extension outputs, more than %d", len(members), maxExtensions)
	}
	e := make(Extensions, len(members))
	for _, m := range members {
		e[m.name] = m.value
	}
	return e, data[n:], nil
}

// actedUpon reports whether the client says that it acted upon an extension whose
// output is a boolean.
func actedUpon(results map[string]json.RawMessage, id string) bool {
	return string(results[id]) == "true"
}

// discoverable returns what credProps says (§10.1.3); nil if nothing.
func discoverable(results map[string]json.RawMessage) *bool {
	var props struct {
		RK *bool `json:"rk"`
	}
	if raw, ok := results["credProps"]; !ok || json.Unmarshal(raw, &props) != nil {
		return nil
	}
	return props.RK
}

// MarshalJSON implements [json.Marshaler].
func (e Extensions) MarshalJSON() ([]byte, error) {
	values := make(map[string]any, len(e))
	for id, item := range e {
		values[id] = cborToJSON(item)
	}
	return json.Marshal(values)
}
