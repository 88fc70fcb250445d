package webauthn

import (
	"encoding/json"
	"fmt"
)

// RegistrationInputs are the extension inputs of a registration that this package
// knows (§9, §10, and §12 of CTAP 2.1). Zero members ask for nothing.
type RegistrationInputs struct {
	// CredProps asks whether the credential is discoverable (§10.1.3).
	CredProps bool
	// CredProtect is the protection level wanted. With EnforceCredProtect, an
	// authenticator that cannot give it makes no credential, and a registration with
	// less is refused.
	CredProtect        CredProtect
	EnforceCredProtect bool
	// MinPINLength asks for the least length of the authenticator's PIN, which it tells
	// those RP IDs that its owner allowed.
	MinPINLength bool
	// HMACCreateSecret asks for hmac-secret by its own name. Browsers want PRF instead.
	HMACCreateSecret bool
	// PRF asks for pseudo-random functions (§10.1.4). Not nil but empty enables them;
	// EvalByCredential is for authentications alone.
	PRF *PRFInput
	// LargeBlob asks for room for a large blob (§10.1.5).
	LargeBlob LargeBlobSupport
	// AppIDExclude is the AppID of U2F days, whose credentials excludeCredentials may
	// name then (§10.1.2).
	AppIDExclude string
	// UVM asks how the user was verified. It left the standard with Level 3.
	UVM bool
}

// AuthenticationInputs are the extension inputs of an authentication that this
// package knows. Zero members ask for nothing.
type AuthenticationInputs struct {
	// AppID is the AppID of U2F days (§10.1.1). It makes answers good that are for the
	// AppID in place of the RP ID.
	AppID string
	// PRF evaluates pseudo-random functions (§10.1.4).
	PRF *PRFInput
	// ReadLargeBlob asks for the credential's large blob, and WriteLargeBlob, if not
	// nil, replaces it (§10.1.5). Only one of them may be, and to write takes exactly
	// one entry in allowCredentials.
	ReadLargeBlob  bool
	WriteLargeBlob []byte
	// UVM asks how the user was verified. It left the standard with Level 3.
	UVM bool
}

// PRFInput says what to evaluate (§10.1.4). What comes of it is the user's secret: it
// stays in the client, and is dropped here where a client sends it along.
type PRFInput struct {
	Eval *PRFValues `json:"eval,omitempty"`
	// EvalByCredential has inputs of their own for some of allowCredentials, by
	// credential ID in base64url.
	EvalByCredential map[string]PRFValues `json:"evalByCredential,omitempty"`
}

// PRFValues are one or two inputs to a pseudo-random function.
type PRFValues struct {
	First  Bytes `json:"first"`
	Second Bytes `json:"second,omitzero"`
}

// LargeBlobSupport is how much room for a large blob is wanted. Empty: not at all.
type LargeBlobSupport string

// The values of LargeBlobSupport.
const (
	LargeBlobRequired  LargeBlobSupport = "required"
	LargeBlobPreferred LargeBlobSupport = "preferred"
)

// largeBlobInput is the client extension input of largeBlob.
type largeBlobInput struct {
	Support LargeBlobSupport `json:"support,omitempty"`
	Read    *bool            `json:"read,omitempty"`
	Write   Bytes            `json:"write,omitzero"`
}

// credProtectNames are the levels as client extension inputs spell them.
var credProtectNames = map[CredProtect]string{
	CredProtectOptional:           "userVerificationOptional",
	CredProtectOptionalWithIDList: "userVerificationOptionalWithCredentialIDList",
	CredProtectRequired:           "userVerificationRequired",
}

// ParseCredProtect returns the level that the name of a client extension input means.
func ParseCredProtect(name string) (CredProtect, bool) {
	for level, known := range credProtectNames {
		if name == known {
			return level, true
		}
	}
	return 0, false
}

// Extensions returns the inputs for [CreationOptions], whose Check judges them; nil if
// there are none.
func (in *RegistrationInputs) Extensions() map[string]json.RawMessage {
	var e extensionInputs
	e.ask("credProps", in.CredProps)
	if in.CredProtect != 0 {
		e.set("credentialProtectionPolicy", credProtectNames[in.CredProtect])
		e.set("enforceCredentialProtectionPolicy", in.EnforceCredProtect)
	}
	e.ask("minPinLength", in.MinPINLength)
	e.ask("hmacCreateSecret", in.HMACCreateSecret)
	if in.PRF != nil {
		e.set("prf", in.PRF)
	}
	if in.LargeBlob != "" {
		e.set("largeBlob", largeBlobInput{Support: in.LargeBlob})
	}
	if in.AppIDExclude != "" {
		e.set("appidExclude", in.AppIDExclude)
	}
	e.ask("uvm", in.UVM)
	return e
}

// Extensions returns the inputs for [RequestOptions], whose Check judges them; nil if
// there are none.
func (in *AuthenticationInputs) Extensions() map[string]json.RawMessage {
	var e extensionInputs
	if in.AppID != "" {
		e.set("appid", in.AppID)
	}
	if in.PRF != nil {
		e.set("prf", in.PRF)
	}
	if in.ReadLargeBlob || in.WriteLargeBlob != nil {
		blob := largeBlobInput{Write: in.WriteLargeBlob}
		if in.ReadLargeBlob {
			blob.Read = new(true)
		}
		e.set("largeBlob", blob)
	}
	e.ask("uvm", in.UVM)
	return e
}

// extensionInputs are client extension inputs by identifier.
type extensionInputs map[string]json.RawMessage

// set adds an input. The values here have a JSON form.
func (e *extensionInputs) set(id string, value any) {
	if *e == nil {
		*e = extensionInputs{}
	}
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("webauthn: input of extension %s: %v", id, err))
	}
	(*e)[id] = text
}

// ask adds the input true, if it is wanted.
func (e *extensionInputs) ask(id string, wanted bool) {
	if wanted {
		e.set(id, true)
	}
}
