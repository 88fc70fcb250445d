package conformance_test

import (
	"reflect"
	"slices"
	"testing"
)

// probe is the extension with which the tests see whether unknown ones are echoed.
var probe = map[string]any{"example.extension": "any text"}

// creationRequest asks for creation options as the tests do.
func (w *world) creationRequest(change map[string]any) map[string]any {
	request := map[string]any{
		"username": w.newName(), "displayName": "Kim Vogel", "attestation": "direct", "extensions": probe,
		"authenticatorSelection": map[string]any{"requireResidentKey": false, "userVerification": "preferred"},
	}
	for name, value := range change {
		request[name] = value
	}
	return request
}

// required asks for user verification, in either kind of request.
var required = map[string]any{
	"authenticatorSelection": map[string]any{"requireResidentKey": false, "userVerification": "required"},
}

func requestCases() map[string]run {
	return map[string]run{
		"Req-1/P-1": creationOptionsHold,
		"Req-1/P-2": func(t *testing.T, w *world) {
			if o := w.ask(t, "/attestation/options", w.creationRequest(map[string]any{"attestation": "none"})); o.Attestation != "none" {
				t.Errorf("attestation %q", o.Attestation)
			}
		},
		"Req-1/P-3": func(t *testing.T, w *world) {
			request := w.creationRequest(nil)
			if a, b := w.ask(t, "/attestation/options", request), w.ask(t, "/attestation/options", request); a.Challenge == b.Challenge {
				t.Error("the challenge comes again")
			}
		},
		"Req-1/P-4": func(t *testing.T, w *world) {
			o := w.ask(t, "/attestation/options", w.creationRequest(required))
			if o.Selection["userVerification"] != "required" {
				t.Errorf("authenticatorSelection %v", o.Selection)
			}
		},
		"Get-Req-1/P-1": requestOptionsHold,
		"Get-Req-1/P-2": func(t *testing.T, w *world) {
			u := w.enrolled(t, full)
			if a, b := u.options(t, "preferred"), u.options(t, "preferred"); a.Challenge == b.Challenge {
				t.Error("the challenge comes again")
			}
		},
	}
}

func creationOptionsHold(t *testing.T, w *world) {
	request := w.creationRequest(nil)
	o := w.ask(t, "/attestation/options", request)
	handle, challenge := unb64(t, o.User.ID), unb64(t, o.Challenge)
	switch {
	case o.RP.ID != site, o.RP.Name != "Example", o.RP.Icon != nil, o.User.Icon != nil:
		t.Errorf("rp %+v, user %+v", o.RP, o.User)
	case len(handle) == 0, len(handle) > 64, o.User.Name != request["username"], o.User.DisplayName != request["displayName"]:
		t.Errorf("user %+v", o.User)
	case len(challenge) < 16, len(challenge) > 64, o.Timeout <= 0, o.Exclude == nil, len(o.Exclude) > 0, o.Attestation != "direct":
		t.Errorf("options %+v", o)
	case !reflect.DeepEqual(o.Extensions, probe), !reflect.DeepEqual(o.Selection, request["authenticatorSelection"]):
		t.Errorf("extensions %v, selection %v", o.Extensions, o.Selection)
	}
	var offered []int64
	for _, p := range o.Params {
		if p.Type != "public-key" {
			t.Errorf("parameter of type %q", p.Type)
		}
		offered = append(offered, p.Alg)
	}
	for _, alg := range []int64{-7, -8, -35, -36, -37, -38, -39, -257, -258, -259, -65535} {
		if !slices.Contains(offered, alg) {
			t.Errorf("algorithm %d is not offered", alg)
		}
	}
}

func requestOptionsHold(t *testing.T, w *world) {
	u := w.enrolled(t, full)
	for _, asked := range []string{"required", "preferred", "discouraged"} {
		o := u.options(t, asked)
		switch {
		case len(unb64(t, o.Challenge)) < 16, o.Timeout <= 0, o.RPID != site, o.Verification != asked:
			t.Errorf("options %+v", o)
		case len(o.Allow) != 1, o.Allow[0].Type != "public-key", o.Allow[0].ID != u.id:
			t.Errorf("allowCredentials %+v", o.Allow)
		case !reflect.DeepEqual(o.Extensions, probe):
			t.Errorf("extensions %v", o.Extensions)
		}
	}
	o := w.ask(t, "/assertion/options", map[string]any{"username": u.name})
	if o.Verification != "preferred" || o.Extensions != nil {
		t.Errorf("asked for nothing: %+v", o)
	}
}

// TestRequestRefusals: what is asked for and cannot be is refused by its member.
func TestRequestRefusals(t *testing.T) {
	w := newWorld(t)
	creation := func(name string, value any) map[string]any { return w.creationRequest(map[string]any{name: value}) }
	selection := func(name string, value any) map[string]any {
		return creation("authenticatorSelection", map[string]any{name: value})
	}
	for _, tt := range []struct {
		name, path string
		body       any
		want       string
	}{
		{"no JSON", "/attestation/options", "{", "request.malformed"},
		{"a list", "/attestation/options", "[]", "request.malformed"},
		{"a member twice", "/assertion/options", `{"username":"a","username":"b"}`, "request.malformed"},
		{"no username", "/attestation/options", creation("username", nil), "request.field_missing"},
		{"a username that is a number", "/attestation/options", creation("username", 7), "request.field_type"},
		{"an empty username", "/attestation/options", creation("username", ""), "request.field_value"},
		{"a username of control characters", "/attestation/options", creation("username", "a\nb"), "request.field_value"},
		{"no displayName", "/attestation/options", creation("displayName", nil), "request.field_missing"},
		{"displayName that is a list", "/attestation/options", creation("displayName", []any{}), "request.field_type"},
		{"attestation nobody knows", "/attestation/options", creation("attestation", "some"), "request.field_value"},
		{"selection that is text", "/attestation/options", creation("authenticatorSelection", "any"), "request.field_type"},
		{"attachment nobody knows", "/attestation/options", selection("authenticatorAttachment", "glued"), "request.field_value"},
		{"resident key nobody knows", "/attestation/options", selection("residentKey", "yes"), "request.field_value"},
		{"requireResidentKey that is text", "/attestation/options", selection("requireResidentKey", "true"), "request.field_type"},
		{"verification nobody knows", "/attestation/options", selection("userVerification", "yes"), "request.field_value"},
		{"extensions that are a list", "/attestation/options", creation("extensions", []any{}), "request.field_type"},
		{"an extension no client takes", "/attestation/options", creation("extensions", map[string]any{"credProps": "yes"}), "request.field_value"},
		{"sign-in without username", "/assertion/options", map[string]any{}, "request.field_missing"},
		{"sign-in, verification nobody knows", "/assertion/options", map[string]any{"username": "a", "userVerification": "yes"}, "request.field_value"},
		{"sign-in, extensions that are text", "/assertion/options", map[string]any{"username": "a", "extensions": "x"}, "request.field_type"},
		{"sign-in, an AppID", "/assertion/options", map[string]any{"username": "a", "extensions": map[string]any{"appid": "https://fido.example.net"}}, "request.field_value"},
	} {
		t.Run(tt.name, func(t *testing.T) { want(t, w.post(t, tt.path, tt.body), tt.want) })
	}
	if o := w.ask(t, "/assertion/options", map[string]any{"username": "nobody"}); len(o.Allow) == 0 {
		t.Error("a name that is nobody's is told from others")
	}
}
