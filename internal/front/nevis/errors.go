package nevis

import (
	"errors"
	"net/http"
	"strings"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

// messages are what is said by cause, where it is other than what the cause says itself.
// Of an answer that was refused a reason is told, and never a detail.
var messages = map[string]string{
	credential.ErrCeremonyUnknown.Code:   "The challenge is not known.",
	credential.ErrCeremonyUsed.Code:      "The challenge was used already.",
	credential.ErrCeremonyExpired.Code:   "The challenge has expired.",
	tenant.ErrRelyingPartyUnknown.Code:   "The relying party is not set up.",
	credential.ErrCredentialUnknown.Code: "The credential is not known.",
}

// kindStatus is the status of the kinds that are not refusals of a ceremony.
func (d *Door) statusFor(f *fault.Error) int {
	switch f.Code {
	case web.ErrNoSuchPath.Code, web.ErrMethod.Code, web.ErrNotJSON.Code, web.ErrTooLarge.Code:
		return web.StatusOf(f)
	case errNotAcceptable.Code:
		return http.StatusNotAcceptable
	case web.ErrJSON.Code, web.ErrInterrupted.Code, errStatusRequest.Code:
		return http.StatusBadRequest
	}
	switch f.Kind {
	case fault.Unauthenticated, fault.Denied, fault.Limited, fault.Unavailable, fault.Internal:
		return web.Status(f.Kind)
	}
	if d.ConformanceStatus {
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// writeError answers r with err, as everything below /fido2 does.
func (d *Door) writeError(w http.ResponseWriter, r *http.Request, err error) {
	web.LogFault(r.Context(), err)
	f := fault.From(err)
	answer := serverResponse{Status: statusFailed, ErrorMessage: message(r, f)}
	if e, ok := errors.AsType[*sessionError](err); ok {
		answer.SessionID = e.session
	}
	status := d.statusFor(f)
	setRefusalHeaders(w, status)
	web.WriteJSON(w, status, answer)
}

func setRefusalHeaders(w http.ResponseWriter, status int) {
	switch status {
	case http.StatusUnauthorized:
		w.Header().Add("WWW-Authenticate", `Basic realm="bestow", charset="UTF-8"`)
		w.Header().Add("WWW-Authenticate", `Bearer realm="bestow"`)
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", web.RetryAfter)
	}
}

// message is what people are told. It is never empty.
func message(r *http.Request, f *fault.Error) string {
	text, ok := messages[f.Code]
	switch reason, ofWebAuthn := strings.CutPrefix(f.Code, "webauthn."); {
	case ok:
		return text
	case ofWebAuthn && f.Kind == fault.Invalid:
		return "The answer cannot be read (" + reason + ")."
	case ofWebAuthn:
		return "The answer was refused (" + reason + ")."
	case f.Kind == fault.Internal:
		return f.Public + " (" + web.RequestID(r.Context()) + ")"
	}
	return f.Public
}
