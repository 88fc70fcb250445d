package provision

import (
	"errors"
	"fmt"
	"net/http"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/process"
	"bestow.dev/internal/relay"
)

// The types of the outcomes that a process may deal with.
const (
	HermodJWTSignature = "HERMOD_ERROR_JWT_SIGNATURE" // the signature of the device's answer is not valid
	HermodSessionStart = "HERMOD_ERROR_SESSION_START" // nobody followed the link in time
	HermodTimeout      = "HERMOD_ERROR_TIMEOUT"       // no answer in time, or the command's life is over
	HermodCancelled    = "HERMOD_ERROR_CANCELLED"     // by the person, with the session, or by us
	HermodDevice       = "HERMOD_ERROR_DEVICE"        // everything else that device or relay said
	HermodConnection   = "HERMOD_ERROR_CONNECTION"    // the relay cannot be reached
	HermodAuth         = "HERMOD_ERROR_AUTH"          // the relay does not let us in

	DAConnection = "DA_ERROR_CONNECTION" // the relying party cannot be reached
	DAAuth       = "DA_ERROR_AUTH"       // it does not let us in, or not for this
	DAUser       = "DA_ERROR_USER"       // the user is unknown or locked
	DAChallenge  = "DA_ERROR_CHALLENGE"  // the challenge is unknown, used, expired or another user's
	DADuplicate  = "DA_ERROR_DUPLICATE"  // the credential is there already, and not by this work
	DARejected   = "DA_ERROR_REJECTED"   // everything else it refused

	BestowUser       = "BESTOW_ERROR_USER"       // the user is unknown or locked
	BestowCredential = "BESTOW_ERROR_CREDENTIAL" // the credential is unknown, or another user's
	BestowExpired    = "BESTOW_ERROR_EXPIRED"    // the invitation was not followed in time
	BestowRefused    = "BESTOW_ERROR_REFUSED"    // everything else that was refused

	HTTPConnection = "HTTP_ERROR_CONNECTION" // the server cannot be reached
	HTTPRefused    = "HTTP_ERROR_REFUSED"    // the request is not made, or its answer not taken

	MailConnection = "MAIL_ERROR_CONNECTION" // the mail server cannot be reached
	MailRefused    = "MAIL_ERROR_REFUSED"    // the mail server does not take the message

	// Parameter is a parameter that has no value, or none that can be used, in this run.
	Parameter = "PARAMETER"
)

// triesBeforeOutcome is how often a server that cannot be reached is tried before that is
// an outcome which the process may deal with.
const triesBeforeOutcome = 3

// outcome is err as an outcome of type kind.
func outcome(kind string, err error) *process.TaskError {
	e := &process.TaskError{Type: kind, Message: err.Error()}
	if r, ok := errors.AsType[*Refusal](err); ok {
		e.Status = r.Code
	}
	return e
}

// unreachable returns a fault, which has the work tried again, or from the third try on
// an outcome of the given type.
func unreachable(w process.Work, kind string, err error) error {
	if w.Attempt < triesBeforeOutcome {
		return err
	}
	return outcome(kind, ErrUnreachable)
}

// relayError says what a relay's error means to a process.
func relayError(w process.Work, err error) error {
	r, ok := errors.AsType[*Refusal](err)
	if !ok {
		return unreachable(w, HermodConnection, err)
	}
	switch {
	case r.Status == http.StatusUnauthorized, r.Status == http.StatusForbidden:
		return outcome(HermodAuth, r)
	case r.Code == "NO_SUCH_COMMAND":
		return outcome(HermodTimeout, r)
	case r.Code == "SESSION_ENDED", r.Code == "NO_SUCH_DESTINATION":
		return outcome(HermodCancelled, r)
	}
	return outcome(HermodDevice, r)
}

// commandError says what the end of a command means to a process that did not go well.
func commandError(k *Known) *process.TaskError {
	message := string(k.Status)
	if k.Message != "" {
		message += ": " + k.Message
	}
	if k.Detail != "" {
		message += " (" + k.Detail + ")"
	}
	return &process.TaskError{Type: typeOf(k), Status: string(k.Status), Message: message}
}

func typeOf(k *Known) string {
	switch k.Status {
	case plugout.StatusSessionNotStarted:
		return HermodSessionStart
	case plugout.StatusTimeout:
		return HermodTimeout
	case plugout.StatusUserCancelled, plugout.StatusSessionEnded, plugout.StatusCancelledByRequester:
		return HermodCancelled
	case plugout.StatusInvalidResponse:
		if k.Signature == relay.SignatureInvalid || k.Signature == relay.SignatureNone {
			return HermodJWTSignature
		}
	}
	return HermodDevice
}

// accessError says what a relying party's error means to a process.
func accessError(w process.Work, err error) error {
	r, ok := errors.AsType[*Refusal](err)
	if !ok {
		return unreachable(w, DAConnection, err)
	}
	kind := DARejected
	switch {
	case r.Reason == "own_registration":
	case r.Status == http.StatusUnauthorized, r.Status == http.StatusForbidden:
		kind = DAAuth
	case r.Code == "UNKNOWN_USER", r.Code == "USER_LOCKED":
		kind = DAUser
	case r.Status == http.StatusGone, r.Reason == "challenge_user":
		kind = DAChallenge
	case r.Code == "CREDENTIAL_EXISTS":
		kind = DADuplicate
	}
	return outcome(kind, r)
}

// badParameter is a parameter that cannot be used in this run.
func badParameter(name, format string, args ...any) error {
	return &process.TaskError{Type: Parameter, Message: name + " " + fmt.Sprintf(format, args...)}
}
