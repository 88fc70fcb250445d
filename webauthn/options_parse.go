package webauthn

import (
	"encoding/json"

	"bestow.dev/internal/strictjson"
)

// ParseCreationOptions reads creation options from JSON, bare or as the publicKey
// member of an object, and checks them. Members it does not know are left out of the
// result, so a caller that has to hand the options on keeps the JSON.
//
// An error is an [*OptionsError].
func ParseCreationOptions(data []byte) (*CreationOptions, error) {
	o := &CreationOptions{}
	if err := parseOptions(data, o); err != nil {
		return nil, err
	}
	if err := o.Check(); err != nil {
		return nil, err
	}
	return o, nil
}

// ParseRequestOptions reads request options from JSON, bare or as the publicKey
// member of an object, and checks them. Members it does not know are left out of the
// result.
//
// An error is an [*OptionsError].
func ParseRequestOptions(data []byte) (*RequestOptions, error) {
	o := &RequestOptions{}
	if err := parseOptions(data, o); err != nil {
		return nil, err
	}
	if err := o.Check(); err != nil {
		return nil, err
	}
	return o, nil
}

// parseOptions decodes data, or its publicKey member, into options.
func parseOptions(data []byte, options any) error {
	if len(data) > MaxOptionsBytes {
		return &OptionsError{Problem: "are 64 KiB long or longer"}
	}
	var wrapper struct {
		PublicKey json.RawMessage `json:"publicKey"`
	}
	if err := strictjson.Decode(data, &wrapper); err != nil {
		return &OptionsError{Problem: "are not a JSON object", Err: err}
	}
	if wrapper.PublicKey != nil {
		data = wrapper.PublicKey
	}
	if err := strictjson.Decode(data, options); err != nil {
		return &OptionsError{Problem: "do not have the form of §5.4 or §5.5", Err: err}
	}
	return nil
}
