package webauthn_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"bestow.dev/ctap/softkey"
	"bestow.dev/webauthn"
)

// parseCertInfo is ParseTPMCertInfo for who wants the error alone.
func parseCertInfo(data []byte) error {
	_, _, err := webauthn.ParseTPMCertInfo(data)
	return err
}

// onlyWhole checks that data is accepted, that no beginning of it is, and that nothing
// may follow it.
func onlyWhole(t rapid.TB, what string, parse func([]byte) error, data []byte) {
	t.Helper()
	if err := parse(data); err != nil {
		t.Fatalf("%s %x: %v", what, data, err)
	}
	for n := range data {
		// A beginning has a capacity that says what follows, which no parser may read.
		if parse(data[:n]) == nil {
			t.Fatalf("%s %x: %d of %d bytes are accepted", what, data, n, len(data))
		}
	}
	if parse(append(bytes.Clone(data), 0)) == nil {
		t.Fatalf("%s %x: a byte after it is accepted", what, data)
	}
}

// drawn returns an algorithm with its details.
func drawn(t *rapid.T, name string, choices ...[]uint16) []uint16 {
	return rapid.SampledFrom(append(choices, []uint16{0x10})).Draw(t, name)
}

// A public area ends where its structure says, whatever is in it.
func TestTPMPublicAreaIsWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.SliceOfN(rapid.Byte(), 0, 70)
		p := softkey.TPMPublic{
			Type:       rapid.SampledFrom([]uint16{1, 0x23}).Draw(t, "type"),
			NameAlg:    rapid.SampledFrom([]uint16{4, 0x0B, 0x0C, 0x0D}).Draw(t, "nameAlg"),
			Attributes: rapid.Uint32().Draw(t, "attributes"),
			AuthPolicy: some.Draw(t, "policy"),
			Symmetric:  drawn(t, "symmetric", []uint16{6, 128, 0x43}, []uint16{3, 192, 0x42}, []uint16{0x13, 128, 0x43}, []uint16{0x26, 256, 0x43}),
			KeyBits:    rapid.Uint16().Draw(t, "bits"),
			Exponent:   rapid.Uint32().Draw(t, "exponent"),
			N:          some.Draw(t, "n"),
			Curve:      rapid.Uint16().Draw(t, "curve"),
			KDF:        drawn(t, "kdf", []uint16{7, 0x0B}, []uint16{0x20, 0x0B}, []uint16{0x21, 0x0C}, []uint16{0x22, 0x0D}),
			X:          some.Draw(t, "x"),
			Y:          some.Draw(t, "y"),
		}
		if p.Type == 1 {
			p.Scheme = drawn(t, "scheme", []uint16{0x14, 0x0B}, []uint16{0x15}, []uint16{0x16, 0x0C}, []uint16{0x17, 0x0B})
		} else {
			p.Scheme = drawn(t, "scheme", []uint16{0x18, 0x0B}, []uint16{0x19, 0x0B}, []uint16{0x1A, 0x0B, 7}, []uint16{0x1B, 0x12}, []uint16{0x1C, 0x0B}, []uint16{0x1D, 0x0B})
		}
		onlyWhole(t, "pubArea", webauthn.ParseTPMPublic, p.Bytes())
	})
}

// So does a certInfo, and what counts in it is what was put in.
func TestTPMCertInfoIsWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.SliceOfN(rapid.Byte(), 0, 70)
		c := softkey.TPMCertInfo{
			Magic: 0xFF544347, Type: 0x8017,
			QualifiedSigner: some.Draw(t, "signer"), ExtraData: some.Draw(t, "extraData"),
			Clock: rapid.Uint64().Draw(t, "clock"), ResetCount: rapid.Uint32().Draw(t, "resets"), RestartCount: rapid.Uint32().Draw(t, "restarts"),
			Safe: rapid.Byte().Draw(t, "safe"), FirmwareVersion: rapid.Uint64().Draw(t, "firmware"),
			Name: some.Draw(t, "name"), QualifiedName: some.Draw(t, "qualified"),
		}
		data := c.Bytes()
		onlyWhole(t, "certInfo", parseCertInfo, data)
		extraData, name, _ := webauthn.ParseTPMCertInfo(data)
		if !bytes.Equal(extraData, c.ExtraData) || !bytes.Equal(name, c.Name) {
			t.Fatalf("extraData %x and name %x of %+v", extraData, name, c)
		}
	})
}

// A length that promises more than there is costs nothing.
func TestTPMLengthsCostNothing(t *testing.T) {
	huge := bytes.Repeat([]byte{0xFF}, 64)
	area := append([]byte{0, 1, 0, 0x0B, 0, 0, 0, 0}, huge...)
	info := append([]byte{0xFF, 0x54, 0x43, 0x47, 0x80, 0x17}, huge...)
	allocated := testing.AllocsPerRun(100, func() {
		if webauthn.ParseTPMPublic(area) == nil || parseCertInfo(info) == nil {
			t.Error("accepted")
		}
	})
	if allocated > 8 { // the structures themselves, and the name of the object
		t.Errorf("%v allocations", allocated)
	}
}

// A statement of which every structure is cut, and properly signed and named again,
// is refused; nothing panics.
func TestTPMStatementTruncated(t *testing.T) {
	m := newTPM(t)
	whole := m.public.Bytes()
	for n := range whole {
		m.members = func(all map[string][]byte) { all["pubArea"] = cBytes(whole[:n]) }
		_, err := m.judge(t)
		wantRefusal(t, err, webauthn.ReasonTPMPubArea, "8.3/2")
	}
	var certInfo []byte
	m.certInfo = func(c *softkey.TPMCertInfo) { certInfo = c.Bytes() }
	m.members = nil
	m.attestationObject(t)
	der := m.aikCertificate(t)
	for n := range certInfo {
		m.members = func(all map[string][]byte) {
			all["certInfo"], all["sig"] = cBytes(certInfo[:n]), cBytes(signAs(t, m.alg, m.aik, certInfo[:n]))
			all["x5c"] = cArray(cBytes(der))
		}
		_, err := m.judge(t)
		wantRefusal(t, err, webauthn.ReasonTPMCertInfo, "8.3/5")
	}
}

// tpmSeeds calls add with a member of the standard's statements of format tpm.
func tpmSeeds(f *testing.F, member string, add func([]byte)) {
	f.Helper()
	for _, v := range vectors(f) {
		if v.format != "tpm" || v.Kind != "registration" {
			continue
		}
		var doc struct{ Response map[string]any }
		if err := json.Unmarshal(v.Response, &doc); err != nil {
			f.Fatal(err)
		}
		raw, err := base64.RawURLEncoding.DecodeString(doc.Response["attestationObject"].(string))
		if err != nil {
			f.Fatal(err)
		}
		// A byte string of 24 to 255 bytes.
		_, rest, ok := bytes.Cut(raw, cText(member))
		if !ok || rest[0] != 0x58 {
			f.Fatalf("no %s in %s", member, v.ID)
		}
		add(rest[2:][:rest[1]])
	}
}

func FuzzTPMCertInfo(f *testing.F) {
	m := newTPM(f)
	m.certInfo = func(c *softkey.TPMCertInfo) { f.Add(c.Bytes()) }
	m.attestationObject(f)
	tpmSeeds(f, "certInfo", func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, data []byte) {
		extraData, name, err := webauthn.ParseTPMCertInfo(data)
		if err != nil {
			if extraData != nil || name != nil {
				t.Errorf("error %v came with %x and %x", err, extraData, name)
			}
			return
		}
		onlyWhole(t, "certInfo", parseCertInfo, data)
	})
}

func FuzzTPMPubArea(f *testing.F) {
	m := newTPM(f)
	f.Add(m.public.Bytes())
	m.public.Scheme, m.public.Symmetric, m.public.KDF = []uint16{0x1A, 0x0B, 1}, []uint16{6, 128, 0x43}, []uint16{0x20, 0x0B}
	f.Add(m.public.Bytes())
	public := tpmPublicOf(f, newRSAKey(f).Public())
	f.Add(public.Bytes())
	tpmSeeds(f, "pubArea", func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, data []byte) {
		if webauthn.ParseTPMPublic(data) == nil {
			onlyWhole(t, "pubArea", webauthn.ParseTPMPublic, data)
		}
	})
}
