package credential

import (
	"encoding/json"
	"maps"
	"slices"

	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// ExtensionOutputs is what client and authenticator answered to extension inputs at a
// registration. Protection and the least PIN length are the authenticator's word, which
// it signed; the rest is the client's.
type ExtensionOutputs struct {
	CredProtect  webauthn.CredProtect // zero: none was set
	MinPINLength *uint64              // code points; nil if unknown
	PRF          Known                // pseudo-random functions, or hmac-secret under it
	LargeBlob    Known
}

func extensionOutputs(made *webauthn.Registration) *ExtensionOutputs {
	out := &ExtensionOutputs{PRF: knownFrom(made.Outputs.PRF), LargeBlob: knownFrom(made.Outputs.LargeBlobSupported)}
	out.CredProtect, _ = made.Extensions.CredProtect()
	if n, ok := made.Extensions.MinPINLength(); ok {
		out.MinPINLength = &n
	}
	if out.PRF == Unknown && made.Extensions.HMACSecret() {
		out.PRF = Yes
	}
	return out
}

func knownFrom(b *bool) Known {
	switch {
	case b == nil:
		return Unknown
	case *b:
		return Yes
	}
	return No
}

// registrationInputs returns the extension inputs that the settings ask for.
func registrationInputs(rp *tenant.RelyingParty) map[string]json.RawMessage {
	asks := func(name string) bool { return slices.Contains(rp.RegistrationExtensions, name) }
	in := webauthn.RegistrationInputs{
		CredProps: asks("credProps"), MinPINLength: asks("minPinLength"), HMACCreateSecret: asks("hmacCreateSecret"),
		UVM: asks("uvm"), AppIDExclude: rp.AppID, EnforceCredProtect: rp.EnforceCredentialProtection,
	}
	in.CredProtect, _ = webauthn.ParseCredProtect(string(rp.CredentialProtection))
	if asks("prf") {
		in.PRF = &webauthn.PRFInput{}
	}
	if asks("largeBlob") {
		in.LargeBlob = webauthn.LargeBlobPreferred
	}
	return in.Extensions()
}

// registrationExtensions returns the inputs of a registration: those of the settings,
// and above them the caller's. Errors: policy.wider where the caller asks for less
// protection, or for another AppID.
func (p *policySet) registrationExtensions(asked map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	if len(asked) == 0 {
		return p.extensions, nil
	}
	// What does not have its form is refused with the options.
	var name string
	if given(asked, "credentialProtectionPolicy", &name) {
		least, _ := webauthn.ParseCredProtect(string(p.source.CredentialProtection))
		if level, ok := webauthn.ParseCredProtect(name); ok && level < least {
			return nil, ErrPolicyWider.At("extensions.credentialProtectionPolicy")
		}
	}
	var enforce bool
	if given(asked, "enforceCredentialProtectionPolicy", &enforce) && p.source.EnforceCredentialProtection && !enforce {
		return nil, ErrPolicyWider.At("extensions.enforceCredentialProtectionPolicy")
	}
	var appID string
	if given(asked, "appidExclude", &appID) && p.source.AppID != "" && appID != p.source.AppID {
		return nil, ErrPolicyWider.At("extensions.appidExclude")
	}
	all := maps.Clone(asked)
	for id, input := range p.extensions {
		if _, ok := all[id]; !ok {
			all[id] = input
		}
	}
	return all, nil
}

// given reads an input into value, and reports whether there is one of that type.
func given(inputs map[string]json.RawMessage, id string, value any) bool {
	input, ok := inputs[id]
	return ok && json.Unmarshal(input, value) == nil
}

// authenticationExtensions returns the inputs of an authentication: the caller's, and
// the AppID where a credential of U2F days may answer (§10.1.1).
func (p *policySet) authenticationExtensions(asked map[string]json.RawMessage, u2f bool) map[string]json.RawMessage {
	if !u2f || p.source.AppID == "" {
		return asked
	}
	all := maps.Clone(asked)
	if all == nil {
		all = make(map[string]json.RawMessage)
	}
	in := webauthn.AuthenticationInputs{AppID: p.source.AppID}
	maps.Copy(all, in.Extensions())
	return all
}

// fromU2F reports whether c is of a U2F security key, whose credential may have been
// made for an AppID.
func (c *Credential) fromU2F() bool { return c.Format == "fido-u2f" }

// registrationTerms merges what the caller asks for into the policy, and fits it to a
// conditional create. It completes in.Extensions. Errors: policy.wider,
// registration.conditional.
func (p *policySet) registrationTerms(in *BeginRegistration) (terms, error) {
	t, err := p.merge(in.Narrow, p.demands)
	if err != nil {
		return terms{}, err
	}
	if in.Extensions, err = p.registrationExtensions(in.Extensions); err != nil {
		return terms{}, err
	}
	if !in.Conditional {
		return t, nil
	}
	switch {
	case !p.source.AllowConditionalCreate:
		return terms{}, ErrConditional.At("mediation")
	case in.Narrow.UserVerification == webauthn.UserVerificationRequired:
		return terms{}, ErrConditional.At("userVerification").Saying("A credential that is made without asking the user cannot insist on their verification.")
	}
	// The client asks for neither presence nor verification (§5.1.3), so that to insist
	// on either would refuse every answer.
	if t.userVerification == webauthn.UserVerificationRequired {
		t.userVerification = webauthn.UserVerificationPreferred
	}
	t.stored.Conditional = true
	return t, nil
}

// readDevice fills in what the attestation object says of the device. What can no
// longer be verified says nothing.
func (e *Evidence) readDevice() {
	att, authData, err := webauthn.VerifyAttestation(e.AttestationObject, e.ClientData)
	if err != nil {
		return
	}
	e.Firmware, e.Extensions = att.Firmware(), authData.Extensions
	var sent struct {
		Attestation webauthn.Conveyance `json:"attestation"`
	}
	if json.Unmarshal(e.Options, &sent) == nil && sent.Attestation == webauthn.ConveyanceEnterprise {
		e.SerialNumber = att.SerialNumber()
	}
}
