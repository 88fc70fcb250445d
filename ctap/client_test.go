package ctap_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
)

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
	all := newDesk(t, goodPIN, func(c *softkey.Config) { c.Attestation = softkey.AttestSelf })
	for _, alg := range []int64{-35, -47, -48, -49, -50, -53} {
		if cred := all.create(func(p *ctap.CredentialParams) { p.Algorithms = []int64{-999, alg, -7} }); cred.Algorithm != alg {
			t.Errorf("algorithm %d, want %d", cred.Algorithm, alg)
		}
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
