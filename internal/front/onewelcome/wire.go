package onewelcome

import (
	"encoding/json"

	"bestow.dev/internal/strictjson"
)

// The documents of the wire. Bytes are base64url without padding; times are RFC 3339 in
// UTC, to the second.

// attestationOptionsRequest is the body of POST /attestation/options.
type attestationOptionsRequest struct {
	UserID                 *strictjson.Bytes          `json:"userId"` // the user handle; left out: one is made
	Username               *string                    `json:"username"`
	DisplayName            string                     `json:"displayName"`
	RPID                   string                     `json:"rpId"`
	Attestation            string                     `json:"attestation"`
	AuthenticatorSelection *authenticatorSelection    `json:"authenticatorSelection"`
	PubKeyCredParams       []credentialParameter      `json:"pubKeyCredParams"`
	ExcludeCredentials     *bool                      `json:"excludeCredentials"` // true if left out
	Policies               []string                   `json:"policies"`
	Timeout                *int64                     `json:"timeout"` // ms
	Extensions             map[string]json.RawMessage `json:"extensions"`
}

type authenticatorSelection struct {
	AuthenticatorAttachment string `json:"authenticatorAttachment"`
	ResidentKey             string `json:"residentKey"`
	RequireResidentKey      bool   `json:"requireResidentKey"`
	UserVerification        string `json:"userVerification"`
}

type credentialParameter struct {
	Type string `json:"type"`
	Alg  int64  `json:"alg"`
}

// assertionOptionsRequest is the body of POST /assertion/options.
type assertionOptionsRequest struct {
	UserID           *strictjson.Bytes          `json:"userId"` // left out: whoever answers says who they are
	RPID             string                     `json:"rpId"`
	UserVerification string                     `json:"userVerification"`
	Policies         []string                   `json:"policies"`
	Timeout          *int64                     `json:"timeout"`
	Extensions       map[string]json.RawMessage `json:"extensions"`
}

// verifyMembers are what a verify request has beside the credential, which stands around
// them or under their member credential.
type verifyMembers struct {
	UserID         *strictjson.Bytes `json:"userId"`
	TransactionID  string            `json:"transactionId"`
	RPID           string            `json:"rpId"`
	CredentialName string            `json:"credentialName"` // attestation alone
	Credential     json.RawMessage   `json:"credential"`
}

// attestationAnswer answers POST /attestation/verify.
type attestationAnswer struct {
	Status     string             `json:"status"` // OK
	UserID     strictjson.Bytes   `json:"userId"`
	Credential credentialDocument `json:"credential"`
	Warnings   []warning          `json:"warnings"`
}

// assertionAnswer answers POST /assertion/verify.
type assertionAnswer struct {
	Status       string           `json:"status"` // OK
	UserID       strictjson.Bytes `json:"userId"`
	Username     string           `json:"username"`
	CredentialID strictjson.Bytes `json:"credentialId"`
	UserVerified bool             `json:"userVerified"`
	SignCount    uint32           `json:"signCount"`
	BackupState  bool             `json:"backupState"`
	Warnings     []warning        `json:"warnings"`
}

// warning is something that would have been refused by a stricter policy.
type warning struct {
	Code    string `json:"code"`
	Policy  string `json:"policy,omitempty"`
	Rule    string `json:"rule,omitempty"`
	Message string `json:"message"`
}

// credentialDocument is a credential.
type credentialDocument struct {
	CredentialID       strictjson.Bytes `json:"credentialId"`
	Name               string           `json:"name"`
	State              string           `json:"state"` // active, suspended, suspect
	AAGUID             string           `json:"aaguid"`
	Fmt                string           `json:"fmt"`
	AttestationType    string           `json:"attestationType"`
	AttestationTrusted bool             `json:"attestationTrusted"`
	PublicKeyAlgorithm int32            `json:"publicKeyAlgorithm"` // COSE
	UserVerified       bool             `json:"userVerified"`       // at least once
	Discoverable       *bool            `json:"discoverable,omitempty"`
	BackupEligible     bool             `json:"backupEligible"`
	BackupState        bool             `json:"backupState"`
	Transports         []string         `json:"transports"`
	Attachment         string           `json:"authenticatorAttachment,omitempty"`
	SignCount          uint32           `json:"signCount"`
	CreatedAt          string           `json:"createdAt"`
	LastUsedAt         string           `json:"lastUsedAt,omitempty"` // left out while never used
}

// credentialChange is the body of PATCH on a credential. What is left out stays.
type credentialChange struct {
	Name   *string `json:"name"`
	State  *string `json:"state"`
	Reason string  `json:"reason"` // why it is suspended
}

type credentialList struct {
	Credentials []credentialDocument `json:"credentials"`
}

// policyDocument is an authenticator policy.
type policyDocument struct {
	Name                  string   `json:"name"`
	Description           string   `json:"description,omitempty"`
	DeviceType            string   `json:"deviceType,omitempty"`
	UserVerification      string   `json:"userVerification,omitempty"`
	SyncedPasskeys        string   `json:"syncedPasskeys,omitempty"`
	Usernameless          string   `json:"usernameless,omitempty"`
	MinCertificationLevel string   `json:"minCertificationLevel,omitempty"`
	AllowedAAGUIDs        []string `json:"allowedAaguids,omitempty"`
	DeniedAAGUIDs         []string `json:"deniedAaguids,omitempty"`
	AllowedKeyIdentifiers []string `json:"allowedKeyIdentifiers,omitempty"`
	DeniedKeyIdentifiers  []string `json:"deniedKeyIdentifiers,omitempty"`
	AllowedAlgorithms     []int32  `json:"allowedAlgorithms,omitempty"`
	OnViolation           string   `json:"onViolation,omitempty"`
}

// storedPolicy is a policy as it is told. Partial says that it has rules, or holds at
// times, that these members cannot say: it was made elsewhere.
type storedPolicy struct {
	policyDocument
	Partial bool `json:"partial,omitempty"`
}

type policyList struct {
	Policies []storedPolicy `json:"policies"`
}

// relyingPartyDocument is a relying party. What a PUT leaves out has its default.
type relyingPartyDocument struct {
	RPID               string         `json:"rpId"`
	RPName             string         `json:"rpName"`
	Origins            []string       `json:"origins"`
	AllowSubdomains    bool           `json:"allowSubdomains"`
	TopOrigins         []string       `json:"topOrigins"`
	CeremonyTTLSeconds *int64         `json:"ceremonyTTLSeconds"`
	DefaultPolicies    []string       `json:"defaultPolicies"`
	Metadata           *metadataUsage `json:"metadata"`
}

type metadataUsage struct {
	MDS *bool `json:"mds"`
}

// errorAnswer is the body of every refusal.
type errorAnswer struct {
	Error         string   `json:"error"`
	Message       string   `json:"message"`
	Details       []detail `json:"details,omitempty"`
	CorrelationID string   `json:"correlationId"`
}

// detail says what exactly was refused.
type detail struct {
	Field  string `json:"field,omitempty"`
	Reason string `json:"reason"` // stable, for programs
	Policy string `json:"policy,omitempty"`
	Rule   string `json:"rule,omitempty"`
}
