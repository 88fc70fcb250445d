package ctap

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"slices"
	"testing"
)

// A fingerprint key verifies its user by itself. It answers as far as a registration
// needs, and checks the token it gave.
type fingerprint struct {
	t        *testing.T
	info     answer
	protocol PINProtocol
	agreed   *ecdh.PrivateKey
	token    []byte
	uv       []Status // the outcome of each verification; OK when there are no more
	subs     []int64  // clientPIN subcommands
	uvOption bool     // the last makeCredential carried it
}

func newFingerprint(t *testing.T, protocol PINProtocol, options map[string]bool) *fingerprint {
	t.Helper()
	agreed, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	info := goodInfo()
	info[4], info[6], info[0x11] = options, []PINProtocol{protocol}, 3
	return &fingerprint{t: t, info: info, protocol: protocol, agreed: agreed, token: bytes.Repeat([]byte{7}, 32)}
}

func (f *fingerprint) Describe() Descriptor { return Descriptor{} }
func (f *fingerprint) Close() error         { return nil }

func (f *fingerprint) Exchange(_ context.Context, request []byte, keepAlive func(KeepAlive)) ([]byte, error) {
	var params *fields
	if len(request) > 1 {
		var err error
		if params, err = parse(Command(request[0]), request[1:]); err != nil {
			f.t.Fatal(err)
		}
	}
	status, a := f.answer(Command(request[0]), params)
	if status != StatusOK {
		return []byte{byte(status)}, nil
	}
	return append([]byte{0}, a.encode(f.t)...), nil
}

func (f *fingerprint) answer(cmd Command, params *fields) (Status, answer) {
	switch cmd {
	case CommandGetInfo:
		return StatusOK, f.info
	case CommandMakeCredential:
		return f.make(params)
	case CommandClientPIN:
		return f.clientPIN(params)
	}
	return StatusInvalidCommand, nil
}

func (f *fingerprint) make(params *fields) (Status, answer) {
	f.uvOption = texts[bool](params, int64(7))["uv"]
	param, sent := params.members[int64(8)]
	if sent && !bytes.Equal(param.([]byte), f.protocol.Authenticate(f.token, member[[]byte](params, int64(1)))) {
		return StatusPINAuthInvalid, nil
	}
	if !sent && !f.uvOption {
		return StatusPUATRequired, nil
	}
	return StatusOK, goodMade(f.t)
}

func (f *fingerprint) clientPIN(params *fields) (Status, answer) {
	sub := member[int64](params, int64(2))
	f.subs = append(f.subs, sub)
	switch sub {
	case subGetPINRetries:
		return StatusOK, answer{3: 8}
	case subGetKeyAgreement:
		return StatusOK, answer{1: newCOSEKey(f.agreed.PublicKey())}
	case subGetTokenByUV:
		if len(f.uv) > 0 {
			status := f.uv[0]
			f.uv = f.uv[1:]
			if status != StatusOK {
				return status, nil
			}
		}
		if member[int64](params, int64(9)) != 1 || member[string](params, int64(10)) != testRP {
			f.t.Errorf("token for %v", params.members)
		}
	}
	shared, err := f.protocol.agree(f.agreed, readCOSEKey(params, 3))
	if err != nil {
		f.t.Fatal(err)
	}
	sealed, err := shared.encrypt(f.token)
	if err != nil {
		f.t.Fatal(err)
	}
	return StatusOK, answer{2: sealed}
}

func TestBuiltInVerification(t *testing.T) {
	withPIN := map[string]bool{"uv": true, "clientPin": true, "pinUvAuthToken": true}
	alone := map[string]bool{"uv": true, "pinUvAuthToken": true}
	old := map[string]bool{"uv": true}
	tests := []struct {
		name     string
		options  map[string]bool
		uv       []Status
		subs     []int64
		uvOption bool
		want     error
	}{
		{"at once", withPIN, nil, []int64{2, 6}, false, nil},
		{"at the third attempt", withPIN, []Status{StatusUVInvalid, StatusUVInvalid}, []int64{2, 6, 2, 6, 2, 6}, false, nil},
		{"blocked: PIN", withPIN, []Status{StatusUVBlocked}, []int64{2, 6, 1, 2, 9}, false, nil},
		{"three times wrong: PIN", withPIN, []Status{StatusUVInvalid, StatusUVInvalid, StatusUVInvalid}, []int64{2, 6, 2, 6, 2, 6, 1, 2, 9}, false, nil},
		{"blocked, no PIN", alone, []Status{StatusUVBlocked}, []int64{2, 6}, false, StatusUVBlocked},
		{"nobody there", withPIN, []Status{StatusUserActionTimeout}, []int64{2, 6}, false, StatusUserActionTimeout},
		{"key without tokens", old, nil, nil, true, nil},
	}
	for _, protocol := range []PINProtocol{PINProtocolOne, PINProtocolTwo} {
		for _, test := range tests {
			f := newFingerprint(t, protocol, test.options)
			f.uv = test.uv
			c, err := NewClient(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.MakeCredential(t.Context(), CredentialParams{
				ClientDataHash: make([]byte, 32), RP: RP{ID: testRP}, User: User{ID: []byte("u")},
				Algorithms: []int64{-7}, UserVerification: Required,
			}, Prompt{PIN: PINOnce([]byte("1234"))})
			if !errors.Is(err, test.want) {
				t.Errorf("protocol %d, %s: %v", protocol, test.name, err)
			}
			if !slices.Equal(f.subs, test.subs) || f.uvOption != test.uvOption {
				t.Errorf("protocol %d, %s: subcommands %v, option uv %v", protocol, test.name, f.subs, f.uvOption)
			}
		}
	}
}

// A token has 32 bytes; protocol one may issue one of 16.
func TestTokenLengths(t *testing.T) {
	for _, protocol := range []PINProtocol{PINProtocolOne, PINProtocolTwo} {
		for _, length := range []int{0, 16, 32, 48} {
			f := newFingerprint(t, protocol, map[string]bool{"clientPin": true})
			f.token = make([]byte, length)
			token, err := GetPINToken(t.Context(), f, TokenRequest{Protocol: protocol}, []byte("1234"))
			good := length == 32 || length == 16 && protocol == PINProtocolOne
			if (err == nil) != good || err != nil && (!errors.Is(err, ErrAnswer) || token != nil) {
				t.Errorf("protocol %d, %d bytes: %v", protocol, length, err)
			}
		}
	}
	for _, protocol := range []PINProtocol{0, 3} {
		if _, err := GetPINToken(t.Context(), answering(nil), TokenRequest{Protocol: protocol}, []byte("1234")); !errors.Is(err, ErrPINProtocol) {
			t.Errorf("protocol %d: %v", protocol, err)
		}
	}
}
