package ctap

import "context"

// MakeCredentialRequest are the parameters of authenticatorMakeCredential (CTAP 2.1
// §6.1). Members left at their zero value are not sent.
type MakeCredentialRequest struct {
	// ClientDataHash is the SHA-256 of the client data; 32 bytes, required.
	ClientDataHash []byte
	// RP and User are whom the credential is for; both required.
	RP   RP
	User User
	// Algorithms are COSE numbers, the preferred one first; required.
	Algorithms []int64
	// ExcludeList are credentials of which the key must not hold one already.
	ExcludeList []CredentialDescriptor
	// Extensions are the inputs by extension id, of types that CBOR can hold.
	Extensions map[string]any
	// ResidentKey asks for a discoverable credential (option rk).
	ResidentKey bool
	// BuiltInUV asks the key to verify its user by itself (option uv); for keys that
	// issue no tokens. Must not be set together with PINUVAuth.
	BuiltInUV bool
	// PINUVAuth authenticates the request with a token; nil: not sent.
	PINUVAuth *PINUVAuth
	// EnterpriseAttestation is 1 (vendor-facilitated), 2 (platform-managed) or 0.
	EnterpriseAttestation uint
}

// PINUVAuth are the two members that authenticate a request.
type PINUVAuth struct {
	// Param is authenticate(token, message). Of zero length, though present, it asks
	// a key for a touch and nothing else.
	Param    []byte
	Protocol PINProtocol
}

// The order of members is that of their keys.
type makeCredentialWire struct {
	ClientDataHash []byte          `cbor:"1,keyasint"`
	RP             RP              `cbor:"2,keyasint"`
	User           User            `cbor:"3,keyasint"`
	Params         []parameter     `cbor:"4,keyasint"`
	ExcludeList    []descriptor    `cbor:"5,keyasint,omitempty"`
	Extensions     map[string]any  `cbor:"6,keyasint,omitempty"`
	Options        map[string]bool `cbor:"7,keyasint,omitempty"`
	AuthParam      *[]byte         `cbor:"8,keyasint,omitempty"`
	AuthProtocol   *PINProtocol    `cbor:"9,keyasint,omitempty"`
	Enterprise     uint            `cbor:"10,keyasint,omitempty"`
}

func (r *MakeCredentialRequest) wire() makeCredentialWire {
	w := makeCredentialWire{
		ClientDataHash: r.ClientDataHash,
		RP:             r.RP,
		User:           r.User,
		Params:         parameters(r.Algorithms),
		ExcludeList:    descriptors(r.ExcludeList),
		Extensions:     r.Extensions,
		Enterprise:     r.EnterpriseAttestation,
	}
	// Defaults are left out: some keys refuse even rk: false if they have no rk.
	w.Options = map[string]bool{}
	if r.ResidentKey {
		w.Options["rk"] = true
	}
	if r.BuiltInUV {
		w.Options["uv"] = true
	}
	if r.PINUVAuth != nil {
		w.AuthParam, w.AuthProtocol = &r.PINUVAuth.Param, &r.PINUVAuth.Protocol
	}
	return w
}

// MakeCredentialResponse is a key's answer to makeCredential.
type MakeCredentialResponse struct {
	// Format is the attestation statement's format, such as "packed".
	Format string
	// AuthData is the authenticator data, as it was signed.
	AuthData []byte
	// Statement is the attestation statement in canonical CBOR.
	Statement []byte
	// EnterpriseAttested: the statement identifies the single key (2.1).
	EnterpriseAttested bool
}

// MakeCredential asks a key for a new credential (command 01). keepAlive may be nil.
//
// Errors: a [*StatusError], [ErrAnswer], or the device's own.
func MakeCredential(ctx context.Context, dev Device, r MakeCredentialRequest, keepAlive func(KeepAlive)) (*MakeCredentialResponse, error) {
	body, err := call(ctx, dev, CommandMakeCredential, r.wire(), keepAlive)
	if err != nil {
		return nil, err
	}
	return parseMakeCredential(body)
}

func parseMakeCredential(body []byte) (*MakeCredentialResponse, error) {
	f, err := parse(CommandMakeCredential, body)
	if err != nil {
		return nil, err
	}
	f.need(0x01, 0x02, 0x03)
	resp := &MakeCredentialResponse{
		Format:             member[string](f, int64(0x01)),
		AuthData:           member[[]byte](f, int64(0x02)),
		Statement:          readStatement(f),
		EnterpriseAttested: member[bool](f, int64(0x04)),
	}
	if f.err == nil && resp.Format == "" {
		f.fail("empty attestation format")
	}
	if f.err != nil {
		return nil, f.err
	}
	return resp, nil
}

// readStatement returns the bytes of the statement. The whole answer was canonical,
// so writing the part again gives what the key sent.
func readStatement(f *fields) []byte {
	switch f.members[int64(0x03)].(type) {
	case map[any]any, []any: // an array is what the format "compound" has
	default:
		f.fail("attestation statement is no map")
		return nil
	}
	statement, err := encoder.Marshal(f.members[int64(0x03)])
	if err != nil {
		f.fail("attestation statement: %v", err)
	}
	return statement
}
