// Package fault is the one error vocabulary of the domain.
//
// A service returns an [*Error] for every outcome it means; anything else that
// comes out of it is a fault of ours and is treated as [Internal]. A front looks
// up the Code in its own table first, then the Kind, and shows Public and nothing
// else. Err is for the log.
package fault

import (
	"errors"
	"fmt"
)

// Kind says what sort of outcome an error is. Its zero value is Internal, so that
// a forgotten kind never tells a caller more than it should.
type Kind uint8

// The kinds, and what each asks of the caller.
const (
	Internal        Kind = iota // our fault; nothing to do but look at the log
	Invalid                     // the request does not make sense; change it
	Unauthenticated             // say who you are
	Denied                      // known, and not allowed
	NotFound                    // there is no such thing, or not for this caller
	Conflict                    // the thing is not in a state that allows this
	Gone                        // it was there and is over
	Rejected                    // understood, verified and refused
	Limited                     // too much, too often; later
	Unsupported                 // this installation does not do that
	Unavailable                 // try again; nothing was changed
)

var kindNames = [...]string{
	"internal", "invalid", "unauthenticated", "denied", "not_found", "conflict",
	"gone", "rejected", "limited", "unsupported", "unavailable",
}

// String returns the kind's name in lower case.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Internal]
}

// Error is the one error the domain returns on purpose.
//
// It never holds a secret, PIN, key or link, in any of its members.
type Error struct {
	Kind   Kind
	Code   string // vendor-neutral cause, such as "ceremony.expired"; never changes once released
	Field  string // the offending input member, if there is one
	Public string // calm words for people
	Err    error  // for the log; may be nil
}

// New returns an error of the given kind. code is stable; public is shown to people.
func New(kind Kind, code, public string) *Error {
	return &Error{Kind: kind, Code: code, Public: public}
}

// Error returns the text for the log.
func (e *Error) Error() string {
	text := e.Code
	if e.Field != "" {
		text += " (" + e.Field + ")"
	}
	if e.Err != nil {
		return text + ": " + e.Err.Error()
	}
	return text + ": " + e.Public
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is an Error with the same code, so that a package's
// fault variables work with [errors.Is] whatever was wrapped into them.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Because returns a copy of e with err as its cause.
func (e *Error) Because(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

// At returns a copy of e that names the offending input member.
func (e *Error) At(field string) *Error {
	c := *e
	c.Field = field
	return &c
}

// Saying returns a copy of e with other words for people.
func (e *Error) Saying(format string, args ...any) *Error {
	c := *e
	c.Public = fmt.Sprintf(format, args...)
	return &c
}

// From returns the Error in err's chain. An error that has none becomes an
// internal one that shows nothing of it. From(nil) is nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Kind: Internal, Code: "internal", Public: "Something went wrong on our side.", Err: err}
}

// KindOf returns the kind of err; Internal for an error that has none, and for nil.
func KindOf(err error) Kind {
	if err == nil {
		return Internal
	}
	return From(err).Kind
}
