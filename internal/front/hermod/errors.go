package hermod

import (
	"context"
	"errors"
	"net/http"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/web"
)

// The refusals of this front itself.
var (
	errInvalidJSON = fault.New(fault.Invalid, "hermod.invalid_json", "The body is not a JSON object.")
	errRedemption  = fault.New(fault.Invalid, "hermod.redemption", "The body does not redeem a link: it has a token, which is a UUID, and a client with short texts.")
	errWait        = fault.New(fault.Invalid, "hermod.wait", "wait is a whole number of seconds.").At("wait")
	errClientID    = fault.New(fault.Invalid, "hermod.client_id", "A client id has 1 to 64 letters, digits, dots, dashes or underscores.").At("client-id")
	errForbidden   = fault.New(fault.Denied, "hermod.forbidden", "This is answered to callers on the same machine only.")
	errGenerated   = fault.New(fault.Limited, "hermod.generated", "Too many at a time. Wait a moment.")
	errInterrupted = fault.New(fault.Unavailable, "hermod.interrupted", "The server is stopping. Try again.")
)

// answer is how a fault looks from outside.
type answer struct {
	status int
	name   string
}

// byCode names the causes that have a name of their own on this wire.
var byCode = map[string]answer{
	errInvalidJSON.Code:        {http.StatusBadRequest, "INVALID_JSON"},
	errRedemption.Code:         {http.StatusBadRequest, "INVALID_JSON"},
	web.ErrTooLarge.Code:       {http.StatusRequestEntityTooLarge, "TOO_LARGE"},
	web.ErrNotJSON.Code:        {http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE"},
	web.ErrMethod.Code:         {http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED"},
	relay.ErrUnauthorized.Code: {http.StatusUnauthorized, "UNAUTHORIZED"},

	relay.ErrUnknownCommand.Code:      {http.StatusNotFound, "UNKNOWN_COMMAND"},
	relay.ErrInvalidHeader.Code:       {http.StatusBadRequest, "INVALID_HEADER"},
	relay.ErrInvalidCommand.Code:      {http.StatusBadRequest, "INVALID_COMMAND"},
	relay.ErrTooLarge.Code:            {http.StatusRequestEntityTooLarge, "TOO_LARGE"},
	relay.ErrNoSuchCommand.Code:       {http.StatusNotFound, "NO_SUCH_COMMAND"},
	relay.ErrNoSuchDestination.Code:   {http.StatusNotFound, "NO_SUCH_DESTINATION"},
	relay.ErrDuplicateExternalID.Code: {http.StatusConflict, "DUPLICATE_EXTERNAL_ID"},
	relay.ErrCommandFinal.Code:        {http.StatusConflict, "COMMAND_FINAL"},
	relay.ErrSessionEnded.Code:        {http.StatusConflict, "SESSION_ENDED"},
	relay.ErrBoxFull.Code:             {http.StatusTooManyRequests, "BOX_FULL"},

	relay.ErrRedeemWrong.Code:      {http.StatusUnauthorized, "UNAUTHORIZED"},
	relay.ErrRedeemLimited.Code:    {http.StatusTooManyRequests, "TOO_MANY_TRIES"},
	relay.ErrSessionWrong.Code:     {http.StatusUnauthorized, "UNAUTHORIZED"},
	relay.ErrSessionGone.Code:      {http.StatusGone, "SESSION_GONE"},
	relay.ErrMessageUnknown.Code:   {http.StatusNotFound, "NO_SUCH_MESSAGE"},
	relay.ErrMessageAnswered.Code:  {http.StatusConflict, "ALREADY_ANSWERED"},
	relay.ErrMessageTimedOut.Code:  {http.StatusGone, "TIMED_OUT"},
	relay.ErrMessageWithdrawn.Code: {http.StatusGone, "WITHDRAWN"},
	relay.ErrAnswerMalformed.Code:  {http.StatusBadRequest, "MALFORMED_ANSWER"},
}

// byKind names the rest; the status is that of [web.Status].
var byKind = map[fault.Kind]string{
	fault.Invalid:         "INVALID_REQUEST",
	fault.Unauthenticated: "UNAUTHORIZED",
	fault.Denied:          "FORBIDDEN",
	fault.NotFound:        "NOT_FOUND",
	fault.Conflict:        "CONFLICT",
	fault.Gone:            "GONE",
	fault.Rejected:        "REJECTED",
	fault.Limited:         "TOO_MANY_REQUESTS",
	fault.Unsupported:     "UNSUPPORTED",
	fault.Unavailable:     "UNAVAILABLE",
	fault.Internal:        "INTERNAL",
}

// writeError renders err. Whoever is not let in is told nothing more than that.
func (f *front) writeError(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		// The caller has gone, or we are about to: that is nobody's fault.
		web.Log(r.Context()).Debug("interrupted", "error", err)
		err = errInterrupted
	} else {
		web.LogFault(r.Context(), err)
	}
	cause := fault.From(err)
	a, ok := byCode[cause.Code]
	if !ok {
		a = answer{web.Status(cause.Kind), byKind[cause.Kind]}
	}
	doc := errorDocument{Error: a.name, Message: cause.Public, Field: cause.Field, RequestID: web.RequestID(r.Context())}
	switch {
	case a.status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", challenge(cause))
		doc.Message, doc.Field = "", ""
	case a.status >= http.StatusInternalServerError && f.HideExceptions:
		doc.Message, doc.Field = "", ""
	case a.status >= http.StatusInternalServerError && cause.Err != nil:
		doc.Message = cause.Err.Error()
	case a.status == http.StatusTooManyRequests:
		w.Header().Set("Retry-After", web.RetryAfter)
	}
	web.WriteJSON(w, a.status, doc)
}

// challenge says how to come in (RFC 9110 §15.5.2): an API user with its key, a
// device with the secret of its session.
func challenge(cause *fault.Error) string {
	if cause.Code == relay.ErrUnauthorized.Code {
		return "X-Api-Key"
	}
	return `Bearer realm="bestow"`
}
