package ctap

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Client runs ceremonies with one key (the platform of CTAP 2.1). It is not safe
// for concurrent use: a key does one thing at a time.
type Client struct {
	dev  Device
	info *Info
}

// NewClient asks the key about itself and returns a client for it. The device
// remains the caller's to close.
//
// Errors: those of [GetInfo]. A key that speaks U2F only answers INVALID_COMMAND.
func NewClient(ctx context.Context, dev Device) (*Client, error) {
	c := &Client{dev: dev}
	if err := c.Refresh(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Info returns what the key said about itself last.
func (c *Client) Info() *Info { return c.info }

// Device returns the key.
func (c *Client) Device() Device { return c.dev }

// Refresh asks the key about itself again. The client does so after each change it
// makes; a caller needs it after a change made elsewhere.
func (c *Client) Refresh(ctx context.Context) error {
	info, err := GetInfo(ctx, c.dev)
	if err != nil {
		return err
	}
	c.info = info
	return nil
}

// Requirement is how much a relying party wants something, spelled as in WebAuthn
// (§5.4.6, §5.8.6). What the empty one means is said where it is used.
type Requirement string

// The requirements.
const (
	Required    Requirement = "required"
	Preferred   Requirement = "preferred"
	Discouraged Requirement = "discouraged"
)

// Prompt is how a ceremony reaches the person at the key. Any member may be nil.
// What a question returns as its error ends the ceremony and is found in its error.
type Prompt struct {
	// PIN asks for the key's PIN. The client clears the bytes it is given as soon as
	// it has hashed them. Nil: a ceremony that needs the PIN ends with PUAT_REQUIRED.
	PIN func(ctx context.Context, q PINQuestion) ([]byte, error)
	// NewPIN asks for a PIN to be set, of at least minLength code points, and clears
	// it like PIN. Nil: a key without a PIN that needs one ends the ceremony with
	// [ErrPINNotSet], one whose PIN has to be changed with [ErrPINChange].
	NewPIN func(ctx context.Context, minLength int) ([]byte, error)
	// Touch is called once the key waits for a touch, at most once for each command.
	// It must return at once.
	Touch func()
}

// PINQuestion is what is known when a PIN is asked for.
type PINQuestion struct {
	// AttemptsLeft is how many attempts the key still gives, this one included.
	AttemptsLeft int
	// Wrong says that the last answer was wrong. Who has no other PIN to give must
	// return an error, or the key is blocked in the end.
	Wrong bool
	// MinLength is the least number of code points the key's PIN has.
	MinLength int
}

// PINOnce returns a Prompt.PIN that gives pin once, and [ErrPINOnce] if it was wrong.
// pin is cleared.
func PINOnce(pin []byte) func(context.Context, PINQuestion) ([]byte, error) {
	given := false
	return func(context.Context, PINQuestion) ([]byte, error) {
		if given {
			return nil, ErrPINOnce
		}
		given = true
		return pin, nil
	}
}

// keepAlive returns a callback that tells Touch once.
func (p Prompt) keepAlive() func(KeepAlive) {
	if p.Touch == nil {
		return nil
	}
	told := false
	return func(k KeepAlive) {
		if k == KeepAliveUserPresence && !told {
			told = true
			p.Touch()
		}
	}
}

// PINRetries asks how many attempts at the PIN are left.
func (c *Client) PINRetries(ctx context.Context) (Retries, error) {
	return GetPINRetries(ctx, c.dev)
}

// SetPIN gives a key that has no PIN its first one, and clears pin.
//
// Errors: those of the function [SetPIN].
func (c *Client) SetPIN(ctx context.Context, pin []byte) error {
	defer clear(pin)
	protocol, err := c.info.pinProtocol()
	if err != nil {
		return err
	}
	if err := SetPIN(ctx, c.dev, protocol, pin, c.info.MinPINLength); err != nil {
		return err
	}
	return c.Refresh(ctx)
}

// ChangePIN replaces the PIN, and clears both.
//
// Errors: those of the function [ChangePIN].
func (c *Client) ChangePIN(ctx context.Context, oldPIN, newPIN []byte) error {
	defer clear(oldPIN)
	defer clear(newPIN)
	protocol, err := c.info.pinProtocol()
	if err != nil {
		return err
	}
	change := PINChange{Old: oldPIN, New: newPIN, MinLength: c.info.MinPINLength}
	if err := ChangePIN(ctx, c.dev, protocol, change); err != nil {
		return err
	}
	return c.Refresh(ctx)
}

// Reset erases the key; see the function [Reset]. touch may be nil.
func (c *Client) Reset(ctx context.Context, touch func()) error {
	if err := Reset(ctx, c.dev, Prompt{Touch: touch}.keepAlive()); err != nil {
		return err
	}
	return c.Refresh(ctx)
}

// Select waits until somebody touches this key, so that one of several can be
// chosen. Cancel ctx on those that were not. touch may be nil.
//
// Errors: OPERATION_DENIED, USER_ACTION_TIMEOUT, KEEPALIVE_CANCEL.
func (c *Client) Select(ctx context.Context, touch func()) error {
	keepAlive := Prompt{Touch: touch}.keepAlive()
	if slices.ContainsFunc(c.info.Versions, selects) {
		return Selection(ctx, c.dev, keepAlive)
	}
	return c.probe(ctx, keepAlive)
}

// selects reports whether keys of the given version know the command selection.
func selects(version string) bool { return version == "FIDO_2_1" || version == "FIDO_2_3" }

// probe gets a touch out of a key of 2.0: a request with an empty pinUvAuthParam
// waits for one, and then is refused for what it is (CTAP 2.1 §6.1.2 step 1).
func (c *Client) probe(ctx context.Context, keepAlive func(KeepAlive)) error {
	request := MakeCredentialRequest{
		ClientDataHash: make([]byte, 32),
		RP:             RP{ID: "probe.invalid"},
		User:           User{ID: []byte{0}, Name: "probe"},
		Algorithms:     []int64{algES256},
	}
	if c.info.PIN() != Unsupported {
		protocol, err := c.info.pinProtocol()
		if err != nil {
			return err
		}
		request.PINUVAuth = &PINUVAuth{Param: []byte{}, Protocol: protocol}
	}
	_, err := MakeCredential(ctx, c.dev, request, keepAlive)
	if errors.Is(err, StatusPINInvalid) || errors.Is(err, StatusPINNotSet) {
		return nil
	}
	return err
}

// fits reports whether a request with the given parameters fits the key's messages.
func (c *Client) fits(params any) bool {
	body, err := encoder.Marshal(params)
	return err == nil && 1+len(body) <= c.info.MaxMsgSize
}

// asked wraps what a person answered instead of a PIN.
func asked(err error) error { return fmt.Errorf("ctap: ask for the PIN: %w", err) }
