package ctap_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
)

const (
	rpID    = "login.example.com"
	goodPIN = "1234"
)

var hash = sha256.Sum256([]byte("client data"))

// A desk is a client with a software key that can be watched and lied about.
type desk struct {
	*ctap.Client
	t       *testing.T
	key     *softkey.Key
	now     time.Time
	touches int
	finger  func(context.Context, softkey.Request) error
	// rewrite changes what getInfo says; nil: nothing.
	rewrite func(info map[int]any)
	// before is called before each exchange; a status other than 0 is the answer.
	before func(request []byte) ctap.Status
	sent   [][]byte
}

func (d *desk) Describe() ctap.Descriptor { return d.key.Describe() }
func (d *desk) Close() error              { return d.key.Close() }

func (d *desk) Exchange(ctx context.Context, request []byte, keepAlive func(ctap.KeepAlive)) ([]byte, error) {
	d.sent = append(d.sent, bytes.Clone(request))
	if d.before != nil {
		if status := d.before(request); status != 0 {
			return []byte{byte(status)}, nil
		}
	}
	answer, err := d.key.Exchange(ctx, request, keepAlive)
	if err == nil && request[0] == byte(ctap.CommandGetInfo) && d.rewrite != nil {
		answer = d.rewritten(answer)
	}
	return answer, err
}

func (d *desk) rewritten(answer []byte) []byte {
	var info map[int]any
	if err := cbor.Unmarshal(answer[1:], &info); err != nil {
		d.t.Fatal(err)
	}
	d.rewrite(info)
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		d.t.Fatal(err)
	}
	body, err := mode.Marshal(info)
	if err != nil {
		d.t.Fatal(err)
	}
	return append([]byte{0}, body...)
}

// commands are the command bytes sent since the last call, without getInfo.
func (d *desk) commands() string {
	var out []byte
	for _, raw := range d.sent {
		if raw[0] != byte(ctap.CommandGetInfo) {
			out = append(out, raw[0])
		}
	}
	d.sent = nil
	return fmt.Sprintf("%x", out)
}

func newDesk(t *testing.T, pin string, change ...func(*softkey.Config)) *desk {
	t.Helper()
	d := &desk{t: t, now: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), finger: softkey.AlwaysPresent}
	c := softkey.Config{
		UserPresence: func(ctx context.Context, r softkey.Request) error {
			d.touches++
			return d.finger(ctx, r)
		},
		Now: func() time.Time { return d.now },
	}
	for _, f := range change {
		f(&c)
	}
	var err error
	if d.key, err = softkey.New(c); err != nil {
		t.Fatal(err)
	}
	d.refresh()
	if pin != "" {
		if err := d.SetPIN(t.Context(), []byte(pin)); err != nil {
			t.Fatal(err)
		}
	}
	d.sent = nil
	return d
}

// refresh makes a new client, as after a change of what the key says.
func (d *desk) refresh() {
	d.t.Helper()
	var err error
	if d.Client, err = ctap.NewClient(d.t.Context(), d); err != nil {
		d.t.Fatal(err)
	}
	d.sent = nil
}

func params(change ...func(*ctap.CredentialParams)) ctap.CredentialParams {
	p := ctap.CredentialParams{
		ClientDataHash:   hash[:],
		RP:               ctap.RP{ID: rpID, Name: "Example"},
		User:             ctap.User{ID: []byte("user-1"), Name: "alice", DisplayName: "Alice"},
		Algorithms:       []int64{-7, -8, -257},
		ResidentKey:      ctap.Required,
		UserVerification: ctap.Required,
		Attestation:      ctap.Direct,
	}
	for _, f := range change {
		f(&p)
	}
	return p
}

// answers is a Prompt that gives one PIN after the other.
func answers(pins ...string) ctap.Prompt {
	return ctap.Prompt{PIN: func(_ context.Context, q ctap.PINQuestion) ([]byte, error) {
		if len(pins) == 0 {
			return nil, context.Canceled
		}
		pin := pins[0]
		pins = pins[1:]
		return []byte(pin), nil
	}}
}

func (d *desk) create(change ...func(*ctap.CredentialParams)) *ctap.Credential {
	d.t.Helper()
	cred, err := d.MakeCredential(d.t.Context(), params(change...), answers(goodPIN))
	if err != nil {
		d.t.Fatal(err)
	}
	d.sent = nil
	return cred
}
