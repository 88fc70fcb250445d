package ctap

import (
	"context"
	"errors"
)

// verification is how the key verifies its user in one ceremony: by a token that it
// gives for a PIN or by itself, by the option uv, or not at all. It lives as long as
// the ceremony and keeps the PIN's hash, never the PIN.
type verification struct {
	client *Client
	ask    Prompt
	// permissions and rpID are what a token is asked for with.
	permissions Permission
	rpID        string

	way      way
	protocol PINProtocol
	hash     []byte // of the PIN, once somebody gave a right one
	token    []byte
}

// way is a way of verifying the user.
type way int

const (
	wayNone       way = iota
	wayOption         // keys of 2.0 with built-in verification
	wayUVToken        // built-in verification that gives a token
	wayPINToken       // PIN that gives a token
	maxUVAttempts = 5 // CTAP 2.1 §6.5: no key does more inside one request
)

// verify prepares the user verification of a ceremony, as required by need. On
// success the caller must call forget.
func (c *Client) verify(ctx context.Context, ask Prompt, need need) (*verification, error) {
	v := &verification{client: c, ask: ask, permissions: need.permissions, rpID: need.rpID}
	if !need.wanted(c.info) {
		return v, nil
	}
	if err := v.prepare(ctx, need); err != nil {
		v.forget()
		return nil, err
	}
	return v, nil
}

// need is what a ceremony needs of user verification.
type need struct {
	permissions Permission
	rpID        string
	uv          Requirement
	// whereProtected: a key that has verification set up insists on it, whatever the
	// relying party wants.
	whereProtected bool
}

// wanted reports whether a key shall verify its user. A relying party that says
// nothing prefers it (WebAuthn §5.4.4).
func (n need) wanted(info *Info) bool {
	switch {
	case n.mandatory(info):
		return true
	case n.uv == Discouraged:
		return n.whereProtected && info.Protected()
	}
	return info.Protected()
}

// mandatory reports whether the ceremony fails without verification.
func (n need) mandatory(info *Info) bool { return n.uv == Required || info.AlwaysUV() }

// prepare chooses the way and gets the first token.
func (v *verification) prepare(ctx context.Context, need need) error {
	if err := v.setUp(ctx, need); err != nil {
		return err
	}
	info := v.client.info
	switch {
	case info.BuiltInUV() == Configured && info.permits():
		v.way = wayUVToken
	case info.pinOpensCeremonies():
		v.way = wayPINToken
	case info.BuiltInUV() == Configured:
		v.way = wayOption
		return nil
	case need.mandatory(info):
		return ErrUserVerification
	default:
		return nil
	}
	var err error
	if v.protocol, err = info.pinProtocol(); err != nil {
		return err
	}
	return v.renew(ctx)
}

// setUp leads the person through a first PIN, or another one, where the key wants it.
func (v *verification) setUp(ctx context.Context, need need) error {
	info := v.client.info
	if info.ForcePINChange && info.PIN() == Configured {
		return v.changePIN(ctx)
	}
	if info.Protected() || !need.mandatory(info) {
		return nil
	}
	if info.PIN() == Unsupported {
		return ErrUserVerification
	}
	if v.ask.NewPIN == nil {
		return ErrPINNotSet
	}
	pin, err := v.ask.NewPIN(ctx, info.MinPINLength)
	if err != nil {
		return asked(err)
	}
	return v.client.SetPIN(ctx, pin)
}

func (v *verification) changePIN(ctx context.Context) error {
	if v.ask.PIN == nil || v.ask.NewPIN == nil {
		return ErrPINChange
	}
	retries, err := GetPINRetries(ctx, v.client.dev)
	if err != nil {
		return err
	}
	info := v.client.info
	// The old PIN may be shorter than what is the least from now on.
	old, err := v.ask.PIN(ctx, PINQuestion{AttemptsLeft: retries.Left, MinLength: defaultMinPINLength})
	if err != nil {
		return asked(err)
	}
	defer clear(old)
	pin, err := v.ask.NewPIN(ctx, info.MinPINLength)
	if err != nil {
		return asked(err)
	}
	return v.client.ChangePIN(ctx, old, pin)
}

// renew gets a token: the first one, or another after the first was spent.
func (v *verification) renew(ctx context.Context) error {
	clear(v.token)
	v.token = nil
	if v.way == wayUVToken {
		err := v.tokenByUV(ctx)
		blocked := errors.Is(err, StatusUVBlocked) || errors.Is(err, StatusUVInvalid)
		if !blocked || !v.client.info.pinOpensCeremonies() {
			return err
		}
		v.way = wayPINToken
	}
	return v.tokenByPIN(ctx)
}

// tokenByUV has the key verify its user as often as it says it should be tried.
func (v *verification) tokenByUV(ctx context.Context) error {
	var err error
	for range min(v.client.info.PreferredUVAttempts, maxUVAttempts) {
		v.token, err = GetTokenUsingUV(ctx, v.client.dev, v.request(), v.ask.keepAlive())
		if !errors.Is(err, StatusUVInvalid) {
			break
		}
	}
	return err
}

// tokenByPIN asks for the PIN until the key takes it, refuses to look at another,
// or the person gives up.
func (v *verification) tokenByPIN(ctx context.Context) error {
	for wrong := false; ; wrong = true {
		if v.hash == nil {
			if err := v.askPIN(ctx, wrong); err != nil {
				return err
			}
		}
		sub := uint(subGetPINToken)
		r := TokenRequest{Protocol: v.protocol}
		if v.client.info.permits() {
			sub, r = subGetTokenByPIN, v.request()
		}
		token, err := tokenByHash(ctx, v.client.dev, r, sub, v.hash)
		if err == nil {
			v.token = token
			return nil
		}
		clear(v.hash)
		v.hash = nil
		if !errors.Is(err, StatusPINInvalid) || v.client.info.ForcePINChange {
			return err
		}
	}
}

// askPIN asks the person for the PIN and keeps its hash. It does not ask when no
// answer could help.
func (v *verification) askPIN(ctx context.Context, wrong bool) error {
	if v.ask.PIN == nil {
		return &refusal{StatusPUATRequired, "the key wants its PIN, and there is nobody to ask"}
	}
	retries, err := GetPINRetries(ctx, v.client.dev)
	if err != nil {
		return err
	}
	if retries.Left == 0 {
		return &refusal{StatusPINBlocked, "the PIN is blocked"}
	}
	if retries.PowerCycle {
		return &refusal{StatusPINAuthBlocked, "the key has to be taken out and put back"}
	}
	pin, err := v.ask.PIN(ctx, PINQuestion{
		AttemptsLeft: retries.Left,
		Wrong:        wrong,
		MinLength:    v.client.info.MinPINLength,
	})
	if err != nil {
		return asked(err)
	}
	defer clear(pin)
	// A PIN that cannot be the right one does not cost an attempt.
	normal, err := normalPIN(pin, 0)
	if err != nil {
		return err
	}
	v.hash = pinHash(normal)
	clear(normal)
	return nil
}

func (v *verification) request() TokenRequest {
	return TokenRequest{Protocol: v.protocol, Permissions: v.permissions, RPID: v.rpID}
}

// auth authenticates a request with the token; nil if there is none.
func (v *verification) auth(clientDataHash []byte) *PINUVAuth {
	if v.token == nil {
		return nil
	}
	return &PINUVAuth{Param: v.protocol.Authenticate(v.token, clientDataHash), Protocol: v.protocol}
}

// builtIn reports whether requests carry the option uv.
func (v *verification) builtIn() bool { return v.way == wayOption }

// forget clears what is secret.
func (v *verification) forget() {
	clear(v.hash)
	clear(v.token)
	v.hash, v.token = nil, nil
}

// spent runs a command, and once more with a new token if the first was refused:
// tokens run out while people look for the key (CTAP 2.1 §6.5.2.1).
func (v *verification) spent(ctx context.Context, command func() error) error {
	err := command()
	if v.token == nil || !errors.Is(err, StatusPINAuthInvalid) {
		return err
	}
	if err := v.renew(ctx); err != nil {
		return err
	}
	return command()
}
