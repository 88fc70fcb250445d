package verify_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bestow.dev/internal/verify"
	"bestow.dev/webauthn"
)

// outcome is what a test expects: the reason says whether a response was refused or
// there was no case.
type outcome struct {
	verdict verify.Outcome
	reason  webauthn.Reason
}

func accept() outcome                       { return outcome{verify.Accept, ""} }
func reject(reason webauthn.Reason) outcome { return outcome{verify.Reject, reason} }

var (
	noCase    = outcome{verify.Error, webauthn.ReasonJSONMalformed}
	noBase64  = outcome{verify.Error, webauthn.ReasonJSONBase64URL}
	malformed = reject(webauthn.ReasonJSONMalformed)
)

func (o outcome) check(t testing.TB, v verify.Verdict) {
	t.Helper()
	if v.Outcome != o.verdict || v.Reason != o.reason {
		t.Errorf("verdict %s, reason %q (%s), want %s, %q", v.Outcome, v.Reason, v.Detail, o.verdict, o.reason)
	}
}

func TestRegistrationCases(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(object)
		want  outcome
	}{
		{"untouched", func(object) {}, accept()},
		{"members that are not looked at", set("expect", object{"verdict": "reject"}), accept()},
		{"a member in another case", set("Kind", "authentication"), accept()},
		{"a member in another case instead", func(c object) { set("kind", nil)(c); set("Kind", "registration")(c) }, noCase},
		{"no id", set("id", nil), accept()},
		{"id is a number", set("id", 17), noCase},

		{"no schema", set("schema", nil), noCase},
		{"unknown schema", set("schema", "webauthn-case/2"), noCase},
		{"UAF", set("schema", "uaf-case/1"), noCase},
		{"UAF with members of other types", func(c object) { set("schema", "uaf-case/1")(c); set("rp", 3)(c) }, noCase},
		{"no kind", set("kind", nil), noCase},
		{"unknown kind", set("kind", "Registration"), noCase},

		{"no RP ID", set("rp.id", nil), noCase},
		{"other RP ID", set("rp.id", "example.com"), reject(webauthn.ReasonRPIDHash)},
		{"no origins", set("rp.origins", nil), reject(webauthn.ReasonOrigin)},
		{"origin with a slash", set("rp.origins", []any{testOrigin + "/"}), reject(webauthn.ReasonOrigin)},
		{"origins is a string", set("rp.origins", testOrigin), noCase},

		{"no challenge", set("options.challenge", nil), noCase},
		{"empty challenge", set("options.challenge", ""), noCase},
		{"challenge with padding", set("options.challenge", "YQ=="), noBase64},
		{"other challenge", set("options.challenge", "YWJj"), reject(webauthn.ReasonChallenge)},
		{"unknown verification", set("options.userVerification", "always"), noCase},
		{"unknown presence", set("options.userPresence", "never"), noCase},
		{"other algorithms", set("options.pubKeyCredParams", []any{-257, -8}), reject(webauthn.ReasonAlgorithmNotOffered)},
		{"no algorithms, which offers ES256", set("options.pubKeyCredParams", nil), accept()},
		{"algorithm out of range", set("options.pubKeyCredParams", []any{1 << 40}), noCase},
		{"algorithm as text", set("options.pubKeyCredParams", []any{"ES256"}), noCase},
		{"extensions", set("options.extensions", object{"appid": testAppID, "credProps": true}), accept()},

		{"trust required", set("policy.attestationTrust", "require"), reject(webauthn.ReasonAttestationUntrusted)},
		{"no word on trust", set("policy.attestationTrust", nil), reject(webauthn.ReasonAttestationUntrusted)},
		{"no policy", set("policy", nil), reject(webauthn.ReasonAttestationUntrusted)},
		{"unknown trust", set("policy.attestationTrust", "Ignore"), noCase},
		{"time is no time", set("policy.time", "2026-01-01"), noCase},
		{"time is the zero time", set("policy.time", "0001-01-01T00:00:00Z"), noCase},
		{"no time", set("policy.time", nil), accept()},
		{"TPM vendors", set("policy.extraTpmVendors", []any{"id:00000000"}), accept()},
		{"TPM vendor as a number", set("policy.extraTpmVendors", []any{0}), noCase},
		{"anchor with a line break", set("policy.trustAnchors", []any{"MIIB\nAAAA"}), noCase},
		{"anchor in base64url", set("policy.trustAnchors", []any{"_-__"}), noCase},

		{"no response", set("response", nil), noCase},
		{"response is text", set("response", "{}"), malformed},
		{"response is empty", set("response", object{}), malformed},
		{"response with other type", set("response.type", "password"), reject(webauthn.ReasonCredentialType)},
		{"padding in the response", set("response.rawId", "YQ=="), reject(webauthn.ReasonJSONBase64URL)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := registrationCase(t)
			tt.spoil(c)
			tt.want.check(t, verify.Judge{}.Case(encode(t, c)))
		})
	}
}

func TestAuthenticationCases(t *testing.T) {
	discoverable := set("options.allowCredentials", []any{})
	tests := []struct {
		name  string
		spoil func(object)
		want  outcome
		warns webauthn.Warning
	}{
		{"untouched", func(object) {}, accept(), ""},
		{"policy is not looked at", set("policy", object{"attestationTrust": "never"}), accept(), ""},
		{"verification required by default of clients only", set("options.userVerification", nil), accept(), ""},

		{"no credential", set("credential", nil), noCase, ""},
		{"credential without ID", set("credential.id", nil), noCase, ""},
		{"credential without key", set("credential.publicKey", nil), noCase, ""},
		{"key with padding", set("credential.publicKey", "YQ=="), noBase64, ""},
		{"key is no key", set("credential.publicKey", "YWJj"), reject(webauthn.ReasonPublicKeyInvalid), ""},
		{"record of another credential", set("credential.id", "YWJj"), reject(webauthn.ReasonCredentialIDMismatch), ""},
		{"other credentials offered", set("options.allowCredentials", []any{"YWJj"}), reject(webauthn.ReasonCredentialNotAllowed), ""},
		{"BE stored", set("credential.backupEligible", true), reject(webauthn.ReasonBackupFlags), ""},
		{"counter stands still", set("credential.signCount", 5), reject(webauthn.ReasonSignCount), ""},
		{"counter is negative", set("credential.signCount", -1), noCase, ""},
		{"counter is too large", set("credential.signCount", 1<<32), noCase, ""},

		{"known user, no user handle", set("response.response.userHandle", nil), accept(), ""},
		{"known user, user handle of another", set("response.response.userHandle", "Ym9i"), reject(webauthn.ReasonUserHandle), ""},
		{"known user, user handle not recorded", set("credential.userHandle", nil), accept(), verify.WarningUserHandleAbsent},
		{"unknown user", discoverable, accept(), ""},
		{"unknown user, allowCredentials absent", set("options.allowCredentials", nil), accept(), ""},
		{"unknown user, no user handle", func(c object) {
			discoverable(c)
			set("response.response.userHandle", nil)(c)
		}, reject(webauthn.ReasonUserHandle), ""},
		{"unknown user, user handle of another", func(c object) {
			discoverable(c)
			set("response.response.userHandle", "Ym9i")(c)
		}, reject(webauthn.ReasonUserHandle), ""},
		{"unknown user, nothing about the handle anywhere", func(c object) {
			discoverable(c)
			set("credential.userHandle", nil)(c)
			set("response.response.userHandle", nil)(c)
		}, reject(webauthn.ReasonUserHandle), ""},
		{"an empty user handle is recorded", set("credential.userHandle", ""), reject(webauthn.ReasonUserHandle), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := authenticationCase(t)
			tt.spoil(c)
			v := verify.Judge{}.Case(encode(t, c))
			tt.want.check(t, v)
			if tt.warns != "" && !slices.Contains(v.Warnings, tt.warns) {
				t.Errorf("warnings %q, want %s", v.Warnings, tt.warns)
			}
			if tt.warns == "" && len(v.Warnings) > 0 {
				t.Errorf("warnings %q, want none", v.Warnings)
			}
		})
	}
}

// A credential of U2F days is bound to an AppID.
func TestAppID(t *testing.T) {
	acted := set("response.clientExtensionResults", object{"appid": true})
	asked := set("options.extensions", object{"appid": testAppID})
	tests := []struct {
		name  string
		spoil []func(object)
		want  outcome
	}{
		{"asked for and used", []func(object){asked, acted}, accept()},
		{"used, not asked for", []func(object){acted}, reject(webauthn.ReasonRPIDHash)},
		{"asked for, not used", []func(object){asked}, reject(webauthn.ReasonRPIDHash)},
		{"no text", []func(object){set("options.extensions", object{"appid": true}), acted}, noCase},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := authenticationCase(t, testAppID)
			for _, spoil := range tt.spoil {
				spoil(c)
			}
			tt.want.check(t, verify.Judge{}.Case(encode(t, c)))
		})
	}
}

func TestPresenceAndVerification(t *testing.T) {
	const up, uv, at = 0x01, 0x04, 0x40
	tests := []struct {
		name                   string
		flags                  byte
		presence, verification any
		want                   outcome
	}{
		{"neither, nothing said", at, nil, nil, reject(webauthn.ReasonUserPresence)},
		{"touched, nothing said", at | up, nil, nil, accept()},
		{"touched, verification preferred", at | up, "required", "preferred", accept()},
		{"touched, verification discouraged", at | up, "required", "discouraged", accept()},
		{"touched, verification required", at | up, "required", "required", reject(webauthn.ReasonUserVerification)},
		{"conditional create", at, "optional", "preferred", accept()},
		{"conditional create, verified", at | uv, "optional", "required", accept()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := registrationCase(t, tt.flags)
			set("options.userPresence", tt.presence)(c)
			set("options.userVerification", tt.verification)(c)
			tt.want.check(t, verify.Judge{}.Case(encode(t, c)))
		})
	}
}

func TestAnchorThatCannotBeRead(t *testing.T) {
	c := registrationCase(t)
	set("policy.trustAnchors", []any{"AAAA", "AAAA"})(c)
	v := verify.Judge{}.Case(encode(t, c))
	accept().check(t, v)
	if !slices.Equal(v.Warnings, []webauthn.Warning{verify.WarningTrustAnchorUnreadable}) {
		t.Errorf("warnings %q", v.Warnings)
	}

	set("policy.attestationTrust", "require")(c)
	v = verify.Judge{}.Case(encode(t, c))
	reject(webauthn.ReasonAttestationUntrusted).check(t, v)
	if !slices.Equal(v.Warnings, []webauthn.Warning{verify.WarningTrustAnchorUnreadable}) {
		t.Errorf("with trust required: warnings %q", v.Warnings)
	}
}

// Faults in the text: within the response they are judged, elsewhere there is no case.
func TestText(t *testing.T) {
	good := string(encode(t, registrationCase(t)))
	replace := func(old, new string) string {
		if strings.Count(good, old) != 1 {
			t.Fatalf("%q stands %d times in the case", old, strings.Count(good, old))
		}
		return strings.Replace(good, old, new, 1)
	}
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	tests := []struct {
		name, text string
		want       outcome
		id         string
	}{
		{"white space around", " \t\r\n" + good + "\r\n", accept(), "a registration"},
		{"escaped member name", replace(`"response":{"cl`, `"\u0072esponse":{"cl`), accept(), "a registration"},
		{"nothing", "", noCase, ""},
		{"null", "null", noCase, ""},
		{"an array", "[" + good + "]", noCase, ""},
		{"a word", "case", noCase, ""},
		{"cut off", good[:len(good)-1], noCase, "a registration"},
		{"something after it", good + "{}", noCase, "a registration"},
		{"byte order mark", "\xef\xbb\xbf" + good, noCase, ""},
		{"only an id", `{"id":"x"}`, noCase, "x"},
		{"duplicate member", replace(`"kind":`, `"kind":"authentication","kind":`), noCase, "a registration"},
		{"duplicate member, nested", replace(`"userVerification":`, `"challenge":"YWJj","userVerification":`), noCase, "a registration"},
		{"duplicate member that is not looked at", replace(`"kind":`, `"notes":{"a":1,"a":2},"kind":`), noCase, "a registration"},
		{"duplicate response", replace(`"rp":{`, `"response":{},"rp":{`), noCase, "a registration"},
		{"duplicate id", replace(`"kind":`, `"id":"other","kind":`), noCase, "a registration"},
		{"not UTF-8", replace(`a registration`, "a \xff"), noCase, ""},
		{"too deep", replace(`"kind":`, `"notes":`+deep+`,"kind":`), noCase, "a registration"},
		{"duplicate member in the response", replace(`"rawId":`, `"type":"public-key","rawId":`), malformed, "a registration"},
		{"response not UTF-8", replace(`"usb"`, "\"\xff\""), malformed, "a registration"},
		{"response half a surrogate pair", replace(`"usb"`, `"\ud800"`), malformed, "a registration"},
		{"response too deep", replace(`"clientExtensionResults":{}`, `"clientExtensionResults":{"x":`+deep+`}`), malformed, "a registration"},
		{"response null", replace(`"response":{"cl`, `"response":null,"notes":{"cl`), malformed, "a registration"},
		{"short response not UTF-8", replace(`"response":{"cl`, "\"response\":\"\xff\",\"notes\":{\"cl"), malformed, "a registration"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := verify.Judge{}.Case([]byte(tt.text))
			tt.want.check(t, v)
			if v.ID != tt.id {
				t.Errorf("id %q, want %q", v.ID, tt.id)
			}
		})
	}
}

func TestUAFIsNamed(t *testing.T) {
	v := verify.Judge{}.Case([]byte(`{"schema":"uaf-case/1","id":"u"}`))
	if v.Outcome != verify.Error || v.ID != "u" || v.Detail != "this version does not judge UAF cases" {
		t.Errorf("%s", v.Line())
	}
}

func TestLimit(t *testing.T) {
	c := registrationCase(t)
	c["notes"] = ""
	c["notes"] = strings.Repeat("x", verify.MaxCaseBytes-len(encode(t, c)))
	text := encode(t, c)
	if len(text) != verify.MaxCaseBytes {
		t.Fatalf("the case has %d bytes", len(text))
	}
	accept().check(t, verify.Judge{}.Case(text))
	for end, want := range map[string]outcome{
		"\n": accept(), "\r\n": accept(), "\r": accept(), " ": noCase, "\n\n": noCase, "\r\r\n": noCase, "\n\r": noCase,
	} {
		t.Run(strconv.Quote(end), func(t *testing.T) {
			want.check(t, verify.Judge{}.Case(append(bytes.Clone(text), end...)))
		})
	}
}

// What a verdict says of a refusal holds nothing of the credential.
func TestDetailHoldsNoKey(t *testing.T) {
	key := b64(coseKey(t))
	for _, spoil := range []func(object){
		set("credential.publicKey", key+"AA"),
		set("credential.publicKey", key+"="),
		set("credential.signCount", key),
		set("options.userVerification", key),
		set("schema", key),
		set("response.type", 3),
	} {
		c := authenticationCase(t)
		spoil(c)
		v := verify.Judge{}.Case(encode(t, c))
		if v.Outcome == verify.Accept || v.Detail == "" || strings.Contains(v.Detail, key[:16]) {
			t.Errorf("%s", v.Line())
		}
	}
}

// A verdict is one line, whatever the case.
func TestLine(t *testing.T) {
	c := registrationCase(t)
	c["id"] = "<a>\n\u2028 & \"b\""
	v := verify.Judge{}.Case(encode(t, c))
	line := v.Line()
	if bytes.Count(line, []byte("\n")) != 1 || !bytes.HasSuffix(line, []byte("\n")) {
		t.Errorf("not one line: %q", line)
	}
	var back struct{ ID string }
	if err := json.Unmarshal(line, &back); err != nil || back.ID != c["id"] {
		t.Errorf("id %q, %v", back.ID, err)
	}
}
