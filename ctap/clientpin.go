package ctap

import (
	"context"
	"crypto/ecdh"
)

// Subcommands of authenticatorClientPIN (CTAP 2.1 §6.5.5).
const (
	subGetPINRetries      = 0x01
	subGetKeyAgreement    = 0x02
	subSetPIN             = 0x03
	subChangePIN          = 0x04
	subGetPINToken        = 0x05
	subGetTokenByUV       = 0x06
	subGetUVRetries       = 0x07
	subGetTokenByPIN      = 0x09
	maxRetries            = 25
	tokenBytesOne         = 16 // protocol one may issue the short token of 2.0
	tokenBytes            = 32
	powerCycleStateMember = int64(0x04)
)

// Permission is what a token is good for (CTAP 2.1 §6.5.5.7).
type Permission uint

// The permissions, as bits.
const (
	PermissionMakeCredential       Permission = 0x01
	PermissionGetAssertion         Permission = 0x02
	PermissionCredentialManagement Permission = 0x04
	PermissionBioEnrollment        Permission = 0x08
	PermissionLargeBlobWrite       Permission = 0x10
	PermissionConfiguration        Permission = 0x20
)

// The order of members is that of their keys.
type clientPINWire struct {
	Protocol     PINProtocol `cbor:"1,keyasint,omitempty"`
	Subcommand   uint        `cbor:"2,keyasint"`
	KeyAgreement *coseKey    `cbor:"3,keyasint,omitempty"`
	AuthParam    []byte      `cbor:"4,keyasint,omitempty"`
	NewPINEnc    []byte      `cbor:"5,keyasint,omitempty"`
	PINHashEnc   []byte      `cbor:"6,keyasint,omitempty"`
	Permissions  Permission  `cbor:"9,keyasint,omitempty"`
	RPID         string      `cbor:"10,keyasint,omitempty"`
}

func clientPIN(ctx context.Context, dev Device, w clientPINWire, keepAlive func(KeepAlive)) (*fields, error) {
	body, err := call(ctx, dev, CommandClientPIN, w, keepAlive)
	if err != nil {
		return nil, err
	}
	return parse(CommandClientPIN, body)
}

// Retries is how often a PIN may still be wrong.
type Retries struct {
	// Left counts down to 0, at which only a reset helps.
	Left int
	// PowerCycle: three wrong ones came in a row, and the key wants to be taken out
	// and put back before it looks at another.
	PowerCycle bool
}

// GetPINRetries asks how many attempts at the PIN are left (subcommand 01).
func GetPINRetries(ctx context.Context, dev Device) (Retries, error) {
	f, err := clientPIN(ctx, dev, clientPINWire{Subcommand: subGetPINRetries}, nil)
	if err != nil {
		return Retries{}, err
	}
	f.need(0x03)
	r := Retries{Left: int(f.number(int64(0x03), maxRetries)), PowerCycle: member[bool](f, powerCycleStateMember)}
	if f.err != nil {
		return Retries{}, f.err
	}
	return r, nil
}

// GetUVRetries asks how many attempts at built-in verification are left (subcommand 07).
func GetUVRetries(ctx context.Context, dev Device) (int, error) {
	f, err := clientPIN(ctx, dev, clientPINWire{Subcommand: subGetUVRetries}, nil)
	if err != nil {
		return 0, err
	}
	f.need(0x05)
	left := f.number(int64(0x05), maxRetries)
	return int(left), f.err
}

// GetKeyAgreement asks for the key's half of a key agreement (subcommand 02). The
// key makes a new one after every wrong PIN, so it is asked for each time.
func GetKeyAgreement(ctx context.Context, dev Device, p PINProtocol) (*ecdh.PublicKey, error) {
	f, err := clientPIN(ctx, dev, clientPINWire{Protocol: p, Subcommand: subGetKeyAgreement}, nil)
	if err != nil {
		return nil, err
	}
	public := readCOSEKey(f, 0x01)
	if f.err != nil {
		return nil, f.err
	}
	return public, nil
}

// begin agrees on a secret with the key.
func begin(ctx context.Context, dev Device, p PINProtocol) (*coseKey, *secret, error) {
	if !p.known() {
		return nil, nil, ErrPINProtocol
	}
	peer, err := GetKeyAgreement(ctx, dev, p)
	if err != nil {
		return nil, nil, err
	}
	own, shared, err := p.encapsulate(peer)
	if err != nil {
		return nil, nil, err
	}
	return &own, shared, nil
}

// SetPIN gives a key that has no PIN its first one (subcommand 03). pin is
// normalised; minLength is what the key says, in code points.
//
// Errors: [ErrPINLength]; PIN_AUTH_INVALID if there is a PIN; PIN_POLICY_VIOLATION
// if the key finds it too short or too simple.
func SetPIN(ctx context.Context, dev Device, p PINProtocol, pin []byte, minLength int) error {
	normal, err := normalPIN(pin, minLength)
	if err != nil {
		return err
	}
	padded := paddedPIN(normal)
	defer clear(padded)
	own, shared, err := begin(ctx, dev, p)
	if err != nil {
		return err
	}
	defer shared.clear()

	sealed, err := shared.encrypt(padded)
	if err != nil {
		return err
	}
	_, err = call(ctx, dev, CommandClientPIN, clientPINWire{
		Protocol:     p,
		Subcommand:   subSetPIN,
		KeyAgreement: own,
		AuthParam:    shared.authenticate(sealed),
		NewPINEnc:    sealed,
	}, nil)
	return err
}

// PINChange is what [ChangePIN] needs.
type PINChange struct {
	Old, New []byte
	// MinLength is what the key says, in code points; it is held against New only.
	MinLength int
}

// ChangePIN replaces the PIN (subcommand 04).
//
// Errors: [ErrPINLength] for either; PIN_INVALID, PIN_AUTH_BLOCKED or PIN_BLOCKED if
// Old is wrong; PIN_POLICY_VIOLATION if the key does not like New.
func ChangePIN(ctx context.Context, dev Device, p PINProtocol, change PINChange) error {
	old, err := normalPIN(change.Old, 0)
	if err != nil {
		return err
	}
	defer clear(old)
	normal, err := normalPIN(change.New, change.MinLength)
	if err != nil {
		return err
	}
	padded := paddedPIN(normal)
	defer clear(padded)
	hash := pinHash(old)
	defer clear(hash)
	own, shared, err := begin(ctx, dev, p)
	if err != nil {
		return err
	}
	defer shared.clear()

	newEnc, err := shared.encrypt(padded)
	if err != nil {
		return err
	}
	hashEnc, err := shared.encrypt(hash)
	if err != nil {
		return err
	}
	_, err = call(ctx, dev, CommandClientPIN, clientPINWire{
		Protocol:     p,
		Subcommand:   subChangePIN,
		KeyAgreement: own,
		AuthParam:    shared.authenticate(append(append([]byte{}, newEnc...), hashEnc...)),
		NewPINEnc:    newEnc,
		PINHashEnc:   hashEnc,
	}, nil)
	return err
}

// TokenRequest says what a token is wanted for.
type TokenRequest struct {
	Protocol PINProtocol
	// Permissions are what it shall be good for; required except for GetPINToken.
	Permissions Permission
	// RPID binds it to one relying party; required for the first two permissions.
	RPID string
}

// GetPINToken exchanges the PIN for a token without named permissions (subcommand
// 05), which is all that keys of 2.0 know. Permissions and RPID are not used.
//
// The caller clears the token. Errors: [ErrPINLength]; PIN_INVALID,
// PIN_AUTH_BLOCKED, PIN_BLOCKED, PIN_NOT_SET.
func GetPINToken(ctx context.Context, dev Device, r TokenRequest, pin []byte) ([]byte, error) {
	return tokenByPIN(ctx, dev, TokenRequest{Protocol: r.Protocol}, subGetPINToken, pin)
}

// GetTokenUsingPIN exchanges the PIN for a token with permissions (subcommand 09,
// CTAP 2.1).
//
// The caller clears the token. Errors: those of [GetPINToken];
// UNAUTHORIZED_PERMISSION for a permission the key does not give for a PIN.
func GetTokenUsingPIN(ctx context.Context, dev Device, r TokenRequest, pin []byte) ([]byte, error) {
	return tokenByPIN(ctx, dev, r, subGetTokenByPIN, pin)
}

func tokenByPIN(ctx context.Context, dev Device, r TokenRequest, sub uint, pin []byte) ([]byte, error) {
	normal, err := normalPIN(pin, 0)
	if err != nil {
		return nil, err
	}
	hash := pinHash(normal)
	clear(normal)
	defer clear(hash)
	return tokenByHash(ctx, dev, r, sub, hash)
}

func tokenByHash(ctx context.Context, dev Device, r TokenRequest, sub uint, hash []byte) ([]byte, error) {
	own, shared, err := begin(ctx, dev, r.Protocol)
	if err != nil {
		return nil, err
	}
	defer shared.clear()
	hashEnc, err := shared.encrypt(hash)
	if err != nil {
		return nil, err
	}
	w := clientPINWire{
		Protocol: r.Protocol, Subcommand: sub, KeyAgreement: own,
		PINHashEnc: hashEnc, Permissions: r.Permissions, RPID: r.RPID,
	}
	return token(ctx, dev, w, shared, nil)
}

// GetTokenUsingUV has the key verify its user by itself, and give a token with
// permissions for it (subcommand 06, CTAP 2.1). keepAlive may be nil.
//
// The caller clears the token. Errors: UV_INVALID, UV_BLOCKED, USER_ACTION_TIMEOUT,
// NOT_ALLOWED if built-in verification is not set up.
func GetTokenUsingUV(ctx context.Context, dev Device, r TokenRequest, keepAlive func(KeepAlive)) ([]byte, error) {
	own, shared, err := begin(ctx, dev, r.Protocol)
	if err != nil {
		return nil, err
	}
	defer shared.clear()
	w := clientPINWire{
		Protocol: r.Protocol, Subcommand: subGetTokenByUV, KeyAgreement: own,
		Permissions: r.Permissions, RPID: r.RPID,
	}
	return token(ctx, dev, w, shared, keepAlive)
}

// token sends w and decrypts the token that comes back.
func token(ctx context.Context, dev Device, w clientPINWire, shared *secret, keepAlive func(KeepAlive)) ([]byte, error) {
	f, err := clientPIN(ctx, dev, w, keepAlive)
	if err != nil {
		return nil, err
	}
	f.need(0x02)
	sealed := member[[]byte](f, int64(0x02))
	if f.err != nil {
		return nil, f.err
	}
	plain, err := shared.decrypt(sealed)
	if err != nil {
		return nil, malformed(CommandClientPIN, "token does not decrypt")
	}
	if len(plain) != tokenBytes && (w.Protocol != PINProtocolOne || len(plain) != tokenBytesOne) {
		clear(plain)
		return nil, malformed(CommandClientPIN, "token of %d bytes", len(plain))
	}
	return plain, nil
}
