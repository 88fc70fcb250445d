package digitalaccess

import (
	"net/http"
	"strings"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

// refusal is how a cause is told here.
type refusal struct {
	status int
	code   string
	reason string
}

// refusals says it by cause. A cause that is not here, and not of webauthn, goes by
// its kind.
var refusals = map[string]refusal{
	web.ErrTooLarge.Code:   {http.StatusRequestEntityTooLarge, "TOO_LARGE", ""},
	web.ErrNotJSON.Code:    {http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", ""},
	web.ErrJSON.Code:       {http.StatusBadRequest, "INVALID_JSON", ""},
	web.ErrMethod.Code:     {http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", ""},
	web.ErrNoSuchPath.Code: {http.StatusNotFound, "NOT_FOUND", ""},

	tenant.ErrRelyingPartyUnknown.Code: {http.StatusServiceUnavailable, "FIDO_NOT_CONFIGURED", ""},
	tenant.ErrPolicyUnknown.Code:       {http.StatusServiceUnavailable, "FIDO_NOT_CONFIGURED", "policy_unknown"},

	credential.ErrUserUnknown.Code: {http.StatusNotFound, "UNKNOWN_USER", ""},
	credential.ErrUserLocked.Code:  {http.StatusConflict, "USER_LOCKED", ""},

	credential.ErrResponse.Code:        {http.StatusBadRequest, "INVALID_CREDENTIAL", ""},
	credential.ErrCeremonyUnknown.Code: {http.StatusGone, "CHALLENGE_EXPIRED", "challenge_unknown"},
	credential.ErrCeremonyUsed.Code:    {http.StatusGone, "CHALLENGE_EXPIRED", "challenge_used"},
	credential.ErrCeremonyExpired.Code: {http.StatusGone, "CHALLENGE_EXPIRED", "challenge_expired"},
	credential.ErrCeremonyUser.Code:    {http.StatusUnprocessableEntity, "VERIFICATION_FAILED", "challenge_user"},
	credential.ErrCeremonyLimit.Code:   {http.StatusTooManyRequests, "TOO_MANY_CHALLENGES", ""},

	credential.ErrCredentialExists.Code:  {http.StatusConflict, "CREDENTIAL_EXISTS", ""},
	credential.ErrCredentialLimit.Code:   {http.StatusConflict, "CREDENTIAL_LIMIT", ""},
	credential.ErrCredentialUnknown.Code: {http.StatusNotFound, "UNKNOWN_CREDENTIAL", ""},
	credential.ErrPolicyRefused.Code:     {http.StatusUnprocessableEntity, "VERIFICATION_FAILED", "policy"},
	credential.ErrOwnRegistration.Code:   {http.StatusForbidden, "FORBIDDEN", "own_registration"},
}

// codes names what goes by its kind; the status is that of [web.Status].
var codes = map[fault.Kind]string{
	fault.Internal:        "INTERNAL",
	fault.Invalid:         "INVALID_REQUEST",
	fault.Unauthenticated: "UNAUTHORIZED",
	fault.Denied:          "FORBIDDEN",
	fault.NotFound:        "NOT_FOUND",
	fault.Conflict:        "CONFLICT",
	fault.Gone:            "GONE",
	fault.Rejected:        "VERIFICATION_FAILED",
	fault.Limited:         "TOO_MANY_REQUESTS",
	fault.Unsupported:     "NOT_SUPPORTED",
	fault.Unavailable:     "UNAVAILABLE",
}

// refusalOf returns how f is told. The causes of webauthn carry their reason: one
// that could not be read is the request's fault, one that was judged is a refusal.
func refusalOf(f *fault.Error) refusal {
	if r, ok := refusals[f.Code]; ok {
		return r
	}
	reason, ofWebAuthn := strings.CutPrefix(f.Code, "webauthn.")
	switch {
	case ofWebAuthn && f.Kind == fault.Invalid:
		return refusal{http.StatusBadRequest, "INVALID_CREDENTIAL", reason}
	case ofWebAuthn && f.Kind == fault.Rejected:
		return refusal{http.StatusUnprocessableEntity, "VERIFICATION_FAILED", reason}
	}
	return refusal{status: web.Status(f.Kind), code: codes[f.Kind]}
}

// writeError answers r with err.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	web.LogFault(r.Context(), err)
	f := fault.From(err)
	said := refusalOf(f)
	switch {
	case said.status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", challenge(r, "invalid_token"))
	case f.Code == tenant.ErrDenied.Code:
		w.Header().Set("WWW-Authenticate", challenge(r, "insufficient_scope"))
	case said.status == http.StatusTooManyRequests:
		w.Header().Set("Retry-After", web.RetryAfter)
	}
	web.WriteJSON(w, said.status, errorAnswer{
		Error: said.code, Message: f.Public, Reason: said.reason, RequestID: web.RequestID(r.Context()),
	})
}

// challenge is the WWW-Authenticate header of RFC 6750 §3. Whoever sent no token is
// told the scheme alone (§3.1).
func challenge(r *http.Request, code string) string {
	const scheme = `Bearer realm="bestow"`
	if web.BearerToken(r) == "" {
		return scheme
	}
	return scheme + `, error="` + code + `"`
}
