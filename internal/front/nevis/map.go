package nevis

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/strictjson"
	"bestow.dev/internal/web"
	"bestow.dev/webauthn"
)

// errMember is a request whose text is JSON and whose members are not what they should be.
var errMember = fault.New(fault.Invalid, "request.member", "A member of the request is missing or does not have its form.")

// decode reads a request. Members that are not known are left alone: newer clients send
// more. Errors: request.json for what is no JSON, request.member for a member that does
// not have its form.
func decode(body []byte, into any) error {
	err := strictjson.Decode(body, into)
	refused, ok := errors.AsType[*strictjson.Error](err)
	switch {
	case err == nil:
		return nil
	case !ok:
		return err
	case refused.Reason == strictjson.Type, refused.Reason == strictjson.Base64URL, refused.Reason == strictjson.Null:
		return errMember.Saying("A member of the request does not have its form: %s.", refused.Error()).Because(err)
	}
	return web.ErrJSON.Saying("The body is not valid JSON: %s.", refused.Error()).Because(err)
}

func missing(member string) error { return errMember.At(member).Saying("%s is missing.", member) }

// userRef returns the user whom a client calls name.
func (d *Door) userRef(name string) credential.UserRef {
	if d.UserAttribute == ByID {
		return credential.ByID(credential.UserID(name))
	}
	return credential.ByName(name)
}

// userID returns what a client calls the user.
func (d *Door) userID(u *credential.User) string {
	if d.UserAttribute == ByID {
		return string(u.ID)
	}
	return u.Name
}

// registration returns the call that q asks for.
func (d *Door) registration(q *optionsRequest, session string) (credential.BeginRegistration, error) {
	in := credential.BeginRegistration{RelyingParty: d.RelyingParty, RequestID: session, Extensions: q.Extensions}
	switch {
	case q.Username == nil || *q.Username == "":
		return in, missing("username")
	case q.DisplayName == nil || *q.DisplayName == "":
		return in, missing("displayName")
	}
	in.User, in.DisplayName = d.userRef(*q.Username), *q.DisplayName
	in.Narrow.PolicyWins = true
	if q.Attestation != nil {
		in.Narrow.Attestation = webauthn.Conveyance(*q.Attestation)
		if !one(in.Narrow.Attestation, webauthn.ConveyanceNone, webauthn.ConveyanceIndirect, webauthn.ConveyanceDirect, webauthn.ConveyanceEnterprise) {
			return in, errMember.At("attestation").Saying("attestation has none of its values.")
		}
	}
	s := cmp.Or(q.AuthenticatorSelection, new(authenticatorSelection))
	residentKey, err := s.residentKey()
	if err != nil {
		return in, err
	}
	in.Narrow.ResidentKey = residentKey
	in.Narrow.Attachment = webauthn.Attachment(s.AuthenticatorAttachment)
	if !one(in.Narrow.Attachment, "", webauthn.AttachmentPlatform, webauthn.AttachmentCrossPlatform) {
		return in, errMember.At("authenticatorSelection.authenticatorAttachment").Saying("authenticatorAttachment has none of its values.")
	}
	in.Narrow.UserVerification, err = userVerification(s.UserVerification)
	if err != nil {
		return in, err
	}
	in.Narrow.Timeout = d.timeout(in.Narrow.UserVerification)
	return in, nil
}

// residentKey reads both ways of saying how much a discoverable credential is wanted.
// Level 1 clients know requireResidentKey alone.
func (s *authenticatorSelection) residentKey() (webauthn.ResidentKey, error) {
	want := webauthn.ResidentKey(s.ResidentKey)
	if want == "" && s.RequireResidentKey != nil {
		if *s.RequireResidentKey {
			return webauthn.ResidentKeyRequired, nil
		}
		return webauthn.ResidentKeyDiscouraged, nil
	}
	if !one(want, "", webauthn.ResidentKeyRequired, webauthn.ResidentKeyPreferred, webauthn.ResidentKeyDiscouraged) {
		return "", errMember.At("authenticatorSelection.residentKey").Saying("residentKey has none of its values.")
	}
	return want, nil
}

// userVerification reads a requirement; what is left out is preferred (§5.4.4).
func userVerification(text string) (webauthn.UserVerification, error) {
	uv := webauthn.UserVerification(cmp.Or(text, string(webauthn.UserVerificationPreferred)))
	if !one(uv, webauthn.UserVerificationRequired, webauthn.UserVerificationPreferred, webauthn.UserVerificationDiscouraged) {
		return "", errMember.At("userVerification").Saying("userVerification has none of its values.")
	}
	return uv, nil
}

// timeout is how long a client may take, which hangs on how its user is verified.
func (d *Door) timeout(uv webauthn.UserVerification) time.Duration {
	if uv == webauthn.UserVerificationRequired {
		return d.VerifiedTimeout
	}
	return d.UnverifiedTimeout
}

func one[T comparable](v T, of ...T) bool {
	for _, o := range of {
		if v == o {
			return true
		}
	}
	return false
}

// authentication returns the call that q asks for. No name, or an empty one, asks for a
// discoverable credential.
func (d *Door) authentication(q *optionsRequest, session string) (credential.BeginAuthentication, error) {
	in := credential.BeginAuthentication{
		RelyingParty: d.RelyingParty, RequestID: session, Extensions: q.Extensions, HideUnknown: d.HideUnknown,
	}
	if q.Username != nil && *q.Username != "" {
		in.User = d.userRef(*q.Username)
	}
	var text string
	if q.UserVerification != nil {
		text = *q.UserVerification
	}
	uv, err := userVerification(text)
	if err != nil {
		return in, err
	}
	in.Narrow = credential.Narrowing{UserVerification: uv, Timeout: d.timeout(uv), PolicyWins: true}
	return in, nil
}

// browserForm rewrites an answer to the form that browsers give it: rawId repeats id, and
// extension results may have the name of the method that returns them.
func (q *resultRequest) browserForm() ([]byte, error) {
	answer := browserAnswer{
		ID: q.ID, RawID: q.RawID, Type: q.Type, Response: q.Response,
		AuthenticatorAttachment: q.AuthenticatorAttachment, ClientExtensionResults: q.ClientExtensionResults,
	}
	if answer.RawID == nil {
		answer.RawID = q.ID
	}
	if answer.ClientExtensionResults == nil {
		answer.ClientExtensionResults = q.GetClientExtensionResults
	}
	return json.Marshal(answer)
}

// withSession puts options behind the members that say they were made.
func withSession(options json.RawMessage, session string) (json.RawMessage, error) {
	head, err := json.Marshal(serverResponse{Status: statusOK, SessionID: session})
	if err != nil {
		return nil, err
	}
	rest, ok := bytes.CutPrefix(options, []byte("{"))
	if !ok || len(rest) < 2 {
		return nil, errors.New("options are no JSON object")
	}
	head[len(head)-1] = ','
	return append(head, rest...), nil
}

// formatUUID writes a UUID in its usual form.
func formatUUID(b [16]byte) string {
	text := hex.EncodeToString(b[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// stamp writes a time as this door does: RFC 3339 in UTC, to the millisecond.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
