package agent

import "errors"

// A Code says why a session did not go on. Its values are stable: they stand in the
// event output.
type Code string

// The codes.
const (
	CodeNotTrusted  Code = "not_trusted"  // the relay is not on the allow list; nothing was sent
	CodeTokenWrong  Code = "token_wrong"  // the relay does not take the link's token
	CodeLinkOver    Code = "link_over"    // the link was used, has expired or its box is closed
	CodeUnreachable Code = "unreachable"  // the relay cannot be reached, or its certificate is not trusted
	CodeProtocol    Code = "protocol"     // the relay answered what it should not
	CodeDeclined    Code = "declined"     // the person said no
	CodeNotMatching Code = "not_matching" // the person said that the codes differ
)

// Error reports that a session could not be opened or could not go on. Its text is
// for people and never holds a token, a session secret or a link.
type Error struct {
	Code Code
	Text string
	Err  error // what lies behind it; may be nil
}

// Error returns the text and its cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Text
	}
	return e.Text + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the [Error] in err's chain, or "" if there is none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}
