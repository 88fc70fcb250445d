package ctap_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
)

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
