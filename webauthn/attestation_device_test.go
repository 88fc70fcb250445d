package webauthn_test

import (
	"bytes"
	"slices"
	"testing"

	"bestow.dev/webauthn"
)

// TestDeviceOfAttestation checks what a certificate says of one authenticator, and that
// a serial number nobody asked for is told (§8.2.1).
func TestDeviceOfAttestation(t *testing.T) {
	for _, test := range []struct {
		name     string
		change   func(a *attested)
		serial   []byte
		firmware uint64 // 5 or not there
		warned   bool
	}{
		{"neither", func(*attested) {}, nil, 0, false},
		{"firmware", func(a *attested) { a.extend(oidFirmware, []byte{2, 1, 5}) }, nil, 5, false},
		{"serial number, asked for", func(a *attested) {
			a.extend(oidSerial, []byte{4, 2, 7, 9})
			a.exp.Attestation = webauthn.ConveyanceEnterprise
		}, []byte{7, 9}, 0, false},
		{"serial number, asked for less", func(a *attested) {
			a.extend(oidSerial, []byte{4, 2, 7, 9})
			a.exp.Attestation = webauthn.ConveyanceDirect
		}, []byte{7, 9}, 0, true},
		{"serial number, nothing asked for", func(a *attested) { a.extend(oidSerial, []byte{4, 2, 7, 9}) }, []byte{7, 9}, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newFull(t)
			test.change(a)
			reg, err := a.judge(t)
			if err != nil {
				t.Fatal(err)
			}
			att := reg.Attestation()
			if got := att.SerialNumber(); !bytes.Equal(got, test.serial) {
				t.Errorf("serial number %x, want %x", got, test.serial)
			}
			if got := att.Firmware(); (got == nil) != (test.firmware == 0) || got != nil && *got != test.firmware {
				t.Errorf("firmware %v, want %d", got, test.firmware)
			}
			if warned := slices.Contains(reg.Warnings, webauthn.WarningSerialNumber); warned != test.warned {
				t.Errorf("warnings %q", reg.Warnings)
			}
		})
	}
	t.Run("no certificate", func(t *testing.T) {
		reg, err := newSelf(t).judge(t)
		if err != nil {
			t.Fatal(err)
		}
		if att := reg.Attestation(); att.SerialNumber() != nil || att.Firmware() != nil {
			t.Error("self attestation tells of a device")
		}
	})
}

// TestVerifyAttestation reads again what was kept of a registration.
func TestVerifyAttestation(t *testing.T) {
	a := newFull(t)
	a.extend(oidSerial, []byte{4, 2, 7, 9})
	a.auth.flags |= 0x80
	a.auth.extensions = cMap(pair{cText("credProtect"), cInt(3)})
	reg, err := a.judge(t)
	if err != nil {
		t.Fatal(err)
	}
	object, client := reg.AttestationObject, reg.ClientDataJSON
	att, authData, err := webauthn.VerifyAttestation(object, client)
	if err != nil {
		t.Fatal(err)
	}
	if level, _ := authData.Extensions.CredProtect(); !bytes.Equal(att.SerialNumber(), []byte{7, 9}) || level != webauthn.CredProtectRequired {
		t.Errorf("got %+v, %+v", att, authData)
	}

	for _, test := range []struct {
		name           string
		object, client []byte
		reason         webauthn.Reason
		step           string
	}{
		{"cut short", object[:len(object)-1], client, webauthn.ReasonCBORMalformed, "7.1/13"},
		{"other client data", object, append(slices.Clone(client), ' '), webauthn.ReasonAttestationSignature, "8.2/2"},
		{"nothing", nil, nil, webauthn.ReasonCBORMalformed, "7.1/13"},
	} {
		att, authData, err := webauthn.VerifyAttestation(test.object, test.client)
		wantRefusal(t, err, test.reason, test.step)
		if att != nil || authData != nil {
			t.Errorf("%s: a refusal came with %v, %v", test.name, att, authData)
		}
	}
}
