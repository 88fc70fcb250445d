package webauthn

import (
	"encoding/json"

	"bestow.dev/internal/strictcbor"
)

// Extensions are an authenticator's extension outputs (§9). They need not be those
// that were asked for. The zero value has none.
//
// Its JSON form shows the values to people: byte strings as base64url, and maps with
// their keys as text.
type Extensions struct {
	outputs strictcbor.Item // a map with text keys
}

// Len returns the number of outputs.
func (e Extensions) Len() int {
	if !e.outputs.Exists() {
		return 0
	}
	return e.outputs.Len()
}

// Raw returns the output of an extension, one canonical CBOR item; nil if there is none.
func (e Extensions) Raw(id string) []byte { return e.output(id).Raw() }

func (e Extensions) output(id string) strictcbor.Item {
	if !e.outputs.Exists() {
		return strictcbor.Item{}
	}
	item, _ := e.outputs.GetText(id)
	return item
}

// uint returns an output that is an unsigned integer.
func (e Extensions) uint(id string) (uint64, bool) {
	item := e.output(id)
	if !item.Exists() {
		return 0, false
	}
	n, ok := item.Int()
	return uint64(n), ok && n >= 0
}

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
	item := e.output("hmac-secret")
	if !item.Exists() {
		return false
	}
	made, ok := item.Bool()
	return ok && made
}

// MarshalJSON implements [json.Marshaler].
func (e Extensions) MarshalJSON() ([]byte, error) {
	if !e.outputs.Exists() {
		return []byte("{}"), nil
	}
	return json.Marshal(readable(e.outputs))
}

// parseExtensions reads the extension outputs at the front of data and returns what
// follows them.
func parseExtensions(data []byte, step string) (Extensions, []byte, error) {
	if len(data) == 0 {
		return Extensions{}, nil, refuse(ReasonAuthDataMalformed, step, "flag ED promises extension outputs, and nothing follows")
	}
	outputs, rest, err := strictcbor.ParseFirst(data)
	if err != nil {
		return Extensions{}, nil, refuseCBOR(err, step, "the extension outputs")
	}
	if outputs.Kind() != strictcbor.Map {
		return Extensions{}, nil, refuse(ReasonAuthDataMalformed, step, "the extension outputs are no map")
	}
	for id := range outputs.Entries() {
		if id.Kind() != strictcbor.Text {
			return Extensions{}, nil, refuse(ReasonAuthDataMalformed, step, "an extension output is not named by text")
		}
	}
	return Extensions{outputs}, rest, nil
}

// actedUpon reports whether the client says that it acted upon an extension whose
// output is a boolean.
func actedUpon(results map[string]json.RawMessage, id string) bool {
	return string(results[id]) == "true"
}
