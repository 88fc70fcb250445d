package ctap_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"bestow.dev/ctap"
)

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
