package webauthn

import (
	"bytes"

	"bestow.dev/internal/strictjson"
)

// ClientData is what the client says about a ceremony (§5.8.1).
type ClientData struct {
	// Type is "webauthn.create" or "webauthn.get".
	Type string
	// Challenge is the challenge, decoded.
	Challenge []byte
	// Origin is where the ceremony ran.
	Origin string
	// CrossOrigin says that it ran in a frame whose ancestors are of another origin.
	CrossOrigin bool
	// TopOrigin is the origin of the embedding page; empty if the client did not say.
	TopOrigin string
}

// maxClientDataBytes is how long client data may be.
const maxClientDataBytes = 64 << 10

// byteOrderMark may precede client data. It is part of what is hashed, not of the JSON.
var byteOrderMark = []byte{0xef, 0xbb, 0xbf}

// parseClientData reads clientDataJSON: steps 5 and 6 of §7.1, which are 8 and 9 of
// §7.2. Members it does not know may be there, tokenBinding of earlier levels among them.
func parseClientData(data []byte, p *procedure) (ClientData, error) {
	var wire struct {
		Type        *string `json:"type"`
		Challenge   *string `json:"challenge"`
		Origin      *string `json:"origin"`
		CrossOrigin *bool   `json:"crossOrigin"`
		TopOrigin   *string `json:"topOrigin"`
	}
	text := bytes.TrimPrefix(data, byteOrderMark)
	if err := strictjson.Decode(text, &wire, strictjson.MaxBytes(maxClientDataBytes), strictjson.DisallowNull()); err != nil {
		return ClientData{}, refuse(ReasonClientDataMalformed, p.clientJSON, "the client data is not an object of the form of §5.8.1").because(err)
	}
	if wire.Type == nil || wire.Challenge == nil || wire.Origin == nil {
		return ClientData{}, refuse(ReasonClientDataMalformed, p.clientJSON, "the client data lacks type, challenge or origin")
	}
	// Clients write the challenge in its one canonical form, so that comparing what
	// was decoded is comparing what was written.
	challenge, err := strictjson.DecodeBase64URL(*wire.Challenge)
	if err != nil {
		return ClientData{}, refuse(ReasonChallenge, p.challenge, "the challenge is not base64url").because(err)
	}
	c := ClientData{Type: *wire.Type, Challenge: challenge, Origin: *wire.Origin}
	if wire.CrossOrigin != nil {
		c.CrossOrigin = *wire.CrossOrigin
	}
	if wire.TopOrigin != nil {
		if *wire.TopOrigin == "" {
			return ClientData{}, refuse(ReasonClientDataMalformed, p.clientJSON, "the client data has an empty topOrigin")
		}
		c.TopOrigin = *wire.TopOrigin
	}
	return c, nil
}
