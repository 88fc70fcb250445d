package agent

import (
	"encoding/json"

	"bestow.dev/cose"
	"bestow.dev/ctap"
	"bestow.dev/webauthn"
)

// credentialParams translates creation options (WebAuthn, section 5.1.3) into what a
// key is asked for. The client data's hash is for the caller to fill in.
func credentialParams(o *webauthn.CreationOptions) ctap.CredentialParams {
	p := ctap.CredentialParams{
		RP:          ctap.RP{ID: o.RP.ID, Name: o.RP.Name},
		User:        ctap.User{ID: o.User.ID, Name: o.User.Name, DisplayName: o.User.DisplayName},
		Exclude:     descriptors(o.ExcludeCredentials),
		Attestation: ctap.Conveyance(o.Attestation),
	}
	for _, param := range o.PubKeyCredParams {
		p.Algorithms = append(p.Algorithms, int64(param.Algorithm))
	}
	if s := o.AuthenticatorSelection; s != nil {
		p.ResidentKey = residentKey(s)
		p.UserVerification = requirement(string(s.UserVerification))
	}
	p.CredProtect, p.EnforceCredProtect = credProtect(o.Extensions)
	p.MinPINLength = asked(o.Extensions, "minPinLength")
	p.HMACSecret = asked(o.Extensions, "hmacCreateSecret") || o.Extensions["prf"] != nil
	return p
}

// residentKey reads what is wanted, in the form of Level 3 or that of Level 1
// (section 5.4.4).
func residentKey(s *webauthn.AuthenticatorSelection) ctap.Requirement {
	if r := requirement(string(s.ResidentKey)); r != "" {
		return r
	}
	if s.RequireResidentKey {
		return ctap.Required
	}
	return ctap.Discouraged
}

// requirement drops values that are not known, as section 5.4.4 says clients must.
func requirement(text string) ctap.Requirement {
	switch r := ctap.Requirement(text); r {
	case ctap.Required, ctap.Preferred, ctap.Discouraged:
		return r
	}
	return ""
}

// credProtect reads the inputs of the extension of that name.
func credProtect(extensions map[string]json.RawMessage) (level ctap.CredProtect, enforce bool) {
	var policy string
	_ = json.Unmarshal(extensions["credentialProtectionPolicy"], &policy) // of another type: not asked for
	switch policy {
	case "userVerificationOptional":
		level = ctap.ProtectOptional
	case "userVerificationOptionalWithCredentialIDList":
		level = ctap.ProtectOptionalWithList
	case "userVerificationRequired":
		level = ctap.ProtectRequired
	}
	return level, asked(extensions, "enforceCredentialProtectionPolicy")
}

// asked reports whether the input of an extension is true.
func asked(extensions map[string]json.RawMessage, id string) bool {
	return string(extensions[id]) == "true"
}

func descriptors(list []webauthn.CredentialDescriptor) []ctap.CredentialDescriptor {
	out := make([]ctap.CredentialDescriptor, len(list))
	for i, d := range list {
		out[i].ID = d.ID
		for _, t := range d.Transports {
			out[i].Transports = append(out[i].Transports, ctap.Transport(t))
		}
	}
	return out
}

// registration is a registration response in the form of toJSON (section 5.1,
// RegistrationResponseJSON).
type registration struct {
	ID         webauthn.Bytes       `json:"id"`
	RawID      webauthn.Bytes       `json:"rawId"`
	Type       string               `json:"type"`
	Attachment webauthn.Attachment  `json:"authenticatorAttachment"`
	Extensions map[string]any       `json:"clientExtensionResults"`
	Response   registrationResponse `json:"response"`
}

type registrationResponse struct {
	ClientDataJSON    webauthn.Bytes   `json:"clientDataJSON"`
	AttestationObject webauthn.Bytes   `json:"attestationObject"`
	AuthenticatorData webauthn.Bytes   `json:"authenticatorData"`
	Transports        []ctap.Transport `json:"transports"`

	// PublicKey is a SubjectPublicKeyInfo, absent for an algorithm that has none here.
	PublicKey          webauthn.Bytes `json:"publicKey,omitempty"`
	PublicKeyAlgorithm int64          `json:"publicKeyAlgorithm"`
}

// registrationJSON returns the credential as a browser would.
func registrationJSON(o *webauthn.CreationOptions, clientData []byte, c *ctap.Credential) (json.RawMessage, error) {
	r := registration{
		ID:         c.ID,
		RawID:      c.ID,
		Type:       webauthn.TypePublicKey,
		Attachment: webauthn.AttachmentCrossPlatform,
		Extensions: extensionResults(o.Extensions, c),
		Response: registrationResponse{
			ClientDataJSON:     clientData,
			AttestationObject:  c.AttestationObject,
			AuthenticatorData:  c.AuthData,
			Transports:         c.Transports,
			PublicKeyAlgorithm: c.Algorithm,
		},
	}
	if r.Response.Transports == nil {
		r.Response.Transports = []ctap.Transport{}
	}
	if key, err := cose.ParseKey(c.PublicKey); err == nil {
		if spki, err := key.SPKI(); err == nil {
			r.Response.PublicKey = spki
		}
	}
	return json.Marshal(r)
}

// extensionResults are the outputs of those client extensions that were asked for.
func extensionResults(asking map[string]json.RawMessage, c *ctap.Credential) map[string]any {
	results := map[string]any{}
	if asked(asking, "credProps") {
		results["credProps"] = map[string]any{"rk": c.Discoverable}
	}
	if asked(asking, "hmacCreateSecret") {
		results["hmacCreateSecret"] = c.HMACSecret
	}
	if asking["prf"] != nil {
		results["prf"] = map[string]any{"enabled": c.HMACSecret}
	}
	return results
}
