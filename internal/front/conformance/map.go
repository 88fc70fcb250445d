package conformance

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/web"
	"bestow.dev/webauthn"
)

// echo are members of a request that the answer has as they are.
type echo map[string]json.RawMessage

// keep adds a member of o, if it has it.
func (e echo) keep(o object, name string) {
	if o.has(name) {
		e[name] = o.members[name]
	}
}

// creation reads a CreationOptionsRequest.
func creation(body object, rp string) (credential.BeginRegistration, echo, error) {
	in := credential.BeginRegistration{RelyingParty: rp}
	username, err := body.required("username")
	if err != nil {
		return in, nil, err
	}
	in.User = credential.ByName(username)
	if in.DisplayName, err = body.required("displayName"); err != nil {
		return in, nil, err
	}
	in.NewUser = &credential.NewUser{Name: username, DisplayName: in.DisplayName}
	asked, err := body.oneOf("attestation", "none", "indirect", "direct", "enterprise")
	if err != nil {
		return in, nil, err
	}
	in.Narrow.Attestation = webauthn.Conveyance(cmp.Or(asked, "none"))
	if err := narrow(body, &in.Narrow); err != nil {
		return in, nil, err
	}
	if in.Extensions, err = member[map[string]json.RawMessage](body, "extensions"); err != nil {
		return in, nil, err
	}
	same := echo{}
	same.keep(body, "authenticatorSelection")
	same.keep(body, "extensions")
	return in, same, nil
}

// narrow reads what authenticators are asked for. The older requireResidentKey counts
// where residentKey is left out.
func narrow(body object, n *credential.Narrowing) error {
	selection, err := body.object("authenticatorSelection")
	if err != nil {
		return err
	}
	attachment, err := selection.oneOf("authenticatorAttachment", "platform", "cross-platform")
	if err != nil {
		return err
	}
	residentKey, err := selection.oneOf("residentKey", "required", "preferred", "discouraged")
	if err != nil {
		return err
	}
	if required, err := member[bool](selection, "requireResidentKey"); err != nil {
		return err
	} else if required && residentKey == "" {
		residentKey = "required"
	}
	verification, err := selection.oneOf("userVerification", "required", "preferred", "discouraged")
	if err != nil {
		return err
	}
	n.Attachment, n.ResidentKey = webauthn.Attachment(attachment), webauthn.ResidentKey(residentKey)
	n.UserVerification = webauthn.UserVerification(verification)
	return nil
}

// request reads a GetOptionsRequest. Nobody knows who asks, so that a name that is
// nobody's is answered as if it were somebody's.
func request(body object, rp string) (credential.BeginAuthentication, echo, error) {
	in := credential.BeginAuthentication{RelyingParty: rp, HideUnknown: true}
	username, err := body.required("username")
	if err != nil {
		return in, nil, err
	}
	in.User = credential.ByName(username)
	verification, err := body.oneOf("userVerification", "required", "preferred", "discouraged")
	if err != nil {
		return in, nil, err
	}
	in.Narrow.UserVerification = webauthn.UserVerification(verification)
	if in.Extensions, err = member[map[string]json.RawMessage](body, "extensions"); err != nil {
		return in, nil, err
	}
	same := echo{}
	same.keep(body, "extensions")
	return in, same, nil
}

// writeOptions answers with options as they were made, and what of the request belongs
// beside them.
func writeOptions(w http.ResponseWriter, options json.RawMessage, same echo) error {
	var answer map[string]any
	if err := json.Unmarshal(options, &answer); err != nil {
		return err
	}
	answer["status"], answer["errorMessage"] = statusOK, ""
	for name, value := range same {
		answer[name] = value
	}
	web.WriteJSON(w, http.StatusOK, answer)
	return nil
}

// publicKeyCredential reads what both kinds of ServerPublicKeyCredential have, and returns
// it in the form that browsers have today, with response as it is to become. The profile
// has no rawId; where it is there it says the same as id, as it does in browsers.
func publicKeyCredential(body object, response map[string]any) (json.RawMessage, error) {
	id, err := body.base64url("id")
	if err != nil {
		return nil, err
	}
	rawID := id
	if body.has("rawId") {
		if rawID, err = body.base64url("rawId"); err != nil {
			return nil, err
		}
	}
	kind, err := body.required("type")
	if err != nil {
		return nil, err
	}
	if kind != webauthn.TypePublicKey {
		return nil, body.at(errValue, "type")
	}
	results, err := extensionResults(body)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{
		"id": id, "rawId": rawID, "type": kind, "clientExtensionResults": results, "response": response,
	})
}

// extensionResults reads the client's extension outputs under either of their names: the
// profile's, or that of browsers.
func extensionResults(body object) (map[string]json.RawMessage, error) {
	all := map[string]json.RawMessage{}
	for _, name := range []string{"getClientExtensionResults", "clientExtensionResults"} {
		results, err := member[map[string]json.RawMessage](body, name)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, results)
	}
	return all, nil
}

// binaries reads the members of a response that have to be there.
func binaries(body object, names ...string) (object, map[string]any, error) {
	if !body.has("response") {
		return object{}, nil, body.at(errMissing, "response")
	}
	response, err := body.object("response")
	if err != nil {
		return object{}, nil, err
	}
	out := map[string]any{}
	for _, name := range names {
		if out[name], err = response.base64url(name); err != nil {
			return object{}, nil, err
		}
	}
	return response, out, nil
}

// registration reads a ServerPublicKeyCredential with an attestation.
func registration(body object, rp string) (credential.FinishRegistration, error) {
	in := credential.FinishRegistration{RelyingParty: rp}
	response, out, err := binaries(body, "clientDataJSON", "attestationObject")
	if err != nil {
		return in, err
	}
	transports, err := member[[]string](response, "transports")
	if err != nil {
		return in, err
	}
	if transports != nil {
		out["transports"] = transports
	}
	text, err := publicKeyCredential(body, out)
	if err != nil {
		return in, err
	}
	if in.Response, err = webauthn.ParseRegistrationResponse(text); err != nil {
		return in, credential.Unreadable(err)
	}
	return in, nil
}

// authentication reads a ServerPublicKeyCredential with an assertion.
func authentication(body object, rp string) (credential.FinishAuthentication, error) {
	in := credential.FinishAuthentication{RelyingParty: rp}
	response, out, err := binaries(body, "clientDataJSON", "authenticatorData", "signature")
	if err != nil {
		return in, err
	}
	handle, err := response.text("userHandle")
	if err != nil {
		return in, err
	}
	if handle != "" {
		if out["userHandle"], err = response.base64url("userHandle"); err != nil {
			return in, err
		}
	}
	text, err := publicKeyCredential(body, out)
	if err != nil {
		return in, err
	}
	if in.Response, err = webauthn.ParseAuthenticationResponse(text); err != nil {
		return in, credential.Unreadable(err)
	}
	return in, nil
}
