package digitalaccess

import "encoding/json"

// The documents of the wire. Their members are spelled as the clients of this door
// know them; times are RFC 3339 in UTC, to the second.

// optionsAnswer answers GET /fido/options.
type optionsAnswer struct {
	PublicKey        json.RawMessage `json:"publicKey"` // WebAuthn creation options
	ChallengeExpires string          `json:"challengeExpires"`
}

// credentialRequest is the body of POST /fido/credentials.
type credentialRequest struct {
	UserID              string          `json:"userId"`
	DisplayName         string          `json:"displayName"`         // of the credential; may be left out
	PublicKeyCredential json.RawMessage `json:"publicKeyCredential"` // as the browser's toJSON gives it
}

// storedCredential answers what stores, gets or changes one credential.
type storedCredential struct {
	ID            string      `json:"id"` // chosen by the authenticator; base64url
	UserID        string      `json:"userId"`
	DisplayName   string      `json:"displayName"`
	AAGUID        string      `json:"aaguid"`
	Alg           int32       `json:"alg"` // COSE
	Attestation   attestation `json:"attestation"`
	SignCount     uint32      `json:"signCount"`
	Transports    []string    `json:"transports"`
	Enabled       bool        `json:"enabled"`
	Created       string      `json:"created"`
	LastUsed      string      `json:"lastUsed,omitempty"` // left out while never used
	ProvisionedBy string      `json:"provisionedBy"`
}

// attestation is what the authenticator proved about its make.
type attestation struct {
	Fmt  string `json:"fmt"`  // statement format
	Type string `json:"type"` // none, self, basic, attca, anonca
}

// listedCredential is an element of the answer to GET /fido/credentials.
type listedCredential struct {
	ID          string `json:"id"`
	DisplayName string `json:"displayName"`
	AAGUID      string `json:"aaguid"`
	Created     string `json:"created"`
	LastUsed    string `json:"lastUsed,omitempty"`
	Enabled     bool   `json:"enabled"`
}

// changeRequest is the body of PATCH /fido/credentials/{id}. What is left out stays.
type changeRequest struct {
	DisplayName *string `json:"displayName"`
	Enabled     *bool   `json:"enabled"`
}

// errorAnswer is the body of every refusal but those of the token endpoint, which
// are RFC 6749's.
type errorAnswer struct {
	Error     string `json:"error"`
	Message   string `json:"message"`
	Reason    string `json:"reason,omitempty"`
	RequestID string `json:"requestId"`
}
