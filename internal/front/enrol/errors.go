package enrol

import (
	"net/http"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

var errNothingHere = fault.New(fault.NotFound, "signin.none", "There is nothing to sign in to on this page. Use the page you were given.")

// words are what people read instead of a fault's own text, where the page is where
// they can do something about it.
var words = map[string]string{
	credential.ErrInvitationUnknown.Code:   "This link is not valid. Check that it is complete, or ask for a new one.",
	credential.ErrInvitationSpent.Code:     "This link has been used already. If that was not you, tell whoever sent it, now.",
	credential.ErrInvitationExpired.Code:   "This link has expired. Ask for a new one.",
	credential.ErrInvitationCancelled.Code: "This link was replaced by a newer one. Use the newest, or ask for another.",
	credential.ErrAdditionalNeeded.Code:    "You have a passkey here already, and this link is for a first one. Ask for a link for an additional passkey.",
	credential.ErrCredentialExists.Code:    "This passkey is registered already.",
	credential.ErrSessionUnknown.Code:      "Your session has ended. Begin again with a link, or sign in.",
	credential.ErrCredentialUnknown.Code:   "This passkey is not known here.",

	// Which policy it was, and what it found, is for whoever runs the page.
	credential.ErrPolicyRefused.Code: "This security key or passkey is not of a kind that is accepted here. Use another one, or ask whoever looks after your account.",
	tenant.ErrPolicyUnknown.Code:     "This page is not set up right. Tell whoever looks after your account.",
}

// errorDocument is the body of every refusal.
type errorDocument struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	RequestID string `json:"requestId"`
}

// writeError renders err for the page.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	web.LogFault(r.Context(), err)
	cause := fault.From(err)
	message, ok := words[cause.Code]
	if !ok {
		message = cause.Public
	}
	if cause.Kind == fault.Limited {
		w.Header().Set("Retry-After", "60")
	}
	web.WriteJSON(w, web.StatusOf(cause), errorDocument{cause.Code, message, web.RequestID(r.Context())})
}
