package nevis

import "encoding/json"

// The documents of the wire, with their members spelled as the clients of this door know
// them. Binary values are base64url without padding.

// serverResponse answers what ends a ceremony, and is what every other answer below
// /fido2 begins with.
type serverResponse struct {
	Status       string `json:"status"`
	ErrorMessage string `json:"errorMessage"`
	SessionID    string `json:"fido2SessionId,omitempty"`
}

// The values of status.
const (
	statusOK     = "ok"
	statusFailed = "failed"
)

// optionsRequest asks for registration or authentication options.
type optionsRequest struct {
	Username               *string                    `json:"username"`
	DisplayName            *string                    `json:"displayName"`
	AuthenticatorSelection *authenticatorSelection    `json:"authenticatorSelection"`
	Attestation            *string                    `json:"attestation"`
	UserVerification       *string                    `json:"userVerification"`
	Extensions             map[string]json.RawMessage `json:"extensions"`
}

// registers reports whether a request at the path of registrations is for one: it has a
// member that only those have.
func (q *optionsRequest) registers() bool {
	return q.DisplayName != nil || q.AuthenticatorSelection != nil || q.Attestation != nil
}

type authenticatorSelection struct {
	AuthenticatorAttachment string `json:"authenticatorAttachment"`
	RequireResidentKey      *bool  `json:"requireResidentKey"`
	ResidentKey             string `json:"residentKey"`
	UserVerification        string `json:"userVerification"`
}

// resultRequest is an authenticator's answer, of either kind. Members that it does not
// name are left alone.
type resultRequest struct {
	ID                        json.RawMessage `json:"id"`
	RawID                     json.RawMessage `json:"rawId"`
	Type                      json.RawMessage `json:"type"`
	Response                  json.RawMessage `json:"response"`
	AuthenticatorAttachment   json.RawMessage `json:"authenticatorAttachment"`
	ClientExtensionResults    json.RawMessage `json:"clientExtensionResults"`
	GetClientExtensionResults json.RawMessage `json:"getClientExtensionResults"`
	UserFriendlyName          string          `json:"userFriendlyName"` // registrations
	UserAgent                 string          `json:"userAgent"`
}

// browserAnswer is the same as a browser's toJSON has it.
type browserAnswer struct {
	ID                      json.RawMessage `json:"id,omitempty"`
	RawID                   json.RawMessage `json:"rawId,omitempty"`
	Type                    json.RawMessage `json:"type,omitempty"`
	Response                json.RawMessage `json:"response,omitempty"`
	AuthenticatorAttachment json.RawMessage `json:"authenticatorAttachment,omitempty"`
	ClientExtensionResults  json.RawMessage `json:"clientExtensionResults,omitempty"`
}

// statusRequest asks how a ceremony stands. Its two members mean the same.
type statusRequest struct {
	FIDO2SessionID *string `json:"fido2SessionId"`
	SessionID      *string `json:"sessionId"`
}

// statusAnswer says how a ceremony stands.
type statusAnswer struct {
	Status    string `json:"status"`
	Timestamp string `json:"timestamp"`
	UserID    string `json:"userId,omitempty"`
}

// The values of the status of a ceremony.
const (
	ceremonyInitialized    = "initialized"
	ceremonyRegistering    = "clientRegistering"    // initialized, in the shared vocabulary
	ceremonyAuthenticating = "clientAuthenticating" // likewise
	ceremonySucceeded      = "succeeded"
	ceremonyFailed         = "failed"
	ceremonyUnknown        = "unknown"
)
