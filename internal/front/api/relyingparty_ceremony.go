package api

import "bestow.dev/internal/tenant"

// CeremonySettings are what a relying party gives clients and authenticators to go by beyond the core of WebAuthn.
type CeremonySettings struct {
	RelatedOrigins              []string `json:"relatedOrigins,omitempty" nullable:"false" doc:"Web origins outside the id's domain that may run ceremonies for it, the most important first; served at /.well-known/webauthn"`
	Hints                       []string `json:"hints,omitempty" nullable:"false" doc:"Kinds of authenticator that users are likely to take, the likeliest first: security-key, client-device, hybrid"`
	AttestationFormats          []string `json:"attestationFormats,omitempty" nullable:"false" doc:"Attestation statement formats preferred, the most wanted first"`
	AllowConditionalCreate      bool     `json:"allowConditionalCreate,omitempty" doc:"Let callers have credentials made without asking the user: nobody is then present or verified"`
	CredentialProtection        string   `json:"credentialProtection,omitempty" enum:"userVerificationOptional,userVerificationOptionalWithCredentialIDList,userVerificationRequired" doc:"Asked for with every new credential; nothing if left out"`
	EnforceCredentialProtection bool     `json:"enforceCredentialProtection,omitempty" doc:"Refuse a credential with less protection"`
	RegistrationExtensions      []string `json:"registrationExtensions,omitzero" nullable:"false" doc:"Extensions asked for with every new credential: credProps, minPinLength, prf, largeBlob, hmacCreateSecret, uvm. credProps if left out; an empty list asks for none"`
	AppID                       string   `json:"appId,omitempty" doc:"AppID under which users registered U2F security keys before"`
}

func fromCeremonySettings(s *tenant.CeremonySettings) CeremonySettings {
	return CeremonySettings{
		RelatedOrigins: s.RelatedOrigins, Hints: s.Hints, AttestationFormats: s.AttestationFormats,
		AllowConditionalCreate:      s.AllowConditionalCreate,
		CredentialProtection:        string(s.CredentialProtection),
		EnforceCredentialProtection: s.EnforceCredentialProtection,
		RegistrationExtensions:      s.RegistrationExtensions,
		AppID:                       s.AppID,
	}
}

func (s *CeremonySettings) settings() tenant.CeremonySettings {
	return tenant.CeremonySettings{
		RelatedOrigins: s.RelatedOrigins, Hints: s.Hints, AttestationFormats: s.AttestationFormats,
		AllowConditionalCreate:      s.AllowConditionalCreate,
		CredentialProtection:        tenant.CredentialProtection(s.CredentialProtection),
		EnforceCredentialProtection: s.EnforceCredentialProtection,
		RegistrationExtensions:      s.RegistrationExtensions,
		AppID:                       s.AppID,
	}
}
