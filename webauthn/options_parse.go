package webauthn

import (
	"encoding/json"
	"errors"
	"strings"

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

// maxOptionsValues is how many values options hold: enough to name some 400 credentials,
// which fill MaxOptionsBytes.
const maxOptionsValues = 4096

// parseOptions decodes data, or its publicKey member, into options.
func parseOptions(data []byte, options any) error {
	if len(data) > MaxOptionsBytes {
		return &OptionsError{Problem: "64 KiB long or longer"}
	}
	var wrapper struct {
		PublicKey json.RawMessage `json:"publicKey"`
	}
	if err := strictjson.Decode(data, &wrapper, strictjson.MaxValues(maxOptionsValues)); err != nil {
		return optionsRefused(err)
	}
	if wrapper.PublicKey != nil {
		data = wrapper.PublicKey
	}
	if err := strictjson.Decode(data, options, strictjson.MaxValues(maxOptionsValues)); err != nil {
		return optionsRefused(err)
	}
	return nil
}

// optionsRefused names the member at which the JSON was refused.
func optionsRefused(err error) *OptionsError {
	refusal := &OptionsError{Problem: "not the JSON of options", Err: err}
	if e, ok := errors.AsType[*strictjson.Error](err); ok {
		refusal.Member = strings.TrimPrefix(strings.TrimPrefix(e.Path, "publicKey"), ".")
	}
	return refusal
}
