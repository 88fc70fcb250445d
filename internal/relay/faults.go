package relay

import (
	"errors"

	"bestow.dev/internal/fault"
)

// The refusals of this package. Codes are stable once released; a front keys its
// table by them. Beside these a call may return whatever the store returns for a
// fault of its own.
var (
	ErrUnauthorized = fault.New(fault.Unauthenticated, "relay.unauthorized", "The API key is missing or not valid.")

	// Of commands.
	ErrUnknownCommand      = fault.New(fault.NotFound, "relay.unknown_command", "There is no such command.")
	ErrInvalidHeader       = fault.New(fault.Invalid, "relay.invalid_header", "The command header is not valid.")
	ErrInvalidCommand      = fault.New(fault.Invalid, "relay.invalid_command", "The command object is not valid.")
	ErrTooLarge            = fault.New(fault.Invalid, "relay.too_large", "The document is too large.")
	ErrNoSuchCommand       = fault.New(fault.NotFound, "relay.no_such_command", "There is no such command.")
	ErrNoSuchDestination   = fault.New(fault.NotFound, "relay.no_such_destination", "There is no such destination.")
	ErrDuplicateExternalID = fault.New(fault.Conflict, "relay.duplicate_external_id", "Another command with this external id is alive.")
	ErrCommandFinal        = fault.New(fault.Conflict, "relay.command_final", "The command has ended already.")
	ErrSessionEnded        = fault.New(fault.Conflict, "relay.session_ended", "The session of this message box has ended.")
	ErrBoxFull             = fault.New(fault.Limited, "relay.box_full", "The message box holds too many open messages.")

	// Of devices.
	ErrRedeemWrong      = fault.New(fault.Unauthenticated, "relay.redeem_wrong", "This link is not valid.")
	ErrRedeemLimited    = fault.New(fault.Limited, "relay.redeem_limited", "Too many wrong tries. Wait a minute.")
	ErrSessionWrong     = fault.New(fault.Unauthenticated, "relay.session_wrong", "This is not the session of this message box.")
	ErrSessionGone      = fault.New(fault.Gone, "relay.session_gone", "The session has ended, or the link was used or has expired.")
	ErrMessageUnknown   = fault.New(fault.NotFound, "relay.message_unknown", "There is no such message in this box.")
	ErrMessageAnswered  = fault.New(fault.Conflict, "relay.message_answered", "The message has been answered already.")
	ErrMessageTimedOut  = fault.New(fault.Gone, "relay.message_timed_out", "The time to answer this message is over.")
	ErrMessageWithdrawn = fault.New(fault.Gone, "relay.message_withdrawn", "The message was withdrawn.")
	ErrAnswerMalformed  = fault.New(fault.Invalid, "relay.answer_malformed", "The answer cannot be read.")

	// ErrCallbackFailed is the outcome of a callback that was given up. No call
	// returns it.
	ErrCallbackFailed = fault.New(fault.Unavailable, "relay.callback_failed", "The callback could not be delivered.")
)

// errNoClient ends a callback whose client is no longer configured.
var errNoClient = errors.New("the client is no longer configured")
