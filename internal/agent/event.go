package agent

import (
	"encoding/json"
	"io"
	"sync"
	"time"

	"bestow.dev/internal/plugout"
)

// A Phase names a moment of a session. Its values are stable.
type Phase string

// The phases, in the order in which they usually come.
const (
	PhaseOpening   Phase = "opening"  // the link is being redeemed
	PhaseOpened    Phase = "opened"   // the session is open
	PhaseMatch     Phase = "match"    // the person compares MatchCode with the form
	PhaseMatched   Phase = "matched"  // the relay knows that they are the same
	PhaseCommand   Phase = "command"  // a command has been fetched
	PhaseConfirm   Phase = "confirm"  // the person is asked whether to go on
	PhaseInsertKey Phase = "insert"   // no security key that would do
	PhasePIN       Phase = "pin"      // the PIN is being asked for
	PhaseTouch     Phase = "touch"    // the key waits for a touch
	PhaseAnswered  Phase = "answered" // the relay has taken the answer, with Status
	PhaseDropped   Phase = "dropped"  // the answer came too late, or the command was withdrawn
	PhaseRetry     Phase = "retry"    // the relay cannot be reached for the moment
	PhaseEnded     Phase = "ended"    // the session is over
	PhaseFailed    Phase = "failed"   // the session could not be opened or go on, with Text
)

// Event tells a program that watches the agent how far it is. It holds no secret:
// no PIN, token, session secret, link or credential.
type Event struct {
	Time      time.Time           `json:"time"`
	Phase     Phase               `json:"phase"`
	Relay     string              `json:"relay,omitempty"`
	MatchCode string              `json:"matchCode,omitempty"`
	Command   plugout.CommandType `json:"command,omitempty"`
	MessageID string              `json:"mid,omitempty"`
	RPID      string              `json:"rpId,omitempty"`
	Status    plugout.Status      `json:"status,omitempty"`
	Code      Code                `json:"code,omitempty"`
	Text      string              `json:"text,omitempty"`
}

// EventLines returns a function that writes each event to w as one line of JSON. It
// is safe for concurrent use. A reader that went away is no reason to stop: errors of
// w are dropped.
func EventLines(w io.Writer) func(Event) {
	var mu sync.Mutex
	return func(e Event) {
		line, err := json.Marshal(e)
		if err != nil {
			return // no member of Event can fail; nothing to tell either way
		}
		mu.Lock()
		defer mu.Unlock()
		_, _ = w.Write(append(line, '\n'))
	}
}
