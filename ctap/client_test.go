package ctap_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
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

func TestRegistrationAndAuthentication(t *testing.T) {
	for _, attestation := range []softkey.Attestation{softkey.AttestPacked, softkey.AttestSelf, softkey.AttestU2F, softkey.AttestNone} {
		for _, rk := range []ctap.Requirement{ctap.Required, ctap.Preferred, ctap.Discouraged} {
			t.Run(fmt.Sprintf("%s/%s", attestation, rk), func(t *testing.T) {
				d := newDesk(t, goodPIN, func(c *softkey.Config) { c.Attestation = attestation })
				cred := d.create(func(p *ctap.CredentialParams) { p.ResidentKey = rk; p.CredProtect = 2; p.HMACSecret = true })
				if cred.Algorithm != -7 || !cred.UserVerified || cred.Discoverable != (rk != ctap.Discouraged) ||
					cred.CredProtect != 2 || !cred.HMACSecret || !slices.Equal(cred.Transports, []ctap.Transport{"usb"}) {
					t.Errorf("%+v", cred)
				}
				var object struct {
					Fmt      string          `cbor:"fmt"`
					AttStmt  cbor.RawMessage `cbor:"attStmt"`
					AuthData []byte          `cbor:"authData"`
				}
				if err := cbor.Unmarshal(cred.AttestationObject, &object); err != nil {
					t.Fatal(err)
				}
				if object.Fmt != cred.Format || !bytes.Equal(object.AuthData, cred.AuthData) || !bytes.Contains(object.AuthData, cred.PublicKey) {
					t.Errorf("attestation object %+v", object)
				}
				allow := []ctap.CredentialDescriptor{{ID: cred.ID}}
				if rk == ctap.Required {
					allow = nil
				}
				got, err := d.GetAssertion(t.Context(), ctap.AssertionParams{
					RPID: rpID, ClientDataHash: hash[:], UserVerification: ctap.Required, Allow: allow,
				}, answers(goodPIN))
				if err != nil {
					t.Fatal(err)
				}
				if len(got) != 1 || !bytes.Equal(got[0].CredentialID, cred.ID) || !got[0].UserVerified || got[0].SignCount == 0 {
					t.Errorf("%+v", got)
				}
				if (got[0].User != nil) != cred.Discoverable {
					t.Errorf("user %+v", got[0].User)
				}
			})
		}
	}
}

// The relying party's order decides, among what the key supports.
func TestAlgorithmChoice(t *testing.T) {
	d := newDesk(t, goodPIN, func(c *softkey.Config) { c.Algorithms = []int64{-7, -8} })
	cred := d.create(func(p *ctap.CredentialParams) { p.Algorithms = []int64{-257, -8, -7} })
	if cred.Algorithm != -8 {
		t.Errorf("algorithm %d", cred.Algorithm)
	}
	cred = d.create(func(p *ctap.CredentialParams) { p.Algorithms = nil })
	if cred.Algorithm != -7 {
		t.Errorf("default: algorithm %d", cred.Algorithm)
	}
	d.sent = nil
	_, err := d.MakeCredential(t.Context(), params(func(p *ctap.CredentialParams) { p.Algorithms = []int64{-257} }), answers())
	if !errors.Is(err, ctap.ErrAlgorithm) || len(d.sent) != 0 {
		t.Errorf("%v after %d exchanges", err, len(d.sent))
	}
	// A key that does not say what it supports is asked.
	d.rewrite = func(info map[int]any) { delete(info, 10) }
	d.refresh()
	_, err = d.MakeCredential(t.Context(), params(func(p *ctap.CredentialParams) { p.Algorithms = []int64{-257} }), answers(goodPIN))
	if !errors.Is(err, ctap.StatusUnsupportedAlgorithm) || errors.Is(err, ctap.ErrAlgorithm) {
		t.Errorf("%v", err)
	}
}

func TestConveyance(t *testing.T) {
	zero := [16]byte{}
	tests := []struct {
		attestation softkey.Attestation
		conveyance  ctap.Conveyance
		keep        bool
		format      string
		aaguid      [16]byte
	}{
		{softkey.AttestPacked, ctap.Direct, false, "packed", softkey.AAGUID},
		{softkey.AttestPacked, ctap.Indirect, false, "packed", softkey.AAGUID},
		{softkey.AttestPacked, ctap.Enterprise, false, "packed", softkey.AAGUID},
		{softkey.AttestPacked, ctap.NoAttestation, false, "none", zero},
		{softkey.AttestPacked, ctap.NoAttestation, true, "none", softkey.AAGUID},
		{softkey.AttestPacked, "", false, "none", zero},
		{softkey.AttestPacked, "something new", false, "none", zero},
		{softkey.AttestSelf, ctap.NoAttestation, false, "none", zero},
		{softkey.AttestU2F, ctap.Direct, false, "fido-u2f", zero},
		{softkey.AttestU2F, ctap.NoAttestation, false, "none", zero},
		{softkey.AttestNone, ctap.Direct, false, "none", softkey.AAGUID},
	}
	for _, test := range tests {
		d := newDesk(t, goodPIN, func(c *softkey.Config) { c.Attestation = test.attestation })
		cred := d.create(func(p *ctap.CredentialParams) { p.Attestation, p.KeepAAGUID = test.conveyance, test.keep })
		if cred.Format != test.format || cred.AAGUID != test.aaguid || [16]byte(cred.AuthData[37:53]) != test.aaguid {
			t.Errorf("%s, %q: format %s, AAGUID %x", test.attestation, test.conveyance, cred.Format, cred.AAGUID)
		}
		if test.format == "none" && !bytes.Contains(cred.AttestationObject, []byte("\x63fmt\x64none\x67attStmt\xa0\x68authData")) {
			t.Errorf("%s, %q: object %x", test.attestation, test.conveyance, cred.AttestationObject)
		}
	}
	// Self attestation of a key that does not say its model tells nothing, and stays.
	d := newDesk(t, goodPIN, func(c *softkey.Config) { c.Attestation = softkey.AttestSelf })
	d.key.Forge(softkey.Forge{AuthData: func(a *softkey.AuthData) { a.AAGUID = zero }})
	if cred := d.create(func(p *ctap.CredentialParams) { p.Attestation = ctap.NoAttestation }); cred.Format != "packed" {
		t.Errorf("self attestation became %s", cred.Format)
	}
}

// When the PIN is asked for, by what the relying party wants and the key has.
func TestWhenVerificationIsAsked(t *testing.T) {
	strict := func(c *softkey.Config) { c.RequireUVToCreate = true }
	always := func(c *softkey.Config) { c.AlwaysUV = true }
	none := func(*softkey.Config) {}
	tests := []struct {
		name   string
		config func(*softkey.Config)
		pin    string
		uv, rk ctap.Requirement
		asked  bool
		want   error
	}{
		{"required, PIN", none, goodPIN, ctap.Required, ctap.Discouraged, true, nil},
		{"required, no PIN", none, "", ctap.Required, ctap.Discouraged, false, ctap.ErrPINNotSet},
		{"preferred, PIN", none, goodPIN, ctap.Preferred, ctap.Discouraged, true, nil},
		{"preferred, no PIN", none, "", ctap.Preferred, ctap.Discouraged, false, nil},
		{"not said, PIN", none, goodPIN, "", ctap.Discouraged, true, nil},
		{"discouraged, PIN", none, goodPIN, ctap.Discouraged, ctap.Discouraged, false, nil},
		{"discouraged, PIN, discoverable", none, goodPIN, ctap.Discouraged, ctap.Required, true, nil},
		{"discouraged, PIN, strict key", strict, goodPIN, ctap.Discouraged, ctap.Discouraged, true, nil},
		{"discouraged, no PIN, strict key", strict, "", ctap.Discouraged, ctap.Required, false, nil},
		{"discouraged, PIN, always", always, goodPIN, ctap.Discouraged, ctap.Discouraged, true, nil},
		{"discouraged, no PIN, always", always, "", ctap.Discouraged, ctap.Discouraged, false, ctap.ErrPINNotSet},
	}
	for _, test := range tests {
		d := newDesk(t, test.pin, test.config)
		asked := false
		ask := ctap.Prompt{PIN: func(context.Context, ctap.PINQuestion) ([]byte, error) { asked = true; return []byte(goodPIN), nil }}
		cred, err := d.MakeCredential(t.Context(), params(func(p *ctap.CredentialParams) {
			p.UserVerification, p.ResidentKey = test.uv, test.rk
		}), ask)
		if !errors.Is(err, test.want) || asked != test.asked {
			t.Errorf("%s: %v, asked %v", test.name, err, asked)
		}
		if err == nil && cred.UserVerified != test.asked {
			t.Errorf("%s: verified %v", test.name, cred.UserVerified)
		}
	}
	// Signing in without verification asks nothing, whatever the credential.
	d := newDesk(t, goodPIN)
	d.create()
	got, err := d.GetAssertion(t.Context(), ctap.AssertionParams{RPID: rpID, ClientDataHash: hash[:], UserVerification: ctap.Discouraged}, ctap.Prompt{})
	if err != nil || got[0].UserVerified {
		t.Errorf("%+v, %v", got, err)
	}
	// A key without any means of verification.
	d.rewrite = func(info map[int]any) { info[4] = map[string]bool{"rk": true} }
	d.refresh()
	_, err = d.MakeCredential(t.Context(), params(), answers(goodPIN))
	if !errors.Is(err, ctap.ErrUserVerification) {
		t.Errorf("no means: %v", err)
	}
	// Nobody to ask.
	d.rewrite = nil
	d.refresh()
	_, err = d.MakeCredential(t.Context(), params(), ctap.Prompt{})
	if !errors.Is(err, ctap.StatusPUATRequired) {
		t.Errorf("nobody to ask: %v", err)
	}
}

func TestWrongPINs(t *testing.T) {
	d := newDesk(t, goodPIN)
	var questions []ctap.PINQuestion
	var given [][]byte
	pins := []string{"0000", "1111", goodPIN}
	ask := ctap.Prompt{PIN: func(_ context.Context, q ctap.PINQuestion) ([]byte, error) {
		questions = append(questions, q)
		pin := []byte(pins[0])
		pins, given = pins[1:], append(given, pin)
		return pin, nil
	}}
	if _, err := d.MakeCredential(t.Context(), params(), ask); err != nil {
		t.Fatal(err)
	}
	want := []ctap.PINQuestion{{8, false, 4}, {7, true, 4}, {6, true, 4}}
	if !slices.Equal(questions, want) {
		t.Errorf("asked %+v, want %+v", questions, want)
	}
	for _, pin := range given {
		if !bytes.Equal(pin, make([]byte, 4)) {
			t.Errorf("PIN %q was not cleared", pin)
		}
	}

	// The third wrong one in a row, then not even asked.
	_, err := d.MakeCredential(t.Context(), params(), answers("0000", "0000", "0000", "0000"))
	if !errors.Is(err, ctap.StatusPINAuthBlocked) {
		t.Errorf("third: %v", err)
	}
	_, err = d.MakeCredential(t.Context(), params(), answers()) // nobody is asked in vain
	if !errors.Is(err, ctap.StatusPINAuthBlocked) {
		t.Errorf("before it is taken out: %v", err)
	}
	d.key.PowerCycle()
	for range 2 {
		d.key.PowerCycle()
		_, err = d.MakeCredential(t.Context(), params(), answers("0000", "0000", "0000"))
	}
	if !errors.Is(err, ctap.StatusPINBlocked) {
		t.Errorf("eighth: %v", err)
	}
	_, err = d.MakeCredential(t.Context(), params(), answers())
	if !errors.Is(err, ctap.StatusPINBlocked) {
		t.Errorf("blocked: %v", err)
	}

	// Giving up, a PIN that cannot be, and the one that is given once.
	d = newDesk(t, goodPIN)
	for _, test := range []struct {
		ask  ctap.Prompt
		want error
		left int
	}{
		{answers(), context.Canceled, 8},
		{answers("0000"), context.Canceled, 7},
		{answers("123"), ctap.ErrPINLength, 7},
		{ctap.Prompt{PIN: ctap.PINOnce([]byte("0000"))}, ctap.ErrPINOnce, 6},
	} {
		if _, err := d.MakeCredential(t.Context(), params(), test.ask); !errors.Is(err, test.want) {
			t.Errorf("%v, want %v", err, test.want)
		}
		if r, err := d.PINRetries(t.Context()); err != nil || r.Left != test.left {
			t.Errorf("%d left, want %d", r.Left, test.left)
		}
	}
}

func TestFirstPIN(t *testing.T) {
	d := newDesk(t, "", func(c *softkey.Config) { c.MinPINLength = 6 })
	ask := answers("geheim")
	var least int
	chosen := []byte("geheim")
	ask.NewPIN = func(_ context.Context, minLength int) ([]byte, error) { least = minLength; return chosen, nil }
	if _, err := d.MakeCredential(t.Context(), params(), ask); err != nil {
		t.Fatal(err)
	}
	if least != 6 || !bytes.Equal(chosen, make([]byte, 6)) || d.Info().PIN() != ctap.Configured {
		t.Errorf("minimum %d, PIN %q, state %v", least, chosen, d.Info().PIN())
	}

	d = newDesk(t, "")
	ask.NewPIN = func(context.Context, int) ([]byte, error) { return nil, context.Canceled }
	if _, err := d.MakeCredential(t.Context(), params(), ask); !errors.Is(err, context.Canceled) {
		t.Errorf("declined: %v", err)
	}
	ask.NewPIN = func(context.Context, int) ([]byte, error) { return []byte("123"), nil }
	if _, err := d.MakeCredential(t.Context(), params(), ask); !errors.Is(err, ctap.ErrPINLength) {
		t.Errorf("too short: %v", err)
	}
}

func TestForcedPINChange(t *testing.T) {
	d := newDesk(t, goodPIN)
	if err := d.key.RequirePINChange(); err != nil {
		t.Fatal(err)
	}
	d.refresh()
	if _, err := d.MakeCredential(t.Context(), params(), answers(goodPIN)); !errors.Is(err, ctap.ErrPINChange) {
		t.Errorf("nobody to ask: %v", err)
	}
	ask := answers(goodPIN, "5678")
	ask.NewPIN = func(context.Context, int) ([]byte, error) { return []byte("5678"), nil }
	if _, err := d.MakeCredential(t.Context(), params(), ask); err != nil {
		t.Error(err)
	}
	if err := d.ChangePIN(t.Context(), []byte("5678"), []byte("abcdef")); err != nil {
		t.Error(err)
	}
	if err := d.ChangePIN(t.Context(), []byte("5678"), []byte("ghijkl")); !errors.Is(err, ctap.StatusPINInvalid) {
		t.Errorf("old PIN: %v", err)
	}
}

// A token that ran out is replaced once, without asking again.
func TestTokenIsRenewedOnce(t *testing.T) {
	d := newDesk(t, goodPIN)
	lost := 1
	d.before = func(request []byte) ctap.Status {
		if request[0] == byte(ctap.CommandMakeCredential) && lost > 0 {
			lost--
			return ctap.StatusPINAuthInvalid
		}
		return 0
	}
	if _, err := d.MakeCredential(t.Context(), params(), answers(goodPIN)); err != nil {
		t.Error(err)
	}
	// retries, agreement, token; refused; agreement, token; made
	if got, want := d.commands(), "06060601060601"; got != want {
		t.Errorf("commands %s, want %s", got, want)
	}
	lost = 2
	if _, err := d.MakeCredential(t.Context(), params(), answers(goodPIN)); !errors.Is(err, ctap.StatusPINAuthInvalid) {
		t.Errorf("twice: %v", err)
	}
}

func foreign(n, length int) []ctap.CredentialDescriptor {
	list := make([]ctap.CredentialDescriptor, n)
	for i := range list {
		list[i].ID = bytes.Repeat([]byte{byte(i + 1)}, length)
	}
	return list
}

func TestLongLists(t *testing.T) {
	tests := []struct {
		name    string
		before  []ctap.CredentialDescriptor
		after   []ctap.CredentialDescriptor
		protect ctap.CredProtect
		sent    string // commands, PIN aside: 02 is a question
	}{
		{"short", nil, foreign(7, 64), 0, "01"},
		{"one too many", nil, foreign(8, 64), 0, "0201"},
		{"in the second batch", foreign(12, 64), foreign(3, 64), 0, "020201"},
		{"needs verification", foreign(12, 64), nil, ctap.ProtectRequired, "020201"},
		{"overlong ids are dropped", foreign(20, 900), nil, 0, "01"},
		{"ids that fill the message", foreign(20, 299), nil, 0, "02020201"},
	}
	for _, test := range tests {
		d := newDesk(t, goodPIN)
		cred := d.create(func(p *ctap.CredentialParams) { p.CredProtect = test.protect })
		list := slices.Concat(test.before, []ctap.CredentialDescriptor{{ID: cred.ID}}, test.after)
		d.touches = 0
		_, err := d.MakeCredential(t.Context(), params(func(p *ctap.CredentialParams) { p.Exclude = list }), answers(goodPIN))
		if !errors.Is(err, ctap.StatusCredentialExcluded) || d.touches != 1 {
			t.Errorf("%s: exclude: %v after %d touches", test.name, err, d.touches)
		}
		if got := d.commands()[6:]; got != test.sent {
			t.Errorf("%s: exclude: commands %s, want %s", test.name, got, test.sent)
		}
		got, err := d.GetAssertion(t.Context(), ctap.AssertionParams{RPID: rpID, ClientDataHash: hash[:], Allow: list}, answers(goodPIN))
		if err != nil || len(got) != 1 || !bytes.Equal(got[0].CredentialID, cred.ID) {
			t.Errorf("%s: allow: %+v, %v", test.name, got, err)
		}
		// Nothing of ours in the list.
		list = slices.Concat(test.before, foreign(9, 64), test.after)
		d.create(func(p *ctap.CredentialParams) { p.Exclude = list })
		d.touches = 0
		_, err = d.GetAssertion(t.Context(), ctap.AssertionParams{RPID: rpID, ClientDataHash: hash[:], Allow: list}, answers(goodPIN))
		if !errors.Is(err, ctap.StatusNoCredentials) || d.touches != 1 {
			t.Errorf("%s: nothing allowed: %v after %d touches", test.name, err, d.touches)
		}
	}
	// A key that says nothing about lists is asked one by one.
	d := newDesk(t, goodPIN)
	d.rewrite = func(info map[int]any) { delete(info, 7); delete(info, 8); delete(info, 5) }
	d.refresh()
	cred := d.create()
	list := append(foreign(2, 64), ctap.CredentialDescriptor{ID: cred.ID})
	if _, err := d.GetAssertion(t.Context(), ctap.AssertionParams{RPID: rpID, ClientDataHash: hash[:], Allow: list}, answers(goodPIN)); err != nil {
		t.Error(err)
	}
	if got, want := d.commands(), "06060602020202"; got != want {
		t.Errorf("commands %s, want %s", got, want)
	}
}

func TestSeveralAccounts(t *testing.T) {
	d := newDesk(t, goodPIN)
	for _, user := range []string{"one", "two", "three"} {
		d.create(func(p *ctap.CredentialParams) { p.User = ctap.User{ID: []byte(user), Name: user} })
	}
	d.touches = 0
	got, err := d.GetAssertion(t.Context(), ctap.AssertionParams{RPID: rpID, ClientDataHash: hash[:]}, answers(goodPIN))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range got {
		names = append(names, a.User.Name)
	}
	if !slices.Equal(names, []string{"three", "two", "one"}) || d.touches != 1 {
		t.Errorf("accounts %v, %d touches", names, d.touches)
	}
}

func TestOldKeys(t *testing.T) {
	d := newDesk(t, goodPIN)
	d.rewrite = func(info map[int]any) {
		info[1] = []string{"FIDO_2_0"}
		info[4] = map[string]bool{"rk": true, "clientPin": true}
		delete(info, 6)
		delete(info, 9)
	}
	d.refresh()
	cred, err := d.MakeCredential(t.Context(), params(), answers(goodPIN))
	if err != nil {
		t.Fatal(err)
	}
	if !cred.UserVerified || !slices.Equal(cred.Transports, []ctap.Transport{ctap.TransportUSB}) {
		t.Errorf("%+v", cred)
	}
	for _, raw := range d.sent {
		if raw[0] == 6 && bytes.Contains(raw, []byte{0x02, 0x09}) {
			t.Errorf("asked for permissions: %x", raw)
		}
	}
	d.touches = 0
	if err := d.Select(t.Context(), nil); err != nil || d.touches != 1 {
		t.Errorf("select: %v after %d touches", err, d.touches)
	}
	if got := d.commands(); got[len(got)-2:] != "01" {
		t.Errorf("commands %s", got)
	}
	d.finger = func(context.Context, softkey.Request) error { return errors.New("no") }
	if err := d.Select(t.Context(), nil); !errors.Is(err, ctap.StatusOperationDenied) {
		t.Errorf("declined: %v", err)
	}
}

func TestSelectAndReset(t *testing.T) {
	d := newDesk(t, goodPIN)
	touched := 0
	if err := d.Select(t.Context(), func() { touched++ }); err != nil || touched != 1 {
		t.Errorf("select: %v, told %d times", err, touched)
	}
	if got := d.commands(); got != "0b" {
		t.Errorf("commands %s", got)
	}
	if err := d.Reset(t.Context(), nil); err != nil || d.Info().PIN() != ctap.NotConfigured {
		t.Errorf("reset: %v, PIN %v", err, d.Info().PIN())
	}
	d.now = d.now.Add(time.Minute)
	if err := d.Reset(t.Context(), nil); !errors.Is(err, ctap.StatusNotAllowed) {
		t.Errorf("too late: %v", err)
	}
}

func TestCancelledTouch(t *testing.T) {
	d := newDesk(t, goodPIN)
	ctx, cancel := context.WithCancel(t.Context())
	ask := answers(goodPIN)
	told := 0
	ask.Touch = func() { told++; cancel() }
	d.finger = func(ctx context.Context, _ softkey.Request) error { <-ctx.Done(); return ctx.Err() }
	_, err := d.MakeCredential(ctx, params(), ask)
	if !errors.Is(err, ctap.StatusKeepAliveCancel) || !errors.Is(err, context.Canceled) || told != 1 {
		t.Errorf("%v, told %d times", err, told)
	}
}

func TestWhatAKeyCannot(t *testing.T) {
	d := newDesk(t, goodPIN)
	d.rewrite = func(info map[int]any) {
		info[2] = []string{}
		info[4] = map[string]bool{"clientPin": true, "pinUvAuthToken": true, "makeCredUvNotRqd": true}
	}
	d.refresh()
	make1 := func(change func(*ctap.CredentialParams)) error {
		_, err := d.MakeCredential(t.Context(), params(change), answers(goodPIN))
		return err
	}
	if err := make1(func(*ctap.CredentialParams) {}); !errors.Is(err, ctap.ErrResidentKey) {
		t.Errorf("discoverable: %v", err)
	}
	err := make1(func(p *ctap.CredentialParams) {
		p.ResidentKey, p.CredProtect, p.EnforceCredProtect = ctap.Preferred, 3, true
	})
	if !errors.Is(err, ctap.ErrCredProtect) {
		t.Errorf("protection: %v", err)
	}
	cred := d.create(func(p *ctap.CredentialParams) {
		p.ResidentKey, p.CredProtect, p.HMACSecret, p.MinPINLength = ctap.Preferred, 3, true, true
	})
	if cred.CredProtect != 0 || cred.HMACSecret || cred.Discoverable {
		t.Errorf("%+v", cred)
	}
	d.rewrite = func(info map[int]any) { info[6] = []int{3} }
	d.refresh()
	if err := make1(func(*ctap.CredentialParams) {}); !errors.Is(err, ctap.ErrPINProtocol) {
		t.Errorf("protocols: %v", err)
	}
	d.rewrite = func(info map[int]any) { info[5] = 64 }
	d.refresh()
	if err := make1(func(*ctap.CredentialParams) {}); !errors.Is(err, ctap.ErrTooLarge) {
		t.Errorf("message size: %v", err)
	}
	_, err = d.GetAssertion(t.Context(), ctap.AssertionParams{RPID: rpID, ClientDataHash: hash[:]}, answers(goodPIN))
	if !errors.Is(err, ctap.ErrTooLarge) {
		t.Errorf("message size: %v", err)
	}
}

// Small messages make small batches; what does not fit alone is no credential of
// the key's.
func TestSmallMessages(t *testing.T) {
	d := newDesk(t, goodPIN)
	cred := d.create()
	list := append(foreign(8, 280), ctap.CredentialDescriptor{ID: cred.ID})
	sign := func() ([]ctap.Assertion, error) {
		return d.GetAssertion(t.Context(), ctap.AssertionParams{RPID: rpID, ClientDataHash: hash[:], Allow: list}, answers(goodPIN))
	}
	for size, want := range map[int]string{
		1200: "060606" + "020202" + "02",           // three by three, then signed
		700:  "060606" + "0202020202020202" + "02", // one by one, the last two together
		350:  "060606" + "02" + "02",               // the eight are passed over
	} {
		d.rewrite = func(info map[int]any) { info[5] = size }
		d.refresh()
		got, err := sign()
		if err != nil || len(got) != 1 || !bytes.Equal(got[0].CredentialID, cred.ID) {
			t.Errorf("%d bytes: %+v, %v", size, got, err)
		}
		if got := d.commands(); got != want {
			t.Errorf("%d bytes: commands %s, want %s", size, got, want)
		}
	}
}

// A key whose PIN is for its settings only cannot verify with it.
func TestPINForSettingsOnly(t *testing.T) {
	d := newDesk(t, goodPIN)
	d.rewrite = func(info map[int]any) {
		info[4] = map[string]bool{
			"rk": true, "clientPin": true, "pinUvAuthToken": true,
			"noMcGaPermissionsWithClientPin": true, "makeCredUvNotRqd": true,
		}
	}
	d.refresh()
	if _, err := d.MakeCredential(t.Context(), params(), answers(goodPIN)); !errors.Is(err, ctap.ErrUserVerification) {
		t.Errorf("required: %v", err)
	}
	cred, err := d.MakeCredential(t.Context(), params(func(p *ctap.CredentialParams) {
		p.UserVerification, p.ResidentKey = ctap.Preferred, ctap.Discouraged
	}), ctap.Prompt{})
	if err != nil || cred.UserVerified {
		t.Errorf("preferred: %+v, %v", cred, err)
	}
}

// Extensions are asked for where the key knows them and they are wanted.
func TestExtensionsAreAsked(t *testing.T) {
	d := newDesk(t, goodPIN)
	d.rewrite = func(info map[int]any) { info[2] = []string{"minPinLength"} }
	d.refresh()
	for _, wanted := range []bool{true, false} {
		_, err := d.MakeCredential(t.Context(), params(func(p *ctap.CredentialParams) {
			p.MinPINLength, p.HMACSecret, p.CredProtect = wanted, wanted, 3
		}), answers(goodPIN))
		if err != nil {
			t.Fatal(err)
		}
		last := d.sent[len(d.sent)-1]
		if bytes.Contains(last, []byte("\x06\xa1\x6cminPinLength\xf5")) != wanted || bytes.Contains(last, []byte("hmac")) {
			t.Errorf("wanted %v: request %q", wanted, last)
		}
	}
}

// A refusal that came although the ceremony was over stays what it is.
func TestRefusalAfterTheEnd(t *testing.T) {
	d := newDesk(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	d.before = func([]byte) ctap.Status { cancel(); return ctap.StatusKeyStoreFull }
	_, err := d.MakeCredential(ctx, params(func(p *ctap.CredentialParams) { p.UserVerification = "" }), ctap.Prompt{})
	if !errors.Is(err, ctap.StatusKeyStoreFull) || errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// Enterprise attestation is asked for where it is enabled, and nowhere else.
func TestEnterpriseAttestation(t *testing.T) {
	d := newDesk(t, goodPIN)
	ask := func() error {
		_, err := d.MakeCredential(t.Context(), params(func(p *ctap.CredentialParams) { p.EnterpriseAttestation = 2 }), answers(goodPIN))
		return err
	}
	if err := ask(); err != nil {
		t.Errorf("not enabled: %v", err)
	}
	d.rewrite = func(info map[int]any) { info[4].(map[any]any)["ep"] = true }
	d.refresh()
	if err := ask(); !errors.Is(err, ctap.StatusInvalidParameter) { // the software key has none
		t.Errorf("enabled: %v", err)
	}
}

// What no honest key says is not passed on to a relying party.
func TestForgedAnswers(t *testing.T) {
	refused := map[string]bool{
		"RP ID of another site": true, "flag ED without extensions": true, "bytes after the authenticator data": true,
		"no attested credential data": true, "credential id longer than 1023 bytes": true, "credential key cut short": true,
	}
	for _, f := range softkey.Forgeries(softkey.AttestPacked) {
		d := newDesk(t, goodPIN)
		d.key.Forge(f.Forge)
		_, err := d.MakeCredential(t.Context(), params(), answers(goodPIN))
		if want := f.Registration && refused[f.Name]; errors.Is(err, ctap.ErrAnswer) != want {
			t.Errorf("registration, %q: %v", f.Name, err)
		}
		d.key.Forge(softkey.Forge{})
		cred := d.create()
		d.key.Forge(f.Forge)
		_, err = d.GetAssertion(t.Context(), ctap.AssertionParams{
			RPID: rpID, ClientDataHash: hash[:], Allow: []ctap.CredentialDescriptor{{ID: cred.ID}},
		}, answers(goodPIN))
		want := f.Assertion && (refused[f.Name] || f.Name == "flag AT in an assertion")
		if errors.Is(err, ctap.ErrAnswer) != want {
			t.Errorf("assertion, %q: %v", f.Name, err)
		}
	}
	d := newDesk(t, goodPIN)
	d.create()
	d.key.Forge(softkey.Forge{Answer: func([]byte) []byte { return []byte{0, 0xA0} }})
	if _, err := d.MakeCredential(t.Context(), params(), answers(goodPIN)); !errors.Is(err, ctap.ErrAnswer) {
		t.Errorf("empty answer: %v", err)
	}
}
