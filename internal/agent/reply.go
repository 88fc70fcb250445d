package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"bestow.dev/ctap"
	"bestow.dev/internal/plugout"
)

// What ends the work on a command before it is done.
var (
	errTimeOver  = errors.New("the time for this command is over")
	errWithdrawn = errors.New("the requester has withdrawn the command")
	errNoKey     = errors.New("no security key that would do")
	errPINGiven  = errors.New("the PIN was wrong, and no other was given")
	errUntouched = errors.New("the security key was not touched in time")
)

// reply is the outcome of a command. The zero status is the silence of a command
// whose time ran out: the relay has its own word for that.
type reply struct {
	status   plugout.Status
	response any    // only when status is OK
	text     string // for the person, and in the answer when status is not OK
	ctap     string // status byte of the key, such as "0x32"
}

func done(response any, text string) reply {
	return reply{status: plugout.StatusOK, response: response, text: text}
}

func refused(status plugout.Status, format string, args ...any) reply {
	return reply{status: status, text: fmt.Sprintf(format, args...)}
}

// payload returns the answer document.
func (r reply) payload(m *plugout.CommandMessage, now time.Time) ([]byte, error) {
	answer := plugout.Answer{
		Version:   plugout.Version,
		MessageID: m.MessageID,
		Nonce:     m.Nonce,
		IssuedAt:  now.Unix(),
		Status:    r.status,
	}
	if r.status != plugout.StatusOK {
		answer.Error = &plugout.AnswerError{Message: r.text, CTAP: r.ctap}
		return json.Marshal(answer)
	}
	response, err := json.Marshal(r.response)
	if err != nil {
		return nil, fmt.Errorf("encode the response: %w", err)
	}
	answer.Response = response
	return json.Marshal(answer)
}

// statuses is what a key's refusal means to the requester. What is not here is a
// DEVICE_ERROR. USER_ACTION_TIMEOUT is not here either: the touch is asked for again
// as long as there is time.
var statuses = map[ctap.Status]plugout.Status{
	ctap.StatusCredentialExcluded:   plugout.StatusCredentialExcluded,
	ctap.StatusUnsupportedAlgorithm: plugout.StatusUnsupported,
	ctap.StatusUnsupportedOption:    plugout.StatusUnsupported,
	ctap.StatusOperationDenied:      plugout.StatusUserCancelled,
	ctap.StatusKeepAliveCancel:      plugout.StatusUserCancelled,
	ctap.StatusKeyStoreFull:         plugout.StatusKeyStoreFull,
	ctap.StatusPINInvalid:           plugout.StatusPINInvalid,
	ctap.StatusPINBlocked:           plugout.StatusPINBlocked,
	ctap.StatusPINAuthBlocked:       plugout.StatusPINBlocked,
	ctap.StatusPINNotSet:            plugout.StatusPINNotSet,
	ctap.StatusUVBlocked:            plugout.StatusUVFailed,
	ctap.StatusUVInvalid:            plugout.StatusUVFailed,
}

// sentences tells the person what a status means for them.
var sentences = map[plugout.Status]string{
	plugout.StatusCredentialExcluded: "This security key is registered for this account already.",
	plugout.StatusUnsupported:        "This security key cannot do what the site asks for.",
	plugout.StatusUserCancelled:      "Cancelled.",
	plugout.StatusKeyStoreFull:       "The security key has no room for another credential.",
	plugout.StatusPINInvalid:         "The PIN was wrong.",
	plugout.StatusPINBlocked:         "The PIN of the security key is blocked. Take the key out and put it back; if that does not help, it has to be reset with its vendor's tool.",
	plugout.StatusPINNotSet:          "The security key has no PIN yet. Set one with the vendor's tool and try again.",
	plugout.StatusUVFailed:           "The security key did not recognise its user.",
	plugout.StatusNoAuthenticator:    "No security key that would do was found.",
	plugout.StatusDeviceError:        "The security key reported an error.",
}

// failure turns the error of a ceremony into a reply.
func failure(ctx context.Context, err error) reply {
	switch {
	case errors.Is(err, errNoKey):
		return refused(plugout.StatusNoAuthenticator, "%s", sentences[plugout.StatusNoAuthenticator])
	case errors.Is(err, errUntouched):
		r := refused(plugout.StatusDeviceError, "The security key was not touched in time.")
		r.ctap = ctapCode(ctap.StatusUserActionTimeout)
		return r
	case errors.Is(context.Cause(ctx), errWithdrawn):
		return reply{text: "The request was withdrawn."}
	case ctx.Err() != nil:
		return reply{text: "The time for this request is over."}
	case errors.Is(err, errPINGiven):
		return refused(plugout.StatusPINInvalid, "%s", sentences[plugout.StatusPINInvalid])
	case errors.Is(err, context.Canceled):
		return refused(plugout.StatusUserCancelled, "%s", sentences[plugout.StatusUserCancelled])
	}
	code, ok := ctap.StatusOf(err)
	if !ok {
		return refused(plugout.StatusDeviceError, "%s", sentences[plugout.StatusDeviceError])
	}
	status, ok := statuses[code]
	if !ok {
		status = plugout.StatusDeviceError
	}
	return reply{status: status, text: sentences[status], ctap: ctapCode(code)}
}

func ctapCode(code ctap.Status) string { return fmt.Sprintf("0x%02X", byte(code)) }
