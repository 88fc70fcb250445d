package agent

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/url"

	"bestow.dev/ctap"
	"bestow.dev/webauthn"
)

// ErrOptions is returned by [Agent.Assert] for request options that are malformed, or
// not for the given origin.
var ErrOptions = errors.New("the request options cannot be used")

// Assert signs in with the key that is at the desk, as a browser would for a page at
// origin: it takes request options in JSON, bare or below publicKey, and returns the
// authentication response in JSON (WebAuthn, section 5.1). Of several accounts it
// takes the newest.
//
// Errors: [ErrOptions]; [ctap.StatusNoCredentials] and the other refusals of a key; what
// the prompt returned.
func (a *Agent) Assert(ctx context.Context, optionsJSON []byte, origin string) (json.RawMessage, error) {
	options, err := webauthn.ParseRequestOptions(optionsJSON)
	if err != nil {
		return nil, errors.Join(ErrOptions, err)
	}
	rpID := options.RPID
	if rpID == "" { // section 5.1.4: the domain of the origin
		if u, err := url.Parse(origin); err == nil {
			rpID = u.Hostname()
		}
	}
	if err := CheckOrigin(origin, rpID); err != nil {
		return nil, errors.Join(ErrOptions, err)
	}
	s := &session{Agent: a, keys: newKeyRing(a.config.Keys)}
	key, err := s.choose(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer openKeys{key}.close()

	data := clientData(typeGet, options.Challenge, origin)
	hash := sha256.Sum256(data)
	ask := &asker{Agent: a, keyName: key.Name}
	assertions, err := key.client.GetAssertion(ctx, ctap.AssertionParams{
		RPID:             rpID,
		ClientDataHash:   hash[:],
		Allow:            descriptors(options.AllowCredentials),
		UserVerification: requirement(string(options.UserVerification)),
	}, ask.prompt())
	if err != nil {
		return nil, err
	}
	return authenticationJSON(data, &assertions[0])
}

// authentication is an authentication response in the form of toJSON (section 5.1,
// AuthenticationResponseJSON).
type authentication struct {
	ID         webauthn.Bytes         `json:"id"`
	RawID      webauthn.Bytes         `json:"rawId"`
	Type       string                 `json:"type"`
	Attachment webauthn.Attachment    `json:"authenticatorAttachment"`
	Extensions struct{}               `json:"clientExtensionResults"`
	Response   authenticationResponse `json:"response"`
}

type authenticationResponse struct {
	ClientDataJSON    webauthn.Bytes `json:"clientDataJSON"`
	AuthenticatorData webauthn.Bytes `json:"authenticatorData"`
	Signature         webauthn.Bytes `json:"signature"`
	UserHandle        webauthn.Bytes `json:"userHandle,omitempty"`
}

func authenticationJSON(clientData []byte, made *ctap.Assertion) (json.RawMessage, error) {
	r := authentication{
		ID:         made.CredentialID,
		RawID:      made.CredentialID,
		Type:       webauthn.TypePublicKey,
		Attachment: webauthn.AttachmentCrossPlatform,
		Response: authenticationResponse{
			ClientDataJSON:    clientData,
			AuthenticatorData: made.AuthData,
			Signature:         made.Signature,
		},
	}
	if made.User != nil {
		r.Response.UserHandle = made.User.ID
	}
	return json.Marshal(r)
}
