package webauthn_test

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"testing"

	"bestow.dev/webauthn"
)

// wantMember fails unless err is the refusal of that member; empty: unless err is nil.
func wantMember(t *testing.T, err error, member string) {
	t.Helper()
	if member == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if refusal, ok := errors.AsType[*webauthn.OptionsError](err); !ok || refusal.Member != member {
		t.Errorf("got %v, want refusal of %s", err, member)
	}
}

// TestRegistrationInputs checks what a client would not take at a registration.
func TestRegistrationInputs(t *testing.T) {
	for _, test := range []struct {
		name, id, input string
		good            bool
	}{
		{"credProps", "credProps", `true`, true},
		{"credProps of text", "credProps", `"true"`, false},
		{"level", "credentialProtectionPolicy", `"userVerificationRequired"`, true},
		{"no such level", "credentialProtectionPolicy", `"userVerificationSometimes"`, false},
		{"level by number", "credentialProtectionPolicy", `3`, false},
		{"enforced", "enforceCredentialProtectionPolicy", `false`, true},
		{"enforced by number", "enforceCredentialProtectionPolicy", `1`, false},
		{"minPinLength", "minPinLength", `true`, true},
		{"minPinLength null", "minPinLength", `null`, false},
		{"hmacCreateSecret", "hmacCreateSecret", `true`, true},
		{"prf, enabled", "prf", `{}`, true},
		{"prf, evaluated", "prf", `{"eval":{"first":"AAEC","second":"AQ"}}`, true},
		{"prf without first", "prf", `{"eval":{"second":"AQ"}}`, false},
		{"prf with padding", "prf", `{"eval":{"first":"AQ=="}}`, false},
		{"prf by credential", "prf", `{"evalByCredential":{"AAEC":{"first":"AQ"}}}`, false},
		{"prf by no credential", "prf", `{"evalByCredential":{}}`, false},
		{"prf with an unknown member", "prf", `{"later":1}`, false},
		{"prf true", "prf", `true`, false},
		{"largeBlob, preferred", "largeBlob", `{"support":"preferred"}`, true},
		{"largeBlob, required", "largeBlob", `{"support":"required"}`, true},
		{"largeBlob, as it comes", "largeBlob", `{}`, true},
		{"largeBlob, otherwise", "largeBlob", `{"support":"discouraged"}`, false},
		{"largeBlob read", "largeBlob", `{"read":true}`, false},
		{"largeBlob read not", "largeBlob", `{"read":false}`, false},
		{"largeBlob write", "largeBlob", `{"write":"AQ"}`, false},
		{"appidExclude", "appidExclude", `"https://login.example.com/app.json"`, true},
		{"appidExclude empty", "appidExclude", `""`, false},
		{"appid", "appid", `"https://login.example.com/app.json"`, false},
		{"hmacGetSecret", "hmacGetSecret", `{"salt1":"AQ"}`, false},
		{"uvm", "uvm", `true`, true},
		{"unknown", "later", `[1,null]`, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			o, err := webauthn.ParseCreationOptions([]byte(goodCreation))
			if err != nil {
				t.Fatal(err)
			}
			o.Extensions = map[string]json.RawMessage{test.id: json.RawMessage(test.input)}
			member := "extensions." + test.id
			if test.good {
				member = ""
			}
			wantMember(t, o.Check(), member)
		})
	}
}

// TestAuthenticationInputs checks what a client would not take at an authentication.
// AAEC and AQ are the credentials allowed, unless the test says how many.
func TestAuthenticationInputs(t *testing.T) {
	for _, test := range []struct {
		name, id, input string
		allowed         int
		good            bool
	}{
		{"appid", "appid", `"https://login.example.com/app.json"`, 2, true},
		{"appid null", "appid", `null`, 2, false},
		{"appid of a number", "appid", `7`, 2, false},
		{"prf", "prf", `{"eval":{"first":"AAEC"}}`, 0, true},
		{"prf by credential", "prf", `{"evalByCredential":{"AAEC":{"first":"AQ"},"AQ":{"first":"AQ"}}}`, 2, true},
		{"prf by another credential", "prf", `{"evalByCredential":{"AAED":{"first":"AQ"}}}`, 2, false},
		{"prf by credential, none allowed", "prf", `{"evalByCredential":{"AAEC":{"first":"AQ"}}}`, 0, false},
		{"prf by no credential", "prf", `{"evalByCredential":{"":{"first":"AQ"}}}`, 2, false},
		{"prf by credential, without first", "prf", `{"evalByCredential":{"AAEC":{}}}`, 2, false},
		{"largeBlob read", "largeBlob", `{"read":true}`, 2, true},
		{"largeBlob write", "largeBlob", `{"write":"AQ"}`, 1, true},
		{"largeBlob write of nothing", "largeBlob", `{"write":""}`, 1, true},
		{"largeBlob write to two", "largeBlob", `{"write":"AQ"}`, 2, false},
		{"largeBlob write to whichever", "largeBlob", `{"write":"AQ"}`, 0, false},
		{"largeBlob read and write", "largeBlob", `{"read":true,"write":"AQ"}`, 1, false},
		{"largeBlob support", "largeBlob", `{"support":"preferred"}`, 1, false},
		{"credProps", "credProps", `true`, 1, false},
		{"appidExclude", "appidExclude", `"https://login.example.com/app.json"`, 1, false},
		{"credentialProtectionPolicy", "credentialProtectionPolicy", `"userVerificationRequired"`, 1, false},
		{"enforceCredentialProtectionPolicy", "enforceCredentialProtectionPolicy", `true`, 1, false},
		{"minPinLength", "minPinLength", `true`, 1, false},
		{"hmacCreateSecret", "hmacCreateSecret", `true`, 1, false},
		{"uvm", "uvm", `true`, 0, true},
		{"uvm of text", "uvm", `"true"`, 0, false},
		{"unknown", "later", `{}`, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			member := "extensions." + test.id
			if test.good {
				member = ""
			}
			_, err := webauthn.NewRequestOptions(webauthn.RequestOptions{
				RPID:             testRPID,
				AllowCredentials: webauthn.Descriptors([]byte{0, 1, 2}, []byte{1})[:test.allowed],
				Extensions:       map[string]json.RawMessage{test.id: json.RawMessage(test.input)},
			})
			wantMember(t, err, member)
		})
	}
}

// TestTypedInputs checks that what is asked for by name has the form that clients read.
func TestTypedInputs(t *testing.T) {
	registration := webauthn.RegistrationInputs{
		CredProps: true, CredProtect: webauthn.CredProtectRequired, EnforceCredProtect: true, MinPINLength: true,
		HMACCreateSecret: true, PRF: &webauthn.PRFInput{}, LargeBlob: webauthn.LargeBlobPreferred,
		AppIDExclude: "https://login.example.com/app.json", UVM: true,
	}
	o, err := webauthn.ParseCreationOptions([]byte(goodCreation))
	if err != nil {
		t.Fatal(err)
	}
	o.Extensions = registration.Extensions()
	wantMember(t, o.Check(), "")
	want := `{"appidExclude":"https://login.example.com/app.json","credProps":true,
		"credentialProtectionPolicy":"userVerificationRequired","enforceCredentialProtectionPolicy":true,"hmacCreateSecret":true,
		"largeBlob":{"support":"preferred"},"minPinLength":true,"prf":{},"uvm":true}`
	if !equalJSON(t, o.Extensions, json.RawMessage(want)) {
		t.Errorf("got %s", slices.Sorted(maps.Keys(o.Extensions)))
	}

	for _, test := range []struct {
		in   webauthn.AuthenticationInputs
		want string
	}{
		{webauthn.AuthenticationInputs{
			AppID: "https://login.example.com/app.json", ReadLargeBlob: true, UVM: true,
			PRF: &webauthn.PRFInput{Eval: &webauthn.PRFValues{First: []byte{1}}},
		}, `{"appid":"https://login.example.com/app.json","largeBlob":{"read":true},"prf":{"eval":{"first":"AQ"}},"uvm":true}`},
		{webauthn.AuthenticationInputs{WriteLargeBlob: []byte{1}}, `{"largeBlob":{"write":"AQ"}}`},
		{webauthn.AuthenticationInputs{WriteLargeBlob: []byte{}}, `{"largeBlob":{"write":""}}`},
		{webauthn.AuthenticationInputs{}, `null`},
	} {
		got := test.in.Extensions()
		if !equalJSON(t, got, json.RawMessage(test.want)) {
			t.Errorf("%+v: got %s, want %s", test.in, got, test.want)
		}
		_, err := webauthn.NewRequestOptions(webauthn.RequestOptions{AllowCredentials: webauthn.Descriptors([]byte{1}), Extensions: got})
		wantMember(t, err, "")
	}
	unasked := webauthn.RegistrationInputs{}
	if got := unasked.Extensions(); got != nil {
		t.Errorf("nothing asked for is %s", got)
	}

	// A level that there is not does not go out unnoticed.
	o.Extensions = (&webauthn.RegistrationInputs{CredProtect: 4}).Extensions()
	wantMember(t, o.Check(), "extensions.credentialProtectionPolicy")
}

// TestEnforcedProtectionIsExpected checks that what the options insist on is asked of
// the answer, and what they only prefer is not.
func TestEnforcedProtectionIsExpected(t *testing.T) {
	for _, test := range []struct {
		in   webauthn.RegistrationInputs
		want webauthn.CredProtect
	}{
		{webauthn.RegistrationInputs{}, 0},
		{webauthn.RegistrationInputs{CredProtect: webauthn.CredProtectRequired}, 0},
		{webauthn.RegistrationInputs{CredProtect: webauthn.CredProtectRequired, EnforceCredProtect: true}, webauthn.CredProtectRequired},
	} {
		o := webauthn.CreationOptions{Extensions: test.in.Extensions()}
		if got := o.Expectation(webauthn.RelyingParty{}, webauthn.TrustPolicy{}).CredProtect; got != test.want {
			t.Errorf("%+v: expected level %d, want %d", test.in, got, test.want)
		}
	}
}

// TestRegistrationOutputs checks what is read of the client's results, and that what is
// of a wrong type, or was never asked for, does no harm (7.1/28).
func TestRegistrationOutputs(t *testing.T) {
	yes, no := new(true), new(false)
	good := map[string]any{
		"credProps": map[string]any{"rk": false}, "prf": map[string]any{"enabled": true},
		"largeBlob": map[string]any{"supported": true}, "appidExclude": true, "hmacCreateSecret": true,
		"uvm": [][]int{{2, 4, 2}, {1024, 1, 1}},
	}
	all := webauthn.ClientOutputs{
		Discoverable: no, PRF: yes, LargeBlobSupported: yes, AppIDExclude: true, HMACCreateSecret: true,
		UVM: []webauthn.UVMEntry{{2, 4, 2}, {1024, 1, 1}},
	}
	for _, test := range []struct {
		name  string
		spoil func(results map[string]any, want *webauthn.ClientOutputs)
	}{
		{"untouched", func(map[string]any, *webauthn.ClientOutputs) {}},
		{"unknown ones", func(r map[string]any, _ *webauthn.ClientOutputs) { r["later"] = []any{1} }},
		{"credProps of a boolean", func(r map[string]any, w *webauthn.ClientOutputs) { r["credProps"], w.Discoverable = true, nil }},
		{"credProps without rk", func(r map[string]any, w *webauthn.ClientOutputs) {
			r["credProps"], w.Discoverable = map[string]any{"authenticatorDisplayName": "x"}, nil
		}},
		{"rk of text", func(r map[string]any, w *webauthn.ClientOutputs) {
			r["credProps"], w.Discoverable = map[string]any{"rk": "yes"}, nil
		}},
		{"prf of text", func(r map[string]any, w *webauthn.ClientOutputs) { r["prf"], w.PRF = "yes", nil }},
		{"enabled of a number", func(r map[string]any, w *webauthn.ClientOutputs) { r["prf"], w.PRF = map[string]any{"enabled": 1}, nil }},
		{"largeBlob of a list", func(r map[string]any, w *webauthn.ClientOutputs) { r["largeBlob"], w.LargeBlobSupported = []any{}, nil }},
		{"appidExclude of text", func(r map[string]any, w *webauthn.ClientOutputs) { r["appidExclude"], w.AppIDExclude = "true", false }},
		{"hmacCreateSecret of a number", func(r map[string]any, w *webauthn.ClientOutputs) {
			r["hmacCreateSecret"], w.HMACCreateSecret = 1, false
		}},
		{"uvm of a list", func(r map[string]any, w *webauthn.ClientOutputs) { r["uvm"], w.UVM = []int{2, 4, 2}, nil }},
		{"uvm of two numbers", func(r map[string]any, w *webauthn.ClientOutputs) { r["uvm"], w.UVM = [][]int{{2, 4}}, nil }},
		{"uvm of four factors", func(r map[string]any, w *webauthn.ClientOutputs) {
			r["uvm"], w.UVM = [][]int{{2, 4, 2}, {2, 4, 2}, {2, 4, 2}, {2, 4, 2}}, nil
		}},
		{"uvm beyond its range", func(r map[string]any, w *webauthn.ClientOutputs) { r["uvm"], w.UVM = [][]int{{2, 70000, 2}}, nil }},
		{"uvm negative", func(r map[string]any, w *webauthn.ClientOutputs) { r["uvm"], w.UVM = [][]int{{-1, 4, 2}}, nil }},
		{"null", func(r map[string]any, w *webauthn.ClientOutputs) { r["prf"], w.PRF = nil, nil }},
		{"none", func(r map[string]any, w *webauthn.ClientOutputs) { clear(r); *w = webauthn.ClientOutputs{} }},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newRegistration(t)
			results, want := maps.Clone(good), all
			test.spoil(results, &want)
			m.members["clientExtensionResults"] = results
			reg, err := m.judge(t)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(reg.Outputs, want) {
				t.Errorf("got %+v\nwant %+v", reg.Outputs, want)
			}
		})
	}
}

// TestAuthenticationOutputs is the same of an authentication (7.2/23).
func TestAuthenticationOutputs(t *testing.T) {
	for _, test := range []struct {
		name, results string
		want          webauthn.ClientOutputs
	}{
		{"read", `{"largeBlob":{"blob":"AQID"}}`, webauthn.ClientOutputs{LargeBlob: []byte{1, 2, 3}}},
		{"written", `{"largeBlob":{"written":true}}`, webauthn.ClientOutputs{LargeBlobWritten: new(true)}},
		{"not written", `{"largeBlob":{"written":false}}`, webauthn.ClientOutputs{LargeBlobWritten: new(false)}},
		{"blob of numbers", `{"largeBlob":{"blob":[1,2]}}`, webauthn.ClientOutputs{}},
		{"blob with padding", `{"largeBlob":{"blob":"AQ=="}}`, webauthn.ClientOutputs{}},
		{"unsolicited", `{"credProps":{"rk":true},"appid":false}`, webauthn.ClientOutputs{Discoverable: new(true)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newAssertion(t)
			m.members["clientExtensionResults"] = json.RawMessage(test.results)
			auth, err := m.judge(t)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(auth.Outputs, test.want) {
				t.Errorf("got %+v\nwant %+v", auth.Outputs, test.want)
			}
		})
	}
}

// TestAuthenticatorUVM checks the form of uvm in signed outputs.
func TestAuthenticatorUVM(t *testing.T) {
	factor := cArray(cInt(2), cInt(4), cInt(2))
	for _, test := range []struct {
		name string
		uvm  []byte
		want []webauthn.UVMEntry
	}{
		{"one", cArray(factor), []webauthn.UVMEntry{{2, 4, 2}}},
		{"three", cArray(factor, factor, factor), []webauthn.UVMEntry{{2, 4, 2}, {2, 4, 2}, {2, 4, 2}}},
		{"four", cArray(factor, factor, factor, factor), nil},
		{"none", cArray(), nil},
		{"no list", cInt(2), nil},
		{"no list of lists", cArray(cInt(2)), nil},
		{"text", cArray(cArray(cInt(2), cText("4"), cInt(2))), nil},
		{"negative", cArray(cArray(cInt(-2), cInt(4), cInt(2))), nil},
		{"two numbers", cArray(cArray(cInt(2), cInt(4))), nil},
	} {
		m := newRegistration(t)
		m.auth.flags |= 0x80
		m.auth.extensions = cMap(pair{cText("uvm"), test.uvm})
		reg, err := m.judge(t)
		if err != nil {
			t.Fatal(err)
		}
		if got := reg.Extensions.UVM(); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

// TestHintsAndAttachment checks what clients that know no hints are told (§5.8.7).
func TestHintsAndAttachment(t *testing.T) {
	for _, test := range []struct {
		hints []string
		set   webauthn.Attachment
		want  webauthn.Attachment
	}{
		{nil, "", ""},
		{[]string{webauthn.HintSecurityKey}, "", webauthn.AttachmentCrossPlatform},
		{[]string{webauthn.HintHybrid, webauthn.HintSecurityKey}, "", webauthn.AttachmentCrossPlatform},
		{[]string{webauthn.HintClientDevice}, "", webauthn.AttachmentPlatform},
		{[]string{"later", webauthn.HintClientDevice}, "", webauthn.AttachmentPlatform},
		{[]string{webauthn.HintSecurityKey, webauthn.HintClientDevice}, "", ""},
		{[]string{webauthn.HintSecurityKey}, webauthn.AttachmentPlatform, webauthn.AttachmentPlatform},
	} {
		o := webauthn.CreationOptions{
			RP: webauthn.RPEntity{ID: testRPID}, User: webauthn.UserEntity{ID: testHandle, Name: "alice"}, Hints: test.hints,
		}
		if test.set != "" {
			o.AuthenticatorSelection = &webauthn.AuthenticatorSelection{AuthenticatorAttachment: test.set}
		}
		made, err := webauthn.NewCreationOptions(o)
		if err != nil {
			t.Fatal(err)
		}
		var got webauthn.Attachment
		if made.AuthenticatorSelection != nil {
			got = made.AuthenticatorSelection.AuthenticatorAttachment
		}
		if got != test.want {
			t.Errorf("hints %q, attachment %q: got %q, want %q", test.hints, test.set, got, test.want)
		}
	}
}

// TestSignals checks the members that §5.1.10 names.
func TestSignals(t *testing.T) {
	for _, test := range []struct {
		signal any
		want   string
	}{
		{
			webauthn.UnknownCredential{RPID: testRPID, CredentialID: []byte{1}},
			`{"rpId":"login.example.com","credentialId":"AQ"}`,
		},
		{
			webauthn.AllAcceptedCredentials{RPID: testRPID, UserID: []byte{1}, AllAcceptedCredentialIDs: []webauthn.Bytes{{2}, {3}}},
			`{"rpId":"login.example.com","userId":"AQ","allAcceptedCredentialIds":["Ag","Aw"]}`,
		},
		{
			webauthn.CurrentUserDetails{RPID: testRPID, UserID: []byte{1}, Name: "alice", DisplayName: "Alice"},
			`{"rpId":"login.example.com","userId":"AQ","name":"alice","displayName":"Alice"}`,
		},
	} {
		got, err := json.Marshal(test.signal)
		if err != nil || string(got) != test.want {
			t.Errorf("got %s, %v; want %s", got, err, test.want)
		}
	}
}
