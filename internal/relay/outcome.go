package relay

import (
	"encoding/json"
	"time"

	"bestow.dev/internal/plugout"
)

// Outcome is how a command ended.
type Outcome struct {
	ID         CommandID
	Tenant     string
	Client     string
	Type       plugout.CommandType
	ExternalID string
	State      State
	Status     plugout.Status
	Ended      time.Time

	// Destination is the message that was answered; where none was, the first one.
	Destination Destination

	// Response is the device's response; only when Status is OK.
	Response json.RawMessage

	// Signature tells of the answer's signature; nil if there was no answer.
	Signature *Signature

	// JWS is the device's compact JWS as received; empty if it sent none.
	JWS string

	// MatchCode and Desk are set by an answered session start: the code that the
	// agent shows, for clients with match codes, and who opened the box.
	MatchCode string
	Desk      *Desk

	// Error says more; nil when Status is OK.
	Error *OutcomeError
}

// SignatureState says what is known about an answer's signature.
type SignatureState string

// The signature states.
const (
	SignatureValid     SignatureState = "VALID"     // verified with an active key of the client's key set
	SignatureInvalid   SignatureState = "INVALID"   // not verified, or not the key that opened the session
	SignatureNone      SignatureState = "NONE"      // the answer was not signed
	SignatureUnchecked SignatureState = "UNCHECKED" // signed, and the client has no key set
)

// Signature tells of an answer's signature.
type Signature struct {
	State SignatureState `json:"state"`
	KeyID string         `json:"kid,omitempty"` // as the answer claims it
}

// OutcomeError says why a command did not succeed.
type OutcomeError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Detail  string `json:"detail,omitempty"` // such as the status byte of the security key
}

// Desk is who opened a box, as it says and as it was seen.
type Desk struct {
	App     string `json:"app"`
	Version string `json:"version"`
	OS      string `json:"os"`
	Address string `json:"address"` // network address without port
}

// StateOf returns the final state that a status means for a command of type t. A
// session that did not start has timed out; what waited in it is cancelled.
func StateOf(t plugout.CommandType, status plugout.Status) State {
	switch status {
	case plugout.StatusOK:
		return Completed
	case plugout.StatusTimeout:
		return TimedOut
	case plugout.StatusSessionNotStarted:
		if t == plugout.SessionStart {
			return TimedOut
		}
		return Cancelled
	case plugout.StatusSessionEnded, plugout.StatusCancelledByRequester:
		return Cancelled
	}
	return Failed
}
