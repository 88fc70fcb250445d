package webauthn_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"bestow.dev/cose"
	"bestow.dev/webauthn"
)

// goodCreation are creation options with as little as there can be.
const goodCreation = `{"rp":{"id":"login.example.com","name":"Example"},"user":{"id":"dXNlcg","name":"alice","displayName":"Alice"},
	"challenge":"AAECAwQFBgcICQoLDA0ODw","pubKeyCredParams":[{"type":"public-key","alg":-7}]}`

func TestParseCreationOptions(t *testing.T) {
	long := strings.Repeat("A", 88) // 66 bytes
	tests := []struct {
		name   string
		change [2]string // what is replaced by what
		member string    // of the refusal; "-" for accepted
	}{
		{"untouched", [2]string{}, "-"},
		{"unknown members", [2]string{`{"rp":{`, `{"later":[1],"rp":{"later":null,`}, "-"},
		{"unknown algorithm", [2]string{`-7`, `-65000`}, "-"},
		{"no rp", [2]string{`"rp"`, `"x"`}, "rp.id"},
		{"no rp.id", [2]string{`"id":"login.example.com",`, ``}, "rp.id"},
		{"no rp.name", [2]string{`,"name":"Example"`, ``}, "rp.name"},
		{"no user.id", [2]string{`"id":"dXNlcg",`, ``}, "user.id"},
		{"empty user.id", [2]string{`dXNlcg`, ``}, "user.id"},
		{"user.id of 66 bytes", [2]string{`dXNlcg`, long}, "user.id"},
		{"user.id of 64 bytes", [2]string{`dXNlcg`, long[:86-2] + "AA"}, "-"},
		{"user.id padded", [2]string{`dXNlcg`, `dXNlcg==`}, "user.id"},
		{"no user.name", [2]string{`"name":"alice",`, ``}, "user.name"},
		{"no challenge", [2]string{`"challenge"`, `"x"`}, "challenge"},
		{"challenge of 15 bytes", [2]string{`AAECAwQFBgcICQoLDA0ODw`, `AAECAwQFBgcICQoLDA0O`}, "challenge"},
		{"no algorithms", [2]string{`{"type":"public-key","alg":-7}`, ``}, "pubKeyCredParams"},
		{"algorithm of another type", [2]string{`"public-key"`, `"password"`}, "pubKeyCredParams[0].type"},
		{"algorithm without number", [2]string{`,"alg":-7`, ``}, "pubKeyCredParams[0].alg"},
		{"algorithm as text", [2]string{`-7`, `"ES256"`}, "pubKeyCredParams.alg"},
		{"negative timeout", [2]string{`{"rp"`, `{"timeout":-1,"rp"`}, "timeout"},
		{"excluded credential without ID", [2]string{`{"rp"`, `{"excludeCredentials":[{"type":"public-key"}],"rp"`}, "excludeCredentials[0]"},
		{"excluded credential of another type", [2]string{`{"rp"`, `{"excludeCredentials":[{"type":"x","id":"AA"}],"rp"`}, "excludeCredentials[0]"},
		{"member twice", [2]string{`{"rp"`, `{"rp":{},"rp"`}, "rp"},
		{"no object", [2]string{goodCreation, `[]`}, ""},
		{"nothing", [2]string{goodCreation, ``}, ""},
		{"more after them", [2]string{goodCreation, goodCreation + `{}`}, ""},
		{"64 KiB", [2]string{`"Alice"`, `"` + strings.Repeat("x", 64<<10) + `"`}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text := goodCreation
			if test.change[0] != "" {
				text = strings.Replace(text, test.change[0], test.change[1], 1)
			}
			for _, body := range []string{text, `{"challengeTimeoutDateTime":"2026-03-02T10:20:00Z","publicKey":` + text + `}`} {
				opts, err := webauthn.ParseCreationOptions([]byte(body))
				if test.member == "-" {
					if err != nil {
						t.Errorf("refused: %v", err)
					}
					continue
				}
				refusal, ok := errors.AsType[*webauthn.OptionsError](err)
				if !ok || refusal.Member != test.member {
					t.Errorf("got %v, want refusal of %q", err, test.member)
				}
				if opts != nil || !strings.HasPrefix(err.Error(), "webauthn: options: ") {
					t.Errorf("refused by %q, with %+v", err, opts)
				}
			}
		})
	}
}

func TestNewCreationOptions(t *testing.T) {
	selection := &webauthn.AuthenticatorSelection{ResidentKey: webauthn.ResidentKeyRequired, UserVerification: webauthn.UserVerificationRequired}
	extensions, err := webauthn.CredProtectInput(webauthn.CredProtectRequired, true)
	if err != nil {
		t.Fatal(err)
	}
	opts, err := webauthn.NewCreationOptions(webauthn.CreationOptions{
		RP:                     webauthn.RPEntity{ID: testRPID},
		User:                   webauthn.UserEntity{ID: testHandle, Name: "alice"},
		AuthenticatorSelection: selection,
		Attestation:            webauthn.ConveyanceDirect,
		Extensions:             extensions,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(opts.Challenge) != 32 || opts.RP.Name != testRPID || opts.TimeoutMillis != 300_000 {
		t.Errorf("got %+v", opts)
	}
	if selection.RequireResidentKey || !opts.AuthenticatorSelection.RequireResidentKey {
		t.Error("requireResidentKey belongs into the result, and only there")
	}
	if want := []cose.Algorithm{cose.EdDSA, cose.ES256, cose.RS256}; !slices.Equal(opts.Algorithms(), want) {
		t.Errorf("algorithms %v, want %v", opts.Algorithms(), want)
	}

	// What is written is what is read.
	text, err := json.Marshal(opts)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"excludeCredentials":[]`) || strings.Contains(string(text), "null") {
		t.Errorf("options are %s", text)
	}
	again, err := webauthn.ParseCreationOptions(text)
	if err != nil {
		t.Fatal(err)
	}
	if !equalJSON(t, opts, again) {
		t.Errorf("%+v became %+v", opts, again)
	}

	second, err := webauthn.NewCreationOptions(webauthn.CreationOptions{RP: opts.RP, User: opts.User})
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(second.Challenge, opts.Challenge) {
		t.Error("two ceremonies have the same challenge")
	}

	_, err = webauthn.NewCreationOptions(webauthn.CreationOptions{RP: opts.RP})
	if refusal, ok := errors.AsType[*webauthn.OptionsError](err); !ok || refusal.Member != "user.id" {
		t.Errorf("without a user: %v", err)
	}
	if _, err := webauthn.CredProtectInput(4, false); err == nil {
		t.Error("there is no protection level 4")
	}
}

func TestCreationExpectation(t *testing.T) {
	rp := webauthn.RelyingParty{ID: testRPID, Origins: []string{testOrigin}}
	opts, err := webauthn.ParseCreationOptions([]byte(goodCreation))
	if err != nil {
		t.Fatal(err)
	}
	exp := opts.Expectation(rp, webauthn.TrustPolicy{})
	if exp.UserVerification != webauthn.UserVerificationPreferred {
		t.Errorf("nothing said means %q, want preferred", exp.UserVerification)
	}
	if !slices.Equal(exp.Challenge, opts.Challenge) || !slices.Equal(exp.Algorithms, []cose.Algorithm{cose.ES256}) {
		t.Errorf("got %+v", exp)
	}
	opts.AuthenticatorSelection = &webauthn.AuthenticatorSelection{UserVerification: webauthn.UserVerificationRequired}
	if exp := opts.Expectation(rp, webauthn.TrustPolicy{}); exp.UserVerification != webauthn.UserVerificationRequired {
		t.Errorf("required became %q", exp.UserVerification)
	}
}

func TestRequestOptions(t *testing.T) {
	opts, err := webauthn.NewRequestOptions(webauthn.RequestOptions{
		RPID:             testRPID,
		AllowCredentials: webauthn.Descriptors([]byte("one"), []byte("two")),
		UserVerification: webauthn.UserVerificationRequired,
		Extensions:       map[string]json.RawMessage{"appid": json.RawMessage(`"https://login.example.com/app.json"`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(opts)
	if err != nil {
		t.Fatal(err)
	}
	again, err := webauthn.ParseRequestOptions(text)
	if err != nil {
		t.Fatal(err)
	}
	if !equalJSON(t, opts, again) {
		t.Errorf("%+v became %+v", opts, again)
	}

	exp := opts.Expectation(webauthn.RelyingParty{ID: testRPID}, webauthn.CredentialRecord{ID: []byte("two")}, true)
	if len(exp.AllowCredentials) != 2 || string(exp.AllowCredentials[1]) != "two" || !exp.UserKnown {
		t.Errorf("got %+v", exp)
	}
	if exp.AppID != "https://login.example.com/app.json" || exp.UserVerification != webauthn.UserVerificationRequired {
		t.Errorf("got %+v", exp)
	}

	// Without credentials the list is there, and empty: a discoverable one is wanted.
	opts, err = webauthn.NewRequestOptions(webauthn.RequestOptions{RPID: testRPID})
	if err != nil {
		t.Fatal(err)
	}
	if text, err = json.Marshal(opts); err != nil || !strings.Contains(string(text), `"allowCredentials":[]`) {
		t.Errorf("options are %s, %v", text, err)
	}
	if exp := opts.Expectation(webauthn.RelyingParty{ID: testRPID}, webauthn.CredentialRecord{}, false); exp.AllowCredentials != nil || exp.UserVerification != webauthn.UserVerificationPreferred {
		t.Errorf("got %+v", exp)
	}

	for _, text := range []string{``, `null`, `{}`, `{"challenge":"AA"}`, `{"challenge":"AAECAwQFBgcICQoLDA0ODw","allowCredentials":[{"type":"public-key","id":""}]}`} {
		if opts, err := webauthn.ParseRequestOptions([]byte(text)); err == nil || opts != nil {
			t.Errorf("%s: got %v, %v", text, opts, err)
		}
	}
}

func TestAAGUID(t *testing.T) {
	const text = "9d3c5f0a-7b1e-4c2d-8a60-f1e2d3c4b5a6"
	a, err := webauthn.ParseAAGUID(strings.ToUpper(text))
	if err != nil || a != testAAGUID || a.String() != text || a.IsZero() {
		t.Errorf("got %s, %v", a, err)
	}
	if !(webauthn.AAGUID{}).IsZero() {
		t.Error("the zero AAGUID is not zero")
	}
	out, err := json.Marshal(map[string]webauthn.AAGUID{"a": a})
	if err != nil || string(out) != `{"a":"`+text+`"}` {
		t.Errorf("got %s, %v", out, err)
	}
	var back map[string]webauthn.AAGUID
	if err := json.Unmarshal(out, &back); err != nil || back["a"] != a {
		t.Errorf("got %v, %v", back, err)
	}
	for _, bad := range []string{"", text[:35], text + "0", strings.ReplaceAll(text, "-", ""), strings.Replace(text, "9", "x", 1), strings.Replace(text, "5f0a-7", "5f0a7-", 1), "9d3c5f0a-7b1e-4c2d-8a60-f1e2d3c4b5-6"} {
		if a, err := webauthn.ParseAAGUID(bad); err == nil {
			t.Errorf("%q: got %s", bad, a)
		}
	}
}
