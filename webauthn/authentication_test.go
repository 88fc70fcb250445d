package webauthn_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"testing"

	"bestow.dev/cose"
	"bestow.dev/webauthn"
)

// madeAssertion is an assertion that is yet to be put together, and what it is to be
// judged by. Untouched, it is good.
type madeAssertion struct {
	exp    webauthn.AuthenticationExpectation
	client clientData
	auth   authData
	key    *ecdsa.PrivateKey

	// What replaces the bytes made from the above, if set.
	clientBytes []byte
	authBytes   []byte
	signature   []byte
	body        []byte

	// JSON members that are added or, if nil, left out.
	members  map[string]any
	response map[string]any
}

func newAssertion(t testing.TB) *madeAssertion {
	t.Helper()
	key := newKey(t)
	return &madeAssertion{
		exp: webauthn.AuthenticationExpectation{
			RelyingParty:     webauthn.RelyingParty{ID: testRPID, Origins: []string{testOrigin}},
			Challenge:        testChallenge,
			UserVerification: webauthn.UserVerificationRequired,
			AllowCredentials: [][]byte{[]byte("another credential"), testCredentialID},
			UserKnown:        true,
			Credential: webauthn.CredentialRecord{
				ID: testCredentialID, PublicKey: coseKey(t, key.Public()), SignCount: 4, UserHandle: testHandle,
			},
		},
		client:   clientData{"type": "webauthn.get", "challenge": b64(testChallenge), "origin": testOrigin, "crossOrigin": false},
		auth:     authData{rpID: testRPID, flags: 0x05, signCount: 5},
		key:      key,
		members:  map[string]any{},
		response: map[string]any{},
	}
}

// json puts the whole response together.
func (m *madeAssertion) json(t testing.TB) []byte {
	t.Helper()
	if m.body != nil {
		return m.body
	}
	client, auth := m.client.bytes(), m.auth.bytes()
	if m.clientBytes != nil {
		client = m.clientBytes
	}
	if m.authBytes != nil {
		auth = m.authBytes
	}
	hash := sha256.Sum256(client)
	signature := sign(t, m.key, slices.Concat(auth, hash[:]))
	if m.signature != nil {
		signature = m.signature
	}
	response := map[string]any{
		"clientDataJSON": b64(client), "authenticatorData": b64(auth), "signature": b64(signature), "userHandle": b64(testHandle),
	}
	members := map[string]any{
		"id": b64(testCredentialID), "rawId": b64(testCredentialID), "type": "public-key", "clientExtensionResults": map[string]any{},
	}
	return marshal(t, members, m.members, response, m.response)
}

// judge parses and judges.
func (m *madeAssertion) judge(t testing.TB) (*webauthn.Authentication, error) {
	t.Helper()
	resp, err := webauthn.ParseAuthenticationResponse(m.json(t))
	if err != nil {
		return nil, err
	}
	return webauthn.JudgeAuthentication(m.exp, resp)
}

// TestAuthenticationSteps walks §7.2: each case spoils one thing of a good assertion.
func TestAuthenticationSteps(t *testing.T) {
	discoverable := func(m *madeAssertion) { m.exp.AllowCredentials, m.exp.UserKnown = nil, false }
	tests := []struct {
		name   string
		spoil  func(t *testing.T, m *madeAssertion)
		reason webauthn.Reason
		step   string
	}{
		{"untouched", func(*testing.T, *madeAssertion) {}, "", ""},

		{"step 3: no JSON", func(_ *testing.T, m *madeAssertion) { m.body = []byte(`"`) }, webauthn.ReasonJSONMalformed, "7.2/3"},
		{"step 3: member twice", func(t *testing.T, m *madeAssertion) {
			m.body = append([]byte(`{"type":"public-key",`), m.json(t)[1:]...)
		}, webauthn.ReasonJSONMalformed, "7.2/3"},
		{"step 3: no response", func(_ *testing.T, m *madeAssertion) { m.members["response"] = nil }, webauthn.ReasonJSONMalformed, "7.2/3"},
		{"step 3: no signature", func(_ *testing.T, m *madeAssertion) { m.response["signature"] = nil }, webauthn.ReasonJSONMalformed, "7.2/3"},
		{"step 3: no authenticatorData", func(_ *testing.T, m *madeAssertion) { m.response["authenticatorData"] = nil }, webauthn.ReasonJSONMalformed, "7.2/3"},
		{"step 3: no clientDataJSON", func(_ *testing.T, m *madeAssertion) { m.response["clientDataJSON"] = nil }, webauthn.ReasonJSONMalformed, "7.2/3"},
		{"step 3: signature of standard base64", func(_ *testing.T, m *madeAssertion) { m.response["signature"] = "+/==" }, webauthn.ReasonJSONBase64URL, "7.2/3"},
		{"step 3: userHandle padded", func(_ *testing.T, m *madeAssertion) { m.response["userHandle"] = "AA==" }, webauthn.ReasonJSONBase64URL, "7.2/3"},
		{"step 3: userHandle a number", func(_ *testing.T, m *madeAssertion) { m.response["userHandle"] = 1 }, webauthn.ReasonJSONMalformed, "7.2/3"},
		{"step 3: other type", func(_ *testing.T, m *madeAssertion) { m.members["type"] = "PUBLIC-KEY" }, webauthn.ReasonCredentialType, "7.2/3"},
		{"step 3: id is not rawId", func(_ *testing.T, m *madeAssertion) { m.members["id"] = "AAAA" }, webauthn.ReasonCredentialIDMismatch, "7.2/3"},
		{"step 4: extension results text", func(_ *testing.T, m *madeAssertion) { m.members["clientExtensionResults"] = "" }, webauthn.ReasonJSONMalformed, "7.2/3"},

		{"step 5: credential not offered", func(_ *testing.T, m *madeAssertion) { m.exp.AllowCredentials = [][]byte{[]byte("another")} }, webauthn.ReasonCredentialNotAllowed, "7.2/5"},
		{"step 5: none offered", func(_ *testing.T, m *madeAssertion) { m.exp.AllowCredentials = nil }, "", ""},
		{"step 6: record of another credential", func(_ *testing.T, m *madeAssertion) { m.exp.Credential.ID = []byte("another") }, webauthn.ReasonCredentialIDMismatch, "7.2/6"},
		{"step 6: no record", func(_ *testing.T, m *madeAssertion) { m.exp.Credential = webauthn.CredentialRecord{} }, webauthn.ReasonCredentialIDMismatch, "7.2/6"},
		{"step 6: user handle of another account", func(_ *testing.T, m *madeAssertion) { m.response["userHandle"] = b64([]byte("another")) }, webauthn.ReasonUserHandle, "7.2/6"},
		{"step 6: user handle, and the account has none", func(_ *testing.T, m *madeAssertion) { m.exp.Credential.UserHandle = nil }, webauthn.ReasonUserHandle, "7.2/6"},
		{"step 6: known user, no handle", func(_ *testing.T, m *madeAssertion) { m.response["userHandle"] = nil }, "", ""},
		{"step 6: known user, handle null", func(_ *testing.T, m *madeAssertion) { m.response["userHandle"] = json.RawMessage("null") }, "", ""},
		{"step 6: known user, handle empty", func(_ *testing.T, m *madeAssertion) { m.response["userHandle"] = "" }, "", ""},
		{"step 6: unknown user", func(_ *testing.T, m *madeAssertion) { discoverable(m) }, "", ""},
		{"step 6: unknown user, no handle", func(_ *testing.T, m *madeAssertion) {
			discoverable(m)
			m.response["userHandle"] = nil
		}, webauthn.ReasonUserHandle, "7.2/6"},
		{"step 6: unknown user, handle empty", func(_ *testing.T, m *madeAssertion) {
			discoverable(m)
			m.response["userHandle"] = ""
		}, webauthn.ReasonUserHandle, "7.2/6"},
		{"step 6: unknown user, handle and account's empty", func(_ *testing.T, m *madeAssertion) {
			discoverable(m)
			m.response["userHandle"] = ""
			m.exp.Credential.UserHandle = nil
		}, webauthn.ReasonUserHandle, "7.2/6"},
		{"step 6: unknown user, handle of another", func(_ *testing.T, m *madeAssertion) {
			discoverable(m)
			m.response["userHandle"] = b64([]byte("another"))
		}, webauthn.ReasonUserHandle, "7.2/6"},

		{"step 7: authenticator data too short", func(_ *testing.T, m *madeAssertion) { m.authBytes = make([]byte, 36) }, webauthn.ReasonAuthDataMalformed, "7.2/7"},
		{"step 7: bytes after authenticator data", func(_ *testing.T, m *madeAssertion) { m.auth.tail = []byte{0} }, webauthn.ReasonAuthDataTrailingBytes, "7.2/7"},
		{"step 7: AT without data", func(_ *testing.T, m *madeAssertion) { m.auth.flags |= 0x40 }, webauthn.ReasonAuthDataMalformed, "7.2/7"},
		{"step 7: attested credential data", func(t *testing.T, m *madeAssertion) {
			m.auth.flags |= 0x40
			m.auth.credentialID, m.auth.key = testCredentialID, coseKey(t, m.key.Public())
		}, webauthn.ReasonAuthDataMalformed, "7.2/7"},
		{"step 7: ED without extensions", func(_ *testing.T, m *madeAssertion) { m.auth.flags |= 0x80 }, webauthn.ReasonAuthDataMalformed, "7.2/7"},
		{"step 7: extension twice", func(_ *testing.T, m *madeAssertion) {
			m.auth.flags |= 0x80
			m.auth.extensions = cRawMap(pair{cText("a"), cInt(1)}, pair{cText("a"), cInt(1)})
		}, webauthn.ReasonCBORDuplicateKey, "7.2/7"},
		{"step 8: no UTF-8", func(_ *testing.T, m *madeAssertion) {
			m.clientBytes = append([]byte("{\"x\":\"\xff\","), m.client.bytes()[1:]...)
		}, webauthn.ReasonClientDataMalformed, "7.2/9"},
		{"step 8: byte order mark", func(_ *testing.T, m *madeAssertion) {
			m.clientBytes = append([]byte("\xef\xbb\xbf"), m.client.bytes()...)
		}, "", ""},
		{"step 9: no JSON", func(_ *testing.T, m *madeAssertion) { m.clientBytes = []byte(`{}{}`) }, webauthn.ReasonClientDataMalformed, "7.2/9"},
		{"step 10: type of a registration", func(_ *testing.T, m *madeAssertion) { m.client["type"] = "webauthn.create" }, webauthn.ReasonClientDataType, "7.2/10"},
		{"step 11: other challenge", func(_ *testing.T, m *madeAssertion) { m.exp.Challenge = []byte("other") }, webauthn.ReasonChallenge, "7.2/11"},
		{"step 11: no challenge was issued", func(_ *testing.T, m *madeAssertion) { m.exp.Challenge = []byte{} }, webauthn.ReasonInternal, "7.2/1"},
		{"step 12: other origin", func(_ *testing.T, m *madeAssertion) { m.client["origin"] = "https://login.example.com.evil.example" }, webauthn.ReasonOrigin, "7.2/12"},
		{"step 13: in a frame", func(_ *testing.T, m *madeAssertion) { m.client["crossOrigin"] = true }, webauthn.ReasonCrossOrigin, "7.2/13"},
		{"step 14.1: top origin", func(_ *testing.T, m *madeAssertion) { m.client["topOrigin"] = "https://shop.example" }, webauthn.ReasonCrossOrigin, "7.2/14.1"},
		{"step 14.2: other top origin", func(_ *testing.T, m *madeAssertion) {
			m.client["crossOrigin"], m.client["topOrigin"] = true, "https://evil.example"
			m.exp.RelyingParty.AllowCrossOrigin, m.exp.RelyingParty.TopOrigins = true, []string{"https://shop.example"}
		}, webauthn.ReasonTopOrigin, "7.2/14.2"},
		{"step 15: other RP ID", func(_ *testing.T, m *madeAssertion) { m.auth.rpID = "example.com" }, webauthn.ReasonRPIDHash, "7.2/15"},
		{"step 15: AppID that was acted upon", func(_ *testing.T, m *madeAssertion) {
			m.exp.AppID, m.auth.rpID = "https://login.example.com/app.json", "https://login.example.com/app.json"
			m.members["clientExtensionResults"] = map[string]any{"appid": true}
		}, "", ""},
		{"step 15: AppID that was not acted upon", func(_ *testing.T, m *madeAssertion) {
			m.exp.AppID, m.auth.rpID = "https://login.example.com/app.json", "https://login.example.com/app.json"
			m.members["clientExtensionResults"] = map[string]any{"appid": false}
		}, webauthn.ReasonRPIDHash, "7.2/15"},
		{"step 15: AppID acted upon, yet the RP ID", func(_ *testing.T, m *madeAssertion) {
			m.exp.AppID = "https://login.example.com/app.json"
			m.members["clientExtensionResults"] = map[string]any{"appid": true}
		}, webauthn.ReasonRPIDHash, "7.2/15"},
		{"step 15: AppID nobody asked for", func(_ *testing.T, m *madeAssertion) {
			m.auth.rpID = ""
			m.members["clientExtensionResults"] = map[string]any{"appid": true}
		}, webauthn.ReasonRPIDHash, "7.2/15"},
		{"step 15: AppID asked for, not answered", func(_ *testing.T, m *madeAssertion) { m.exp.AppID = "https://login.example.com/app.json" }, "", ""},
		{"step 16: no touch", func(_ *testing.T, m *madeAssertion) { m.auth.flags &^= 0x01 }, webauthn.ReasonUserPresence, "7.2/16"},
		{"step 16: no touch, which is optional", func(_ *testing.T, m *madeAssertion) {
			m.auth.flags &^= 0x01
			m.exp.UserPresence = webauthn.UserPresenceOptional
		}, "", ""},
		{"step 17: user not verified", func(_ *testing.T, m *madeAssertion) { m.auth.flags &^= 0x04 }, webauthn.ReasonUserVerification, "7.2/17"},
		{"step 17: user not verified, nothing said", func(_ *testing.T, m *madeAssertion) { m.auth.flags &^= 0x04; m.exp.UserVerification = "" }, webauthn.ReasonUserVerification, "7.2/17"},
		{"step 17: user not verified, preferred", func(_ *testing.T, m *madeAssertion) {
			m.auth.flags &^= 0x04
			m.exp.UserVerification = webauthn.UserVerificationPreferred
		}, "", ""},
		{"step 18: backed up, yet cannot be", func(_ *testing.T, m *madeAssertion) { m.auth.flags |= 0x10 }, webauthn.ReasonBackupFlags, "7.2/18"},
		{"step 19: can be backed up, and could not", func(_ *testing.T, m *madeAssertion) { m.auth.flags |= 0x08 }, webauthn.ReasonBackupFlags, "7.2/19"},
		{"step 19: cannot be backed up, and could", func(_ *testing.T, m *madeAssertion) { m.exp.Credential.BackupEligible = true }, webauthn.ReasonBackupFlags, "7.2/19"},
		{"step 19: no longer backed up", func(_ *testing.T, m *madeAssertion) {
			m.exp.Credential.BackupEligible, m.exp.Credential.BackupState = true, true
			m.auth.flags |= 0x08
		}, "", ""},
		{"step 20: other client data than was signed", func(t *testing.T, m *madeAssertion) {
			client := m.client.bytes()
			m.response["clientDataJSON"] = b64(append(client[:len(client)-1], " }"...))
		}, webauthn.ReasonAssertionSignature, "7.2/21"},
		{"step 21: other authenticator data than was signed", func(t *testing.T, m *madeAssertion) {
			m.auth.signCount = 6
			m.response["authenticatorData"] = b64(m.auth.bytes())
			m.auth.signCount = 5
		}, webauthn.ReasonAssertionSignature, "7.2/21"},
		{"step 21: signature of another key", func(t *testing.T, m *madeAssertion) { m.key = newKey(t) }, webauthn.ReasonAssertionSignature, "7.2/21"},
		{"step 21: empty signature", func(_ *testing.T, m *madeAssertion) { m.signature = []byte{} }, webauthn.ReasonAssertionSignature, "7.2/21"},
		{"step 21: bytes after the signature", func(t *testing.T, m *madeAssertion) {
			hash := sha256.Sum256(m.client.bytes())
			m.signature = append(sign(t, m.key, slices.Concat(m.auth.bytes(), hash[:])), 0)
		}, webauthn.ReasonAssertionSignature, "7.2/21"},
		{"step 21: stored key not usable", func(_ *testing.T, m *madeAssertion) { m.exp.Credential.PublicKey = cMap() }, webauthn.ReasonPublicKeyInvalid, "7.2/21"},
		{"step 21: no stored key", func(_ *testing.T, m *madeAssertion) { m.exp.Credential.PublicKey = nil }, webauthn.ReasonPublicKeyInvalid, "7.2/21"},
		{"step 21: reserved bits", func(_ *testing.T, m *madeAssertion) { m.auth.flags |= 0x22 }, "", ""},
		{"step 22: counter did not grow", func(_ *testing.T, m *madeAssertion) { m.auth.signCount = 4 }, webauthn.ReasonSignCount, "7.2/22"},
		{"step 22: counter went back to zero", func(_ *testing.T, m *madeAssertion) { m.auth.signCount = 0 }, webauthn.ReasonSignCount, "7.2/22"},
		{"step 22: no counter", func(_ *testing.T, m *madeAssertion) { m.auth.signCount, m.exp.Credential.SignCount = 0, 0 }, "", ""},
		{"step 22: a counter appeared", func(_ *testing.T, m *madeAssertion) { m.exp.Credential.SignCount = 0 }, "", ""},
		{"step 23: unsolicited extensions", func(_ *testing.T, m *madeAssertion) {
			m.auth.flags |= 0x80
			m.auth.extensions = cMap(pair{cText("later"), cInt(1)})
			m.members["clientExtensionResults"] = map[string]any{"later": []int{1}}
		}, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := newAssertion(t)
			test.spoil(t, m)
			auth, err := m.judge(t)
			wantRefusal(t, err, test.reason, test.step)
			if err != nil && auth != nil {
				t.Error("a refusal came with an authentication")
			}
		})
	}
}

// TestAuthenticationReport checks what is reported of a good assertion (7.2/24).
func TestAuthenticationReport(t *testing.T) {
	m := newAssertion(t)
	m.exp.Credential.BackupEligible = true
	m.exp.SignCountPolicy = webauthn.SignCountWarn
	m.auth.flags, m.auth.signCount = 0x9d, 3 // UP, UV, BE, BS, ED
	m.auth.extensions = cMap(pair{cText("hmac-secret"), cBytes([]byte{1})})

	auth, err := m.judge(t)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(auth.CredentialID, testCredentialID) || !bytes.Equal(auth.UserHandle, testHandle) {
		t.Errorf("credential %x of %x", auth.CredentialID, auth.UserHandle)
	}
	if auth.SignCount != 3 || auth.Flags != 0x9d || auth.Extensions.Len() != 1 {
		t.Errorf("counter %d, flags %#x, %d extensions", auth.SignCount, auth.Flags, auth.Extensions.Len())
	}
	if !slices.Equal(auth.Warnings, []webauthn.Warning{webauthn.WarningSignCount}) {
		t.Errorf("warnings %q", auth.Warnings)
	}
}

// TestParsedKey checks that a caller may keep the key parsed.
func TestParsedKey(t *testing.T) {
	m := newAssertion(t)
	key, err := cose.ParseKey(m.exp.Credential.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	m.exp.Credential.Key, m.exp.Credential.PublicKey = key, nil
	if _, err := m.judge(t); err != nil {
		t.Errorf("refused: %v", err)
	}
	m.key = newKey(t)
	_, err = m.judge(t)
	wantRefusal(t, err, webauthn.ReasonAssertionSignature, "7.2/21")
}

// TestResponseNamesTheCeremony checks that what a server finds the ceremony and the
// credential by is there after the parse.
func TestResponseNamesTheCeremony(t *testing.T) {
	resp, err := webauthn.ParseAuthenticationResponse(newAssertion(t).json(t))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(resp.ClientData.Challenge, testChallenge) || !bytes.Equal(resp.CredentialID, testCredentialID) || !bytes.Equal(resp.UserHandle, testHandle) {
		t.Errorf("got challenge %x, credential %x, user handle %x", resp.ClientData.Challenge, resp.CredentialID, resp.UserHandle)
	}
}

// TestNoCredentialID checks that a record and a response that both lack the credential ID
// do not belong together for that.
func TestNoCredentialID(t *testing.T) {
	m := newAssertion(t)
	resp, err := webauthn.ParseAuthenticationResponse(m.json(t))
	if err != nil {
		t.Fatal(err)
	}
	resp.CredentialID, m.exp.Credential.ID, m.exp.AllowCredentials = nil, nil, nil
	_, err = webauthn.JudgeAuthentication(m.exp, resp)
	wantRefusal(t, err, webauthn.ReasonCredentialIDMismatch, "7.2/6")
}
