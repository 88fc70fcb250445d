package ctap

import (
	"context"
	"math"
)

// GetAssertionRequest are the parameters of authenticatorGetAssertion (CTAP 2.1
// §6.2). Members left at their zero value are not sent.
type GetAssertionRequest struct {
	// RPID is whose credential is wanted; required.
	RPID string
	// ClientDataHash is the SHA-256 of the client data; 32 bytes, required.
	ClientDataHash []byte
	// AllowList are the credentials to choose from; empty: the discoverable ones.
	AllowList []CredentialDescriptor
	// Extensions are the inputs by extension id, of types that CBOR can hold.
	Extensions map[string]any
	// Silent asks for no touch (option up: false). The answer only shows which of a
	// list the key holds.
	Silent bool
	// BuiltInUV asks the key to verify its user by itself (option uv); for keys that
	// issue no tokens. Must not be set together with PINUVAuth.
	BuiltInUV bool
	// PINUVAuth authenticates the request with a token; nil: not sent.
	PINUVAuth *PINUVAuth
}

// The order of members is that of their keys.
type getAssertionWire struct {
	RPID           string          `cbor:"1,keyasint"`
	ClientDataHash []byte          `cbor:"2,keyasint"`
	AllowList      []descriptor    `cbor:"3,keyasint,omitempty"`
	Extensions     map[string]any  `cbor:"4,keyasint,omitempty"`
	Options        map[string]bool `cbor:"5,keyasint,omitempty"`
	AuthParam      *[]byte         `cbor:"6,keyasint,omitempty"`
	AuthProtocol   *PINProtocol    `cbor:"7,keyasint,omitempty"`
}

func (r *GetAssertionRequest) wire() getAssertionWire {
	w := getAssertionWire{
		RPID:           r.RPID,
		ClientDataHash: r.ClientDataHash,
		AllowList:      descriptors(r.AllowList),
		Extensions:     r.Extensions,
		Options:        map[string]bool{},
	}
	if r.Silent {
		w.Options["up"] = false
	}
	if r.BuiltInUV {
		w.Options["uv"] = true
	}
	if r.PINUVAuth != nil {
		w.AuthParam, w.AuthProtocol = &r.PINUVAuth.Param, &r.PINUVAuth.Protocol
	}
	return w
}

// GetAssertionResponse is a key's answer to getAssertion or getNextAssertion.
type GetAssertionResponse struct {
	// CredentialID is the credential used; nil if the allow list had one entry and
	// the key leaves out what is obvious.
	CredentialID []byte
	// AuthData is the authenticator data, as it was signed.
	AuthData []byte
	// Signature is over AuthData and the client data's hash.
	Signature []byte
	// User is the account of a discoverable credential, otherwise nil. Its names are
	// empty unless the user was verified.
	User *User
	// NumberOfCredentials is how many assertions there are in all; 1 where the key
	// does not say. The others come from [GetNextAssertion].
	NumberOfCredentials int
	// UserSelected: the user has chosen the account on the key itself.
	UserSelected bool
}

// GetAssertion asks a key for an assertion (command 02). keepAlive may be nil.
//
// Errors: a [*StatusError], [ErrAnswer], or the device's own.
func GetAssertion(ctx context.Context, dev Device, r GetAssertionRequest, keepAlive func(KeepAlive)) (*GetAssertionResponse, error) {
	body, err := call(ctx, dev, CommandGetAssertion, r.wire(), keepAlive)
	if err != nil {
		return nil, err
	}
	return parseGetAssertion(CommandGetAssertion, body)
}

// GetNextAssertion asks for the assertion of the next account (command 08), within
// 30 seconds of the last and with no other command between.
//
// Errors: those of [GetAssertion]; NOT_ALLOWED if there is no next one.
func GetNextAssertion(ctx context.Context, dev Device) (*GetAssertionResponse, error) {
	body, err := call(ctx, dev, CommandGetNextAssertion, nil, nil)
	if err != nil {
		return nil, err
	}
	return parseGetAssertion(CommandGetNextAssertion, body)
}

func parseGetAssertion(cmd Command, body []byte) (*GetAssertionResponse, error) {
	f, err := parse(cmd, body)
	if err != nil {
		return nil, err
	}
	f.need(0x02, 0x03)
	resp := &GetAssertionResponse{
		CredentialID:        readDescriptor(f, 0x01),
		AuthData:            member[[]byte](f, int64(0x02)),
		Signature:           member[[]byte](f, int64(0x03)),
		User:                readUser(f, 0x04),
		NumberOfCredentials: 1,
		UserSelected:        member[bool](f, int64(0x06)),
	}
	if _, ok := f.members[int64(0x05)]; ok {
		resp.NumberOfCredentials = int(f.number(int64(0x05), math.MaxInt16))
	}
	if f.err != nil {
		return nil, f.err
	}
	return resp, nil
}
