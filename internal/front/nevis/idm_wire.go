package nevis

// The documents of nevisIDM's paths. Times are RFC 3339 in UTC.

// idmCredential is a credential as these paths tell of it.
type idmCredential struct {
	ExtID                           string `json:"extId"`
	UserExtID                       string `json:"userExtId"`
	Created                         string `json:"created"`
	LastModified                    string `json:"lastModified"`
	Version                         int64  `json:"version"`
	StateName                       string `json:"stateName"`
	StateChangeReason               string `json:"stateChangeReason,omitempty"`
	StateChangeDetail               string `json:"stateChangeDetail,omitempty"` // when a tmp-locked one is unlocked
	AAGUID                          string `json:"aaguid"`
	Authenticator                   string `json:"authenticator"` // an authenticatorRecord, in base64url
	AuthenticatorAttachment         string `json:"authenticatorAttachment,omitempty"`
	AttestationConveyancePreference string `json:"attestationConveyancePreference"`
	HashedCredentialID              string `json:"hashedCredentialId"` // SHA-256, in base64url
	RPID                            string `json:"rpId"`
	ResidentKeyRequirement          string `json:"residentKeyRequirement"`
	UserVerificationRequirement     string `json:"userVerificationRequirement"`
	UserFriendlyName                string `json:"userFriendlyName,omitempty"`
	UserAgent                       string `json:"userAgent,omitempty"`
	LastSuccessfulLoginDate         string `json:"lastSuccessfulLoginDate,omitempty"`
	SuccessfulLoginCount            int64  `json:"successfulLoginCount"`
	LastFailedLoginDate             string `json:"lastFailedLoginDate,omitempty"`
	FailedLoginCount                int64  `json:"failedLoginCount"`
}

// authenticatorRecord is what the opaque member authenticator holds, as JSON.
type authenticatorRecord struct {
	CredentialID   string   `json:"credentialId"`            // base64url
	PublicKey      string   `json:"publicKeyCose,omitempty"` // a COSE key, base64url
	SignCount      *uint32  `json:"signCount,omitempty"`
	Transports     []string `json:"transports,omitempty"`
	BackupEligible bool     `json:"backupEligible"`
	BackupState    bool     `json:"backupState"`
	AttestationFmt string   `json:"attestationFmt,omitempty"`
	UVInitialized  bool     `json:"uvInitialized"`
}

// createRequest stores a credential that was registered elsewhere. Members that it does
// not name are left alone.
type createRequest struct {
	ExtID                           string  `json:"extId"`
	AAGUID                          string  `json:"aaguid"`
	Authenticator                   string  `json:"authenticator"`
	AuthenticatorAttachment         string  `json:"authenticatorAttachment"`
	AttestationConveyancePreference string  `json:"attestationConveyancePreference"`
	HashedCredentialID              string  `json:"hashedCredentialId"`
	RPID                            string  `json:"rpId"`
	ResidentKeyRequirement          string  `json:"residentKeyRequirement"`
	UserVerificationRequirement     string  `json:"userVerificationRequirement"`
	UserAgent                       string  `json:"userAgent"`
	UserFriendlyName                string  `json:"userFriendlyName"`
	StateName                       *string `json:"stateName"`
	ModificationComment             string  `json:"modificationComment"`
}

// changeRequest changes a credential. What is left out stays.
type changeRequest struct {
	Authenticator       *string `json:"authenticator"`
	UserFriendlyName    *string `json:"userFriendlyName"`
	StateName           *string `json:"stateName"`
	ModificationComment string  `json:"modificationComment"`
	Version             int64   `json:"version"` // zero: whatever it is
}

// listAnswer is a page of credentials.
type listAnswer struct {
	Items      []idmCredential `json:"items"`
	Pagination pagination      `json:"_pagination"`
}

type pagination struct {
	ContinuationToken string `json:"continuationToken,omitempty"` // of the next page; left out on the last
	TotalResultCount  *int   `json:"totalResultCount,omitempty"`  // where it was asked for
}

// idmError is the body of every refusal.
type idmError struct {
	Errors []idmProblem `json:"errors"`
}

type idmProblem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}
