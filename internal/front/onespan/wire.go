package onespan

import "encoding/json"

// The documents of the wire, spelled as the clients of the platform know them. Times
// are RFC 3339 in UTC, to the second.

// The protocols.
const (
	fido2 = "FIDO2"
	uaf11 = "UAF11"
)

// registrationCall is the body of generate-fido-registration-request.
type registrationCall struct {
	FIDOProtocol           string     `json:"fidoProtocol"`
	DisplayName            string     `json:"displayName"`
	AuthenticatorSelection *selection `json:"authenticatorSelection"`
	Attestation            string     `json:"attestation"`
	RegistrationName       string     `json:"registrationName"`
}

type selection struct {
	AuthenticatorAttachment string `json:"authenticatorAttachment"`
	UserVerification        string `json:"userVerification"`
	RequireResidentKey      *bool  `json:"requireResidentKey"`
	ResidentKey             string `json:"residentKey"` // of today's WebAuthn; not the platform's
}

// registrationAnswer answers it. UAFStatusCode is null for FIDO2.
type registrationAnswer struct {
	RequestID           string `json:"requestID"`
	RegistrationRequest string `json:"registrationRequest"` // JSON in a string
	UAFStatusCode       *int   `json:"uafStatusCode"`
}

// deviceCall is the body of register-fido-device.
type deviceCall struct {
	FIDOProtocol         string          `json:"fidoProtocol"`
	RegistrationResponse json.RawMessage `json:"registrationResponse"` // JSON in a string, or as it is
	RequestID            string          `json:"requestID"`
	RegistrationName     string          `json:"registrationName"`
}

// deviceAnswer answers it.
type deviceAnswer struct {
	UAFStatusCode    *int   `json:"uafStatusCode"`
	RegistrationID   string `json:"registrationID"`
	RegistrationName string `json:"registrationName"`
	RegistrationType string `json:"registrationType"`
	RegistrationTime string `json:"registrationTime"`
}

// authenticationCall is the body of generate-fido-authentication-request.
type authenticationCall struct {
	FIDOProtocol     string `json:"fidoProtocol"`
	UserVerification string `json:"userVerification"`

	// Of UAF, in either spelling that the platform has had.
	AuthenticationMessage string `json:"authenticationMessage"`
	AuhtenticationMessage string `json:"auhtenticationMessage"`
}

// authenticationAnswer answers it.
type authenticationAnswer struct {
	RequestID             string `json:"requestID"`
	AuthenticationRequest string `json:"authenticationRequest"` // JSON in a string
	UAFStatusCode         *int   `json:"uafStatusCode"`
}

// loginCall is the body of login, as far as FIDO2 goes. What steers notifications, the
// session or the risk engine of the platform is read and not used.
type loginCall struct {
	ObjectType         string              `json:"objectType"`
	RequestID          string              `json:"requestID"`
	FIDOAuthentication *authenticationCall `json:"fidoAuthentication"`
	Credentials        *loginCredentials   `json:"credentials"`

	OrchestrationDelivery []string        `json:"orchestrationDelivery"`
	Timeout               json.RawMessage `json:"timeout"`
	ClientIP              json.RawMessage `json:"clientIP"`
	CDDC                  json.RawMessage `json:"cddc"`
	RelationshipRef       json.RawMessage `json:"relationshipRef"`
	SessionID             json.RawMessage `json:"sessionID"`
	ApplicationRef        json.RawMessage `json:"applicationRef"`
}

type loginCredentials struct {
	FIDOAuthenticator *struct {
		AuthenticationResponse json.RawMessage `json:"authenticationResponse"` // JSON in a string, or as it is
	} `json:"fidoAuthenticator"`
}

// loginAnswer answers it.
type loginAnswer struct {
	SessionStatus string `json:"sessionStatus"`
	RequestID     string `json:"requestID"`
	UAFStatusCode *int   `json:"uafStatusCode"`
}

// registrationList answers GET /fido-registrations.
type registrationList struct {
	Total             int            `json:"total"`
	Offset            int            `json:"offset"`
	Limit             int            `json:"limit"`
	FIDORegistrations []registration `json:"fidoRegistrations"`
}

type registration struct {
	RegistrationID   string  `json:"registrationID"`
	UserID           string  `json:"userID"`
	Domain           string  `json:"domain"`
	RegistrationName string  `json:"registrationName"`
	RegistrationType string  `json:"registrationType"`
	RegistrationTime string  `json:"registrationTime"`
	AAID             *string `json:"aaid"`  // of UAF
	KeyID            *string `json:"keyID"` // likewise
}

// renameCall is the body of PATCH /fido-registrations/{registrationID}.
type renameCall struct {
	RegistrationName *string `json:"registrationName"`
}

// relyingPartyDocument is a relying party, as it is put and as it is answered.
type relyingPartyDocument struct {
	RPID              string   `json:"rpId"`
	RPName            string   `json:"rpName"`
	Origins           []string `json:"origins"`
	AppID             *string  `json:"appID"`  // of UAF
	Facets            []string `json:"facets"` // likewise
	PolicyName        string   `json:"policyName"`
	TimeoutMS         int64    `json:"timeoutMs"`
	RequestTTLSeconds int64    `json:"requestTTLSeconds"`
}

// policyDocument is a policy, as it is put and as it is answered.
type policyDocument struct {
	Name string     `json:"name"`
	FIDO policyFIDO `json:"fido"`
}

type policyFIDO struct {
	FIDO2 *policyFIDO2 `json:"fido2"`
	U2F   *policyU2F   `json:"u2f,omitempty"`
}

type policyFIDO2 struct {
	AllowSelfAttestation bool        `json:"allowSelfAttestation"`
	Accepted             []criterion `json:"accepted"`
	Disallowed           []criterion `json:"disallowed"`
}

type policyU2F struct {
	Accepted   []criterion `json:"accepted"`
	Disallowed []criterion `json:"disallowed"`
}

// criterion matches an authenticator of which each member that is there has one of the
// values. The empty one matches all.
type criterion struct {
	AAGUID                  []string `json:"aaguid,omitempty"`
	CertificateKeys         []string `json:"attestationCertificateKeyIdentifier,omitempty"`
	AuthCertLevel           []string `json:"authCertLevel,omitempty"`
	UserVerificationMethods []string `json:"userVerification,omitempty"`
	KeyProtection           []string `json:"keyProtection,omitempty"`
}

// errorAnswer is the body of every refusal. The correlation id is in the header.
type errorAnswer struct {
	Message          string            `json:"message"`
	ValidationErrors []validationError `json:"validationErrors,omitempty"`
	UAFStatusCode    json.RawMessage   `json:"uafStatusCode,omitempty"` // null with 409
}

type validationError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}
