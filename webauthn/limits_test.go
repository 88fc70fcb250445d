package webauthn_test

import (
	"bytes"
	"encoding/asn1"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bestow.dev/ctap/softkey"
	"bestow.dev/test/hostile"
	"bestow.dev/webauthn"
)

// Whatever a client sends, reading it costs no more memory than [hostile.Limit] says:
// 16 times its length and 64 KiB. What is read is judged as well, as a server would.
func TestLimits(t *testing.T) {
	const (
		client   = 60 << 10 // close to the longest client data and authenticator data
		response = 250 << 10
	)
	registration := newRegistration(t)
	assertion := newAssertion(t)
	register := func(data []byte) {
		if resp, err := webauthn.ParseRegistrationResponse(data); err == nil {
			webauthn.JudgeRegistration(registration.exp, resp)
		}
	}
	signIn := func(data []byte) {
		if resp, err := webauthn.ParseAuthenticationResponse(data); err == nil {
			webauthn.JudgeAuthentication(assertion.exp, resp)
		}
	}
	for _, test := range []struct {
		name   string
		inputs []hostile.Input
		read   func(data []byte)
	}{
		{"registration response", slices.Concat(
			hostile.JSON(response, nil),
			hostile.JSON(response, hostile.InMember(t, registration.json(t), "clientExtensionResults")),
			hostile.JSON(response, hostile.InMember(t, registration.json(t), "transports")),
			hostile.JSON(response, hostile.InMember(t, registration.json(t), "id")),
			hostile.JSON(response, hostile.InMember(t, registration.json(t), "anything")),
			namesInOtherCase(response),
		), register},
		{"assertion response", slices.Concat(
			hostile.JSON(response, nil),
			hostile.JSON(response, hostile.InMember(t, assertion.json(t), "clientExtensionResults")),
			hostile.JSON(response, hostile.InMember(t, assertion.json(t), "anything")),
			namesInOtherCase(response),
		), signIn},
		{"client data", slices.Concat(
			hostile.JSON(client, nil),
			hostile.JSON(client, hostile.InMember(t, registration.clientJSON(), "anything")),
			hostile.JSON(client, hostile.InMember(t, registration.clientJSON(), "topOrigin")),
			namesInOtherCase(client),
		), func(data []byte) { webauthn.ParseClientData(data) }},
		{"attestation object", slices.Concat(
			hostile.CBOR(client, nil),
			hostile.CBOR(client, inStatement(t, "packed")),
			hostile.CBOR(client, inStatementMember(t, "packed", "x5c")),
			hostile.CBOR(client, inStatementMember(t, "tpm", "x5c")),
			hostile.CBOR(client, inStatement(t, "compound")),
			compoundParts(t, client),
			extensionsIn(client),
		), func(data []byte) {
			resp, err := webauthn.ParseAttestationObject(data)
			if err != nil {
				return
			}
			resp.CredentialID = resp.AuthenticatorData.Attested.CredentialID
			resp.ClientData = webauthn.ClientData{Type: "webauthn.create", Challenge: testChallenge, Origin: testOrigin}
			webauthn.JudgeRegistration(registration.exp, resp)
		}},
		{"pubArea", tpmInputs(client), func(data []byte) { webauthn.ParseTPMPublic(data) }},
		{"certInfo", tpmInputs(client), func(data []byte) { webauthn.ParseTPMCertInfo(data) }},
		{"key description", slices.Concat(hostile.DER(15<<10, nil), hostile.DER(14<<10, authorizationsIn(t))), func(data []byte) { webauthn.ParseKeyDescription(data) }},
		{"SafetyNet response", slices.Concat(jwsInputs(7<<10), []hostile.Input{
			{Name: "points", Data: bytes.Repeat([]byte("."), 32<<10)},
			{Name: "too long", Data: bytes.Repeat([]byte("A"), 1<<20)},
		}), func(data []byte) { webauthn.ParseSafetyNetJWS(data) }},
	} {
		t.Run(test.name, func(t *testing.T) { hostile.Check(t, test.inputs, test.read) })
	}
}

// Servers make options, and desktops read them.
func TestLimitsOfOptions(t *testing.T) {
	const length = 60 << 10
	hostile.Check(t, slices.Concat(
		hostile.JSON(length, nil),
		hostile.JSON(length, hostile.InMember(t, []byte(goodCreation), "excludeCredentials")),
		hostile.JSON(length, hostile.InMember(t, []byte(goodCreation), "extensions")),
		hostile.JSON(length, hostile.InMember(t, []byte(goodCreation), "pubKeyCredParams")),
	), func(data []byte) { webauthn.ParseCreationOptions(data) })
}

// namesInOtherCase has members whose names differ from known ones in case alone.
func namesInOtherCase(n int) []hostile.Input {
	var b bytes.Buffer
	b.WriteString(`{"x":{}`)
	for i := 0; b.Len() < n; i++ {
		// Every way to write clientExtensionResults in two cases is a name of its own.
		name := []byte("clientExtensionResults")
		for bit := range name {
			if i>>bit&1 == 1 {
				name[bit] ^= 0x20
			}
		}
		fmt.Fprintf(&b, `,"%s":0`, name)
	}
	b.WriteByte('}')
	return []hostile.Input{{Name: "names in other case", Data: b.Bytes()}}
}

// inStatement puts an item where the statement of an attestation object stands.
func inStatement(t testing.TB, format string) func([]byte) []byte {
	t.Helper()
	auth := newRegistration(t).auth.bytes()
	return func(item []byte) []byte {
		return cMap(pair{cText("fmt"), cText(format)}, pair{cText("attStmt"), item}, pair{cText("authData"), cBytes(auth)})
	}
}

// inStatementMember puts an item in place of a member of the statement.
func inStatementMember(t testing.TB, format, name string) func([]byte) []byte {
	t.Helper()
	around := inStatement(t, format)
	return func(item []byte) []byte { return around(cMap(pair{cText(name), item})) }
}

// compoundParts are many small parts, and few of many certificates.
func compoundParts(t testing.TB, n int) []hostile.Input {
	t.Helper()
	around := inStatement(t, "compound")
	part := cMap(pair{cText("fmt"), cText("none")}, pair{cText("attStmt"), cMap()})
	var many [][]byte
	for range n / len(part) {
		many = append(many, part)
	}
	a := newFull(t)
	var certificates []pair
	leaf := a.attestation(t)
	list := make([][]byte, 8)
	for i := range list {
		list[i] = cBytes(leaf.cert.Raw)
	}
	certificates = append(certificates,
		pair{cText("alg"), cInt(-7)}, pair{cText("sig"), cBytes(make([]byte, 70))}, pair{cText("x5c"), cArray(list...)})
	full := cMap(pair{cText("fmt"), cText("packed")}, pair{cText("attStmt"), cMap(certificates...)})
	return []hostile.Input{
		{Name: "parts", Data: around(cArray(many...))},
		{Name: "8 parts", Data: around(cArray(many[:8]...))},
		{Name: "8 parts of 8 certificates", Data: around(cArray(full, full, full, full, full, full, full, full))},
		{Name: "8 certificates", Data: inStatement(t, "packed")(cMap(certificates...))},
	}
}

// extensionsIn are attestation objects with hostile extension outputs.
func extensionsIn(n int) []hostile.Input {
	return hostile.CBOR(n, func(item []byte) []byte {
		a := authData{rpID: testRPID, flags: 0xc5, aaguid: testAAGUID, credentialID: testCredentialID, key: cMap(), extensions: cMap(pair{cText("x"), item})}
		return cMap(pair{cText("fmt"), cText("none")}, pair{cText("attStmt"), cMap()}, pair{cText("authData"), cBytes(a.bytes())})
	})
}

// tpmInputs are structures whose lengths promise more than there is, or all there is.
func tpmInputs(n int) []hostile.Input {
	var all []hostile.Input
	for _, start := range [][]byte{
		{0, 1, 0, 0x0B, 0, 0, 0, 0},                // RSA, SHA-256
		{0, 0x23, 0, 0x0D, 0, 0, 0, 0},             // ECC, SHA-512
		{0xFF, 0x54, 0x43, 0x47, 0x80, 0x17, 0, 0}, // an attestation about a key
	} {
		for _, length := range []int{0, 1, n - len(start) - 2, 0xffff} {
			data := binary.BigEndian.AppendUint16(bytes.Clone(start), uint16(length))
			data = append(data, make([]byte, n-len(data))...)
			all = append(all, hostile.Input{Name: fmt.Sprintf("%x, length %d", start[:4], length), Data: data})
		}
	}
	return all
}

// authorizationsIn puts an element into the list of a key description.
func authorizationsIn(t testing.TB) func([]byte) []byte {
	t.Helper()
	return func(element []byte) []byte {
		head := hostile.Element(asn1.TagInteger, []byte{1})
		level := hostile.Element(asn1.TagEnum, []byte{1})
		empty := hostile.Element(asn1.TagOctetString, nil)
		list := hostile.Element(asn1.TagSequence|0x20, element)
		return hostile.Element(asn1.TagSequence|0x20, slices.Concat(head, level, head, level, empty, empty, list, hostile.Element(asn1.TagSequence|0x20, nil)))
	}
}

// jwsInputs have a hostile header or payload. In base64 twice, they are close to the longest.
func jwsInputs(n int) []hostile.Input {
	header, payload := `{"alg":"RS256","x5c":["AAAA"]}`, `{"nonce":""}`
	jws := func(header, payload []byte) []byte { return []byte(b64(header) + "." + b64(payload) + ".AAAA") }
	inHeader := func(name string) func(string) []byte {
		return func(v string) []byte {
			return jws(fmt.Appendf(nil, `{"alg":"RS256",%q:%s}`, name, v), []byte(payload))
		}
	}
	return slices.Concat(
		hostile.JSON(n, inHeader("x5c")),
		hostile.JSON(n, inHeader("anything")),
		hostile.JSON(2*n, func(v string) []byte { return jws([]byte(header), []byte(v)) }),
	)
}

// A verdict may cost what its signatures cost, and no chain, list or key that a client or
// an operator brings makes it cost without end. The bounds are counts of signature checks
// (see findPath), so that what is printed here is of interest where they change.
func TestJudgementOfHostileChains(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, a *attested)
	}{
		{"eight certificates of one name", func(t *testing.T, a *attested) {
			for range 7 {
				a.extra = append(a.extra, issue(t, caTemplate("Example Root"), newKey(t), nil).cert)
			}
		}},
		{"a hundred anchors of the issuer's name", func(t *testing.T, a *attested) {
			a.exp.Trust.Anchors = nil
			for range 100 {
				a.exp.Trust.Anchors = append(a.exp.Trust.Anchors, issue(t, caTemplate("Example Root"), newKey(t), nil).cert)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newFull(t)
			test.spoil(t, a)
			body := a.json(t)
			hostile.Check(t, []hostile.Input{{Name: test.name, Data: body}}, func(data []byte) {
				resp, err := webauthn.ParseRegistrationResponse(data)
				if err != nil {
					t.Fatal(err)
				}
				webauthn.JudgeRegistration(a.exp, resp)
			})
		})
	}
}

// The statements of every format, as good as they are, stay within the same limit.
func TestLimitsOfGoodRegistrations(t *testing.T) {
	var inputs []hostile.Input
	exps := map[string]webauthn.RegistrationExpectation{}
	for _, attestation := range []softkey.Attestation{
		softkey.AttestNone, softkey.AttestSelf, softkey.AttestPacked, softkey.AttestU2F, softkey.AttestTPM,
		softkey.AttestAndroidKey, softkey.AttestApple, softkey.AttestSafetyNet, softkey.AttestCompound,
	} {
		s := newSoft(t, attestation)
		s.make(t)
		body := s.json(t)
		exps[string(body)] = s.exp
		inputs = append(inputs, hostile.Input{Name: fmt.Sprint(attestation), Data: body})
	}
	hostile.Check(t, inputs, func(data []byte) {
		resp, err := webauthn.ParseRegistrationResponse(data)
		if err != nil {
			t.Fatal(err)
		}
		webauthn.JudgeRegistration(exps[string(data)], resp)
	})
}

// More values than honest responses have are refused, wherever they stand.
func TestTooManyValues(t *testing.T) {
	list := func(n int) string { return "[" + strings.Repeat("0,", n-1) + "0]" }
	for _, test := range []struct {
		name   string
		spoil  func(m *madeRegistration, n int)
		few    int // as many as may be added
		reason webauthn.Reason
	}{
		{"7.1/3: the response", func(m *madeRegistration, n int) { m.members["x"] = json.RawMessage(list(n)) }, 1000 - 11, webauthn.ReasonJSONMalformed},
		{"7.1/6: client data", func(m *madeRegistration, n int) { m.client["x"] = json.RawMessage(list(n)) }, 1000 - 6, webauthn.ReasonClientDataMalformed},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newRegistration(t)
			test.spoil(m, test.few)
			if _, err := m.judge(t); err != nil {
				t.Fatalf("%d more: %v", test.few, err)
			}
			test.spoil(m, test.few+1)
			_, err := m.judge(t)
			refusal, ok := errors.AsType[*webauthn.VerificationError](err)
			if !ok || refusal.Reason != test.reason {
				t.Errorf("%d more: %v, want %s", test.few+1, err, test.reason)
			}
		})
	}
	for _, jws := range []string{
		b64(document(`{"alg":"RS256","x5c":["AAAA"],"x":%s}`, list(1000))) + "." + b64([]byte(`{"nonce":""}`)) + ".AAAA",
		b64([]byte(`{"alg":"RS256","x5c":["AAAA"]}`)) + "." + b64(document(`{"nonce":"","x":%s}`, list(1000))) + ".AAAA",
	} {
		if j, err := webauthn.ParseSafetyNetJWS([]byte(jws)); err == nil {
			t.Errorf("accepted %+v", j)
		}
	}
}
