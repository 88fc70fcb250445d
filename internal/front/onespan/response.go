package onespan

import (
	"encoding/json"
	"strings"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/strictjson"
	"bestow.dev/webauthn"
)

// looseCredential is a browser's answer as pages hand it to the platform: many encode
// its bytes by hand, with padding or in the standard alphabet, and some leave rawId out.
// What is not named here the server has no use for.
type looseCredential struct {
	ID                      looseBytes                 `json:"id,omitempty"`
	RawID                   looseBytes                 `json:"rawId,omitempty"`
	Type                    *string                    `json:"type,omitempty"`
	AuthenticatorAttachment string                     `json:"authenticatorAttachment,omitempty"`
	ClientExtensionResults  map[string]json.RawMessage `json:"clientExtensionResults,omitempty"`
	Response                *looseResponse             `json:"response,omitempty"`
}

// looseResponse has the members of either ceremony.
type looseResponse struct {
	ClientDataJSON    looseBytes  `json:"clientDataJSON,omitempty"`
	AttestationObject looseBytes  `json:"attestationObject,omitempty"`
	AuthenticatorData looseBytes  `json:"authenticatorData,omitempty"`
	Signature         looseBytes  `json:"signature,omitempty"`
	UserHandle        *looseBytes `json:"userHandle,omitempty"`
	Transports        []string    `json:"transports,omitempty"`
}

// looseBytes is base64 of any kind.
type looseBytes string

// strict returns the text as base64url without padding, if it is base64 at all.
func (b looseBytes) strict() looseBytes {
	text := string(b)
	if n := len(text); n > 0 && n%4 == 0 {
		text = strings.TrimSuffix(strings.TrimSuffix(text, "="), "=")
	}
	return looseBytes(strings.NewReplacer("+", "-", "/", "_").Replace(text))
}

// maxCredentialBytes is how long an answer may be.
const maxCredentialBytes = 256 << 10

// strictCredential returns an answer in the form that browsers give it by themselves.
// Errors: "webauthn." and a reason, of kind invalid.
func strictCredential(text []byte) ([]byte, error) {
	var c looseCredential
	if err := strictjson.Decode(text, &c, strictjson.MaxBytes(maxCredentialBytes)); err != nil {
		return nil, credential.Unreadable(&webauthn.VerificationError{Reason: webauthn.ReasonJSONMalformed, Detail: err.Error()})
	}
	c.ID, c.RawID = c.ID.strict(), c.RawID.strict()
	if c.RawID == "" {
		c.RawID = c.ID
	}
	if r := c.Response; r != nil {
		for _, b := range []*looseBytes{&r.ClientDataJSON, &r.AttestationObject, &r.AuthenticatorData, &r.Signature, r.UserHandle} {
			if b != nil {
				*b = b.strict()
			}
		}
	}
	return json.Marshal(c)
}

// registrationResponse reads what register-fido-device brings.
func registrationResponse(text []byte) (*webauthn.RegistrationResponse, error) {
	strict, err := strictCredential(text)
	if err != nil {
		return nil, err
	}
	resp, err := webauthn.ParseRegistrationResponse(strict)
	if err != nil {
		return nil, credential.Unreadable(err)
	}
	return resp, nil
}

// authenticationResponse reads what login brings.
func authenticationResponse(text []byte) (*webauthn.AuthenticationResponse, error) {
	strict, err := strictCredential(text)
	if err != nil {
		return nil, err
	}
	resp, err := webauthn.ParseAuthenticationResponse(strict)
	if err != nil {
		return nil, credential.Unreadable(err)
	}
	return resp, nil
}
