package agent

import (
	"context"
	"errors"

	"bestow.dev/ctap"
)

// Prompt is how a session reaches the person at the desk. The terminal, an unattended
// desk and the tests each provide one. Every question may be declined:
// context.Canceled says so. All members but NewPIN are required.
type Prompt struct {
	// Match shows the match code and asks whether the form shows the same.
	// [ErrDiffers] says that it does not.
	Match func(ctx context.Context, m Match) error

	// Confirm shows who asks, for which site and user, and whether to go on.
	Confirm func(ctx context.Context, q Question) error

	// InsertKey says that no security key is there that would do. It must return at
	// once: the agent looks again by itself until the command's time is over.
	InsertKey func(ctx context.Context) error

	// ChooseKey is asked when there is more than one.
	ChooseKey func(ctx context.Context, keys []Key) (Key, error)

	// PIN asks for the key's PIN. The agent clears what is returned.
	PIN func(ctx context.Context, ask PINQuestion) ([]byte, error)

	// NewPIN offers to set a first PIN and asks for it, twice. The agent clears what
	// is returned. Nil, like a setting that forbids it: no PIN is ever set here.
	NewPIN func(ctx context.Context, ask NewPINQuestion) ([]byte, error)

	// Touch is called once the key blinks. It must return at once.
	Touch func(keyName string)

	// TouchAgain is asked when the key gave up waiting for a touch: try once more?
	TouchAgain func(ctx context.Context, keyName string) error

	// Say tells the outcome of a command, in a sentence.
	Say func(text string)
}

// ErrDiffers is returned by Prompt.Match when the form shows another code.
var ErrDiffers = errors.New("the form shows another code")

// Match is what the person is asked to compare.
type Match struct {
	Relay     string // host of the relay
	Requester string // client id of who asks, as the relay says
	UserID    string // for whom, as the requester says; may be empty
	Title     string // what for, as the requester says; may be empty
	Code      string // four digits
}

// Question is what the person is asked to agree to before a credential is made. All
// of it but Relay and RPID is what the requester says.
type Question struct {
	Relay       string
	Requester   string
	RPID        string
	RPName      string
	Origin      string
	UserName    string
	DisplayName string
	DisplayText string // further words of the requester; may be empty
	MatchCode   string // empty where none was agreed on
}

// PINQuestion asks for the PIN of a key.
type PINQuestion struct {
	KeyName      string
	AttemptsLeft int  // this one included
	Wrong        bool // the last one was wrong
}

// NewPINQuestion asks for the first PIN of a key.
type NewPINQuestion struct {
	KeyName   string
	MinLength int  // code points
	Refused   bool // the last one was too simple, too short or too long
}

// Keys is where the agent finds security keys.
type Keys interface {
	// List opens the keys that are at the desk. The agent closes each of them before
	// it asks again. An empty list is no error.
	List(ctx context.Context) ([]ctap.Device, error)
}

// ErrNoNewPIN is returned by Prompt.NewPIN when the person would rather set a PIN
// elsewhere. The command then ends with PIN_NOT_SET.
var ErrNoNewPIN = errors.New("no PIN is to be set here")
