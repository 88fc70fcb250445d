package webauthn

import (
	"encoding/json"
	"maps"
	"slices"

	"bestow.dev/internal/strictjson"
)

// A client refuses whole options for one extension input that does not fit them, with
// a NotSupportedError or a TypeError that names none. These checks name it before it is
// sent. Extensions that are not listed pass: a client that does not know them either
// leaves them alone.

// inputCheck judges the input of one extension. It returns what is wrong with it, or
// nothing. allowed are the credentials of an authentication.
type inputCheck func(input json.RawMessage, allowed []CredentialDescriptor) (problem string)

var registrationInputs = map[string]inputCheck{
	"credProps":                         checkBool,
	"credentialProtectionPolicy":        checkCredProtect,
	"enforceCredentialProtectionPolicy": checkBool,
	"minPinLength":                      checkBool,
	"hmacCreateSecret":                  checkBool,
	"prf":                               checkPRFCreate,
	"largeBlob":                         checkLargeBlobCreate,
	"appidExclude":                      checkAppID,
	"uvm":                               checkBool,

	"appid":         onlyFor("authentications"),
	"hmacGetSecret": onlyFor("authentications"),
}

var authenticationInputs = map[string]inputCheck{
	"appid":     checkAppID,
	"prf":       checkPRFGet,
	"largeBlob": checkLargeBlobGet,
	"uvm":       checkBool,

	"appidExclude":                      onlyFor("registrations"),
	"credProps":                         onlyFor("registrations"),
	"credentialProtectionPolicy":        onlyFor("registrations"),
	"enforceCredentialProtectionPolicy": onlyFor("registrations"),
	"minPinLength":                      onlyFor("registrations"),
	"hmacCreateSecret":                  onlyFor("registrations"),
}

// checkExtensions reports the first input that a client would not take.
func checkExtensions(inputs map[string]json.RawMessage, known map[string]inputCheck, allowed []CredentialDescriptor) error {
	for _, id := range slices.Sorted(maps.Keys(inputs)) {
		check := known[id]
		if check == nil {
			continue
		}
		if problem := check(inputs[id], allowed); problem != "" {
			return &OptionsError{Member: "extensions." + id, Problem: problem}
		}
	}
	return nil
}

func onlyFor(ceremonies string) inputCheck {
	return func(json.RawMessage, []CredentialDescriptor) string { return "this extension is for " + ceremonies }
}

// decodeInput reads an input without tolerance for members that clients do not know:
// they would leave them out, and do something else than was meant.
func decodeInput(input json.RawMessage, into any) bool {
	return strictjson.Decode(input, into, strictjson.DisallowUnknown(), strictjson.DisallowNull()) == nil
}

func checkBool(input json.RawMessage, _ []CredentialDescriptor) string {
	var b bool
	if !decodeInput(input, &b) {
		return "not a boolean"
	}
	return ""
}

func checkAppID(input json.RawMessage, _ []CredentialDescriptor) string {
	var id string
	if !decodeInput(input, &id) || id == "" {
		return "not the text of an AppID"
	}
	return ""
}

func checkCredProtect(input json.RawMessage, _ []CredentialDescriptor) string {
	var name string
	if !decodeInput(input, &name) {
		return "not the name of a level"
	}
	if _, ok := ParseCredProtect(name); !ok {
		return "no such level"
	}
	return ""
}

// checkPRF reads an input of prf, and judges what holds in both ceremonies.
func checkPRF(input json.RawMessage) (in PRFInput, problem string) {
	if !decodeInput(input, &in) {
		return in, "not the form of §10.1.4"
	}
	if in.Eval != nil && in.Eval.First == nil {
		return in, "eval lacks first"
	}
	return in, ""
}

// checkPRFCreate obeys step 1 of the client's part at a registration (§10.1.4).
func checkPRFCreate(input json.RawMessage, _ []CredentialDescriptor) string {
	in, problem := checkPRF(input)
	if problem == "" && in.EvalByCredential != nil {
		return "evalByCredential is for authentications"
	}
	return problem
}

// checkPRFGet obeys steps 1 and 2 of the client's part at an authentication (§10.1.4):
// each key of evalByCredential is one of allowCredentials.
func checkPRFGet(input json.RawMessage, allowed []CredentialDescriptor) string {
	in, problem := checkPRF(input)
	if problem != "" {
		return problem
	}
	for key, values := range in.EvalByCredential {
		if !slices.ContainsFunc(allowed, func(d CredentialDescriptor) bool { return strictjson.EncodeBase64URL(d.ID) == key }) {
			return "evalByCredential names a credential that is not in allowCredentials"
		}
		if values.First == nil {
			return "evalByCredential has an entry that lacks first"
		}
	}
	return ""
}

// checkLargeBlobCreate obeys the client's part at a registration (§10.1.5).
func checkLargeBlobCreate(input json.RawMessage, _ []CredentialDescriptor) string {
	var in largeBlobInput
	switch {
	case !decodeInput(input, &in):
		return "not the form of §10.1.5"
	case in.Read != nil || in.Write != nil:
		return "read and write are for authentications"
	case in.Support != "" && in.Support != LargeBlobRequired && in.Support != LargeBlobPreferred:
		return "support is neither required nor preferred"
	}
	return ""
}

// checkLargeBlobGet obeys the client's part at an authentication (§10.1.5).
func checkLargeBlobGet(input json.RawMessage, allowed []CredentialDescriptor) string {
	var in largeBlobInput
	switch {
	case !decodeInput(input, &in):
		return "not the form of §10.1.5"
	case in.Support != "":
		return "support is for registrations"
	case in.Read != nil && in.Write != nil:
		return "read and write exclude each other"
	case in.Write != nil && len(allowed) != 1:
		return "write takes exactly one entry in allowCredentials"
	}
	return ""
}
