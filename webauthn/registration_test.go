package webauthn_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bestow.dev/cose"
	"bestow.dev/webauthn"
)

// TestRegistrationSteps walks §7.1: each case spoils one thing of a good registration.
func TestRegistrationSteps(t *testing.T) {
	type spoil = func(t *testing.T, m *madeRegistration)
	tests := []struct {
		name   string
		spoil  spoil
		reason webauthn.Reason
		step   string
	}{
		{"untouched", func(*testing.T, *madeRegistration) {}, "", ""},

		{"step 3: no JSON", func(_ *testing.T, m *madeRegistration) { m.body = []byte(`{`) }, webauthn.ReasonJSONMalformed, "7.1/3"},
		{"step 3: nothing", func(_ *testing.T, m *madeRegistration) { m.body = []byte{} }, webauthn.ReasonJSONMalformed, "7.1/3"},
		{"step 3: null", func(_ *testing.T, m *madeRegistration) { m.body = []byte(`null`) }, webauthn.ReasonJSONMalformed, "7.1/3"},
		{"step 3: an array", func(_ *testing.T, m *madeRegistration) { m.body = []byte(`[]`) }, webauthn.ReasonJSONMalformed, "7.1/3"},
		{"step 3: more after the response", func(t *testing.T, m *madeRegistration) { m.body = append(m.json(t), '{', '}') }, webauthn.ReasonJSONMalformed, "7.1/3"},
		{"step 3: member twice", func(t *testing.T, m *madeRegistration) {
			m.body = append([]byte(`{"type":"public-key",`), m.json(t)[1:]...)
		}, webauthn.ReasonJSONMalformed, "7.1/3"},
		{"step 3: no UTF-8", func(t *testing.T, m *madeRegistration) {
			m.body = append([]byte("{\"x\":\"\xff\","), m.json(t)[1:]...)
		}, webauthn.ReasonJSONMalformed, "7.1/3"},
		{"step 3: too long", func(t *testing.T, m *madeRegistration) { m.members["x"] = strings.Repeat("x", 300<<10) }, webauthn.ReasonJSONMalformed, "7.1/3"},
		{"step 3: no id", func(_ *testing.T, m *madeRegistration) { m.members["id"] = nil }, webauthn.ReasonJSONMalformed, "7.1/3"},
		{"step 3: no rawId", func(_ *testing.T, m *madeRegistration) { m.members["rawId"] = nil }, webauthn.ReasonJSONMalformed, "7.1/3"},
		{"step 3: empty id", func(_ *testing.T, m *madeRegistration) { m.members["id"], m.members["rawId"] = "", "" }, webauthn.ReasonJSONMalformed, "7.1/3"},
		{"step 3: id a number", func(_ *testing.T, m *madeRegistration) { m.members["id"] = 7 }, webauthn.ReasonJSONMalformed, "7.1/3"},
		{"step 3: id padded", func(_ *testing.T, m *madeRegistration) {
			m.members["id"] = b64(testCredentialID) + "=="
		}, webauthn.ReasonJSONBase64URL, "7.1/3"},
		{"step 3: id of another alphabet", func(_ *testing.T, m *madeRegistration) { m.members["id"] = "+/+/" }, webauthn.ReasonJSONBase64URL, "7.1/3"},
		{"step 3: id with unused bits set", func(_ *testing.T, m *madeRegistration) { m.members["id"] = "AB" }, webauthn.ReasonJSONBase64URL, "7.1/3"},
		{"step 3: id with a line end", func(_ *testing.T, m *madeRegistration) { m.members["id"] = "AA\nAA" }, webauthn.ReasonJSONBase64URL, "7.1/3"},
		{"step 3: id is not rawId", func(_ *testing.T, m *madeRegistration) { m.members["id"] = b64([]byte("other")) }, webauthn.ReasonCredentialIDMismatch, "7.1/3"},
		{"step 3: no type", func(_ *testing.T, m *madeRegistration) { m.members["type"] = nil }, webauthn.ReasonJSONMalformed, "7.1/3"},
		{"step 3: other type", func(_ *testing.T, m *madeRegistration) { m.members["type"] = "password" }, webauthn.ReasonCredentialType, "7.1/3"},
		{"step 3: no clientDataJSON", func(_ *testing.T, m *madeRegistration) { m.response["clientDataJSON"] = nil }, webauthn.ReasonJSONMalformed, "7.1/3"},
		{"step 3: clientDataJSON an object", func(_ *testing.T, m *madeRegistration) { m.response["clientDataJSON"] = m.client }, webauthn.ReasonJSONMalformed, "7.1/3"},
		{"step 3: no attestationObject", func(_ *testing.T, m *madeRegistration) { m.response["attestationObject"] = nil }, webauthn.ReasonJSONMalformed, "7.1/3"},
		{"step 3: attestationObject no base64url", func(_ *testing.T, m *madeRegistration) { m.response["attestationObject"] = "*" }, webauthn.ReasonJSONBase64URL, "7.1/3"},
		{"step 3: transports no list", func(_ *testing.T, m *madeRegistration) { m.response["transports"] = "usb" }, webauthn.ReasonJSONMalformed, "7.1/3"},
		{"step 3: unknown members", func(_ *testing.T, m *madeRegistration) { m.members["later"] = 1; m.response["later"] = 1 }, "", ""},
		{"step 3: member of another case", func(_ *testing.T, m *madeRegistration) {
			m.members["rawId"] = nil
			m.members["RAWID"] = b64(testCredentialID)
		}, webauthn.ReasonJSONMalformed, "7.1/3"},
		{"step 4: extension results a list", func(_ *testing.T, m *madeRegistration) { m.members["clientExtensionResults"] = []int{} }, webauthn.ReasonJSONMalformed, "7.1/3"},

		{"step 5: no UTF-8", func(_ *testing.T, m *madeRegistration) {
			m.clientBytes = append([]byte("{\"x\":\"\xff\","), m.client.bytes()[1:]...)
		}, webauthn.ReasonClientDataMalformed, "7.1/6"},
		{"step 5: byte order mark", func(_ *testing.T, m *madeRegistration) {
			m.clientBytes = append([]byte("\xef\xbb\xbf"), m.client.bytes()...)
		}, "", ""},
		{"step 5: two byte order marks", func(_ *testing.T, m *madeRegistration) {
			m.clientBytes = append([]byte("\xef\xbb\xbf\xef\xbb\xbf"), m.client.bytes()...)
		}, webauthn.ReasonClientDataMalformed, "7.1/6"},
		{"step 6: no JSON", func(_ *testing.T, m *madeRegistration) { m.clientBytes = []byte(`{"type"`) }, webauthn.ReasonClientDataMalformed, "7.1/6"},
		{"step 6: empty", func(_ *testing.T, m *madeRegistration) { m.clientBytes = []byte{} }, webauthn.ReasonClientDataMalformed, "7.1/6"},
		{"step 6: null", func(_ *testing.T, m *madeRegistration) { m.clientBytes = []byte(`null`) }, webauthn.ReasonClientDataMalformed, "7.1/6"},
		{"step 6: too long", func(_ *testing.T, m *madeRegistration) { m.client["extra"] = strings.Repeat("x", 64<<10) }, webauthn.ReasonClientDataMalformed, "7.1/6"},
		{"step 6: member twice", func(_ *testing.T, m *madeRegistration) {
			m.clientBytes = append([]byte(`{"type":"webauthn.create",`), m.client.bytes()[1:]...)
		}, webauthn.ReasonClientDataMalformed, "7.1/6"},
		{"step 6: no type", func(_ *testing.T, m *madeRegistration) { delete(m.client, "type") }, webauthn.ReasonClientDataMalformed, "7.1/6"},
		{"step 6: no challenge", func(_ *testing.T, m *madeRegistration) { delete(m.client, "challenge") }, webauthn.ReasonClientDataMalformed, "7.1/6"},
		{"step 6: challenge a number", func(_ *testing.T, m *madeRegistration) { m.client["challenge"] = 1 }, webauthn.ReasonClientDataMalformed, "7.1/6"},
		{"step 6: challenge null", func(_ *testing.T, m *madeRegistration) { m.client["challenge"] = nil }, webauthn.ReasonClientDataMalformed, "7.1/6"},
		{"step 6: no origin", func(_ *testing.T, m *madeRegistration) { delete(m.client, "origin") }, webauthn.ReasonClientDataMalformed, "7.1/6"},
		{"step 6: crossOrigin a string", func(_ *testing.T, m *madeRegistration) { m.client["crossOrigin"] = "false" }, webauthn.ReasonClientDataMalformed, "7.1/6"},
		{"step 6: crossOrigin null", func(_ *testing.T, m *madeRegistration) { m.client["crossOrigin"] = nil }, webauthn.ReasonClientDataMalformed, "7.1/6"},
		{"step 6: topOrigin null", func(_ *testing.T, m *madeRegistration) { m.client["topOrigin"] = nil }, webauthn.ReasonClientDataMalformed, "7.1/6"},
		{"step 6: empty topOrigin", func(_ *testing.T, m *madeRegistration) { m.client["topOrigin"] = "" }, webauthn.ReasonClientDataMalformed, "7.1/6"},
		{"step 6: unknown members", func(_ *testing.T, m *madeRegistration) {
			m.client["extraData"] = map[string]any{"a": nil}
			m.client["tokenBinding"] = map[string]any{"status": "supported"}
		}, "", ""},

		{"step 7: type of an authentication", func(_ *testing.T, m *madeRegistration) { m.client["type"] = "webauthn.get" }, webauthn.ReasonClientDataType, "7.1/7"},
		{"step 8: other challenge", func(_ *testing.T, m *madeRegistration) { m.exp.Challenge = []byte("other") }, webauthn.ReasonChallenge, "7.1/8"},
		{"step 6: empty challenge", func(_ *testing.T, m *madeRegistration) { m.client["challenge"] = "" }, webauthn.ReasonClientDataMalformed, "7.1/6"},
		{"step 8: challenge cut short", func(_ *testing.T, m *madeRegistration) { m.client["challenge"] = b64(testChallenge[:31]) }, webauthn.ReasonChallenge, "7.1/8"},
		{"step 8: challenge padded", func(_ *testing.T, m *madeRegistration) { m.client["challenge"] = b64(testChallenge) + "=" }, webauthn.ReasonChallenge, "7.1/8"},
		{"step 8: no challenge was issued", func(_ *testing.T, m *madeRegistration) { m.exp.Challenge = nil }, webauthn.ReasonInternal, "7.1/1"},
		{"step 9: other origin", func(_ *testing.T, m *madeRegistration) { m.client["origin"] = "https://evil.example" }, webauthn.ReasonOrigin, "7.1/9"},
		{"step 9: origin of another scheme", func(_ *testing.T, m *madeRegistration) { m.client["origin"] = "http://login.example.com" }, webauthn.ReasonOrigin, "7.1/9"},
		{"step 9: origin with a slash", func(_ *testing.T, m *madeRegistration) { m.client["origin"] = testOrigin + "/" }, webauthn.ReasonOrigin, "7.1/9"},
		{"step 9: origin in capitals", func(_ *testing.T, m *madeRegistration) { m.client["origin"] = "https://LOGIN.example.com" }, webauthn.ReasonOrigin, "7.1/9"},
		{"step 9: no origin is allowed", func(_ *testing.T, m *madeRegistration) { m.exp.RelyingParty.Origins = nil }, webauthn.ReasonOrigin, "7.1/9"},
		{"step 9: a second origin", func(_ *testing.T, m *madeRegistration) {
			m.client["origin"] = "android:apk-key-hash:x"
			m.exp.RelyingParty.Origins = append(m.exp.RelyingParty.Origins, "android:apk-key-hash:x")
		}, "", ""},
		{"step 10: in a frame", func(_ *testing.T, m *madeRegistration) { m.client["crossOrigin"] = true }, webauthn.ReasonCrossOrigin, "7.1/10"},
		{"step 10: in a frame, which is allowed", func(_ *testing.T, m *madeRegistration) {
			m.client["crossOrigin"] = true
			m.exp.RelyingParty.AllowCrossOrigin = true
		}, "", ""},
		{"step 10: no crossOrigin", func(_ *testing.T, m *madeRegistration) { delete(m.client, "crossOrigin") }, "", ""},
		{"step 11.1: top origin", func(_ *testing.T, m *madeRegistration) {
			m.client["topOrigin"] = "https://shop.example"
			m.exp.RelyingParty.TopOrigins = []string{"https://shop.example"}
		}, webauthn.ReasonCrossOrigin, "7.1/11.1"},
		{"step 11.2: other top origin", func(_ *testing.T, m *madeRegistration) {
			m.client["crossOrigin"], m.client["topOrigin"] = true, "https://evil.example"
			m.exp.RelyingParty.AllowCrossOrigin, m.exp.RelyingParty.TopOrigins = true, []string{"https://shop.example"}
		}, webauthn.ReasonTopOrigin, "7.1/11.2"},
		{"step 11.2: no top origin is known", func(_ *testing.T, m *madeRegistration) {
			m.client["crossOrigin"], m.client["topOrigin"] = true, "https://shop.example"
			m.exp.RelyingParty.AllowCrossOrigin = true
		}, webauthn.ReasonTopOrigin, "7.1/11.2"},
		{"step 11.2: top origin, which is allowed", func(_ *testing.T, m *madeRegistration) {
			m.client["crossOrigin"], m.client["topOrigin"] = true, "https://shop.example"
			m.exp.RelyingParty.AllowCrossOrigin, m.exp.RelyingParty.TopOrigins = true, []string{"https://shop.example"}
		}, "", ""},

		{"step 13: no CBOR", func(_ *testing.T, m *madeRegistration) { m.object = []byte{0xff} }, webauthn.ReasonCBORMalformed, "7.1/13"},
		{"step 13: empty", func(_ *testing.T, m *madeRegistration) { m.object = []byte{} }, webauthn.ReasonCBORMalformed, "7.1/13"},
		{"step 13: cut short", func(t *testing.T, m *madeRegistration) {
			o := m.attestationObject(t)
			m.object = o[:len(o)-1]
		}, webauthn.ReasonCBORMalformed, "7.1/13"},
		{"step 13: bytes after it", func(t *testing.T, m *madeRegistration) { m.object = append(m.attestationObject(t), 0) }, webauthn.ReasonCBORTrailingBytes, "7.1/13"},
		{"step 13: a list", func(_ *testing.T, m *madeRegistration) { m.object = cArray() }, webauthn.ReasonCBORMalformed, "7.1/13"},
		{"step 13: a list of three", func(_ *testing.T, m *madeRegistration) {
			m.object = cArray(cInt(1), cInt(2), cInt(3))
		}, webauthn.ReasonCBORMalformed, "7.1/13"},
		{"step 13: no fmt", func(t *testing.T, m *madeRegistration) {
			m.object = cMap(pair{cText("attStmt"), cMap()}, pair{cText("authData"), cBytes(m.auth.bytes())})
		}, webauthn.ReasonCBORMalformed, "7.1/13"},
		{"step 13: fmt a number", func(t *testing.T, m *madeRegistration) {
			m.object = cMap(pair{cText("fmt"), cInt(1)}, pair{cText("attStmt"), cMap()}, pair{cText("authData"), cBytes(m.auth.bytes())})
		}, webauthn.ReasonCBORMalformed, "7.1/13"},
		{"step 13: authData text", func(t *testing.T, m *madeRegistration) {
			m.object = cMap(pair{cText("fmt"), cText("none")}, pair{cText("attStmt"), cMap()}, pair{cText("authData"), cText("x")})
		}, webauthn.ReasonCBORMalformed, "7.1/13"},
		{"step 13: a fourth member", func(t *testing.T, m *madeRegistration) {
			m.object = cMap(pair{cText("fmt"), cText("none")}, pair{cText("attStmt"), cMap()}, pair{cText("authData"), cBytes(m.auth.bytes())}, pair{cText("x"), cInt(1)})
		}, webauthn.ReasonCBORMalformed, "7.1/13"},
		{"step 13: keys by number", func(t *testing.T, m *madeRegistration) {
			m.object = cMap(pair{cInt(1), cText("none")}, pair{cInt(2), cBytes(m.auth.bytes())}, pair{cInt(3), cMap()})
		}, webauthn.ReasonCBORMalformed, "7.1/13"},
		{"step 13: keys unsorted", func(t *testing.T, m *madeRegistration) {
			m.object = cRawMap(pair{cText("attStmt"), cMap()}, pair{cText("fmt"), cText("none")}, pair{cText("authData"), cBytes(m.auth.bytes())})
		}, webauthn.ReasonCBORNotCanonical, "7.1/13"},
		{"step 13: key twice", func(t *testing.T, m *madeRegistration) {
			m.object = cRawMap(pair{cText("fmt"), cText("none")}, pair{cText("fmt"), cText("none")}, pair{cText("authData"), cBytes(m.auth.bytes())})
		}, webauthn.ReasonCBORDuplicateKey, "7.1/13"},
		{"step 13: key of key twice", func(t *testing.T, m *madeRegistration) {
			m.auth.key = cRawMap(pair{cInt(1), cInt(2)}, pair{cInt(1), cInt(2)})
		}, webauthn.ReasonCBORDuplicateKey, "7.1/13"},
		{"step 13: authenticator data too short", func(_ *testing.T, m *madeRegistration) { m.authBytes = make([]byte, 36) }, webauthn.ReasonAuthDataMalformed, "7.1/13"},
		{"step 13: no attested credential data", func(_ *testing.T, m *madeRegistration) { m.auth.key, m.auth.flags = nil, 0x05 }, webauthn.ReasonAttestedDataMissing, "7.1/13"},
		{"step 13: AT without data", func(_ *testing.T, m *madeRegistration) { m.auth.key = nil }, webauthn.ReasonAuthDataMalformed, "7.1/13"},
		{"step 13: credential ID beyond the data", func(_ *testing.T, m *madeRegistration) {
			m.authBytes = m.auth.bytes()
			m.authBytes[53] = 0xff
		}, webauthn.ReasonAuthDataMalformed, "7.1/13"},
		{"step 13: empty credential ID", func(_ *testing.T, m *madeRegistration) {
			m.auth.credentialID = nil
			m.members["id"], m.members["rawId"] = b64(testCredentialID), b64(testCredentialID)
		}, webauthn.ReasonAuthDataMalformed, "7.1/13"},
		{"step 13: no key", func(_ *testing.T, m *madeRegistration) { m.auth.key = []byte{} }, webauthn.ReasonAuthDataMalformed, "7.1/13"},
		{"step 13: key a list", func(_ *testing.T, m *madeRegistration) { m.auth.key = cArray() }, webauthn.ReasonCBORMalformed, "7.1/13"},
		{"step 13: ED without extensions", func(_ *testing.T, m *madeRegistration) { m.auth.flags |= 0x80 }, webauthn.ReasonAuthDataMalformed, "7.1/13"},
		{"step 13: extensions without ED", func(_ *testing.T, m *madeRegistration) { m.auth.extensions = cMap() }, webauthn.ReasonAuthDataTrailingBytes, "7.1/13"},
		{"step 13: extensions a list", func(_ *testing.T, m *madeRegistration) { m.auth.flags |= 0x80; m.auth.extensions = cArray() }, webauthn.ReasonAuthDataMalformed, "7.1/13"},
		{"step 13: extension named by number", func(_ *testing.T, m *madeRegistration) {
			m.auth.flags |= 0x80
			m.auth.extensions = cMap(pair{cInt(1), cInt(1)})
		}, webauthn.ReasonAuthDataMalformed, "7.1/13"},
		{"step 13: extensions unsorted", func(_ *testing.T, m *madeRegistration) {
			m.auth.flags |= 0x80
			m.auth.extensions = cRawMap(pair{cText("bb"), cInt(1)}, pair{cText("a"), cInt(1)})
		}, webauthn.ReasonCBORNotCanonical, "7.1/13"},
		{"step 13: authenticator data too long", func(_ *testing.T, m *madeRegistration) {
			m.auth.flags |= 0x80
			m.auth.extensions = cMap(pair{cText("x"), cBytes(make([]byte, 64<<10))})
		}, webauthn.ReasonAuthDataMalformed, "7.1/13"},
		{"step 13: bytes after authenticator data", func(_ *testing.T, m *madeRegistration) { m.auth.tail = []byte{0} }, webauthn.ReasonAuthDataTrailingBytes, "7.1/13"},

		{"step 14: other RP ID", func(_ *testing.T, m *madeRegistration) { m.auth.rpID = "evil.example" }, webauthn.ReasonRPIDHash, "7.1/14"},
		{"step 14: no RP ID is expected", func(_ *testing.T, m *madeRegistration) { m.auth.rpID, m.exp.RelyingParty.ID = "", "" }, webauthn.ReasonInternal, "7.1/1"},
		{"step 15: no touch", func(_ *testing.T, m *madeRegistration) { m.auth.flags &^= 0x01 }, webauthn.ReasonUserPresence, "7.1/15"},
		{"step 15: no touch, conditional create", func(_ *testing.T, m *madeRegistration) {
			m.auth.flags &^= 0x05
			m.exp.UserPresence = webauthn.UserPresenceOptional
			m.exp.UserVerification = webauthn.UserVerificationPreferred
		}, "", ""},
		{"step 15: presence by another word", func(_ *testing.T, m *madeRegistration) { m.auth.flags &^= 0x01; m.exp.UserPresence = "maybe" }, webauthn.ReasonUserPresence, "7.1/15"},
		{"step 16: user not verified", func(_ *testing.T, m *madeRegistration) { m.auth.flags &^= 0x04 }, webauthn.ReasonUserVerification, "7.1/16"},
		{"step 16: user not verified, nothing said", func(_ *testing.T, m *madeRegistration) { m.auth.flags &^= 0x04; m.exp.UserVerification = "" }, webauthn.ReasonUserVerification, "7.1/16"},
		{"step 16: user not verified, preferred", func(_ *testing.T, m *madeRegistration) {
			m.auth.flags &^= 0x04
			m.exp.UserVerification = webauthn.UserVerificationPreferred
		}, "", ""},
		{"step 16: user not verified, discouraged", func(_ *testing.T, m *madeRegistration) {
			m.auth.flags &^= 0x04
			m.exp.UserVerification = webauthn.UserVerificationDiscouraged
		}, "", ""},
		{"step 17: backed up, yet cannot be", func(_ *testing.T, m *madeRegistration) { m.auth.flags |= 0x10 }, webauthn.ReasonBackupFlags, "7.1/17"},
		{"step 17: backed up", func(_ *testing.T, m *madeRegistration) { m.auth.flags |= 0x18 }, "", ""},
		{"step 17: reserved bits", func(_ *testing.T, m *madeRegistration) { m.auth.flags |= 0x22 }, "", ""},

		{"step 20: algorithm not offered", func(_ *testing.T, m *madeRegistration) { m.exp.Algorithms = []cose.Algorithm{cose.EdDSA} }, webauthn.ReasonAlgorithmNotOffered, "7.1/20"},
		{"step 20: nothing offered, which means the defaults", func(_ *testing.T, m *madeRegistration) { m.exp.Algorithms = nil }, "", ""},
		{"step 20: nothing offered, and none of the defaults", func(t *testing.T, m *madeRegistration) {
			public, _, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			m.auth.key = coseKey(t, public)
			m.exp.Algorithms = nil
		}, webauthn.ReasonAlgorithmNotOffered, "7.1/20"},
		{"step 20: point not on the curve", func(t *testing.T, m *madeRegistration) {
			m.auth.key = coseEC2(-7, 1, bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{1}, 32))
		}, webauthn.ReasonPublicKeyInvalid, "7.1/20"},
		{"step 20: curve of another algorithm", func(t *testing.T, m *madeRegistration) {
			m.auth.key = bytes.Replace(m.auth.key, append(cInt(3), cInt(-7)...), append(cInt(3), 0x38, 0x22), 1)
		}, webauthn.ReasonPublicKeyInvalid, "7.1/20"},
		{"step 20: key without algorithm", func(t *testing.T, m *madeRegistration) {
			m.auth.key = cMap(pair{cInt(1), cInt(2)})
		}, webauthn.ReasonPublicKeyInvalid, "7.1/20"},
		{"step 21: unknown format", func(_ *testing.T, m *madeRegistration) { m.format = "magic" }, webauthn.ReasonAttestationFormatUnknown, "7.1/21"},
		{"step 21: format in capitals", func(_ *testing.T, m *madeRegistration) { m.format = "None" }, webauthn.ReasonAttestationFormatUnknown, "7.1/21"},
		{"step 21: no format", func(_ *testing.T, m *madeRegistration) { m.format = "" }, webauthn.ReasonAttestationFormatUnknown, "7.1/21"},
		{"step 22: statement of none not empty", func(_ *testing.T, m *madeRegistration) {
			m.statement = func(testing.TB, *madeRegistration) []byte { return cMap(pair{cText("x"), cInt(1)}) }
		}, webauthn.ReasonAttestationStatementMalformed, "8.7"},
		{"step 22: statement of none a list", func(_ *testing.T, m *madeRegistration) {
			m.statement = func(testing.TB, *madeRegistration) []byte { return cArray() }
		}, webauthn.ReasonAttestationStatementMalformed, "8.7"},
		{"step 24: no attestation", func(_ *testing.T, m *madeRegistration) { m.exp.Trust.AcceptNone = false }, webauthn.ReasonAttestationUntrusted, "7.1/24"},
		{"step 24: no attestation, trust ignored", func(_ *testing.T, m *madeRegistration) {
			m.exp.Trust = webauthn.TrustPolicy{Attestation: webauthn.TrustIgnore}
		}, "", ""},
		{"step 25: credential ID of 1023 bytes", func(_ *testing.T, m *madeRegistration) { m.auth.credentialID = make([]byte, 1023) }, "", ""},
		{"step 25: credential ID of 1024 bytes", func(_ *testing.T, m *madeRegistration) { m.auth.credentialID = make([]byte, 1024) }, webauthn.ReasonCredentialIDTooLong, "7.1/25"},
		{"step 25: rawId of another credential", func(_ *testing.T, m *madeRegistration) {
			m.members["id"], m.members["rawId"] = b64([]byte("other")), b64([]byte("other"))
		}, webauthn.ReasonCredentialIDMismatch, "7.1/25"},
		{"step 28: unsolicited extensions", func(_ *testing.T, m *madeRegistration) {
			m.auth.flags |= 0x80
			m.auth.extensions = cMap(pair{cText("later"), cArray(cInt(1))})
			m.members["clientExtensionResults"] = map[string]any{"later": true}
		}, "", ""},
		{"step 28: less protected than insisted on", func(_ *testing.T, m *madeRegistration) {
			m.exp.CredProtect = webauthn.CredProtectRequired
			m.auth.flags |= 0x80
			m.auth.extensions = cMap(pair{cText("credProtect"), cInt(2)})
		}, webauthn.ReasonCredProtect, "7.1/28"},
		{"step 28: not protected at all", func(_ *testing.T, m *madeRegistration) {
			m.exp.CredProtect = webauthn.CredProtectOptionalWithIDList
		}, webauthn.ReasonCredProtect, "7.1/28"},
		{"step 28: protection level of another type", func(_ *testing.T, m *madeRegistration) {
			m.exp.CredProtect = webauthn.CredProtectOptionalWithIDList
			m.auth.flags |= 0x80
			m.auth.extensions = cMap(pair{cText("credProtect"), cText("3")})
		}, webauthn.ReasonCredProtect, "7.1/28"},
		{"step 28: more protected than insisted on", func(_ *testing.T, m *madeRegistration) {
			m.exp.CredProtect = webauthn.CredProtectOptionalWithIDList
			m.auth.flags |= 0x80
			m.auth.extensions = cMap(pair{cText("credProtect"), cInt(3)})
		}, "", ""},
		{"step 28: insisted on what all have", func(_ *testing.T, m *madeRegistration) { m.exp.CredProtect = webauthn.CredProtectOptional }, "", ""},
		{"step 28: no extension results", func(_ *testing.T, m *madeRegistration) { m.members["clientExtensionResults"] = nil }, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := newRegistration(t)
			test.spoil(t, m)
			reg, err := m.judge(t)
			wantRefusal(t, err, test.reason, test.step)
			if err != nil && reg != nil {
				t.Error("a refusal came with a registration")
			}
		})
	}
}

// TestRegistrationReport checks what is reported of a good registration (7.1/27, 7.1/28).
func TestRegistrationReport(t *testing.T) {
	m := newFull(t)
	m.auth.flags = 0xdd // UP, UV, BE, BS, AT, ED
	m.auth.signCount = 7
	m.auth.extensions = cMap(pair{cText("credProtect"), cInt(2)}, pair{cText("hmac-secret"), []byte{0xf5}}, pair{cText("minPinLength"), cInt(6)})
	m.members["authenticatorAttachment"] = "cross-platform"
	m.members["clientExtensionResults"] = map[string]any{"credProps": map[string]any{"rk": true}}
	m.response["transports"] = []string{"later", "usb"}

	reg, err := m.judge(t)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(reg.CredentialID, testCredentialID) || !bytes.Equal(reg.PublicKey, m.auth.key) || reg.Algorithm != cose.ES256 {
		t.Errorf("credential %x, key %x, algorithm %d", reg.CredentialID, reg.PublicKey, reg.Algorithm)
	}
	if reg.SignCount != 7 || reg.AAGUID != testAAGUID || reg.Flags != 0xdd {
		t.Errorf("counter %d, AAGUID %s, flags %#x", reg.SignCount, reg.AAGUID, reg.Flags)
	}
	if reg.Format != "packed" || reg.AttestationType != webauthn.AttestationBasic || !reg.Trusted {
		t.Errorf("format %s, type %s, trusted %t", reg.Format, reg.AttestationType, reg.Trusted)
	}
	root := sha256.Sum256(m.root.cert.Raw)
	if want := [][32]byte{sha256.Sum256(m.leaf.cert.Raw), root}; reg.Anchor != root || !slices.Equal(reg.Chain, want) {
		t.Errorf("anchor %x, chain %x; want chain %x", reg.Anchor, reg.Chain, want)
	}
	if level, ok := reg.Extensions.CredProtect(); !ok || level != webauthn.CredProtectOptionalWithIDList {
		t.Errorf("credProtect %d, %t", level, ok)
	}
	if n, ok := reg.Extensions.MinPINLength(); !ok || n != 6 {
		t.Errorf("minPinLength %d, %t", n, ok)
	}
	if !reg.Extensions.HMACSecret() {
		t.Error("hmac-secret not reported")
	}
	if reg.Discoverable == nil || !*reg.Discoverable {
		t.Error("credProps not reported")
	}
	if !slices.Equal(reg.Transports, []string{"later", "usb"}) || len(reg.Warnings) != 0 {
		t.Errorf("transports %q, warnings %q", reg.Transports, reg.Warnings)
	}
	if !bytes.Equal(reg.ClientDataJSON, m.clientJSON()) || len(reg.AttestationObject) == 0 {
		t.Error("what was received is not kept")
	}
}

// TestExtensionsJSON checks the form of extension outputs that people read.
func TestExtensionsJSON(t *testing.T) {
	m := newRegistration(t)
	m.auth.flags |= 0x80
	m.auth.extensions = cMap(
		pair{cText("a"), cArray(cInt(-1), cBytes([]byte{1, 2}), cText("x"), []byte{0xf4}, []byte{0xf6})},
		pair{cText("b"), cMap(pair{cInt(1), cInt(2)}, pair{cBytes([]byte{9}), cInt(3)})},
		pair{cText("credProtect"), cText("3")},
	)
	reg, err := m.judge(t)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(reg.Extensions)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"a":[-1,"AQI","x",false,null],"b":{"1":2,"CQ":3},"credProtect":"3"}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, ok := reg.Extensions.CredProtect(); ok {
		t.Error("credProtect of another type is reported")
	}
	if reg.Extensions.Len() != 3 || reg.Extensions.Raw("later") != nil {
		t.Error("wrong outputs")
	}

	none, err := json.Marshal(webauthn.Extensions{})
	if err != nil || string(none) != "{}" {
		t.Errorf("no extensions: %s, %v", none, err)
	}
}

// TestSecretResultsAreDropped checks that results of prf do not survive the parse.
func TestSecretResultsAreDropped(t *testing.T) {
	for _, prf := range []string{`{"enabled":true,"results":{"first":"c2VjcmV0"}}`, `"c2VjcmV0"`, `["c2VjcmV0"]`} {
		m := newRegistration(t)
		m.members["clientExtensionResults"] = map[string]any{
			"prf": json.RawMessage(prf), "hmacGetSecret": map[string]any{"output1": "c2VjcmV0"}, "credProps": map[string]any{},
		}
		resp, err := webauthn.ParseRegistrationResponse(m.json(t))
		if err != nil {
			t.Fatal(err)
		}
		if text := fmt.Sprintf("%s", resp.ClientExtensionResults); strings.Contains(text, "c2VjcmV0") {
			t.Errorf("prf %s: kept %s", prf, text)
		}
		if _, ok := resp.ClientExtensionResults["hmacGetSecret"]; ok {
			t.Error("results of hmacGetSecret are kept")
		}
		if _, ok := resp.ClientExtensionResults["credProps"]; !ok {
			t.Errorf("prf %s: other results are lost", prf)
		}
	}
}

// TestNoResponse checks that judging nothing is refused, not a crash.
func TestNoResponse(t *testing.T) {
	noStatement := &webauthn.RegistrationResponse{AuthenticatorData: &webauthn.AuthenticatorData{Attested: &webauthn.AttestedCredential{}}}
	for _, resp := range []*webauthn.RegistrationResponse{nil, {}, noStatement} {
		_, err := webauthn.JudgeRegistration(newRegistration(t).exp, resp)
		wantRefusal(t, err, webauthn.ReasonJSONMalformed, "7.1/3")
	}
	for _, resp := range []*webauthn.AuthenticationResponse{nil, {}} {
		_, err := webauthn.JudgeAuthentication(webauthn.AuthenticationExpectation{}, resp)
		wantRefusal(t, err, webauthn.ReasonJSONMalformed, "7.2/3")
	}
}

// TestRefusalsOfTheParse checks that what names no ceremony is refused by the parse
// already, so that a server need not spend one on it.
func TestRefusalsOfTheParse(t *testing.T) {
	for name, spoil := range map[string]func(*madeRegistration){
		"challenge padded":       func(m *madeRegistration) { m.client["challenge"] = b64(testChallenge) + "=" },
		"no attested credential": func(m *madeRegistration) { m.auth.key, m.auth.flags = nil, 0x05 },
		"no client data":         func(m *madeRegistration) { m.response["clientDataJSON"] = nil },
		"other credential type":  func(m *madeRegistration) { m.members["type"] = "x" },
		"object cut short":       func(m *madeRegistration) { m.object = []byte{0xa3} },
	} {
		m := newRegistration(t)
		spoil(m)
		resp, err := webauthn.ParseRegistrationResponse(m.json(t))
		if !isRefusal(err) || resp != nil {
			t.Errorf("%s: got %+v, %v; want a refusal", name, resp, err)
		}
	}
}

// TestRefusalText checks what a refusal tells the log, and that its cause is reachable.
func TestRefusalText(t *testing.T) {
	m := newRegistration(t)
	m.auth.key = coseEC2(-7, 1, make([]byte, 32), make([]byte, 32))
	_, err := m.judge(t)
	if text := err.Error(); !strings.HasPrefix(text, "webauthn: public_key_invalid at 7.1/20: the credential key is not usable: ") {
		t.Errorf("got %q", text)
	}
	if _, ok := errors.AsType[*cose.KeyError](err); !ok {
		t.Errorf("%v hides its cause", err)
	}
}
