package api

import (
	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// registeredCredential answers a registration: the credential, and what is told once.
type registeredCredential struct {
	BoundCredential
	Extensions extensionOutputs `json:"extensions" doc:"What was answered to extension inputs. Of the stored credential, the evidence has what the authenticator said"`
}

// extensionOutputs is what client and authenticator answered to extension inputs.
type extensionOutputs struct {
	CredentialProtection string  `json:"credentialProtection,omitempty" enum:"userVerificationOptional,userVerificationOptionalWithCredentialIDList,userVerificationRequired" doc:"The level that the authenticator set; left out if none"`
	MinPINLength         *uint64 `json:"minPinLength,omitempty" doc:"The least length of the authenticator's PIN, in code points; left out if it did not tell"`
	PRF                  *bool   `json:"prf,omitempty" doc:"Whether it has pseudo-random functions; left out if unknown"`
	LargeBlob            *bool   `json:"largeBlob,omitempty" doc:"Whether it has room for a large blob; left out if unknown"`
}

// protectionNames are the levels in the words of the settings.
var protectionNames = map[webauthn.CredProtect]tenant.CredentialProtection{
	webauthn.CredProtectOptional:           tenant.ProtectOptional,
	webauthn.CredProtectOptionalWithIDList: tenant.ProtectOptionalWithIDList,
	webauthn.CredProtectRequired:           tenant.ProtectRequired,
}

func fromExtensionOutputs(o *credential.ExtensionOutputs) extensionOutputs {
	if o == nil {
		return extensionOutputs{}
	}
	return extensionOutputs{
		CredentialProtection: string(protectionNames[o.CredProtect]), MinPINLength: o.MinPINLength,
		PRF: known(o.PRF), LargeBlob: known(o.LargeBlob),
	}
}
