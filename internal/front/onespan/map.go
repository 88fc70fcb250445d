package onespan

import (
	"cmp"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/webauthn"
)

// begin returns the call that the document asks for. What it leaves out has the default
// of WebAuthn; what the relying party asks for beyond that holds all the same.
func (c *registrationCall) begin() (credential.BeginRegistration, error) {
	in := input{}
	in.protocol("fidoProtocol", c.FIDOProtocol)
	in.oneOf("attestation", c.Attestation, "none", "indirect", "direct")
	selection := cmp.Or(c.AuthenticatorSelection, &selection{})
	selection.check(&in)
	if err := in.errFor(c.FIDOProtocol); err != nil {
		return credential.BeginRegistration{}, err
	}
	return credential.BeginRegistration{
		DisplayName: c.DisplayName, Name: c.RegistrationName, ChallengeBytes: challengeBytes,
		Narrow: credential.Narrowing{
			UserVerification: webauthn.UserVerification(orPreferred(selection.UserVerification)),
			ResidentKey:      selection.residentKey(),
			Attachment:       webauthn.Attachment(selection.AuthenticatorAttachment),
			Attestation:      webauthn.Conveyance(cmp.Or(c.Attestation, "none")),
			RequireTrusted:   c.Attestation == "direct", // who asks for it wants it to be worth something
			PolicyWins:       true,
		},
	}, nil
}

func (s *selection) check(in *input) {
	const at = "authenticatorSelection."
	in.oneOf(at+"authenticatorAttachment", s.AuthenticatorAttachment, "platform", "cross-platform")
	in.oneOf(at+"userVerification", s.UserVerification, "required", "preferred", "discouraged")
	in.oneOf(at+"residentKey", s.ResidentKey, "required", "preferred", "discouraged")
	if s.ResidentKey != "" && s.RequireResidentKey != nil && *s.RequireResidentKey != (s.ResidentKey == "required") {
		in.refuse(at+"residentKey", "contradicts requireResidentKey")
	}
}

func (s *selection) residentKey() webauthn.ResidentKey {
	switch {
	case s.ResidentKey != "":
		return webauthn.ResidentKey(s.ResidentKey)
	case s.RequireResidentKey != nil && *s.RequireResidentKey:
		return webauthn.ResidentKeyRequired
	}
	return webauthn.ResidentKeyDiscouraged
}

// orPreferred is the user verification asked for; WebAuthn's default is preferred.
func orPreferred(asked string) string { return cmp.Or(asked, "preferred") }

// finish returns the call that the document asks for.
func (c *deviceCall) finish() (credential.FinishRegistration, error) {
	in := input{}
	in.protocol("fidoProtocol", c.FIDOProtocol)
	answer := text(c.RegistrationResponse)
	in.required("registrationResponse", string(answer))
	if c.FIDOProtocol != uaf11 {
		in.required("requestID", c.RequestID)
	}
	if err := in.errFor(c.FIDOProtocol); err != nil {
		return credential.FinishRegistration{}, err
	}
	resp, err := registrationResponse(answer)
	if err != nil {
		return credential.FinishRegistration{}, unreadableAt("registrationResponse", err)
	}
	return credential.FinishRegistration{
		RequestID: c.RequestID, ByRequest: true, Response: resp, Name: c.RegistrationName, NameModel: true,
	}, nil
}

// check says what is wrong with the document, which stands at a path.
func (c *authenticationCall) check(in *input, at string) {
	in.protocol(at+"fidoProtocol", c.FIDOProtocol)
	in.oneOf(at+"userVerification", c.UserVerification, "required", "preferred", "discouraged")
}

// finish returns the call that the document asks for.
func (c *loginCall) finish() (credential.FinishAuthentication, error) {
	in := input{}
	in.required("objectType", c.ObjectType)
	in.oneOf("objectType", c.ObjectType, "LoginInput", "AdaptiveLoginInput")
	protocol := ""
	if c.FIDOAuthentication != nil {
		protocol = c.FIDOAuthentication.FIDOProtocol
		c.FIDOAuthentication.check(&in, "fidoAuthentication.")
	} else {
		in.required("fidoAuthentication", "")
	}
	const member = "credentials.fidoAuthenticator.authenticationResponse"
	var answer []byte
	if c.ObjectType != "AdaptiveLoginInput" {
		if c.Credentials != nil && c.Credentials.FIDOAuthenticator != nil {
			answer = text(c.Credentials.FIDOAuthenticator.AuthenticationResponse)
		}
		in.required(member, string(answer))
		if protocol != uaf11 {
			in.required("requestID", c.RequestID)
		}
	}
	if err := in.errFor(protocol); err != nil {
		return credential.FinishAuthentication{}, err
	}
	if c.ObjectType == "AdaptiveLoginInput" {
		return credential.FinishAuthentication{}, errAdaptive
	}
	resp, err := authenticationResponse(answer)
	if err != nil {
		return credential.FinishAuthentication{}, unreadableAt(member, err)
	}
	return credential.FinishAuthentication{RequestID: c.RequestID, ByRequest: true, Response: resp}, nil
}

// fromCredential returns the entry of a credential in lists.
func (d *Domains) fromCredential(c *credential.Credential) registration {
	id, domain := d.split(c.UserName)
	return registration{
		RegistrationID: string(c.ID), UserID: id, Domain: domain,
		RegistrationName: shownAs(c), RegistrationType: fido2, RegistrationTime: stamp(c.Created),
	}
}

// shownAs is what a registration is called. One that nobody has named, and whose model
// is not known, is still to be told from nothing.
func shownAs(c *credential.Credential) string { return cmp.Or(c.Name, "FIDO2 authenticator") }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
