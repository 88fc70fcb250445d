package plugout

import (
	"encoding/json"
)

// Flag is a boolean that callers also write as "true" or "false".
type Flag bool

// UnmarshalJSON takes true, false and both as text.
func (f *Flag) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case `true`, `"true"`:
		*f = true
	case `false`, `"false"`, `null`:
		*f = false
	default:
		return refuse(ReasonMalformed, "not a boolean")
	}
	return nil
}

// SessionStartCommand opens a session.
type SessionStartCommand struct {
	UserID  string   `json:"userid,omitempty"`
	Title   string   `json:"title,omitempty"`
	Require []string `json:"require,omitempty"` // capabilities, such as [CapabilityFIDO2]
}

// CapabilityFIDO2 says that an agent can drive FIDO2 security keys.
const CapabilityFIDO2 = "fido2"

// SessionStartResponse is the response to it.
type SessionStartResponse struct {
	App          string   `json:"app"`
	Version      string   `json:"version"`
	OS           string   `json:"os"`
	Capabilities []string `json:"capabilities"`
}

// CreateCredentialCommand asks for a credential on a security key.
type CreateCredentialCommand struct {
	// CreationOptions is the WebAuthn creation options in JSON; see [CreateCredentialCommand.Options].
	CreationOptions json.RawMessage `json:"creationOptions"`

	// Origin goes into the client data. Empty: https:// and the RP ID.
	Origin string `json:"origin,omitempty"`

	// Authenticator restricts the choice of the key. Nil: any.
	Authenticator *AuthenticatorFilter `json:"authenticator,omitempty"`

	// DisplayText is shown next to relying party and user.
	DisplayText string `json:"displayText,omitempty"`
}

// AuthenticatorFilter restricts the choice of the key. Empty members restrict
// nothing.
type AuthenticatorFilter struct {
	AAGUIDs []string `json:"aaguids,omitempty"` // UUID form
	Handle  string   `json:"handle,omitempty"`  // as answered to FIDO_GET_INFO
}

// Options returns the creation options themselves: callers may also send them
// wrapped in an object whose member publicKey holds them, and whose other members
// say nothing to an agent.
//
// Errors: [ReasonMalformed].
func (c *CreateCredentialCommand) Options() (json.RawMessage, error) {
	var wrapper struct {
		PublicKey json.RawMessage `json:"publicKey"`
	}
	if err := decode(c.CreationOptions, MaxMessageBytes, &wrapper); err != nil {
		return nil, err
	}
	if wrapper.PublicKey != nil {
		return wrapper.PublicKey, nil
	}
	return c.CreationOptions, nil
}

// CreateCredentialResponse is the response to it.
type CreateCredentialResponse struct {
	Credential json.RawMessage `json:"credential"` // WebAuthn registration response in JSON
}

// GetInfoResponse answers FIDO_GET_INFO, whose command object is empty. No key at
// the desk is an empty list, not an error.
type GetInfoResponse struct {
	Authenticators []AuthenticatorInfo `json:"authenticators"`
}

// AuthenticatorInfo describes one security key.
type AuthenticatorInfo struct {
	Handle     string          `json:"handle"` // names the key within the session
	Product    string          `json:"product"`
	Transports []string        `json:"transports"`
	Versions   []string        `json:"versions"`
	AAGUID     string          `json:"aaguid"` // UUID form
	Options    map[string]bool `json:"options"`
	Algorithms []int64         `json:"algorithms"` // COSE identifiers, preferred first

	MinPINLength                     int  `json:"minPINLength,omitempty"`
	PINRetries                       *int `json:"pinRetries,omitempty"`                       // nil: the key has not said
	RemainingDiscoverableCredentials *int `json:"remainingDiscoverableCredentials,omitempty"` // nil: the key has not said
}

// PingCommand asks whether the agent is there.
type PingCommand struct {
	DeviceInfo Flag `json:"deviceinfo,omitempty"`
}

// PingResponse answers it.
type PingResponse struct {
	DeviceInfo *DeviceInfo `json:"deviceinfo,omitempty"` // only when asked for
}

// DeviceInfo describes the desk.
type DeviceInfo struct {
	OperatingSystem string `json:"operatingsystem"`
	OSVersion       string `json:"osversion"`
	AppVersion      string `json:"appversion"`
}

// DecodeCommand reads a command object into one of the command structs. Members
// that the struct does not have are ignored: they may be for the relay, or of a later
// edition.
//
// Errors: [ReasonTooLarge], [ReasonMalformed].
func DecodeCommand(command json.RawMessage, into any) error {
	return decode(command, MaxMessageBytes, into)
}
