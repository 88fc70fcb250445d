package webauthn

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"

	"bestow.dev/cose"
)

// NewChallenge returns 32 random bytes. A challenge is used once.
func NewChallenge() []byte {
	challenge := make([]byte, challengeBytes)
	rand.Read(challenge)
	return challenge
}

// NewCreationOptions returns o, checked and completed: a fresh challenge, the RP ID
// as name, the recommended algorithms and timeout, the Level 1 form of ResidentKey, and
// for clients that know no hints the attachment that all hints agree on, each where o
// leaves it out.
//
// An error is an [*OptionsError].
func NewCreationOptions(o CreationOptions) (*CreationOptions, error) {
	if len(o.Challenge) == 0 {
		o.Challenge = NewChallenge()
	}
	if o.RP.Name == "" {
		o.RP.Name = o.RP.ID
	}
	if o.User.DisplayName == "" {
		o.User.DisplayName = o.User.Name
	}
	if len(o.PubKeyCredParams) == 0 {
		o.PubKeyCredParams = Parameters(cose.EdDSA, cose.ES256, cose.RS256)
	}
	if o.TimeoutMillis == 0 {
		o.TimeoutMillis = defaultTimeoutMillis
	}
	if o.ExcludeCredentials == nil {
		o.ExcludeCredentials = []CredentialDescriptor{}
	}
	o.AuthenticatorSelection = completeSelection(o.AuthenticatorSelection, o.Hints)
	if err := o.Check(); err != nil {
		return nil, err
	}
	return &o, nil
}

// completeSelection returns a copy of s, completed; nil if there is nothing to say.
func completeSelection(s *AuthenticatorSelection, hints []string) *AuthenticatorSelection {
	hinted := attachmentOf(hints)
	if s == nil && hinted == "" {
		return nil
	}
	var selection AuthenticatorSelection
	if s != nil {
		selection = *s
	}
	if selection.ResidentKey != "" {
		selection.RequireResidentKey = selection.ResidentKey == ResidentKeyRequired
	}
	selection.AuthenticatorAttachment = cmp.Or(selection.AuthenticatorAttachment, hinted)
	return &selection
}

// attachmentOf returns the attachment that clients without hints are to be told
// (§5.8.7). Where the hints are for both attachments neither is left out, or such a
// client would refuse what a newer one offers in the second place.
func attachmentOf(hints []string) Attachment {
	var all Attachment
	for _, hint := range hints {
		var one Attachment
		switch hint {
		case HintSecurityKey, HintHybrid:
			one = AttachmentCrossPlatform
		case HintClientDevice:
			one = AttachmentPlatform
		default:
			continue // a client does not know it either
		}
		if all != "" && one != all {
			return ""
		}
		all = one
	}
	return all
}

// NewRequestOptions returns o, checked and completed with a fresh challenge and the
// recommended timeout, where o leaves them out.
//
// An error is an [*OptionsError].
func NewRequestOptions(o RequestOptions) (*RequestOptions, error) {
	if len(o.Challenge) == 0 {
		o.Challenge = NewChallenge()
	}
	if o.TimeoutMillis == 0 {
		o.TimeoutMillis = defaultTimeoutMillis
	}
	if o.AllowCredentials == nil {
		o.AllowCredentials = []CredentialDescriptor{}
	}
	if err := o.Check(); err != nil {
		return nil, err
	}
	return &o, nil
}

// Parameters returns the entries of pubKeyCredParams for the algorithms, the
// preferred one first.
func Parameters(algorithms ...cose.Algorithm) []CredentialParameter {
	params := make([]CredentialParameter, len(algorithms))
	for i, alg := range algorithms {
		params[i] = CredentialParameter{Type: TypePublicKey, Algorithm: alg}
	}
	return params
}

// Descriptors returns the entries of excludeCredentials or allowCredentials for the
// credential IDs.
func Descriptors(ids ...[]byte) []CredentialDescriptor {
	list := make([]CredentialDescriptor, len(ids))
	for i, id := range ids {
		list[i] = CredentialDescriptor{Type: TypePublicKey, ID: id}
	}
	return list
}

// CredProtectInput returns the extension inputs that ask for a protection level; with
// enforce, an authenticator that cannot give it makes no credential.
func CredProtectInput(level CredProtect, enforce bool) (map[string]json.RawMessage, error) {
	policy, ok := credProtectNames[level]
	if !ok {
		return nil, &OptionsError{Member: "extensions.credentialProtectionPolicy", Problem: "no such level"}
	}
	return map[string]json.RawMessage{
		"credentialProtectionPolicy":        json.RawMessage(`"` + policy + `"`),
		"enforceCredentialProtectionPolicy": json.RawMessage(fmt.Sprint(enforce)),
	}, nil
}

// Algorithms returns the algorithms offered.
func (o *CreationOptions) Algorithms() []cose.Algorithm {
	algorithms := make([]cose.Algorithm, len(o.PubKeyCredParams))
	for i, p := range o.PubKeyCredParams {
		algorithms[i] = p.Algorithm
	}
	return algorithms
}

// Expectation returns what a registration with these options is judged by. rp says
// where it may run, and trust which attestations are acceptable.
func (o *CreationOptions) Expectation(rp RelyingParty, trust TrustPolicy) RegistrationExpectation {
	verification := UserVerificationPreferred // what leaving it out means to clients
	if s := o.AuthenticatorSelection; s != nil && s.UserVerification != "" {
		verification = s.UserVerification
	}
	return RegistrationExpectation{
		RelyingParty:     rp,
		Challenge:        o.Challenge,
		UserVerification: verification,
		Algorithms:       o.Algorithms(),
		CredProtect:      o.enforcedCredProtect(),
		Attestation:      o.Attestation,
		Trust:            trust,
	}
}

// enforcedCredProtect returns the protection level that the options insist on; zero if
// none.
func (o *CreationOptions) enforcedCredProtect() CredProtect {
	name, _ := output[string](o.Extensions, "credentialProtectionPolicy")
	level, _ := ParseCredProtect(name)
	if enforce, _ := output[bool](o.Extensions, "enforceCredentialProtectionPolicy"); !enforce {
		return 0
	}
	return level
}

// Expectation returns what an assertion with these options is judged by. record is
// what is stored about the credential that the response names, and userKnown as in
// [AuthenticationExpectation].
func (o *RequestOptions) Expectation(rp RelyingParty, record CredentialRecord, userKnown bool) AuthenticationExpectation {
	verification := UserVerificationPreferred // what leaving it out means to clients
	if o.UserVerification != "" {
		verification = o.UserVerification
	}
	exp := AuthenticationExpectation{
		RelyingParty:     rp,
		Challenge:        o.Challenge,
		UserVerification: verification,
		UserKnown:        userKnown,
		Credential:       record,
	}
	for _, d := range o.AllowCredentials {
		exp.AllowCredentials = append(exp.AllowCredentials, d.ID)
	}
	var appID string
	if raw, ok := o.Extensions["appid"]; ok && json.Unmarshal(raw, &appID) == nil {
		exp.AppID = appID
	}
	return exp
}
