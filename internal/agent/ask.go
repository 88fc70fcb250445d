package agent

import (
	"context"
	"errors"
	"fmt"

	"bestow.dev/ctap"
)

// asker puts the questions of a ceremony with one key to the person.
type asker struct {
	*Agent
	keyName string
	offered bool // a first PIN was asked for
	refused bool // and the key did not like it
}

// prompt returns the questions in the form that package ctap asks them.
func (a *asker) prompt() ctap.Prompt {
	p := ctap.Prompt{PIN: a.pin, Touch: a.touch}
	if a.config.Prompt.NewPIN != nil && !a.config.ForbidPINSetup {
		p.NewPIN = a.newPIN
	}
	return p
}

func (a *asker) touch() {
	a.tell(Event{Phase: PhaseTouch})
	a.config.Prompt.Touch(a.keyName)
}

// pin asks for the PIN until it is one that a key could have: a slip of the fingers
// that the key need not see does not cost an attempt.
func (a *asker) pin(ctx context.Context, q ctap.PINQuestion) ([]byte, error) {
	ask := PINQuestion{KeyName: a.keyName, AttemptsLeft: q.AttemptsLeft, Wrong: q.Wrong}
	for {
		a.tell(Event{Phase: PhasePIN})
		pin, err := a.config.Prompt.PIN(ctx, ask)
		if err != nil && ask.Wrong && ctx.Err() == nil {
			return nil, fmt.Errorf("%w: %w", errPINGiven, err)
		}
		if err != nil {
			return nil, err
		}
		if ctap.CheckPIN(pin, 0) == nil {
			return pin, nil
		}
		clear(pin)
		ask.Wrong = true
	}
}

// newPIN asks for a first PIN until it is a good one.
func (a *asker) newPIN(ctx context.Context, minLength int) ([]byte, error) {
	a.offered = true
	ask := NewPINQuestion{KeyName: a.keyName, MinLength: minLength, Refused: a.refused}
	for {
		a.tell(Event{Phase: PhasePIN})
		pin, err := a.config.Prompt.NewPIN(ctx, ask)
		if errors.Is(err, ErrNoNewPIN) {
			return nil, ctap.ErrPINNotSet
		}
		if err != nil {
			return nil, err
		}
		if ctap.CheckPIN(pin, minLength) == nil && !TrivialPIN(pin) {
			return pin, nil
		}
		clear(pin)
		ask.Refused = true
	}
}

// TrivialPIN reports whether pin is one that is tried first: the same character
// throughout, or each one step above or below the one before it.
func TrivialPIN(pin []byte) bool {
	runes := []rune(string(pin))
	defer clear(runes)
	if len(runes) < 2 {
		return true
	}
	step := runes[1] - runes[0]
	if step < -1 || step > 1 {
		return false
	}
	for i := 2; i < len(runes); i++ {
		if runes[i]-runes[i-1] != step {
			return false
		}
	}
	return true
}
