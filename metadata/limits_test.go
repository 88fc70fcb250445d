package metadata_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"bestow.dev/metadata"
	"bestow.dev/test/hostile"
)

// What nobody has vouched for yet, a BLOB's envelope, costs no more memory than
// [hostile.Limit] says.
func TestLimitsOfTheEnvelope(t *testing.T) {
	good := newDraft()
	inHeader := func(name string) func(string) []byte {
		put := hostile.InMember(t, asJSON(good.header), name)
		return func(value string) []byte {
			return []byte(encode(put(value)) + "." + encode(asJSON(good.payload)) + "." + encode(make([]byte, 64)))
		}
	}
	const header = 40 << 10
	inputs := slices.Concat(
		hostile.JSON(header, inHeader("x5c")),
		hostile.JSON(header, inHeader("anything")),
		hostile.JSON(1<<20, nil),
		[]hostile.Input{
			{Name: "points", Data: bytes.Repeat([]byte("."), 1<<20)},
			{Name: "one long part", Data: bytes.Repeat([]byte("A"), 1<<20)},
			{Name: "a long payload of a stranger", Data: []byte(good.strangers(strings.Repeat("A", 1<<20)))},
			{Name: "a long signature", Data: []byte(good.strangers("e30") + strings.Repeat("A", 1<<20))},
			{Name: "too long", Data: make([]byte, metadata.MaxBLOBBytes+1)},
		})
	hostile.Check(t, inputs, func(data []byte) {
		if _, err := metadata.VerifyBLOB(data, good.options); err == nil {
			t.Error("accepted")
		}
		metadata.ChainURL(data)
	})
}

// strangers is a BLOB with that payload, in base64url, which the signer did not sign.
func (d *draft) strangers(payload string) string {
	return encode(asJSON(d.header)) + "." + payload + "." + encode(make([]byte, 64))
}

// What the service has signed, and what an operator hands in, keeps to the same limit: text
// of many small values is refused before an entry is made of each.
func TestLimitsOfThePayload(t *testing.T) {
	const length = 100 << 10
	good := newDraft()
	signed := func(put func(string) []byte) func(string) []byte {
		return func(value string) []byte {
			d := newDraft()
			d.rawPayload = put(value)
			return d.text()
		}
	}
	statement := asJSON(good.statement(0))
	for _, test := range []struct {
		name   string
		inputs []hostile.Input
		read   func(data []byte)
	}{
		{"BLOB", slices.Concat(
			hostile.JSON(length, signed(hostile.InMember(t, asJSON(good.payload), "entries"))),
			hostile.JSON(length, signed(hostile.InMember(t, asJSON(good.payload), "anything"))),
		), func(data []byte) { metadata.VerifyBLOB(data, good.options) }},
		{"entry", slices.Concat(
			hostile.JSON(length, func(v string) []byte { return []byte(v) }),
			hostile.JSON(length, hostile.InMember(t, asJSON(good.entry(0)), "statusReports")),
			hostile.JSON(length, hostile.InMember(t, asJSON(good.entry(0)), "biometricStatusReports")),
			hostile.JSON(length, hostile.InMember(t, asJSON(good.entry(1)), "attestationCertificateKeyIdentifiers")),
			hostile.JSON(length, hostile.InMember(t, asJSON(good.entry(0)), "anything")),
		), func(data []byte) {
			if e, _, err := metadata.ParseEntry(data); err == nil {
				e.StatusAt(now)
			}
		}},
		{"statement", slices.Concat(
			hostile.JSON(length, nil),
			hostile.JSON(length, hostile.InMember(t, statement, "attestationRootCertificates")),
			hostile.JSON(length, hostile.InMember(t, statement, "userVerificationDetails")),
			hostile.JSON(length, hostile.InMember(t, statement, "authenticatorGetInfo")),
			hostile.JSON(length, hostile.InMember(t, statement, "anything")),
		), func(data []byte) { metadata.ParseStatement(data) }},
	} {
		t.Run(test.name, func(t *testing.T) { hostile.Check(t, test.inputs, test.read) })
	}
}
