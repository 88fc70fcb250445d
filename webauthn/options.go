package webauthn

import (
	"encoding/json"

	"bestow.dev/cose"
)

// TypePublicKey is the only credential type there is (§5.8.2).
const TypePublicKey = "public-key"

// RPEntity describes the relying party to the client (§5.4.2).
type RPEntity struct {
	ID   string `json:"id,omitempty"` // empty: the client takes its origin's domain
	Name string `json:"name"`         // shown by old clients; the RP ID will do
}

// UserEntity describes the account to the client (§5.4.3).
type UserEntity struct {
	// ID is the user handle: 1 to 64 opaque bytes that hold nothing personal.
	// Everything is decided by it, never by the names.
	ID          Bytes  `json:"id"`
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
}

// CredentialParameter is an algorithm the relying party accepts (§5.3).
type CredentialParameter struct {
	Type      string         `json:"type"` // TypePublicKey
	Algorithm cose.Algorithm `json:"alg"`
}

// CredentialDescriptor names a credential (§5.8.3).
type CredentialDescriptor struct {
	Type       string   `json:"type"` // TypePublicKey
	ID         Bytes    `json:"id"`
	Transports []string `json:"transports,omitempty"` // hints for the client
}

// AuthenticatorSelection says which authenticators are wanted (§5.4.4).
type AuthenticatorSelection struct {
	AuthenticatorAttachment Attachment       `json:"authenticatorAttachment,omitempty"`
	ResidentKey             ResidentKey      `json:"residentKey,omitempty"`
	RequireResidentKey      bool             `json:"requireResidentKey"` // for Level 1 clients: ResidentKey is required
	UserVerification        UserVerification `json:"userVerification,omitempty"`
}

// Attachment is how an authenticator is attached to the client (§5.4.5). Empty: either way.
type Attachment string

// The values of Attachment.
const (
	AttachmentPlatform      Attachment = "platform"
	AttachmentCrossPlatform Attachment = "cross-platform"
)

// ResidentKey is how much a discoverable credential is wanted (§5.4.6). Empty:
// discouraged, or required if RequireResidentKey says so.
type ResidentKey string

// The values of ResidentKey.
const (
	ResidentKeyRequired    ResidentKey = "required"
	ResidentKeyPreferred   ResidentKey = "preferred"
	ResidentKeyDiscouraged ResidentKey = "discouraged"
)

// Conveyance is which attestation is asked for (§5.4.7). Empty: none.
type Conveyance string

// The values of Conveyance.
const (
	ConveyanceNone       Conveyance = "none"
	ConveyanceIndirect   Conveyance = "indirect"
	ConveyanceDirect     Conveyance = "direct"
	ConveyanceEnterprise Conveyance = "enterprise"
)

// Hints tell the client which kind of authenticator the user is likely to take, the
// likeliest first (§5.8.7). A client passes over those it does not know.
const (
	HintSecurityKey  = "security-key"
	HintClientDevice = "client-device"
	HintHybrid       = "hybrid"
)

// CreationOptions are what navigator.credentials.create takes (§5.4). Their JSON is
// what PublicKeyCredential.parseCreationOptionsFromJSON reads.
type CreationOptions struct {
	RP               RPEntity              `json:"rp"`
	User             UserEntity            `json:"user"`
	Challenge        Bytes                 `json:"challenge"`
	PubKeyCredParams []CredentialParameter `json:"pubKeyCredParams"` // the relying party's preference first
	// TimeoutMillis is how long the client may take; 0 leaves it to the client.
	TimeoutMillis int64 `json:"timeout,omitempty"`
	// ExcludeCredentials are those the account has already.
	ExcludeCredentials     []CredentialDescriptor     `json:"excludeCredentials,omitzero"`
	AuthenticatorSelection *AuthenticatorSelection    `json:"authenticatorSelection,omitempty"`
	Hints                  []string                   `json:"hints,omitempty"`
	Attestation            Conveyance                 `json:"attestation,omitempty"`
	AttestationFormats     []string                   `json:"attestationFormats,omitempty"`
	Extensions             map[string]json.RawMessage `json:"extensions,omitempty"` // client extension inputs by identifier
}

// RequestOptions are what navigator.credentials.get takes (§5.5). Their JSON is what
// PublicKeyCredential.parseRequestOptionsFromJSON reads.
type RequestOptions struct {
	Challenge     Bytes  `json:"challenge"`
	TimeoutMillis int64  `json:"timeout,omitempty"` // 0 leaves it to the client
	RPID          string `json:"rpId,omitempty"`    // empty: the client takes its origin's domain
	// AllowCredentials are the account's credentials; empty asks for a discoverable one.
	AllowCredentials []CredentialDescriptor     `json:"allowCredentials,omitzero"`
	UserVerification UserVerification           `json:"userVerification,omitempty"`
	Hints            []string                   `json:"hints,omitempty"`
	Extensions       map[string]json.RawMessage `json:"extensions,omitempty"` // client extension inputs by identifier
}
