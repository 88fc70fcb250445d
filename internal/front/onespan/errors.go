package onespan

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

// statuses of causes. The platform has 400, 403, 404, 409 and 500 for the calls about
// FIDO, and says 409 for whatever did not work out.
var statuses = map[string]int{
	credential.ErrUserUnknown.Code:       http.StatusNotFound,
	credential.ErrCredentialUnknown.Code: http.StatusNotFound,
	tenant.ErrPolicyUnknown.Code:         http.StatusNotFound,
	tenant.ErrRelyingPartyUnknown.Code:   http.StatusNotFound,
	web.ErrNoSuchPath.Code:               http.StatusNotFound,

	credential.ErrCeremonyUnknown.Code: http.StatusConflict,
	credential.ErrNoCredential.Code:    http.StatusConflict,
	credential.ErrPolicyWider.Code:     http.StatusConflict,
	tenant.ErrPolicyMissing.Code:       http.StatusConflict,
}

// statusOf returns the status of a refusal: that of its cause, or of its kind.
func statusOf(f *fault.Error) int {
	if status, ok := statuses[f.Code]; ok {
		return status
	}
	switch f.Kind {
	case fault.Gone, fault.Rejected, fault.NotFound:
		return http.StatusConflict
	}
	return web.StatusOf(f)
}

// said is what causes are called here, where the domain's words would not do.
var said = map[string]string{
	credential.ErrUserUnknown.Code:       "User account not found.",
	credential.ErrUserOperator.Code:      "This command is prohibited for tenant admin accounts.",
	credential.ErrUserLocked.Code:        "The user account is locked.",
	credential.ErrCredentialUnknown.Code: "FIDO registration not found.",
	credential.ErrCeremonyUnknown.Code:   "FIDO operation failed: there is no such request.",
	credential.ErrCeremonyUsed.Code:      "FIDO operation failed: the request has been used already.",
	credential.ErrCeremonyExpired.Code:   "FIDO operation failed: the request has expired.",
	credential.ErrCeremonyUser.Code:      "FIDO operation failed: the request is another user's.",
	credential.ErrNoCredential.Code:      "The user has no active FIDO registration.",
	credential.ErrCredentialExists.Code:  "FIDO registration failed: the authenticator is registered already.",
	credential.ErrCredentialLimit.Code:   "FIDO registration failed: the user has as many registrations as are allowed.",
	credential.ErrPolicyWider.Code:       "The policy of the relying party does not allow what is asked for.",
}

// reasons say why an authenticator's answer was refused, by the reason of webauthn.
var reasons = map[string]string{
	"challenge":              "the answer is to another request",
	"client_data_type":       "the answer is to another operation",
	"origin":                 "the page is not one of the relying party's",
	"cross_origin":           "the page was in a frame of another site",
	"top_origin":             "the page was in a frame of another site",
	"rp_id_hash":             "the authenticator answered another relying party",
	"user_presence":          "user presence was required but not shown",
	"user_verification":      "user verification was required but not performed",
	"algorithm_not_offered":  "the algorithm was not offered",
	"credential_not_allowed": "the authenticator was not asked for",
	"sign_count":             "the signature counter did not grow",
	"assertion_signature":    "the signature does not verify",
	"attestation_untrusted":  "the attestation is not trusted",
}

// message returns the words for people.
func message(f *fault.Error) string {
	reason, ofWebAuthn := strings.CutPrefix(f.Code, "webauthn.")
	switch {
	case ofWebAuthn && f.Kind == fault.Rejected && reasons[reason] != "":
		return "FIDO operation failed: " + reasons[reason] + "."
	case ofWebAuthn && f.Kind == fault.Rejected:
		return "FIDO operation failed: the authenticator's answer was refused (" + reason + ")."
	case said[f.Code] != "":
		return said[f.Code]
	}
	return f.Public
}

// fields are what members are called here that the domain calls otherwise, by the code
// of its fault and its word.
var fields = map[string]string{
	credential.ErrCredentialName.Code + " name":           "registrationName",
	tenant.ErrRelyingPartyInvalid.Code + " name":          "rpName",
	tenant.ErrRelyingPartyInvalid.Code + " challengeLife": "requestTTLSeconds",
	tenant.ErrRelyingPartyInvalid.Code + " timeout":       "timeoutMs",
	tenant.ErrRelyingPartyInvalid.Code + " id":            "rpId",
}

// validationErrors returns what of the input is wrong; nil if it is not the input.
func validationErrors(f *fault.Error) []validationError {
	if all, ok := errors.AsType[inputError](f.Err); ok {
		return all
	}
	if f.Kind != fault.Invalid || f.Field == "" {
		return nil
	}
	field := cmp.Or(fields[f.Code+" "+f.Field], f.Field)
	return []validationError{{Field: field, Message: f.Public}}
}

// writeError answers r with err.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	web.LogFault(r.Context(), err)
	f := fault.From(err)
	status := statusOf(f)
	answer := errorAnswer{Message: message(f)}
	switch status {
	case http.StatusBadRequest:
		if answer.ValidationErrors = validationErrors(f); answer.ValidationErrors != nil {
			answer.Message = errInput.Public
		}
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="bestow"`)
	case http.StatusConflict:
		answer.UAFStatusCode = json.RawMessage("null")
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", web.RetryAfter)
	}
	web.WriteJSON(w, status, answer)
}

// notConfigured returns err, or where it says that the relying party of these calls, or
// a policy of it, is not there, what an operator has to do.
func notConfigured(err error, t *Tenant) error {
	if errors.Is(err, tenant.ErrRelyingPartyUnknown) || errors.Is(err, tenant.ErrPolicyMissing) {
		return tenant.ErrPolicyMissing.Because(err).Saying("%s is not configured for tenant %s: its relying party or a policy is missing.", fido2, t.Name)
	}
	return err
}

// unreadableAt returns the refusal of an authenticator's answer that could not be read,
// which stands at a member.
func unreadableAt(member string, err error) error {
	in := input{}
	f := fault.From(err)
	in.refuse(member, "is not an authenticator's answer ("+strings.TrimPrefix(f.Code, "webauthn.")+")")
	return errInput.At(member).Because(errors.Join(in.wrong, err))
}
