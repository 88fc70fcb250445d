package webauthn

import (
	"bytes"
	"encoding/json"

	"bestow.dev/internal/strictcbor"
	"bestow.dev/internal/strictjson"
)

// RegistrationResponse is what create() returned, read from the JSON form that
// PublicKeyCredential.toJSON makes (§5.1). [ParseRegistrationResponse] makes it; its
// members are for reading.
type RegistrationResponse struct {
	// CredentialID is the rawId.
	CredentialID []byte
	// Attachment is how the authenticator was attached, as the client reports it;
	// empty if it did not say.
	Attachment Attachment
	// ClientDataJSON is as received; ClientData is what it says.
	ClientDataJSON []byte
	ClientData     ClientData
	// AttestationObject is as received. Format and AuthenticatorData are from it.
	AttestationObject []byte
	Format            string
	AuthenticatorData *AuthenticatorData
	// Transports are as reported by the client, unknown ones included.
	Transports []string
	// ClientExtensionResults are the client's word, by extension identifier. Results
	// of prf and hmacGetSecret are removed: they are secrets of the user that no server
	// needs.
	ClientExtensionResults map[string]json.RawMessage

	rawAuthData []byte
	statement   strictcbor.Item // attStmt
}

// AuthenticationResponse is what get() returned, read from the JSON form that
// PublicKeyCredential.toJSON makes (§5.1). [ParseAuthenticationResponse] makes it; its
// members are for reading.
type AuthenticationResponse struct {
	// CredentialID is the rawId.
	CredentialID []byte
	// Attachment is how the authenticator was attached, as the client reports it;
	// empty if it did not say.
	Attachment Attachment
	// ClientDataJSON is as received; ClientData is what it says.
	ClientDataJSON []byte
	ClientData     ClientData
	// AuthenticatorData is parsed from the bytes that were signed.
	AuthenticatorData *AuthenticatorData
	// Signature is the assertion's signature.
	Signature []byte
	// UserHandle is nil if absent or null, and not nil but empty if given as "".
	UserHandle []byte
	// ClientExtensionResults are the client's word, by extension identifier. Results
	// of prf and hmacGetSecret are removed: they are secrets of the user that no server
	// needs.
	ClientExtensionResults map[string]json.RawMessage

	rawAuthData []byte
}

// Limits of a response in JSON. Honest ones have some dozens of values.
const (
	maxResponseBytes = 256 << 10
	maxValues        = 1000 // of client data and SafetyNet responses as well
)

// credentialWire is the JSON form of a credential, of either kind.
type credentialWire[R any] struct {
	ID                      Bytes                      `json:"id"`
	RawID                   Bytes                      `json:"rawId"`
	Type                    *string                    `json:"type"`
	AuthenticatorAttachment string                     `json:"authenticatorAttachment"`
	ClientExtensionResults  map[string]json.RawMessage `json:"clientExtensionResults"`
	Response                *R                         `json:"response"`
}

// attestationWire is RegistrationResponseJSON's response. Its members that repeat
// what the attestation object says are unsigned, and left alone.
type attestationWire struct {
	ClientDataJSON    Bytes    `json:"clientDataJSON"`
	AttestationObject Bytes    `json:"attestationObject"`
	Transports        []string `json:"transports"`
}

// assertionWire is AuthenticationResponseJSON's response.
type assertionWire struct {
	ClientDataJSON    Bytes `json:"clientDataJSON"`
	AuthenticatorData Bytes `json:"authenticatorData"`
	Signature         Bytes `json:"signature"`
	UserHandle        Bytes `json:"userHandle"`
}

// ParseRegistrationResponse reads the JSON form of a registration (7.1/3 to 7.1/6
// and 7.1/13). It verifies nothing; [JudgeRegistration] does.
//
// An error is a [*VerificationError].
func ParseRegistrationResponse(data []byte) (*RegistrationResponse, error) {
	// Steps 3 and 4: it is an attestation response, with extension results.
	wire, err := parseCredential[attestationWire](data, &registration)
	if err != nil {
		return nil, err
	}
	r := wire.Response
	if r.ClientDataJSON == nil || r.AttestationObject == nil {
		return nil, refuse(ReasonJSONMalformed, registration.response, "the response lacks clientDataJSON or attestationObject")
	}
	resp := &RegistrationResponse{
		CredentialID:           wire.RawID,
		Attachment:             wire.attachment(),
		ClientDataJSON:         r.ClientDataJSON,
		AttestationObject:      r.AttestationObject,
		Transports:             r.Transports,
		ClientExtensionResults: withoutSecrets(wire.ClientExtensionResults),
	}

	// Steps 5 and 6: the client data is JSON.
	if resp.ClientData, err = parseClientData(resp.ClientDataJSON, &registration); err != nil {
		return nil, err
	}

	// Step 13: the attestation object is CBOR, with authenticator data in it.
	if err := resp.parseAttestationObject(); err != nil {
		return nil, err
	}
	return resp, nil
}

// RecordedRegistration reads a registration from what was kept of it: attestation
// object and client data, as they were received. What the client alone has reported,
// such as transports and extension results, is not in it, and the credential ID is the
// authenticator's word. It verifies nothing.
//
// An error is a [*VerificationError].
func RecordedRegistration(attestationObject, clientDataJSON []byte) (*RegistrationResponse, error) {
	resp := &RegistrationResponse{ClientDataJSON: clientDataJSON, AttestationObject: attestationObject}
	var err error
	if resp.ClientData, err = parseClientData(clientDataJSON, &registration); err != nil {
		return nil, err
	}
	if err := resp.parseAttestationObject(); err != nil {
		return nil, err
	}
	resp.CredentialID = resp.AuthenticatorData.Attested.CredentialID
	return resp, nil
}

// parsed reports whether r came out of [ParseRegistrationResponse] or [RecordedRegistration].
func (r *RegistrationResponse) parsed() bool {
	return r != nil && r.statement.Exists() && r.AuthenticatorData != nil && r.AuthenticatorData.Attested != nil
}

// parseAttestationObject runs step 13 of §7.1 (§6.5).
func (r *RegistrationResponse) parseAttestationObject() error {
	const step = "7.1/13"
	object, err := strictcbor.Parse(r.AttestationObject)
	if err != nil {
		return refuseCBOR(err, step, "the attestation object")
	}
	// As no key is there twice, three known keys are all three.
	if object.Kind() != strictcbor.Map || object.Len() != 3 {
		return refuse(ReasonCBORMalformed, step, "the attestation object is not a map of fmt, attStmt and authData")
	}
	for key, value := range object.Entries() {
		name, ok := key.Text()
		switch name {
		case "fmt":
			r.Format, ok = value.Text()
		case "attStmt":
			r.statement = value
		case "authData":
			r.rawAuthData, ok = value.Bytes()
		default:
			ok = false
		}
		if !ok {
			return refuse(ReasonCBORMalformed, step, "member %q of the attestation object is unknown or of the wrong type", name)
		}
	}

	authData, err := parseAuthenticatorData(r.rawAuthData, step)
	if err != nil {
		return err
	}
	if authData.Attested == nil {
		return refuse(ReasonAttestedDataMissing, step, "a registration without attested credential data")
	}
	r.AuthenticatorData = authData
	return nil
}

// ParseAuthenticationResponse reads the JSON form of an assertion (7.2/3, 7.2/4 and
// 7.2/7 to 7.2/9). It verifies nothing; [JudgeAuthentication] does.
//
// An error is a [*VerificationError].
func ParseAuthenticationResponse(data []byte) (*AuthenticationResponse, error) {
	// Steps 3 and 4: it is an assertion response, with extension results.
	wire, err := parseCredential[assertionWire](data, &authentication)
	if err != nil {
		return nil, err
	}

	// Step 7: its three parts are there.
	r := wire.Response
	if r.ClientDataJSON == nil || r.AuthenticatorData == nil || r.Signature == nil {
		return nil, refuse(ReasonJSONMalformed, authentication.response, "the response lacks clientDataJSON, authenticatorData or signature")
	}
	authData, err := parseAuthenticatorData(r.AuthenticatorData, "7.2/7")
	if err != nil {
		return nil, err
	}
	// No step asks for it, but §6.1 forbids it, and nothing of what it would hold is used.
	if authData.Attested != nil {
		return nil, refuse(ReasonAuthDataMalformed, "7.2/7", "an assertion with attested credential data")
	}

	// Steps 8 and 9: the client data is JSON.
	clientData, err := parseClientData(r.ClientDataJSON, &authentication)
	if err != nil {
		return nil, err
	}
	return &AuthenticationResponse{
		CredentialID:           wire.RawID,
		Attachment:             wire.attachment(),
		ClientDataJSON:         r.ClientDataJSON,
		ClientData:             clientData,
		AuthenticatorData:      authData,
		Signature:              r.Signature,
		UserHandle:             r.UserHandle,
		ClientExtensionResults: withoutSecrets(wire.ClientExtensionResults),
		rawAuthData:            r.AuthenticatorData,
	}, nil
}

// parseCredential reads what both kinds of response have.
func parseCredential[R any](data []byte, p *procedure) (*credentialWire[R], error) {
	var wire credentialWire[R]
	if err := strictjson.Decode(data, &wire, strictjson.MaxBytes(maxResponseBytes), strictjson.MaxValues(maxValues)); err != nil {
		return nil, refuseJSON(err, p.response)
	}
	switch {
	case wire.Type == nil || wire.Response == nil || len(wire.RawID) == 0 || len(wire.ID) == 0:
		return nil, refuse(ReasonJSONMalformed, p.response, "the response lacks id, rawId, type or response")
	case *wire.Type != TypePublicKey:
		return nil, refuse(ReasonCredentialType, p.response, "the credential has type %q", *wire.Type)
	case !bytes.Equal(wire.ID, wire.RawID):
		return nil, refuse(ReasonCredentialIDMismatch, p.response, "id and rawId differ")
	}
	return &wire, nil
}

// attachment returns what the client reports, without values nobody knows (§5.1).
func (w *credentialWire[R]) attachment() Attachment {
	switch a := Attachment(w.AuthenticatorAttachment); a {
	case AttachmentPlatform, AttachmentCrossPlatform:
		return a
	}
	return ""
}

// withoutSecrets removes the results of the prf extension (§10.1.4), which clients
// send along if nobody stops them, and those of the extension that it rests on.
func withoutSecrets(results map[string]json.RawMessage) map[string]json.RawMessage {
	delete(results, "hmacGetSecret")
	raw, ok := results["prf"]
	if !ok {
		return results
	}
	var prf map[string]json.RawMessage
	if json.Unmarshal(raw, &prf) != nil {
		delete(results, "prf")
		return results
	}
	delete(prf, "results")
	kept, err := json.Marshal(prf)
	if err != nil {
		delete(results, "prf")
		return results
	}
	results["prf"] = kept
	return results
}
