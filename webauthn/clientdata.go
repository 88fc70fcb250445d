package webauthn

import (
	"bytes"
	"encoding/json"
	"errors"

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

// clientDataWire is the JSON form of client data. Absent is as good as empty, but for
// topOrigin, which no honest client leaves empty.
type clientDataWire struct {
	Type        string    `json:"type"`
	Challenge   string    `json:"challenge"`
	Origin      string    `json:"origin"`
	CrossOrigin bool      `json:"crossOrigin"`
	TopOrigin   topOrigin `json:"topOrigin"`
}

// topOrigin is an origin that is there.
type topOrigin string

// UnmarshalJSON implements [json.Unmarshaler].
func (o *topOrigin) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	if text == "" {
		return errors.New("topOrigin is null or empty")
	}
	*o = topOrigin(text)
	return nil
}

// parseClientData reads clientDataJSON: steps 5 and 6 of §7.1, which are 8 and 9 of
// §7.2. Members it does not know may be there, tokenBinding of earlier levels among them.
func parseClientData(data []byte, p *procedure) (ClientData, error) {
	var wire clientDataWire
	text := bytes.TrimPrefix(data, byteOrderMark)
	if err := strictjson.Decode(text, &wire, strictjson.MaxBytes(maxClientDataBytes), strictjson.MaxValues(maxValues), strictjson.DisallowNull()); err != nil {
		return ClientData{}, refuse(ReasonClientDataMalformed, p.clientJSON, "the client data does not have the form of §5.8.1").because(err)
	}
	if wire.Type == "" || wire.Challenge == "" || wire.Origin == "" {
		return ClientData{}, refuse(ReasonClientDataMalformed, p.clientJSON, "the client data lacks type, challenge or origin")
	}
	// Clients write the challenge in its one canonical form, so that comparing what
	// was decoded is comparing what was written.
	challenge, err := strictjson.DecodeBase64URL(wire.Challenge)
	if err != nil {
		return ClientData{}, refuse(ReasonChallenge, p.challenge, "the challenge is not base64url").because(err)
	}
	return ClientData{
		Type:        wire.Type,
		Challenge:   challenge,
		Origin:      wire.Origin,
		CrossOrigin: wire.CrossOrigin,
		TopOrigin:   string(wire.TopOrigin),
	}, nil
}
